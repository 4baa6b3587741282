"""Logistic regression on the similarity profile: what frozen encoders of one space know, with nothing trained on top.

It is fitted to the end in a second, not by steps: the loss is convex. It is torch's own L-BFGS, as scikit-learn refuses
pairs of one label and has no weights of a label that no pair has. Where it is as good as a network, the network
has learned nothing from the pairs that the encoders did not know.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ccd.errors import InputError
from model.baselines.sizes import Sizes
from model.batch import Batch, ModelOutput

PENALTY = 1.0  # on squared weights, beside the sum of the pairs' losses
STEPS = 500


class ProfileRegression(nn.Module):
    """Standardised profile [B, P], one linear layer. Raises CcdError where the encoders share no space."""

    mean: Tensor
    scale: Tensor

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        if not sizes.profile_width:
            raise InputError(
                "similarity needs encoders of one space, and these have none; name some in [encoders], such as owl "
                "and tower (docs/encoders.md)"
            )
        self.register_buffer("mean", torch.zeros(sizes.profile_width))
        self.register_buffer("scale", torch.ones(sizes.profile_width))
        self.classify = nn.Linear(sizes.profile_width, sizes.labels)

    def forward(self, batch: Batch) -> ModelOutput:
        """Return what the network says of a batch of B pairs: logits [B, C], and the streams where it has them."""
        assert batch.profile is not None
        return ModelOutput(self.classify((batch.profile - self.mean) / self.scale))

    def fit(self, batches: Iterable[Batch], class_weights: Tensor | None) -> None:
        """Return the one minimum of cross-entropy + PENALTY / 2 * |W|^2."""
        known = [(batch.profile, batch.labels) for batch in batches]
        profiles = torch.cat([profile for profile, _ in known if profile is not None])
        labels = torch.cat([label for _, label in known if label is not None])
        self.mean.copy_(profiles.mean(0))
        self.scale.copy_(profiles.std(0, correction=0).clamp(min=1e-6))
        inputs = ((profiles - self.mean) / self.scale).double()
        weights = None if class_weights is None else class_weights.double()
        layer = nn.Linear(inputs.shape[1], self.classify.out_features).to(inputs)
        optimiser = torch.optim.LBFGS(layer.parameters(), max_iter=STEPS, line_search_fn="strong_wolfe")

        def loss() -> Tensor:
            optimiser.zero_grad()
            fits = cross_entropy(layer(inputs), labels, weights, reduction="sum")
            total = (fits + PENALTY / 2 * layer.weight.square().sum()) / len(labels)
            total.backward()  # type: ignore[no-untyped-call]
            return total

        optimiser.step(loss)  # type: ignore[no-untyped-call]
        self.classify.load_state_dict(layer.state_dict())
