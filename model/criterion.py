"""What training minimises: cross-entropy and the network's own penalties (Xu et al., 2021, Eq. 19 and 22).

Of a question that asks for a score, the squared error takes the place of cross-entropy.
"""

from torch import Tensor
from torch.nn.functional import cross_entropy, mse_loss

from model.batch import ModelOutput
from model.masked import at_least_fp32


def loss_terms(verdict: ModelOutput, labels: Tensor, class_weights: Tensor | None = None) -> dict[str, Tensor]:
    """Every term by its name, already weighted; training minimises their sum (Eq. 22).

    `labels` [B] are ids, `class_weights` [C] weigh the labels. Eq. 19 is a sum over pairs; here, as always since, it is
    the mean, so that the penalties weigh the same whatever the size of a batch. Labels of a floating-point type are
    scores: the network's one output is to equal them.

    >>> terms = loss_terms(network(batch), batch.labels)  # doctest: +SKIP
    >>> sum(terms.values()).backward()  # doctest: +SKIP
    """
    if labels.is_floating_point():
        return {"error": mse_loss(at_least_fp32(verdict.logits)[:, 0], labels), **verdict.penalties}
    classification = cross_entropy(at_least_fp32(verdict.logits), labels, class_weights)  # Eq. 19
    return {"classification": classification, **verdict.penalties}
