"""Posts that are gone (`ccd compliance`): their pairs keep ids and labels; they are not drawn, shown or published."""

from typing import Any

import sqlalchemy as sa

from ccd.campaign.tables import schema

LIVE = "live"  # the status of all other posts


def is_live() -> sa.ColumnElement[bool]:
    """Return the condition on a pair that its post is not gone.

    >>> sa.select(schema.pairs.c.pair_id).where(lives())  # doctest: +SKIP
    """
    gone = sa.select(schema.posts.c.post_id).where(schema.posts.c.status != LIVE)
    return schema.pairs.c.post_id.not_in(gone)


def content() -> sa.ColumnElement[str]:
    """Return the SHA-256 of an image's file: the name it was collected under, or what it is without metadata."""
    return sa.func.coalesce(schema.images.c.cleaned_sha256, schema.images.c.sha256)


def images(*, shown: bool) -> sa.Select[Any]:
    """Return the images (sha256, file, format, bytes, content) that pairs of living posts show; shown=False.

    All others. `content` is the SHA-256 of the file as it should be.
    """
    i = schema.images.c
    living = sa.select(schema.pairs.c.image).where(is_live())
    return sa.select(i.sha256, i.file, i.format, i.bytes, content().label("content")).where(
        i.sha256.in_(living) if shown else i.sha256.not_in(living)
    )
