"""From votes to one label a pair: majority for choices, mean for scores. What a tie does is always said (ties.py).

A pair is *complete* when `required` judgments are there. Where all who were asked have answered, but some could not
judge, it settles if more than half of `required` agree, and is open otherwise: nobody waits for a vote that never
comes.

The aggregators have crowd-kit's interface (Ustalov et al. 2024, JOSS 9(96), 6227): `fit_predict(df)` over the columns
`task, worker, label`, what is learned in `labels_` and `probas_`. Unlike crowd-kit's they leave a tie open.
"""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

from ccd.errors import InputError
from ccd.measures.ties import ADJUDICATE, OPEN, check_tie_rule, settle_scores, winner
from ccd.measures.vote_matrix import VoteMatrix, code

UNANIMOUS = "unanimous"
MAJORITY = "majority"
WEIGHTED = "weighted"
MEAN = "mean"
INCOMPLETE = "incomplete"

MOST_KINDS = 2**16  # ways to fill the slots of a pair that are told apart by one small integer

Ints = npt.NDArray[np.int64]
Labels = npt.NDArray[np.int8]


def vote_counts(coded: VoteMatrix) -> Ints:
    """Return the votes for each label [pairs, labels].

    >>> df = pd.DataFrame({"task": ["p", "p", "q"], "worker": ["a", "b", "a"], "label": ["no", "yes", "no"]})
    >>> vote_counts(code(df)).tolist()
    [[1, 1], [1, 0]]
    """
    counts, kind = _kinds(coded)
    return np.asarray(counts[kind])


def majority(coded: VoteMatrix) -> Labels:
    """Return the label that most votes of each pair are for, as its place in `coded.labels` [pairs]; -1 for a tie.

    >>> df = pd.DataFrame({"task": ["p", "p", "q"], "worker": ["a", "b", "a"], "label": ["no", "yes", "no"]})
    >>> majority(code(df)).tolist()
    [-1, 0]
    """
    counts, kind = _kinds(coded)
    return np.asarray(winner(counts)[kind])


def others_majority(coded: VoteMatrix) -> Labels:
    """Return what the majority of the others says beside each judgment [pairs, slots].

    -1 for a tie, nobody or no judgment.

    >>> df = pd.DataFrame({"task": ["p"] * 3, "worker": ["a", "b", "c"], "label": ["no", "yes", "no"]})
    >>> others_majority(code(df)).tolist()
    [[-1, 0, -1]]
    """
    counts, kind = _kinds(coded)
    without = np.full((len(coded.labels) + 1, len(counts)), -1, dtype=np.int8)  # by own label; the last where empty
    for label in range(len(coded.labels)):
        less = counts.copy()
        less[:, label] = np.maximum(less[:, label] - 1, 0)
        without[label] = winner(less)
    return np.asarray(without[coded.label, kind[:, None]])


def _kinds(coded: VoteMatrix) -> tuple[Ints, npt.NDArray[Any]]:
    """Count the votes by kind of pair: counts [kinds, labels], and the kind of each pair [pairs].

    With few slots and labels a kind is one way to fill the slots, whether or not a pair has it; then a million pairs
    cost milliseconds. Otherwise every pair is a kind of its own.
    """
    labels, slots = len(coded.labels), coded.label.shape[1]
    kinds = (labels + 1) ** slots
    if kinds > MOST_KINDS:
        each = np.array([(coded.label == label).sum(axis=1) for label in range(labels)])
        return each.T, np.arange(len(coded.label))
    kind: npt.NDArray[Any] = np.zeros(len(coded.label), dtype=np.uint8 if kinds <= 2**8 else np.uint16)
    for slot in range(slots):
        kind *= labels + 1
        kind += (coded.label[:, slot] + 1).astype(kind.dtype)
    filled = np.indices((labels + 1,) * slots, dtype=np.int8).reshape(slots, kinds)  # label + 1, 0 where empty
    counts = np.array([(filled == label + 1).sum(axis=0) for label in range(labels)], dtype=np.int64)
    return counts.reshape(labels, kinds).T, kind


def check_required(required: int) -> int:
    """Return the votes that a task needs. Raises CcdError for anything but an integer from 1 up."""
    if isinstance(required, bool) or not isinstance(required, (int, np.integer)) or required < 1:
        raise InputError(f"required is {required!r}; write how many votes a task needs, from 1 up")
    return int(required)


class Aggregator:
    """What aggregators have in common, as scikit-learn's estimators do: their settings, and `fit`."""

    labels_: "pd.Series[Any]"
    table_: pd.DataFrame

    def fit_predict(self, df: pd.DataFrame) -> "pd.Series[Any]":
        """Settle each task of `df` (task, worker, label; one row a judgment): task → label, sorted."""
        raise NotImplementedError

    def fit(self, df: pd.DataFrame) -> Self:
        """Settle each task of `df` and return the aggregator, which holds what it learned."""
        self.fit_predict(df)
        return self

    def get_params(self) -> dict[str, Any]:
        """Return the settings that the aggregator was made with, by name."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def __repr__(self) -> str:
        defaults = {name: each.default for name, each in inspect.signature(type(self)).parameters.items()}
        told = (f"{name}={value!r}" for name, value in self.get_params().items() if value is not defaults[name])
        return f"{type(self).__name__}({', '.join(told)})"


class MajorityVote(Aggregator):
    """The label with most votes.

    `labels` in their order (empty: those that occur, sorted); `tie_rule` as in ccd/measures/ties.py, with the workers
    that `experts` names; a task with fewer than `required` votes gets no label (1, as in crowd-kit: any vote will do;
    campaigns and `ccd labels --table` ask for 3).

    After `fit_predict`, with a row a task, sorted: `labels_` (Series task → label, None where there is none), `probas_`
    (frame task x label: shares of the votes, 0 without votes) and `table_` (frame task x label: counts, and
    `resolved_by`: unanimous, majority, expert, the rule, dropped, open or incomplete).

    >>> votes = pd.DataFrame(
    ...     [("p1", "a", "yes"), ("p1", "b", "yes"), ("p1", "c", "no")], columns=["task", "worker", "label"]
    ... )
    >>> vote = MajorityVote(["no", "yes"])
    >>> vote.fit_predict(votes)["p1"], vote.table_["resolved_by"]["p1"]
    ('yes', 'majority')
    """

    labels_: "pd.Series[Any]"
    probas_: pd.DataFrame
    table_: pd.DataFrame

    def __init__(
        self,
        labels: Sequence[Any] = (),
        *,
        tie_rule: str = ADJUDICATE,
        required: int = 1,
        experts: Sequence[Any] = (),
    ) -> None:
        check_tie_rule(tie_rule, labels)
        self.labels = tuple(labels)
        self.tie_rule = tie_rule
        self.required = check_required(required)
        self.experts = tuple(experts)

    def fit_predict(self, df: pd.DataFrame, answered: "pd.Series[int] | None" = None) -> "pd.Series[Any]":
        """Settle each task.

        `df` has one row a vote: task, worker, label. `answered` (task → number of people that answered at all, `cannot
        judge` included) may name tasks without votes. Returns Series task → label, sorted by task. Raises CcdError as
        ccd.measures.vote_matrix.code does: for a label outside `labels`, or two votes of one worker on one task.
        """
        coded = code(df, self.labels)
        tasks, counts, heard = coded.tasks, vote_counts(coded), expert_votes(coded, self.experts)
        seen = counts.sum(axis=1)
        if answered is not None:
            without = answered.index.difference(tasks)
            nothing = np.zeros((len(without), counts.shape[1]), dtype=np.int64)
            tasks, counts, heard = tasks.append(without), np.vstack([counts, nothing]), np.vstack([heard, nothing])
            seen = np.maximum(counts.sum(axis=1), answered.reindex(tasks, fill_value=0).to_numpy(np.int64))
        total, top = counts.sum(axis=1), counts.max(axis=1, initial=0)
        chosen, resolved = settle_scores(counts, MAJORITY, coded.labels, self.tie_rule, heard)
        resolved[top == total] = UNANIMOUS
        few = total < self.required
        most = few & (seen >= self.required) & (2 * top > self.required)
        resolved[most] = MAJORITY
        resolved[few & ~most] = np.where(seen[few & ~most] >= self.required, OPEN, INCOMPLETE)
        chosen[few & ~most] = -1
        shares = counts / np.maximum(total, 1)[:, None]
        self.labels_, self.probas_, self.table_ = results(coded.labels, tasks, chosen, shares, counts, resolved)
        return self.labels_


class WeightedMajority(Aggregator):
    """The label whose votes weigh most.

    `weights` (worker → weight, from 0 up) or, where it is None, each worker's agreement with the majority of the
    others, over the votes that have such a majority; who has none of them weighs as the average vote does. That is
    Wawa ("worker agreement with aggregate", Appen; in crowd-kit), but that nobody is compared with their own vote.

    Other arguments as in MajorityVote. After `fit_predict`: `weights_` (Series worker → weight), `labels_`, `probas_`
    (shares of the weight), and `table_`, whose `resolved_by` is unanimous, weighted, or as in MajorityVote.

    >>> votes = pd.DataFrame(
    ...     [("p1", "a", "yes"), ("p1", "b", "no"), ("p1", "c", "no")], columns=["task", "worker", "label"]
    ... )
    >>> WeightedMajority(weights={"a": 3, "b": 1, "c": 1}).fit_predict(votes)["p1"]
    'yes'
    """

    weights_: "pd.Series[float]"
    labels_: "pd.Series[Any]"
    probas_: pd.DataFrame
    table_: pd.DataFrame

    def __init__(
        self,
        labels: Sequence[Any] = (),
        *,
        weights: "Mapping[Any, float] | pd.Series[float] | None" = None,
        tie_rule: str = ADJUDICATE,
        required: int = 1,
        experts: Sequence[Any] = (),
    ) -> None:
        check_tie_rule(tie_rule, labels)
        self.labels = tuple(labels)
        self.weights = weights
        self.tie_rule = tie_rule
        self.required = check_required(required)
        self.experts = tuple(experts)

    def fit_predict(self, df: pd.DataFrame) -> "pd.Series[Any]":
        """Settle each task of `df` (task, worker, label); returns and raises as MajorityVote.fit_predict does.

        Raises CcdError too where a worker has no weight, or one below 0.
        """
        coded = code(df, self.labels)
        if self.weights is None:
            self.weights_ = _learned(coded)
        else:
            self.weights_ = _given(coded, self.weights)
        scores = np.zeros((len(coded.tasks), len(coded.labels)))
        weight = np.r_[self.weights_.to_numpy(float), 0.0]  # the last is that of an empty slot, -1
        for slot in range(coded.label.shape[1]):
            scores[np.arange(len(scores)), coded.label[:, slot]] += weight[coded.worker[:, slot]]
        counts, heard = vote_counts(coded), expert_votes(coded, self.experts)
        chosen, resolved = settle_scores(scores, WEIGHTED, coded.labels, self.tie_rule, heard)
        few = counts.sum(axis=1) < self.required
        chosen[few], resolved[few] = -1, INCOMPLETE
        shares = scores / np.where(scores.any(axis=1), scores.sum(axis=1), 1)[:, None]
        self.labels_, self.probas_, self.table_ = results(coded.labels, coded.tasks, chosen, shares, counts, resolved)
        return self.labels_


class MeanScore(Aggregator):
    """The mean of the scores, with the interface of MajorityVote.

    After `fit_predict`: `labels_` (Series task → mean, NaN where there is none) and `table_` (frame, index task:
    columns votes, mean, resolved_by: mean, open or incomplete).

    >>> votes = pd.DataFrame([("p1", "a", 1.0), ("p1", "b", 2.0)], columns=["task", "worker", "label"])
    >>> MeanScore(required=2).fit_predict(votes)["p1"]
    np.float64(1.5)
    """

    labels_: "pd.Series[float]"
    table_: pd.DataFrame

    def __init__(self, *, required: int = 1) -> None:
        self.required = check_required(required)

    def fit_predict(self, df: pd.DataFrame, answered: "pd.Series[int] | None" = None) -> "pd.Series[float]":
        """Settle each task; arguments and errors as in MajorityVote.fit_predict, labels are numbers."""
        tasks = code(df.assign(label="score")).tasks  # whose checks are those of labels
        scores = pd.to_numeric(df["label"], errors="coerce").to_numpy(float)
        if not np.isfinite(scores).all():
            row = df.loc[~np.isfinite(scores)].iloc[0]
            raise InputError(f"{row['task']}: {row['label']!r} is no number; check the protocol")
        if answered is not None:
            tasks = tasks.append(answered.index.difference(tasks))
        place = tasks.get_indexer(pd.Index(df["task"]))
        total = np.bincount(place, minlength=len(tasks))
        mean = np.bincount(place, scores, minlength=len(tasks)) / np.maximum(total, 1)
        seen = total if answered is None else np.maximum(total, answered.reindex(tasks, fill_value=0).to_numpy())
        settled = (total >= self.required) | ((seen >= self.required) & (2 * total > self.required))
        waiting = np.where(seen >= self.required, OPEN, INCOMPLETE)
        columns = {
            "votes": total,
            "mean": np.where(settled, mean, np.nan),
            "resolved_by": np.where(settled, MEAN, waiting).astype(object),
        }
        self.table_ = pd.DataFrame(columns, index=tasks.rename("task")).sort_index()
        self.labels_ = self.table_["mean"].rename("agg_label")
        return self.labels_


def expert_votes(coded: VoteMatrix, experts: Sequence[Any]) -> Ints:
    """Return the votes of the `experts` (workers) for each label [pairs, labels]."""
    counts = np.zeros((len(coded.label), len(coded.labels)), dtype=np.int64)
    expert = np.r_[coded.workers.isin(experts), False]  # the last is that of an empty slot, -1
    for slot in range(coded.label.shape[1] if expert.any() else 0):
        rows = np.flatnonzero(expert[coded.worker[:, slot]])
        counts[rows, coded.label[rows, slot]] += 1
    return counts


def results(
    labels: Sequence[Any],
    tasks: "pd.Index[Any]",
    chosen: Labels,
    probas: npt.NDArray[np.float64],
    counts: Ints,
    resolved: npt.NDArray[np.object_],
) -> tuple["pd.Series[Any]", pd.DataFrame, pd.DataFrame]:
    """Return what an aggregator learns, from arrays with a row a task: labels_, probas_ and table_, sorted by task."""
    order = tasks.argsort()
    index = tasks[order].rename("task")
    names = np.array([*labels, None], dtype=object)  # chosen -1: none
    return (
        pd.Series(names[chosen[order]], index=index, name="agg_label", dtype=object),
        pd.DataFrame(probas[order], index=index, columns=pd.Index(labels, name="label")),
        pd.DataFrame(counts[order], index=index, columns=list(labels)).assign(resolved_by=resolved[order]),
    )


def _learned(coded: VoteMatrix) -> "pd.Series[float]":
    """Each worker's share of agreement with the majority of the others; see WeightedMajority."""
    others = others_majority(coded)
    compared = others >= 0
    size = len(coded.workers)
    number = np.bincount(coded.worker[compared], minlength=size)
    agreed = np.bincount(coded.worker[compared & (others == coded.label)], minlength=size)
    average = agreed.sum() / number.sum() if number.any() else 1.0
    weights = np.where(number > 0, agreed / np.maximum(number, 1), average)
    return pd.Series(weights, index=coded.workers.rename("worker"), name="weight")


def _given(coded: VoteMatrix, weights: "Mapping[Any, float] | pd.Series[float]") -> "pd.Series[float]":
    found = pd.Series({worker: weights.get(worker, np.nan) for worker in coded.workers}, dtype=float, name="weight")
    for worker, weight in found.items():
        if not 0 <= weight < np.inf:  # nan too
            raise InputError(f"the weight of {worker} is {weight}; give every worker a number from 0 up")
    return found.rename_axis("worker")
