"""Posts that are gone (`ccd compliance`): their pairs keep ids and labels; they are not drawn, shown or published."""

import sqlalchemy as sa

from ccd.campaign.tables import schema

LIVE = "live"  # the status of all other posts


def is_live() -> sa.ColumnElement[bool]:
    """Return the condition on a pair that its post is not gone.

    >>> sa.select(schema.pairs.c.pair_id).where(is_live())  # doctest: +SKIP
    """
    gone = sa.select(schema.posts.c.post_id).where(schema.posts.c.status != LIVE)
    return schema.pairs.c.post_id.not_in(gone)


def content() -> sa.ColumnElement[str]:
    """Return the SHA-256 of an image's file: the name it was collected under, or what it is without metadata."""
    return sa.func.coalesce(schema.images.c.cleaned_sha256, schema.images.c.sha256)
