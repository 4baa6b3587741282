"""How many pairs it takes to know agreement well enough, from what a pilot's pairs got.

An interval's width falls with the root of the number of pairs; what is proposed is then drawn at its own size.

A pilot is a sample itself, and another one would give another answer. How far that answer varies is found by drawing
pilots from the pilot, pairs with replacement, and planning with each (Efron and Tibshirani 1993, An Introduction to the
Bootstrap, chapter 25, plan a study by drawing from its pilot).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ccd.agreement import Scale
from ccd.bootstrap import interval, over_pairs
from ccd.coded import code
from ccd.errors import CcdError
from ccd.estimate import NOTHING, ONE_LABEL
from ccd.patterns import Patterns, distinct, patterns
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


def plan(
    df: pd.DataFrame,
    labels: Sequence[Any],
    level: Level,
    half_width: float = 0.03,
    folds: int = 4000,
    seed: int = 0,
) -> Plan:
    """How many pairs, judged as often as the pilot `df` (task, worker, label), give alpha to ± `half_width`.

    `labels` and `level` as in `ccd.agreement.agreement`, which alpha is the level's. New pairs are taken to be like the
    pilot's, so a small pilot gives a rough answer. Raises CcdError for a half width that is not between 0 and 1.

    >>> pilot = pd.DataFrame({"task": [0, 0, 1, 1, 2, 2], "worker": [0, 1] * 3, "label": list("aabbab")})
    >>> plan(pilot, ["a", "b"], "nominal", half_width=0.5).pilot_pairs
    3
    """
    if not 0 < half_width < 1:
        raise CcdError(f"the half width {half_width:g} is no share; write a number between 0 and 1, such as 0.03")
    coded = code(df, labels)
    scale, table = Scale.of(coded.labels, level), _carrying(patterns(distinct(coded), len(coded.labels)))
    pilot = int(table.pairs.sum())
    if not pilot:
        return Plan(half_width, None, None, 0, None, None, None, NOTHING)
    per_pair = float(table.votes @ table.pairs) / pilot
    alpha = float(scale.alpha(table, table.pairs[None, :])[0, 0])
    if np.isnan(alpha):
        return Plan(half_width, None, None, pilot, per_pair, None, None, ONE_LABEL)

    def width(pairs: int) -> float | None:
        ends = interval(over_pairs(table, scale.alpha, pilot, folds, seed, drawn=pairs)[:, 0])
        return None if ends is None else (ends[1] - ends[0]) / 2

    now = width(pilot)
    if not now:
        why = "the pilot's pairs are too few" if now is None else "the pilot's annotators never disagree"
        return Plan(half_width, None, None, pilot, per_pair, alpha, now, f"{why} to tell how alpha would vary")
    pairs, reached = _search(width, pilot, now, half_width)
    return Plan(
        half_width, pairs, reached, pilot, per_pair, alpha, now, None, *_spread(table, scale, pairs / now**2, seed)
    )


def _spread(table: Patterns, scale: Scale, per_width: float, seed: int) -> tuple[int | None, int | None]:
    """The 5th and the 95th percentile of the pairs that pilots like this one ask for.

    `per_width` times the square of a half width is the number of pairs that a pilot with it asks for.
    """
    pilot = int(table.pairs.sum())
    random = np.random.default_rng(seed)
    asked = []
    for times in random.multinomial(pilot, table.pairs / pilot, size=PILOTS):
        some = times > 0
        drawn = Patterns(table.counts[some], table.own[some], times[some])
        ends = interval(over_pairs(drawn, scale.alpha, pilot, DRAWS_OF_PILOT, int(random.integers(2**31)))[:, 0])
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


def _carrying(table: Patterns) -> Patterns:
    """Only the pairs with two judgments or more."""
    some = table.comparisons > 0
    return Patterns(table.counts[some], table.own[some], table.pairs[some])
