"""Vote patterns: which answers pairs got, and how many pairs got each. Every agreement statistic is a function of them.

A million pairs have few distinct patterns, so what follows the one count over the pairs costs next to nothing.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from ccd.measures.vote_matrix import VoteMatrix

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.signedinteger[Any]]  # labels or annotators by number, -1 for none

LARGEST_KEY = 2**62  # rows are told apart by one integer; a wider row is renumbered on the way
AT_ONCE = 2**16  # rows that are counted together, so that they stay in the processor's cache
COUNTED = 4  # up to so many possible keys a row, counting them all is faster than sorting those that occur


@dataclass(frozen=True)
class Rows:
    """Distinct rows of judgments: `label` and `worker` [rows, slots] as in Coded, `pairs` [rows] that have each."""

    label: Codes
    worker: Codes
    pairs: Ints


@dataclass(frozen=True)
class Patterns:
    """The pattern table, in an order of its own, whatever the order of pairs and annotators.

    `counts` [patterns, labels] of votes in a pair, `pairs` [patterns] that have each. `own` [patterns] is how many of
    the n² comparisons within a pair set a vote against itself or its copy, which is no comparison: n of them, but more
    where a bootstrap has drawn an annotator twice.
    """

    counts: Floats
    own: Floats
    pairs: Ints

    @property
    def votes(self) -> Floats:
        """Return the votes of a pair, n [patterns]."""
        votes: Floats = self.counts.sum(axis=1)
        return votes

    @property
    def comparisons(self) -> Floats:
        """[patterns]: n (n - 1), the ordered pairs of different annotators' votes; 0 where a pair carries nothing."""
        return self.votes**2 - self.own


@dataclass(frozen=True)
class Crossed:
    """What two annotators, by number, said of the pairs they both judged: `pairs` [cells] got `label` [cells, 2]."""

    workers: tuple[int, int]
    label: Codes
    pairs: Ints

    def whole(self) -> "Crossed":
        """Return the table with every cell of the labels that occur, also those without pairs."""
        names = np.unique(self.label)
        cells = np.stack(np.meshgrid(names, names, indexing="ij"), axis=-1).reshape(-1, 2)
        place = np.searchsorted(names, self.label) @ [len(names), 1]
        pairs = np.zeros(len(cells), dtype=self.pairs.dtype)
        pairs[place] = self.pairs
        return Crossed(self.workers, cells, pairs)


def distinct(coded: VoteMatrix) -> Rows:
    """Return the distinct rows of `coded`.

    >>> import pandas as pd
    >>> from ccd.measures.vote_matrix import code
    >>> df = pd.DataFrame({"task": [1, 1, 2, 2], "worker": ["a", "b", "a", "b"], "label": ["x", "x", "x", "x"]})
    >>> distinct(code(df)).pairs.tolist()
    [2]
    """
    slots = coded.label.shape[1]
    sizes = [len(coded.labels)] * slots + [len(coded.workers)] * slots
    kinds, pairs = _group([*coded.label.T, *coded.worker.T], sizes)
    return Rows(kinds[:, :slots], kinds[:, slots:], pairs)


def patterns(rows: Rows, labels: int, drawn: Ints | None = None) -> Patterns:
    """Return the pattern table over so many `labels`; pairs without votes are not in it.

    `drawn` [annotators] is how often a bootstrap has drawn each, once where it is None: a vote counts as often as its
    annotator.

    >>> patterns(Rows(np.array([[0, 0, 1]]), np.array([[0, 1, 2]]), np.array([5])), 2).counts
    array([[2., 1.]])
    """
    given = rows.label >= 0
    times = given.astype(np.int64) if drawn is None else np.where(given, drawn[rows.worker], 0)
    return _table(votes_of(rows.label, times, labels), (times**2).sum(axis=1), rows.pairs)


def left_out(rows: Rows, labels: int, workers: int) -> Iterator[Patterns]:
    """Yield the pattern table without each annotator in turn, by number; one pass over the rows serves them all."""
    voted = rows.label >= 0
    counts = votes_of(rows.label, voted.astype(np.int64), labels)
    kinds, kind = kinds_of(list(counts.T), [int(counts.max(initial=0)) + 2] * labels)
    pairs = _sums(kind, rows.pairs, len(kinds))
    row, slot = np.nonzero(voted)
    votes = [rows.worker[row, slot], kind[row], rows.label[row, slot]]
    given, number = _group(votes, [workers, len(kinds), labels], rows.pairs[row])
    for start, end in pairwise(np.searchsorted(given[:, 0], np.arange(workers + 1))):
        mine, label, theirs = given[start:end, 1], given[start:end, 2], number[start:end]
        less = kinds[mine]
        less[np.arange(len(less)), label] -= 1
        each = np.concatenate([kinds, less])
        others = pairs - _sums(mine, theirs, len(kinds))
        yield _table(each, each.sum(axis=1), np.concatenate([others, theirs]))


def crossed(rows: Rows, labels: int, workers: int) -> Iterator[Crossed]:
    """Yield the contingency table of each two annotators who have pairs in common, in the order of their numbers."""
    found: list[tuple[Codes, Ints]] = []
    for first in range(rows.label.shape[1]):
        for second in range(first + 1, rows.label.shape[1]):
            both = (rows.label[:, first] >= 0) & (rows.label[:, second] >= 0)
            said = np.column_stack([rows.worker[both][:, [first, second]], rows.label[both][:, [first, second]]])
            said = np.where(said[:, :1] < said[:, 1:2], said, said[:, [1, 0, 3, 2]])
            found.append((said, rows.pairs[both]))
    if not found:
        return
    said, pairs = np.concatenate([said for said, _ in found]), np.concatenate([pairs for _, pairs in found])
    cells, number = _group(list(said.T), [workers, workers, labels, labels], pairs)
    starts = np.flatnonzero(np.r_[True, (cells[1:, :2] != cells[:-1, :2]).any(axis=1)][: len(cells)])
    for start, end in zip(starts, np.r_[starts[1:], len(cells)], strict=True):
        yield Crossed((int(cells[start, 0]), int(cells[start, 1])), cells[start:end, 2:], number[start:end])


def _table(counts: Ints, own: Ints, pairs: Ints) -> Patterns:
    """Rows of counts as a table: equal ones put together, those without votes left out."""
    used = (own > 0) & (pairs > 0)
    if not used.any():
        return Patterns(np.zeros((0, counts.shape[1])), np.zeros(0), np.zeros(0, dtype=np.int64))
    columns = [*counts[used].T, own[used]]
    kinds, number = _group(columns, [int(column.max()) + 1 for column in columns], pairs[used])
    return Patterns(kinds[:, :-1].astype(float), kinds[:, -1].astype(float), number)


def votes_of(label: Codes, times: Ints, labels: int) -> Ints:
    """Votes for each label [rows, labels], a vote in a slot counting so many `times`; none in an empty slot."""
    counts = np.zeros((len(label), labels), dtype=np.int64)
    every = np.arange(len(label))
    for slot in range(label.shape[1]):
        counts[every, label[:, slot]] += times[:, slot]
    return counts


def _group(columns: Sequence[Codes], sizes: Sequence[int], pairs: Ints | None = None) -> tuple[Codes, Ints]:
    """Put equal rows of the `columns` [rows] together; their codes are below `sizes`.

    Returns the kinds [kinds, columns] in order, and how many `pairs` each has (a row is one pair where None).
    """
    bases = [size + 1 for size in sizes]
    size, rows = math.prod(bases), len(columns[0]) if columns else 0
    if not rows:
        return np.zeros((0, len(columns)), dtype=np.int64), np.zeros(0, dtype=np.int64)
    if size > COUNTED * rows:
        kinds, place = kinds_of(columns, bases)
        return kinds, _sums(place, pairs, len(kinds))
    number = np.zeros(size, dtype=np.int64)
    step = max(AT_ONCE, size)
    for part in (slice(start, start + step) for start in range(0, rows, step)):
        key = np.zeros(len(columns[0][part]), dtype=np.min_scalar_type(size))
        for column, base in zip(columns, bases, strict=True):
            key *= base
            key += column[part].astype(key.dtype)  # -1 wraps around, and with 1 is 0
            key += 1
        number += _sums(key, None if pairs is None else pairs[part], size)
    found = np.flatnonzero(number)
    return np.column_stack(np.unravel_index(found, bases)) - 1, number[found]


def kinds_of(columns: Sequence[Codes], bases: Sequence[int]) -> tuple[Codes, Ints]:
    """Return the kinds [kinds, columns] in order, and the kind of each row, by sorting, for any number of keys."""
    key: npt.NDArray[Any] = np.zeros(len(columns[0]), dtype=np.int64)
    size = 1
    for column, base in zip(columns, bases, strict=True):
        if size * base > LARGEST_KEY:
            known, key = np.unique(key, return_inverse=True)
            size = len(known)
        key = key * base + column + 1
        size *= base
    _, example, place = np.unique(key, return_index=True, return_inverse=True)
    return np.column_stack([column[example] for column in columns]), place.reshape(-1)


def _sums(place: npt.NDArray[Any], pairs: Ints | None, size: int) -> Ints:
    """How many pairs lie at each place; exact, as counts are far below 2^53."""
    return np.bincount(place, pairs, minlength=size).astype(np.int64)
