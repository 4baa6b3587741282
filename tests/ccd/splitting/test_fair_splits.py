"""Dev and test look like all that was collected, however the rounds that found their pairs were chosen."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import pytest

from ccd.campaign.tables import schema
from ccd.campaign.tables.random_arm import linked
from ccd.measures.draws import Design, Drawn, strata_of
from ccd.splitting.options import Quotas
from ccd.splitting.quotas import fair_size
from ccd.splitting.split import split
from ccd.vocabulary import Arm
from tests.campaigns import small_campaign

LABELS = ("irrelevant", "implicit", "explicit")
SHARES = (0.34, 0.10, 0.56)
QUOTAS = Quotas({"train": 0.8, "dev": 0.1, "test": 0.1})
ACTIVE = "active"


@dataclass
class World:
    """Collected pairs: label ids, authors, how implicit a ranker finds each, and the round that took each (0: none).

    Pairs of an author tend to have one label; a `sharp` ranker knows the labels better.
    """

    seed: int
    pairs: int
    sharp: float
    a_author: int
    rounds: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = np.random.default_rng(self.seed)
        self.author = np.arange(self.pairs) // self.a_author
        own = self.random.choice(3, self.pairs, p=SHARES)
        common = self.random.choice(3, self.pairs, p=SHARES)[self.author]
        self.label = np.where(self.random.random(self.pairs) < 0.5, own, common)
        self.score = self.sharp * (self.label == 1) + self.random.normal(size=self.pairs)
        self.round = np.zeros(self.pairs, int)
        self.alive = np.ones(self.pairs, bool)

    def draw(self, arm: str, size: int) -> None:
        """The next round: at random, or the first by score that are not linked to a pair drawn at random."""
        self.rounds.append(arm)
        free = np.flatnonzero((self.round == 0) & self.alive)
        if arm == Arm.RANDOM:
            chosen = self.random.choice(free, size, replace=False)
        else:
            free = free[~np.isin(self.author[free], self.author[self.at_random])]
            chosen = free[np.argsort(-self.score[free])[:size]]
        self.round[chosen] = len(self.rounds)

    @property
    def at_random(self) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
        return np.array([False, *(arm == Arm.RANDOM for arm in self.rounds)])[self.round]

    def frame(self) -> pd.DataFrame:
        """The labelled pairs as `split` wants them, each with its weight."""
        here = np.flatnonzero((self.round > 0) & self.alive)
        stratum = (0, None)
        drawn = tuple(
            Drawn(f"{i:05}", int(self.round[i]), bool(self.at_random[i]), False, int(self.label[i]), stratum)
            for i in here
        )
        strata = strata_of(drawn, {stratum: int(self.alive.sum())}, 3, {0: 1})
        weights = Design(strata, drawn, 0, 0, 0).weights()
        return pd.DataFrame(
            {
                "pair_id": [f"{i:05}" for i in here],
                "label": [LABELS[self.label[i]] for i in here],
                "arm": [Arm.RANDOM if self.at_random[i] else ACTIVE for i in here],
                "author_key": [str(self.author[i]) for i in here],
                "weight": [weights[f"{i:05}"] for i in here],
            }
        )


def implicit(table: pd.DataFrame, frame: pd.DataFrame) -> tuple[float, int]:
    """The share of implicit pairs in dev and test together, and their number."""
    label = frame.set_index("pair_id")["label"]
    held_out = label[table.loc[table["split"] != "train", "pair_id"]]
    return float((held_out == "implicit").mean()), len(held_out)


RANKED = [(ACTIVE, 1 / 30)] * 8  # shares of all pairs
DESIGNS: dict[str, tuple[list[tuple[str, float]], float, int, str]] = {
    "ranked between two random rounds, moderate": ([(Arm.RANDOM, 1 / 15), *RANKED, (Arm.RANDOM, 1 / 15)], 1.5, 1, ""),
    "ranked between two random rounds, strong": ([(Arm.RANDOM, 1 / 15), *RANKED, (Arm.RANDOM, 1 / 15)], 4.0, 1, ""),
    "random first, authors of five": ([(Arm.RANDOM, 1 / 10), *RANKED], 1.5, 5, ""),
    "deleted posts": ([(Arm.RANDOM, 1 / 15), *RANKED, (Arm.RANDOM, 1 / 15)], 1.5, 1, "deleted"),
    "two versions": ([(Arm.RANDOM, 1 / 15), *RANKED, (Arm.RANDOM, 1 / 15)], 1.5, 1, "published"),
}


def run(design: str, pairs: int, seed: int) -> tuple[float, float, int]:
    """The share of implicit pairs in all pairs, in dev and test, and the size of these."""
    plan, sharp, a_author, more = DESIGNS[design]
    world = World(seed, pairs, sharp, a_author)
    published = None
    for number, (arm, share) in enumerate(plan):
        world.draw(arm, round(share * pairs))
        if more == "deleted":
            world.alive &= world.random.random(pairs) > 0.02
        if more == "published" and number == len(plan) // 2:
            first = split(world.frame(), quotas=QUOTAS, seed=1, ties=["author"])
            published = dict(zip(first.table["pair_id"], first.table["split"], strict=True))
    frame = world.frame()
    done = split(frame, quotas=QUOTAS, seed=1, ties=["author"], published=published)
    share, size = implicit(done.table, frame)
    return float((world.label[world.alive] == 1).mean()), share, size


def check(design: str, pairs: int, runs: int) -> tuple[float, float, float, float]:
    """Mean shares of implicit pairs in all pairs and in dev and test, their mean size, and the share of runs within
    sampling error (two standard errors of a random sample of that size). The mean may be off by three of its own.
    """
    found = np.array([run(design, pairs, seed) for seed in range(runs)])
    truth, share, size = found.T
    error = np.sqrt(truth * (1 - truth) / size)
    within = float((np.abs(share - truth) <= 2 * error).mean())
    assert abs((share - truth).mean()) <= 3 * float(error.mean()) / np.sqrt(runs) + 0.003
    return float(truth.mean()), float(share.mean()), float(size.mean()), within


@pytest.mark.parametrize("design", DESIGNS)
def test_dev_and_test_have_the_shares_of_all_pairs(design: str) -> None:
    check(design, 1500, 2)


@pytest.mark.soak
@pytest.mark.parametrize("design", DESIGNS)
def test_dev_and_test_have_the_shares_of_all_pairs_in_many_campaigns(design: str) -> None:
    truth, share, size, within = check(design, 6000, 60)
    print(f"{design}: all pairs {truth:.2%}, dev and test {share:.2%} ({size:.0f} pairs), {within:.0%} of runs within")
    assert within >= 0.93


def test_that_too_few_fair_pairs_are_left_is_reported() -> None:
    """Only after ranking was anything drawn at random, and most of that is by authors of ranked pairs."""
    world = World(1, 1500, 1.5, 5)
    for arm, size in [(ACTIVE, 50)] * 8 + [(Arm.RANDOM, 250)]:
        world.draw(arm, size)
    done = split(world.frame(), quotas=QUOTAS, seed=1, ties=["author"])
    assert "implicit may be there" in done.given_up[0]
    assert (done.table["split"] != "train").sum() < 0.2 * len(done.table)


def test_dev_and_test_are_smaller_where_a_label_may_not_be_there() -> None:
    assert fair_size(np.array([90.0, 10.0]), np.array([400, 0])) == 5
    rare = pd.DataFrame({"pair_id": [f"{i:03}" for i in range(200)], "label": "no", "arm": Arm.RANDOM, "weight": 10.0})
    rare.loc[rare.index < 40, ["label", "arm", "weight"]] = ["yes", ACTIVE, 1.0]
    done = split(rare, quotas=QUOTAS, seed=1, ties=[])
    held_out = done.counts[done.counts["split"] != "train"]
    assert held_out.groupby("label")["got"].sum().to_dict() == {"no": 21, "yes": 0}
    assert done.given_up[0].startswith("dev and test have 21 pairs for 40 wanted: 0 yes may be there")


def test_pairs_that_are_linked_to_the_random_arm_are_known(tmp_path) -> None:  # type: ignore[no-untyped-def]
    campaign = small_campaign(tmp_path, 6)
    pair = [f"x:{number}:0" for number in range(6)]
    with campaign.write() as db:
        for number, arm in ((1, Arm.RANDOM), (2, ACTIVE)):
            db.execute(
                schema.rounds.insert().values(
                    round=number, arm=arm, strategy=arm, seed=1, size=1, pool=6, created_at="2024-01-01"
                )
            )
            db.execute(schema.round_pairs.insert().values(round=number, pair_id=pair[number - 1]))
        of = schema.posts.c.post_id
        db.execute(schema.posts.update().where(of.in_(["x:0", "x:2"])).values(author_key="one"))
        db.execute(schema.posts.update().where(of.in_(["x:1", "x:3"])).values(author_key="two"))
        same = schema.pairs.c.pair_id.in_([pair[0], pair[4]])
        db.execute(schema.pairs.update().where(same).values(duplicate_group=pair[0]))
        assert linked(db, ["author", "near_text"]) == {pair[2], pair[4]}
        assert linked(db, ["author"]) == {pair[2]}
        assert linked(db, []) == set()
