"""Agreement between annotators: percent agreement, Fleiss' kappa and Krippendorff's alpha, with bootstrap intervals.

Every coefficient is a function of the pattern table: which counts of labels pairs got, and how many pairs got each.
Resampling pairs with replacement is a multinomial draw over that table, so an interval costs milliseconds whatever the
number of pairs. Undefined is None with the reason, never NaN.

Krippendorff, K. (2011). Computing Krippendorff's alpha-reliability. https://repository.upenn.edu/asc_papers/43
Fleiss, J. L. (1971). Measuring nominal scale agreement among many raters. Psychological Bulletin 76(5), 378-382.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import krippendorff
import numpy as np
import numpy.typing as npt
import pandas as pd
import sqlalchemy as sa

from ccd import judgments
from ccd.errors import CcdError
from ccd.protocol import Level, Protocol

Floats = npt.NDArray[np.float64]
Weights = npt.NDArray[np.int64]

LEVELS: tuple[Level, ...] = ("nominal", "ordinal", "interval")  # a level allows itself and those before it
LARGEST_PACKAGE_INPUT = 50_000_000  # cells that `krippendorff` builds: pairs x values x values, 8 bytes each
DRAWN_AT_ONCE = 4_000_000  # cells of one block of bootstrap draws


@dataclass(frozen=True)
class Coefficient:
    """A value and its 95 % interval; None where undefined, and then `reason` says why."""

    value: float | None
    ci: tuple[float, float] | None
    reason: str | None = None


@dataclass(frozen=True)
class Agreement:
    """Agreement on one question. `n_pairs` were judged, by so many `annotators`.

    A pair with one judgment is counted in `n_pairs` and `n_judgments`; the coefficients rest on pairs with two or more.
    """

    n_pairs: int
    n_judgments: int
    annotators: int
    folds: int
    seed: int
    coefficients: dict[str, Coefficient]

    def to_dict(self) -> dict[str, Any]:
        """For JSON: n_pairs, n_judgments, annotators, bootstrap {folds, seed, resample}, coefficients {name: {…}}."""
        return {
            "n_pairs": self.n_pairs,
            "n_judgments": self.n_judgments,
            "annotators": self.annotators,
            "bootstrap": {"folds": self.folds, "seed": self.seed, "resample": "pairs"},
            "coefficients": {
                name: asdict(found) | {"ci": None if found.ci is None else list(found.ci)}
                for name, found in self.coefficients.items()
            },
        }


@dataclass(frozen=True)
class Patterns:
    """The pattern table: `counts` [patterns, values] of votes in a pair, `pairs` [patterns], `values` [values]."""

    counts: Floats
    pairs: Weights
    values: Floats


def agreement(df: pd.DataFrame, labels: Sequence[str], level: Level, folds: int = 1000, seed: int = 0) -> Agreement:
    """Agreement of the judgments `df` (task, worker, label; one row a judgment, adjudicators left out).

    `labels` are a choice's labels in id order; on ordinal and interval level a label counts as its id. Empty for
    scores, whose labels are numbers. A level also gives the coefficients of the levels before it.

    >>> df = pd.DataFrame({"task": [0, 0, 1, 1], "worker": [0, 1, 0, 1], "label": ["a", "a", "b", "b"]})
    >>> agreement(df, ["a", "b"], "nominal").coefficients["krippendorff_nominal"].value
    1.0
    """
    if level not in LEVELS:
        raise CcdError(f"level {level!r} is unknown; it must be one of {', '.join(LEVELS)}")
    kept = df[df.groupby("task")["worker"].transform("size") >= 2] if len(df) else df
    table = patterns(kept, labels)
    measures: dict[str, Callable[[Patterns, Weights], Floats]] = {"percent": percent, "fleiss": fleiss}
    for each in LEVELS[: LEVELS.index(level) + 1]:
        measures[f"krippendorff_{each}"] = partial(alpha, level=each)
    drawn = _bootstrap(table, measures, folds, seed)
    return Agreement(
        n_pairs=int(df["task"].nunique()),
        n_judgments=len(df),
        annotators=int(df["worker"].nunique()),
        folds=folds,
        seed=seed,
        coefficients={name: _coefficient(name, measure, table, drawn[name]) for name, measure in measures.items()},
    )


def of_campaign(db: sa.Connection, protocol: Protocol, folds: int = 1000, seed: int = 0) -> dict[str, Agreement]:
    """Agreement on each question of the protocol, from the annotators' judgments that count."""
    return {
        question.name: agreement(
            judgments.counted(db, question.name), question.labels, question.level, folds=folds, seed=seed
        )
        for question in protocol.questions
    }


def patterns(df: pd.DataFrame, labels: Sequence[str] = ()) -> Patterns:
    """The pattern table of the judgments `df` (task, worker, label), in an order that does not depend on the rows'.

    Raises CcdError for a label outside `labels`, or a score that is no number.
    """
    domain: list[Any] = list(labels) or sorted(df["label"].unique())
    try:
        values = np.arange(len(labels), dtype=float) if labels else np.array(domain, dtype=float)
    except ValueError:
        raise CcdError(f"scores must be numbers, one is {domain[-1]!r}; check the protocol") from None
    column = pd.Index(domain, dtype=object).get_indexer(pd.Index(df["label"], dtype=object))
    if (column < 0).any():
        outside = df["label"].iloc[int(np.argmax(column < 0))]
        raise CcdError(f"{outside!r} is not one of {', '.join(labels)}; check the protocol")
    place, tasks = pd.factorize(df["task"])
    size = len(tasks) * len(domain)
    counts = np.bincount(place * len(domain) + column, minlength=size).reshape(len(tasks), len(domain))
    if not len(tasks):
        return Patterns(np.zeros((0, len(domain))), np.zeros(0, dtype=np.int64), values)
    kinds, pairs = np.unique(counts, axis=0, return_counts=True)
    return Patterns(kinds.astype(float), pairs.astype(np.int64), values)


def percent(table: Patterns, weights: Weights) -> Floats:
    """Share of agreeing judgment pairs within a pair, mean over pairs: mean of sum_c n_c (n_c - 1) / n (n - 1).

    `weights` [draws, patterns] say how often each pattern occurs; returns [draws], as all measures here.
    """
    n = table.counts.sum(axis=1)
    each = (table.counts * (table.counts - 1)).sum(axis=1) / (n * (n - 1))
    return _ratio(weights @ each, weights.sum(axis=1))


def fleiss(table: Patterns, weights: Weights) -> Floats:
    """Fleiss' kappa, (P - Pe) / (1 - Pe) with Pe = sum_c p_c²; NaN unless all pairs have the same number of votes."""
    if len(set(table.counts.sum(axis=1))) != 1:
        return np.full(len(weights), np.nan)
    used = weights @ table.counts
    expected = (_ratio(used, used.sum(axis=1, keepdims=True)) ** 2).sum(axis=1)
    return _ratio(percent(table, weights) - expected, 1 - expected)


def alpha(table: Patterns, weights: Weights, level: Level) -> Floats:
    """Krippendorff's alpha, 1 - Do / De; NaN where one value alone occurs.

    All three metrics need no matrix of values x values: nominal disagreement of counts n_c is (sum n)² - sum n_c², and
    for squared differences of values v_c it is 2 (sum n · sum n_c v_c² - (sum n_c v_c)²). The ordinal metric is the
    squared difference of mid-ranks, v_c = n_1 + … + n_(c-1) + n_c / 2.
    """
    n = table.counts.sum(axis=1)
    used = weights @ table.counts  # [draws, values]
    total = used.sum(axis=1)
    if level == "nominal":
        each = (n**2 - (table.counts**2).sum(axis=1)) / (n - 1)
        observed, expected = weights @ each, total**2 - (used**2).sum(axis=1)
    else:
        values = np.broadcast_to(table.values, used.shape) if level == "interval" else used.cumsum(axis=1) - used / 2
        values = values - _ratio((used * values).sum(axis=1), total)[:, None]  # centred, so that nothing cancels
        spread = n * (values**2 @ table.counts.T) - (values @ table.counts.T) ** 2  # [draws, patterns]
        observed = 2 * (weights * spread / (n - 1)).sum(axis=1)
        expected = 2 * total * (used * values**2).sum(axis=1)
    expected = np.where((used > 0).sum(axis=1) > 1, expected, 0)
    return 1 - _ratio(observed * (total - 1), expected)


def _bootstrap(
    table: Patterns, measures: dict[str, Callable[[Patterns, Weights], Floats]], folds: int, seed: int
) -> dict[str, Floats]:
    """Each measure on `folds` draws of as many pairs, with replacement: arrays [folds], in blocks of little memory."""
    found: dict[str, list[Floats]] = {name: [np.zeros(0)] for name in measures}
    size = int(table.pairs.sum())
    if size:
        random = np.random.default_rng(seed)
        block = max(1, DRAWN_AT_ONCE // len(table.pairs))
        for start in range(0, folds, block):
            weights = random.multinomial(size, table.pairs / size, size=min(block, folds - start))
            for name, measure in measures.items():
                found[name].append(measure(table, weights))
    return {name: np.concatenate(blocks) for name, blocks in found.items()}


def _coefficient(
    name: str, measure: Callable[[Patterns, Weights], Floats], table: Patterns, drawn: Floats
) -> Coefficient:
    if not len(table.pairs):
        return Coefficient(None, None, "no pair has two judgments")
    value = float(measure(table, table.pairs[None, :])[0])
    if np.isnan(value):
        one = (table.counts.sum(axis=0) > 0).sum() == 1
        reason = "one label only: chance agreement is 1" if one else "pairs have different numbers of judgments"
        return Coefficient(None, None, reason)
    for level in LEVELS:
        if name == f"krippendorff_{level}":
            value = _by_package(table, level, value)
    defined = drawn[~np.isnan(drawn)]
    if table.pairs.sum() < 2:
        return Coefficient(value, None, "no interval: one pair alone")
    if len(defined) < 0.95 * len(drawn) or not len(drawn):
        return Coefficient(value, None, "no interval: undefined on more than 5 % of the draws")
    low, high = np.quantile(defined, [0.025, 0.975])
    return Coefficient(value, (float(low), float(high)))


def _by_package(table: Patterns, level: Level, value: float) -> float:
    """Alpha by the `krippendorff` package; `value`, our own, where the package would fill the memory."""
    if table.pairs.sum() * len(table.values) ** 2 > LARGEST_PACKAGE_INPUT:
        return value
    counts = np.repeat(table.counts.astype(np.int64), table.pairs, axis=0)
    return float(krippendorff.alpha(value_counts=counts, value_domain=table.values, level_of_measurement=level))


def _ratio(above: Floats, below: Floats) -> Floats:
    """above / below, NaN where below is 0."""
    undefined = np.full(np.broadcast(above, below).shape, np.nan)
    return np.asarray(np.divide(above, below, out=undefined, where=below != 0))
