"""Judgments as small integers, the form that every count of votes works on.

A frame of judgments (columns `task, worker, label`) becomes two matrices with a row a pair and as many slots as the
pair with most judgments has: three, as a rule, however many annotators there are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ccd.errors import InputError

MOST_LABELS = 127  # more names than that are no set of labels
MOST_SCORES = 32_767  # labels are coded in 16 bits at most


@dataclass(frozen=True)
class VoteMatrix:
    """Judgments in slots, filled from the left in the order of the rows; -1 where a slot is empty.

    `label` [pairs, slots] indexes `labels`, int8 for as many labels as that holds and int16 for more scores; `worker`
    int32 [pairs, slots] indexes `workers`. Both lie slot by slot in memory. Row i is `tasks[i]`, in order of first
    appearance.
    """

    label: npt.NDArray[np.int8 | np.int16]
    worker: npt.NDArray[np.int32]
    tasks: "pd.Index[Any]"
    workers: "pd.Index[Any]"
    labels: tuple[Any, ...]


def code(df: pd.DataFrame, labels: Sequence[Any] = (), repeats: bool = False) -> VoteMatrix:
    """Code the judgments `df` (task, worker, label; one row a judgment).

    `labels` in their order; empty takes those that occur, sorted. Raises CcdError for a missing column, an empty cell,
    a label outside `labels` and, unless `repeats`, for two judgments of one worker on one task.

    >>> df = pd.DataFrame({"task": ["p", "p", "q"], "worker": ["a", "b", "a"], "label": ["no", "yes", "no"]})
    >>> code(df, ["no", "yes"]).label.tolist()
    [[0, 1], [0, -1]]
    """
    for column in ("task", "worker", "label"):
        if column not in df.columns:
            raise InputError(f"judgments lack the column {column!r}; columns must be task, worker, label")
        if df[column].isna().any():
            row = int(np.argmax(df[column].isna()))
            raise InputError(f"judgment {row + 1} has no {column}; fill it in or leave the row out")
    names, domain = _labels(df["label"], labels)
    task, tasks = pd.factorize(df["task"])
    worker, workers = pd.factorize(df["worker"])
    slot = _slots(task)
    shape = (len(tasks), int(slot.max(initial=-1)) + 1)
    label_of = np.full(shape, -1, np.int8 if len(domain) <= MOST_LABELS else np.int16, order="F")
    worker_of = np.full(shape, -1, np.int32, order="F")
    label_of[task, slot] = names
    worker_of[task, slot] = worker
    coded = VoteMatrix(label_of, worker_of, pd.Index(tasks), pd.Index(workers), domain)
    if not repeats:
        _once(coded)
    return coded


def _labels(column: "pd.Series[Any]", labels: Sequence[Any]) -> tuple[npt.NDArray[np.int64], tuple[Any, ...]]:
    """Each judgment's place among the labels, and the labels."""
    found, uniques = pd.factorize(column)
    try:
        domain = tuple(labels) or tuple(sorted(uniques))
    except TypeError:
        raise InputError("some labels are numbers and some are text; make them one or the other") from None
    most = MOST_SCORES if pd.api.types.is_numeric_dtype(pd.Index(domain)) else MOST_LABELS
    if len(domain) > most:
        raise InputError(f"{len(domain)} labels; at most {most} can be told apart, see that it is the label's column")
    place = {label: i for i, label in enumerate(domain)}
    outside = [label for label in uniques if label not in place]
    if outside:
        row = int(np.argmax(column.to_numpy() == outside[0]))
        raise InputError(
            f"judgment {row + 1}: {outside[0]!r} is not one of {', '.join(map(str, domain))}; mend it or add the label"
        )
    codes = np.array([place[label] for label in uniques] or [0], dtype=np.int64)
    return codes[found], domain


def _slots(task: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """How many judgments of the same task come before each judgment."""
    order = np.argsort(task, kind="stable")
    grouped = task[order]
    first = np.flatnonzero(np.r_[True, grouped[1:] != grouped[:-1]])[: len(grouped)]
    length = np.diff(np.r_[first, len(grouped)])
    slot = np.empty(len(task), dtype=np.int64)
    slot[order] = np.arange(len(task)) - np.repeat(first, length)
    return slot


def _once(coded: VoteMatrix) -> None:
    """Refuse two judgments of one worker on one task."""
    ranked = np.sort(coded.worker, axis=1)
    twice = ((ranked[:, 1:] == ranked[:, :-1]) & (ranked[:, 1:] >= 0)).any(axis=1)
    if twice.any():
        row = int(np.argmax(twice))
        same = coded.worker[row]
        who = next(w for w in same if w >= 0 and (same == w).sum() > 1)
        raise InputError(
            f"task {coded.tasks[row]}: {coded.workers[who]} judges it twice; keep one judgment a person and task"
        )
