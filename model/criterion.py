"""What training minimises: cross-entropy and the network's own penalties (Xu et al., 2021, Eq. 19 and 22)."""

from torch import Tensor
from torch.nn.functional import cross_entropy

from model.batch import Verdict
from model.masked import at_least_fp32


def loss_terms(verdict: Verdict, labels: Tensor, class_weights: Tensor | None = None) -> dict[str, Tensor]:
    """Every term by its name, already weighted; training minimises their sum (Eq. 22).

    `labels` [B] are ids, `class_weights` [C] weigh the labels. Eq. 19 is a sum over pairs; here, as always since, it is
    the mean, so that the penalties weigh the same whatever the size of a batch.

    >>> terms = loss_terms(network(batch), batch.labels)  # {"classification": …, "invariant": …, "orthogonal": …}
    >>> sum(terms.values()).backward()
    """
    classification = cross_entropy(at_least_fp32(verdict.logits), labels, class_weights)  # Eq. 19
    return {"classification": classification, **verdict.penalties}
