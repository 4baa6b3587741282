"""What goes into a network and what comes out of it: the two shapes that all networks of this folder share."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """B pairs as features, padded to the K regions and n words of the largest of them.

    Shapes: `regions` [B, K, d_r] and `region_mask` [B, K] (True where a region is; sorted by score, padding last),
    `words` [B, n, d_w] and `lengths` [B] (words of each text, 0 for an empty one), `profile` [B, P] (the frozen
    similarity profile, where the encoders share a space), `labels` [B] (ids, where known). K and n may be 0.
    """

    regions: Tensor
    region_mask: Tensor
    words: Tensor
    lengths: Tensor
    profile: Tensor | None = None
    labels: Tensor | None = None

    @property
    def word_mask(self) -> Tensor:
        """[B, n], True where a word is."""
        return torch.arange(self.words.shape[1], device=self.words.device)[None, :] < self.lengths[:, None]


@dataclass(frozen=True)
class ModelOutput:
    """What a network says of B pairs and C labels.

    `logits` [B, C]; of networks with two streams also `association` and `alignment` [B, C], each stream's own logits,
    `word_to_region` [B, n, K] (how each word attends over the regions, rows sum to 1, or to 0 for padding) and
    `region_to_word` [B, K, n]. `penalties`: terms that training adds to the cross-entropy, by name, already weighted.
    """

    logits: Tensor
    association: Tensor | None = None
    alignment: Tensor | None = None
    word_to_region: Tensor | None = None
    region_to_word: Tensor | None = None
    penalties: Mapping[str, Tensor] = field(default_factory=dict)
