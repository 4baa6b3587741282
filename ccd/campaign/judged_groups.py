"""The leakage groups of a campaign's judged pairs, labelled or not."""

from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from ccd.campaign import stored_split
from ccd.campaign.tables import schema
from ccd.campaign.tables.frames import frame_of
from ccd.measures.related import GROUP
from ccd.splitting.leakage import TIES, Link, groups
from ccd.vocabulary import Status


def with_groups(db: sa.Connection, judged: pd.DataFrame) -> pd.DataFrame:
    """Add the column `leakage_group` to judgments (task, …): None for a pair that is alone."""
    return judged.assign(**{GROUP: judged["task"].map(of_pairs(db)).astype(object)})


def of_pairs(db: sa.Connection) -> dict[str, str]:
    """Pair id → leakage group, of the judged pairs that share theirs with another judged pair.

    A pair's group is that of the stored split, where pairs of one image, post or author belong together too, as far as
    campaign.toml ties them: pairs have no split before they have a label.
    """
    p, s, j = schema.pairs.c, schema.splits.c, schema.judgments.c
    frame = frame_of(
        db,
        sa.select(p.pair_id, p.post_id, p.image, schema.posts.c.author_key, s.leakage_group)
        .join(schema.posts, schema.posts.c.post_id == p.post_id)
        .join(schema.splits, s.pair_id == p.pair_id, isouter=True)
        .where(p.pair_id.in_(sa.select(j.pair_id).where(j.status == Status.VALID))),
        differ=("pair_id",),
    )
    names = (stored_split.plan(db) or {"ties": TIES})["ties"]
    columns = {"image": "image", "post": "post_id", "author": "author_key"}
    ties = {name: _same(frame[column]) for name, column in columns.items() if name in names}
    ties[GROUP] = _same(frame[GROUP])
    group = groups(frame, ties)
    shared = group.duplicated(keep=False)
    return dict(zip(frame.loc[shared, "pair_id"], group[shared], strict=True))


def _same(column: "pd.Series[Any]") -> Link:
    return Link(pd.factorize(column)[0].astype(np.int64))
