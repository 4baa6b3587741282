"""What a campaign notes about itself in the table `meta`: one value for each key."""

import sqlalchemy as sa

from ccd.campaign.tables.schema import meta

# Keys of `meta` by which `ccd status` knows what is out of date
SETTLED_UP_TO = "settled_up_to"  # the last judgment that the table `labels` has taken in
SPLIT_OF = "split_of"  # how many labelled pairs the table `splits` was made of
SPLIT_PLAN = "split_plan"  # JSON: what the table `splits` was made with
SERVER_CLOCK = "server_clock"  # seconds that Label Studio's clock was ahead of ours at the last whole pull
RELEASED_OF = "released_of"  # how many pairs had a split when the last release was made


def note(db: sa.Connection, key: str, value: object) -> None:
    """Set one entry."""
    forget(db, key)
    db.execute(meta.insert().values(key=key, value=str(value)))


def noted(db: sa.Connection, key: str) -> str | None:
    """Return what is noted under a key, None where nothing is.

    >>> noted(db, SPLIT_OF)  # doctest: +SKIP
    '22000'
    """
    return db.scalar(sa.select(meta.c.value).where(meta.c.key == key))


def forget(db: sa.Connection, key: str) -> None:
    """Remove an entry, where there is one."""
    db.execute(meta.delete().where(meta.c.key == key))
