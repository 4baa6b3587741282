"""Judgments as they are stored, and which of them count.

Every annotation of Label Studio is kept in all its versions. The newest version speaks for its annotation; among an
annotator's annotations of one pair, the oldest valid one counts. Statuses that do not count are reported by `ccd pull`.
"""

import functools
import json
from typing import TYPE_CHECKING, Any, NamedTuple

import sqlalchemy as sa

from ccd.campaign.tables import schema
from ccd.campaign.tables.frames import frame_of
from ccd.vocabulary import ANSWERED, SET_ASIDE, Role, Status

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    import pandas as pd


IN_APP = 0  # project_id of what was decided in the review app: no project of Label Studio
IMPORTED = -1  # project_id of what `ccd import` brought

_REMEMBERED = 10_000  # different answers that are decoded once


def answered(db: sa.Connection, annotator: str | None) -> set[str]:
    """Return the pairs that an annotator has answered: judged, skipped, or found that nobody could.

    For None those of which adjudicators have answered every question that is open.
    """
    j, t = schema.judgments.c, schema.labels.c
    if annotator is not None:
        found = _newest(Role.ANNOTATOR, j.pair_id).where(j.annotator == annotator, j.status.in_(ANSWERED))
        return set(db.scalars(found))
    done = adjudicated(db)
    pairs = done.desk | {pair for pair, _question in done.app}
    open_ = db.execute(sa.select(t.pair_id, t.question).where(t.resolved_by == "open"))
    return pairs - {pair for pair, question in open_ if not done.has(pair, question, is_open=True)}


class Adjudicated(NamedTuple):
    """What adjudicators have answered: pairs on their `desk`, and each question of a pair in the review `app`.

    The question is None where somebody found in the app that the pair cannot be judged.
    """

    desk: set[str]
    app: set[tuple[str, str | None]]

    def has(self, pair: str, question: str, *, is_open: bool) -> bool:
        """Return True where this question is answered; an answer on the desk is to those that are open."""
        return (is_open and pair in self.desk) or (pair, question) in self.app or (pair, None) in self.app


def adjudicated(db: sa.Connection) -> Adjudicated:
    """Look up what adjudicators have answered."""
    j = schema.judgments.c
    done = Adjudicated(set(), set())
    rows = _newest(Role.ADJUDICATOR, j.pair_id, j.project_id, j.answers).where(j.status.in_(ANSWERED))
    for pair, project, answers in db.execute(rows):
        if project != IN_APP:
            done.desk.add(pair)
        else:
            done.app.update((pair, question) for question in (json.loads(answers) if answers else (None,)))
    return done


def answer_counts(db: sa.Connection, role: Role = Role.ANNOTATOR) -> dict[tuple[str, str], int]:
    """How many pairs each annotator has answered, by (annotator, status); of several answers to one pair the best."""
    best = best_answers(role)
    counts = sa.select(best.c.annotator, best.c.place, sa.func.count()).group_by(best.c.annotator, best.c.place)
    return {(annotator, ANSWERED[place]): number for annotator, place, number in db.execute(counts)}


def responses_per_pair(db: sa.Connection, under: "Collection[int] | None" = None) -> dict[str, int]:
    """How many annotators answered each pair, `cannot judge` included; pairs that nobody answered are not in it.

    `under` narrows it to answers that were given under these revisions of the protocol.
    """
    j = schema.judgments.c
    by = _newest(Role.ANNOTATOR, j.pair_id, sa.func.count(j.annotator.distinct()))
    if under is not None:
        by = by.where(j.revision.in_(under))
    return dict(db.execute(by.where(j.status.in_((Status.VALID, Status.CANNOT_JUDGE))).group_by(j.pair_id)).all())


def best_answers(role: Role = Role.ANNOTATOR) -> sa.Subquery:
    """Each pair that each annotator has answered, once: annotator, pair_id, and the answer's `place` in ANSWERED."""
    j = schema.judgments.c
    rank = sa.case({status: place for place, status in enumerate(ANSWERED)}, value=j.status)
    return (
        _newest(role, j.annotator, j.pair_id, sa.func.min(rank).label("place"))
        .where(j.status.in_(ANSWERED))
        .group_by(j.annotator, j.pair_id)
        .subquery()
    )


def set_aside(db: sa.Connection, annotator: str | None, project: int) -> set[int]:
    """Return the tasks of a Label Studio project whose answers were all set aside, and whose pair has no other answer.

    The answers are those of an annotator (None: of any adjudicator).
    """
    j = schema.judgments.c
    found = _newest(Role.ADJUDICATOR if annotator is None else Role.ANNOTATOR, j.task_id, j.pair_id)
    found = found.where(j.project_id == project, j.status.in_(SET_ASIDE))
    rows = db.execute(found if annotator is None else found.where(j.annotator == annotator)).all()
    done = answered(db, annotator) if rows else set()
    return {row.task_id for row in rows if row.pair_id not in done}


def _newest(role: Role | None, *columns: Any) -> "sa.Select[Any]":
    """Return these columns of the newest version of every annotation of a role (None: of both)."""
    found = sa.select(*columns).where(is_newest())
    return found if role is None else found.where(schema.judgments.c.role == role)


def is_newest() -> sa.ColumnElement[bool]:
    """Return the condition on a judgment that it is the newest version of its annotation."""
    j, newer = schema.judgments.c, schema.judgments.alias("newer").c
    return ~sa.exists().where(newer.annotation == j.annotation, newer.version > j.version)


def by_revision(db: sa.Connection) -> dict[int, int]:
    """How many valid judgments, annotators' and adjudicators', were given under each revision of the protocol."""
    j = schema.judgments.c
    rows = _newest(None, j.revision, sa.func.count()).where(j.status == Status.VALID).group_by(j.revision)
    return dict(db.execute(rows).all())


def different_answers(db: sa.Connection) -> "Iterator[tuple[dict[str, Any], int]]":
    """Every answer that valid judgments have, {question: label or score}, once with the number of its judgments."""
    j = schema.judgments.c
    rows = _newest(None, j.answers, sa.func.count()).where(j.status == Status.VALID).group_by(j.answers)
    for answers, number in db.execute(rows):
        yield json.loads(answers), number


def newest_rows(
    db: sa.Connection, project: int, tasks: "Collection[int]"
) -> dict[int, dict[str, tuple[int, dict[str, Any]]]]:
    """Return the newest version of each annotation of these tasks: task → annotation → (version, row)."""
    j = schema.judgments
    known: dict[int, dict[str, tuple[int, dict[str, Any]]]] = {}
    rows = sa.select(j).where(j.c.project_id == project, j.c.task_id.in_(tasks)).order_by(j.c.version)
    for row in db.execute(rows).mappings():
        fields = {key: value for key, value in row.items() if key != "judgment_id"}
        known.setdefault(row["task_id"], {})[row["annotation"]] = (row["version"], fields)
    return known


def of_pairs(db: sa.Connection, pairs: "Collection[str]", role: Role) -> list[Any]:
    """Return all versions of the judgments of a role on these pairs, oldest versions first."""
    j = schema.judgments.c
    rows = sa.select(schema.judgments).where(j.pair_id.in_(pairs), j.role == role).order_by(j.version)
    return list(db.execute(rows))


def add(db: sa.Connection, rows: "Sequence[Mapping[str, Any]]") -> None:
    """Store new versions of annotations: the columns of `judgments`."""
    if rows:
        db.execute(schema.judgments.insert(), rows)


def valid_judgments(db: sa.Connection, question: str, role: Role = Role.ANNOTATOR) -> "pd.DataFrame":
    """Return the judgments that count on one question, one row a pair and annotator.

    Columns: task (pair id), worker (annotator), label (text, or a number for a score), seconds (NaN where unknown),
    prediction (the version of the model whose prediction was shown, or None), created_at, revision (of the protocol it
    was given under). `cannot judge` and skips are no votes and are not here.
    """
    import pandas as pd

    j = schema.judgments.c
    columns = (j.pair_id.label("task"), j.annotator.label("worker"), j.answers.label("label"))
    query = _newest(role, *columns, j.seconds, j.prediction, j.created_at, j.revision).where(j.status == Status.VALID)
    frame = frame_of(db, query.order_by(j.created_at, j.judgment_id), differ=("seconds", "created_at"))
    answer = functools.lru_cache(_REMEMBERED)(lambda answers: json.loads(answers).get(question))
    frame["label"] = pd.Series([answer(answers) for answers in frame["label"]], dtype=object)
    frame["seconds"] = frame["seconds"].astype(float)
    frame = frame.drop_duplicates(["task", "worker"], keep="first")
    return frame.dropna(subset="label").reset_index(drop=True)
