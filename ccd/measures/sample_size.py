"""How many pairs it takes to know agreement well enough, from what a pilot's pairs got.

An interval's width falls with the root of the number of pairs; what is proposed is then drawn at its own size.

A pilot is a sample itself, and another one would give another answer. How far that answer varies is found by drawing
pilots from the pilot, pairs (or leakage groups) with replacement, and planning with each (Efron and Tibshirani 1993, An
Introduction to the Bootstrap, chapter 25, plan a study by drawing from its pilot).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ccd.errors import InputError
from ccd.measures.agreement import Scale
from ccd.measures.bootstrap import interval, kinds, over_pairs, pairs_of
from ccd.measures.estimate import NOTHING, ONE_LABEL
from ccd.measures.patterns import Patterns, distinct, patterns
from ccd.measures.related import GROUP, Clusters, Related
from ccd.measures.vote_matrix import code
from ccd.protocol import Level

TRIES = 8
PILOTS, DRAWS_OF_PILOT = 200, 200  # pilots like this one, and the bootstrap of each
NEAR = 0.97  # of the half width asked for: no need to come closer


@dataclass(frozen=True)
class Plan:
    """`pairs` are needed for alpha to ± `half_width`; drawn at that size, the bootstrap reaches ± `reached`.

    The pilot's `pilot_pairs`, those with two judgments or more, got `judgments_per_pair` in the mean and give
    `alpha` ± `pilot_half_width`. None where there is no answer, and then `reason` says why. Of pilots like this one,
    5 % would ask for fewer than `pairs_low` and 5 % for more than `pairs_high`; None where many have no answer.
    `groups` is how many leakage groups the pilot's pairs are of, which are drawn; None where every pair is one.
    """

    half_width: float
    pairs: int | None
    reached: float | None
    pilot_pairs: int
    judgments_per_pair: float | None
    alpha: float | None
    pilot_half_width: float | None
    reason: str | None = None
    pairs_low: int | None = None
    pairs_high: int | None = None
    groups: int | None = None


def plan(
    df: pd.DataFrame,
    labels: Sequence[Any],
    level: Level,
    half_width: float = 0.03,
    n_resamples: int = 4000,
    seed: int = 0,
) -> Plan:
    """How many pairs, judged as often as the pilot `df` (task, worker, label), give alpha to ± `half_width`.

    `labels` and `level` as in `ccd.measures.agreement.agreement`, which alpha is the level's. New pairs are taken to
    be like the pilot's, so a small pilot gives a rough answer; where `df` has a column leakage_group, they are taken
    to be in groups of such sizes too. Raises CcdError for a half width that is not between 0 and 1.

    >>> pilot = pd.DataFrame({"task": [0, 0, 1, 1, 2, 2], "worker": [0, 1] * 3, "label": list("aabbab")})
    >>> plan(pilot, ["a", "b"], "nominal", half_width=0.5).pilot_pairs
    3
    """
    if not 0 < half_width < 1:
        raise InputError(f"the half width {half_width:g} is no share; write a number between 0 and 1, such as 0.03")
    coded = code(df, labels)
    whole, scale = distinct(coded), Scale.of(coded.labels, level)
    group = df.drop_duplicates("task")[GROUP] if GROUP in df.columns else None  # in the order of Coded.tasks
    table, clusters = _carrying(patterns(whole, len(coded.labels)), Related.of(coded, coded.worker, group))
    pilot = int(table.pairs.sum())
    if not pilot:
        return Plan(half_width, None, None, 0, None, None, None, NOTHING)
    groups = None if clusters is None else pilot - len(clusters.group) + clusters.number
    per_pair = float(table.votes @ table.pairs) / pilot
    alpha = float(scale.alpha(table, table.pairs[None, :])[0, 0])
    if np.isnan(alpha):
        return Plan(half_width, None, None, pilot, per_pair, None, None, ONE_LABEL, groups=groups)

    def width(pairs: int) -> float | None:
        drawn = over_pairs(table, scale.alpha, pilot, n_resamples, seed, drawn=pairs, clusters=clusters)[:, 0]
        ends = interval(drawn, groups and max(2, round(groups * pairs / pilot)))
        return None if ends is None else (ends[1] - ends[0]) / 2

    now = width(pilot)
    if not now:
        why = "the pilot's pairs are too few" if now is None else "the pilot's annotators never disagree"
        why = f"{why} to tell how alpha would vary"
        return Plan(half_width, None, None, pilot, per_pair, alpha, now, why, groups=groups)
    pairs, reached = _search(width, pilot, now, half_width)
    spread = _spread(table, clusters, scale, pairs / now**2, seed)
    return Plan(half_width, pairs, reached, pilot, per_pair, alpha, now, None, *spread, groups)


def _spread(
    table: Patterns, clusters: Clusters | None, scale: Scale, per_width: float, seed: int
) -> tuple[int | None, int | None]:
    """Return the 5th and the 95th percentile of the pairs that pilots like this one ask for.

    `per_width` times the square of a half width is the number of pairs that a pilot with it asks for.
    """
    of_group, number = kinds(table.pairs, clusters)
    units = int(number.sum())
    random = np.random.default_rng(seed)
    asked = []
    for times in random.multinomial(units, number / units, size=PILOTS):
        drawn = pairs_of(random.multinomial(units, times / units, size=DRAWS_OF_PILOT), of_group)
        ends = interval(scale.alpha(table, drawn)[:, 0], units if clusters is not None and units > 1 else None)
        if ends is not None and ends[1] > ends[0]:
            asked.append(per_width * ((ends[1] - ends[0]) / 2) ** 2)
    if len(asked) < 0.95 * PILOTS:
        return None, None
    low, high = np.quantile(asked, [0.05, 0.95])
    return math.floor(low), math.ceil(high)


def _search(width: Callable[[int], float | None], pairs: int, reached: float, wanted: float) -> tuple[int, float]:
    """Follow the root to a number of pairs whose half width is `wanted` or a little less."""
    for _ in range(TRIES):
        if NEAR * wanted <= reached <= wanted:
            break
        pairs = max(2, math.ceil(pairs * (reached / (wanted * (1 + NEAR) / 2)) ** 2))
        reached = width(pairs) or reached
    return pairs, reached


def _carrying(table: Patterns, related: Related | None) -> tuple[Patterns, Clusters | None]:
    """Only the pairs with two judgments or more, and which of them are drawn together."""
    some = table.comparisons > 0
    carrying = Patterns(table.counts[some], table.own[some], table.pairs[some])
    if related is None:
        return carrying, None
    clusters = related.voted(carrying, np.ones(int(related.worker.max(initial=0)) + 1, dtype=np.int64))
    there = clusters.place >= 0
    if not there.any():
        return carrying, None
    return carrying, Clusters(clusters.place[there], pd.factorize(clusters.group[there])[0].astype(np.int64))
