"""Agreement between annotators on a question: coefficients, each with its bootstrap interval.

Undefined is None with the reason, never NaN. What each coefficient is stands in ccd/measures/coefficients.py, what is
drawn in ccd/measures/bootstrap.py.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import combinations
from numbers import Real
from typing import Any, Literal

import krippendorff
import numpy as np
import pandas as pd

from ccd.errors import InputError
from ccd.measures.bootstrap import over_both, over_pairs
from ccd.measures.coefficients import (
    Weights,
    alpha,
    cohen,
    fleiss,
    gwet_ac1,
    observed_agreement,
    one_against_rest,
    scott,
)
from ccd.measures.estimate import ONE_LABEL, SMALL_TEAM, Carrying, Coefficient, carrying, coefficient, withheld
from ccd.measures.patterns import Codes, Floats, Patterns, Rows, crossed, distinct, left_out, patterns
from ccd.measures.related import GROUP, Clusters, Related
from ccd.measures.vote_matrix import VoteMatrix, code
from ccd.protocol import Level

Resample = Literal["pairs", "both"]
LEVELS: tuple[Level, ...] = ("nominal", "ordinal", "interval")
LARGEST_PACKAGE_INPUT = 1_000_000  # cells that `krippendorff` builds: pairs x labels x labels

COEFFICIENTS = (
    "percent",
    *(f"krippendorff_{level}" for level in LEVELS),
    "fleiss",
    "scott",
    "gwet_ac1",
)
PSEUDO = 2.0  # pairs that are added to the table of two annotators before it is drawn from
FEWEST_ANNOTATORS = 20  # drawn with the pairs, fewer give a range that is too narrow for a 95 % interval


@dataclass(frozen=True)
class Agreement:
    """Agreement on one question. `n_pairs` were judged, by so many `annotators`.

    `coefficients` has percent, krippendorff_nominal, krippendorff_ordinal, krippendorff_interval, fleiss, scott and
    gwet_ac1; `cohen` each two annotators' ("A|B"), `per_class` each label's alpha against the rest (none for scores),
    `leave_one_out` the alpha without each annotator, on the question's level. All but gwet_ac1 and fleiss, whose label
    shares take in every judged pair, rest on the pairs with two judgments or more. `by_revision` has the agreement
    under each set of categories where the protocol's changed, by its revisions ("1", "2, 3"); otherwise it is empty.
    `groups` is how many leakage groups the pairs are of, and the bootstrap draws; None where every pair is one.
    """

    n_pairs: int
    n_judgments: int
    annotators: int
    n_resamples: int
    seed: int
    resample: Resample
    coefficients: dict[str, Coefficient]
    cohen: dict[str, Coefficient]
    per_class: dict[str, Coefficient]
    leave_one_out: dict[str, Coefficient]
    by_revision: "dict[str, Agreement]" = field(default_factory=dict)
    groups: int | None = None

    @property
    def interval(self) -> str:
        """What every `ci` is: a 95 % interval, or only a range of the draws.

        Where annotators are drawn too and there are few of them, the middle 95 % of the draws hold the value of all
        annotators of the kind less often: in 120 simulated campaigns 75 % with three annotators, 84 with five, 91 with
        ten, 95 with twenty (Owen 2007 gives the method; it holds as both numbers grow).
        """
        few = self.resample == "both" and self.annotators < FEWEST_ANNOTATORS
        return "range of draws, too narrow for a 95 % interval" if few else "95 % interval"

    def to_frame(self) -> pd.DataFrame:
        """Return all coefficients as a frame: coefficient, of, value, low, high, reason; None where undefined.

        `of` says which two annotators, which label, or who is left out; `low` and `high` are the ends of `interval`.
        """
        maps = {"cohen": self.cohen, "per_class": self.per_class, "leave_one_out": self.leave_one_out}
        rows: list[tuple[str, str | None, Coefficient]] = [
            (name, None, each) for name, each in self.coefficients.items()
        ]
        rows += [(name, of, each) for name, found in maps.items() for of, each in found.items()]
        return pd.DataFrame(
            [(name, of, each.value, *(each.ci or (None, None)), each.reason) for name, of, each in rows],
            columns=["coefficient", "of", "value", "low", "high", "reason"],
        )

    def to_dict(self, names: bool = True) -> dict[str, Any]:
        """For JSON: n_pairs, n_judgments, annotators, bootstrap (a map), coefficients, by_revision.

        cohen, per_class and leave_one_out are maps among the coefficients; without `names`, for what is published,
        only per_class, as the others name annotators.
        """
        maps = {"cohen": self.cohen, "per_class": self.per_class, "leave_one_out": self.leave_one_out}
        if not names:
            maps = {"per_class": self.per_class}
        return {
            "n_pairs": self.n_pairs,
            "n_judgments": self.n_judgments,
            "annotators": self.annotators,
            "bootstrap": {
                "folds": self.n_resamples,
                "seed": self.seed,
                "resample": self.resample,
                "groups": self.groups,
                "interval": self.interval,
            },
            "coefficients": {name: _plain(each) for name, each in self.coefficients.items()}
            | {name: {key: _plain(each) for key, each in found.items()} for name, found in maps.items()},
            "by_revision": {numbers: each.to_dict(names) for numbers, each in self.by_revision.items()},
        }


def agreement(
    df: pd.DataFrame,
    labels: Sequence[Any] = (),
    level: Level = "nominal",
    n_resamples: int = 1000,
    seed: int = 0,
    resample: Resample = "pairs",
) -> Agreement:
    """Return the agreement of the judgments `df` (task, worker, label; one row a judgment, adjudicators left out).

    `labels` in id order; empty takes those that occur, sorted. Numbers on interval level are scores and count as
    themselves, other labels count as their place. Where `df` has a column leakage_group (the same in all rows of a
    task, None for a pair that is alone), the bootstrap draws groups. Raises CcdError as
    `ccd.measures.vote_matrix.code` does, for an unknown level or resample, and for a score that is no number.

    >>> df = pd.DataFrame({"task": [0, 0, 1, 1], "worker": [0, 1, 0, 1], "label": ["a", "a", "b", "b"]})
    >>> agreement(df, ["a", "b"], "nominal").coefficients["krippendorff_nominal"].value
    1.0
    """
    if level == "interval" and not labels:
        for label in df["label"].unique():
            if not isinstance(label, Real) or not math.isfinite(label):
                raise InputError(f"scores must be numbers, one is {label!r}; check the protocol")
    group = df.drop_duplicates("task")[GROUP] if GROUP in df.columns else None  # in the order of Coded.tasks
    return of_coded(code(df, labels), level, n_resamples, seed, resample, group)


def of_coded(
    coded: VoteMatrix,
    level: Level,
    n_resamples: int = 1000,
    seed: int = 0,
    resample: Resample = "pairs",
    group: "pd.Series[Any] | None" = None,
) -> Agreement:
    """Agreement of coded judgments, as `agreement` has it; no annotator may be on a pair twice.

    `group` is the leakage group of each of its tasks.
    """
    if level not in LEVELS:
        raise InputError(f"level {level!r} is unknown; it must be one of {', '.join(LEVELS)}")
    if resample not in ("pairs", "both"):
        raise InputError(f"resample {resample!r} is unknown; it must be pairs or both")
    scale, size = Scale.of(coded.labels, level), len(coded.tasks)
    number, workers = _by_name(coded.workers)
    rows = distinct(coded)
    rows = Rows(rows.label, number[rows.worker], rows.pairs)
    table = patterns(rows, len(coded.labels))
    related = Related.of(coded, number[coded.worker], group)
    clusters = None if related is None else related.voted(table, np.ones(len(workers), dtype=np.int64))
    if resample == "both":
        drawn = over_both(rows, len(coded.labels), scale.measure, size, n_resamples, seed, related)
    else:
        drawn = over_pairs(table, scale.measure, size, n_resamples, seed, clusters=clusters)
    values = _values(scale, table)
    first = len(COEFFICIENTS)
    return Agreement(
        n_pairs=size,
        n_judgments=int((rows.label >= 0).sum(axis=1) @ rows.pairs),
        annotators=len(workers),
        n_resamples=n_resamples,
        seed=seed,
        resample=resample,
        coefficients=_coefficients(scale, table, values, drawn, len(workers), clusters),
        cohen=_cohen(rows, len(coded.labels), workers, size, n_resamples, seed, related),
        per_class=_per_class(coded.labels, table, values[first:], drawn[:, first:], clusters),
        leave_one_out=_leave_one_out(rows, workers, scale, size, n_resamples, seed, related),
        groups=None if clusters is None else size - len(clusters.group) + clusters.number,
    )


@dataclass(frozen=True)
class Scale:
    """How labels are measured: on which level, as which `values` [labels], and whether they are scores."""

    level: Level
    values: Floats
    scores: bool

    @classmethod
    def of(cls, labels: Sequence[Any], level: Level) -> "Scale":
        """Return the scale of these labels: numbers on interval level are scores, others count as their place."""
        scores = level == "interval" and all(isinstance(label, Real) for label in labels)
        return cls(level, np.array(labels if scores else range(len(labels)), dtype=float), scores)

    def measure(self, table: Patterns, weights: Weights) -> Floats:
        """COEFFICIENTS of every draw, then each label's alpha but for scores: [draws, columns]."""
        alphas = [alpha(table, weights, level, self.values) for level in LEVELS]
        others = [of(table, weights) for of in (fleiss, scott, gwet_ac1)]
        found = np.column_stack([observed_agreement(table, weights), *alphas, *others])
        return found if self.scores else np.hstack([found, one_against_rest(table, weights)])

    def alpha(self, table: Patterns, weights: Weights) -> Floats:
        """Alpha on the question's own level: [draws, 1]."""
        return alpha(table, weights, self.level, self.values)[:, None]


def _values(scale: Scale, table: Patterns) -> Floats:
    """Return what is measured.

    Alphas by the `krippendorff` package, by us, equal to 12 digits, where that would take long.
    """
    values: Floats = scale.measure(table, table.pairs[None, :])[0]
    if table.pairs.sum() * len(scale.values) ** 2 > LARGEST_PACKAGE_INPUT:
        return values
    counts = np.repeat(table.counts.astype(np.int64), table.pairs, axis=0)
    for place, level in enumerate(LEVELS, start=COEFFICIENTS.index("krippendorff_nominal")):
        if not np.isnan(values[place]):
            values[place] = krippendorff.alpha(
                value_counts=counts, value_domain=scale.values, level_of_measurement=level
            )
    return values


def _coefficients(
    scale: Scale, table: Patterns, values: Floats, drawn: Floats, annotators: int, clusters: Clusters | None
) -> dict[str, Coefficient]:
    """Return the COEFFICIENTS, with what is to be said of each."""
    notes = {}
    if scale.level == "nominal":
        notes["krippendorff_ordinal"] = "the question is nominal; this takes the order of its labels for a rank"
    if not scale.scores:
        notes["krippendorff_interval"] = f"the question is {scale.level}; this takes its labels for equal steps"
    if len(set(table.votes)) > 1:
        notes["fleiss"] = "numbers of judgments differ; every pair weighs the same in the label shares"
    found = {
        name: coefficient(value, column, carrying(table, clusters), ONE_LABEL, notes.get(name))
        for name, value, column in zip(COEFFICIENTS, values, drawn.T, strict=False)
    }
    if annotators > 2:
        reason = f"for two annotators, here are {annotators}; fleiss is its generalisation"
        found["scott"] = Coefficient(None, None, reason)
    if scale.scores:
        found["gwet_ac1"] = Coefficient(None, None, "for labels, whose number is known; scores have none")
    return found


def _per_class(
    labels: tuple[Any, ...], table: Patterns, values: Floats, drawn: Floats, clusters: Clusters | None
) -> dict[str, Coefficient]:
    """Each label's alpha against the rest; of scores none, as they have no columns."""
    found = {}
    compared = table.counts.T @ (table.pairs * (table.comparisons > 0))
    for label, used, given, value, column in zip(
        labels, table.counts.T @ table.pairs, compared, values, drawn.T, strict=False
    ):
        undefined = ONE_LABEL if used else "nobody gives this label"
        found[str(label)] = withheld(coefficient(value, column, carrying(table, clusters), undefined), None, int(given))
    return found


def _cohen(
    rows: Rows, labels: int, workers: list[str], size: int, n_resamples: int, seed: int, related: Related | None
) -> dict[str, Coefficient]:
    """Cohen's kappa of each two annotators.

    Its intervals need FEWEST_PAIRS in common and FEWEST_OF_LABEL judgments of every label that occurs: with 3 pairs in
    common a nominal 95 % interval covers 0 to 42 %, with 10 it covers 70 to 92 %; docs/agreement.md says what it covers
    with more. They are expanded percentile intervals (see `ccd.measures.bootstrap.interval`) of a bootstrap that is
    smoothed: draws of two annotators who hardly disagree would never disagree more, so PSEUDO pairs are added to their
    table, the same part to every cell, as Agresti and Coull (1998, The American Statistician 52(2)) do for a
    proportion.
    """
    found, small = {}, len(workers) <= SMALL_TEAM
    if small:
        found = {f"{a}|{b}": Coefficient(None, None, "no pair was judged by both") for a, b in combinations(workers, 2)}
    for table in crossed(rows, labels, len(workers)):
        value = float(cohen(table, table.pairs[None, :])[0, 0])
        table = table.whole()
        clusters = related.crossed(table) if related is not None and small else None
        added = np.full(len(table.pairs), PSEUDO / len(table.pairs))
        drawn = (
            over_pairs(table, cohen, size, n_resamples, seed, clusters=clusters, added=added)[:, 0] if small else None
        )
        first, second = table.workers
        common = int(table.pairs.sum())
        of_label = np.bincount(table.label.ravel(), np.repeat(table.pairs, 2))
        kappa = coefficient(value, drawn, Carrying.of(table.pairs, clusters), ONE_LABEL, expanded=True)
        if kappa.ci is not None:
            kappa = replace(kappa, ci=(min(kappa.ci[0], value), max(kappa.ci[1], value)))
        found[f"{workers[first]}|{workers[second]}"] = withheld(kappa, common, int(of_label[of_label > 0].min()))
    return found


def _leave_one_out(
    rows: Rows, workers: list[str], scale: Scale, size: int, n_resamples: int, seed: int, related: Related | None
) -> dict[str, Coefficient]:
    """Alpha, on the question's level, without each annotator."""
    found = {}
    tables = left_out(rows, len(scale.values), len(workers))
    for name, table, times in zip(workers, tables, 1 - np.eye(len(workers), dtype=np.int64), strict=True):
        value = float(scale.alpha(table, table.pairs[None, :])[0, 0])
        clusters = None if related is None else related.voted(table, times)
        drawn = over_pairs(table, scale.alpha, size, n_resamples, seed, clusters=clusters)[:, 0]
        found[name] = coefficient(value, drawn, carrying(table, clusters), ONE_LABEL)
    return found


def _by_name(workers: "pd.Index[Any]") -> tuple[Codes, list[str]]:
    """Return the number of each annotator in the order of their names, so that no result depends on the order of rows.

    The last number is -1, that of an empty slot.
    """
    names = [str(worker) for worker in workers]
    order = sorted(range(len(names)), key=names.__getitem__)
    number = np.zeros(len(names) + 1, dtype=np.int32)
    number[order] = np.arange(len(names))
    number[-1] = -1
    return number, [names[i] for i in order]


def _plain(found: Coefficient) -> dict[str, Any]:
    return asdict(found) | {"ci": None if found.ci is None else list(found.ci)}
