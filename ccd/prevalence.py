"""How common each label is among all pairs, how many pairs of it nobody has found yet, and whether ranking still pays.

Only pairs that were drawn at random tell what all pairs are like: random rounds, and the random part of active ones.
Each was drawn out of its own pool, which shrank from round to round by what was judged, and of that the labels are
known. So every draw gives the shares of all pairs, and the draws are averaged by what each is worth.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from ccd import schema
from ccd.gone import lives
from ccd.protocol import Question
from ccd.review import watched

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

RANDOM, ACTIVE = "random", "active"
ENOUGH = 50  # ranked and judged pairs, before it is said that ranking does not pay


@dataclass(frozen=True)
class Draw:
    """Pairs drawn at random out of a `pool` of so many: the `chances` of those that have a label [n], and their label
    ids [n]. `before` [C] counts the known labels of pairs that were not in the pool any more.
    """

    pool: int
    chances: Floats
    labels: Ints
    before: Floats


@dataclass(frozen=True)
class LabelShare:
    """A label's share of all pairs with its 95 % interval, the pairs `found` so far, and those expected to be unfound.

    Share and unfound are None where nothing was drawn at random.
    """

    label: str
    found: int
    share: float | None = None
    low: float | None = None
    high: float | None = None
    unfound: float | None = None
    unfound_low: float | None = None
    unfound_high: float | None = None


@dataclass(frozen=True)
class Payoff:
    """What the ranked part of an active round found, of `judged` pairs, beside what pairs that nobody judged hold.

    `pays` is None while fewer than ENOUGH are judged and no difference shows.
    """

    round: int
    judged: int
    hits: int
    rate: float
    low: float
    high: float
    random: float
    random_low: float
    random_high: float
    pays: bool | None


@dataclass(frozen=True)
class Prevalence:
    """Of all `pairs` (what could be drawn, and what was judged): a LabelShare a label, from `drawn` labelled pairs that
    were drawn at random; `payoff` of the last active round for the label `sought`, None before there is one.
    """

    pairs: int
    drawn: int
    labels: tuple[LabelShare, ...]
    sought: str | None
    payoff: Payoff | None

    def beside_raw_shares(self) -> list[dict[str, Any]]:
        """Of each label that occurs: label, pairs and share of all labelled pairs, and prevalence, low, high (95 %)."""
        labelled = sum(label.found for label in self.labels)
        return [
            {"label": label.label, "pairs": label.found, "share": label.found / labelled}
            | {"prevalence": label.share, "low": label.low, "high": label.high}
            for label in self.labels
            if label.found
        ]


def shares(draws: Sequence[Draw], names: Sequence[str], known: Floats) -> tuple[LabelShare, ...]:
    """The share of each label of `names` among the pairs of the last draw's pool and those judged before it.

    `known` [C] counts the pairs whose label is known now. In each draw a label's share of its pool is the Hájek (1971)
    mean Σ y/π / Σ 1/π; with what was known before it makes a share of all pairs. Draws are weighted by the inverse of
    their variance but for the label's own factor p (1 - p), which they have in common. The interval is Clopper and
    Pearson's (1934) at the effective size of Korn and Graubard (1998), "Confidence intervals for proportions with small
    expected number of positive counts estimated from survey data", Survey Methodology 24(2), with the finite population
    correction; and never less than what is known.

    >>> draw = Draw(1000, np.full(100, 0.1), np.repeat([0, 1], [90, 10]), np.zeros(2))
    >>> one = shares([draw], ["no", "yes"], np.array([90.0, 10.0]))[1]
    >>> round(one.share, 3), round(one.low, 3), round(one.high, 3), round(one.unfound)
    (0.1, 0.051, 0.171, 90)
    """
    draws = [draw for draw in draws if len(draw.labels)]
    if not draws:
        return tuple(LabelShare(name, round(number)) for name, number in zip(names, known, strict=True))
    weights = [1 / draw.chances for draw in draws]
    means = np.array(
        [np.bincount(d.labels, w, len(names)) / w.sum() for d, w in zip(draws, weights, strict=True)]
    )  # [draws, C]
    size = np.array([w.sum() ** 2 / (w**2).sum() for w in weights])
    left = 1 - np.array([len(draw.labels) / draw.pool for draw in draws])
    everything = np.array([draw.pool + draw.before.sum() for draw in draws])
    inside = np.array([draw.pool for draw in draws]) / everything
    worth = size / inside**2
    worth /= worth.sum()
    before = worth @ (np.array([draw.before for draw in draws]) / everything[:, None])
    within = float(worth @ inside)
    mixed = worth * inside / within
    variance = float((mixed**2 * left / size).sum())  # but for p (1 - p)
    pairs = float(everything[-1])
    found = []
    for name, mean, outside, sure in zip(names, mixed @ means, before, known, strict=True):
        mean = float(mean)
        ends = (mean, mean) if variance <= 0 else _interval(mean / variance, 1 / variance)
        most = pairs - (known.sum() - sure)
        total, low, high = (min(max((outside + within * p) * pairs, sure), most) for p in (mean, *ends))
        told = [total / pairs, low / pairs, high / pairs, total - sure, low - sure, high - sure]
        found.append(LabelShare(name, round(sure), *(float(number) for number in told)))
    return tuple(found)


def payoff(number: int, hits: int, judged: int, share: LabelShare, left: float) -> Payoff:
    """Whether the ranked part of a round, with `hits` among `judged`, finds more than the `left` unjudged pairs hold.

    It pays where the 95 % interval of the difference of the two rates is above 0: Zou and Donner (2008), "Construction
    of confidence limits about effect measures", Statistics in Medicine 27(10), from the two intervals.
    """
    low, high = _interval(hits, judged)
    rate, left = hits / judged, max(left, 1.0)
    expected = (share.unfound, share.unfound_low, share.unfound_high)
    random, random_low, random_high = (min((each or 0.0) / left, 1.0) for each in expected)
    above = rate - random - float(np.hypot(rate - low, random_high - random)) > 0
    pays = True if above else (False if judged >= ENOUGH else None)
    return Payoff(number, judged, hits, rate, low, high, random, random_low, random_high, pays)


def _interval(hits: float, of: float) -> tuple[float, float]:
    """Clopper and Pearson's 95 % interval; neither number need be whole."""
    from scipy.special import betaincinv

    low = float(betaincinv(hits, of - hits + 1, 0.025)) if hits > 0 else 0.0
    high = float(betaincinv(hits + 1, of - hits, 0.975)) if of > hits else 1.0
    return low, high


def of_campaign(db: sa.Connection, question: Question) -> Prevalence:
    """Prevalence of the labels of a campaign's primary question, as they are settled; open pairs have none yet.

    Pairs of a duplicate group have the label of whichever of them was judged. Earlier draws count as long as no pairs
    were collected after them; where some were, the shares are those of all pairs at the last draw.
    """
    rows = _settled(db, question)
    if not rows:
        return Prevalence(0, 0, tuple(LabelShare(name, 0) for name in question.labels), None, None)
    rounds = {row.round: row for row in db.execute(sa.select(schema.rounds).order_by(schema.rounds.c.round))}
    copies = _copies(db, rows)
    draws = _draws(db, rows, rounds, copies, question.labels)
    known = _count(rows, copies, question.labels)
    found = Counter(row.label for row in rows)
    told = tuple(replace(one, found=found[one.label]) for one in shares(draws, question.labels, known))
    drawn = sum(len(draw.labels) for draw in draws)
    pairs = draws[-1].pool + draws[-1].before.sum() if draws else 0
    sought = watched(question, {(question.name, label): number for label, number in found.items()})
    ranked = [row for row in rows if row.part == "strategy" and row.arm == ACTIVE]
    paid = None
    if ranked and draws:
        last = [row.label for row in ranked if row.round == max(row.round for row in ranked)]
        share = told[question.labels.index(str(sought))]
        paid = payoff(max(r.round for r in ranked), last.count(sought), len(last), share, float(pairs - known.sum()))
    return Prevalence(round(float(pairs)), drawn, told, sought, paid)


def _settled(db: sa.Connection, question: Question) -> list[Any]:
    """The labelled pairs of the first round each was in: pair_id, duplicate_group, label, round, arm, part, chance."""
    rp, r, v, p = schema.round_pairs, schema.rounds, schema.labels, schema.pairs
    first = sa.select(rp.c.pair_id, sa.func.min(rp.c.round).label("round")).group_by(rp.c.pair_id).subquery()
    columns = (p.c.pair_id, p.c.duplicate_group, v.c.label, r.c.round, r.c.arm, rp.c.part)
    query = (
        sa.select(*columns, rp.c.inclusion_probability.label("chance"))
        .join_from(rp, first, (first.c.pair_id == rp.c.pair_id) & (first.c.round == rp.c.round))
        .join(r, r.c.round == rp.c.round)
        .join(p, p.c.pair_id == rp.c.pair_id)
        .join(v, (v.c.pair_id == rp.c.pair_id) & (v.c.question == question.name))
        .where(v.c.label.in_(question.labels), lives())
    )
    return list(db.execute(query))


def _copies(db: sa.Connection, rows: Sequence[Any]) -> Mapping[str, float]:
    """How many pairs each labelled pair speaks for: itself, and its part of its group's pairs that have no label."""
    p = schema.pairs.c
    drawn = (
        sa.select(p.duplicate_group).join_from(schema.pairs, schema.round_pairs).where(p.duplicate_group.is_not(None))
    )
    sizes = sa.select(p.duplicate_group, sa.func.count()).where(p.duplicate_group.in_(drawn), lives())
    size: dict[str, int] = dict(db.execute(sizes.group_by(p.duplicate_group)).all())
    judged = Counter(row.duplicate_group for row in rows)
    return {
        row.pair_id: max(1.0, size.get(row.duplicate_group, 0) / judged[row.duplicate_group])
        if row.duplicate_group
        else 1.0
        for row in rows
    }


def _draws(
    db: sa.Connection,
    rows: Sequence[Any],
    rounds: Mapping[int, Any],
    copies: Mapping[str, float],
    labels: Sequence[str],
) -> list[Draw]:
    """The draws that tell what all pairs of the last one's time are like, oldest first."""
    rp = schema.round_pairs.c
    first = sa.select(sa.func.min(rp.round).label("round")).group_by(rp.pair_id).subquery().c.round
    drawn: dict[int, int] = dict(db.execute(sa.select(first, sa.func.count()).group_by(first)).all())
    found: list[tuple[int, Draw]] = []
    for number, of in rounds.items():
        mine = [row for row in rows if row.round == number and row.chance and row.part in (None, RANDOM)]
        if not mine:
            continue
        earlier = [row for row in rows if row.round < number]
        # An active round takes no copies of what was drawn before: they are out of its pool, and known.
        before = _count(earlier, copies if of.arm == ACTIVE else dict.fromkeys(copies, 1.0), labels)
        chances = np.array([row.chance for row in mine])
        draw = Draw(of.pool, chances, np.array([labels.index(row.label) for row in mine]), before)
        found.append((of.pool + sum(size for other, size in drawn.items() if other < number), draw))
    return [draw for pairs, draw in found if pairs >= found[-1][0]]


def _count(rows: Sequence[Any], copies: Mapping[str, float], labels: Sequence[str]) -> Floats:
    """How many pairs have each label [C], each row for its copies."""
    counts = np.zeros(len(labels))
    for row in rows:
        counts[labels.index(row.label)] += copies[row.pair_id]
    return counts
