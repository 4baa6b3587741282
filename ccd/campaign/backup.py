"""Backup and restore: a campaign as one tar file, taken while commands run, and put back whole or not at all.

The database is in it as SQLite's own online backup makes it, one consistent state; a PostgreSQL database is copied
table by table into the same form, in one transaction. It is taken before the files: rows name only files that are there
already. Last comes `backup.json` with the SHA-256 of every file: a backup that was cut off has no end.
"""

import contextlib
import hashlib
import io
import json
import os
import shutil
import sqlite3
import stat
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psutil
import sqlalchemy as sa

import ccd
from ccd.campaign.backup_file import DATABASE, FORMAT, MANIFEST, unpack
from ccd.campaign.campaign import Campaign, open_engine, transaction
from ccd.campaign.config import read_config
from ccd.campaign.tables import schema
from ccd.campaign.tables.events import now
from ccd.campaign.tables.notes import noted
from ccd.errors import CcdError, EnvironmentFailure, InputError

# Label Studio's own data with its passwords, what `ccd encode` makes again, and what `ccd compliance` is to erase
LEFT_OUT = ("studio", "features", "quarantine")
ROWS = 10_000  # rows of a PostgreSQL table in memory at a time

Started = Callable[[str, int], Callable[[int], None]]


@dataclass(frozen=True)
class Saved:
    """What a backup holds: files, the database among them; rows by table; its own size in bytes."""

    files: int
    rows: Mapping[str, int]
    bytes: int


@dataclass(frozen=True)
class Restored:
    """What was put back: the campaign's name, files, and whether its database was "restored" or "kept" as it was."""

    campaign: str
    files: int
    database: str


def backup(campaign: Campaign, file: str | os.PathLike[str], started: Started) -> Saved:
    """Write the campaign to `file`, whole or not at all; other commands may be at work meanwhile.

    Not in it: `studio/`, `features/`, `quarantine/`, and hidden files, which are locks and what is just being written.
    Its owner alone may read it, for `secret.key` is in it. `started(name, total)` opens a progress bar. Raises
    CcdError where `file` is there, lies in the campaign or cannot be written, and while `ccd compliance` removes
    files. >>> backup(campaign, "monday.tar", started).rows["judgments"] # doctest: +SKIP 36756
    """
    file = Path(file).absolute()
    if file.exists():
        raise InputError(f"{file}: is there already; name another file")
    if file.parent.resolve().is_relative_to(campaign.folder):
        raise InputError(f"{file}: lies in the campaign that it would save; name a file elsewhere")
    _sweep(file)
    part, database = (file.with_name(f".{file.name}.{os.getpid()}.{end}") for end in ("part", "db.part"))
    try:
        with (
            campaign.alone("compliance", by="backup"),
            _private(part) as target,
            tarfile.open(fileobj=target, mode="w") as tar,
        ):
            rows = _snapshot(campaign, database)
            hashes = _pack(tar, campaign.folder, database, started)
            told = {"format": FORMAT, "toolkit": ccd.__version__, "campaign": campaign.config.name, "uid": campaign.uid}
            told |= {"made": now(), "rows": rows, "files": hashes}
            text = json.dumps(told, indent=1, ensure_ascii=False).encode()
            entry = tarfile.TarInfo(MANIFEST)
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text))
        part.rename(file)
    except OSError as error:
        raise _failed(file, error) from None
    except (sqlite3.Error, sa.exc.DBAPIError) as error:
        raise EnvironmentFailure(
            f"{file}: the database cannot be copied ({error}); free space there and run again"
        ) from None
    finally:
        for left in (part, database):
            left.unlink(missing_ok=True)
    return Saved(len(hashes), rows, file.stat().st_size)


@contextlib.contextmanager
def _private(part: Path) -> Iterator[IO[bytes]]:
    """Open a new file for this user only, on the disk when the block ends."""
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as target:
        yield target
        target.flush()
        os.fsync(target.fileno())


def _snapshot(campaign: Campaign, database: Path) -> dict[str, int]:
    """Write one state of the campaign's database as an SQLite file; gives the rows of each table."""
    database.unlink(missing_ok=True)
    os.close(os.open(database, os.O_WRONLY | os.O_CREAT, 0o600))
    copy = sa.create_engine(sa.URL.create("sqlite", database=str(database)))
    try:
        if campaign.engine.dialect.name == "sqlite":
            with (
                contextlib.closing(sqlite3.connect(campaign.folder / DATABASE)) as source,
                contextlib.closing(sqlite3.connect(database)) as target,
            ):
                source.execute("PRAGMA busy_timeout=60000")
                source.backup(target)
                target.execute("PRAGMA journal_mode=DELETE")  # one file, nothing beside it
        else:
            with campaign.read() as db, copy.begin() as target:
                schema.metadata.create_all(target)
                _copy_tables(db, target)
        with copy.connect() as db:
            return {
                table.name: int(db.scalar(sa.select(sa.func.count()).select_from(table)) or 0)
                for table in schema.metadata.sorted_tables
            }
    finally:
        copy.dispose()


def _copy_tables(source: sa.Connection, target: sa.Connection) -> None:
    """All rows of all tables, parents first."""
    for table in schema.metadata.sorted_tables:
        found = source.execution_options(yield_per=ROWS).execute(sa.select(table))
        for rows in found.mappings().partitions():
            target.execute(table.insert(), [dict(row) for row in rows])


def _pack(tar: tarfile.TarFile, folder: Path, database: Path, started: Started) -> dict[str, str]:
    """Put the database and every file of the campaign into the tar; gives their SHA-256 by name."""
    names = [DATABASE, *_names(folder)]
    tick = started("files", len(names))
    hashes = {}
    for name in names:
        try:
            source = (database if name == DATABASE else folder / name).open("rb")
        except FileNotFoundError:
            continue  # replaced or removed meanwhile, as reports are
        with source:
            state = os.fstat(source.fileno())
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime, entry.mode = state.st_size, state.st_mtime_ns / 1e9, stat.S_IMODE(state.st_mode)
            hashing = _Hashing(source)
            tar.addfile(entry, hashing)  # of a file that grows, what it was when it was opened
            hashes[name] = hashing.hexdigest()
        tick(1)
    return hashes


def _names(folder: Path) -> list[str]:
    """Return the files to save, relative to the folder, sorted; links are followed to what they stand for."""
    found, seen = [], set()
    for base, folders, files in os.walk(folder, followlinks=True):
        if (real := os.path.realpath(base)) in seen:  # a link to a folder above would never end
            folders.clear()
            continue
        seen.add(real)
        here = Path(base).relative_to(folder)
        top = not here.parts
        folders[:] = [f for f in folders if not f.startswith(".") and not (top and f in LEFT_OUT)]
        found += [(here / f).as_posix() for f in files if not f.startswith(".") and (folder / here / f).is_file()]
    return sorted(name for name in found if name not in (MANIFEST, *(DATABASE + end for end in ("", "-wal", "-shm"))))


class _Hashing(io.RawIOBase):
    """A file that is hashed as it is read."""

    def __init__(self, source: IO[bytes]) -> None:
        self._source = source
        self._hash = hashlib.sha256()
        self.hexdigest = self._hash.hexdigest

    def read(self, size: int = -1) -> bytes:
        data = self._source.read(size)
        self._hash.update(data)
        return data


def restore(file: str | os.PathLike[str], folder: str | os.PathLike[str], started: Started) -> Restored:
    """Put the campaign of a backup into `folder`, which appears whole or not at all.

    It is unpacked beside `folder`; the database must open and hold the rows that the backup counted before anything is
    put in place. With `database_url` in its campaign.toml the tables go there: all of them in one transaction where the
    database is empty; one that holds this very campaign is newer or the same, and is kept as it is. Raises CcdError
    where `folder` is there and not empty, where the backup is not whole or was changed, and where the database is
    another's.

    >>> restore("monday.tar", "my-campaign", started).database  # doctest: +SKIP
    'restored'
    """
    file, folder = Path(file), Path(folder).absolute()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder}: is there already and not empty; name another --dir")
    part = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _sweep(folder)
        part.mkdir()
        manifest = unpack(file, part, started)
        try:
            url = read_config(part).database_url
            if url is None:
                Campaign.open(part).engine.dispose()
        except CcdError as error:
            raise type(error)(str(error).replace(f"{part}/", f"{file}, ")) from None
        kept = url is not None and not _fill(url, part / DATABASE, manifest.uid)
        if url is not None:
            (part / DATABASE).unlink()
        os.sync()
        part.rename(folder)
    except OSError as error:
        raise _failed(folder, error) from None
    except sa.exc.DBAPIError as error:
        reason = str(error.orig).strip().partition("\n")[0]
        raise EnvironmentFailure(
            f"{folder}: the database cannot be filled ({reason}); see that it runs and has space"
        ) from None
    finally:
        shutil.rmtree(part, ignore_errors=True)
    return Restored(manifest.campaign, len(manifest.files), "kept" if kept else "restored")


def _fill(url: str, database: Path, uid: str) -> bool:
    """Put the tables of an SQLite file into an empty database, all or nothing; False where this campaign is in it."""
    engine = open_engine(url)
    saved = open_engine(sa.URL.create("sqlite", database=str(database)))
    try:
        with transaction(engine, writing=True) as db, transaction(saved, writing=False) as source:
            if sa.inspect(db).has_table(schema.meta.name):
                holds = noted(db, "uid")
                if holds == uid:
                    return False
                if holds is not None:
                    raise InputError(f"{url}: holds another campaign; empty it, or take another database")
            schema.metadata.create_all(db)
            db.execute(schema.meta.delete())
            _copy_tables(source, db)
            for table in (schema.judgments, schema.events):  # whose numbers the database gives
                column = next(iter(table.primary_key))
                last = sa.select(sa.func.coalesce(sa.func.max(column), 0) + 1).scalar_subquery()
                serial = sa.func.pg_get_serial_sequence(table.name, column.name)
                db.execute(sa.select(sa.func.setval(serial, last, False)))
            return True
    finally:
        engine.dispose()
        saved.dispose()


def _sweep(wanted: Path) -> None:
    """Remove what killed runs left beside the file or folder that was to be made."""
    for left in wanted.parent.glob(f".{wanted.name}.*.part"):
        number = left.name.removeprefix(f".{wanted.name}.").partition(".")[0]
        if number.isdigit() and not psutil.pid_exists(int(number)):
            shutil.rmtree(left) if left.is_dir() else left.unlink(missing_ok=True)


def _failed(place: Path, error: OSError) -> CcdError:
    return EnvironmentFailure(
        f"{error.filename or place}: {error.strerror or error}; free space or check the rights, then run again"
    )
