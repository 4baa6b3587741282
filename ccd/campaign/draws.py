"""Which pairs were drawn at random, out of which: the design by which settled pairs speak for those nobody judged.

Random rounds, and the random part of active rounds, draw from every pair that was in no round before. What a ranking
took is out of the later pools, and known: a stratum that is judged completely. So each draw says something about all
pairs that were collected by then, however the rounds between were chosen.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from ccd.campaign.tables import schema
from ccd.campaign.tables.live_posts import LIVE, lives
from ccd.measures.ties import DROPPED, OPEN
from ccd.protocol import Question

Floats = npt.NDArray[np.float64]

RANDOM, ACTIVE = "random", "active"


@dataclass(frozen=True)
class Draw:
    """A draw from a stratum: of `pool` pairs, those drawn and settled by label, `sample` [C].

    When it was drawn, `known` [C] pairs were out of the pool and are settled now, and `unknown` ones are not.
    """

    round: int
    pool: int
    sample: Floats
    known: Floats
    unknown: int

    @property
    def size(self) -> float:
        """The settled pairs of the draw."""
        return float(self.sample.sum())

    @property
    def spread(self) -> float:
        """The variance of its estimate of a label's total, but for the factor p (1 - p).

        N² (1 - n/N) / n of simple random sampling (Cochran 1977, Sampling techniques, eq. 3.9), and the square of the
        pairs of which nothing is known.
        """
        return self.pool**2 * (1 - self.size / self.pool) / self.size + self.unknown**2


@dataclass(frozen=True)
class Stratum:
    """`pairs` from which rounds drew at random with one probability, from the round `since` on.

    By round: settled pairs that were drawn at random, `sampled` [C] by label; settled pairs that were chosen otherwise,
    `others` [C]; and how many of these are not settled, `unsettled`. Pairs drawn at random and not settled are left out
    of everything: whether a pair is settled is taken to have nothing to do with its label.
    """

    since: int
    pairs: int
    sampled: Mapping[int, Floats]
    others: Mapping[int, Floats] = field(default_factory=dict)
    unsettled: Mapping[int, int] = field(default_factory=dict)

    @property
    def known(self) -> Floats:
        """The settled pairs by label [C]."""
        return np.asarray(sum([*self.sampled.values(), *self.others.values()]), dtype=float)

    @property
    def left(self) -> int:
        """The pairs without a label."""
        return self.pairs - round(float(self.known.sum()))

    def before(self, number: int) -> tuple[Floats, int]:
        """Of the pairs that rounds before this one took: the settled by label [C], and how many are not settled."""
        taken = [of for by in (self.sampled, self.others) for round_, of in by.items() if round_ < number]
        known = np.asarray(sum(taken, np.zeros_like(self.known)), dtype=float)
        return known, sum(size for round_, size in self.unsettled.items() if round_ < number)

    @property
    def draws(self) -> tuple[Draw, ...]:
        """The draws with a settled pair, oldest first."""
        found = []
        for number in sorted(self.sampled):
            known, unknown = self.before(number)
            pool = self.pairs - round(float(known.sum())) - unknown
            found.append(Draw(number, pool, self.sampled[number], known, unknown))
        return tuple(found)

    def worth(self) -> Floats:
        """The share of each draw in the estimate [draws], by the inverse of their variances; none where all is known.

        Each draw's estimate is unbiased given those before it, so that they are uncorrelated.
        """
        if not self.left:
            return np.zeros(0)
        inverse = np.array([1 / draw.spread for draw in self.draws])
        return np.asarray(inverse / inverse.sum())


@dataclass(frozen=True)
class Drawn:
    """A living pair that is in a round: the first one, whether it was drawn `at_random` there, and its label id."""

    pair_id: str
    round: int
    at_random: bool
    ranked: bool
    label: int | None
    stratum: tuple[int, str | None]


@dataclass(frozen=True)
class Design:
    """The strata that draws speak for, or that are judged completely, and the pairs of rounds.

    `sent` pairs of living posts were drawn at random, `settled` of them have a label. `uncovered` pairs are in no
    stratum: no settled draw had a chance to take them, as they were collected later.
    """

    strata: Mapping[tuple[int, str | None], Stratum]
    pairs: tuple[Drawn, ...]
    sent: int
    settled: int
    uncovered: int

    def weights(self) -> dict[str, float]:
        """The number of pairs that each settled pair stands for; pairs of no stratum are left out.

        Σ weight is the number of pairs, Σ weight over a label an unbiased estimate of that label's pairs. A pair that
        was drawn in a round of n pairs from a pool of N has the weight N/n in that round's estimate and 1 in those of
        later rounds, a ranked pair 0 and 1: estimates are averaged by `Stratum.worth`. Särndal, Swensson and Wretman
        (1992), Model assisted survey sampling, ch. 3.
        """
        shares = {key: list(zip(of.draws, of.worth(), strict=False)) for key, of in self.strata.items()}
        found = {}
        for pair in self.pairs:
            if pair.label is None or pair.stratum not in shares:
                continue
            weight = 0.0 if shares[pair.stratum] else 1.0
            for draw, share in shares[pair.stratum]:
                if pair.round < draw.round:
                    weight += float(share)
                elif pair.round == draw.round and pair.at_random:
                    weight += float(share) * (draw.pool + draw.unknown) / draw.size
            found[pair.pair_id] = weight
        return found


def read(db: sa.Connection, question: Question, unsettled: bool = False) -> Design:
    """The design of a campaign, with the labels of one question as they are settled.

    With `unsettled`, pairs that were judged in full and got no label have one more label id, the last.

    Only pairs of living posts count: those that a draw took are a random sample of those in its pool. A pair belongs to
    the first round that it is in.
    """
    rounds = list(db.execute(sa.select(schema.rounds).order_by(schema.rounds.c.round)))
    rows = _rows(db, question)
    sound = _sound(db, rounds)
    capped = _capped(rows, sound)
    sizes = _sizes(db, rounds, bool(capped))
    for number in _reaching_too_far(rows, rounds, sizes):
        sound.pop(number, None)
    number = len(question.labels)

    def label_id(row: Any) -> int | None:
        if row.label in question.labels:
            return question.labels.index(row.label)
        return number if unsettled and row.resolved_by in (OPEN, DROPPED) else None

    pairs = tuple(
        Drawn(
            row.pair_id,
            row.round,
            row.round in sound and row.chance is not None and row.part in (None, RANDOM),
            row.arm == ACTIVE and row.part == "strategy",
            label_id(row),
            (_cohort(row.collected_at, rounds), row.duplicate_group if row.duplicate_group in capped else None),
        )
        for row in rows
    )
    total: dict[tuple[int, str | None], int] = defaultdict(int)
    for cohort, group, size in sizes:
        total[cohort, group if group in capped else None] += size
    since = {place: of.round for place, of in enumerate(rounds)}
    strata = strata_of(pairs, total, number + unsettled, since)
    at_random = [pair for pair in pairs if pair.at_random]
    covered = sum(stratum.pairs for stratum in strata.values())
    settled = sum(pair.label is not None for pair in at_random)
    uncovered = sum(total.values()) - covered - (len(at_random) - settled)
    return Design(strata, pairs, len(at_random), settled, uncovered)


def _rows(db: sa.Connection, question: Question) -> list[Any]:
    """The pairs of rounds, each in its first one; those of living posts."""
    rp, r, v, p = schema.round_pairs, schema.rounds, schema.labels, schema.pairs
    first = sa.select(rp.c.pair_id, sa.func.min(rp.c.round).label("round")).group_by(rp.c.pair_id).subquery()
    columns = (
        p.c.pair_id,
        p.c.duplicate_group,
        p.c.collected_at,
        v.c.label,
        v.c.resolved_by,
        r.c.round,
        r.c.arm,
        rp.c.part,
    )
    query = (
        sa.select(*columns, rp.c.inclusion_probability.label("chance"))
        .join_from(rp, first, (first.c.pair_id == rp.c.pair_id) & (first.c.round == rp.c.round))
        .join(r, r.c.round == rp.c.round)
        .join(p, p.c.pair_id == rp.c.pair_id)
        .join(v, (v.c.pair_id == rp.c.pair_id) & (v.c.question == question.name), isouter=True)
        .where(lives())
    )
    return list(db.execute(query))


def _sound(db: sa.Connection, rounds: Sequence[Any]) -> dict[int, float]:
    """The rounds whose chances make a sample of their whole pool → the chance of most of its pairs, the highest one.

    Where chances differ, the pairs' 1/chance must add up to the pool: older toolkits drew few pairs of each group and
    then some of these, so that a large group could be missing.
    """
    rp = schema.round_pairs.c
    chance = rp.inclusion_probability
    query = sa.select(rp.round, sa.func.min(chance), sa.func.max(chance), sa.func.sum(1 / chance))
    found = {row[0]: row[1:] for row in db.execute(query.where(chance > 0).group_by(rp.round))}
    sound = {}
    for of in rounds:
        if of.arm in (RANDOM, ACTIVE) and of.round in found:
            low, high, stands_for = found[of.round]
            if high - low < 1e-9 or abs(stands_for - of.pool) < 1e-6 * of.pool:
                sound[of.round] = high
    return sound


def _capped(rows: Sequence[Any], sound: Mapping[int, float]) -> set[str]:
    """The groups that were a stratum of their own in a round: so large that they gave `max_per_group` pairs."""
    return {
        row.duplicate_group
        for row in rows
        if row.round in sound and row.duplicate_group and row.chance and row.chance < sound[row.round] - 1e-9
    }


def _sizes(db: sa.Connection, rounds: Sequence[Any], grouped: bool) -> list[tuple[int, str | None, int]]:
    """How many living pairs each cohort has, by duplicate group where that is asked for.

    A cohort is the pairs that were collected before the same round, by its place among the rounds; those that were
    collected after the last round are the last cohort.
    """
    p = schema.pairs.c
    times = [(p.collected_at <= of.created_at, place) for place, of in enumerate(rounds)]
    cohort = sa.case(*times, else_=len(rounds)) if times else sa.literal(0)
    by = [cohort.label("cohort"), *([p.duplicate_group] if grouped else [])]
    query = sa.select(*by, sa.func.count().label("pairs")).select_from(schema.pairs).group_by(*by)
    if db.scalar(sa.select(sa.exists().where(schema.posts.c.status != LIVE))):
        query = query.where(lives())  # else an index has all that is asked
    return [(row[0], row[1] if grouped else None, row[-1]) for row in db.execute(query)]


def _cohort(collected_at: str, rounds: Sequence[Any]) -> int:
    return next((place for place, of in enumerate(rounds) if collected_at <= of.created_at), len(rounds))


def _reaching_too_far(rows: Sequence[Any], rounds: Sequence[Any], sizes: Sequence[tuple[int, Any, int]]) -> list[int]:
    """Rounds with more living pairs to draw from than they had: some pairs had no chance, and nobody knows which.

    Older toolkits left out pairs without a prediction, and those of a group that was in a round.
    """
    found = []
    for place, of in enumerate(rounds):
        there = sum(number for cohort, _, number in sizes if cohort <= place)
        if there - sum(row.round < of.round for row in rows) > of.pool:
            found.append(of.round)
    return found


def strata_of(
    pairs: Sequence[Drawn], total: Mapping[tuple[int, str | None], int], labels: int, since: Mapping[int, int]
) -> dict[tuple[int, str | None], Stratum]:
    """The strata that a draw speaks for, or that are judged completely, of the pairs of rounds.

    `total` counts all pairs of each stratum, which is a cohort and a group; `since` is the first round that could draw
    from a cohort, by its number.
    """
    nothing = np.zeros(labels)
    sampled: dict[Any, dict[int, Floats]] = defaultdict(dict)
    others: dict[Any, dict[int, Floats]] = defaultdict(dict)
    unsettled: dict[Any, dict[int, int]] = defaultdict(dict)
    left_out: dict[Any, int] = defaultdict(int)
    for pair in pairs:
        if pair.label is None:
            if pair.at_random:
                left_out[pair.stratum] += 1
            else:
                by_round = unsettled[pair.stratum]
                by_round[pair.round] = by_round.get(pair.round, 0) + 1
            continue
        counts = (sampled if pair.at_random else others)[pair.stratum].setdefault(pair.round, nothing.copy())
        counts[pair.label] += 1
    found = {}
    for key in sorted(total, key=lambda key: (key[0], key[1] or "")):
        number = total[key] - left_out[key]
        settled = sum(float(of.sum()) for of in (*sampled[key].values(), *others[key].values()))
        if number and (sampled[key] or settled == number):
            found[key] = Stratum(
                since.get(key[0], max(since.values())), number, sampled[key], others[key], unsettled[key]
            )
    return found
