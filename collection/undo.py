"""Take back what a mistaken `ccd collect` brought: the pairs, posts, photos and drops of a source."""

from collections.abc import Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from ccd.campaign.campaign import Campaign
from ccd.campaign.tables import schema
from ccd.campaign.tables.events import record
from ccd.campaign.tables.frames import batches
from ccd.errors import InputError


@dataclass(frozen=True)
class Undone:
    """What was taken back: pairs, photos that waited, drops, image files; `kept` pairs are in a round or judged."""

    pairs: int
    waiting: int
    drops: int
    images: int
    kept: int


def sources(campaign: Campaign) -> list[str]:
    """The sources of what was collected and dropped, sorted."""
    posts, d = schema.posts.c, schema.drops.c
    with campaign.read() as db:
        return sorted(db.scalars(sa.union(sa.select(posts.source), sa.select(d.source))))


def undo(campaign: Campaign, source: str) -> Undone:
    """Take back what a source brought, as if it had never been read; collect it again and it is as new.

    Pairs that are in a round or judged stay, with their posts. Duplicates are to be looked for again. Raises CcdError
    where nothing came from that source.

    >>> undo(campaign, "data/tweets.tsv").drops  # doctest: +SKIP
    11103
    """
    if source not in (known := sources(campaign)):
        raise InputError(f"{source}: nothing was collected from it; the sources are {', '.join(known) or 'none'}")
    posts, pairs, photos, images = schema.posts, schema.pairs, schema.photos, schema.images
    with campaign.write() as db:
        mine = sa.select(posts.c.post_id).where(posts.c.source == source)
        drawn = sa.union(sa.select(schema.round_pairs.c.pair_id), sa.select(schema.judgments.c.pair_id))
        kept = set(db.scalars(sa.select(pairs.c.pair_id).where(pairs.c.post_id.in_(mine), pairs.c.pair_id.in_(drawn))))
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
        after = {"pairs": len(ids), "waiting": waiting, "drops": drops, "kept": len(kept)}
        record(db, "ccd collect", "undo", source, after=after)
    for file in files:
        (campaign.folder / file).unlink(missing_ok=True)
    return Undone(len(ids), waiting, drops, len(files), len(kept))


def _look_again(db: sa.Connection, ids: Iterable[str], groups: Iterable[str]) -> None:
    """Forget near-duplicates that hang on these pairs; `ccd duplicates` finds the others again."""
    pairs = schema.pairs
    for some in batches(ids):
        db.execute(pairs.update().where(pairs.c.copy_of.in_(some)).values(copy_of=None))
    for some in batches(sorted(groups)):
        db.execute(pairs.update().where(pairs.c.duplicate_group.in_(some)).values(duplicate_group=None))
