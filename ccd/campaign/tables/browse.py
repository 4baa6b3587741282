"""Looking at pairs: which there are, filtered and page by page in the database, and all that is known of one."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ccd.campaign.tables import live_posts, schema
from ccd.errors import InputError
from ccd.protocol import Question

NONE = "none"  # of `label` and `split` in Filters: pairs that have none


@dataclass(frozen=True)
class Filters:
    """Which pairs are wanted; None and "" want all. `text` stands anywhere in the text, or is a pair's id.

    `annotator` has judged the pair; `round` and `arm` are of any round that it is in.
    """

    text: str = ""
    label: str | None = None
    resolved_by: str | None = None
    split: str | None = None
    round: int | None = None
    arm: str | None = None
    annotator: str | None = None

    def pairs(self, question: str) -> "sa.Select[Any]":
        """Return a query of the ids of these pairs; label and resolved_by are those of this question."""
        p, t, s = schema.pairs.c, schema.labels.c, schema.splits.c
        query = sa.select(p.pair_id)
        if text := self.text.strip():
            query = query.where(p.text.icontains(text, autoescape=True) | (p.pair_id == text))
        if self.label is not None or self.resolved_by is not None:
            query = query.outerjoin(schema.labels, (t.pair_id == p.pair_id) & (t.question == question))
            if self.label is not None:
                query = query.where(t.label.is_(None) if self.label == NONE else t.label == self.label)
            if self.resolved_by is not None:
                query = query.where(t.resolved_by == self.resolved_by)
        if self.split is not None:
            query = query.outerjoin(schema.splits, s.pair_id == p.pair_id)
            query = query.where(s.split.is_(None) if self.split == NONE else s.split == self.split)
        if self.round is not None or self.arm is not None:
            rp, r = schema.round_pairs.c, schema.rounds.c
            chosen = sa.select(rp.pair_id).join(schema.rounds, r.round == rp.round)
            for column, value in ((r.round, self.round), (r.arm, self.arm)):
                if value is not None:
                    chosen = chosen.where(column == value)
            query = query.where(p.pair_id.in_(chosen))
        if self.annotator is not None:
            j = schema.judgments.c
            query = query.where(p.pair_id.in_(sa.select(j.pair_id).where(j.annotator == self.annotator)))
        return query


@dataclass(frozen=True)
class Judged:
    """An annotator's or adjudicator's newest word on a pair. `answers` is None where the status is not `valid`."""

    annotator: str
    role: str
    status: str
    answers: Mapping[str, str | float] | None
    seconds: float | None
    comment: str | None
    prediction: str | None
    created_at: str


@dataclass(frozen=True)
class PairDetails:
    """All that is known of a pair. `labels`: question → (label or None, resolved_by, {label: votes}).

    `rounds`: (number, arm), `text` as annotators see it, `lives` False once the post is gone.
    """

    pair_id: str
    text: str
    image: str  # SHA-256
    file: str
    lives: bool
    split: str | None
    leakage_group: str | None
    rounds: tuple[tuple[int, str], ...]
    labels: Mapping[str, tuple[str | None, str, Mapping[str, int]]]
    judgments: tuple[Judged, ...]


def count(db: sa.Connection, filters: Filters, question: Question) -> int:
    """How many pairs these filters leave."""
    return db.scalar(sa.select(sa.func.count()).select_from(filters.pairs(question.name).subquery())) or 0


def page(db: sa.Connection, filters: Filters, question: Question, number: int, size: int) -> list[dict[str, Any]]:
    """Page `number` (from 1) of the pairs, by id: pair_id, text, file, image, label, resolved_by, votes, split.

    >>> with campaign.read() as db: page(db, Filters(label="implicit"), question, 1, 50)  # doctest: +SKIP
    """
    p, i, t, s = schema.pairs, schema.images, schema.labels, schema.splits
    ids = filters.pairs(question.name).order_by(p.c.pair_id).offset((number - 1) * size).limit(size).subquery()
    query = (
        sa.select(
            p.c.pair_id,
            p.c.text,
            i.c.file,
            live_posts.content().label("image"),
            t.c.label,
            t.c.resolved_by,
            t.c.votes,
            s.c.split,
        )
        .join(ids, ids.c.pair_id == p.c.pair_id)
        .join(i, i.c.sha256 == p.c.image)
        .outerjoin(t, (t.c.pair_id == p.c.pair_id) & (t.c.question == question.name))
        .outerjoin(s, s.c.pair_id == p.c.pair_id)
        .order_by(p.c.pair_id)
    )
    return [{**row, "votes": json.loads(row["votes"]) if row["votes"] else {}} for row in db.execute(query).mappings()]


def choices(db: sa.Connection) -> dict[str, list[Any]]:
    """Return what there is to filter by: resolved_by, split, round, arm, annotator, each sorted."""
    columns = {
        "resolved_by": schema.labels.c.resolved_by,
        "split": schema.splits.c.split,
        "round": schema.rounds.c.round,
        "arm": schema.rounds.c.arm,
        "annotator": schema.assignments.c.annotator,
    }
    return {name: sorted(db.scalars(sa.select(column).distinct())) for name, column in columns.items()}


def pair(db: sa.Connection, pair_id: str) -> PairDetails:
    """One pair. Raises CcdError where there is none of that id."""
    p, i, s = schema.pairs, schema.images, schema.splits
    row = db.execute(
        sa.select(p.c.pair_id, p.c.text, live_posts.content().label("image"), i.c.file, s.c.split, s.c.leakage_group)
        .add_columns(live_posts.is_live().label("lives"))
        .join(i, i.c.sha256 == p.c.image)
        .outerjoin(s, s.c.pair_id == p.c.pair_id)
        .where(p.c.pair_id == pair_id)
    ).first()
    if row is None:
        raise InputError(f"{pair_id}: no such pair in this campaign; see the page Dataset for those there are")
    rp, r, t = schema.round_pairs.c, schema.rounds.c, schema.labels.c
    rounds = db.execute(
        sa.select(r.round, r.arm).join(schema.round_pairs, rp.round == r.round).where(rp.pair_id == pair_id)
    )
    labels = db.execute(sa.select(t.question, t.label, t.resolved_by, t.votes).where(t.pair_id == pair_id))
    return PairDetails(
        row.pair_id,
        row.text,
        row.image,
        row.file,
        bool(row.lives),
        row.split,
        row.leakage_group,
        tuple(sorted((each.round, each.arm) for each in rounds)),
        {each.question: (each.label, each.resolved_by, json.loads(each.votes)) for each in labels},
        _judged(db, pair_id),
    )


def _judged(db: sa.Connection, pair_id: str) -> tuple[Judged, ...]:
    j = schema.judgments.c
    newest = {}
    for row in db.execute(sa.select(schema.judgments).where(j.pair_id == pair_id).order_by(j.version)):
        newest[row.annotation] = row
    ordered = sorted(newest.values(), key=lambda row: (row.role, row.annotator, row.created_at))
    return tuple(
        Judged(
            row.annotator,
            row.role,
            row.status,
            None if row.answers is None else json.loads(row.answers),
            row.seconds,
            row.comment,
            row.prediction,
            row.created_at,
        )
        for row in ordered
    )


def split_table(db: sa.Connection, question: str) -> list[dict[str, Any]]:
    """Pairs by label (a row each, then all) and split; empty where nothing is split."""
    t, s = schema.labels.c, schema.splits.c
    same = (t.pair_id == s.pair_id) & (t.question == question)
    rows = db.execute(
        sa.select(t.label, s.split, sa.func.count())
        .join_from(schema.splits, schema.labels, same, isouter=True)
        .group_by(t.label, s.split)
        .order_by(t.label)
    ).all()
    splits = sorted({split for _label, split, _number in rows})
    table: dict[str, dict[str, Any]] = {}
    for label, split, number in rows:
        for name in (label or NONE, "all"):
            row = table.setdefault(name, {"label": name, **dict.fromkeys((*splits, "all"), 0)})
            row[split] += number
            row["all"] += number
    return sorted(table.values(), key=lambda row: row["label"] == "all")


def straddling(db: sa.Connection) -> int:
    """How many leakage groups have pairs in two splits or more; 0 is what `ccd split` promises."""
    s = schema.splits.c
    groups = sa.select(s.leakage_group).group_by(s.leakage_group).having(sa.func.count(s.split.distinct()) > 1)
    return db.scalar(sa.select(sa.func.count()).select_from(groups.subquery())) or 0


def newest(db: sa.Connection) -> tuple[int, int, int, int]:
    """Return the last judgment and event, and how many pairs and tasks there are: they change with the database."""
    last = (sa.func.max(schema.judgments.c.judgment_id), sa.func.max(schema.events.c.event_id))
    judgment, event = (db.scalar(sa.select(each)) or 0 for each in last)
    pairs, tasks = (
        db.scalar(sa.select(sa.func.count()).select_from(table)) or 0 for table in (schema.pairs, schema.tasks)
    )
    return judgment, event, pairs, tasks


def releases(db: sa.Connection) -> list[dict[str, str]]:
    """Return the releases in the order in which they were made: name, created_at, manifest_sha256."""
    rows = db.execute(sa.select(schema.releases).order_by(schema.releases.c.created_at)).mappings()
    return [dict(row) for row in rows]
