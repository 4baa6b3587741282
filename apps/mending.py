"""What may go wrong with a campaign's folder, and what of it can be mended without asking: `ccd doctor --fix`.

Each function gives what it found. No judgment and no label is ever touched; a file that might still be wanted is moved
to `quarantine/`, not removed.
"""

import fcntl
import hashlib
import json
import shutil
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from ccd.files.atomic import is_being_written

if TYPE_CHECKING:
    from ccd.campaign.campaign import Campaign
    from ccd.campaign.tables.images import Image

QUARANTINE = "quarantine"
PRIVATE = ("secret.key", "studio", "studio/credentials.json")


@dataclass(frozen=True)
class Found:
    """One thing that is wrong: where, what, and what makes it right; no `mend` where only a person can."""

    where: Path
    what: str
    mend: Callable[[], str] | None = None  # returns what it did


def secrets_in_the_open(folder: Path) -> Iterator[Found]:
    """Find files with tokens, passwords or keys that others of this machine can read."""
    for name in PRIVATE:
        path = folder / name
        if path.exists() and stat.S_IMODE(path.stat().st_mode) & 0o077:
            yield Found(path, "others can read it", partial(_closed, path))


def leftovers(folder: Path) -> Iterator[Found]:
    """Find half-written files and folders of killed runs. A training's state is kept: it goes on from there."""
    for pattern in (".*.part", "images/*/.*.part", "features/*/*/.*.part", "predictions/*/.*.part"):
        for path in sorted(folder.glob(pattern)):
            if not is_being_written(path):
                yield Found(path, "a killed run left it", partial(_removed, path))
    releases = folder / "releases"
    parts = sorted(releases.glob(".*.part"))
    if parts and not _is_held(releases / ".lock"):
        yield from (Found(path, "a killed run left it", partial(_removed, path)) for path in parts)


def broken_caches(folder: Path) -> Iterator[Found]:
    """Find features and predictions whose manifest cannot be read: they can be made again."""
    for pattern in ("features/*/*", "predictions/*"):
        for path in sorted(folder.glob(pattern)):
            if path.is_dir() and not path.name.startswith(".") and not _is_json(path / "manifest.json"):
                yield Found(path, "its manifest.json cannot be read", partial(_set_aside, folder, path))


def broken_studio(folder: Path) -> Iterator[Found]:
    """Find what `ccd studio start` noted down and is not readable any more."""
    noted, credentials = folder / "studio" / "server.json", folder / "studio" / "credentials.json"
    if noted.exists() and not _is_json(noted):
        yield Found(noted, "is not what `ccd studio start` wrote", partial(_set_aside, folder, noted))
    if credentials.exists() and not _is_json(credentials):
        yield Found(credentials, "cannot be read; restore it from a backup: Label Studio knows its token only")


def stopped_studio(campaign: "Campaign", say: Callable[[str], None]) -> Iterator[Found]:
    """Find the campaign's own Label Studio, where it ran before and does not now."""
    from annotation import studio as local

    noted = campaign.folder / "studio" / "data"
    if campaign.config.label_studio_url or not noted.exists() or local.status(campaign.folder):
        return

    def mend() -> str:
        with campaign.alone("studio", by="doctor"):
            return f"started again at {local.start(campaign.folder, say).url}"

    yield Found(noted, "its Label Studio does not run", mend)


def broken_images(campaign: "Campaign") -> Iterator[Found]:
    """Find images of live posts that are missing or are not, byte for byte, what was collected."""
    from ccd.campaign.tables.images import images

    with campaign.read() as db:
        files = images(db, shown=True)
    for row in files:
        path = campaign.folder / row.file
        if _sha256(path) != row.content:
            copies = [campaign.folder / "studio" / "files" / row.file]
            copies += sorted((campaign.folder / "releases").glob(f"*/images/{path.name}"))
            whole = next((copy for copy in copies if _sha256(copy) == row.content), None)
            what = "is missing" if not path.exists() else "is not what was collected"
            yield Found(path, what, _image_mend(campaign.folder, path, whole))


def _image_mend(folder: Path, path: Path, whole: Path | None) -> Callable[[], str] | None:
    if whole is None and not path.exists():
        return None

    def mend() -> str:
        said = f"{_set_aside(folder, path)}; " if path.exists() else ""
        shown = folder / "studio" / "files" / path.relative_to(folder)
        if whole is None:
            shown.unlink(missing_ok=True)  # Label Studio must not show it either
            return f"{said}no whole copy was found: restore it from a backup, or collect its posts again"
        from ccd.files.atomic import write_atomic

        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, whole.read_bytes())
        if shown.exists() and shown != whole:
            write_atomic(shown, path.read_bytes())
        return f"{said}put back from {whole.relative_to(folder)}"

    return mend


def telling_images(campaign: "Campaign") -> Iterator[Found]:
    """Find images of live posts that hold more than their picture: an older toolkit left comments and texts in them."""
    from ccd.campaign.tables.images import images
    from ccd.files.stripping import is_stripped

    with campaign.read() as db:
        files = images(db, shown=True)
    for row in files:
        path = campaign.folder / row.file
        data = path.read_bytes() if path.is_file() else b""
        if hashlib.sha256(data).hexdigest() in (row.sha256, row.content) and not is_stripped(data):
            yield Found(path, "holds metadata, or bytes after its end", partial(_cleaned, campaign, row, data))


def _cleaned(campaign: "Campaign", row: "Image", data: bytes) -> str:
    """Clean an image; the database first: a file that is not written yet is still the one that was collected."""
    from ccd.campaign.tables.images import set_cleaned
    from ccd.errors import DataDamage
    from ccd.files.atomic import write_atomic
    from collection.images import BadImage, prepare

    try:
        picture, cleaned = prepare(data)
    except BadImage as error:
        raise DataDamage(f"{error}; collect its post again") from None
    if picture.format != row.format:
        raise DataDamage(f"it could be stored as {picture.format} only; collect its post again")
    with campaign.write() as db:
        set_cleaned(db, row.sha256, picture.sha256, picture.bytes)
    for path in (campaign.folder / row.file, campaign.folder / "studio" / "files" / row.file):
        if path.exists():
            write_atomic(path, cleaned)
    return "taken out; the pixels are the same"


def broken_database(campaign: "Campaign") -> Iterator[Found]:
    """Find what SQLite finds wrong in its own file. Only a backup brings that back."""
    from ccd.campaign.damage import damage

    if wrong := damage(campaign):
        yield Found(campaign.folder / "campaign.db", f"{wrong}; `ccd restore` a backup")


def missing_releases(campaign: "Campaign") -> Iterator[Found]:
    """Find releases that the campaign knows and whose manifest is not the one that was written."""
    from ccd.campaign.tables.browse import releases

    with campaign.read() as db:
        made = releases(db)
    for release in made:
        path = campaign.folder / "releases" / release["name"]
        if _sha256(path / "MANIFEST.sha256") != release["manifest_sha256"]:
            what = "is missing" if not path.exists() else "was changed (`ccd verify` says where)"
            yield Found(path, f"{what}; restore it from a backup, or from where it was published")


IN_A_FOLDER: dict[str, Callable[[Path], Iterator[Found]]] = {
    "secrets are closed to others": secrets_in_the_open,
    "no leftovers of killed runs": leftovers,
    "features and predictions can be read": broken_caches,
    "Label Studio's notes can be read": broken_studio,
}


def overdue_quarantine(campaign: "Campaign") -> Iterator[Found]:
    """Find what `ccd compliance` took out longer ago than the campaign keeps it; its next run would erase it too."""
    from collection import quarantine

    for path in quarantine.overdue(campaign, campaign.config.quarantine_days):
        yield Found(path, "its days in quarantine are over", partial(_removed, path))


IN_A_CAMPAIGN: dict[str, "Callable[[Campaign], Iterator[Found]]"] = {
    "database is whole": broken_database,
    "releases are as written": missing_releases,
    "images hold nothing but their picture": telling_images,
    "quarantine is erased in time": overdue_quarantine,
}


def _closed(path: Path) -> str:
    path.chmod(0o700 if path.is_dir() else 0o600)
    return "closed to others"


def _removed(path: Path) -> str:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    return "removed"


def _set_aside(folder: Path, path: Path) -> str:
    """Move it to quarantine/, beside what was moved there before."""
    place = folder / QUARANTINE / path.relative_to(folder)
    number = 1
    while place.exists():
        number += 1
        place = place.with_name(f"{path.name}.{number}")
    place.parent.mkdir(parents=True, exist_ok=True)
    path.rename(place)
    return f"moved to {place.relative_to(folder)}"


def _is_held(lock: Path) -> bool:
    """Return whether a living process holds the lock; that of a dead one is no lock any more."""
    with lock.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _is_json(path: Path) -> bool:
    try:
        return isinstance(json.loads(path.read_bytes()), dict)
    except (OSError, ValueError):
        return False


def _sha256(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None
