"""A dehydrated release, filled again with texts and images that somebody collected: another folder, whole or not."""

import hashlib
import itertools
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ccd import __version__
from ccd.campaign.campaign import Campaign
from ccd.campaign.tables import live_posts, schema
from ccd.errors import InputError, damaged
from ccd.files.handles import without_handles
from ccd.files.regular import read_json, read_regular, read_rows
from ccd.measures.ties import OPEN
from ccd.release import tables
from ccd.release.content import LOST, ReleasedPair
from ccd.release.images import FILES, Files
from ccd.release.pages import MANIFEST, describe
from ccd.release.questions import questions_of
from ccd.release.tally import SPLITS, Tally
from ccd.release.write import clear

_BATCH = 500
_COPIED = ("judgments.parquet", "protocol.json")
_UNSETTLED = (f"{OPEN}.jsonl", f"{OPEN}.parquet")  # releases of an older toolkit lack them


@dataclass(frozen=True)
class Refilled:
    """`pairs` have text and image again; `gone` are the others: pair_id → what is known of why."""

    pairs: int
    gone: dict[str, str]


def posts_of(folder: str | os.PathLike[str]) -> list[str]:
    """Return the post ids of a dehydrated release, each once. Raises CcdError where it is none."""
    folder = Path(folder)
    try:
        facts = read_json(folder / "release.json")
        found = dict.fromkeys(row["post_id"] for split in SPLITS for row in _lines(folder / f"{split}.jsonl"))
        if not all(isinstance(post, str) for post in found):
            raise TypeError("a post_id is no text")
        dehydrated = bool(facts.get("dehydrated"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{folder}: is no release ({error}); name the folder of one, such as releases/v1") from None
    if not dehydrated:
        raise InputError(
            f"{folder}: has its texts and images; only what `ccd release --dehydrate` wrote is filled again"
        )
    return list(found)


def refill(
    folder: str | os.PathLike[str], out: str | os.PathLike[str], source: Campaign, why: Mapping[str, str]
) -> Refilled:
    """Write `out`: the release in `folder` with text and image of every pair that is in the campaign `source`.

    `why` says of posts what their network answered. Raises CcdError where `out` is there, or none of the pairs is.

    >>> refill("v1", "v1-hydrated", campaign, {}).pairs  # doctest: +SKIP
    12001
    """
    folder, out = Path(folder), Path(out)
    if out.exists():
        raise InputError(f"{out}: is there already; move it away, or choose another folder with --out")
    part = out.with_name(f".{out.name}.filling")  # not .part: `ccd release` removes those
    with clear(out):
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        try:
            with damaged(folder, "fetch the release again; `ccd verify` says more"):
                done = _write(folder, part, source, why)
            part.rename(out)
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return done


def _write(folder: Path, part: Path, source: Campaign, why: Mapping[str, str]) -> Refilled:
    facts = read_json(folder / "release.json")
    questions = questions_of(read_json(folder / "protocol.json"))
    tally = Tally.of(questions)
    gone: dict[str, str] = {}
    images = Files(part)
    with source.read() as db, tables.Rows(part, SPLITS, questions) as rows:
        for split, row, found in _found(folder, db):
            if found is None:
                gone[row["pair_id"]] = _reason(db, row, why)
                continue
            filled = _filled(row, found)
            images.put(split, filled, source.folder / found.file, found.sha256)
            rows.add(split, filled)
            tally.take(ReleasedPair("", split, row))
    if not tally.pairs.total():
        told = ", ".join(f"{number:,} {reason}" for reason, number in Counter(gone.values()).most_common(3))
        raise InputError(f"{folder}: none of its pairs was found ({told}); see that it is the right archive or network")
    for name in (*_COPIED, *(name for name in _UNSETTLED if (folder / name).is_symlink() or (folder / name).exists())):
        if (folder / name).is_symlink():  # it may lead to any file of this machine, and what is filled gets published
            raise InputError(f"{folder / name}: is a link; put the file itself there")
        shutil.copyfile(folder / name, part / name)
    if gone:
        lines = (json.dumps({"pair_id": pair, "reason": reason}) + "\n" for pair, reason in gone.items())
        (part / "gone.jsonl").write_text("".join(lines), encoding="utf-8")
    left = facts["excluded"] | ({LOST: len(gone)} if gone else {})
    facts |= {"dehydrated": False, "images": FILES, "excluded": left, "toolkit": f"ccd-toolkit {__version__}"}
    for row in _lines(part / f"{OPEN}.jsonl") if (part / f"{OPEN}.jsonl").exists() else ():
        tally.take(ReleasedPair(row["resolved_by"], row=row))
    tally.correct(facts)
    facts["of"] = hashlib.sha256(read_regular(folder / MANIFEST)).hexdigest()  # the release that was filled
    describe(part, facts, questions, {}, part)
    return Refilled(tally.pairs.total(), gone)


def _found(folder: Path, db: sa.Connection) -> Iterator[tuple[str, dict[str, Any], Any]]:
    """Every row with its split, and its text and image where they are there."""
    p, i = schema.pairs.c, schema.images.c
    query = sa.select(p.pair_id, p.text, live_posts.content().label("sha256"), i.file).join(
        schema.images, i.sha256 == p.image
    )
    for split in SPLITS:
        rows = _lines(folder / f"{split}.jsonl")
        while some := list(itertools.islice(rows, _BATCH)):
            ids = [row["pair_id"] for row in some]
            found = {row.pair_id: row for row in db.execute(query.where(p.pair_id.in_(ids)))}
            for row in some:
                yield split, row, found.get(row["pair_id"])


def _filled(row: Mapping[str, Any], found: Any) -> dict[str, Any]:
    """Return the row as a release has it: text and image after the ids, and never those that the row brings along."""
    suffix = found.file.rpartition(".")[2]
    content = {"text": without_handles(found.text), "image": f"images/{found.sha256}.{suffix}"}
    ids = {"pair_id": row["pair_id"], "post_id": row["post_id"]}
    return {**ids, **content, **row, **content}


def _reason(db: sa.Connection, row: Mapping[str, Any], why: Mapping[str, str]) -> str:
    photos, d = schema.photos.c, schema.drops.c
    said = why.get(row["post_id"], "")
    if said not in ("", "ok"):
        return f"post {said}"
    photo = db.scalar(sa.select(photos.reason).where(photos.pair_id == row["pair_id"]))
    drop = db.scalar(sa.select(d.reason).where(d.item == row["pair_id"]).limit(1))
    return f"photo: {photo or drop}" if photo or drop else "post not found"


def _lines(file: Path) -> Iterator[dict[str, Any]]:
    for _, row in read_rows(file):
        yield row
