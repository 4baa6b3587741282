"""What a campaign notes about itself in the table `meta`: one value for each key."""

import sqlalchemy as sa

from ccd.campaign.tables.schema import meta


def note(db: sa.Connection, key: str, value: object) -> None:
    """Set one entry."""
    forget(db, key)
    db.execute(meta.insert().values(key=key, value=str(value)))


def noted(db: sa.Connection, key: str) -> str | None:
    """Return what is noted under a key, None where nothing is.

    >>> noted(db, schema.SPLIT_OF)  # doctest: +SKIP
    '22000'
    """
    return db.scalar(sa.select(meta.c.value).where(meta.c.key == key))


def forget(db: sa.Connection, key: str) -> None:
    """Remove an entry, where there is one."""
    db.execute(meta.delete().where(meta.c.key == key))
