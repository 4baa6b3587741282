"""Bootstrap of statistics of vote patterns, and the 95 % intervals from it.

Resampling pairs with replacement is a multinomial draw over the pattern table, so a thousand draws cost milliseconds
whatever the number of pairs.

Hesterberg, T. C. (2015). What teachers should know about the bootstrap. The American Statistician 69(4), 371-386.
Davison, A. C., & Hinkley, D. V. (1997). Bootstrap methods and their application. Section 3.8, strategy 1 (groups).
Owen, A. B. (2007). The pigeonhole bootstrap. Annals of Applied Statistics 1(2), 386-411.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt

from ccd.measures.coefficients import Weights
from ccd.measures.patterns import Crossed, Floats, Ints, Patterns, Rows, patterns
from ccd.measures.related import Clusters, Related

if TYPE_CHECKING:
    from scipy.sparse import csr_array

DRAWN_AT_ONCE = 4_000_000  # cells of one block of draws
DEFINED = 0.95  # of the draws must be defined for an interval

Table = TypeVar("Table", Patterns, Crossed)


def over_pairs(
    table: Table,
    measure: Callable[[Table, Weights], Floats],
    size: int,
    n_resamples: int,
    seed: int,
    drawn: int | None = None,
    clusters: Clusters | None = None,
    added: Floats | None = None,
) -> Floats:
    """Return the measure [columns] on `n_resamples` draws of pairs with replacement: [n_resamples, columns].

    `size` pairs were judged; those that are not in the table are drawn too, and carry nothing. `drawn` is how many
    pairs a draw has, `size` where None. Pairs of a group of `clusters` are drawn together: a draw has as many groups as
    there are (as hold `drawn` pairs on average), a pair outside them being one, and so not always as many pairs.
    `added` [patterns] is a number of pairs, whole or not, that each pattern is drawn as if it had more (a smoothed
    bootstrap); draws have as many pairs of the table as without.

    >>> from ccd.measures.coefficients import observed_agreement
    >>> two = Patterns(np.array([[2.0, 0.0]]), np.array([2.0]), np.array([7]))
    >>> over_pairs(two, lambda table, weights: observed_agreement(table, weights)[:, None], 7, 2, seed=0).tolist()
    [[1.0], [1.0]]
    """
    random = np.random.default_rng(seed)
    number = size if drawn is None else drawn
    draws = _draws(table.pairs, size, number, n_resamples, random, added)
    if clusters is not None:
        draws = _draws_of_groups(table.pairs, size, number, clusters, n_resamples, random, added)
    return np.concatenate([measure(table, weights) for weights in draws])


def over_both(
    rows: Rows,
    labels: int,
    measure: Callable[[Patterns, Weights], Floats],
    size: int,
    n_resamples: int,
    seed: int,
    related: Related | None = None,
) -> Floats:
    """Return the measure on `n_resamples` draws of pairs and of annotators, both with replacement.

    [n_resamples, columns]. The pigeonhole bootstrap (Owen 2007): a vote counts as often as its pair was drawn, times
    as often as its annotator was; a vote is never compared with its annotator's own copy. A draw that has one
    annotator alone compares nothing and is drawn again. Pairs that are `related` are drawn together. The cost grows
    with the distinct rows, who judged what how, times the draws.
    """
    random = np.random.default_rng(seed)
    annotators = int(rows.worker.max(initial=-1)) + 1
    if annotators < 2:
        return measure(patterns(rows, labels), np.zeros((0, len(patterns(rows, labels).pairs)), dtype=np.int64))
    times = random.multinomial(annotators, np.full(annotators, 1 / annotators), n_resamples)
    while len(alone := np.flatnonzero(times.max(axis=1) == annotators)):
        times[alone] = random.multinomial(annotators, np.full(annotators, 1 / annotators), len(alone))
    found = []
    for chosen, number in zip(*np.unique(times, axis=0, return_counts=True), strict=True):
        table = patterns(rows, labels, chosen)
        draws = _draws(table.pairs, size, size, int(number), random)
        if related is not None:
            draws = _draws_of_groups(table.pairs, size, size, related.voted(table, chosen), int(number), random)
        found += [measure(table, weights) for weights in draws]
    return np.concatenate(found)


def interval(drawn: Floats, pairs: int | None = None) -> tuple[float, float] | None:
    """Return the 2.5th and the 97.5th percentile of the draws; None where more than 5 % of them are undefined.

    With the number of `pairs` (2 or more) that the draws are of, the percentiles lie further out, by as much as a t
    interval of that many is wider than a normal one: percentiles alone are too narrow for few pairs (the expanded
    percentile interval of Hesterberg 2015).

    >>> low, high = interval(np.arange(1001.0), pairs=20)
    >>> round(low, 1), round(high, 1)
    (15.9, 984.1)
    """
    defined = drawn[~np.isnan(drawn)]
    if not len(defined) or len(defined) < DEFINED * len(drawn):
        return None
    tail = 0.025
    if pairs is not None:
        from scipy.stats import norm, t

        tail = float(norm.cdf(np.sqrt(pairs / (pairs - 1)) * t.ppf(0.025, pairs - 1)))
    low, high = np.quantile(defined, [tail, 1 - tail])
    return float(low), float(high)


def _draws(
    pairs: Ints, size: int, number: int, n_resamples: int, random: np.random.Generator, added: Floats | None = None
) -> Iterator[npt.NDArray[np.int64]]:
    """How often each pattern occurs among `number` pairs drawn out of `size`: blocks of [draws, patterns]."""
    chances = np.append(_smoothed(pairs, added), size - pairs.sum()) / max(size, 1)
    block = max(1, DRAWN_AT_ONCE // len(chances))
    for start in range(0, max(n_resamples, 1), block):
        yield random.multinomial(number, chances, size=min(block, n_resamples - start))[:, :-1]


def _smoothed(units: Ints, added: Floats | None) -> Floats | Ints:
    """Return the units with what is added to the first of them, as many in all as before."""
    if added is None:
        return units
    more = np.concatenate([units[: len(added)] + added, units[len(added) :]])
    return np.asarray(more * (units.sum() / more.sum()))


def _draws_of_groups(
    pairs: Ints,
    size: int,
    number: int,
    clusters: Clusters,
    n_resamples: int,
    random: np.random.Generator,
    added: Floats | None = None,
) -> Iterator[npt.NDArray[np.int64]]:
    """As `_draws`, of whole groups: as many as hold `number` pairs on average."""
    of_group, units = kinds(pairs, clusters)
    others = size - len(clusters.group) - int(units.sum()) + clusters.number  # alone, and not in the table
    whole = int(units.sum()) + others
    chances = np.append(_smoothed(units, added), others)
    drawn = whole if number == size else max(1, round(whole * number / size))
    block = max(1, DRAWN_AT_ONCE // len(chances))
    for start in range(0, max(n_resamples, 1), block):
        times = random.multinomial(drawn, chances / chances.sum(), size=min(block, n_resamples - start))
        yield pairs_of(times[:, :-1], of_group)


def kinds(pairs: Ints, clusters: Clusters | None) -> tuple["csr_array", Ints]:
    """Return how often each pattern occurs in each kind of group [kinds, patterns], and how many there are to draw.

    The latter are first the pairs that are alone, by pattern as `pairs` [patterns], then the groups of each kind: those
    with the same patterns are one.
    """
    from scipy.sparse import csr_array

    patterns = len(pairs)
    if clusters is None:
        return csr_array((0, patterns), dtype=np.int64), pairs
    within = clusters.place >= 0
    # A group's patterns as the sum of a random 64-bit number for each: equal for equal groups alone
    marks = np.random.default_rng(0).integers(0, 2**63, patterns, dtype=np.uint64)
    mark = np.zeros(clusters.number, dtype=np.uint64)
    np.add.at(mark, clusters.group[within], marks[clusters.place[within]])
    _, example, groups = np.unique(mark, return_index=True, return_counts=True)
    has = (np.ones(within.sum()), (clusters.group[within], clusters.place[within]))
    of_group = csr_array(has, shape=(clusters.number, patterns), dtype=np.int64)[example]
    alone = pairs - np.bincount(clusters.place[within], minlength=patterns)
    return of_group, np.concatenate([alone, groups])


def pairs_of(times: npt.NDArray[np.int64], of_group: "csr_array") -> npt.NDArray[np.int64]:
    """Return how often each pattern was drawn [draws, patterns], from how often each unit of `kinds` was."""
    patterns = of_group.shape[1]
    return np.asarray(times[:, :patterns] + times[:, patterns:] @ of_group)
