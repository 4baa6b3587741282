"""What every encoder gives and has: `Regions` of an image, `Words` of a text, and the two protocols behind them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

MOST_REGIONS = 36  # of one image, as the paper has them
MOST_WORDS = 100  # of one text, as the paper has them; what is beyond is cut off

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Regions:
    """K regions of one image, the best first; K may be 0 and is at most MOST_REGIONS.

    `features` [K, d_r]; `boxes` [K, 4] as left, top, right, bottom in shares of the width and the height;
    `scores` [K], falling. What a score means is the encoder's own: only its order counts.
    """

    features: Floats
    boxes: Floats
    scores: Floats


@dataclass(frozen=True)
class Words:
    """n words of one text, at most MOST_WORDS: `tokens` and their `features` [n, d_w]."""

    tokens: tuple[str, ...]
    features: Floats


class RegionEncoder(Protocol):
    """Images to regions, in two steps, so that files are read in threads while the network runs.

    `fingerprint` says all that the features depend on; another fingerprint is another cache. `space` is equal to the
    `space` of a word encoder where regions and words can be compared by their cosine, else None.
    """

    @property
    def fingerprint(self) -> Mapping[str, Any]: ...
    @property
    def width(self) -> int: ...
    @property
    def space(self) -> str | None: ...

    def prepare(self, photo: Path) -> Any:
        """Return what `encode` needs of one image file. May be called in several threads at once.

        Raises UnreadableImage where there is no such image.
        """

    def encode(self, prepared: Sequence[Any]) -> list[Regions]:
        """Return the regions of each prepared image of a batch."""


class WordEncoder(Protocol):
    """Texts, as `ccd` stores them for models (@USER and HTTPURL for users and links), to words."""

    @property
    def fingerprint(self) -> Mapping[str, Any]: ...
    @property
    def width(self) -> int: ...
    @property
    def space(self) -> str | None: ...

    def encode(self, texts: Sequence[str]) -> list[Words]:
        """Return the words of each text, as `tokens.tokenize` cuts them."""


def best_first(features: Floats, boxes: Floats, scores: Floats) -> Regions:
    """Return the MOST_REGIONS regions with the highest scores, sorted; equal scores keep their order.

    >>> import numpy as np
    >>> best_first(np.eye(2, dtype=np.float32), np.zeros((2, 4), np.float32), np.array([0.1, 0.9], np.float32)).scores
    array([0.9, 0.1], dtype=float32)
    """
    order = np.argsort(-scores, kind="stable")[:MOST_REGIONS]
    single = [np.ascontiguousarray(part[order], dtype=np.float32) for part in (features, boxes, scores)]
    return Regions(*single)
