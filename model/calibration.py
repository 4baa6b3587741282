"""How far a network's probabilities are from the share that is right, and the temperature that brings them closer.

The expected calibration error of a perfectly calibrated network is not 0: with 300 pairs in 15 bins it is about 6 %, as
every bin's share is a sample. So it stands beside what a perfectly calibrated network of the same confidences would
get, and beside a measure without that bias; the log loss and the Brier score need no bins at all.

Guo, C., Pleiss, G., Sun, Y., & Weinberger, K. Q. (2017). On calibration of modern neural networks. ICML.
Kumar, A., Liang, P., & Ma, T. (2019). Verified uncertainty calibration. NeurIPS, section 5.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from scipy.stats import t as student

from ccd.campaign.model_quality import BINS
from model.resampling import ONE_GROUP, Floats, Ids, Interval, numbered, resampled

RESAMPLES = 1_000
PERFECT = 400  # test sets of a perfectly calibrated network
LOWEST, HIGHEST = 0.05, 20.0  # bounds of the temperature
NEAR = 1.01  # of a bound, as a factor: the search ends this close to it


@dataclass(frozen=True)
class Calibration:
    """How well a network's confidence fits, on N pairs.

    `error` is the expected calibration error (Guo et al., eq. 3) in BINS equal bins of confidence; `perfect` what a
    perfectly calibrated network of the same confidences gets on average, `perfect_high` what it exceeds in one of 20
    test sets. `debiased`: the root mean square of confidence less share right, in BINS bins of equal numbers, without
    the bias of small bins (Kumar et al.). `log_loss` in nats and `brier` are means over pairs.
    """

    error: float
    perfect: float
    perfect_high: float
    debiased: Interval
    log_loss: Interval
    brier: Interval


def calibration(logits: Floats, labels: Ids, groups: Sequence[str] | None = None, *, seed: int = 0) -> Calibration:
    """Measure the softmax of logits [N, C] against label ids [N]; whole `groups` [N] are resampled.

    >>> calibration(np.log([[0.5, 0.5], [0.9, 0.1]]), np.array([0, 0])).brier.value
    0.26
    """
    chances = softmax(logits, axis=1)
    sure, right = chances.max(1), (chances.argmax(1) == labels).astype(np.float64)
    draw = np.random.default_rng(seed)
    by_chance = [_gap(sure, draw.random(len(sure)) < sure) for _ in range(PERFECT)]
    of = numbered(groups, len(labels))
    losses = -log_softmax(logits, axis=1)[np.arange(len(labels)), labels]
    distances = ((chances - np.eye(logits.shape[1])[labels]) ** 2).sum(1)
    log_loss, brier = (_mean(each, of) for each in (losses, distances))
    return Calibration(
        error=calibration_error(chances, labels),
        perfect=float(np.mean(by_chance)),
        perfect_high=float(np.quantile(by_chance, 0.95)),
        debiased=debiased_error(sure, right, of, seed=seed),
        log_loss=log_loss,
        brier=brier,
    )


def calibration_error(probabilities: Floats, labels: Ids) -> float:
    """Return the expected calibration error over BINS equal bins of confidence, as Guo et al. (2017), eq. 3 and 5."""
    return _gap(probabilities.max(1), probabilities.argmax(1) == labels)


def debiased_error(sure: Floats, right: Floats, groups: Ids, *, seed: int = 0) -> Interval:
    """Return the root of the debiased squared calibration error of confidences [N] and hits [N]; 0 where it is below.

    In bins of equal numbers, of n pairs each with the share y right and the mean confidence p, it is the mean of
    (p - y)² - y (1 - y) / (n - 1), which has no bias where pairs are independent. The interval draws groups, and is
    moved by what drawing adds to (p - y)² on average, so that a perfectly calibrated network's reaches 0.
    """
    bins = min(BINS, len(sure) // 2)  # a bin of one pair has no variance
    if not bins:
        return Interval(None, None, None, "too few pairs: two are needed")
    place = np.empty(len(sure), np.int64)
    place[np.argsort(sure, kind="stable")] = np.arange(len(sure)) * bins // len(sure)
    sums = np.zeros((int(groups.max()) + 1, 3, bins))
    for column, values in enumerate((np.ones(len(sure)), sure, right)):
        np.add.at(sums[:, column], (groups, place), values)
    number, confidence, hits = sums.sum(0)
    share = hits / number
    squared = number @ ((confidence / number - share) ** 2 - share * (1 - share) / (number - 1)) / len(sure)
    value = float(np.sqrt(max(squared, 0)))
    if len(sums) < 2:
        return Interval(value, None, None, ONE_GROUP)
    drawn = resampled(sums.reshape(len(sums), -1), seed, RESAMPLES).reshape(-1, 3, bins)
    gaps = (drawn[:, 1] - drawn[:, 2]) ** 2 / np.maximum(drawn[:, 0], 1)  # an empty bin has no gap and no weight
    found = gaps.sum(1) / drawn[:, 0].sum(1)
    low, high = np.quantile(found - found.mean() + squared, [0.025, 0.975])
    return Interval(value, float(np.sqrt(max(low, 0))), float(np.sqrt(max(high, 0))))


def fit_temperature(logits: Floats, labels: Ids) -> float:
    """Return the number to divide logits by so that these labels are likeliest; it changes no prediction.

    Guo et al., 4.2.
    """

    def loss(log_temperature: float) -> float:
        chances = log_softmax(logits / np.exp(log_temperature), axis=1)
        return float(-chances[np.arange(len(labels)), labels].mean())

    found = minimize_scalar(loss, bounds=(np.log(LOWEST), np.log(HIGHEST)), method="bounded")
    return float(np.exp(found.x))


def at_bound(temperature: float) -> str | None:
    """Return a sentence where a fitted temperature ended at a bound, so that the best one is unknown.

    >>> at_bound(1.7)
    """
    if LOWEST * NEAR < temperature < HIGHEST / NEAR:
        return None
    bound, why = (HIGHEST, "is sure of what is wrong") if temperature > 1 else (LOWEST, "is right on nearly all of dev")
    return f"The temperature ended at its bound, {bound:g}: the network {why}; do not rely on its probabilities."


def _gap(sure: Floats, right: NDArray[np.bool_]) -> float:
    """Return the mean over pairs of how far each bin's confidence is from its share right."""
    in_bin = np.clip(np.ceil(sure * BINS).astype(int) - 1, 0, BINS - 1)  # bins are open below, closed above
    gaps = np.bincount(in_bin, weights=right - sure, minlength=BINS)
    return float(np.abs(gaps).sum() / len(sure)) if len(sure) else float("nan")


def _mean(values: Floats, groups: Ids) -> Interval:
    """Return the mean over pairs, with Student's t and the spread of whole groups (Cochran 1977, eq. 9.21)."""
    number, mean = int(groups.max()) + 1, float(values.mean())
    if number < 2:
        return Interval(mean, None, None, ONE_GROUP)
    beyond = np.bincount(groups, weights=values - mean)
    half = student.ppf(0.975, number - 1) * np.sqrt(number / (number - 1) * (beyond**2).sum()) / len(values)
    return Interval(mean, float(mean - half), float(mean + half))
