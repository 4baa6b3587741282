"""A campaign as frames, for notebooks: one row a pair, a judgment, a label or a split."""

import json
from typing import TYPE_CHECKING

import sqlalchemy as sa

from ccd.campaign.tables import schema
from ccd.campaign.tables.frames import frame_of
from ccd.campaign.tables.live_posts import is_live
from ccd.campaign.tables.rounds import first_round

if TYPE_CHECKING:
    import pandas as pd

_P = schema.pairs


def pairs(db: sa.Connection) -> "pd.DataFrame":
    """Return all pairs of living posts, by pair_id; see `Campaign.pairs` for the columns."""
    first, i, o, r = first_round(schema.round_pairs), schema.images, schema.posts, schema.rounds
    columns = (_P.c.pair_id, _P.c.post_id, _P.c.text, _P.c.image, i.c.file, i.c.phash, o.c.author_key, o.c.source)
    query = (
        sa.select(*columns, _P.c.collected_at, r.c.round, r.c.arm)
        .join(i, i.c.sha256 == _P.c.image)
        .join(o, o.c.post_id == _P.c.post_id)
        .outerjoin(first, first.c.pair_id == _P.c.pair_id)
        .outerjoin(r, r.c.round == first.c.round)
        .where(is_live())
        .order_by(_P.c.pair_id)
    )
    return frame_of(db, query, differ=("pair_id", "text"))


def labels(db: sa.Connection, question: str) -> "pd.DataFrame":
    """Return what pairs are settled on, by pair_id; see `Campaign.labels` for the columns."""
    t = schema.labels.c
    query = sa.select(t.pair_id, t.label, t.resolved_by, t.votes).where(t.question == question).order_by(t.pair_id)
    frame = frame_of(db, query, differ=("pair_id",))
    frame["votes"] = frame["votes"].map({text: json.loads(text) for text in frame["votes"].unique()})
    return frame


def splits(db: sa.Connection) -> "pd.DataFrame":
    """Return the stored split, by pair_id; see `Campaign.splits` for the columns."""
    s = schema.splits.c
    query = sa.select(s.pair_id, s.split, s.leakage_group).order_by(s.pair_id)
    return frame_of(db, query, differ=("pair_id", "leakage_group"))
