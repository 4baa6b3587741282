"""How good predictions are, and whether one network is better than another.

All intervals are of the leakage groups: what another test set of as many groups would have given. A resample is known
by how often each (label, prediction) occurs, so that the bootstrap draws counts and never touches pairs.

A ratio whose denominator is 0 is undefined (NaN here, None in what is returned), never 0: the F1 of a label that no
pair has is undefined, that of a label which pairs have and which is never predicted is 0.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import binomtest, chi2
from torch import nn

from model.calibration import Calibration, calibration
from model.data import Loader
from model.resampling import Floats, Ids, Interval, cells_of, interval_of, numbered, resampled

BATCH = 256
ABSENT = "no pair has this label"


@dataclass(frozen=True)
class Evaluation:
    """What a network is worth on N pairs in G leakage groups, with C labels.

    `f1_by_label` and `support` by label name; `macro_over` names the labels that pairs have, whose mean macro_f1 is;
    `confusion` [C, C] counts label by prediction; `calibration` is that of the logits, `calibrated` that of the logits
    divided by `temperature`.
    """

    pairs: int
    groups: int
    accuracy: Interval
    weighted_f1: Interval
    macro_f1: Interval
    macro_over: tuple[str, ...]
    f1_by_label: dict[str, Interval]
    support: dict[str, int]
    confusion: list[list[int]]
    calibration: Calibration
    calibrated: Calibration
    temperature: float


@dataclass(frozen=True)
class Comparison:
    """A against B on the same N pairs.

    Differences are A - B with paired bootstrap intervals; `only_a` and `only_b` count the pairs that one alone has
    right, and `p_value` is that of `test`: McNemar's exact test, or the one of Durkalski et al. where a leakage group
    has several pairs.
    """

    pairs: int
    groups: int
    accuracy: Interval
    weighted_f1: Interval
    macro_f1: Interval
    macro_over: tuple[str, ...]
    only_a: int
    only_b: int
    test: str
    p_value: float


def predict(network: nn.Module, loader: Loader, bf16: bool = False) -> Floats:
    """Return the logits [N, C] of all pairs of the loader, in its order."""
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
    logits: Floats,
    labels: Ids,
    names: Sequence[str],
    temperature: float = 1.0,
    *,
    groups: Sequence[str] | None = None,
    seed: int = 0,
) -> Evaluation:
    """Return every measure of logits [N, C] against label ids [N], N > 0; `groups` [N] are resampled whole.

    >>> logits = np.eye(3)[[0, 1, 2, 2]] * 4.0
    >>> evaluate(logits, np.array([0, 1, 2, 0]), ("irrelevant", "implicit", "explicit")).accuracy.value
    0.75
    """
    size, of = len(names), numbered(groups, len(labels))
    sums = cells_of(of, labels * size + logits.argmax(1), size**2)
    table = confusion(labels, logits.argmax(1), size)
    drawn = resampled(sums, seed).reshape(-1, size, size)
    found, values = f1(drawn), f1(table)
    by_label = [interval_of(values[i], found[:, i], len(sums), ABSENT) for i in range(size)]
    return Evaluation(
        pairs=len(labels),
        groups=len(sums),
        **{name: interval_of(of_table(table), of_table(drawn), len(sums)) for name, of_table in _fixed(table).items()},
        macro_over=_present(table, names),
        f1_by_label=dict(zip(names, by_label, strict=True)),
        support=dict(zip(names, table.sum(1).tolist(), strict=True)),
        confusion=table.tolist(),
        calibration=calibration(logits, labels, groups, seed=seed),
        calibrated=calibration(logits / temperature, labels, groups, seed=seed),
        temperature=temperature,
    )


def compare(
    a: Ids, b: Ids, labels: Ids, names: Sequence[str], *, groups: Sequence[str] | None = None, seed: int = 0
) -> Comparison:
    """Compare predicted ids a and b [N] of the same pairs with label ids [N]; `groups` [N] are resampled whole.

    >>> compare(np.array([0, 1, 1, 1]), np.array([0, 0, 1, 1]), np.array([0, 1, 1, 0]), ("no", "yes")).p_value
    1.0
    """
    # [label, prediction of A, prediction of B]: resampled together, as the two share their pairs
    size, of = len(names), numbered(groups, len(labels))
    sums = cells_of(of, (labels * size + a) * size + b, size**3)
    table, drawn = sums.sum(0).reshape(size, size, size), resampled(sums, seed).reshape(-1, size, size, size)
    differences = {
        name: interval_of(
            measure(table.sum(2)) - measure(table.sum(1)), measure(drawn.sum(3)) - measure(drawn.sum(2)), len(sums)
        )
        for name, measure in _fixed(table.sum(2)).items()
    }
    right_a, right_b = a == labels, b == labels
    return Comparison(
        pairs=len(labels),
        groups=len(sums),
        **differences,
        macro_over=_present(table.sum(2), names),
        only_a=int((right_a & ~right_b).sum()),
        only_b=int((right_b & ~right_a).sum()),
        test="mcnemar" if len(sums) == len(labels) else "durkalski",
        p_value=mcnemar(right_a, right_b, of),
    )


def mcnemar(a: NDArray[np.bool_], b: NDArray[np.bool_], groups: Ids) -> float:
    """Return the p-value of A and B being right equally often.

    Which pairs [N] each has right, and the groups' numbers [N]. Exact where every group is one pair: if neither is
    better, each of the pairs that one alone has right is as likely to be A's as B's (McNemar 1947). Otherwise the test
    of Durkalski et al.: with d_k pairs that A alone has right less those of B alone in group k of n_k pairs, (sum d_k /
    n_k)² / sum (d_k / n_k)² is chi-squared with 1 degree of freedom.

    Durkalski, V. L., Palesch, Y. Y., Lipsitz, S. R., & Rust, P. F. (2003). Analysis of clustered matched-pair data.
    Statistics in Medicine 22(15), 2417-2428.

    >>> mcnemar(np.array([True] * 3), np.array([False] * 3), np.arange(3))
    0.25
    """
    gain = a.astype(np.int64) - b
    if int(groups.max(initial=-1)) + 1 == len(groups):
        only_a, only_b = int((gain > 0).sum()), int((gain < 0).sum())
        return float(binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0
    means = np.bincount(groups, weights=gain) / np.bincount(groups)
    spread = float((means**2).sum())
    return float(chi2.sf(means.sum() ** 2 / spread, 1)) if spread else 1.0


def confusion(labels: Ids, predicted: Ids, size: int) -> Ids:
    """[size, size]: how many pairs of each label (row) got each prediction (column)."""
    return np.bincount(labels * size + predicted, minlength=size**2).reshape(size, size)


def accuracy(table: NDArray[np.generic]) -> Floats:
    """[..., C, C] → [...]: the share of pairs on the diagonal; NaN without pairs."""
    return _ratio(np.trace(table, axis1=-2, axis2=-1), table.sum((-2, -1)))


def f1(table: NDArray[np.generic]) -> Floats:
    """[..., C, C] → [..., C]: F1 of each label; NaN where no pair has it, also where it is predicted."""
    support = table.sum(-1)
    both = np.where(support > 0, support + table.sum(-2), 0)
    return _ratio(2 * np.diagonal(table, axis1=-2, axis2=-1), both)


def recall(table: NDArray[np.generic]) -> Floats:
    """[..., C, C] → [..., C]: the share of each label's pairs that are found; NaN where no pair has it."""
    return _ratio(np.diagonal(table, axis1=-2, axis2=-1), table.sum(-1))


def macro_f1(table: NDArray[np.generic], over: NDArray[np.bool_] | None = None) -> Floats:
    """[..., C, C] → [...]: the mean F1 of the labels that pairs have, or of those in `over` [C], however rare."""
    return mean_of(f1(table), over)


def mean_of(values: Floats, over: NDArray[np.bool_] | None = None) -> Floats:
    """[..., C] → [...]: the mean over the defined labels, or over `over` [C], NaN where one of these is not defined."""
    if over is not None:
        return np.asarray(values[..., over].mean(-1)) if over.any() else np.full(values.shape[:-1], np.nan)
    known = ~np.isnan(values)
    return _ratio(np.where(known, values, 0).sum(-1), known.sum(-1))


def weighted_f1(table: NDArray[np.generic]) -> Floats:
    """[..., C, C] → [...]: the mean F1, each label as often as pairs have it: the paper's F1; NaN without pairs."""
    support = table.sum(-1)
    return _ratio((np.nan_to_num(f1(table)) * support).sum(-1), support.sum(-1))


def defined(values: Floats) -> list[float | None]:
    """Return the values [C] as JSON has them: None for NaN."""
    return [None if np.isnan(value) else float(value) for value in values]


MEASURES = {"accuracy": accuracy, "weighted_f1": weighted_f1, "macro_f1": macro_f1}


def _fixed(table: NDArray[np.generic]) -> Mapping[str, Callable[[NDArray[np.generic]], Floats]]:
    """MEASURES, macro F1 over the labels of this table: a resample that lacks one has none."""
    return MEASURES | {"macro_f1": partial(macro_f1, over=table.sum(1) > 0)}


def _present(table: NDArray[np.generic], names: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name, pairs in zip(names, table.sum(1), strict=True) if pairs)


def _ratio(above: NDArray[np.generic], below: NDArray[np.generic]) -> Floats:
    """NaN where the denominator is 0."""
    out = np.full(np.shape(below), np.nan)
    return np.asarray(np.divide(above, below, out=out, where=np.asarray(below) > 0))
