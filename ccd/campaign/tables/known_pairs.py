"""Pairs as models and other tools ask for them: by id, by post, by text, with what they show."""

from collections.abc import Collection
from typing import Any

import sqlalchemy as sa

from ccd.campaign.tables import schema
from ccd.campaign.tables.live_posts import is_live

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


def content(db: sa.Connection, pairs: Collection[str]) -> dict[str, Any]:
    """Return what these pairs of living posts show, by id: pair_id, image, text, model_text (or None), file."""
    return {row.pair_id: row for row in db.execute(_content().where(_P.pair_id.in_(pairs)))}


def content_after(db: sa.Connection, pair: str, limit: int) -> list[Any]:
    """Return what pairs of living posts show, as `content` does, from the first id after `pair` on."""
    return list(db.execute(_content().where(_P.pair_id > pair).order_by(_P.pair_id).limit(limit)))


def _content() -> "sa.Select[Any]":
    columns = (_P.pair_id, _P.image, _P.text, _P.model_text, schema.images.c.file)
    return sa.select(*columns).join_from(schema.pairs, schema.images).where(is_live())


def texts(db: sa.Connection) -> list[Any]:
    """Return the texts of all pairs of living posts: pair_id, image, text, and model_text (or None)."""
    return list(db.execute(sa.select(_P.pair_id, _P.image, _P.text, _P.model_text).where(is_live())))


def labelled(db: sa.Connection, question: str) -> list[Any]:
    """Return all pairs of living posts, by id: pair_id, copy_of (or None), and label on a question (or None)."""
    v = schema.labels.c
    settled = (v.pair_id == _P.pair_id) & (v.question == question)
    query = sa.select(_P.pair_id, _P.copy_of, v.label).join_from(schema.pairs, schema.labels, settled, isouter=True)
    return list(db.execute(query.where(is_live()).order_by(_P.pair_id)))


def ids(db: sa.Connection) -> list[str]:
    """Return the ids of all pairs, sorted."""
    return sorted(db.scalars(sa.select(_P.pair_id)))
