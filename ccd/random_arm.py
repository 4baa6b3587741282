"""How often each label occurs in what was collected, estimated from the pairs that were drawn at random."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import sqlalchemy as sa

from ccd import schema
from ccd.gone import lives

Floats = npt.NDArray[np.float64]

_Z = 1.959964  # of a 95 % interval


def prevalence(db: sa.Connection, question: str) -> list[dict[str, Any]]:
    """For each label: label, pairs and share of all labelled pairs, and prevalence, low, high of the random arm (95 %).

    The last three are None where the random arm has no labelled pair. A pair weighs by the inverse of its inclusion
    probability within its round; leakage groups, where the pairs have been split, count as clusters.

    >>> with campaign.read() as db: prevalence(db, "relation")[1]  # doctest: +SKIP
    {'label': 'implicit', 'pairs': 1286, 'share': 0.105, 'prevalence': 0.105, 'low': 0.0997, 'high': 0.1105}
    """
    frame = _labelled(db, question)
    drawn = frame[frame["arm"] == "random"]
    weight = 1 / drawn["probability"].fillna(1).to_numpy(float)
    weight /= pd.Series(weight).groupby(drawn["round"].to_numpy()).transform("mean").to_numpy()
    cluster = pd.factorize(drawn["group"].fillna(drawn["pair_id"]))[0]
    told = []
    for label, pairs in frame["label"].value_counts().sort_index().items():
        found = share(np.asarray(drawn["label"] == label, dtype=float), weight, cluster) if len(drawn) else (None,) * 3
        names = ("prevalence", "low", "high")
        told.append(
            {"label": str(label), "pairs": int(pairs), "share": pairs / len(frame)}
            | dict(zip(names, found, strict=True))
        )
    return told


def share(has: Floats, weight: Floats, cluster: npt.NDArray[np.int64]) -> tuple[float, float, float]:
    """The weighted share of rows that have something, and its 95 % interval.

    Hájek's ratio; its variance is linearised over the clusters, and gives the number of independent pairs that would
    have the same, for which Wilson's interval is drawn (Korn and Graubard 1998, Survey Methodology 24, with Wilson's
    interval for theirs). Where all rows or none have it, clusters are those pairs.

    >>> low, high = share(np.array([1.0, 0, 0, 0]), np.ones(4), np.arange(4))[1:]
    >>> round(low, 2), round(high, 2)
    (0.04, 0.72)
    """
    total = weight.sum()
    p = float((has * weight).sum() / total)
    sums = np.bincount(cluster, weights=weight * (has - p))
    clusters = int((np.bincount(cluster) > 0).sum())
    variance = float((sums**2).sum()) / total**2 * clusters / max(clusters - 1, 1)
    n = p * (1 - p) / variance if variance > 0 else float(clusters)
    middle = (p + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * math.sqrt(p * (1 - p) / n + _Z**2 / (4 * n**2))
    return p, max(middle - half, 0.0), min(middle + half, 1.0)


def _labelled(db: sa.Connection, question: str) -> pd.DataFrame:
    """Labelled pairs of living posts, as of their first round: pair_id, label, arm, round, probability, group."""
    a, r, d = schema.assignments, schema.rounds, schema.round_pairs
    v, s = schema.labels, schema.splits
    first = sa.select(a.c.pair_id, sa.func.min(a.c.round).label("round")).group_by(a.c.pair_id).subquery()
    columns = (v.c.pair_id, v.c.label, r.c.arm, r.c.round, d.c.inclusion_probability.label("probability"))
    rows = db.execute(
        sa.select(*columns, s.c.leakage_group.label("group"))
        .join(first, first.c.pair_id == v.c.pair_id)
        .join(r, r.c.round == first.c.round)
        .join(schema.pairs, schema.pairs.c.pair_id == v.c.pair_id)
        .outerjoin(d, (d.c.pair_id == v.c.pair_id) & (d.c.round == first.c.round))
        .outerjoin(s, s.c.pair_id == v.c.pair_id)
        .where(v.c.question == question, v.c.label.is_not(None), lives())
        .order_by(v.c.pair_id)
    )
    return pd.DataFrame(rows.all(), columns=list(rows.keys()))
