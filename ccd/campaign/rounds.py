"""Rounds: which pairs go out together, with what probability, and to which annotators in which order."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa

from ccd.campaign.campaign import Campaign
from ccd.campaign.tables import schema
from ccd.campaign.tables.events import now, record
from ccd.campaign.tables.frames import batches
from ccd.campaign.tables.live_posts import LIVE, is_live
from ccd.errors import InputError
from ccd.vocabulary import Arm
from ccd.wording import number_of


@dataclass(frozen=True)
class Round:
    """A numbered batch of pairs: `size` chosen out of a `pool` that was in no round before."""

    round: int
    arm: str
    seed: int
    size: int
    pool: int

    @property
    def inclusion_probability(self) -> float:
        """The chance of each pair of the pool to be in this random round; with max_per_group their mean."""
        return self.size / self.pool


@dataclass(frozen=True)
class Ranked:
    """A pair of an active round, and why it was chosen (`part`: strategy, diverse or random).

    `probability` is the chance that the random part had to draw it; None in the other parts.
    """

    pair_id: str
    part: str
    probability: float | None


def new_round(campaign: Campaign, size: int, seed: int) -> Round:
    """Draw `size` pairs at random from those in no round yet, and assign them.

    With `max_per_group` in campaign.toml, no duplicate group gives more than that many of its pairs (see `spread`). The
    same call again gives the next round. Raises CcdError where fewer pairs are left, or where the seed is negative.

    >>> new_round(campaign, size=600, seed=1).inclusion_probability  # doctest: +SKIP
    0.0540394
    """
    config = campaign.config
    if not 0 <= seed < 2**31:  # what both databases hold
        raise InputError(f"--seed {seed}: out of range; write a number from 0 to {2**31 - 1}")
    with campaign.write() as db:
        drawn = sa.select(schema.round_pairs.c.pair_id)
        p = schema.pairs.c
        free = sa.select(p.pair_id, p.duplicate_group).where(p.pair_id.not_in(drawn), is_live())
        pool = {row.pair_id: row.duplicate_group for row in db.execute(free)}
        if not 0 < size <= len(pool):
            raise InputError(f"--size {size}: {len(pool)} pairs are in no round yet; collect more or ask for fewer")
        number = 1 + (db.scalar(sa.select(sa.func.max(schema.rounds.c.round))) or 0)
        # Sorted first: databases order text differently, and a seed must mean the same on each.
        candidates = sorted(pool)
        random = np.random.default_rng([seed, number])
        if config.max_per_group is None:
            chosen = random.choice(len(candidates), size, replace=False)
            chances = {candidates[i]: size / len(candidates) for i in chosen}
        else:
            chances = spread({pair: pool[pair] for pair in candidates}, size, config.max_per_group, random)
        pairs = list(chances)
        made = Round(round=number, arm=Arm.RANDOM, seed=seed, size=size, pool=len(pool))
        db.execute(
            schema.rounds.insert().values(
                round=number, arm=made.arm, strategy="random", seed=seed, size=size, pool=made.pool, created_at=now()
            )
        )
        drawn_now = (
            {"round": number, "pair_id": pair, "inclusion_probability": chances[pair]} for pair in sorted(pairs)
        )
        _insert(db, schema.round_pairs, drawn_now)
        orders = assign(pairs, [a.name for a in config.annotators], config.judgments_per_pair, random)
        _store_orders(db, number, orders)
        record(db, "ccd round new", "round", str(number), after={"size": size, "pool": made.pool, "seed": seed})
    return made


def ranked_round(
    campaign: Campaign,
    queue: Sequence[Ranked],
    *,
    strategy: str,
    seed: int,
    pool: int,
    model_version: str | None,
    question: str | None = None,
    at: str | None = None,
) -> Round:
    """Store a round of the arm `active`: its pairs in the order in which every annotator gets them.

    `question` is the one whose label is to be found (None: the protocol's first), `pool` is how many pairs could have
    been drawn at random, `at` the time at which it was read (None: now). A pair that was in a round before gets one
    more judgment, by an annotator who has not had it. Raises CcdError where a pair is gone, or was taken by another
    round since it was ranked and nobody is left for it.
    """
    config = campaign.config
    pairs = [ranked.pair_id for ranked in queue]
    names = [annotator.name for annotator in config.annotators]
    with campaign.write() as db:
        number = 1 + (db.scalar(sa.select(sa.func.max(schema.rounds.c.round))) or 0)
        p, a = schema.pairs.c, schema.assignments.c
        living: set[str] = set()
        had: dict[str, set[str]] = {}
        for some in batches(pairs):
            living.update(db.scalars(sa.select(p.pair_id).where(p.pair_id.in_(some), is_live())))
            for pair, annotator in db.execute(sa.select(a.pair_id, a.annotator).where(a.pair_id.in_(some))):
                had.setdefault(pair, set()).add(annotator)
        for pair in pairs:
            if pair not in living or not set(names) - had.get(pair, set()):
                raise InputError(f"{pair} is gone or went to everybody while it was ranked; run `ccd rank` again")
        made = Round(round=number, arm=Arm.ACTIVE, seed=seed, size=len(pairs), pool=pool)
        db.execute(
            schema.rounds.insert().values(
                round=number,
                arm=made.arm,
                strategy=strategy,
                seed=seed,
                size=made.size,
                pool=pool,
                model_version=model_version,
                question=question or campaign.protocol.question.name,
                created_at=at or now(),
            )
        )
        rows = (
            {"round": number, "pair_id": r.pair_id, "inclusion_probability": r.probability, "part": r.part, "place": i}
            for i, r in enumerate(queue)
        )
        _insert(db, schema.round_pairs, rows)
        random = np.random.default_rng([seed, number])
        _store_orders(db, number, _hand_out(pairs, names, config.judgments_per_pair, random, had))
        after = {"size": made.size, "pool": pool, "seed": seed, "strategy": strategy, "model_version": model_version}
        record(db, "ccd rank", "round", str(number), after=after)
    return made


def _store_orders(db: sa.Connection, number: int, orders: Mapping[str, list[str]]) -> None:
    rows = (
        {"pair_id": order[position], "annotator": annotator, "round": number, "position": position}
        for annotator, order in orders.items()
        for position in sorted(range(len(order)), key=order.__getitem__)
    )
    _insert(db, schema.assignments, rows)


def _insert(db: sa.Connection, table: sa.Table, rows: Iterable[dict[str, Any]]) -> None:
    """Insert rows a few thousand at a time: all of a large round at once would fill the memory.

    Rows in the order of their key go several times faster into a table that is larger than SQLite's cache.
    """
    for some in batches(rows):
        db.execute(table.insert(), some)


def drawable(db: sa.Connection, max_per_group: int | None) -> int:
    """How many pairs the next round can take at most: those of living posts in no round yet, few of each group.

    >>> with campaign.read() as db: drawable(db, 1)  # doctest: +SKIP
    11103
    """
    p, number, drawn = schema.pairs.c, sa.func.count(), schema.round_pairs.c.pair_id
    # What says nothing is left out: then an index answers, without a look at each of a million pairs.
    free: list[sa.ColumnElement[bool]] = []
    if db.scalar(sa.select(sa.exists(drawn))):
        free.append(p.pair_id.not_in(sa.select(drawn)))
    if db.scalar(sa.select(sa.exists().where(schema.posts.c.status != LIVE))):
        free.append(is_live())
    if max_per_group is None:
        return db.scalar(sa.select(number).select_from(schema.pairs).where(*free)) or 0
    grouped = p.duplicate_group.is_not(None)
    size = sa.select(number.label("pairs")).where(*free, grouped).group_by(p.duplicate_group).subquery().c.pairs
    taken = sa.func.sum(sa.case((size > max_per_group, max_per_group), else_=size))
    return (db.scalar(sa.select(number).where(*free, ~grouped)) or 0) + int(db.scalar(sa.select(taken)) or 0)


def spread(group_of: Mapping[str, str | None], size: int, most: int, random: np.random.Generator) -> dict[str, float]:
    """Draw `size` pairs, at most `most` of a group → the chance that each had to be drawn.

    `group_of` maps pairs to their group, None for a pair that is in none. All pairs have the same chance but for those
    of groups so large that it would bring more than `most`: each of these gives `most` pairs for certain, drawn
    uniformly. The others are drawn systematically (Madow 1949, "On the theory of systematic sampling II", Annals of
    Mathematical Statistics 20) with groups, and pairs within them, in random order: a group of n gets its n times the
    chance, rounded up or down. Raises CcdError where the groups cannot give so many.

    >>> spread({"p": "g", "q": "g", "r": "g", "s": None}, 2, 1, np.random.default_rng(0))
    {'r': 0.3333333333333333, 's': 1.0}
    """
    members: dict[str, list[str]] = {}
    for pair, group in group_of.items():
        members.setdefault(f"pair {pair}" if group is None else f"group {group}", []).append(pair)
    names = sorted(members, key=lambda name: -len(members[name]))
    can = sum(min(most, len(members[name])) for name in names)
    if size > can:
        raise InputError(
            f"--size {size}: {number_of(can, 'pair')} can be drawn with max_per_group = {most}; ask for fewer, or "
            "raise it in campaign.toml"
        )
    drawn: dict[str, float] = {}
    rest, left = len(group_of), size
    for name in names:  # largest first: what one of them leaves raises the chance of the others
        own = members[name]
        if left * len(own) <= most * rest:
            break
        drawn |= {own[i]: most / len(own) for i in random.choice(len(own), most, replace=False)}
        rest, left = rest - len(own), left - most
        del members[name]
    order = [own[i] for own in _shuffled(list(members.values()), random) for i in random.permutation(len(own))]
    if left:
        first = int(random.integers(rest))
        drawn |= {order[(first + number * rest) // left]: left / rest for number in range(left)}
    return drawn


def _shuffled(groups: list[list[str]], random: np.random.Generator) -> list[list[str]]:
    return [groups[i] for i in random.permutation(len(groups))]


def assign(
    pairs: list[str], annotators: list[str], judgments_per_pair: int, random: np.random.Generator
) -> dict[str, list[str]]:
    """Give each pair to `judgments_per_pair` annotators, and each annotator an order of their own.

    Loads differ by at most one pair. Where there are more annotators than judgments, everybody meets everybody: the
    least loaded are taken, ties at random.

    >>> assign(["p", "q"], ["a", "b"], 2, np.random.default_rng(0)).keys()
    dict_keys(['a', 'b'])
    """
    orders = _hand_out(pairs, annotators, judgments_per_pair, random, {})
    return {name: [own[i] for i in random.permutation(len(own))] for name, own in orders.items()}


def _hand_out(
    pairs: list[str],
    annotators: list[str],
    judgments_per_pair: int,
    random: np.random.Generator,
    had: Mapping[str, Collection[str]],
) -> dict[str, list[str]]:
    """`assign` with the pairs' own order for everybody; a pair that some annotators `had` goes to one of the others."""
    load = np.zeros(len(annotators), dtype=int)
    mine: list[list[str]] = [[] for _ in annotators]
    for pair in pairs:
        order = np.lexsort((random.random(len(annotators)), load))
        free = [index for index in order if annotators[index] not in had.get(pair, ())]
        for index in free[: 1 if pair in had else judgments_per_pair]:
            load[index] += 1
            mine[index].append(pair)
    return dict(zip(annotators, mine, strict=True))
