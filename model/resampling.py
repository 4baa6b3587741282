"""Resamples of groups of pairs that belong together, and the 95 % intervals from them.

Pairs of one photo, author or caption are not independent, so an interval that draws pairs is too narrow: whole leakage
groups are drawn, with replacement. Everything that is measured here is a function of sums over pairs, so a group is a
row of sums, and equal rows are drawn together.

Davison, A. C., & Hinkley, D. V. (1997). Bootstrap methods and their application. Section 3.8, strategy 1.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ccd.measures.bootstrap import interval

RESAMPLES = 10_000
DRAWN_AT_ONCE = 4_000_000  # cells of one block of draws
ONE_GROUP = "all pairs are of one leakage group"
UNSTEADY = "more than 5 % of the resamples have no pair of a label"

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Interval:
    """A value and its 95 % interval.

    `value` is None where it is undefined, `low` and `high` where there is no interval; `reason` says why.
    """

    value: float | None
    low: float | None
    high: float | None
    reason: str | None = None


def numbered(groups: Sequence[str] | None, pairs: int) -> Ids:
    """Return the number of each pair's group, from 0; without groups every pair is one.

    >>> numbered(["b", "a", "b"], 3).tolist()
    [1, 0, 1]
    """
    if groups is None:
        return np.arange(pairs)
    return np.asarray(np.unique(np.asarray(groups), return_inverse=True)[1], np.int64)


def cells_of(groups: Ids, cells: Ids, size: int) -> Floats:
    """[G, size]: how many pairs of each group (numbers [N]) are in each cell (numbers [N] below `size`)."""
    number = int(groups.max(initial=-1)) + 1
    return np.bincount(groups * size + cells, minlength=number * size).reshape(number, size).astype(np.float64)


def resampled(sums: Floats, seed: int, resamples: int = RESAMPLES) -> Floats:
    """[G, K] sums of groups → [resamples, K]: the totals of as many groups, drawn with replacement.

    >>> resampled(np.array([[1.0, 0.0], [1.0, 0.0]]), seed=0, resamples=2).tolist()
    [[2.0, 0.0], [2.0, 0.0]]
    """
    rows, number = np.unique(sums, axis=0, return_counts=True)
    draw, size = np.random.default_rng(seed), len(sums)
    few = 8 * len(rows) < size  # then a multinomial draw is quicker than one of each group
    block = max(1, DRAWN_AT_ONCE // (len(rows) if few else size))
    drawn = []
    for start in range(0, resamples, block):
        many = min(block, resamples - start)
        if few:
            times = draw.multinomial(size, number / size, many)
        else:
            chosen = draw.integers(0, size, (many, size)) + size * np.arange(many)[:, None]
            times, rows = np.bincount(chosen.ravel(), minlength=many * size).reshape(many, size), sums
        drawn.append(times.astype(np.float64) @ rows)
    return np.concatenate(drawn)


def interval_of(value: Floats | float, drawn: Floats, groups: int, undefined: str = UNSTEADY) -> Interval:
    """Return the expanded percentile interval of a value from its draws [resamples] of groups, which may be few.

    `undefined` is why the value would be NaN. Of 120 groups, each with a chance to be right, it holds in 93.2
    to 93.5 % where percentiles hold in 92.9 to 93.3 %; of 30 groups in 93.1 to 93.9 % for 91.0 to 92.5 %.
    """
    value = float(np.squeeze(value))
    if np.isnan(value):
        return Interval(None, None, None, undefined)
    if groups < 2:
        return Interval(value, None, None, ONE_GROUP)
    ends = interval(drawn.ravel(), groups)
    return Interval(value, *ends) if ends else Interval(value, None, None, UNSTEADY)
