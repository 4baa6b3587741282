"""AnANet as printed: the association net and the alignment net, equation by equation.

Xu, N., Wang, J., Tian, Y., Zhang, R., & Mao, W. (2021). AnANet: Modeling Association and Alignment for
Cross-modal Correlation Classification. arXiv 2109.00693. Numbers in brackets are its equations. Where the paper leaves
a choice, docs/model.md says what was chosen and why. `model/ananet.py` is the network to use; this one is what to
compare with.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity, pad

from ccd.errors import InputError
from model.batch import Batch, ModelOutput
from model.masked import TINY, PackedBiGRU, at_least_fp32, masked_mean, masked_softmax, norm

Feature = Literal["inv", "var", "raw"]
SoftmaxOver = Literal["attended", "first"]
Orthogonal = Literal["WtP", "WPt"]


@dataclass(frozen=True)
class StreamWeights:
    """What each stream's logits count for (lambda and eta of Eq. 18)."""

    association: float = 0.7
    alignment: float = 1.3


@dataclass(frozen=True)
class LossWeights:
    """What each penalty counts for (alpha and beta of Eq. 22; section VI.B prints them as lambda and eta)."""

    invariant: float = 0.1
    orthogonal: float = 2.0


@dataclass(frozen=True)
class PaperConfig:
    """The paper's sizes and settings, and a switch for every row of Tables IV, V and VI.

    `regions` and `words` are the slots of the alignment net's classifier: further regions and words are cut off.
    `association`, `alignment`: the streams; with neither, mean features are concatenated (Table IV, rows 7 and 8). The
    rows without BERT are a matter of the word encoder. `association_features`: what is classified, of `inv` (W f),
    `var` (P f) and `raw` (f), in Table VI. `softmax_over`: `attended` (attention of an item sums to 1, as the prose
    says) or `first` (Eq. 11 to the letter: over the first index of s_ij). `orthogonal`: `WtP` (Eq. 21 to the letter:
    output spaces apart) or `WPt` (input spaces apart, the usual form of the constraint).
    """

    region_width: int
    word_width: int
    labels: int = 3
    regions: int = 36
    words: int = 100
    width: int = 1024
    subspace: int = 200
    association: bool = True
    alignment: bool = True
    association_features: tuple[Feature, ...] = ("inv",)
    softmax_over: SoftmaxOver = "attended"
    orthogonal: Orthogonal = "WtP"
    stream_weights: StreamWeights = field(default_factory=StreamWeights)
    loss: LossWeights = field(default_factory=LossWeights)

    def __post_init__(self) -> None:
        features = self.association_features
        if not features or len({*features}) < len(features) or not {*features} <= {*get_args(Feature)}:
            raise InputError(f"association_features is {list(features)}; name some of inv, var, raw, each once")
        if self.softmax_over not in get_args(SoftmaxOver):
            raise InputError(f"softmax_over is {self.softmax_over!r}; write attended or first")
        if self.orthogonal not in get_args(Orthogonal):
            raise InputError(f"orthogonal is {self.orthogonal!r}; write WtP or WPt")

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "PaperConfig":
        """Return what `dataclasses.asdict` made of a config, also after a way through JSON."""
        return cls(
            **{
                **values,
                "association_features": tuple(values["association_features"]),
                "stream_weights": StreamWeights(**values["stream_weights"]),
                "loss": LossWeights(**values["loss"]),
            }
        )


class Paper(nn.Module):
    """The network. B pairs, K regions, n words, d the width, C labels.

    >>> network = Paper(PaperConfig(region_width=1024, word_width=968))
    >>> network(batch).logits.softmax(-1)  # [B, C]  # doctest: +SKIP
    """

    def __init__(self, config: PaperConfig) -> None:
        super().__init__()
        self.config = config
        self.encode_regions = nn.Linear(config.region_width, config.width)  # w_v, b_v
        self.encode_words = PackedBiGRU(config.word_width, config.width)
        if config.association:
            self.association = AssociationNet(config)
        if config.alignment:
            self.alignment = AlignmentNet(config)
        if not config.association and not config.alignment:
            self.concatenation = nn.Linear(2 * config.width, config.labels)

    def forward(self, batch: Batch) -> ModelOutput:
        """`association` and `alignment` are each stream's logits before their weights.

        With both streams off there are only `logits`. With `softmax_over="first"` the attention maps' columns sum to 1,
        not their rows.
        """
        config = self.config
        k, n = batch.regions.shape[1], batch.words.shape[1]
        regions, region_mask = batch.regions[:, : config.regions], batch.region_mask[:, : config.regions]
        words, word_mask = batch.words[:, : config.words], batch.word_mask[:, : config.words]

        v = self.encode_regions(regions).relu()  # V [B, K, d]  (1)
        t = self.encode_words(words, batch.lengths.clamp(max=config.words))  # T [B, n, d]  (2)-(4)
        f = {"image": masked_mean(v, region_mask), "text": masked_mean(t, word_mask)}  # f* [B, d]

        if not config.association and not config.alignment:
            return ModelOutput(self.concatenation(torch.cat([f["image"], f["text"]], -1)))
        logits = v.new_zeros(len(v), config.labels)
        association = alignment = word_to_region = region_to_word = None
        penalties = {}
        if config.association:
            association, penalties = self.association(f["image"], f["text"])
            logits = logits + config.stream_weights.association * association  # (18)
        if config.alignment:
            alignment, a_t2v, a_v2t = self.alignment(v, t, region_mask, word_mask)
            logits = logits + config.stream_weights.alignment * alignment  # (18)
            cut = (k - regions.shape[1], n - words.shape[1])  # what was cut off attends to nothing
            region_to_word = pad(a_t2v, (0, cut[1], 0, cut[0]))
            word_to_region = pad(a_v2t, (0, cut[0], 0, cut[1]))
        return ModelOutput(logits, association, alignment, word_to_region, region_to_word, penalties)

    def norms(self) -> dict[str, float]:
        """Frobenius norms of W and P*, to log: the orthogonal loss is also met by matrices that vanish."""
        if not self.config.association:
            return {}
        net = self.association
        matrices = {"W": net.common, "P_image": net.unique_image, "P_text": net.unique_text}
        return {name: layer.weight.detach().norm().item() for name, layer in matrices.items()}


class AssociationNet(nn.Module):
    """What image and text have in common as wholes: one shared and two own projections of their mean features."""

    def __init__(self, config: PaperConfig) -> None:
        super().__init__()
        self.config = config
        self.common = nn.Linear(config.width, config.subspace, bias=False)  # W [d_inv, d]
        self.unique_image = nn.Linear(config.width, config.subspace, bias=False)  # P^image [d_var, d], d_var = d_inv
        self.unique_text = nn.Linear(config.width, config.subspace, bias=False)  # P^text
        widths = {"inv": config.subspace, "var": config.subspace, "raw": config.width}
        self.classify = nn.Linear(2 * sum(widths[name] for name in config.association_features), config.labels)

    def forward(self, image: Tensor, text: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """f^image, f^text [B, d] → logits [B, C] and the penalties."""
        features = {
            "inv": (self.common(image), self.common(text)),  # (5)
            "var": (self.unique_image(image), self.unique_text(text)),  # (6)
            "raw": (image, text),
        }
        chosen = [part for name in self.config.association_features for part in features[name]]
        r_g = torch.cat(chosen, -1)  # (8)
        invariant = norm(features["inv"][0] - features["inv"][1]).mean()  # L_i  (20)
        penalties = {
            "invariant": self.config.loss.invariant * invariant,
            "orthogonal": self.config.loss.orthogonal * self.orthogonality(),
        }
        return self.classify(r_g), penalties  # w_g r_g + b_g of (18)

    def orthogonality(self) -> Tensor:
        """L_o, the sum of ||W^T P*||_F (7, 21), or of ||W P*^T||_F.

        ||W^T P||_F^2 = tr(W^T P P^T W) = tr((W W^T)(P P^T)): no d x d matrix is needed. In fp32 also under autocast, as
        large terms of both signs make a small sum.
        """
        with torch.autocast(self.common.weight.device.type, enabled=False):
            w = at_least_fp32(self.common.weight)
            terms = []
            for layer in (self.unique_image, self.unique_text):
                p = at_least_fp32(layer.weight)
                gram = (w @ w.T) * (p @ p.T) if self.config.orthogonal == "WtP" else (w @ p.T).square()
                terms.append((gram.sum().clamp(min=0) + TINY).sqrt())
            return terms[0] + terms[1]


class AlignmentNet(nn.Module):
    """Which region goes with which word: attention both ways, and how well each item's partner fits it."""

    def __init__(self, config: PaperConfig) -> None:
        super().__init__()
        self.config = config
        self.classify = nn.Linear(config.words + config.regions, config.labels)

    def forward(self, v: Tensor, t: Tensor, region_mask: Tensor, word_mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """V [B, K, d], T [B, n, d] → logits [B, C], A_t2v [B, K, n] and A_v2t [B, n, K]."""
        both = region_mask[:, :, None] & word_mask[:, None, :]  # [B, K, n]
        s = v @ t.mT  # s_ij [B, K, n]  (12)
        over = -1 if self.config.softmax_over == "attended" else 1
        a_t2v = masked_softmax(s, both, over)  # Att(V, T) [B, K, n]  (9, 11)
        a_v2t = masked_softmax(s.mT, both.mT, over)  # Att(T, V) [B, n, K]  (10, 11)
        v_hat = a_t2v.to(t.dtype) @ t  # [B, K, d]  (13)
        t_hat = a_v2t.to(v.dtype) @ v  # [B, n, d]  (14)
        v_bar = cosine_similarity(at_least_fp32(v), at_least_fp32(v_hat), -1)  # [B, K]  (15)
        t_bar = cosine_similarity(at_least_fp32(t), at_least_fp32(t_hat), -1)  # [B, n]  (16)
        v_bar = v_bar.masked_fill(~both.any(2), 0)  # 0 where an item, or all it could attend to, is padding
        t_bar = t_bar.masked_fill(~both.any(1), 0)
        slots = (self.config.words - t_bar.shape[1], self.config.regions - v_bar.shape[1])
        r_l = torch.cat([pad(t_bar, (0, slots[0])), pad(v_bar, (0, slots[1]))], -1)  # [B, N + K]  (17)
        return self.classify(r_l.to(self.classify.weight.dtype)), a_t2v, a_v2t  # w_l r_l + b_l of (18)
