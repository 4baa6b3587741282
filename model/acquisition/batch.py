"""From scores to a batch: mostly what the strategy puts first, a part that spreads, and a part drawn at random.

The random part is drawn first, from every pair that could be drawn, and each pair's probability is known: only from it
can the shares of labels be estimated (ccd/prevalence.py). A strategy that ranks is greedy, and what it never looks at
nobody would notice; so the diverse part goes where least was judged.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ccd.errors import CcdError
from model.acquisition.pool import NEVER, Floats, Ints, Labelled, Pool, Strategy

STRATEGY, DIVERSE, RANDOM = "strategy", "diverse", "random"
MOST_OF_A_CLUSTER = 0.1  # of the batch


@dataclass(frozen=True)
class Batch:
    """Rows of the pool in the order in which they are to be judged [n], the `part` and the `score` of each [n].

    `probability` [n] is the chance that the random part's draw had to take the pair; NaN in the other parts.
    """

    rows: Ints
    part: npt.NDArray[np.str_]
    score: Floats
    probability: Floats


def batch(
    strategy: Strategy,
    pool: Pool,
    labelled: Labelled,
    size: int,
    seed: int,
    *,
    diverse: float = 0.2,
    random: float = 0.2,
    per_cluster: int | None = None,
) -> Batch:
    """The next `size` pairs to judge, of which `diverse` and `random` are shares.

    Of each duplicate group one pair at most, and none of a group that has a label (but for a strategy that judges
    again). The strategy's part takes at most `per_cluster` pairs of a cluster (None: a tenth of the batch), as long as
    others are left. The diverse part goes around the clusters, those with the smallest judged share first, and takes
    the highest score of each: Citovsky et al. (2021), "Batch active learning at scale", NeurIPS, with the share in
    place of the size. Parts are interleaved, so that every stretch of the queue holds all three.

    Raises CcdError where fewer pairs are left than `size`.

    >>> batch(STRATEGIES["margin"](), pool, labelled, 100, seed=1).part.tolist().count("random")  # doctest: +SKIP
    20
    """
    score = strategy.score(pool, labelled)
    fresh = _fresh(pool, labelled)
    number = [size - round(size * diverse) - round(size * random), round(size * diverse), round(size * random)]
    draw = np.random.default_rng(seed)
    drawn, chance = _random(pool, fresh, number[2], draw)
    free = np.ones(len(pool), bool) if strategy.again else fresh
    free = free & (score > NEVER) & ~np.isin(pool.groups, pool.groups[drawn])
    cap = per_cluster or max(1, math.ceil(size * MOST_OF_A_CLUSTER))
    order = _first_of_groups(pool, _descending(score, free, draw))
    if len(order) + len(drawn) < size:
        raise CcdError(f"{len(order) + len(drawn)} pairs can be ranked, {size} were asked for; ask for fewer")
    within = _place_within(pool.clusters[order])
    best = np.concatenate([order[within < cap], order[within >= cap]])[: number[0]]
    order = order[~np.isin(order, best)]
    spread = _around(pool, order, np.concatenate([labelled.rows, drawn, best]))[: number[1]]
    return _interleaved(score, {STRATEGY: best, DIVERSE: spread, RANDOM: drawn}, chance)


def _fresh(pool: Pool, labelled: Labelled) -> npt.NDArray[np.bool_]:
    """The pairs of groups in which nothing was judged [N]."""
    judged = pool.groups[labelled.rows]
    if pool.judgments is not None:
        judged = np.concatenate([judged, pool.groups[pool.judgments.any(axis=1)]])
    return np.isin(pool.groups, judged, invert=True)


def _random(pool: Pool, free: npt.NDArray[np.bool_], number: int, draw: np.random.Generator) -> tuple[Ints, Floats]:
    """`number` free pairs and their chances: one of each group at random, then groups at random."""
    candidates = draw.permutation(np.flatnonzero(free))
    groups, first, sizes = np.unique(pool.groups[candidates], return_index=True, return_counts=True)
    if number > len(groups):
        raise CcdError(f"{len(groups)} pairs can be drawn at random, {number} were asked for; ask for fewer")
    chosen = draw.choice(len(groups), number, replace=False)
    return candidates[first[chosen]], number / len(groups) / sizes[chosen]


def _descending(score: Floats, free: npt.NDArray[np.bool_], draw: np.random.Generator) -> Ints:
    """The free rows, highest score first, ties in random order."""
    rows = draw.permutation(np.flatnonzero(free))
    return np.asarray(rows[np.argsort(-score[rows], kind="stable")])


def _first_of_groups(pool: Pool, order: Ints) -> Ints:
    _, first = np.unique(pool.groups[order], return_index=True)
    return np.asarray(order[np.sort(first)])


def _place_within(values: Ints) -> Ints:
    """How many equal values stand before each: [5, 5, 7, 5] → [0, 1, 0, 2]."""
    by_value = np.argsort(values, kind="stable")
    ordered = values[by_value]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(values) else np.zeros(0, np.int64)
    place = np.empty(len(values), np.int64)
    place[by_value] = np.arange(len(values)) - np.repeat(starts, np.diff(np.r_[starts, len(values)]))
    return place


def _around(pool: Pool, order: Ints, judged: Ints) -> Ints:
    """`order` (highest score first) in turns around the clusters, the least judged cluster first in each turn."""
    clusters = int(pool.clusters.max(initial=0)) + 1
    share = np.bincount(pool.clusters[judged], minlength=clusters) / np.maximum(
        np.bincount(pool.clusters, minlength=clusters), 1
    )
    own = pool.clusters[order]
    return np.asarray(order[np.lexsort((share[own], _place_within(own)))])


def _interleaved(score: Floats, parts: dict[str, Ints], chance: Floats) -> Batch:
    """The parts in one queue, each spread evenly over it."""
    rows = np.concatenate(list(parts.values()))
    part = np.repeat(list(parts), [len(own) for own in parts.values()])
    probability = np.full(len(rows), np.nan)
    probability[part == RANDOM] = chance
    place = np.concatenate([(np.arange(len(own)) + 0.5) / max(len(own), 1) for own in parts.values()])
    queue = np.argsort(place, kind="stable")
    return Batch(rows[queue], part[queue], score[rows[queue]], probability[queue])
