"""Posts that are gone (`ccd compliance`): their pairs keep ids and labels; they are not drawn, shown or published."""

from typing import Any

import sqlalchemy as sa

from ccd import schema

LIVE = "live"  # the status of all other posts


def lives() -> sa.ColumnElement[bool]:
    """The condition on a pair that its post is not gone.

    >>> sa.select(schema.pairs.c.pair_id).where(lives())  # doctest: +SKIP
    """
    gone = sa.select(schema.posts.c.post_id).where(schema.posts.c.status != LIVE)
    return schema.pairs.c.post_id.not_in(gone)


def images(*, shown: bool) -> sa.Select[Any]:
    """The images (sha256, file, bytes) that pairs of living posts show; or, with shown=False, all others."""
    i = schema.images.c
    living = sa.select(schema.pairs.c.image).where(lives())
    return sa.select(i.sha256, i.file, i.bytes).where(i.sha256.in_(living) if shown else i.sha256.not_in(living))
