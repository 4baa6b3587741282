"""Pairs found by what other tools call them: their ids, their posts, their texts."""

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from ccd.campaign.tables import schema

_P = schema.pairs.c


def known(db: sa.Connection, pairs: Collection[str]) -> set[str]:
    """Return those of the ids that are pairs."""
    return set(db.scalars(sa.select(_P.pair_id).where(_P.pair_id.in_(pairs))))


def of_posts(db: sa.Connection, posts: Collection[str]) -> list[Any]:
    """Return the pairs of these posts: post_id, pair_id, text."""
    return list(db.execute(sa.select(_P.post_id, _P.pair_id, _P.text).where(_P.post_id.in_(posts))))


def with_text(db: sa.Connection, digests: Collection[str]) -> dict[str, str]:
    """Return the pair that alone has a text with this SHA-256, by the digest; a text of several pairs names none."""
    once = sa.select(_P.text_sha256, sa.func.min(_P.pair_id)).where(_P.text_sha256.in_(digests))
    return dict(db.execute(once.group_by(_P.text_sha256).having(sa.func.count() == 1)).all())
