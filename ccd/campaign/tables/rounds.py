"""Queries on rounds."""

import sqlalchemy as sa


def first_round(of: sa.Table) -> sa.Subquery:
    """Return each pair of a table of rounds' pairs or assignments once: pair_id, and the first `round` it is in.

    >>> first = first_round(schema.round_pairs)  # doctest: +SKIP
    """
    return sa.select(of.c.pair_id, sa.func.min(of.c.round).label("round")).group_by(of.c.pair_id).subquery()
