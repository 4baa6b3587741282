"""How far each query of a network has come."""

import sqlalchemy as sa

from ccd.campaign.tables import schema


def cursor_of(db: sa.Connection, query: str) -> str | None:
    """Return the cursor of a query, None at its start."""
    c = schema.cursors.c
    return db.scalar(sa.select(c.cursor).where(c.query == query))


def stored_so_far(db: sa.Connection, query: str) -> tuple[int, int]:
    """Return how many pages and posts of a query are stored.

    >>> stored_so_far(db, "x search cats photos=all")  # doctest: +SKIP
    (3, 250)
    """
    c = schema.cursors.c
    row = db.execute(sa.select(c.pages, c.posts).where(c.query == query)).one_or_none()
    return (row.pages, row.posts) if row else (0, 0)


def put_cursor(db: sa.Connection, query: str, *, cursor: str | None, pages: int, posts: int, done: int) -> None:
    """Set the row of a query."""
    c = schema.cursors
    values = {"cursor": cursor, "pages": pages, "posts": posts, "done": done}
    if not db.execute(c.update().where(c.c.query == query).values(**values)).rowcount:
        db.execute(c.insert().values(query=query, **values))
