"""From votes to one label a pair: majority for choices, mean for scores. What a tie does is always said.

A pair is *complete* when `required` judgments are there. Where all who were asked have answered, but some could not
judge, it settles if more than half of `required` agree, and is open otherwise: nobody waits for a vote that never
comes.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from ccd.errors import CcdError

UNANIMOUS = "unanimous"
MAJORITY = "majority"
MEAN = "mean"
DROPPED = "dropped"
OPEN = "open"
INCOMPLETE = "incomplete"


class MajorityVote:
    """The label with most votes; a tie is settled by `tie_rule`, never by chance.

    `tie_rule` is `adjudicate` (the pair stays open), `drop`, or `rule:<label>,<label>,…` (the first of the tied labels
    in that order; open where none of them is named).

    After `fit_predict`: `labels_` (Series task → label, None where there is none), `probas_` (frame task × label:
    shares of the votes, 0 without votes) and `table_` (frame task × label: counts, and `resolved_by`: unanimous,
    majority, the tie rule, dropped, open or incomplete).

    Same columns as crowd-kit's aggregators (Ustalov et al. 2024, JOSS 9(96), 6227).

    >>> votes = pd.DataFrame(
    ...     [("p1", "a", "yes"), ("p1", "b", "yes"), ("p1", "c", "no")], columns=["task", "worker", "label"]
    ... )
    >>> majority = MajorityVote(["no", "yes"], required=3)
    >>> majority.fit_predict(votes)["p1"], majority.table_["resolved_by"]["p1"]
    ('yes', 'majority')
    """

    labels_: "pd.Series[str]"
    probas_: pd.DataFrame
    table_: pd.DataFrame

    def __init__(self, labels: Sequence[str], tie_rule: str = "adjudicate", required: int = 3) -> None:
        self.labels = tuple(labels)
        self.tie_rule = tie_rule
        self.required = required
        self._order = _rule_order(tie_rule, self.labels)

    def fit_predict(self, df: pd.DataFrame, answered: "pd.Series[int] | None" = None) -> "pd.Series[str]":
        """Settle each task.

        `df` has one row a vote: task, worker, label. `answered` (task → number of people that answered at all, `cannot
        judge` included) may name tasks without votes. Returns Series task → label, sorted by task. Raises CcdError for
        a label outside `labels`, or two votes of one worker on one task.
        """
        _check(df)
        outside = df.loc[~df["label"].isin(self.labels)]
        if len(outside):
            row = outside.iloc[0]
            known = ", ".join(self.labels)
            raise CcdError(f"{row['task']}: {row['label']!r} is not one of {known}; check the protocol")
        tasks, place, seen = _tasks(df, answered)
        width = len(self.labels)
        column = pd.Categorical(df["label"], categories=list(self.labels)).codes
        counts = np.bincount(place * width + column, minlength=len(tasks) * width).reshape(len(tasks), width)
        winner, resolved = self._settle(counts, seen)
        names = np.array([*self.labels, None], dtype=object)  # winner -1: none
        total = counts.sum(axis=1, keepdims=True)
        self.labels_ = pd.Series(names[winner], index=tasks, name="label", dtype=object)
        self.probas_ = pd.DataFrame(counts / np.maximum(total, 1), index=tasks, columns=list(self.labels))
        self.table_ = pd.DataFrame(counts, index=tasks, columns=list(self.labels)).assign(resolved_by=resolved)
        return self.labels_

    def _settle(
        self, counts: npt.NDArray[np.int64], seen: npt.NDArray[np.int64]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.object_]]:
        """Winner (column, -1 for none) and resolved_by of each row of `counts` [tasks, labels]."""
        total, top = counts.sum(axis=1), counts.max(axis=1)
        tied = (counts == top[:, None]).sum(axis=1) > 1
        complete = total >= self.required
        answered = ~complete & (seen >= self.required)
        resolved = np.full(len(counts), INCOMPLETE, dtype=object)
        resolved[answered] = OPEN
        resolved[(complete & ~tied) | (answered & (2 * top > self.required))] = MAJORITY
        resolved[complete & (top == total)] = UNANIMOUS
        winner = np.where(np.isin(resolved, [MAJORITY, UNANIMOUS]), counts.argmax(axis=1), -1)
        for row in np.flatnonzero(complete & tied):
            winner[row], resolved[row] = self._break(counts[row])
        return winner, resolved

    def _break(self, counts: npt.NDArray[np.int64]) -> tuple[int, str]:
        tied = np.flatnonzero(counts == counts.max())
        for column in self._order:
            if column in tied:
                return column, self.tie_rule
        return -1, DROPPED if self.tie_rule == "drop" else OPEN


class MeanScore:
    """The mean of the scores, with the interface of MajorityVote.

    After `fit_predict`: `labels_` (Series task → mean, NaN where there is none) and `table_` (frame, index task:
    columns votes, mean, resolved_by: mean, open or incomplete).

    >>> votes = pd.DataFrame([("p1", "a", 1.0), ("p1", "b", 2.0)], columns=["task", "worker", "label"])
    >>> MeanScore(required=2).fit_predict(votes)["p1"]
    np.float64(1.5)
    """

    labels_: "pd.Series[float]"
    table_: pd.DataFrame

    def __init__(self, required: int = 3) -> None:
        self.required = required

    def fit_predict(self, df: pd.DataFrame, answered: "pd.Series[int] | None" = None) -> "pd.Series[float]":
        """Settle each task; arguments and errors as in MajorityVote.fit_predict, labels are numbers."""
        _check(df)
        scores = pd.to_numeric(df["label"], errors="coerce").to_numpy(float)
        if not np.isfinite(scores).all():
            row = df.loc[~np.isfinite(scores)].iloc[0]
            raise CcdError(f"{row['task']}: {row['label']!r} is no number; check the protocol")
        tasks, place, seen = _tasks(df, answered)
        total = np.bincount(place, minlength=len(tasks))
        mean = np.bincount(place, scores, minlength=len(tasks)) / np.maximum(total, 1)
        settled = (total >= self.required) | ((seen >= self.required) & (2 * total > self.required))
        waiting = np.where(seen >= self.required, OPEN, INCOMPLETE)
        self.labels_ = pd.Series(np.where(settled, mean, np.nan), index=tasks, name="label")
        self.table_ = pd.DataFrame(
            {"votes": total, "mean": self.labels_, "resolved_by": np.where(settled, MEAN, waiting).astype(object)}
        )
        return self.labels_


def _rule_order(tie_rule: str, labels: tuple[str, ...]) -> tuple[int, ...]:
    """Columns in the order of a `rule:…`; empty for `adjudicate` and `drop`."""
    if tie_rule in ("adjudicate", "drop"):
        return ()
    kind, _, names = tie_rule.partition(":")
    order = [name.strip() for name in names.split(",")]
    if kind != "rule" or not set(order) <= set(labels) or len(set(order)) < len(order):
        raise CcdError(
            f"tie_rule is {tie_rule!r}; write adjudicate, drop, or rule: and labels once each out of {','.join(labels)}"
        )
    return tuple(labels.index(name) for name in order)


def _check(df: pd.DataFrame) -> None:
    missing = {"task", "worker", "label"} - set(df.columns)
    if missing:
        raise CcdError(f"votes lack the column {sorted(missing)[0]!r}; columns must be task, worker, label")
    twice = df.loc[df.duplicated(["task", "worker"])]
    if len(twice):
        row = twice.iloc[0]
        raise CcdError(f"{row['task']}: {row['worker']} votes twice; keep one vote a person and pair")


def _tasks(
    df: pd.DataFrame, answered: "pd.Series[int] | None"
) -> tuple["pd.Index[str]", npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Sorted tasks; place of each vote's task among them [votes]; number of people that answered each task [tasks]."""
    tasks = pd.Index(df["task"].unique())
    if answered is not None:
        tasks = tasks.union(answered.index)
    tasks = pd.Index(sorted(tasks), dtype=object, name="task")
    place = tasks.get_indexer(pd.Index(df["task"], dtype=object)).astype(np.int64)
    seen = np.bincount(place, minlength=len(tasks))
    if answered is not None:
        seen = np.maximum(seen, answered.reindex(tasks, fill_value=0).to_numpy(np.int64))
    return tasks, place, seen.astype(np.int64)
