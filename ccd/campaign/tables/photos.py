"""The queue of photos: which wait for their download, and how it went."""

from collections.abc import Iterable
from typing import NamedTuple

import sqlalchemy as sa

from ccd.campaign.tables import schema
from ccd.campaign.tables.live_posts import LIVE


class Waiting(NamedTuple):
    """A photo that waits for its download, with the text that annotators will see."""

    pair_id: str
    post_id: str
    photo: int  # its place in its post, from 0
    url: str
    text: str
    alt_text: str | None


class Tried(NamedTuple):
    """How downloads of a photo went: how many, the photo's `state` now (None: as it was) and the reason of the last."""

    pair_id: str
    tries: int
    state: str | None
    reason: str | None


class Post(NamedTuple):
    """What a new pair takes from its post."""

    post_id: str
    source: str
    text: str
    created_at: str | None
    lang: str | None


def counts_by_state(db: sa.Connection) -> dict[str, int]:
    """Return how many photos are todo, done, failed and gone."""
    state = schema.photos.c.state
    found: dict[str, int] = dict(iter(db.execute(sa.select(state, sa.func.count()).group_by(state))))
    return {name: found.get(name, 0) for name in ("todo", "done", "failed", "gone")}


def retry_failed(db: sa.Connection) -> None:
    """Put the failed photos back into the queue."""
    photos = schema.photos
    db.execute(photos.update().where(photos.c.state == "failed").values(state="todo"))


def waiting(db: sa.Connection, after: str, limit: int) -> list[Waiting]:
    """Return the photos of live posts that wait, by pair id, at most `limit` of those after the pair `after`."""
    photos, posts = schema.photos.c, schema.posts.c
    query = (
        sa.select(*(photos[name] for name in Waiting._fields))
        .join_from(schema.photos, schema.posts)
        .where(photos.state == "todo", posts.status == LIVE, photos.pair_id > after)
        .order_by(photos.pair_id)
        .limit(limit)
    )
    return [Waiting(*row) for row in db.execute(query)]


def tried(db: sa.Connection, pair_ids: Iterable[str]) -> dict[str, tuple[str, str] | None]:
    """Return those of these photos that are in the queue: why one that was tried is no pair (reason, detail).

    None for one that waits.
    """
    d, photos, posts = schema.drops.c, schema.photos.c, schema.posts.c
    query = (
        sa.select(photos.pair_id, photos.state, d.reason, d.detail)
        .join_from(schema.photos, schema.posts)
        .join(schema.drops, (d.source == posts.source) & (d.item == photos.pair_id), isouter=True)
        .where(photos.pair_id.in_(pair_ids))
    )
    return {
        pair_id: None if state == "todo" or reason is None else (reason, detail or "")
        for pair_id, state, reason, detail in db.execute(query)
    }


def live_posts(db: sa.Connection, post_ids: Iterable[str]) -> dict[str, Post]:
    """Return those of these posts that were not deleted."""
    p = schema.posts.c
    query = sa.select(*(p[name] for name in Post._fields)).where(p.post_id.in_(post_ids), p.status == LIVE)
    return {row.post_id: Post(*row) for row in db.execute(query)}


def note_tries(db: sa.Connection, tried: Iterable[Tried]) -> None:
    """Write how downloads went."""
    rows = [dict(zip(("key", "by", "s", "r"), each, strict=True)) for each in tried]
    photos = schema.photos
    state = sa.func.coalesce(sa.bindparam("s", type_=sa.Text), photos.c.state)
    update = photos.update().where(photos.c.pair_id == sa.bindparam("key"))
    values = {"tries": photos.c.tries + sa.bindparam("by"), "state": state, "reason": sa.bindparam("r")}
    if rows:
        db.execute(update.values(values), rows)
