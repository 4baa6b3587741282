"""Assignments: which pairs each annotator is to judge, in which order, and what adjudicators are to settle."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from ccd.campaign.tables import live_posts, schema
from ccd.campaign.tables.events import now
from ccd.campaign.tables.frames import batches
from ccd.vocabulary import Arm

_A, _P = schema.assignments, schema.pairs
_ROWS = 5_000  # of the database that are held at once


class Wanted(NamedTuple):
    """A pair that a desk is to have."""

    pair_id: str
    round: int
    image: str  # SHA-256
    text: str
    is_live: bool


def wanted(db: sa.Connection) -> Iterator[tuple[str, Wanted]]:
    """Yield each annotator's pairs in their order, as (annotator, pair)."""
    rows = db.execute(
        sa.select(_A.c.annotator, _A.c.pair_id, _A.c.round, _P.c.image, _P.c.text, live_posts.is_live())
        .join(_P, _P.c.pair_id == _A.c.pair_id)
        .order_by(_A.c.round, _A.c.position),
        execution_options={"yield_per": _ROWS},
    )
    same: dict[str, str] = {}  # one object for equal texts: each pair is on several desks
    for annotator, pair, number, image, text, is_live in rows:
        pair_id, sha256, words = (same.setdefault(each, each) for each in (pair, image, text))
        yield annotator, Wanted(pair_id, number, sha256, words, is_live)


def unsettled(db: sa.Connection) -> list[Wanted]:
    """Return the pairs with a question that the votes leave open, by id, each with its last round."""
    rp, t = schema.round_pairs.c, schema.labels.c
    rows = db.execute(
        sa.select(_P.c.pair_id, rp.round, _P.c.image, _P.c.text, live_posts.is_live())
        .join(schema.round_pairs, rp.pair_id == _P.c.pair_id)
        .where(_P.c.pair_id.in_(sa.select(t.pair_id).where(t.resolved_by == "open")))
        .order_by(_P.c.pair_id)
    )
    return list({row.pair_id: Wanted(*row) for row in rows}.values())


def images(db: sa.Connection) -> dict[str, str]:
    """Return the images of all assigned pairs of living posts: SHA-256 → file."""
    i = schema.images.c
    shown = sa.select(_P.c.image).join(_A, _A.c.pair_id == _P.c.pair_id).where(live_posts.is_live())
    return dict(db.execute(sa.select(i.sha256, i.file).where(i.sha256.in_(shown)).order_by(i.sha256)).all())


def to_show(db: sa.Connection, pairs: Collection[str]) -> list[Any]:
    """Return what these pairs of living posts show: pair_id, image, text, file and their first round."""
    i, rp = schema.images.c, schema.round_pairs.c
    return list(
        db.execute(
            sa.select(_P.c.pair_id, _P.c.image, _P.c.text, i.file, sa.func.min(rp.round).label("round"))
            .join_from(_P, schema.images)
            .join(schema.round_pairs, rp.pair_id == _P.c.pair_id)
            .where(_P.c.pair_id.in_(pairs), live_posts.is_live())
            .group_by(_P.c.pair_id, _P.c.image, _P.c.text, i.file)
        )
    )


def contents(db: sa.Connection, pairs: Collection[str]) -> list[Any]:
    """Return what each of these pairs shows: pair_id, text, file, url (of its upload), at (when it was deleted)."""
    i, u, t = schema.images.c, schema.uploads.c, schema.tombstones.c
    return list(
        db.execute(
            sa.select(_P.c.pair_id, _P.c.text, i.file, u.url, t.at)
            .join_from(_P, schema.images)
            .outerjoin(schema.uploads, u.sha256 == i.sha256)
            .outerjoin(schema.tombstones, t.post_id == _P.c.post_id)
            .where(_P.c.pair_id.in_(pairs))
        )
    )


def assigned(db: sa.Connection, annotator: str, pairs: Collection[str]) -> set[str]:
    """Return those of the pairs that an annotator was assigned."""
    return set(db.scalars(sa.select(_A.c.pair_id).where(_A.c.annotator == annotator, _A.c.pair_id.in_(pairs))))


def had_by_all(db: sa.Connection, annotators: Collection[str]) -> set[str]:
    """Return the pairs that every one of these annotators was assigned."""
    had = sa.select(_A.c.pair_id).group_by(_A.c.pair_id).where(_A.c.annotator.in_(annotators))
    return set(db.scalars(had.having(sa.func.count() == len(annotators))))


def for_adjudicators(db: sa.Connection, desk: str, pairs: Collection[str]) -> set[str]:
    """Return those of the pairs that were sent to the adjudicators' desk, are open, or were settled by one.

    The last two count too, as their task may have been deleted by hand.
    """
    t, of = schema.tasks.c, schema.labels.c
    sent = sa.select(t.pair_id).where(t.desk == desk, t.pair_id.in_(pairs))
    due = of.pair_id.in_(pairs) & of.resolved_by.in_(("open", "adjudicated"))
    return set(db.scalars(sent.union(sa.select(of.pair_id).where(due))))


def assisted(db: sa.Connection) -> dict[str, int]:
    """Return how many pairs each annotator's desk may show a prediction of."""
    s = schema.assists.c
    query = sa.select(_A.c.annotator, sa.func.count()).join_from(
        _A, schema.assists, (s.round == _A.c.round) & (s.pair_id == _A.c.pair_id)
    )
    return dict(db.execute(query.where(s.shown == 1).group_by(_A.c.annotator)).all())


def assign_imported(db: sa.Connection, judged: Iterable[tuple[str, str]], strategy: str) -> None:
    """Count people as assigned to pairs (pair, annotator), in the round of each pair; pairs of none make one."""
    rp = schema.round_pairs.c
    judged = set(judged)
    pairs = sorted({pair for pair, _name in judged})
    in_round: dict[str, int] = {}
    known: set[tuple[str, str]] = set()
    for some in batches(pairs):
        first = sa.select(rp.pair_id, sa.func.min(rp.round)).where(rp.pair_id.in_(some)).group_by(rp.pair_id)
        in_round |= dict(db.execute(first).all())
        rows = db.execute(sa.select(_A.c.pair_id, _A.c.annotator).where(_A.c.pair_id.in_(some)))
        known |= {(pair, name) for pair, name in rows}
    new = [pair for pair in pairs if pair not in in_round]
    if new:
        number = 1 + (db.scalar(sa.select(sa.func.max(schema.rounds.c.round))) or 0)
        made = {"round": number, "arm": Arm.IMPORTED, "strategy": strategy, "seed": 0, "size": len(new)}
        db.execute(schema.rounds.insert().values(**made, pool=len(new), created_at=now()))
        in_round |= dict.fromkeys(new, number)
        for several in batches(new):
            db.execute(schema.round_pairs.insert(), [{"round": number, "pair_id": pair} for pair in several])
    counts = sa.select(_A.c.round, _A.c.annotator, sa.func.max(_A.c.position)).group_by(_A.c.round, _A.c.annotator)
    last = {(number, name): position for number, name, position in db.execute(counts)}
    added: list[Mapping[str, Any]] = []
    for pair, name in sorted(judged - known):
        key = in_round[pair], name
        last[key] = last.get(key, -1) + 1
        added.append({"pair_id": pair, "annotator": name, "round": key[0], "position": last[key]})
    for some_rows in batches(added):
        _insert(db, some_rows)


def _insert(db: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    db.execute(_A.insert(), rows)
