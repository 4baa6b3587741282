"""Forward migrations of a campaign's database.

Our own code: each step is a few statements, on both databases, that run in the caller's transaction.
"""

from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

from ccd.campaign.tables import schema
from ccd.errors import InputError


def _to_2(connection: sa.Connection) -> None:
    """Add columns for what APIs tell of posts and for near-duplicates; new tables are made by create_all."""
    added = {
        "posts": ("author_key TEXT", "sensitive INTEGER", "status TEXT NOT NULL DEFAULT 'live'", "checked_at TEXT"),
        "images": ("phash TEXT",),
        "pairs": ("model_text TEXT", "alt_text TEXT", "duplicate_group TEXT"),
    }
    for table, columns in added.items():
        for column in columns:
            connection.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN {column}")
    connection.exec_driver_sql("CREATE INDEX ix_pairs_duplicate_group ON pairs (duplicate_group)")


def _to_3(connection: sa.Connection) -> None:
    """Add which prediction a judgment was given beside, and drops by their item."""
    connection.exec_driver_sql("ALTER TABLE judgments ADD COLUMN prediction TEXT")
    connection.exec_driver_sql("CREATE INDEX ix_drops_item ON drops (item)")


def _to_4(connection: sa.Connection) -> None:
    """Add why each pair of a ranked round was chosen, and in which order; the table `assists` is made by create_all."""
    for column in ("part TEXT", "place INTEGER"):
        connection.exec_driver_sql(f"ALTER TABLE round_pairs ADD COLUMN {column}")


def _to_5(connection: sa.Connection) -> None:
    """Note what was published, as far as is known: the split as it is, where there is a release."""
    connection.exec_driver_sql(
        "INSERT INTO published (pair_id, split, release) "
        "SELECT pair_id, split, (SELECT min(name) FROM releases) FROM splits WHERE EXISTS (SELECT 1 FROM releases)"
    )


def _to_6(connection: sa.Connection) -> None:
    """Add what says whether an answer counts.

    The next pull reads every desk again, and takes out what was not assigned. Drops that became pairs since are none.
    Which pair is a copy of which is known once `ccd duplicates` looks again.
    """
    added = {
        "pairs": ("copy_of TEXT",),
        "rounds": ("question TEXT",),
        "desks": ("page TEXT", "page_since TEXT"),
        "tasks": ("annotations TEXT", "shown_since TEXT"),
        "stray_tasks": ("annotations TEXT",),
        "judgments": ("answered_at TEXT", "revision INTEGER NOT NULL DEFAULT 1"),
    }
    for table, columns in added.items():
        for column in columns:
            connection.exec_driver_sql(f"ALTER TABLE {table} ADD COLUMN {column}")
    connection.exec_driver_sql("UPDATE desks SET watermark = NULL")
    for id_ in ("pair_id", "post_id"):  # dropped by one source, and a pair since by another
        connection.exec_driver_sql(f"DELETE FROM drops WHERE item IN (SELECT {id_} FROM pairs)")
    connection.exec_driver_sql("CREATE INDEX ix_pairs_collected_at ON pairs (collected_at)")


def _to_7(connection: sa.Connection) -> None:
    """Add the hash of photos without metadata: `ccd doctor --fix` cleans those that an older toolkit stored."""
    connection.exec_driver_sql("ALTER TABLE images ADD COLUMN cleaned_sha256 TEXT")


MIGRATIONS: dict[int, Callable[[sa.Connection], Any]] = {
    **{1: _to_2, 2: _to_3, 3: _to_4, 4: _to_5, 5: _to_6, 6: _to_7},
}
"""From version n to n + 1: what to do to a database that an older toolkit made."""


def is_current(connection: sa.Connection) -> bool:
    """Return True where the tables are there in this version and belong to a campaign.

    Then nothing needs to be written.
    """
    if not sa.inspect(connection).has_table(schema.meta.name):
        return False
    stored = {row.key: row.value for row in connection.execute(sa.select(schema.meta))}
    return stored.get("schema_version") == str(schema.SCHEMA_VERSION) and "uid" in stored


def prepare(connection: sa.Connection, where: str) -> None:
    """Make the tables in an empty database, or bring an older one forward, inside the caller's transaction.

    Raises CcdError where the database was made by a newer toolkit.
    """
    schema.metadata.create_all(connection)
    found = connection.scalar(sa.select(schema.meta.c.value).where(schema.meta.c.key == "schema_version"))
    if found is None:
        connection.execute(schema.meta.insert().values(key="schema_version", value=str(schema.SCHEMA_VERSION)))
        return
    version = int(found)
    if version > schema.SCHEMA_VERSION:
        raise InputError(
            f"{where} has schema version {version}, this ccd-toolkit knows {schema.SCHEMA_VERSION}; upgrade the toolkit"
        )
    for old in range(version, schema.SCHEMA_VERSION):
        MIGRATIONS[old](connection)
    if version < schema.SCHEMA_VERSION:
        connection.execute(
            schema.meta.update().where(schema.meta.c.key == "schema_version").values(value=str(schema.SCHEMA_VERSION))
        )
