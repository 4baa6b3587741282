"""Write a release: beside its place, then one rename. There is a whole release or none."""

import contextlib
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import sqlalchemy as sa

from ccd.campaign import revisions
from ccd.campaign.campaign import Campaign
from ccd.campaign.stored_split import publish
from ccd.campaign.tables import schema
from ccd.campaign.tables.events import now, record
from ccd.campaign.tables.notes import RELEASED_OF, note
from ccd.errors import EnvironmentFailure, InputError
from ccd.files.lock import file_lock
from ccd.measures.ties import OPEN
from ccd.release import tables
from ccd.release.content import pairs
from ccd.release.facts import Facts, Form, collect
from ccd.release.images import FILES, NONE, Files, Shards
from ccd.release.judged import Judged
from ccd.release.pages import MANIFEST, describe, pretty
from ccd.release.tally import SPLITS, Tally
from ccd.release.vempala import Vempala

Started = Callable[[str, int], Callable[[int], None]]  # opens a progress bar of that length, returns what moves it
FILED = Form()
_SLUG = re.compile(r"[A-Za-z0-9]+([._-][A-Za-z0-9]+)*")
_SUFFIX = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "GIF": "gif", "BMP": "bmp"}
_OFTEN = 500  # pairs between two moves of the bar


@dataclass(frozen=True)
class Released:
    """`counts` is {split: {label: pairs, all: pairs}}; `excluded` counts assigned pairs that are not in, by reason."""

    name: str
    folder: Path
    synthetic: bool
    dehydrated: bool
    counts: dict[str, dict[str, int]]
    excluded: dict[str, int]
    images: int
    manifest_sha256: str


def write_release(campaign: Campaign, name: str, form: Form = FILED, started: Started | None = None) -> Released:
    """Write `releases/<name>/` and its row in the table; `started(name, total)` opens a progress bar.

    The same state of the campaign gives the same bytes. A run that failed leaves nothing; one that was killed leaves a
    hidden folder, which the next one removes. Raises CcdError where the name is no plain slug or taken, where labels,
    splits or an image are missing, where the disk is full, or where another release is being written.

    >>> write_release(campaign, "v1").counts["test"]["all"]  # doctest: +SKIP
    983
    """
    if not _SLUG.fullmatch(name) or len(name) > 64:
        raise InputError(f"{name!r} is no name for a release; use letters and digits joined by . _ or -, such as v1")
    releases = campaign.folder / "releases"
    folder, part = releases / name, releases / f".{name}.part"
    with clear(folder):
        releases.mkdir(exist_ok=True)
        with file_lock(releases / ".lock", f"{releases}: another release is being written; wait until it is done"):
            for leftover in releases.glob(".*.part"):
                shutil.rmtree(leftover)
            if _known(campaign, name):
                raise InputError(f"{folder}: released already, and a release never changes; choose another name")
            try:
                part.mkdir()
                facts, images = _write(part, campaign, name, form, started)
                manifest = hashlib.sha256((part / MANIFEST).read_bytes()).hexdigest()
                _publish(campaign, part, folder, name, manifest)
            finally:
                shutil.rmtree(part, ignore_errors=True)
    return Released(
        name=name,
        folder=folder,
        synthetic=facts["synthetic"],
        dehydrated=facts["dehydrated"],
        counts=facts["counts"],
        excluded=facts["excluded"],
        images=images,
        manifest_sha256=manifest,
    )


@contextlib.contextmanager
def clear(folder: Path) -> Iterator[None]:
    """Turn what a disk or a database says when it cannot take more into one clear line."""
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        raise EnvironmentFailure(
            f"{error.filename or folder}: {reason}; free space or check the folder's rights"
        ) from None
    except sa.exc.DBAPIError as error:
        reason = str(error.orig).strip().partition("\n")[0]
        raise EnvironmentFailure(
            f"{folder}: the database failed ({reason}); free space, then run the command again"
        ) from None


def _known(campaign: Campaign, name: str) -> bool:
    with campaign.read() as db:
        return db.scalar(sa.select(schema.releases.c.name).where(schema.releases.c.name == name)) is not None


def _write(part: Path, campaign: Campaign, name: str, form: Form, started: Started | None) -> tuple[Facts, int]:
    """Fill the folder `part` from one state of the database; returns the facts and the number of images."""
    protocol = campaign.protocol
    tally = Tally.of(protocol.questions)
    judged = Judged(protocol)
    with campaign.read() as db:
        revisions.check_answers(db, protocol)
        _pairs(part, campaign, db, form, tally, started)
        if not tally.pairs.total():
            raise InputError("no pair has both a label and a split; run `ccd labels`, then `ccd split`")
        with tables.judgments(part / "judgments.parquet") as file:
            for row in judged.rows(db):
                file.add(row)
        facts = collect(db, campaign, name, form, tally, judged)
        examples = tally.examples(db) if form.images != NONE else {}
    asked = {"revisions": [each.to_dict() for each in judged.revisions]}
    (part / "protocol.json").write_bytes(pretty(asdict(protocol) | asked).encode())
    return facts, describe(part, facts, protocol.questions, examples, campaign.folder)


def _pairs(
    part: Path, campaign: Campaign, db: sa.Connection, form: Form, tally: Tally, started: Started | None
) -> None:
    """Write every pair as it comes: its lines and its image."""
    total = db.scalar(sa.select(sa.func.count()).select_from(schema.splits)) or 0
    moved = started("pairs", total) if started else lambda number: None
    questions = campaign.protocol.questions
    with contextlib.ExitStack() as stack:
        images = None if form.images == NONE else stack.enter_context(contextlib.closing(_images(part, db, form)))
        rows = stack.enter_context(tables.Rows(part, SPLITS, questions, form.dehydrated, unsettled=True))
        other = stack.enter_context(Vempala(part, SPLITS, campaign.protocol)) if form.vempala else None
        number = 0
        for pair in pairs(db, campaign):
            tally.take(pair)
            if pair.unsettled:
                rows.add(OPEN, pair.row)
            if pair.left_out:
                continue
            if images:
                images.put(pair.split, pair.row, campaign.folder / pair.file, pair.sha256)
            rows.add(pair.split, pair.row)
            if other:
                other.add(pair.split, pair.row)
            number += 1
            if number % _OFTEN == 0:
                moved(_OFTEN)
        moved(number % _OFTEN)


def _images(part: Path, db: sa.Connection, form: Form) -> Files | Shards:
    if form.images == FILES:
        return Files(part)
    formats = list(db.scalars(sa.select(schema.images.c.format).distinct()))
    return Shards(part, _SUFFIX.get(formats[0], "jpg") if len(formats) == 1 else "jpg")


def _publish(campaign: Campaign, part: Path, folder: Path, name: str, manifest: str) -> None:
    """Rename and store the row together; a run killed between the two is completed by the next."""
    os.sync()
    renamed = False
    try:
        with campaign.write() as db:
            db.execute(schema.releases.insert().values(name=name, created_at=now(), manifest_sha256=manifest))
            publish(db, name, _published(part))
            note(db, RELEASED_OF, db.scalar(sa.select(sa.func.count()).select_from(schema.splits)))
            record(db, "ccd release", "release", name, after={"manifest_sha256": manifest})
            if folder.exists():
                there = folder / MANIFEST
                if not there.is_file() or there.read_bytes() != (part / MANIFEST).read_bytes():
                    raise InputError(f"{folder}: is there already and is another; move it away or choose another name")
            else:
                part.rename(folder)
                renamed = True
                _sync(folder.parent)
    except Exception:
        if renamed:
            folder.rename(part)  # the database did not take it, so it is no release
        raise


def _published(part: Path) -> Iterator[tuple[str, str]]:
    for split in SPLITS:
        with (part / f"{split}.jsonl").open(encoding="utf-8") as lines:
            for line in lines:
                yield json.loads(line)["pair_id"], split


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
