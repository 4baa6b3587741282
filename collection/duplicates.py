"""Near-duplicates in a campaign: hash the pictures, tie what is alike, name the groups, take out what says nothing new.

The same picture with another text is another pair: it is grouped and never taken out. Where picture and text are both
alike, the earliest post stays.
"""

import contextlib
import itertools
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pandas as pd
import sqlalchemy as sa

from ccd.campaign.campaign import Campaign
from ccd.campaign.tables import schema
from ccd.campaign.tables.events import record
from ccd.campaign.tables.frames import frame_of
from ccd.campaign.tables.live_posts import is_live
from ccd.files.ray import on_ray
from ccd.splitting.leakage import near_image, near_text
from ccd.splitting.near_duplicates import HASHED_AS, Edges, Run, components, picture_hash
from collection.records import Reason

BATCH = 500  # pictures a transaction
_HASHED_AS = "picture_hash"  # in `meta`: how the stored hashes were made
_THREADS = 4  # Pillow decodes without holding the interpreter

Started = Callable[[str, int], Callable[[int], None]]
T = TypeVar("T")


@dataclass(frozen=True)
class Found:
    """What a run found. Groups are those of two pairs or more."""

    hashed: int  # pictures hashed in this run
    flat: int  # pictures without enough contrast to compare
    unreadable: int  # picture files that are gone or broken
    pairs: int  # left
    groups: int
    grouped: int  # pairs in them
    largest: int
    dropped: int  # pairs taken out in this run
    in_rounds: int  # pairs that would have been, but are in a round


def find(campaign: Campaign, started: Started, engine: str = "local") -> Found:
    """Hash what has no hash yet, write `pairs.duplicate_group`, and move pairs that say nothing new to `drops`.

    A pair that is in a round stays; `pairs.copy_of` names the pair that it says nothing new beside.

    Run twice = run once; killed = run again: the hashes stay. `started` opens a progress bar (apps/cli/progress.py);
    `engine` is local or ray, which finds the same. Raises CcdError where another run is at work, or Ray is missing.

    >>> find(campaign, lambda name, total: lambda number: None).groups  # doctest: +SKIP
    """
    with campaign.alone("duplicates"):
        run: Run = on_ray if engine == "ray" else map
        hashed, unreadable = hash_pictures(campaign, started, engine)
        with campaign.read() as db:
            frame = _pairs(db)
        step = started("ties", 3)
        ties = Ties.of(frame, run)
        step(1)
        alike = ties.alike(frame)
        step(1)
        with campaign.write() as db:
            given_out = set(db.scalars(sa.select(schema.round_pairs.c.pair_id)))  # as of now: rounds may be drawn
            out = {pair: kept for pair, kept in alike.items() if pair not in given_out}
            _take_out(db, out)
            left = ~frame["pair_id"].isin(out.keys())
            group = ties.groups(frame, left)
            _write(db, frame[left], "duplicate_group", group)
            _write(db, frame[left], "copy_of", frame.loc[left, "pair_id"].map(alike))
            sizes = group.value_counts()
            sizes = sizes[sizes > 1]
            if out:
                record(db, "ccd duplicates", "pairs", campaign.config.name, after={"dropped": sorted(out)})
            flat = db.scalar(sa.select(sa.func.count()).where(schema.images.c.phash == "")) or 0
        step(1)
    return Found(
        hashed=hashed,
        flat=flat,
        unreadable=unreadable,
        pairs=int(left.sum()),
        groups=len(sizes),
        grouped=int(sizes.sum()),
        largest=int(sizes.max()) if len(sizes) else 0,
        dropped=len(out),
        in_rounds=len(alike) - len(out),
    )


# --- pictures -------------------------------------------------------------------------------------------------------


def hash_pictures(campaign: Campaign, started: Started, engine: str = "local") -> tuple[int, int]:
    """Store the hash of every picture that has none. Returns how many were hashed and how many could not be read."""
    images, meta = schema.images, schema.meta
    with campaign.write() as db:
        if db.scalar(sa.select(meta.c.value).where(meta.c.key == _HASHED_AS)) != HASHED_AS:
            db.execute(images.update().values(phash=None))
            db.execute(meta.delete().where(meta.c.key == _HASHED_AS))
            db.execute(meta.insert().values(key=_HASHED_AS, value=HASHED_AS))
        shown = sa.select(schema.pairs.c.image).where(is_live())
        query = sa.select(images.c.sha256, images.c.file).where(images.c.phash.is_(None), images.c.sha256.in_(shown))
        todo = db.execute(query).all()
    step = started("pictures", len(todo))
    hashed = 0
    update = images.update().where(images.c.sha256 == sa.bindparam("picture")).values(phash=sa.bindparam("found"))
    jobs = (tuple((row.sha256, str(campaign.folder / row.file)) for row in some) for some in _batches(todo))
    for found in on_ray(hash_shard, jobs) if engine == "ray" else map(hash_shard, jobs):
        rows = [{"picture": sha, "found": picture} for sha, picture in found if picture is not None]
        if rows:
            with campaign.write() as db:
                db.execute(update, rows)
        hashed += len(rows)
        step(len(found))
    return hashed, len(todo) - hashed


def hash_shard(pictures: Sequence[tuple[str, str]]) -> list[tuple[str, str | None]]:
    """The hash of each of these pictures (SHA-256, file); None where it cannot be read."""
    with ThreadPoolExecutor(_THREADS) as pool:
        return list(zip([sha for sha, _ in pictures], pool.map(_hash, [file for _, file in pictures]), strict=True))


def _hash(file: str) -> str | None:
    with contextlib.suppress(OSError):
        return picture_hash(Path(file).read_bytes())
    return None


# --- ties -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Ties:
    """Pairs as edges between a picture and a text, and the ties among pictures and among texts.

    `picture` and `text` [pairs] are numbers of nodes; pictures with one hash are one node, and so are texts that differ
    only in what `comparable` takes off. A flat picture is alike only to itself, a short text to nothing.
    """

    picture: npt.NDArray[np.int64]
    text: npt.NDArray[np.int64]
    picture_ties: Edges
    text_ties: Edges

    @classmethod
    def of(cls, frame: pd.DataFrame, run: Run = map) -> "Ties":
        """The ties among the pairs of `frame`: pair_id, image, phash ("" or None: not to be compared), text."""
        picture, text = near_image(frame, run), near_text(frame, short=False, run=run)
        return cls(picture.node, text.node, picture.edges, text.edges)

    def alike(self, frame: pd.DataFrame) -> dict[str, str]:
        """Pairs whose picture and text are both alike to those of an earlier pair that stays → that pair's id.

        Earlier is the post's time, then the pair id; a post without a time comes last.
        """
        pictures, texts = _neighbours(self.picture_ties), _neighbours(self.text_ties)
        when = frame["created_at"].fillna("~")
        ids = frame["pair_id"].to_numpy(object)
        stays: dict[tuple[int, int], str] = {}
        found: dict[str, str] = {}
        for i in np.lexsort((ids.astype(str), when.to_numpy(str))):
            picture, text = int(self.picture[i]), int(self.text[i])
            near = itertools.product((picture, *pictures.get(picture, ())), (text, *texts.get(text, ())))
            first = next((stays[content] for content in near if content in stays), None)
            if first is None:
                stays[picture, text] = ids[i]
            else:
                found[ids[i]] = first
        return found

    def groups(self, frame: pd.DataFrame, left: "pd.Series[bool]") -> "pd.Series[str]":
        """The group of each pair that is `left`: the smallest pair id among those that ties lead to."""
        mask = left.to_numpy(bool)
        picture, text = self.picture[mask], self.text[mask]
        first = int(self.picture.max(initial=-1)) + 1  # texts are numbered after the pictures
        ties = [
            self.picture_ties[np.isin(self.picture_ties, picture).all(axis=1)],
            self.text_ties[np.isin(self.text_ties, text).all(axis=1)] + first,
            np.stack([picture, text + first], axis=1),
        ]
        component = components(first + int(self.text.max(initial=-1)) + 1, ties)[picture]
        return frame.loc[left, "pair_id"].groupby(component).transform("min")


def _neighbours(ties: Edges) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for one, other in ties.tolist():
        found.setdefault(one, []).append(other)
        found.setdefault(other, []).append(one)
    return found


# --- the database ---------------------------------------------------------------------------------------------------


def _pairs(db: sa.Connection) -> pd.DataFrame:
    p, images, posts = schema.pairs.c, schema.images, schema.posts
    columns = (p.pair_id, p.image, images.c.phash, p.text, posts.c.created_at, p.duplicate_group, p.copy_of)
    query = sa.select(*columns).join_from(schema.pairs, images).join(posts, posts.c.post_id == p.post_id)
    return frame_of(db, query, differ=("text", "created_at"))


def _take_out(db: sa.Connection, out: dict[str, str]) -> None:
    """Move pairs to the table drops; what was dropped as the same as one of them follows it."""
    p, d = schema.pairs, schema.drops
    same = sa.select(d.c.source, d.c.item, d.c.detail).where(d.c.reason == str(Reason.DUPLICATE))
    follow = d.update().where(d.c.source == sa.bindparam("at"), d.c.item == sa.bindparam("pair"))
    rows = [
        {"at": source, "pair": pair, "like": f"like {out[first]}"}
        for source, pair, detail in (db.execute(same).all() if out else ())
        if (first := (detail or "").removeprefix("same as ")) in out
    ]
    if rows:
        db.execute(follow.values(reason=str(Reason.NEAR_DUPLICATE), detail=sa.bindparam("like")), rows)
    for some in _batches(sorted(out)):
        query = sa.select(p.c.pair_id, schema.posts.c.source).join_from(p, schema.posts).where(p.c.pair_id.in_(some))
        rows = [
            {"source": source, "item": pair, "reason": str(Reason.NEAR_DUPLICATE), "detail": f"like {out[pair]}"}
            for pair, source in db.execute(query)
        ]
        db.execute(p.delete().where(p.c.pair_id.in_(some)))
        if rows:
            db.execute(d.delete().where(d.c.item.in_(some), d.c.source.in_({row["source"] for row in rows})))
            db.execute(d.insert(), rows)


def _write(db: sa.Connection, frame: pd.DataFrame, column: str, values: "pd.Series[str]") -> None:
    """Store the column of these pairs where it changed."""
    p = schema.pairs
    update = p.update().where(p.c.pair_id == sa.bindparam("pair")).values({column: sa.bindparam("found")})
    found = values.astype(object).where(values.notna(), None)
    changed = frame[column].to_numpy(object) != found.to_numpy(object)
    rows = [
        {"pair": pair, "found": value}
        for pair, value in zip(frame.loc[changed, "pair_id"], found[changed], strict=True)
    ]
    if rows:
        db.execute(update, rows)


def _batches(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), BATCH):
        yield items[start : start + BATCH]
