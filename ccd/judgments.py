"""Judgments as they are stored, and which of them count.

Every annotation of Label Studio is kept in all its versions. The newest version speaks for its annotation; among an
annotator's annotations of one pair, the oldest valid one counts. Statuses that do not count are reported by `ccd pull`.
"""

import json
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from ccd import schema

if TYPE_CHECKING:
    import pandas as pd

VALID = "valid"
CANNOT_JUDGE = "cannot_judge"  # answered, and no vote
SKIPPED = "skipped"
DELETED = "deleted"  # the annotation is gone from a task that is still there
EDITED_BY_OTHER = "edited_by_other"
FOREIGN = "foreign"  # given by somebody else on this annotator's desk
OUTSIDE_PROTOCOL = "outside_protocol"  # an answer the protocol does not have, or one is missing
GROUND_TRUTH = "ground_truth"

ANSWERED = (VALID, CANNOT_JUDGE, SKIPPED)  # the annotator is done with the pair; best first
REPORTED = (EDITED_BY_OTHER, FOREIGN, GROUND_TRUTH)


def newest(db: sa.Connection, role: str = "annotator") -> "pd.DataFrame":
    """The newest version of every annotation, oldest annotation first.

    Columns: annotation, version, task (pair id), worker (annotator), status, answers (dict or None), seconds, comment,
    created_at, digest.
    """
    import pandas as pd

    j = schema.judgments.c
    rows = db.execute(
        _newest(
            j.annotation,
            j.version,
            j.pair_id.label("task"),
            j.annotator.label("worker"),
            j.status,
            j.answers,
            j.seconds,
            j.comment,
            j.created_at,
            j.digest,
        )
        .where(j.role == role)
        .order_by(j.created_at, j.judgment_id)
    )
    frame = pd.DataFrame(rows.all(), columns=list(rows.keys()), dtype=object)  # None stays None
    frame["answers"] = pd.Series([None if a is None else json.loads(a) for a in frame["answers"]], dtype=object)
    return frame


def answered(db: sa.Connection, annotator: str | None) -> set[str]:
    """The pairs that an annotator (None: any adjudicator) has answered: judged, skipped, or found that nobody could."""
    j = schema.judgments.c
    whose = j.role == "adjudicator" if annotator is None else (j.role == "annotator") & (j.annotator == annotator)
    return set(db.scalars(_newest(j.pair_id).where(whose, j.status.in_(ANSWERED))))


def tally(db: sa.Connection) -> dict[tuple[str, str], int]:
    """How many pairs each annotator has answered, by (annotator, status); of several answers to one pair the best."""
    j = schema.judgments.c
    rank = sa.case({status: place for place, status in enumerate(ANSWERED)}, value=j.status)
    best = (
        _newest(j.annotator, sa.func.min(rank).label("place"))
        .where(j.role == "annotator", j.status.in_(ANSWERED))
        .group_by(j.annotator, j.pair_id)
        .subquery()
    )
    counts = sa.select(best.c.annotator, best.c.place, sa.func.count()).group_by(best.c.annotator, best.c.place)
    return {(annotator, ANSWERED[place]): number for annotator, place, number in db.execute(counts)}


def _newest(*columns: Any) -> "sa.Select[Any]":
    """These columns of the newest version of every annotation."""
    j = schema.judgments
    last = sa.select(j.c.annotation, sa.func.max(j.c.version).label("version")).group_by(j.c.annotation).subquery()
    return sa.select(*columns).join_from(
        j, last, (j.c.annotation == last.c.annotation) & (j.c.version == last.c.version)
    )


def counted(db: sa.Connection, question: str, role: str = "annotator") -> "pd.DataFrame":
    """The judgments that count on one question, one row a pair and annotator.

    Columns: task (pair id), worker (annotator), label (text, or a number for a score), seconds, created_at. `cannot
    judge` and skips are no votes and are not here.
    """
    frame = newest(db, role)
    frame = frame[frame["status"] == VALID].drop_duplicates(["task", "worker"], keep="first")
    frame["label"] = [answers.get(question) for answers in frame["answers"]]
    return frame.dropna(subset="label")[["task", "worker", "label", "seconds", "created_at"]].reset_index(drop=True)
