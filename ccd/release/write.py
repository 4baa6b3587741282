"""Write a release: beside its place, then one rename. There is a whole release or none."""

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import sqlalchemy as sa

from ccd import schema
from ccd.campaign import Campaign, now, record
from ccd.errors import CcdError
from ccd.release.card import card
from ccd.release.content import Content, read_content

MANIFEST = "MANIFEST.sha256"
Progress = Callable[[int], Callable[[int], None]]  # total → what is called with the number of images done
_SLUG = re.compile(r"[A-Za-z0-9]+([._-][A-Za-z0-9]+)*")


@dataclass(frozen=True)
class Released:
    """`counts` is {split: {label: pairs, all: pairs}}; `excluded` counts assigned pairs that are not in, by reason."""

    name: str
    folder: Path
    synthetic: bool
    counts: dict[str, dict[str, int]]
    excluded: dict[str, int]
    images: int
    manifest_sha256: str


def write_release(campaign: Campaign, name: str, started: Progress | None = None) -> Released:
    """Write `releases/<name>/` and its row in the table; `started(total)` opens a progress bar and returns
    what moves it.

    The same state of the campaign gives the same bytes. A run that was killed leaves a hidden folder, which the next
    one removes. Raises CcdError where the name is no plain slug or taken, where labels, splits or an image are
    missing, or where another release is being written.

    >>> write_release(campaign, "v1").counts["test"]["all"]  # doctest: +SKIP
    983
    """
    if not _SLUG.fullmatch(name) or len(name) > 64:
        raise CcdError(f"{name!r} is no name for a release; use letters and digits joined by . _ or -, such as v1")
    releases = campaign.folder / "releases"
    folder, part = releases / name, releases / f".{name}.part"
    try:
        releases.mkdir(exist_ok=True)
        with _alone(releases):
            for leftover in releases.glob(".*.part"):
                shutil.rmtree(leftover)
            if _known(campaign, name):
                raise CcdError(f"{folder}: released already, and a release never changes; choose another name")
            content = read_content(campaign, name)
            manifest = _write(part, campaign, content, started)
            _publish(campaign, part, folder, name, manifest)
    except OSError as error:
        place = error.filename or folder
        raise CcdError(f"{place}: {error.strerror}; free space or check the folder's rights") from None
    return Released(
        name=name,
        folder=folder,
        synthetic=content.facts["synthetic"],
        counts=content.facts["counts"],
        excluded=content.excluded,
        images=len(content.images),
        manifest_sha256=manifest,
    )


@contextlib.contextmanager
def _alone(releases: Path) -> Iterator[None]:
    """Hold the folder's lock; the system lets go of it when this process ends, however it ends."""
    with (releases / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CcdError(f"{releases}: another release is being written; wait until it is done") from None
        yield


def _known(campaign: Campaign, name: str) -> bool:
    with campaign.read() as db:
        return db.scalar(sa.select(schema.releases.c.name).where(schema.releases.c.name == name)) is not None


def _write(part: Path, campaign: Campaign, content: Content, started: Progress | None) -> str:
    """Fill the folder `part`; returns the manifest's SHA-256."""
    (part / "images").mkdir(parents=True)
    hashes: dict[str, str] = {}

    def put(file: str, text: str) -> None:
        (part / file).write_bytes(text.encode())
        hashes[file] = hashlib.sha256(text.encode()).hexdigest()

    for split, rows in content.rows.items():
        put(f"{split}.jsonl", "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    put("protocol.json", _pretty(asdict(campaign.protocol)))
    put("release.json", _pretty(content.facts))
    put("README.md", card(content.facts))
    moved = started(len(content.images)) if started else lambda number: None
    for target, (file, sha256) in content.images.items():
        hashes[target] = _put_image(campaign.folder / file, part / target, sha256)
        moved(1)
    put(MANIFEST, "".join(f"{hashes[file]}  {file}\n" for file in sorted(hashes)))
    return hashes[MANIFEST]


def _put_image(source: Path, target: Path, sha256: str) -> str:
    """Copy one image block by block, and check that it is still what was collected."""
    # A copy, not a hard link: whoever edits a published image must not edit the campaign's.
    try:
        shutil.copyfile(source, target)
    except FileNotFoundError:
        raise CcdError(f"{source}: the image is gone; put it back, or collect its posts again") from None
    with target.open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
            raise CcdError(f"{source}: the image was changed since it was collected; put the original back")
    return sha256


def _publish(campaign: Campaign, part: Path, folder: Path, name: str, manifest: str) -> None:
    """Rename and store the row together; a run killed between the two is completed by the next."""
    for place in (*part.rglob("*"), part):
        _sync(place)
    with campaign.write() as db:
        db.execute(schema.releases.insert().values(name=name, created_at=now(), manifest_sha256=manifest))
        schema.note(db, schema.RELEASED_OF, db.scalar(sa.select(sa.func.count()).select_from(schema.splits)))
        record(db, "ccd release", "release", name, after={"manifest_sha256": manifest})
        if folder.exists():
            there = folder / MANIFEST
            if not there.is_file() or there.read_bytes() != (part / MANIFEST).read_bytes():
                raise CcdError(f"{folder}: is there already and is another; move it away or choose another name")
            shutil.rmtree(part)
        else:
            part.rename(folder)
            _sync(folder.parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _pretty(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"
