"""The annotators' judgments behind a release as small numbers, and the agreement they show."""

from array import array
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ccd.campaign.agreement import of_judged
from ccd.campaign.revisions import Revision
from ccd.measures.related import GROUP
from ccd.protocol import Question

Facts = dict[str, Any]


class Voted:
    """Takes judgments pair by pair: 14 bytes of each, and the leakage group of each pair.

    >>> voted = Voted(protocol.questions, revisions)  # doctest: +SKIP
    >>> voted.pair("x:1:0"); voted.add("relation", "A1", "implicit", 1, "random")  # doctest: +SKIP
    """

    def __init__(self, questions: Sequence[Question], asked: Sequence[Revision]) -> None:
        self._questions, self._asked = questions, asked
        self._codes = {question.name: _Codes() for question in questions}
        self._groups: list[str | None] = []  # of each pair

    def pair(self, group: str | None) -> None:
        """Go on to the next pair; `group` is its leakage group, None where it shares none."""
        self._groups.append(group)

    def add(self, question: str, worker: str, label: str | float, revision: int, arm: str | None) -> None:
        """Take a judgment of the pair."""
        self._codes[question].add(len(self._groups) - 1, worker, label, revision, arm)

    def agreement(self) -> Facts:
        """Agreement on each question over all judged pairs, as `ccd agreement` finds it."""
        found = {each.name: self._codes[each.name].frame(self._groups) for each in self._questions}
        return {each.name: self._of(found[each.name], each) for each in self._questions}

    def by_arm(self) -> Facts:
        """Agreement on the first question of the pairs of each arm; nothing where all are of one."""
        frame = self._codes[self._questions[0].name].frame(self._groups)
        arms = sorted(set(frame["arm"].dropna()))
        return {arm: self._of(frame[frame["arm"] == arm], self._questions[0]) for arm in arms if len(arms) > 1}

    def _of(self, frame: pd.DataFrame, question: Question) -> Facts:
        return of_judged(frame, question, self._asked).to_dict(names=False)


class _Codes:
    """Judgments on one question."""

    def __init__(self) -> None:
        self._columns = array("i"), array("h"), array("i"), array("h"), array("h")
        self._names: tuple[dict[Any, int], ...] = ({}, {}, {})  # of workers, labels (or scores) and arms

    def add(self, pair: int, worker: str, label: str | float, revision: int, arm: str | None) -> None:
        at = [of.setdefault(name, len(of)) for of, name in zip(self._names, (worker, label, arm), strict=True)]
        for column, code in zip(self._columns, (pair, at[0], at[1], at[2], revision), strict=True):
            column.append(code)

    def frame(self, groups: Sequence[str | None]) -> pd.DataFrame:
        """Return the judgments as a frame: task, revision, worker, label, arm, leakage_group."""
        pairs, *codes, under = (np.asarray(column, dtype=np.int32) for column in self._columns)
        frame = pd.DataFrame({"task": pairs, "revision": under})
        for name, code, names in zip(("worker", "label"), codes, self._names, strict=False):
            frame[name] = pd.Categorical.from_codes(code, pd.Index(list(names)))
        frame["arm"] = np.array([*self._names[2], None], dtype=object)[codes[2]]
        frame[GROUP] = pd.Series(list(groups), dtype=object).take(pairs).to_numpy()
        return frame
