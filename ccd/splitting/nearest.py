"""The nearest pairs across splits: what a person should look at before believing that nothing leaks."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ccd.splitting.leakage import as_bits, filled
from ccd.splitting.near_duplicates import comparable, shingles

COMPARISONS = 50_000_000  # of two pairs, at most: 12,252 pairs are all looked at, of a million dev and test pairs 50
_CHUNK = 2_000  # pairs compared with the held-out ones at once

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Neighbour:
    """A pair of dev or test and the nearest to it in another split.

    `likeness` is 1 for the same and 0 for nothing in common: the share of equal bits of two picture hashes (`kind`
    "image"; unrelated photos have 0.51 on average, see docs/duplicates.md), the Jaccard
    similarity of two texts ("text").
    """

    kind: str
    pair: str
    split: str
    other: str
    other_split: str
    likeness: float


def nearest(frame: pd.DataFrame, split: "pd.Series[str]", seed: int, most: int = 5) -> tuple[list[Neighbour], int]:
    """Return the `most` nearest pairs across splits by picture and by text, nearest first; and how many were looked at.

    `frame` has pair_id, phash, text. Each pair of dev and test is compared with all pairs of other splits; where that
    is more than COMPARISONS, a draw of them. Flat pictures and short texts are not compared.
    """
    held_out = np.flatnonzero((split != "train").to_numpy())
    number = min(len(held_out), max(1, COMPARISONS // max(len(frame), 1)))
    looked_at = np.sort(np.random.default_rng(seed).permutation(held_out)[:number])
    found = []
    hashes = filled(frame["phash"]).to_numpy(object)
    texts = np.array([comparable(text) for text in filled(frame["text"])], dtype=object)
    for kind, seen, likeness in (("image", hashes, _images), ("text", texts, _texts)):
        found += _best(kind, frame["pair_id"], seen, split, looked_at, likeness(seen, looked_at))[:most]
    return found, len(looked_at)


def _best(
    kind: str,
    pair_id: "pd.Series[str]",
    content: npt.NDArray[np.object_],
    split: "pd.Series[str]",
    looked_at: npt.NDArray[np.int64],
    likeness: Iterator[tuple[int, Floats]],
) -> list[Neighbour]:
    """Return the nearest of each pair looked at, nearest first.

    `likeness` gives a first row and [looked at, rows from it]. Two pictures, or two texts, are told once, however many
    pairs have them.
    """
    names = split.to_numpy(str)
    best = np.zeros(len(looked_at))
    other = np.zeros_like(looked_at)
    for first, block in likeness:
        block[names[looked_at][:, None] == names[first : first + block.shape[1]]] = 0
        at = block.argmax(axis=1)
        value = block[np.arange(len(at)), at]
        other, best = np.where(value > best, at + first, other), np.maximum(value, best)
    ids = pair_id.to_numpy(object)
    told: dict[frozenset[str], Neighbour] = {}
    for value, i, j in sorted(zip(best, looked_at, other, strict=True), key=lambda each: (-each[0], each[1])):
        if value > 0:
            both = frozenset((content[i], content[j]))
            told.setdefault(both, Neighbour(kind, ids[i], names[i], ids[j], names[j], round(float(value), 4)))
    return list(told.values())


def _images(hashes: npt.NDArray[np.object_], looked_at: npt.NDArray[np.int64]) -> Iterator[tuple[int, Floats]]:
    known = hashes != ""
    bits = np.zeros((len(hashes), 2), dtype=np.uint64)
    bits[known] = as_bits(hashes[known])
    for first in range(0, len(hashes), _CHUNK):
        some = slice(first, first + _CHUNK)
        differ = np.bitwise_count(bits[looked_at, None] ^ bits[None, some]).sum(axis=2, dtype=np.int64)
        yield first, np.where(known[looked_at, None] & known[some], 1 - differ / 128, 0.0)


def _texts(texts: npt.NDArray[np.object_], looked_at: npt.NDArray[np.int64]) -> Iterator[tuple[int, Floats]]:
    """Exact: the shingles that two texts share are counted by a product of sparse matrices."""
    from scipy.sparse import csr_array

    column: dict[str, int] = {}
    for text in texts[looked_at]:
        for each in sorted(shingles(text)) if text else ():
            column.setdefault(each, len(column))

    def counted(some: npt.NDArray[np.object_]) -> "tuple[csr_array, Floats]":
        """Which known shingles each text has [texts, shingles], and how many any."""
        sets = [shingles(text) if text else set() for text in some]
        places = [[column[each] for each in one if each in column] for one in sets]
        rows = np.repeat(np.arange(len(some)), [len(one) for one in places])
        cells = (np.ones(len(rows), dtype=np.float32), (rows, [each for one in places for each in one]))
        return csr_array(cells, shape=(len(some), len(column))), np.array([len(one) for one in sets], dtype=float)

    mine, sizes = counted(texts[looked_at])
    for first in range(0, len(texts), _CHUNK):
        theirs, their_sizes = counted(texts[first : first + _CHUNK])
        shared = (mine @ theirs.T).toarray().astype(float)
        yield first, shared / np.maximum(sizes[:, None] + their_sizes - shared, 1)
