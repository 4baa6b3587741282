"""What pairs without a label leave unknown of shares: by hand, in a campaign, and by simulation."""

from pathlib import Path

import numpy as np
import pytest

from ccd.campaign.gold_labels import aggregate_labels
from ccd.campaign.prevalence import bounds
from ccd.campaign.tables import schema
from ccd.measures.draws import Stratum
from ccd.measures.unsettled import of_strata
from tests.ccd.build import add_pairs, campaign, judge
from tests.ccd.campaign.test_gold_labels import E, I, R


def test_bounds_are_of_all_pairs_and_not_of_the_sample() -> None:
    """A large stratum of 900 pairs, 90 drawn, 9 without a label; a small one of 100, all judged and labelled."""
    large = Stratum(1, 900, {1: np.array([72.0, 9.0, 9.0])})
    small = Stratum(1, 100, {1: np.array([0.0, 100.0, 0.0])})
    one = of_strata([large, small], ("no", "yes"))["yes"]
    assert (one.least, one.most) == pytest.approx(((90 + 100) / 1000, (180 + 100) / 1000))
    assert one.low < one.least < one.most < one.high
    raw = 109 / 190  # of the pairs drawn
    assert raw > one.high


def test_a_ranked_round_counts_for_the_pairs_that_it_took() -> None:
    """1,000 pairs; 100 drawn, 10 without a label; 100 ranked, 50 of them without a label."""
    stratum = Stratum(1, 1000, {1: np.array([80.0, 10.0, 10.0])}, {2: np.array([10.0, 40.0, 50.0])})
    one = of_strata([stratum], ("no", "yes"))["yes"]
    assert one.least == pytest.approx(0.1)
    assert one.most == pytest.approx(0.2)
    later = Stratum(1, 1000, {1: np.array([80.0, 10.0, 10.0]), 3: np.array([90.0, 8.0, 2.0])}, dict(stratum.others))
    two = of_strata([later], ("no", "yes"))["yes"]
    assert two.least < two.most
    assert two.high - two.low < one.high - one.low


def test_a_campaign_whose_pairs_all_have_a_label_has_no_bounds(tmp_path: Path) -> None:
    made = campaign(tmp_path, {f"x:{n}:0": (E, E, I) for n in range(6)})
    aggregate_labels(made)
    with made.read() as db:
        assert bounds(db, made.protocol.question) is None


def test_of_a_campaign_ties_are_bounded_and_incomplete_pairs_are_not(tmp_path: Path) -> None:
    votes = {f"x:{n}:0": (E, E, E) if n < 6 else (R, I, E) for n in range(8)}
    made = campaign(tmp_path, votes | {"x:8:0": (E, None, None)})
    add_pairs(made, ["y:0:0"], number=2, arm="active")
    for worker in ("a1", "a2", "a3"):
        judge(made, "y:0:0", worker, I)
    with made.write() as db:
        db.execute(schema.pairs.update().values(collected_at="2020-01-01T00:00:00+00:00"))
        db.execute(schema.rounds.update().where(schema.rounds.c.round == 1).values(pool=10))
        first = schema.round_pairs.c.round == 1
        db.execute(schema.round_pairs.update().where(first).values(inclusion_probability=0.9))
        db.execute(schema.round_pairs.update().where(~first).values(inclusion_probability=None, part="strategy"))
    aggregate_labels(made)
    with made.read() as db:
        found = bounds(db, made.protocol.question)
    assert found is not None
    # of nine pairs: six explicit, two without a label, one ranked
    assert (found[E].least, found[E].most) == pytest.approx((6 / 9, 8 / 9))
    assert found[I].least == pytest.approx(1 / 9)


@pytest.mark.soak
@pytest.mark.parametrize("rounds", [1, 3])
def test_bounds_with_sampling_error_hold_the_share_where_ties_depend_on_labels(
    rounds: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """A third of the implicit pairs and a twentieth of the others get no label; after each random round a ranked one.

    The plain shares of the pairs drawn at random, with none and with all of those without a label, hold it less often.
    """
    random, runs = np.random.default_rng(5), 1_000
    held, plain = np.zeros(3), np.zeros(3)
    for _ in range(runs):
        truth = random.choice(3, 2000, p=[0.4, 0.1, 0.5])
        seen = np.where(random.random(2000) < np.array([0.05, 0.33, 0.05])[truth], 3, truth)
        sampled: dict[int, np.ndarray] = {}
        others: dict[int, np.ndarray] = {}
        left = np.ones(2000, bool)
        for number in range(1, 2 * rounds, 2):
            drawn = random.choice(np.flatnonzero(left), 100, replace=False)
            sampled[number] = np.bincount(seen[drawn], minlength=4).astype(float)
            left[drawn] = False
            ranked = np.argsort(-np.where(left, (truth == 1) + random.normal(0, 0.7, 2000), -np.inf))[:100]
            others[number + 1] = np.bincount(seen[ranked], minlength=4).astype(float)
            left[ranked] = False
        found = of_strata([Stratum(1, 2000, sampled, others)], (R, I, E))
        true = np.bincount(truth, minlength=3) / 2000
        held += [found[name].low <= share <= found[name].high for name, share in zip((R, I, E), true, strict=True)]
        raw = sum(sampled.values()) / (100 * rounds)
        plain += (raw[:3] <= true) & (true <= raw[:3] + raw[3])
    with capsys.disabled():
        print(f"{rounds} random rounds: {held / runs}, plain {plain / runs}")
    assert (held / runs >= 0.95).all()
    assert (plain / runs < 0.93).any()
