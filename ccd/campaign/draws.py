"""Which pairs were drawn at random, out of which: the design by which settled pairs speak for those nobody judged.

Random rounds, and the random part of active rounds, draw from every pair that was in no round before. What a ranking
took is out of the later pools, and known: a stratum that is judged completely. So each draw says something about all
pairs that were collected by then, however the rounds between were chosen.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from ccd.campaign.tables import schema
from ccd.campaign.tables.live_posts import LIVE, is_live
from ccd.campaign.tables.rounds import first_round
from ccd.measures.draws import Design, Drawn, strata_of
from ccd.measures.ties import DROPPED, OPEN
from ccd.protocol import Question
from ccd.vocabulary import Arm


def read(db: sa.Connection, question: Question, unsettled: bool = False) -> Design:
    """Return the design of a campaign, with the labels of one question as they are settled.

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
            row.round in sound and row.chance is not None and row.part in (None, Arm.RANDOM),
            row.arm == Arm.ACTIVE and row.part == "strategy",
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
    """Return the pairs of rounds, each in its first one; those of living posts."""
    rp, r, v, p = schema.round_pairs, schema.rounds, schema.labels, schema.pairs
    first = first_round(rp)
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
        .where(is_live())
    )
    return list(db.execute(query))


def _sound(db: sa.Connection, rounds: Sequence[Any]) -> dict[int, float]:
    """Return the rounds whose chances make a sample of their whole pool → the highest chance, that of most pairs.

    Where chances differ, the pairs' 1/chance must add up to the pool: older toolkits drew few pairs of each group and
    then some of these, so that a large group could be missing.
    """
    rp = schema.round_pairs.c
    chance = rp.inclusion_probability
    query = sa.select(rp.round, sa.func.min(chance), sa.func.max(chance), sa.func.sum(1 / chance))
    found = {row[0]: row[1:] for row in db.execute(query.where(chance > 0).group_by(rp.round))}
    sound = {}
    for of in rounds:
        if of.arm in (Arm.RANDOM, Arm.ACTIVE) and of.round in found:
            low, high, stands_for = found[of.round]
            if high - low < 1e-9 or abs(stands_for - of.pool) < 1e-6 * of.pool:
                sound[of.round] = high
    return sound


def _capped(rows: Sequence[Any], sound: Mapping[int, float]) -> set[str]:
    """Return the groups that were a stratum of their own in a round: so large that they gave `max_per_group` pairs."""
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
        query = query.where(is_live())  # else an index has all that is asked
    return [(row[0], row[1] if grouped else None, row[-1]) for row in db.execute(query)]


def _cohort(collected_at: str, rounds: Sequence[Any]) -> int:
    return next((place for place, of in enumerate(rounds) if collected_at <= of.created_at), len(rounds))


def _reaching_too_far(rows: Sequence[Any], rounds: Sequence[Any], sizes: Sequence[tuple[int, Any, int]]) -> list[int]:
    """Return rounds with more living pairs to draw from than they had.

    Some pairs had no chance, and nobody knows which. Older toolkits left out pairs without a prediction, and those of
    a group that was in a round.
    """
    found = []
    for place, of in enumerate(rounds):
        there = sum(number for cohort, _, number in sizes if cohort <= place)
        if there - sum(row.round < of.round for row in rows) > of.pool:
            found.append(of.round)
    return found
