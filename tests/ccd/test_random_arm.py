"""How often labels occur: known answers, weights, clusters, and intervals that hold what they promise."""

from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from ccd import schema
from ccd.random_arm import prevalence, share
from ccd.settle import settle
from tests.ccd.build import add_pairs, campaign, judge


def test_without_weights_and_clusters_it_is_wilsons() -> None:
    """7 of 20: Wilson's interval by hand, with the n that the unbiased variance gives."""
    p, low, high = share(np.array([1.0] * 7 + [0.0] * 13), np.ones(20), np.arange(20))
    assert p == pytest.approx(0.35)
    n, z = 19, 1.959964
    middle = (0.35 + z * z / 2 / n) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(0.35 * 0.65 / n + z * z / 4 / n**2)
    assert (low, high) == pytest.approx((middle - half, middle + half))


def test_weights_move_it_and_clusters_widen_it() -> None:
    has = np.array([1.0, 0, 1, 0, 0, 0, 1, 0])
    assert share(has, np.where(has > 0, 3.0, 1.0), np.arange(8))[0] == pytest.approx(9 / 14)
    alone, tied = (share(np.repeat(has, 10), np.ones(80), of) for of in (np.arange(80), np.repeat(np.arange(8), 10)))
    assert tied[2] - tied[1] > 2 * (alone[2] - alone[1])


@pytest.mark.parametrize("all_have", [0.0, 1.0])
def test_none_or_all_has_an_interval_too(all_have: float) -> None:
    p, low, high = share(np.full(30, all_have), np.ones(30), np.arange(30))
    assert p == all_have
    assert 0 <= low < high <= 1
    assert high - low < 0.12


def test_the_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    """400 samples of clusters of 1 to 5 pairs that lean to one label: 95 % within what 400 draws allow."""
    random = np.random.default_rng(1)
    held = 0
    for _ in range(400):
        sizes = random.integers(1, 6, 150)
        leans = random.beta(0.5, 4.5, 150)  # mean 0.1
        cluster = np.repeat(np.arange(150), sizes)
        has = (random.random(len(cluster)) < leans[cluster]).astype(float)
        _, low, high = share(has, np.ones(len(has)), cluster)
        held += low <= 0.1 <= high
    assert 0.91 <= held / 400 <= 0.98


def test_the_active_arm_says_nothing_of_how_often_a_label_occurs(tmp_path: Path) -> None:
    made = campaign(tmp_path, {f"x:{n}:0": ("explicit",) * 3 if n % 4 else ("implicit",) * 3 for n in range(40)})
    more = [f"x:{n}:0" for n in range(40, 80)]
    add_pairs(made, more, number=2, arm="active")
    for pair in more:
        for annotator in ("a1", "a2", "a3"):
            judge(made, pair, annotator, "implicit")
    settle(made)
    with made.write() as db:
        found = {row["label"]: row for row in prevalence(db, "relation")}
        assert found["implicit"]["pairs"] == 50
        assert found["implicit"]["share"] == 50 / 80
        assert found["implicit"]["prevalence"] == pytest.approx(0.25)
        assert 0.13 < found["implicit"]["low"] < 0.25 < found["implicit"]["high"] < 0.42
        db.execute(sa.update(schema.rounds).values(arm="active"))
        assert [row["prevalence"] for row in prevalence(db, "relation")] == [None, None]
