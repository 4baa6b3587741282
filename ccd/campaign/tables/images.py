"""Images as they are stored: which there are, which live posts show, and what a file should be."""

from collections.abc import Iterable
from typing import NamedTuple

import sqlalchemy as sa

from ccd.campaign.tables import schema
from ccd.campaign.tables.live_posts import content, is_live


class Image(NamedTuple):
    """An image: the SHA-256 it was collected under, its file in the campaign's folder, and what that should be."""

    sha256: str
    file: str
    format: str
    bytes: int
    content: str  # SHA-256 of the file as it should be


def images(db: sa.Connection, *, shown: bool) -> list[Image]:
    """Return the images that pairs of live posts show; with shown=False all others.

    >>> with campaign.read() as db: len(images(db, shown=True))  # doctest: +SKIP
    11142
    """
    i = schema.images.c
    live = sa.select(schema.pairs.c.image).where(is_live())
    query = sa.select(i.sha256, i.file, i.format, i.bytes, content())
    return [Image(*row) for row in db.execute(query.where(i.sha256.in_(live) if shown else i.sha256.not_in(live)))]


def stored_images(db: sa.Connection, images: Iterable[str]) -> set[str]:
    """Return which of these images (SHA-256) are there."""
    sha256 = schema.images.c.sha256
    return set(db.scalars(sa.select(sha256).where(sha256.in_(images))))


def set_cleaned(db: sa.Connection, sha256: str, cleaned: str, size: int) -> None:
    """Note the SHA-256 and the bytes of an image's file without metadata."""
    images = schema.images
    db.execute(images.update().where(images.c.sha256 == sha256).values(cleaned_sha256=cleaned, bytes=size))
