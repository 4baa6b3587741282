"""Groups of near-duplicates as one HTML page that needs no other file."""

import base64
import io

import sqlalchemy as sa

from ccd.campaign.campaign import Campaign
from ccd.campaign.tables import schema
from ccd.campaign.tables.live_posts import is_live
from ccd.files.photo import opened, rendered
from ccd.templates import render

GROUPS = 100  # shown, the largest first
PAIRS = 12  # shown of a group
_SIDE = 150  # pixels


def contact_sheet(campaign: Campaign) -> str:
    """Return the page: GROUPS groups of two pairs or more, the largest first; of each PAIRS pairs, all pictures first.

    What people wrote is escaped. A thumbnail that cannot be made leaves its place empty.
    """
    p = schema.pairs.c
    size = sa.func.count().label("size")
    kinds = (
        size,
        sa.func.count(p.image.distinct()).label("pictures"),
        sa.func.count(p.text.distinct()).label("texts"),
    )
    some = sa.select(p.duplicate_group, *kinds).where(p.duplicate_group.is_not(None), is_live())
    with campaign.read() as db:
        largest = some.group_by(p.duplicate_group).having(size > 1).order_by(size.desc(), p.duplicate_group)
        groups = db.execute(largest.limit(GROUPS)).all()
        shown = [(group, _pairs(campaign, db, group.duplicate_group)) for group in groups]
    title = f"Near-duplicates in {campaign.config.name}" + (" (synthetic)" if campaign.is_synthetic else "")
    return render("collection", "contact_sheet.html", title=title, groups=shown)


def _pairs(campaign: Campaign, db: sa.Connection, group: str) -> list[tuple[str, str, str]]:
    """Return of each pair its id, its text, and its thumbnail as base64."""
    p, images = schema.pairs.c, schema.images
    query = (
        sa.select(p.pair_id, p.text, images.c.file)
        .join_from(schema.pairs, images)
        .where(p.duplicate_group == group, is_live())
        .order_by(sa.func.row_number().over(partition_by=p.image, order_by=p.pair_id), p.pair_id)
        .limit(PAIRS)
    )
    return [(pair, text, _thumbnail(campaign, file)) for pair, text, file in db.execute(query).all()]


def _thumbnail(campaign: Campaign, file: str) -> str:
    try:
        with opened(campaign.folder / file) as image:
            image.draft("RGB", (_SIDE, _SIDE))
            small = rendered(image)
    except Exception:  # decoders raise whatever a broken file makes them raise
        return ""
    small.thumbnail((2 * _SIDE, _SIDE))
    stream = io.BytesIO()
    small.save(stream, "JPEG", quality=70)
    return base64.b64encode(stream.getvalue()).decode()
