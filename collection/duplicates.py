"""Near-duplicates in a campaign: hash the pictures, link what is alike, name the groups, take out what is a copy.

The same picture with another text is another pair: it is grouped and never taken out. Where picture and text are both
alike, the earliest post stays.
"""

import contextlib
import itertools
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from ccd.campaign.campaign import Campaign
from ccd.campaign.tables import near_duplicates, pairs
from ccd.campaign.tables.events import record
from ccd.campaign.tables.frames import batches
from ccd.files.ray import on_ray
from ccd.splitting.leakage import near_image, near_text
from ccd.splitting.near_duplicates import HASHED_AS, Edges, Run, components, picture_hash
from collection.records import Reason

BATCH = 500  # pictures a transaction
_THREADS = 4  # Pillow decodes without holding the interpreter

Started = Callable[[str, int], Callable[[int], None]]


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
            frame = near_duplicates.contents(db)
        step = started("links", 3)
        links = Links.of(frame, run)
        step(1)
        alike = links.alike(frame)
        step(1)
        with campaign.write() as db:
            given_out = pairs.in_rounds(db)  # as of now: rounds may be drawn
            out = {pair: kept for pair, kept in alike.items() if pair not in given_out}
            near_duplicates.drop_copies(db, out, Reason.NEAR_DUPLICATE, Reason.DUPLICATE, BATCH)
            left = ~frame["pair_id"].isin(out.keys())
            group = links.groups(frame, left)
            columns = {"duplicate_group": group, "copy_of": frame.loc[left, "pair_id"].map(alike)}
            for column, values in columns.items():
                near_duplicates.set_column(db, column, _changed(frame[left], column, values))
            sizes = group.value_counts()
            sizes = sizes[sizes > 1]
            if out:
                record(db, "ccd duplicates", "pairs", campaign.config.name, after={"dropped": sorted(out)})
            flat = near_duplicates.flat_pictures(db)
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
    with campaign.write() as db:
        todo = near_duplicates.unhashed(db, HASHED_AS)
    step = started("pictures", len(todo))
    hashed = 0
    jobs = (tuple((sha, str(campaign.folder / file)) for sha, file in some) for some in batches(todo, BATCH))
    for found in on_ray(hash_shard, jobs) if engine == "ray" else map(hash_shard, jobs):
        hashes = [(sha, picture) for sha, picture in found if picture is not None]
        if hashes:
            with campaign.write() as db:
                near_duplicates.put_hashes(db, hashes)
        hashed += len(hashes)
        step(len(found))
    return hashed, len(todo) - hashed


def hash_shard(pictures: Sequence[tuple[str, str]]) -> list[tuple[str, str | None]]:
    """Return the hash of each of these pictures (SHA-256, file); None where it cannot be read."""
    with ThreadPoolExecutor(_THREADS) as pool:
        return list(zip([sha for sha, _ in pictures], pool.map(_hash, [file for _, file in pictures]), strict=True))


def _hash(file: str) -> str | None:
    with contextlib.suppress(OSError):
        return picture_hash(Path(file).read_bytes())
    return None


# --- links -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Links:
    """Pairs as edges between a picture and a text, and the links among pictures and among texts.

    `picture` and `text` [pairs] are numbers of nodes; pictures with one hash are one node, and so are texts that differ
    only in what `comparable` takes off. A flat picture is alike only to itself, a short text to nothing.
    """

    picture: npt.NDArray[np.int64]
    text: npt.NDArray[np.int64]
    picture_links: Edges
    text_links: Edges

    @classmethod
    def of(cls, frame: pd.DataFrame, run: Run = map) -> "Links":
        """Return the links among the pairs of `frame`: pair_id, image, phash ("" or None: not to be compared), text."""
        picture, text = near_image(frame, run), near_text(frame, short=False, run=run)
        return cls(picture.node, text.node, picture.edges, text.edges)

    def alike(self, frame: pd.DataFrame) -> dict[str, str]:
        """Return pairs whose picture and text are both alike to those of an earlier pair that stays → that pair's id.

        Earlier is the post's time, then the pair id; a post without a time comes last.
        """
        pictures, texts = _neighbours(self.picture_links), _neighbours(self.text_links)
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
        """Return the group of each pair that is `left`: the smallest pair id among those that links lead to."""
        mask = left.to_numpy(bool)
        picture, text = self.picture[mask], self.text[mask]
        first = int(self.picture.max(initial=-1)) + 1  # texts are numbered after the pictures
        links = [
            self.picture_links[np.isin(self.picture_links, picture).all(axis=1)],
            self.text_links[np.isin(self.text_links, text).all(axis=1)] + first,
            np.stack([picture, text + first], axis=1),
        ]
        component = components(first + int(self.text.max(initial=-1)) + 1, links)[picture]
        return frame.loc[left, "pair_id"].groupby(component).transform("min")


def _neighbours(links: Edges) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for one, other in links.tolist():
        found.setdefault(one, []).append(other)
        found.setdefault(other, []).append(one)
    return found


def _changed(frame: pd.DataFrame, column: str, values: "pd.Series[str]") -> "zip[tuple[str, str | None]]":
    """Give the pairs whose column changes, with their values."""
    found = values.astype(object).where(values.notna(), None)
    changed = frame[column].to_numpy(object) != found.to_numpy(object)
    return zip(frame.loc[changed, "pair_id"], found[changed], strict=True)
