"""Rounds: which pairs go out together, with what probability, and to which annotators in which order."""

from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa

from ccd import schema
from ccd.campaign import Campaign, now, record
from ccd.errors import CcdError
from ccd.gone import lives


@dataclass(frozen=True)
class Round:
    """A numbered batch of pairs: `size` drawn uniformly out of a `pool` that was in no round before."""

    round: int
    arm: str
    seed: int
    size: int
    pool: int

    @property
    def inclusion_probability(self) -> float:
        """The chance of each pair of the pool to be in this round."""
        return self.size / self.pool


def new_round(campaign: Campaign, size: int, seed: int) -> Round:
    """Draw `size` pairs at random from those in no round yet, and assign them.

    The same call again gives the next round. Raises CcdError where fewer pairs are left, or where the seed is negative.

    >>> new_round(campaign, size=600, seed=1).inclusion_probability  # doctest: +SKIP
    0.0540394
    """
    config = campaign.config
    if not 0 <= seed < 2**31:  # what both databases hold
        raise CcdError(f"--seed {seed}: write a number from 0 to {2**31 - 1}")
    with campaign.write() as db:
        drawn = sa.select(schema.round_pairs.c.pair_id)
        pool = db.scalars(
            sa.select(schema.pairs.c.pair_id)
            .where(schema.pairs.c.pair_id.not_in(drawn), lives())
            .order_by(schema.pairs.c.pair_id)
        ).all()
        if not 0 < size <= len(pool):
            raise CcdError(f"--size {size}: {len(pool)} pairs are in no round yet; collect more or ask for fewer")
        number = 1 + (db.scalar(sa.select(sa.func.max(schema.rounds.c.round))) or 0)
        # Sorted first: databases order text differently, and a seed must mean the same on each.
        candidates = sorted(pool)
        random = np.random.default_rng([seed, number])
        pairs = [candidates[i] for i in random.choice(len(candidates), size, replace=False)]
        made = Round(round=number, arm="random", seed=seed, size=size, pool=len(pool))
        db.execute(
            schema.rounds.insert().values(
                round=number, arm=made.arm, strategy="random", seed=seed, size=size, pool=made.pool, created_at=now()
            )
        )
        db.execute(
            schema.round_pairs.insert(),
            [{"round": number, "pair_id": p, "inclusion_probability": made.inclusion_probability} for p in pairs],
        )
        orders = assign(pairs, [a.name for a in config.annotators], config.judgments_per_pair, random)
        db.execute(
            schema.assignments.insert(),
            [
                {"pair_id": pair, "annotator": annotator, "round": number, "position": position}
                for annotator, order in orders.items()
                for position, pair in enumerate(order)
            ],
        )
        record(db, "ccd round new", "round", str(number), after={"size": size, "pool": made.pool, "seed": seed})
    return made


def assign(
    pairs: list[str], annotators: list[str], judgments_per_pair: int, random: np.random.Generator
) -> dict[str, list[str]]:
    """Give each pair to `judgments_per_pair` annotators, and each annotator an order of their own.

    Loads differ by at most one pair. Where there are more annotators than judgments, everybody meets everybody: the
    least loaded are taken, ties at random.

    >>> assign(["p", "q"], ["a", "b"], 2, np.random.default_rng(0)).keys()
    dict_keys(['a', 'b'])
    """
    load = np.zeros(len(annotators), dtype=int)
    mine: list[list[str]] = [[] for _ in annotators]
    for pair in pairs:
        chosen = np.lexsort((random.random(len(annotators)), load))[:judgments_per_pair]
        load[chosen] += 1
        for index in chosen:
            mine[index].append(pair)
    return {name: [own[i] for i in random.permutation(len(own))] for name, own in zip(annotators, mine, strict=True)}
