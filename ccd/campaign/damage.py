"""A database that cannot be read, and what is wrong in one that can."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa

from ccd.campaign.campaign import Campaign
from ccd.errors import DataDamage


@contextlib.contextmanager
def readable(folder: Path) -> Iterator[None]:
    """Raise DataDamage where the database of a campaign's folder fails.

    >>> with readable(campaign.folder), campaign.read() as db: pairs.count(db)  # doctest: +SKIP
    """
    try:
        yield
    except sa.exc.DBAPIError as error:
        raise DataDamage(f"{folder}: {error.orig}; `ccd restore` a backup") from None


def damage(campaign: Campaign) -> str | None:
    """Return the first thing that SQLite finds wrong in its own file, as one line; None where nothing is."""
    if campaign.engine.dialect.name != "sqlite":
        return None
    try:
        with campaign.read() as db:
            lines = [str(row[0]) for row in db.exec_driver_sql("PRAGMA quick_check(3)")]
            lost = db.exec_driver_sql("PRAGMA foreign_key_check")
            lines += [f"{row[0]}: a row names a missing {row[2]}" for row in lost]
    except sa.exc.DBAPIError as error:
        lines = [str(error.orig)]
    return next((" ".join(line.split()) for line in lines if line != "ok"), None)
