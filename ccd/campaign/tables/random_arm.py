"""Which pairs are linked to one that was drawn at random: a ranking leaves them alone while it can.

Dev and test come from leakage groups of the random arm alone (ccd/splitting/split.py). A pair that a network chose
would take the whole group of a random pair into train, and dev and test would lose what is common in such groups.
"""

from collections.abc import Iterable

import sqlalchemy as sa

from ccd.campaign.tables import schema
from ccd.vocabulary import Arm

_LINKS: dict[str, sa.Column[str]] = {
    "image": schema.pairs.c.image,
    "near_image": schema.pairs.c.duplicate_group,
    "near_text": schema.pairs.c.duplicate_group,
    "post": schema.pairs.c.post_id,
    "author": schema.posts.c.author_key,
}
"""What pairs of a link have in common, by the names of `ccd.splitting.options.LINKS`. Near-duplicates are those that
`ccd duplicates` found."""


def linked(db: sa.Connection, links: Iterable[str]) -> set[str]:
    """Return the pairs in no random round that one of these links ties to a pair of a random round.

    >>> with campaign.read() as db: linked(db, ["author"])  # doctest: +SKIP
    {'x:263046056240115712:0'}
    """
    pairs = schema.pairs.join(schema.posts, schema.posts.c.post_id == schema.pairs.c.post_id)
    rp, r, pair = schema.round_pairs.c, schema.rounds.c, schema.pairs.c.pair_id
    drawn = sa.select(rp.pair_id).join_from(schema.round_pairs, schema.rounds).where(r.arm == Arm.RANDOM)
    found: set[str] = set()
    for common in {_LINKS[link] for link in links}:
        theirs = sa.select(common).select_from(pairs).where(pair.in_(drawn), common.is_not(None))
        found.update(db.scalars(sa.select(pair).select_from(pairs).where(common.in_(theirs), pair.not_in(drawn))))
    return found
