"""Unpack the file of a backup, which may be anybody's: every file and the database are checked before one is used."""

import contextlib
import hashlib
import os
import sqlite3
import tarfile
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import IO

import pydantic

from ccd.campaign.config import CONFIG
from ccd.errors import CcdError, DataDamage, InputError
from ccd.files.regular import MOST_DOCUMENT, open_regular, parse_json

FORMAT = 1
MANIFEST = "backup.json"
DATABASE = "campaign.db"
CHUNK = 1 << 20  # bytes of a file
LONGEST, DEEPEST = 1024, 32  # characters and folders of a file's name
LATEST = 1 << 33  # seconds since 1970 that a file's time may be: in the year 2242

Started = Callable[[str, int], Callable[[int], None]]


class Manifest(pydantic.BaseModel):
    """What `backup.json` says: rows by table, SHA-256 by file."""

    format: int
    campaign: str
    uid: str
    rows: dict[str, int]
    files: dict[str, str]


def unpack(file: Path, part: Path, started: Started) -> Manifest:
    """Write the backup's files into the new folder `part`, and check each of them, and the database, by its manifest.

    Raises CcdError where the file is no backup, or not whole, or where what is in it does not agree.
    """
    try:
        with open_regular(file) as opened, tarfile.open(fileobj=opened, mode="r:") as tar:
            hashes, text = _written(tar, file, part, started("files", 0))
    except FileNotFoundError as error:
        if error.filename is not None and Path(error.filename) != file:
            raise
        raise InputError(f"{file}: no such file; name a backup") from None
    except (tarfile.TarError, EOFError, ValueError, OverflowError) as error:
        raise DataDamage(f"{file}: is no whole backup ({error}); use another") from None
    manifest = _manifest(file, text)
    if wrong := sorted(n for n in hashes.keys() | manifest.files.keys() if hashes.get(n) != manifest.files.get(n)):
        raise DataDamage(
            f"{file}: {wrong[0][:100]} is missing or not what was saved (SHA-256 differs); use another backup"
        )
    if missing := {CONFIG, DATABASE} - hashes.keys():
        raise InputError(f"{file}: holds no {min(missing)}, so it is no backup of a campaign; use another")
    _check_database(file, part / DATABASE, manifest)
    return manifest


def _written(tar: tarfile.TarFile, file: Path, part: Path, tick: Callable[[int], None]) -> tuple[dict[str, str], bytes]:
    """Return the SHA-256 of each file that was written, and the text of the manifest, which comes last."""
    hashes: dict[str, str] = {}
    text = b""
    for entry in tar:
        source = tar.extractfile(entry) if _is_plain(entry) and not text else None
        if source is None:
            raise _no_backup(file, entry)
        if entry.name == MANIFEST:
            if entry.size > MOST_DOCUMENT:
                raise _no_backup(file, entry)
            text = source.read()
        else:
            try:
                hashes[entry.name] = _put(source, part / entry.name, entry)
            except (FileExistsError, NotADirectoryError, IsADirectoryError):  # a name twice, or as file and folder
                raise _no_backup(file, entry) from None
            tick(1)
    return hashes, text


def _no_backup(file: Path, entry: tarfile.TarInfo) -> CcdError:
    name = entry.name if len(entry.name) <= 100 else entry.name[:100] + "…"
    return DataDamage(f"{file}: holds {name!r}, which no backup does; use one of `ccd backup`")


def _is_plain(entry: tarfile.TarInfo) -> bool:
    """Whether it is a file with a name and a time that a campaign's can have: no link, no device, none with holes."""
    path = PurePosixPath(entry.name)
    return (
        entry.type in (tarfile.REGTYPE, tarfile.AREGTYPE)
        and not entry.issparse()
        and bool(path.parts)
        and not path.is_absolute()
        and ".." not in path.parts
        and "\0" not in entry.name
        and len(entry.name) <= LONGEST
        and len(path.parts) <= DEEPEST
        and 0 <= entry.mtime < LATEST
    )


def _put(source: IO[bytes], path: Path, entry: tarfile.TarInfo) -> str:
    """Write one file with its rights and its time (the latest network is known by it); gives its SHA-256."""
    path.parent.mkdir(parents=True, exist_ok=True)
    found = hashlib.sha256()
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, entry.mode & 0o777), "wb") as target:
        while data := source.read(CHUNK):
            found.update(data)
            target.write(data)
    os.utime(path, (entry.mtime, entry.mtime))
    return found.hexdigest()


def _manifest(file: Path, text: bytes) -> Manifest:
    try:
        manifest = Manifest.model_validate(parse_json(text))
    except ValueError:  # pydantic's too
        raise DataDamage(f"{file}: is no whole backup (its end is missing); use another") from None
    if manifest.format != FORMAT:
        raise InputError(f"{file}: made by a newer toolkit (format {manifest.format}); upgrade this one")
    return manifest


def _check_database(file: Path, database: Path, manifest: Manifest) -> None:
    """Raise CcdError where the database is none, damaged, another campaign's, or has other rows than were counted."""
    try:
        with contextlib.closing(sqlite3.connect(f"{database.as_uri()}?mode=ro&immutable=1", uri=True)) as db:
            db.execute("PRAGMA trusted_schema=OFF")
            damage = db.execute("PRAGMA quick_check(1)").fetchone()[0]
            tables = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            rows = {name: _count(db, name) for name in manifest.rows if name in tables}
            uid = db.execute("SELECT value FROM meta WHERE key = 'uid'").fetchone()
    except sqlite3.Error as error:
        raise DataDamage(f"{file}: its {DATABASE} is no database of a campaign ({error}); use another backup") from None
    if damage != "ok":
        raise DataDamage(f"{file}: its {DATABASE} is damaged ({damage}); use another backup")
    if uid is None or uid[0] != manifest.uid:
        raise DataDamage(f"{file}: its {DATABASE} is of another campaign than {MANIFEST} says; use another backup")
    for name, saved in manifest.rows.items():
        if rows.get(name) != saved:
            found = f"{rows[name]:,} rows" if name in rows else "no table"
            raise DataDamage(
                f"{file}: its {DATABASE} has {found} {name!r} where {saved:,} rows were saved; use another"
            )


def _count(db: sqlite3.Connection, table: str) -> int:
    quoted = table.replace('"', '""')
    return int(db.execute(f'SELECT count(*) FROM "{quoted}"').fetchone()[0])
