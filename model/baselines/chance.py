"""Guesses, which everything else must beat: uniform, in train's shares, and train's most frequent label."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from model.baselines.sizes import Sizes
from model.batch import Batch, ModelOutput

NEARLY_EVEN = 1e-3  # a guess is drawn, but claims no confidence


class Guess(nn.Module):
    """Draws each label from `shares` [C], by a generator of its own.

    The same pairs in the same order, the same guesses, which hang on the seed of the training. Untrained, the shares
    are even.
    """

    shares: Tensor
    seed: Tensor

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.register_buffer("shares", torch.ones(sizes.labels) / sizes.labels)
        self.register_buffer("seed", torch.randint(1 << 31, ()))  # with the weights, for whoever loads them
        self._draw: torch.Generator | None = None

    def fit(self, batches: Iterable[Batch], class_weights: Tensor | None) -> None:
        """Nothing is learned."""

    def forward(self, batch: Batch) -> ModelOutput:
        """Return what the network says of a batch of B pairs: logits [B, C], and the streams where it has them."""
        if self._draw is None:
            self._draw = torch.Generator().manual_seed(int(self.seed))
        drawn = torch.multinomial(self.shares.cpu(), len(batch.lengths), replacement=True, generator=self._draw)
        guesses = nn.functional.one_hot(drawn, len(self.shares)).float()
        return ModelOutput(NEARLY_EVEN * guesses.to(self.shares.device))


class StratifiedGuess(Guess):
    """Draws each label as often as it is in train."""

    def fit(self, batches: Iterable[Batch], class_weights: Tensor | None) -> None:
        """Count the labels; `class_weights` would undo just that and are left aside."""
        self.shares.copy_(shares_of(batches, len(self.shares)))


class Majority(StratifiedGuess):
    """Says of every pair how frequent each label is in train: the most frequent is the prediction."""

    def forward(self, batch: Batch) -> ModelOutput:
        """Return what the network says of a batch of B pairs: logits [B, C], and the streams where it has them."""
        return ModelOutput(self.shares.clamp(min=1e-6).log().expand(len(batch.lengths), -1))


def shares_of(batches: Iterable[Batch], labels: int) -> Tensor:
    """[C]: the share of each label."""
    counts = torch.zeros(labels)
    for batch in batches:
        assert batch.labels is not None
        counts += torch.bincount(batch.labels.cpu(), minlength=labels)
    return counts / counts.sum().clamp(min=1)
