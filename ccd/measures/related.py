"""Pairs that are not independent: those of one photo, post, author or text, which a bootstrap draws together.

Judgments of one photo's pairs resemble each other, so an interval that draws pairs one by one is too narrow. Whole
leakage groups are drawn, with replacement.

Davison, A. C., & Hinkley, D. V. (1997). Bootstrap methods and their application. Section 3.8, strategy 1.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ccd.measures.patterns import Codes, Crossed, Ints, Patterns, kinds_of, votes_of
from ccd.measures.vote_matrix import VoteMatrix

GROUP = "leakage_group"  # the column of a frame of judgments that names each task's group


@dataclass(frozen=True)
class Clusters:
    """The pairs of a table that are drawn together; all other pairs are drawn one by one.

    `place` [pairs] is each one's pattern, -1 where it has none, and `group` [pairs] its group, from 0.
    """

    place: Ints
    group: Ints

    @property
    def number(self) -> int:
        """How many groups these pairs make."""
        return int(self.group.max(initial=-1)) + 1


@dataclass(frozen=True)
class Related:
    """The judged pairs that share their group with another: `label` and `worker` [pairs, slots], `group` [pairs]."""

    label: Codes
    worker: Codes
    group: Ints

    @classmethod
    def of(cls, coded: VoteMatrix, worker: Codes, group: "pd.Series[Any] | None") -> "Related | None":
        """Return the related pairs among `coded`, whose tasks have these groups; None where no two pairs share one.

        `worker` are its annotators as they are numbered in the tables. A task without a group is alone.
        """
        if group is None:
            return None
        number = pd.factorize(group)[0]
        many = (number >= 0) & (np.bincount(number[number >= 0], minlength=number.max(initial=0) + 1)[number] > 1)
        if not many.any():
            return None
        return cls(coded.label[many], worker[many], pd.factorize(number[many])[0].astype(np.int64))

    def voted(self, table: Patterns, times: Ints) -> Clusters:
        """Return the pairs' places in `table`, of which each annotator's vote counts so many `times` [annotators]."""
        counted = np.where(self.label >= 0, times[self.worker], 0)
        columns = [*votes_of(self.label, counted, table.counts.shape[1]).T, (counted**2).sum(axis=1)]
        theirs = np.column_stack([table.counts, table.own]).astype(np.int64)
        return Clusters(_find(np.column_stack(columns), theirs), self.group)

    def crossed(self, table: Crossed) -> Clusters:
        """Return the pairs' places in the `table` of two annotators."""
        said = np.stack([np.where(self.worker == each, self.label, -1).max(axis=1) for each in table.workers], axis=1)
        return Clusters(np.where((said >= 0).all(axis=1), _find(said, table.label), -1), self.group)


def _find(rows: Codes, table: Codes) -> Ints:
    """Return the place of each row [rows, columns] in the `table` [places, columns], -1 where it is not there."""
    both = np.concatenate([table, rows])
    number, kind = kinds_of(list(both.T), [int(column.max(initial=0)) + 2 for column in both.T])
    place = np.full(len(number), -1, dtype=np.int64)
    place[kind[: len(table)]] = np.arange(len(table))
    return place[kind[len(table) :]]
