"""Judgments as they are stored, and which of them count.

Every annotation of Label Studio is kept in all its versions. The newest version speaks for its annotation; among an
annotator's annotations of one pair, the oldest valid one counts. Statuses that do not count are reported by `ccd pull`.
"""

import json

import pandas as pd
import sqlalchemy as sa

from ccd import schema

VALID = "valid"
CANNOT_JUDGE = "cannot_judge"  # answered, and no vote
SKIPPED = "skipped"
DELETED = "deleted"  # the annotation is gone from a task that is still there
EDITED_BY_OTHER = "edited_by_other"
FOREIGN = "foreign"  # given by somebody else on this annotator's desk
OUTSIDE_PROTOCOL = "outside_protocol"  # an answer the protocol does not have, or one is missing
GROUND_TRUTH = "ground_truth"

REPORTED = (EDITED_BY_OTHER, FOREIGN, GROUND_TRUTH)


def newest(db: sa.Connection, role: str = "annotator") -> pd.DataFrame:
    """The newest version of every annotation, oldest annotation first.

    Columns: annotation, version, task (pair id), worker (annotator), status, answers (dict or None), seconds, comment,
    created_at, digest.
    """
    j = schema.judgments
    last = sa.select(j.c.annotation, sa.func.max(j.c.version).label("version")).group_by(j.c.annotation).subquery()
    rows = db.execute(
        sa.select(
            j.c.annotation,
            j.c.version,
            j.c.pair_id.label("task"),
            j.c.annotator.label("worker"),
            j.c.status,
            j.c.answers,
            j.c.seconds,
            j.c.comment,
            j.c.created_at,
            j.c.digest,
        )
        .join(last, (j.c.annotation == last.c.annotation) & (j.c.version == last.c.version))
        .where(j.c.role == role)
        .order_by(j.c.created_at, j.c.judgment_id)
    )
    frame = pd.DataFrame(rows.all(), columns=list(rows.keys()), dtype=object)  # None stays None
    frame["answers"] = pd.Series([None if a is None else json.loads(a) for a in frame["answers"]], dtype=object)
    return frame


def counted(db: sa.Connection, question: str, role: str = "annotator") -> pd.DataFrame:
    """The judgments that count on one question, one row a pair and annotator.

    Columns: task (pair id), worker (annotator), label (text, or a number for a score), seconds, created_at. `cannot
    judge` and skips are no votes and are not here.
    """
    frame = newest(db, role)
    frame = frame[frame["status"] == VALID].drop_duplicates(["task", "worker"], keep="first")
    frame["label"] = [answers.get(question) for answers in frame["answers"]]
    return frame.dropna(subset="label")[["task", "worker", "label", "seconds", "created_at"]].reset_index(drop=True)
