"""How near a network's scores are to people's: mean squared error and rank correlation, with 95 % intervals.

For questions that ask for a number, such as image specificity (Jas & Parikh, 2015, who report Spearman's correlation).
`model/evaluation.py` is the same for labels. Whole leakage groups are resampled, as there.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import spearmanr

from model.resampling import Floats, Ids, Interval, interval_of, numbered

RESAMPLES = 2_000  # each ranks all its pairs anew
AT_ONCE = 100  # resamples in memory
CONSTANT = "all scores of one side are equal"


@dataclass(frozen=True)
class ScoreEvaluation:
    """Of N pairs in G leakage groups: mean squared error, that of train's mean said of every pair, and Spearman's rho.

    Rho is undefined where all scores of one side are equal: then nothing is ranked.
    """

    pairs: int
    groups: int
    mse: Interval
    mse_of_mean: Interval
    spearman: Interval


@dataclass(frozen=True)
class ScoreComparison:
    """A against B on the same N pairs in G leakage groups: differences A - B with paired bootstrap intervals."""

    pairs: int
    groups: int
    mse: Interval
    spearman: Interval


def evaluate_scores(
    predicted: Floats, scores: Floats, mean: float, *, groups: Sequence[str] | None = None, seed: int = 0
) -> ScoreEvaluation:
    """Measure predicted scores [N] against people's [N]; `mean` is what train's pairs have on average.

    `groups` [N] are resampled whole; without them every pair is one.

    >>> found = evaluate_scores(np.array([0.1, 0.4, 0.6]), np.array([0.1, 0.5, 0.9]), 0.5)
    >>> round(found.mse.value, 4), round(found.spearman.value, 4)
    (0.0333, 1.0)
    """
    of = numbered(groups, len(scores))
    (errors, rhos), (flat, _) = (_measures(each, scores, of, seed) for each in (predicted, np.full(len(scores), mean)))
    number = int(of.max(initial=-1)) + 1
    return ScoreEvaluation(
        len(scores), number, _interval(errors, number), _interval(flat, number), _interval(rhos, number)
    )


def compare_scores(
    a: Floats, b: Floats, scores: Floats, *, groups: Sequence[str] | None = None, seed: int = 0
) -> ScoreComparison:
    """Compare the scores [N] that A and B predict with people's [N], both on the same resamples of `groups` [N].

    >>> compare_scores(np.array([0.0, 1.0]), np.array([0.5, 1.0]), np.array([0.0, 1.0])).mse.value
    -0.125
    """
    of = numbered(groups, len(scores))
    (errors, rhos), (others, their_rhos) = (_measures(each, scores, of, seed) for each in (a, b))
    number = int(of.max(initial=-1)) + 1
    return ScoreComparison(
        len(scores), number, _interval(errors - others, number), _interval(rhos - their_rhos, number)
    )


def mse(predicted: Floats, scores: Floats) -> float:
    """Mean squared error of scores [N]."""
    return float(np.mean((predicted - scores) ** 2))


def spearman(predicted: Floats, scores: Floats) -> float:
    """Spearman's rho, from mean ranks where scores are equal; NaN where all scores of one side are equal."""
    if len(scores) < 2 or np.ptp(predicted) == 0 or np.ptp(scores) == 0:
        return float("nan")
    return float(spearmanr(predicted, scores).statistic)


def spearman_of_repeated(predicted: Floats, scores: Floats, times: Floats) -> Floats:
    """Rho of scores [N] where each pair is there so many `times` [R, N] → [R]; NaN where it is undefined.

    >>> spearman_of_repeated(np.array([1.0, 2, 3]), np.array([1.0, 3, 2]), np.array([[1, 1, 1], [2, 1, 0]])).round(3)
    array([0.5, 1. ])
    """
    total = times.sum(axis=1, keepdims=True)
    a, b = (_ranks(each, times) for each in (predicted, scores))
    a, b = (each - (times * each).sum(axis=1, keepdims=True) / total for each in (a, b))
    with np.errstate(invalid="ignore"):
        spread = np.sqrt((times * a**2).sum(axis=1) * (times * b**2).sum(axis=1))
        return np.asarray(np.where(spread > 1e-9, (times * a * b).sum(axis=1) / spread, np.nan))


def _ranks(values: Floats, times: Floats) -> Floats:
    """Return the mean rank of each value [N] where it is there so many `times` [R, N] → [R, N]."""
    unique, at = np.unique(values, return_inverse=True)
    number = times @ np.eye(len(unique))[at]  # of each unique value [R, U]
    ranks = np.cumsum(number, axis=1) - (number - 1) / 2
    return np.asarray(ranks[:, at])


def _measures(predicted: Floats, scores: Floats, groups: Ids, seed: int) -> tuple[Floats, Floats]:
    """MSE and rho [1 + RESAMPLES]: of all pairs first, then of each resample; the same seed draws the same groups."""
    draw, size = np.random.default_rng(seed), int(groups.max(initial=-1)) + 1
    squares = (predicted - scores) ** 2
    errors, rhos = [np.array([mse(predicted, scores)])], [np.array([spearman(predicted, scores)])]
    for _ in range(RESAMPLES // AT_ONCE):
        times = draw.multinomial(size, np.full(size, 1 / size), AT_ONCE)[:, groups].astype(np.float64)
        errors.append(times @ squares / times.sum(axis=1))
        rhos.append(spearman_of_repeated(predicted, scores, times))
    return np.concatenate(errors), np.concatenate(rhos)


def _interval(values: Floats, groups: int) -> Interval:
    return interval_of(values[0], values[1:], groups, CONSTANT)
