"""Which answers of adjudicators count.

On their desk in Label Studio adjudicators see the complete page, so they answer every question of a pair, also those
that the votes had settled. There an answer counts for the questions that were open when it came in, and for good,
whatever is voted later; and for those that are open now. A decision in the review app is about one question alone and
always counts. Of several that count on one question the first is the label.
"""

import functools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from ccd.campaign.adjudication import MARK
from ccd.campaign.tables import schema
from ccd.campaign.tables.frames import frame_of
from ccd.vocabulary import Role, Status

if TYPE_CHECKING:
    from collections.abc import Collection

    import pandas as pd


@dataclass(frozen=True)
class Adjudications:
    """The adjudicators' answers to one question, and what the annotators had answered by then.

    `given` has one row an answer, the oldest first: task, label, by_desk (False: decided in the review
    app), first and last (the judgments with which this answer first came in, and as it is now). `versions` are all
    versions of the annotators' answers to these pairs.
    """

    question: str
    given: "pd.DataFrame"
    versions: "pd.DataFrame"

    def standing(self, open_pairs: "Collection[str]") -> "pd.DataFrame":
        """Return the answer that counts on each pair, index task; those given on the desk count on the `open_pairs`."""
        counts = ~self.given["by_desk"] | self.given["task"].isin(open_pairs)
        return self.given[counts].drop_duplicates("task").set_index("task")

    def answered_before(self, judgment: "pd.Series[int]") -> "pd.DataFrame":
        """Return the annotators' answers that counted when a judgment came in (task → judgment_id).

        Columns: task, worker, label (None: cannot judge, or given before the question was asked).
        """
        early = self.versions["judgment_id"] < self.versions["task"].map(judgment).astype(float)  # NaN: not of these
        last = self.versions[early].sort_values("version", kind="stable").drop_duplicates("annotation", keep="last")
        found = self.versions.loc[self.versions.index.isin(last.index)]
        found = found[found["status"].isin((Status.VALID, Status.CANNOT_JUDGE))]
        found = found.sort_values("status", key=lambda status: status != Status.VALID, kind="stable")
        return found.drop_duplicates(["task", "worker"])[["task", "worker", "label"]].reset_index(drop=True)

    def first_on_desk(self) -> "pd.Series[int]":
        """Return the judgment with which the first answer on the desk came in, for each pair that has one."""
        return self.given[self.given["by_desk"]].groupby("task")["first"].min()


def adjudications(db: sa.Connection, question: str) -> Adjudications:
    """Look up the adjudicators' answers to a question."""
    j = schema.judgments.c
    lead = _frame(db, question, j.role == Role.ADJUDICATOR)
    valid = lead[(lead["status"] == Status.VALID) & lead["label"].notna()]
    first = valid.groupby("annotation")["judgment_id"].min()
    newest = lead.sort_values("version", kind="stable").drop_duplicates("annotation", keep="last")
    given = lead[lead.index.isin(newest.index.intersection(valid.index))]
    given = given.assign(by_desk=~given["annotation"].str.startswith(MARK), first=given["annotation"].map(first))
    given = given.rename(columns={"judgment_id": "last"})[["task", "label", "by_desk", "first", "last"]]
    judged = sa.select(j.pair_id).where(j.role == Role.ADJUDICATOR)
    return Adjudications(question, given, _frame(db, question, (j.role == Role.ANNOTATOR) & j.pair_id.in_(judged)))


def _frame(db: sa.Connection, question: str, which: Any) -> "pd.DataFrame":
    """All versions of these judgments, the oldest annotation first, with the column `label`."""
    import pandas as pd

    j = schema.judgments.c
    named = (j.judgment_id, j.annotation, j.version, j.pair_id.label("task"), j.annotator.label("worker"), j.status)
    rows = sa.select(*named, j.answers.label("label")).where(which).order_by(j.created_at, j.judgment_id)
    frame = frame_of(db, rows, differ=("judgment_id", "annotation"))
    answer = functools.lru_cache(10_000)(lambda answers: None if answers is None else json.loads(answers).get(question))
    frame["label"] = pd.Series([answer(answers) for answers in frame["label"]], dtype=object)
    for column in ("judgment_id", "version"):
        frame[column] = frame[column].astype("int64")
    return frame
