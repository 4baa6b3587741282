"""Posts that their platform deleted: which are to be asked about, what is emptied, and what can be put back."""

from collections.abc import Iterable, Mapping
from typing import Any

import sqlalchemy as sa

from ccd.campaign.tables import schema
from ccd.campaign.tables.live_posts import LIVE
from ccd.campaign.tables.notes import note
from ccd.errors import InputError

UNFINISHED = "compliance_unfinished"  # in `meta`: posts are marked, files not yet clean
# What `empty` empties: the table's key and columns
_EMPTIED = {
    "posts": ("post_id", ("text", "author_key")),
    "pairs": ("pair_id", ("text", "model_text", "alt_text", "text_sha256")),
    "photos": ("pair_id", ("url", "text", "alt_text", "state", "reason")),
}
_KEYS = {table: (key,) for table, (key, _columns) in _EMPTIED.items()} | {"drops": ("source", "item")}


def unchecked(db: sa.Connection, before: str) -> list[str]:
    """Return the live posts of X that were not asked about since a time (ISO 8601), longest waiting first."""
    p = schema.posts.c
    query = (
        sa.select(p.post_id)
        .where(p.status == LIVE, p.post_id.startswith("x:"), sa.or_(p.checked_at.is_(None), p.checked_at < before))
        .order_by(sa.func.coalesce(p.checked_at, ""), p.post_id)
    )
    return list(db.scalars(query))


def note_checked(db: sa.Connection, post_ids: Iterable[str], at: str) -> None:
    """Note when posts were asked about."""
    posts = schema.posts
    db.execute(posts.update().where(posts.c.post_id.in_(post_ids)).values(checked_at=at))


def rows_of(db: sa.Connection, post_ids: Iterable[str]) -> list[dict[str, Any]]:
    """Return what the rows of these posts say that `empty` takes out, for `put_back`; each names its `table`."""
    rows: list[dict[str, Any]] = []
    for table, (key, columns) in _EMPTIED.items():
        c = schema.metadata.tables[table].c
        query = sa.select(c[key], *(c[name] for name in columns)).where(c.post_id.in_(post_ids), c.text != "")
        rows += [{"table": table, **row} for row in db.execute(query).mappings()]
    d = schema.drops.c
    for post in post_ids:
        query = sa.select(d.source, d.item, d.detail).where(_about(post), d.detail.is_not(None))
        rows += [{"table": "drops", **row} for row in db.execute(query).mappings()]
    return rows


def empty(db: sa.Connection, deleted: Mapping[str, str], at: str) -> None:
    """Mark posts as deleted (post id to status) and empty every row that shows what they said.

    Pairs keep their ids, images' hashes and labels; a tombstone says why and when (ISO 8601) a post went. The files are
    still to be cleaned, which is noted as UNFINISHED.
    """
    if not deleted:
        return
    posts, pairs, photos, drops = schema.posts, schema.pairs, schema.photos, schema.drops
    for status in set(deleted.values()):
        some = [post for post, found in deleted.items() if found == status]
        db.execute(posts.update().where(posts.c.post_id.in_(some)).values(status=status, text="", author_key=None))
    # a text's hash says what the text was; what replaces it must stay unique for each image
    emptied = {"text": "", "model_text": None, "alt_text": None, "text_sha256": sa.literal("gone:") + pairs.c.pair_id}
    db.execute(pairs.update().where(pairs.c.post_id.in_(deleted)).values(emptied))
    waiting = photos.update().where(photos.c.post_id.in_(deleted))
    db.execute(waiting.values(url="", text="", alt_text=None, state="gone", reason="post is gone"))
    for post in deleted:
        db.execute(drops.update().where(_about(post)).values(detail=None))
    stones = schema.tombstones
    known = set(db.scalars(sa.select(stones.c.post_id).where(stones.c.post_id.in_(deleted))))
    if new := [{"post_id": post, "reason": status, "at": at} for post, status in deleted.items() if post not in known]:
        db.execute(stones.insert(), new)
    note(db, UNFINISHED, at)


def tombstones(db: sa.Connection) -> list[str]:
    """Return the posts that were deleted."""
    return list(db.scalars(sa.select(schema.tombstones.c.post_id)))


def put_back(db: sa.Connection, rows: Iterable[Mapping[str, Any]]) -> int:
    """Put back what `rows_of` gave; its posts are live again. Returns how many.

    Raises CcdError where a post's text and photo came back as another pair since.
    """
    revived = set()
    for row in rows:
        table = schema.metadata.tables[row["table"]]
        keys = {name: row[name] for name in _KEYS[table.name]}
        values = {name: value for name, value in row.items() if name not in ("table", *keys)}
        try:
            db.execute(table.update().where(*(table.c[name] == key for name, key in keys.items())).values(values))
        except sa.exc.IntegrityError:
            raise InputError(
                f"{', '.join(keys.values())}: its text and photo came back as another pair since; nothing was put "
                "back: take that one out first with `ccd collect undo`"
            ) from None
        if table is schema.posts:
            revived.add(row["post_id"])
    for post in revived:
        db.execute(schema.posts.update().where(schema.posts.c.post_id == post).values(status=LIVE, checked_at=None))
        db.execute(schema.tombstones.delete().where(schema.tombstones.c.post_id == post))
    return len(revived)


def _about(post: str) -> sa.ColumnElement[bool]:
    """Return the condition on a drop that it is of a post, or of one of its photos."""
    item = schema.drops.c.item
    return sa.or_(item == post, item.startswith(f"{post}:", autoescape=True))
