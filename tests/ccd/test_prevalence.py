"""Shares of labels from pairs drawn at random: unbiased, with intervals that hold, also after ranked rounds."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccd import schema
from ccd.campaign import Campaign
from ccd.prevalence import Draw, LabelShare, of_campaign, payoff, shares
from ccd.protocol import load
from tests.campaigns import add_pairs, small_campaign

NAMES = ("irrelevant", "implicit", "explicit")


def rounds_of(truth: np.ndarray, random: np.random.Generator, rounds: int, part: int) -> tuple[list[Draw], np.ndarray]:
    """Rounds with `part` random pairs and as many that a ranking finds: three in five have label 1, while there are."""
    left = np.ones(len(truth), bool)
    draws = []
    for _ in range(rounds):
        pool = np.flatnonzero(left)
        before = np.bincount(truth[~left], minlength=3).astype(float)
        drawn = random.choice(pool, part, replace=False)
        draws.append(Draw(len(pool), np.full(part, part / len(pool)), truth[drawn], before))
        left[drawn] = False
        sought, others = (random.permutation(np.flatnonzero(left & is_)) for is_ in (truth == 1, truth != 1))
        left[np.concatenate([sought[: part * 3 // 5], others[: part - part * 3 // 5]])] = False
    return draws, np.bincount(truth[~left], minlength=3).astype(float)


@pytest.mark.parametrize(("share", "rounds", "part"), [(0.1, 1, 100), (0.1, 4, 40), (0.02, 3, 50), (0.5, 5, 30)])
def test_intervals_hold_the_truth_in_95_of_100_campaigns_and_shares_are_unbiased(
    share: float, rounds: int, part: int
) -> None:
    random = np.random.default_rng(7)
    held, missed, told = 0, 0, []
    for _ in range(200):
        truth = random.choice(3, 1500, p=[(1 - share) / 2, share, (1 - share) / 2])
        draws, known = rounds_of(truth, random, rounds, part)
        one = shares(draws, NAMES, known)[1]
        assert one.share is not None
        assert one.low is not None
        assert one.high is not None
        held += one.low <= (truth == 1).mean() <= one.high
        missed += not one.unfound_low <= (truth == 1).sum() - known[1] <= one.unfound_high
        told.append(one.share - (truth == 1).mean())
    assert held >= 182  # of 200: three standard errors below 95 %
    assert 200 - missed == held  # the same statement in pairs
    assert abs(np.mean(told)) < 4 * np.std(told) / np.sqrt(200) + 0.002  # clipping at what is known moves it a little


@given(
    st.lists(st.integers(0, 2), min_size=1, max_size=60),
    st.integers(60, 5000),
    st.lists(st.integers(0, 50), min_size=3, max_size=3),
)
@settings(max_examples=100, deadline=None)
def test_whatever_was_drawn_shares_are_in_order_and_no_less_than_known(
    labels: list[int], pool: int, before: list[int]
) -> None:
    drawn = np.array(labels)
    outside = np.array(before, float)
    known = outside + np.bincount(drawn, minlength=3)
    found = shares([Draw(pool, np.full(len(drawn), len(drawn) / pool), drawn, outside)], NAMES, known)
    assert sum(one.share or 0 for one in found) == pytest.approx(1)
    for one, sure in zip(found, known, strict=True):
        assert one.share is not None
        assert 0 <= (one.low or 0) <= one.share + 1e-9
        assert one.share <= (one.high or 0) + 1e-9 <= 1 + 2e-9
        assert (one.low or 0) * (pool + outside.sum()) >= sure - 1e-6
        assert (one.unfound_low or 0) >= -1e-9


def test_chances_weigh_pairs_and_a_census_is_exact() -> None:
    # Two of a group of ten stand for their group: 10 pairs of label 1, against 10 drawn for sure.
    draw = Draw(20, np.array([0.1] + [1.0] * 10), np.array([1] + [0] * 10), np.zeros(3))
    assert shares([draw], NAMES, np.array([10.0, 1.0, 0.0]))[1].share == pytest.approx(0.5)
    everything = Draw(4, np.ones(4), np.array([0, 0, 1, 2]), np.zeros(3))
    one = shares([everything], NAMES, np.array([2.0, 1.0, 1.0]))[1]
    assert (one.low, one.share, one.high, one.unfound) == (0.25, 0.25, 0.25, 0)


def test_nothing_drawn_at_random_gives_counts_alone() -> None:
    assert shares([], NAMES, np.array([4.0, 1.0, 0.0]))[1] == LabelShare("implicit", 1)


@pytest.mark.parametrize(
    ("hits", "judged", "unfound", "pays"),
    [(30, 60, (100, 60, 150), True), (6, 60, (100, 60, 150), False), (3, 20, (100, 60, 150), None)],
)
def test_ranking_pays_while_it_finds_more_than_is_left(
    hits: int, judged: int, unfound: tuple[float, float, float], pays: bool | None
) -> None:
    share = LabelShare("implicit", 50, 0.1, 0.08, 0.12, *unfound)
    told = payoff(3, hits, judged, share, 1000)
    assert told.pays is pays
    assert told.low < told.rate < told.high
    assert told.random == pytest.approx(0.1)


def settle(
    campaign: Campaign, number: int, arm: str, pool: int, labels: dict[str, tuple[str | None, float | None, str | None]]
) -> None:
    """A round whose pairs are settled: pair → label, chance, part."""
    fields = {"arm": arm, "strategy": arm, "seed": 1, "size": len(labels), "pool": pool, "created_at": "2024-01-01"}
    with campaign.write() as db:
        db.execute(schema.rounds.insert().values(round=number, **fields))
        for pair, (label, chance, part) in labels.items():
            db.execute(
                schema.round_pairs.insert().values(round=number, pair_id=pair, inclusion_probability=chance, part=part)
            )
            by = "open" if label is None else "unanimous"
            db.execute(
                schema.labels.insert().values(
                    pair_id=pair, question="relation", label=label, resolved_by=by, votes="{}"
                )
            )


def test_a_campaign_is_read_by_its_rounds(tmp_path: Path) -> None:
    campaign = small_campaign(tmp_path, pairs=40)
    first = {f"x:{i}:0": ("implicit" if i < 2 else "explicit", 0.25, None) for i in range(9)} | {
        "x:9:0": (None, 0.25, None)
    }
    settle(campaign, 1, "random", 40, first)
    with campaign.read() as db:
        alone = of_campaign(db, campaign.protocol.question)
    assert (alone.pairs, alone.drawn, alone.sought, alone.payoff) == (40, 9, "implicit", None)
    assert alone.labels[1].share == pytest.approx(2 / 9)
    assert alone.labels[1].found == 2

    ranked = {f"x:{i}:0": ("implicit", None, "strategy") for i in range(10, 14)}
    at_random = {f"x:{i}:0": ("explicit", 2 / 30, "random") for i in range(14, 16)}
    settle(campaign, 2, "active", 30, ranked | at_random)
    with campaign.read() as db:
        both = of_campaign(db, campaign.protocol.question)
    assert (both.pairs, both.drawn) == (39, 11)  # the open pair of round 1 is in no pool and has no label
    assert both.labels[1].found == 6
    assert both.payoff is not None
    assert (both.payoff.round, both.payoff.hits, both.payoff.judged) == (2, 4, 4)


def test_draws_before_pairs_were_collected_do_not_count(tmp_path: Path) -> None:
    campaign = small_campaign(tmp_path, pairs=10)
    settle(campaign, 1, "random", 10, {"x:0:0": ("implicit", 0.1, None)})
    add_pairs(campaign, [f"y:{i}:0" for i in range(10)])
    settle(campaign, 2, "random", 19, {"x:1:0": ("explicit", 1 / 19, None), "y:1:0": ("explicit", 1 / 19, None)})
    with campaign.read() as db:
        told = of_campaign(db, load("ccd").question)
    assert told.drawn == 2
    assert told.pairs == 20


def test_copies_have_the_label_of_the_one_that_was_judged(tmp_path: Path) -> None:
    campaign = small_campaign(tmp_path, pairs=12)
    with campaign.write() as db:
        db.execute(
            schema.pairs.update().where(schema.pairs.c.pair_id.in_(["x:0:0", "x:1:0"])).values(duplicate_group="x:0:0")
        )
    settle(campaign, 1, "random", 12, {"x:0:0": ("implicit", 0.5, None), "x:2:0": ("explicit", 0.5, None)})
    settle(campaign, 2, "active", 9, {"x:3:0": ("explicit", 1 / 9, "random")})
    with campaign.read() as db:
        told = of_campaign(db, campaign.protocol.question)
    assert told.pairs == 12  # 9 left, two judged, and the copy of one of them
    assert told.labels[1].found == 1
    assert (told.labels[1].share or 0) * 12 == pytest.approx((told.labels[1].unfound or 0) + 2)
