"""From scores to a batch: mostly what the strategy puts first, a part that spreads, and a part drawn at random.

The random part is drawn first, from every pair that could be drawn, and each pair's probability is known: only from it
can the shares of labels be estimated (ccd/measures/prevalence.py). A strategy that ranks is greedy, and what it never
looks at nobody would notice; so the diverse part goes where least was judged.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ccd.errors import InputError
from model.acquisition.pool import NEVER, Floats, Ints, Labelled, Pool, Strategy

STRATEGY, DIVERSE, RANDOM = "strategy", "diverse", "random"
MOST_OF_A_CLUSTER = 0.1  # of the batch


@dataclass(frozen=True)
class JudgingBatch:
    """Rows of the pool in the order in which they are to be judged [n], the `part` and the `score` of each [n].

    `probability` [n] is the chance that the random part's draw had to take the pair; NaN in the other parts. Rows from
    the pool's length on are those beyond it, whose score is NaN.
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
    beyond: int = 0,
) -> JudgingBatch:
    """Return the next `size` pairs to judge, of which `diverse` and `random` are shares.

    The random part is a simple random sample of all pairs that nobody has judged, and of as many more `beyond` the pool
    as can be judged and not ranked: rows from the pool's length on stand for these. The other parts take one pair of
    each group at most, and none of a group that was judged (but for a strategy that judges again). The strategy's part
    takes at most `per_cluster` pairs of a cluster (None: a tenth of the batch), as long as others are left. The diverse
    part goes around the clusters, those with the smallest judged share first, and takes the highest score of each:
    Citovsky et al. (2021), "Batch active learning at scale", NeurIPS, with the share in place of the size. Parts are
    interleaved, so that every stretch of the queue holds all three.

    Raises CcdError where fewer pairs are left than `size`.

    >>> batch(STRATEGIES["margin"](), pool, labelled, 100, seed=1).part.tolist().count("random")  # doctest: +SKIP
    20
    """
    score = strategy.score(pool, labelled)
    fresh = _fresh(pool, labelled)
    at_random = round(size * random)
    apart = min(round(size * diverse), size - at_random)
    draw = np.random.default_rng(seed)
    could = np.concatenate([np.flatnonzero(fresh), len(pool) + np.arange(beyond)])
    if at_random > len(could):
        raise InputError(f"{len(could)} pairs can be drawn at random, {at_random} were asked for; ask for fewer")
    drawn = np.asarray(draw.choice(could, at_random, replace=False), np.int64)
    inside = drawn[drawn < len(pool)]
    taken = inside if strategy.again else np.concatenate([np.flatnonzero(~fresh), inside])
    free = (score > NEVER) & np.isin(pool.groups, pool.groups[taken], invert=True)
    cap = per_cluster or max(1, math.ceil(size * MOST_OF_A_CLUSTER))
    order = _first_of_groups(pool, _descending(score, free, draw))
    if len(order) + len(drawn) < size:
        raise InputError(f"{len(order) + len(drawn)} pairs can be ranked, {size} were asked for; ask for fewer")
    within = _place_within(pool.clusters[order])
    best = np.concatenate([order[within < cap], order[within >= cap]])[: size - at_random - apart]
    order = order[~np.isin(order, best)]
    spread = _around(pool, order, np.concatenate([labelled.rows, inside, best]))[:apart]
    score = np.append(score, np.full(beyond, np.nan))
    return _interleaved(score, {STRATEGY: best, DIVERSE: spread, RANDOM: drawn}, at_random / max(len(could), 1))


def _fresh(pool: Pool, labelled: Labelled) -> npt.NDArray[np.bool_]:
    """Return the pairs that nobody has judged [N]."""
    fresh = np.ones(len(pool), bool)
    fresh[labelled.rows] = False
    if pool.judgments is not None:
        fresh &= ~pool.judgments.any(axis=1)
    return fresh


def _descending(score: Floats, free: npt.NDArray[np.bool_], draw: np.random.Generator) -> Ints:
    """Return the free rows, highest score first, ties in random order."""
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


def _interleaved(score: Floats, parts: dict[str, Ints], chance: float) -> JudgingBatch:
    """Return the parts in one queue, each spread evenly over it."""
    rows = np.concatenate(list(parts.values()))
    part = np.repeat(list(parts), [len(own) for own in parts.values()])
    probability = np.full(len(rows), np.nan)
    probability[part == RANDOM] = chance
    place = np.concatenate([(np.arange(len(own)) + 0.5) / max(len(own), 1) for own in parts.values()])
    queue = np.argsort(place, kind="stable")
    return JudgingBatch(rows[queue], part[queue], score[rows[queue]], probability[queue])
