"""Groups of near-duplicates as one HTML page that needs no other file."""

import base64
import io

from ccd.campaign.campaign import Campaign
from ccd.campaign.tables.near_duplicates import largest_groups, pairs_of_group
from ccd.files.photo import opened, rendered
from ccd.templates import render

GROUPS = 100  # shown, the largest first
PAIRS = 12  # shown of a group
_SIDE = 150  # pixels


def contact_sheet(campaign: Campaign) -> str:
    """Return the page: GROUPS groups of two pairs or more, the largest first; of each PAIRS pairs, all pictures first.

    What people wrote is escaped. A thumbnail that cannot be made leaves its place empty.
    """
    with campaign.read() as db:
        groups = [(group, pairs_of_group(db, group.name, PAIRS)) for group in largest_groups(db, GROUPS)]
    shown = [
        (group, [(pair, text, _thumbnail(campaign, file)) for pair, text, file in pairs]) for group, pairs in groups
    ]
    title = f"Near-duplicates in {campaign.config.name}" + (" (synthetic)" if campaign.is_synthetic else "")
    return render("collection", "contact_sheet.html", {"title": title, "groups": shown})


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
