"""Groups of near-duplicates as one HTML page that needs no other file."""

import base64
import html
import io
from collections.abc import Iterator

import sqlalchemy as sa

from ccd.campaign.campaign import Campaign
from ccd.campaign.tables import schema
from ccd.campaign.tables.live_posts import is_live
from ccd.files.photo import opened, rendered

GROUPS = 100  # shown, the largest first
PAIRS = 12  # shown of a group
_SIDE = 150  # pixels

_HEAD = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title><style>
body {{ font: 15px/1.4 sans-serif; margin: 2em; }}
ul {{ display: grid; grid-template-columns: repeat(auto-fill, minmax(11em, 1fr)); gap: 1em; padding: 0; }}
li {{ list-style: none; overflow-wrap: anywhere; white-space: pre-line; }}
img {{ display: block; height: 150px; max-width: 100%; object-fit: contain; object-position: left; }}
small {{ color: #555; display: block; }}
</style><h1>{title}</h1><p>{summary}</p>
"""


def contact_sheet(campaign: Campaign) -> str:
    """The page: GROUPS groups of two pairs or more, the largest first; of each PAIRS pairs, all pictures first.

    What people wrote is escaped. A thumbnail that cannot be made leaves its place empty.
    """
    p = schema.pairs.c
    size = sa.func.count().label("size")
    kinds = (size, sa.func.count(p.image.distinct()), sa.func.count(p.text.distinct()))
    some = sa.select(p.duplicate_group, *kinds).where(p.duplicate_group.is_not(None), is_live())
    with campaign.read() as db:
        largest = some.group_by(p.duplicate_group).having(size > 1).order_by(size.desc(), p.duplicate_group)
        groups = db.execute(largest.limit(GROUPS)).all()
        title = f"Near-duplicates in {campaign.config.name}" + (" (synthetic)" if campaign.is_synthetic else "")
        parts = [_HEAD.format(title=html.escape(title), summary=f"The {len(groups)} largest groups.")]
        for name, pairs, pictures, texts in groups:
            parts.append(f"<h2>{html.escape(name)}: {pairs} pairs, {pictures} pictures, {texts} texts</h2>\n<ul>\n")
            parts += _figures(campaign, db, name)
            parts.append("</ul>\n")
    return "".join(parts)


def _figures(campaign: Campaign, db: sa.Connection, group: str) -> Iterator[str]:
    p, images = schema.pairs.c, schema.images
    query = (
        sa.select(p.pair_id, p.text, images.c.file)
        .join_from(schema.pairs, images)
        .where(p.duplicate_group == group, is_live())
        .order_by(sa.func.row_number().over(partition_by=p.image, order_by=p.pair_id), p.pair_id)
        .limit(PAIRS)
    )
    for pair, text, file in db.execute(query).all():
        picture = _thumbnail(campaign, file)
        yield f"<li>{picture}<small>{html.escape(pair)}</small>{html.escape(text)}</li>\n"


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
    return f'<img alt="" src="data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode()}">'
