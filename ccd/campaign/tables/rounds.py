"""Queries on rounds."""

import sqlalchemy as sa

from ccd.campaign.tables import schema


def first_round(of: sa.Table) -> sa.Subquery:
    """Return each pair of a table of rounds' pairs or assignments once: pair_id, and the first `round` it is in.

    >>> first = first_round(schema.round_pairs)  # doctest: +SKIP
    """
    return sa.select(of.c.pair_id, sa.func.min(of.c.round).label("round")).group_by(of.c.pair_id).subquery()


def loads(db: sa.Connection, number: int) -> dict[str, int]:
    """Return how many pairs of a round each of its annotators got, by name.

    >>> with campaign.read() as db: loads(db, 1)  # doctest: +SKIP
    {'anna': 400, 'bea': 400, 'carl': 400}
    """
    a = schema.assignments.c
    rows = db.execute(sa.select(a.annotator, sa.func.count()).where(a.round == number).group_by(a.annotator))
    return dict(sorted((row[0], row[1]) for row in rows))
