"""AnANet as we recommend it: the paper's two streams with the same meaning, mended where docs/model.md says why.

What differs from `model/paper.py`, each a switch of the config; numbers in brackets are the paper's equations:

- The association net also sees |a - b|, a * b and cos(a, b) of the two invariant features (`interaction`). The printed
  one (8, 18) adds a score of the image and a score of the text and cannot see a relation between them.
- The alignment net has several heads (`heads`), as a region and a word can go together in several ways, and attention
  is over cosines with a learned temperature; dot products of wide features saturate the softmax of (11).
- Its evidence is the best cosines of each side and their mean (`pooled`), not one weight a word slot and region slot
  (17): where in a text a word stands says nothing about whether it fits.
- Where the encoders share a space, cosines in that space are a further head whose adapters start as the identity
  (`shared_space`).
- No orthogonal and no invariant loss: the first is met by matrices that vanish, the second pulls pairs together that
  have nothing in common.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity, normalize, pad

from ccd.errors import InputError
from model.batch import Batch, ModelOutput
from model.masked import PackedBiGRU, at_least_fp32, masked_mean, masked_softmax

BEST = 3  # cosines of each side that count one by one
FROZEN_TEMPERATURE = 10.0  # of the attention in a shared space


@dataclass(frozen=True)
class AnANetConfig:
    """Sizes, and a switch for each change that an ablation can turn off (the module's docstring names them).

    `regions` and `words` are slots, as in the paper, and count only where `pooled` is off. `shared_space` asks for
    regions and words of one width.
    """

    region_width: int
    word_width: int
    labels: int = 3
    regions: int = 36
    words: int = 100
    width: int = 256
    subspace: int = 128
    heads: int = 4
    dropout: float = 0.2
    association: bool = True
    alignment: bool = True
    interaction: bool = True
    pooled: bool = True
    shared_space: bool = False

    def __post_init__(self) -> None:
        if not self.association and not self.alignment:
            raise InputError("association and alignment are both off; leave one on")
        if self.width % (2 * self.heads):
            raise InputError(f"width {self.width} with heads {self.heads}; write a width that 2 x heads divides")
        if self.shared_space and self.region_width != self.word_width:
            raise InputError(
                f"shared_space with regions of {self.region_width} and words of {self.word_width} numbers; "
                "turn it off, or name encoders of one space"
            )

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "AnANetConfig":
        """Return what `dataclasses.asdict` made of a config, also after a way through JSON."""
        return cls(**values)


class AnANet(nn.Module):
    """The network. B pairs, K regions, n words, d the width, C labels.

    >>> network = AnANet(AnANetConfig(region_width=1024, word_width=968))
    >>> network(batch).logits.softmax(-1)  # [B, C]  # doctest: +SKIP
    """

    def __init__(self, config: AnANetConfig) -> None:
        super().__init__()
        self.config = config
        self.level_regions = nn.LayerNorm(config.region_width)  # encoders differ in scale by a hundred
        self.level_words = nn.LayerNorm(config.word_width)
        self.encode_regions = nn.Linear(config.region_width, config.width)
        self.encode_words = PackedBiGRU(config.word_width, config.width)
        self.dropout = nn.Dropout(config.dropout)
        if config.association:
            self.association = AssociationNet(config)
        if config.alignment:
            self.alignment = AlignmentNet(config)

    def forward(self, batch: Batch) -> ModelOutput:
        """`association` and `alignment` are each stream's logits; `logits` is their sum.

        Attention maps are the mean of the heads', that of the shared space among them.
        """
        v = self.encode_regions(self.dropout(self.level_regions(batch.regions)))  # V [B, K, d]  (1)
        t = self.encode_words(self.dropout(self.level_words(batch.words)), batch.lengths)  # T [B, n, d]  (4)
        association = alignment = word_to_region = region_to_word = None
        if self.config.association:
            association = self.association(masked_mean(v, batch.region_mask), masked_mean(t, batch.word_mask))
        if self.config.alignment:
            alignment, region_to_word, word_to_region = self.alignment(v, t, batch)
        streams = [logits for logits in (association, alignment) if logits is not None]
        return ModelOutput(torch.stack(streams).sum(0), association, alignment, word_to_region, region_to_word)

    def norms(self) -> dict[str, float]:
        """Frobenius norm of W, to log."""
        return {"W": self.association.common.weight.detach().norm().item()} if self.config.association else {}


class AssociationNet(nn.Module):
    """What image and text have in common as wholes: a shared projection of their mean features, and its comparison."""

    def __init__(self, config: AnANetConfig) -> None:
        super().__init__()
        self.interaction = config.interaction
        self.common = nn.Linear(config.width, config.subspace, bias=False)  # W
        width = 4 * config.subspace + 1 if config.interaction else 2 * config.subspace
        self.classify = nn.Sequential(nn.Dropout(config.dropout), nn.Linear(width, config.labels))

    def forward(self, image: Tensor, text: Tensor) -> Tensor:
        """f^image, f^text [B, d] → logits [B, C]."""
        a, b = self.common(image), self.common(text)  # f_inv [B, d_inv]  (5)
        parts = [a, b]  # (8)
        if self.interaction:
            cosine = cosine_similarity(at_least_fp32(a), at_least_fp32(b), -1)
            parts += [(a - b).abs(), a * b, cosine[:, None].to(a.dtype)]
        logits: Tensor = self.classify(torch.cat(parts, -1))
        return logits


class AlignmentNet(nn.Module):
    """Which region goes with which word, in several ways, and how well each item's partner fits it."""

    def __init__(self, config: AnANetConfig) -> None:
        super().__init__()
        self.config = config
        self.heads_of_regions = nn.Linear(config.width, config.width)
        self.heads_of_words = nn.Linear(config.width, config.width)
        self.log_temperature = nn.Parameter(torch.full((config.heads, 1, 1), math.log(FROZEN_TEMPERATURE)))
        if config.shared_space:
            self.adapt_regions = nn.Linear(config.region_width, config.region_width, bias=False)
            self.adapt_words = nn.Linear(config.word_width, config.word_width, bias=False)
            nn.init.eye_(self.adapt_regions.weight)
            nn.init.eye_(self.adapt_words.weight)
        a_head = 2 * (BEST + 1) if config.pooled else config.regions + config.words
        width = (config.heads + config.shared_space) * a_head
        self.classify = nn.Sequential(
            nn.Linear(width, 64), nn.GELU(), nn.Dropout(config.dropout), nn.Linear(64, config.labels)
        )

    def forward(self, v: Tensor, t: Tensor, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """V [B, K, d], T [B, n, d] → logits [B, C], A_t2v [B, K, n] and A_v2t [B, n, K], means over the heads."""
        heads = self.config.heads
        both = (batch.region_mask[:, :, None] & batch.word_mask[:, None, :])[:, None]  # [B, 1, K, n]
        v_heads = self.heads_of_regions(v).unflatten(-1, (heads, -1)).transpose(1, 2)  # [B, H, K, d/H]
        t_heads = self.heads_of_words(t).unflatten(-1, (heads, -1)).transpose(1, 2)
        compared = [self.compare(v_heads, t_heads, both, self.log_temperature.exp())]
        if self.config.shared_space:
            adapted = self.adapt_regions(batch.regions)[:, None], self.adapt_words(batch.words)[:, None]
            compared.append(self.compare(*adapted, both, self.log_temperature.new_tensor(FROZEN_TEMPERATURE)))
        evidence, a_t2v, a_v2t = zip(*compared, strict=True)
        r_l = torch.cat(evidence, -1).to(v.dtype)  # (17)
        return self.classify(r_l), torch.cat(a_t2v, 1).mean(1), torch.cat(a_v2t, 1).mean(1)

    def compare(self, v: Tensor, t: Tensor, both: Tensor, temperature: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the evidence [B, H * e], A_t2v [B, H, K, n] and A_v2t [B, H, n, K].

        H heads of regions `v` [B, H, K, w] and words `t` [B, H, n, w]; `both` [B, 1, K, n] where both are there.
        """
        v, t = normalize(at_least_fp32(v), dim=-1, eps=1e-6), normalize(at_least_fp32(t), dim=-1, eps=1e-6)
        s = temperature * (v @ t.mT)  # [B, H, K, n]  (12)
        a_t2v = masked_softmax(s, both)  # (9, 11)
        a_v2t = masked_softmax(s.mT, both.mT)  # (10, 11)
        v_bar = cosine_similarity(v, a_t2v.to(v.dtype) @ t, -1)  # [B, H, K]  (13, 15)
        t_bar = cosine_similarity(t, a_v2t.to(t.dtype) @ v, -1)  # [B, H, n]  (14, 16)
        sides = (t_bar, both.any(2), self.config.words), (v_bar, both.any(3), self.config.regions)
        summary = pooled if self.config.pooled else slots
        evidence = torch.cat([summary(side, there, size) for side, there, size in sides], -1)
        return evidence.flatten(1), a_t2v, a_v2t


def pooled(cosines: Tensor, there: Tensor, _slots: int) -> Tensor:
    """[B, H, L] → [B, H, 4]: the three highest of what is there, 0 where there are fewer, and the mean."""
    lowest = -2.0  # below any cosine
    known = cosines.masked_fill(~there, lowest)
    best = pad(known, (0, BEST), value=lowest).topk(BEST).values
    mean = cosines.masked_fill(~there, 0).sum(-1) / there.sum(-1).clamp(min=1)
    return torch.cat([best.masked_fill(best == lowest, 0), mean[..., None]], -1)


def slots(cosines: Tensor, there: Tensor, slots: int) -> Tensor:
    """[B, H, L] → [B, H, slots]: each cosine in its own slot, as in the paper; 0 at padding, cut off beyond."""
    known = cosines.masked_fill(~there, 0)[..., :slots]
    return pad(known, (0, slots - known.shape[-1]))
