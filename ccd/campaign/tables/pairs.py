"""Posts and pairs as they were collected: found by id and by content, written, changed and taken back."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ccd.campaign.tables import schema
from ccd.campaign.tables.frames import batches

Rows = list[dict[str, Any]]


def count(db: sa.Connection) -> int:
    """Return how many pairs there are.

    >>> with campaign.read() as db: count(db)  # doctest: +SKIP
    11256
    """
    return db.scalar(sa.select(sa.func.count()).select_from(schema.pairs)) or 0


def sources(db: sa.Connection) -> list[str]:
    """Return the sources of what was collected and dropped, sorted."""
    return sorted(db.scalars(sa.union(sa.select(schema.posts.c.source), sa.select(schema.drops.c.source))))


def of_source(db: sa.Connection, source: str) -> set[str]:
    """Return the pairs, and the photos still to be downloaded, of the posts that this source brought first."""
    p = schema.posts.c
    found: set[str] = set()
    for table in (schema.pairs, schema.photos):
        query = sa.select(table.c.pair_id).join(schema.posts, p.post_id == table.c.post_id).where(p.source == source)
        found |= set(db.scalars(query))
    return found


def contents_of(db: sa.Connection, pair_ids: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Return the content of each of these pairs that is there: SHA-256 of its text, and of its image."""
    p = schema.pairs.c
    query = sa.select(p.pair_id, p.text_sha256, p.image).where(p.pair_id.in_(pair_ids))
    return {pair: (text, image) for pair, text, image in db.execute(query)}


def post_texts(db: sa.Connection, post_ids: Iterable[str]) -> dict[str, str]:
    """Return the raw text of each of these posts that is there."""
    p = schema.posts.c
    return dict(iter(db.execute(sa.select(p.post_id, p.text).where(p.post_id.in_(post_ids)))))


def dropped_as(db: sa.Connection, source: str, reason: str, items: Iterable[str]) -> dict[str, str]:
    """Return what is noted ("" for nothing) of those of these items that a source dropped for this reason."""
    d = schema.drops.c
    query = sa.select(d.item, d.detail).where(d.source == source, d.reason == reason, d.item.in_(items))
    return {item: detail or "" for item, detail in db.execute(query)}


def in_use(db: sa.Connection, pair_ids: Iterable[str]) -> set[str]:
    """Return which of these pairs are in a round or judged."""
    tables = (schema.round_pairs, schema.judgments)
    return {
        pair for table in tables for pair in db.scalars(sa.select(table.c.pair_id).where(table.c.pair_id.in_(pair_ids)))
    }


def in_rounds(db: sa.Connection) -> set[str]:
    """Return the pairs that are in a round."""
    return set(db.scalars(sa.select(schema.round_pairs.c.pair_id)))


def with_contents(db: sa.Connection, contents: Collection[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Return the pairs that have one of these contents: (SHA-256 of the text, of the image) to pair id."""
    if not contents:
        return {}
    p = schema.pairs.c
    # A join, as SQLite reads the whole table for `(text, image) IN (…)`, each time
    values = sa.values(sa.column("text", sa.Text), sa.column("image", sa.Text)).data(list(contents))
    asked = values.cte("asked")
    both = (p.text_sha256 == asked.c.text) & (p.image == asked.c.image)
    query = sa.select(p.text_sha256, p.image, p.pair_id).join_from(asked, schema.pairs, both)
    return {(text, image): pair for text, image, pair in db.execute(query)}


# --- written --------------------------------------------------------------------------------------------------------


def add(db: sa.Connection, rows: Mapping[str, Rows]) -> None:
    """Write new rows of images, posts, pairs and photos, in the order given; the photos of new pairs are done."""
    for name, some in rows.items():
        if some:
            db.execute(schema.metadata.tables[name].insert(), some)
    photos = schema.photos
    pair_ids = [row["pair_id"] for row in rows["pairs"]]
    db.execute(photos.update().where(photos.c.pair_id.in_(pair_ids)).values(state="done", reason=None))


def replace_drops(
    db: sa.Connection, source: str, drops: Rows, pairs_again: Iterable[str], places_again: Iterable[str]
) -> None:
    """Write what a source dropped (item, reason, detail) in place of what was noted of these items before.

    Forgets the drops of `pairs_again`, whichever source noted them, and those that this source noted of `places_again`.
    """
    d = schema.drops
    db.execute(d.delete().where(d.c.item.in_(pairs_again)))
    items = {*places_again, *(row["item"] for row in drops)}
    db.execute(d.delete().where(d.c.source == source, d.c.item.in_(items)))
    if drops:
        db.execute(d.insert(), [{"source": source} | row for row in drops])


def change_text(db: sa.Connection, pair_id: str, pair: Mapping[str, Any], post_id: str | None, text: str) -> None:
    """Give a pair new values of its columns of text, and its post the raw `text`."""
    pairs, posts = schema.pairs, schema.posts
    db.execute(pairs.update().where(pairs.c.pair_id == pair_id).values(**pair))
    db.execute(posts.update().where(posts.c.post_id == post_id).values(text=text))


def put_priors(db: sa.Connection, source: str, labels: Mapping[str, str]) -> int:
    """Set the labels that posts (post id to label) came with, in batches of 500; return how many posts had none."""
    priors = schema.priors
    new = 0
    for some in batches(sorted(labels), 500):
        mine = priors.c.post_id.in_(some) & (priors.c.source == source)
        new += len(some) - db.execute(priors.delete().where(mine)).rowcount
        db.execute(priors.insert(), [{"post_id": name, "source": source, "label": labels[name]} for name in some])
    return new


# --- taken back -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class TakenBack:
    """What was taken back: pairs, photos that waited, drops, images; `kept` pairs are in a round or judged."""

    pairs: int
    waiting: int
    drops: int
    images: int
    kept: int


def take_back(db: sa.Connection, source: str) -> tuple[TakenBack, list[str]]:
    """Delete what a source brought. Pairs that are in a round or judged stay, with their posts.

    Returns also the files, in the campaign's folder, of images that no pair shows any more.
    """
    posts, pairs, photos, images = schema.posts, schema.pairs, schema.photos, schema.images
    mine = sa.select(posts.c.post_id).where(posts.c.source == source)
    drawn = sa.union(sa.select(schema.round_pairs.c.pair_id), sa.select(schema.judgments.c.pair_id))
    both = pairs.c.post_id.in_(mine), pairs.c.pair_id.in_(drawn)
    kept = db.scalar(sa.select(sa.func.count()).select_from(pairs).where(*both)) or 0
    lost = db.execute(
        sa.select(pairs.c.pair_id, pairs.c.duplicate_group).where(
            pairs.c.post_id.in_(mine), pairs.c.pair_id.not_in(drawn)
        )
    ).all()
    ids = sorted(row.pair_id for row in lost)
    _look_again(db, ids, {row.duplicate_group for row in lost if row.duplicate_group})
    for some in batches(ids):
        db.execute(pairs.delete().where(pairs.c.pair_id.in_(some)))
    queue = photos.c.post_id.in_(mine) & photos.c.pair_id.not_in(drawn)
    waiting = db.scalar(sa.select(sa.func.count()).select_from(photos).where(queue, photos.c.state == "todo")) or 0
    db.execute(photos.delete().where(queue))
    shown = sa.select(pairs.c.post_id)
    db.execute(posts.delete().where(posts.c.source == source, posts.c.post_id.not_in(shown)))
    drops = db.execute(schema.drops.delete().where(schema.drops.c.source == source)).rowcount
    unused = images.c.sha256.not_in(sa.select(pairs.c.image))
    files = list(db.scalars(sa.select(images.c.file).where(unused)))
    db.execute(images.delete().where(unused))
    return TakenBack(len(ids), waiting, drops, len(files), kept), files


def _look_again(db: sa.Connection, ids: Iterable[str], groups: Iterable[str]) -> None:
    """Forget near-duplicates that hang on these pairs; `ccd duplicates` finds the others again."""
    pairs = schema.pairs
    for some in batches(ids):
        db.execute(pairs.update().where(pairs.c.copy_of.in_(some)).values(copy_of=None))
    for some in batches(sorted(groups)):
        db.execute(pairs.update().where(pairs.c.duplicate_group.in_(some)).values(duplicate_group=None))
