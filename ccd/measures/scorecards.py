"""A scorecard for each annotator: agreement with the others, confusion with the settled labels, pace and drift.

Everything is counted over the judgments in one pass a label, so a million pairs take seconds, not minutes. A scorecard
shows where to look; it is no verdict. The settled label holds the annotator's own vote too, so precision and recall
flatter a little; agreement with the others' majority does not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ccd.measures.aggregation import others_majority, vote_counts
from ccd.measures.proportions import holm, trend, wilson
from ccd.measures.vote_matrix import code
from ccd.vocabulary import Status

Ints = npt.NDArray[np.int64]

TENTHS = 10
SURE = 0.05  # a p-value below it is a change


@dataclass(frozen=True)
class Share:
    """`part` of `of` judgments; `value` is None where `of` is 0, and then `reason` says why."""

    value: float | None
    part: int
    of: int
    reason: str | None = None


@dataclass(frozen=True)
class Trend:
    """How `others` changes over an annotator's own time: `z` below 0 where it falls (Cochran-Armitage).

    `p` is adjusted by Holm's method for all annotators that are tested; `changes` is true where it is below SURE.
    """

    z: float
    p: float
    changes: bool


@dataclass(frozen=True)
class Scorecard:
    """One annotator on one question. `cannot_judge` and `skipped` are pairs, and about all questions at once.

    `others`: judgments that are the majority of the others on that pair; ties of the others are left out.
    `others_ci` is its 95 % interval (Wilson), None where `others` has no value.
    `precision`, `recall` (label → Share) and `confusion` [given][settled] are against the settled labels.
    `seconds` is the median a judgment, `fast` the share of judgments under the set time, of those that were timed.
    `drift` is `others` in each tenth of the annotator's own judgments, first to last; `trend` is
    the test of it, None where there are too few.
    """

    judgments: int
    cannot_judge: int
    skipped: int
    others: Share
    precision: dict[str, Share]
    recall: dict[str, Share]
    confusion: list[list[int]]
    seconds: float | None
    fast: Share
    drift: list[Share]
    others_ci: tuple[float, float] | None = None
    trend: Trend | None = None

    def to_dict(self) -> dict[str, Any]:
        """For JSON: the fields above, a Share as {value, part, of, reason}."""
        return asdict(self) | {"others_ci": None if self.others_ci is None else list(self.others_ci)}


def scorecards(
    df: pd.DataFrame,
    labels: Sequence[Any],
    settled: "pd.Series[Any]",
    fastest: float = 2.0,
    answered: Mapping[tuple[str, str], int] | None = None,
) -> dict[Any, Scorecard]:
    """Annotator → scorecard, by name, of the judgments `df` (task, worker, label; one row a judgment).

    No worker may be on a task twice. `df` may have `seconds` (of a judgment) and `created_at` (ISO 8601). `labels` are
    a choice's labels in order, empty for scores, which have no majority. `settled` is task → label, missing or None
    where there is none. `answered` is what `ccd.campaign.tables.judgments.answer_counts` gives: (annotator, status) →
    pairs. Raises CcdError as `ccd.measures.vote_matrix.code` does.

    >>> votes = [("p", "a", "yes"), ("p", "b", "yes"), ("p", "c", "no")]
    >>> df = pd.DataFrame(votes, columns=["task", "worker", "label"])
    >>> cards = scorecards(df, ["no", "yes"], pd.Series({"p": "yes"}))
    >>> cards["a"].others.reason, cards["c"].others.value, cards["c"].confusion
    ('the others tie or are not there', 0.0, [[0, 1], [0, 0]])
    """
    answered = answered or {}
    everybody = sorted({*df["worker"].unique(), *(name for name, _status in answered)})
    worker = pd.Index(everybody, dtype=object).get_indexer(pd.Index(df["worker"], dtype=object)).astype(np.int64)
    given, agreed = _against_the_others(df, labels)
    compared = agreed >= 0
    right = agreed == 1
    others = _shares(worker, compared, right, len(everybody), _no_others(labels))
    drift = _drift(df, worker, compared, right, len(everybody), labels)
    trends = _trends(dict(zip(everybody, drift, strict=True)))
    confusion = _confusion(df["task"], worker, given, labels, settled, len(everybody))
    seconds = _seconds(df)
    median = pd.Series(seconds).groupby(worker).median().reindex(range(len(everybody)))
    fast = _shares(worker, ~np.isnan(seconds), seconds < fastest, len(everybody), "no seconds recorded")
    total = np.bincount(worker, minlength=len(everybody))
    return {
        name: Scorecard(
            judgments=int(total[i]),
            cannot_judge=answered.get((name, Status.CANNOT_JUDGE), 0),
            skipped=answered.get((name, Status.SKIPPED), 0),
            others=others[i],
            precision=_of_label(confusion[i], labels, 1, "never given to a settled pair"),
            recall=_of_label(confusion[i], labels, 0, "no settled pair of it judged"),
            confusion=confusion[i].tolist(),
            seconds=None if np.isnan(median[i]) else float(median[i]),
            fast=fast[i],
            drift=drift[i],
            others_ci=wilson(others[i].part, others[i].of) if others[i].of else None,
            trend=trends.get(name),
        )
        for i, name in enumerate(everybody)
    }


def confusions(df: pd.DataFrame, labels: Sequence[Any]) -> Ints:
    """How often one annotator said the one and another the other of the same pair: [labels, labels], symmetric.

    Each two judgments of a pair are counted in both orders (the coincidences of Krippendorff, unweighted). Empty for
    scores, which have no `labels`.
    """
    if not labels:
        return np.zeros((0, 0), dtype=np.int64)
    counts = vote_counts(code(df, labels)).astype(float)  # float: BLAS multiplies
    both: Ints = np.rint(counts.T @ counts - np.diag(counts.sum(axis=0))).astype(np.int64)
    return both


def _against_the_others(df: pd.DataFrame, labels: Sequence[Any]) -> tuple[Ints, Ints]:
    """Each judgment's label (place in `labels`), and whether it is the others' majority: 1, 0, or -1 without one."""
    given, agreed = np.zeros(len(df), dtype=np.int64), np.full(len(df), -1)
    if labels:
        coded = code(df, labels)
        filled = coded.label >= 0  # in the order of tasks, and of rows in a task
        rows = np.argsort(pd.factorize(df["task"])[0], kind="stable")
        given[rows], leading = coded.label[filled], others_majority(coded)[filled]
        agreed[rows] = np.where(leading < 0, -1, leading == coded.label[filled])
    return given, agreed


def _shares(worker: Ints, counted: Any, part: Any, size: int, reason: str) -> list[Share]:
    """Return the share of `part` among the `counted` judgments, for each worker 0 … size - 1."""
    of = np.bincount(worker[counted], minlength=size).tolist()
    parts = np.bincount(worker[counted & part], minlength=size).tolist()
    return [_share(a, b, reason) for a, b in zip(parts, of, strict=True)]


def _share(part: int, of: int, reason: str) -> Share:
    return Share(part / of, part, of) if of else Share(None, 0, 0, reason)


def _no_others(labels: Sequence[Any]) -> str:
    return "the others tie or are not there" if labels else "scores have no majority"


def _drift(
    df: pd.DataFrame, worker: Ints, compared: Any, right: Any, size: int, labels: Sequence[Any]
) -> list[list[Share]]:
    if "created_at" not in df.columns:
        return [[] for _ in range(size)]
    when = pd.DatetimeIndex(pd.to_datetime(df["created_at"], format="ISO8601", utc=True)).asi8
    order = np.lexsort((when, worker))  # each worker's judgments together, in time order
    length = np.bincount(worker, minlength=size)
    first = np.cumsum(length) - length
    place = np.empty(len(df), dtype=np.int64)
    place[order] = np.arange(len(df)) - np.repeat(first, length)
    tenth = worker * TENTHS + place * TENTHS // np.maximum(length, 1)[worker]
    flat = _shares(tenth, compared, right, size * TENTHS, _no_others(labels))
    return [flat[i * TENTHS : (i + 1) * TENTHS] for i in range(size)]


def _trends(drift: Mapping[Any, Sequence[Share]]) -> dict[Any, Trend]:
    """Of the annotators whose tenths can be tested."""
    found = {name: trend([each.part for each in some], [each.of for each in some]) for name, some in drift.items()}
    tested = {name: each for name, each in found.items() if each is not None}
    adjusted = holm({name: p for name, (_, p) in tested.items()})
    return {name: Trend(z, adjusted[name], adjusted[name] < SURE) for name, (z, _) in tested.items()}


def _confusion(
    task: "pd.Series[Any]", worker: Ints, given: Ints, labels: Sequence[Any], settled: "pd.Series[Any]", size: int
) -> Ints:
    """Judgments of pairs with a settled label: [workers, given, settled]."""
    width = len(labels)
    known = settled.dropna()
    if not width or not len(known):
        return np.zeros((size, width, width), dtype=np.int64)
    places = pd.Index(labels, dtype=object).get_indexer(pd.Index(known, dtype=object))
    truth = np.append(places, -1)[known.index.get_indexer(pd.Index(task))]
    has = truth >= 0  # -1 too where the label is one that the protocol no longer has
    cell = (worker[has] * width + given[has]) * width + truth[has]
    return np.bincount(cell, minlength=size * width * width).reshape(size, width, width)


def _of_label(confusion: Ints, labels: Sequence[Any], axis: int, reason: str) -> dict[str, Share]:
    """Return the diagonal over the sums along `axis`.

    1 sums what was given (precision), 0 what was settled (recall).
    """
    right, of = np.diagonal(confusion).tolist(), confusion.sum(axis=axis).tolist()
    return {str(label): _share(right[i], of[i], reason) for i, label in enumerate(labels)}


def _seconds(df: pd.DataFrame) -> npt.NDArray[np.float64]:
    if "seconds" not in df.columns:
        return np.full(len(df), np.nan)
    return pd.to_numeric(df["seconds"]).to_numpy(float)
