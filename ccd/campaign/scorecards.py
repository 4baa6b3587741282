"""The scorecards of a campaign's annotators, against its labels."""

from typing import Any

import pandas as pd
import sqlalchemy as sa

from ccd.campaign import adjudication
from ccd.campaign.config import FASTEST_SECONDS
from ccd.campaign.tables import judgments, schema
from ccd.campaign.tables.notes import SETTLED_UP_TO, noted
from ccd.measures.scorecards import Scorecard, scorecards
from ccd.protocol import Question


def of_campaign(db: sa.Connection, question: Question, fastest: float = FASTEST_SECONDS) -> dict[Any, Scorecard]:
    """Scorecards of a campaign's annotators on one question, against the labels as of the last `ccd labels`."""
    t = schema.labels.c
    rows = db.execute(sa.select(t.pair_id, t.label).where(t.question == question.name, t.label.is_not(None)))
    settled = pd.Series(dict(map(tuple, rows)), dtype=object)
    judged = judgments.valid_judgments(db, question.name)
    return scorecards(judged, question.labels, settled, fastest, judgments.answer_counts(db))


def labels_are_old(db: sa.Connection) -> bool:
    """Return True where judgments came after the last `ccd labels`, which precision and recall are against.

    Decisions in the review app do not count: the labels have followed them.
    """
    j = schema.judgments.c
    pulled = sa.select(j.judgment_id).where(~j.annotation.startswith(adjudication.MARK))
    last = db.scalar(pulled.order_by(j.judgment_id.desc()).limit(1))
    settled = noted(db, SETTLED_UP_TO)
    taken_in = int(settled) if settled and settled.isdecimal() else 0  # "None" where there were no judgments
    return (last or 0) > taken_in


def overruled(db: sa.Connection, question: Question) -> pd.DataFrame:
    """Return the judgments that the settled label is not: pair_id, annotator, given, settled, resolved_by; by pair.

    Labels are as of the last `ccd labels`, and decisions since. Empty for scores.
    """
    t = schema.labels.c
    rows = db.execute(
        sa.select(t.pair_id, t.label, t.resolved_by)
        .where(t.question == question.name, t.label.is_not(None), t.resolved_by != "unanimous")
        .order_by(t.pair_id)
    )
    settled = pd.DataFrame(rows.all(), columns=["pair_id", "settled", "resolved_by"])
    if question.kind == "score" or settled.empty:
        return pd.DataFrame(columns=["pair_id", "annotator", "given", "settled", "resolved_by"])
    given = judgments.valid_judgments(db, question.name)[["task", "worker", "label"]]
    given.columns = pd.Index(["pair_id", "annotator", "given"])
    both = given.merge(settled, on="pair_id")
    differ = both[both["given"] != both["settled"]]
    return differ.sort_values(["pair_id", "annotator"], ignore_index=True)
