"""Near-duplicates as they are stored: hashes of pictures, groups of pairs, and pairs that moved to the drops."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, NamedTuple

import sqlalchemy as sa

from ccd.campaign.tables import schema
from ccd.campaign.tables.frames import batches, frame_of
from ccd.campaign.tables.live_posts import is_live
from ccd.campaign.tables.notes import note, noted

if TYPE_CHECKING:
    import pandas as pd

_HASHED_AS = "picture_hash"  # in `meta`: how the stored hashes were made


class Group(NamedTuple):
    """A group of near-duplicates: its name, and how many pairs, pictures and texts it has."""

    name: str
    pairs: int
    pictures: int
    texts: int


def unhashed(db: sa.Connection, hashed_as: str) -> list[tuple[str, str]]:
    """Return the images (SHA-256, file) of live posts that have no hash; forgets those made otherwise than so."""
    images = schema.images
    if noted(db, _HASHED_AS) != hashed_as:
        db.execute(images.update().values(phash=None))
        note(db, _HASHED_AS, hashed_as)
    shown = sa.select(schema.pairs.c.image).where(is_live())
    query = sa.select(images.c.sha256, images.c.file).where(images.c.phash.is_(None), images.c.sha256.in_(shown))
    return [(sha256, file) for sha256, file in db.execute(query)]


def put_hashes(db: sa.Connection, hashes: Iterable[tuple[str, str]]) -> None:
    """Store hashes of pictures, at least one: (SHA-256 of the image, hash)."""
    images = schema.images
    update = images.update().where(images.c.sha256 == sa.bindparam("picture")).values(phash=sa.bindparam("found"))
    db.execute(update, [{"picture": sha256, "found": found} for sha256, found in hashes])


def flat_pictures(db: sa.Connection) -> int:
    """Return how many pictures have not enough contrast to compare."""
    return db.scalar(sa.select(sa.func.count()).where(schema.images.c.phash == "")) or 0


def contents(db: sa.Connection) -> "pd.DataFrame":
    """Return a row a pair: pair_id, image, phash, text, created_at, duplicate_group, copy_of."""
    p, images, posts = schema.pairs.c, schema.images, schema.posts
    columns = (p.pair_id, p.image, images.c.phash, p.text, posts.c.created_at, p.duplicate_group, p.copy_of)
    query = sa.select(*columns).join_from(schema.pairs, images).join(posts, posts.c.post_id == p.post_id)
    return frame_of(db, query, differ=("text", "created_at"))


def drop_copies(db: sa.Connection, copies: Mapping[str, str], reason: str, same: str, size: int) -> None:
    """Move pairs to the drops, each for being like another (pair id to pair id), `size` at a time.

    What was dropped for the reason `same`, as the same as one of them, follows it.
    """
    p, d = schema.pairs, schema.drops
    if not copies:
        return
    follow = d.update().where(d.c.source == sa.bindparam("at"), d.c.item == sa.bindparam("pair"))
    rows = [
        {"at": source, "pair": pair, "like": f"like {copies[first]}"}
        for source, pair, detail in db.execute(sa.select(d.c.source, d.c.item, d.c.detail).where(d.c.reason == same))
        if (first := (detail or "").removeprefix("same as ")) in copies
    ]
    if rows:
        db.execute(follow.values(reason=reason, detail=sa.bindparam("like")), rows)
    for some in batches(sorted(copies), size):
        query = sa.select(p.c.pair_id, schema.posts.c.source).join_from(p, schema.posts).where(p.c.pair_id.in_(some))
        rows = [
            {"source": source, "item": pair, "reason": reason, "detail": f"like {copies[pair]}"}
            for pair, source in db.execute(query)
        ]
        db.execute(p.delete().where(p.c.pair_id.in_(some)))
        if rows:
            db.execute(d.delete().where(d.c.item.in_(some), d.c.source.in_({row["source"] for row in rows})))
            db.execute(d.insert(), rows)


def set_column(db: sa.Connection, column: str, values: Iterable[tuple[str, str | None]]) -> None:
    """Set `duplicate_group` or `copy_of` of pairs (pair id, value)."""
    p = schema.pairs
    update = p.update().where(p.c.pair_id == sa.bindparam("pair")).values({column: sa.bindparam("found")})
    if rows := [{"pair": pair, "found": value} for pair, value in values]:
        db.execute(update, rows)


def largest_groups(db: sa.Connection, limit: int) -> list[Group]:
    """Return the groups of two live pairs or more, the largest first, at most `limit`."""
    p = schema.pairs.c
    size = sa.func.count().label("size")
    kinds = (size, sa.func.count(p.image.distinct()), sa.func.count(p.text.distinct()))
    query = sa.select(p.duplicate_group, *kinds).where(p.duplicate_group.is_not(None), is_live())
    largest = query.group_by(p.duplicate_group).having(size > 1).order_by(size.desc(), p.duplicate_group)
    return [Group(*row) for row in db.execute(largest.limit(limit))]


def pairs_of_group(db: sa.Connection, group: str, limit: int) -> list[tuple[str, str, str]]:
    """Return live pairs of a group (pair id, text, file of the image), at most `limit`, each picture once first."""
    p, images = schema.pairs.c, schema.images
    query = (
        sa.select(p.pair_id, p.text, images.c.file)
        .join_from(schema.pairs, images)
        .where(p.duplicate_group == group, is_live())
        .order_by(sa.func.row_number().over(partition_by=p.image, order_by=p.pair_id), p.pair_id)
        .limit(limit)
    )
    return [(pair_id, text, file) for pair_id, text, file in db.execute(query)]
