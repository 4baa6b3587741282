"""How good predictions are, how sure of themselves they may be, and whether one network is better than another.

All intervals are of the pairs: what another test set of the same size would have given. A resampled set of pairs is
told by how often each (label, prediction) falls, so that the bootstrap draws counts and never touches pairs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from scipy.stats import binomtest
from torch import nn

from model.data import Loader

BINS = 15  # of confidence, in the calibration error
RESAMPLES = 10_000
BATCH = 256

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Interval:
    """A value and its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Evaluation:
    """Of N pairs and C labels. `f1_by_label` and `support` by label name; `confusion` [C, C] counts label by
    prediction; `calibration_error` before and `calibrated_error` after the logits are divided by `temperature`.
    """

    pairs: int
    accuracy: Interval
    weighted_f1: Interval
    macro_f1: Interval
    f1_by_label: dict[str, Interval]
    support: dict[str, int]
    confusion: list[list[int]]
    calibration_error: float
    calibrated_error: float
    temperature: float


@dataclass(frozen=True)
class Comparison:
    """A against B on the same N pairs. Differences are A - B with paired bootstrap intervals; `only_a` and `only_b`
    count the pairs that one alone has right, and `p_value` is McNemar's exact test on these two.
    """

    pairs: int
    accuracy: Interval
    weighted_f1: Interval
    macro_f1: Interval
    only_a: int
    only_b: int
    p_value: float


def predict(network: nn.Module, loader: Loader, bf16: bool = False) -> Floats:
    """The logits [N, C] of all pairs of the loader, in its order."""
    network.eval()
    out = np.zeros((0, 0))
    order = loader.sorted(BATCH)
    with torch.inference_mode(), torch.autocast(loader.device, torch.bfloat16, enabled=bf16):
        for indices, batch in zip(order, loader.batches(order), strict=True):
            logits = network(batch).logits.double().cpu().numpy()
            if not out.size:
                out = np.zeros((len(loader), logits.shape[1]))
            out[indices] = logits
    return out


def evaluate(
    logits: Floats, labels: Ids, names: Sequence[str], temperature: float = 1.0, *, seed: int = 0
) -> Evaluation:
    """Every measure of logits [N, C] against label ids [N].

    >>> logits = np.eye(3)[[0, 1, 2, 2]] * 4.0
    >>> evaluate(logits, np.array([0, 1, 2, 0]), ("irrelevant", "implicit", "explicit")).accuracy.value
    0.75
    """
    table = confusion(labels, logits.argmax(1), len(names))
    drawn = _resampled(table, seed)
    by_label = [_interval(f1(table)[i], f1(drawn)[:, i]) for i in range(len(names))]
    return Evaluation(
        pairs=len(labels),
        **{name: _interval(measure(table), measure(drawn)) for name, measure in MEASURES.items()},
        f1_by_label=dict(zip(names, by_label, strict=True)),
        support=dict(zip(names, table.sum(1).tolist(), strict=True)),
        confusion=table.tolist(),
        calibration_error=calibration_error(softmax(logits, axis=1), labels),
        calibrated_error=calibration_error(softmax(logits / temperature, axis=1), labels),
        temperature=temperature,
    )


def compare(a: Ids, b: Ids, labels: Ids, size: int, *, seed: int = 0) -> Comparison:
    """Predicted ids a and b [N] of the same pairs with label ids [N], of `size` labels.

    McNemar, Q. (1947), in its exact form: if neither is better, each of the pairs that one alone has right is as
    likely to be A's as B's.

    >>> compare(np.array([0, 1, 1, 1]), np.array([0, 0, 1, 1]), np.array([0, 1, 1, 0]), 2).p_value
    1.0
    """
    # [label, prediction of A, prediction of B]: resampled together, as the two share their pairs
    table = np.bincount((labels * size + a) * size + b, minlength=size**3).reshape(size, size, size)
    drawn = _resampled(table, seed)
    differences = {
        name: _interval(measure(table.sum(2)) - measure(table.sum(1)), measure(drawn.sum(3)) - measure(drawn.sum(2)))
        for name, measure in MEASURES.items()
    }
    only_a, only_b = int(((a == labels) & (b != labels)).sum()), int(((a != labels) & (b == labels)).sum())
    p_value = float(binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0
    return Comparison(len(labels), **differences, only_a=only_a, only_b=only_b, p_value=p_value)


def confusion(labels: Ids, predicted: Ids, size: int) -> Ids:
    """[size, size]: how many pairs of each label (row) got each prediction (column)."""
    return np.bincount(labels * size + predicted, minlength=size**2).reshape(size, size)


def accuracy(table: NDArray[np.int64]) -> Floats:
    """[..., C, C] → [...]: the share of pairs on the diagonal."""
    right = np.trace(table, axis1=-2, axis2=-1)
    return np.asarray(right / np.maximum(table.sum((-2, -1)), 1), np.float64)


def f1(table: NDArray[np.int64]) -> Floats:
    """[..., C, C] → [..., C]: F1 of each label; 0 where it is neither there nor predicted."""
    right = np.diagonal(table, axis1=-2, axis2=-1)
    return np.asarray(2 * right / np.maximum(table.sum(-1) + table.sum(-2), 1), np.float64)


def macro_f1(table: NDArray[np.int64]) -> Floats:
    """[..., C, C] → [...]: the mean F1 of all labels, however rare."""
    return np.asarray(f1(table).mean(-1))


def weighted_f1(table: NDArray[np.int64]) -> Floats:
    """[..., C, C] → [...]: the mean F1, each label as often as it is there: the paper's F1."""
    support = table.sum(-1)
    return np.asarray((f1(table) * support).sum(-1) / np.maximum(support.sum(-1), 1))


MEASURES = {"accuracy": accuracy, "weighted_f1": weighted_f1, "macro_f1": macro_f1}


def calibration_error(probabilities: Floats, labels: Ids) -> float:
    """Expected calibration error: how far confidence is from accuracy, over BINS equal bins of confidence.

    Guo, C., Pleiss, G., Sun, Y., & Weinberger, K. Q. (2017). On calibration of modern neural networks. Eq. 5.
    """
    sure, right = probabilities.max(1), probabilities.argmax(1) == labels
    in_bin = np.clip(np.ceil(sure * BINS).astype(int) - 1, 0, BINS - 1)  # bins are open below, closed above
    gaps = np.bincount(in_bin, weights=right - sure, minlength=BINS)
    return float(np.abs(gaps).sum() / max(len(labels), 1))


def fit_temperature(logits: Floats, labels: Ids) -> float:
    """The number to divide logits by so that these labels are likeliest; it changes no prediction. Guo et al., 4.2."""

    def loss(log_temperature: float) -> float:
        chances = log_softmax(logits / np.exp(log_temperature), axis=1)
        return float(-chances[np.arange(len(labels)), labels].mean())

    found = minimize_scalar(loss, bounds=(np.log(0.05), np.log(20.0)), method="bounded")
    return float(np.exp(found.x))


def _resampled(table: Ids, seed: int) -> Ids:
    """[RESAMPLES, *table.shape]: the table that as many pairs, drawn with replacement, would give."""
    total = int(table.sum())
    drawn = np.random.default_rng(seed).multinomial(total, table.ravel() / max(total, 1), RESAMPLES)
    return drawn.reshape(RESAMPLES, *table.shape)


def _interval(value: Floats, drawn: Floats) -> Interval:
    low, high = np.quantile(drawn, [0.025, 0.975])
    return Interval(float(value), float(low), float(high))
