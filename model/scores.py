"""How near a network's scores are to people's: mean squared error and rank correlation, with intervals over pairs.

For questions that ask for a number, such as image specificity (Jas & Parikh, 2015, who report Spearman's correlation).
`model/evaluation.py` is the same for labels.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata, spearmanr

from model.resampling import Interval

RESAMPLES = 2_000  # each ranks all its pairs anew
AT_ONCE = 100  # resamples in memory

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class ScoreEvaluation:
    """Of N pairs: mean squared error, that of saying train's mean of every pair, and Spearman's rho.

    `spearman` is None where all scores of one side are equal: then nothing is ranked.
    """

    pairs: int
    mse: Interval
    mse_of_mean: Interval
    spearman: Interval | None


@dataclass(frozen=True)
class ScoreComparison:
    """A against B on the same N pairs: differences A - B with paired bootstrap intervals."""

    pairs: int
    mse: Interval
    spearman: Interval | None


def evaluate_scores(predicted: Floats, scores: Floats, mean: float, *, seed: int = 0) -> ScoreEvaluation:
    """Measure predicted scores [N] against people's [N]; `mean` is what train's pairs have on average.

    Intervals are 95 % percentile bootstrap intervals over pairs, and leave out resamples in which rho is undefined.

    >>> found = evaluate_scores(np.array([0.1, 0.4, 0.6]), np.array([0.1, 0.5, 0.9]), 0.5)
    >>> round(found.mse.value, 4), found.spearman.value
    (0.0333, 1.0)
    """
    (errors, rhos), (flat, _) = (_measures(each, scores, seed) for each in (predicted, np.full(len(scores), mean)))
    return ScoreEvaluation(len(scores), _interval(errors), _interval(flat), _defined(rhos))


def compare_scores(a: Floats, b: Floats, scores: Floats, *, seed: int = 0) -> ScoreComparison:
    """Compare the scores [N] that A and B predict with people's [N], both on the same resamples of pairs.

    >>> compare_scores(np.array([0.0, 1.0]), np.array([0.5, 1.0]), np.array([0.0, 1.0])).mse.value
    -0.125
    """
    (errors, rhos), (others, their_rhos) = (_measures(each, scores, seed) for each in (a, b))
    return ScoreComparison(len(scores), _interval(errors - others), _defined(rhos - their_rhos))


def mse(predicted: Floats, scores: Floats) -> float:
    """Mean squared error of scores [N]."""
    return float(np.mean((predicted - scores) ** 2))


def spearman(predicted: Floats, scores: Floats) -> float:
    """Spearman's rho, from mean ranks where scores are equal; nan where all scores of one side are equal."""
    if len(scores) < 2 or np.ptp(predicted) == 0 or np.ptp(scores) == 0:
        return float("nan")
    return float(spearmanr(predicted, scores).statistic)


def _measures(predicted: Floats, scores: Floats, seed: int) -> tuple[Floats, Floats]:
    """MSE and rho [1 + RESAMPLES]: of all pairs first, then of each resample; the same seed draws the same pairs."""
    draw = np.random.default_rng(seed)
    errors, rhos = [np.array([mse(predicted, scores)])], [np.array([spearman(predicted, scores)])]
    for _ in range(RESAMPLES // AT_ONCE):
        drawn = draw.integers(0, len(scores), (AT_ONCE, len(scores)))
        one, other = predicted[drawn], scores[drawn]
        errors.append(((one - other) ** 2).mean(axis=1))
        rhos.append(_rows_correlated(rankdata(one, axis=1), rankdata(other, axis=1)))
    return np.concatenate(errors), np.concatenate(rhos)


def _rows_correlated(a: Floats, b: Floats) -> Floats:
    """Pearson's correlation of each row of a [R, N] with that row of b; nan where one is constant."""
    a, b = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        return np.asarray((a * b).sum(axis=1) / np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1)))


def _defined(values: Floats) -> Interval | None:
    return None if np.isnan(values[0]) else _interval(values)


def _interval(values: Floats) -> Interval:
    low, high = np.nanquantile(values[1:], [0.025, 0.975])
    return Interval(float(values[0]), float(low), float(high))
