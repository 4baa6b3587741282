"""A campaign: one folder with `campaign.toml`, and one database (SQLite in it, or PostgreSQL by `database_url`)."""

import contextlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from ccd import protocol as protocols
from ccd.campaign import imported, revisions
from ccd.campaign.config import CONFIG, Config, Person, parse, read_config, render
from ccd.campaign.tables import migrations, notebook, schema
from ccd.campaign.tables.judgments import valid_judgments
from ccd.errors import EnvironmentFailure, InputError, as_path
from ccd.files.atomic import write_atomic
from ccd.files.lock import file_lock

if TYPE_CHECKING:
    import pandas as pd

ADJUDICATION_DESK = "@adjudication"
Connection = sa.Connection  # what `read` and `write` give, and queries take
DatabaseError = sa.exc.DBAPIError  # a full disk, a server that ended
DatabaseUnreachable = sa.exc.OperationalError
PATIENCE = 60_000  # milliseconds that SQLite waits for another process to let go of the database


class Campaign:
    """An open campaign: its pairs, judgments, labels, splits and predictions as frames.

    What the toolkit itself asks goes through `ccd.campaign.tables` and a connection of `read()` or `write()`.

    >>> campaign = Campaign.open("my-campaign")  # doctest: +SKIP
    >>> len(campaign.pairs()), campaign.labels()["label"].value_counts().to_dict()  # doctest: +SKIP
    (12252, {'explicit': 6879, 'irrelevant': 4087, 'implicit': 1286})
    """

    def __init__(self, folder: Path, config: Config, protocol: protocols.Protocol, engine: sa.Engine, uid: str) -> None:
        self.folder = folder
        self.config = config
        self.protocol = protocol  # the only source of labels
        self.engine = engine
        self.uid = uid  # marks this campaign's projects in a Label Studio

    @classmethod
    def create(
        cls,
        folder: str | os.PathLike[str],
        *,
        name: str,
        protocol: str = "ccd",
        annotators: tuple[Person, ...],
        adjudicators: tuple[Person, ...],
    ) -> "Campaign":
        """Make a new campaign in `folder`, which is made if need be.

        Raises CcdError where there is one already, or where the protocol does not exist.
        """
        folder = as_path(folder, "the campaign's folder")
        path = folder / CONFIG
        if path.exists():
            raise InputError(f"{path}: there is a campaign already; edit that file or choose another --dir")
        text = render(name, protocol, annotators, adjudicators)
        config = parse(text, path)
        protocols.load(protocol, folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise EnvironmentFailure(f"{folder}: cannot be made a folder ({error.strerror}); choose another") from None
        campaign = cls._connected(folder, config)
        write_atomic(path, text.encode())  # last: what was broken off before is simply made again
        return campaign

    @classmethod
    def open(cls, folder: str | os.PathLike[str]) -> "Campaign":
        """Open the campaign in `folder`; its database is made or brought forward where needed.

        Raises CcdError where there is no campaign, where campaign.toml or its protocol is wrong, or where the database
        is not reached.
        """
        config = read_config(folder)
        return cls._connected(Path(folder), config)

    @classmethod
    def _connected(cls, folder: Path, config: Config) -> "Campaign":
        protocol = protocols.load(config.protocol, folder)
        folder = folder.resolve()
        where = config.database_url or str(folder / "campaign.db")
        engine = open_engine(config.database_url or sa.URL.create("sqlite", database=str(folder / "campaign.db")))
        try:
            with transaction(engine, writing=False) as db:
                ready = migrations.is_current(db)
                uid = _belongs(db, config.name, where) if ready else ""
            if not ready:
                with transaction(engine, writing=True) as db:
                    migrations.prepare(db, where)
                    revisions.adopt(db, protocol)
                    uid = _belongs(db, config.name, where)
        except sa.exc.DBAPIError as error:
            reason = str(error.orig).strip().partition("\n")[0]
            raise EnvironmentFailure(
                f"{where}: cannot be used as a database ({reason}); check database_url, rights and free space"
            ) from None
        return cls(folder, config, protocol, engine, uid)

    @contextlib.contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Open a connection that reads one consistent state."""
        with transaction(self.engine, writing=False) as db:
            yield db

    @contextlib.contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """Open a transaction: all of it is stored, or none. Writers follow one another, on both databases."""
        with transaction(self.engine, writing=True) as db:
            yield db

    @contextlib.contextmanager
    def alone(self, command: str, by: str | None = None) -> Iterator[None]:
        """Keep a second run of the same command out while this one lasts; a killed one leaves nothing behind.

        `by` is the command that does its work, where it is another. The lock holds its name, for who is kept out.
        """
        lock, by = self.folder / f".{command}.lock", by or command
        try:
            holder = lock.read_text(encoding="utf-8").strip() or command
        except (OSError, ValueError):
            holder = command
        other = "another " if holder == by else ""
        with file_lock(lock, f"{self.folder}: {other}`ccd {holder}` is at work; wait for it to end") as handle:
            with contextlib.suppress(OSError):  # a full disk: then the name is that of the command's own
                os.ftruncate(handle, 0)
                os.pwrite(handle, by.encode(), 0)
            yield

    def pairs(self) -> "pd.DataFrame":
        """Return the pairs of living posts, by pair_id.

        Columns: pair_id, post_id, text, image (SHA-256 of the photo), file (its path in the campaign's folder), phash
        and author_key (or None), source, collected_at, and round and arm of the first round that drew it (or None).
        """
        with self.read() as db:
            return notebook.pairs(db)

    def judgments(self, question: str | None = None) -> "pd.DataFrame":
        """Return the annotators' judgments that count on a question (default: the protocol's first).

        Columns: task (pair_id), worker, label (a number for a score), seconds, prediction (the version of the model
        whose prediction was shown, or None), created_at, revision (of the protocol).

        >>> Campaign.open("my-campaign").judgments().groupby("worker").size()  # doctest: +SKIP
        """
        with self.read() as db:
            return valid_judgments(db, self._question(question).name)

    def labels(self, question: str | None = None) -> "pd.DataFrame":
        """Return what pairs are settled on, as of the last `ccd labels`, by pair_id.

        Columns: pair_id, label (None where it is open), resolved_by, votes (label → number).
        """
        with self.read() as db:
            return notebook.labels(db, self._question(question).name)

    def splits(self) -> "pd.DataFrame":
        """Return the stored split, by pair_id. Columns: pair_id, split, leakage_group (None where it is alone)."""
        with self.read() as db:
            return notebook.splits(db)

    def predictions(self, version: str | None = None) -> "pd.DataFrame":
        """Return what a version of a model predicts (default: the last), by pair_id.

        Columns: pair_id, label (the likeliest) and a probability for each label; of scores pair_id and score. Raises
        InputError where there are no predictions.
        """
        from ccd.campaign import predictions

        return predictions.frame(self, version or predictions.latest(self))

    def add_judgments(self, df: "pd.DataFrame", source: str = "python") -> int:
        """Store judgments that were given elsewhere, and return how many are new or changed.

        `df` has one row a judgment: task (pair_id), worker, label. They count like those of Label Studio, in the arm
        `imported` where a pair is in no round yet; run `ccd labels` to settle. Adding them again changes nothing.
        Raises InputError, and stores nothing, where a row is no judgment of this campaign.

        >>> campaign.add_judgments(pd.read_csv("votes.csv"))  # doctest: +SKIP
        """
        with self.write() as db:
            answers = imported.of_frame(db, df, self.protocol, self.protocol.question)
            return imported.store(db, self.protocol, answers, source).new.total()

    def _question(self, name: str | None) -> protocols.Question:
        return self.protocol.by_name(name) if name else self.protocol.question

    @property
    def is_synthetic(self) -> bool:
        """True where the toolkit made the pairs itself (the demo); every output must then say so."""
        with self.read() as db:
            return (
                db.scalar(sa.select(schema.posts.c.post_id).where(schema.posts.c.source == "synthetic").limit(1))
                is not None
            )


def open_engine(url: str | sa.URL) -> sa.Engine:
    """Return the engine of a database, for `transaction`. Raises CcdError where the address or its driver is wrong."""
    try:
        engine = sa.create_engine(url)
    except (sa.exc.ArgumentError, sa.exc.NoSuchModuleError, ModuleNotFoundError) as error:
        raise InputError(
            f"database_url {url!r}: {error}; write postgresql+psycopg://user@host/database "
            "and install ccd-toolkit[postgres]"
        ) from None
    if engine.dialect.name == "sqlite":

        @sa.event.listens_for(engine, "connect")
        def _connect(dbapi: Any, _record: object) -> None:
            dbapi.isolation_level = None  # we begin transactions ourselves: IMMEDIATE for writers
            dbapi.execute(f"PRAGMA busy_timeout={PATIENCE}")
            dbapi.execute("PRAGMA journal_mode=WAL")
            dbapi.execute("PRAGMA synchronous=FULL")
            dbapi.execute("PRAGMA foreign_keys=ON")

        @sa.event.listens_for(engine, "begin")
        def _start(connection: sa.Connection) -> None:
            writing = connection.get_execution_options().get("writing")
            connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")

    return engine


@contextlib.contextmanager
def transaction(engine: sa.Engine, *, writing: bool) -> Iterator[sa.Connection]:
    """Open a connection in a transaction: one consistent state to read, or all of what is written, or none of it."""
    with engine.connect().execution_options(writing=writing) as db, db.begin():
        if engine.dialect.name == "postgresql":
            if writing:
                db.exec_driver_sql("SELECT pg_advisory_xact_lock(67996801)")  # writers follow one another, as on SQLite
            else:
                db.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield db


def _belongs(db: sa.Connection, name: str, where: str) -> str:
    """Return the database's campaign uid; two campaigns never share a database."""
    stored: dict[str, str] = {row.key: row.value for row in db.execute(sa.select(schema.meta))}
    if "campaign" not in stored:
        stored = {"campaign": name, "uid": uuid.uuid4().hex[:12]}
        db.execute(schema.meta.insert(), [{"key": k, "value": v} for k, v in stored.items()])
    if stored["campaign"] != name:
        raise InputError(
            f"{where} belongs to the campaign {stored['campaign']!r}, campaign.toml says {name!r}; "
            "put the old name back or give this campaign a database of its own"
        )
    return stored["uid"]
