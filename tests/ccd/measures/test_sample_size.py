"""How many pairs a wanted interval takes."""

import numpy as np
import pandas as pd
import pytest

from ccd.errors import CcdError
from ccd.measures.agreement import agreement
from ccd.measures.estimate import NOTHING, ONE_LABEL
from ccd.measures.sample_size import plan
from tests.ccd.tables import observed, simulated


def test_as_many_pairs_as_planned_give_the_half_width() -> None:
    made = plan(simulated(400, 0), "abc", "nominal", half_width=0.03)
    assert made.pairs is not None
    assert made.reached is not None
    assert 0.028 < made.reached <= 0.03
    ci = agreement(simulated(made.pairs, 1), "abc", "nominal", 2000).coefficients["krippendorff_nominal"].ci
    assert ci is not None
    assert (ci[1] - ci[0]) / 2 == pytest.approx(0.03, rel=0.1)


def test_half_the_width_takes_four_times_the_pairs() -> None:
    pilot = simulated(400, 0)
    wide, narrow = (plan(pilot, "abc", "nominal", half_width) for half_width in (0.04, 0.02))
    assert (narrow.pairs or 0) / (wide.pairs or 1) == pytest.approx(4, rel=0.1)


def test_what_the_pilot_reached_is_told() -> None:
    pilot = simulated(100, 0)
    made = plan(pilot, "abc", "nominal")
    found = agreement(pilot, "abc", "nominal", 4000).coefficients["krippendorff_nominal"]
    assert found.ci is not None
    assert (made.pilot_pairs, made.judgments_per_pair) == (100, 3)
    assert made.alpha == pytest.approx(found.value)
    assert made.pilot_half_width == pytest.approx((found.ci[1] - found.ci[0]) / 2)


def test_pairs_with_one_judgment_are_no_pilot() -> None:
    pilot = simulated(100, 0)
    single = pd.DataFrame([(1000 + i, 0, "a") for i in range(50)], columns=["task", "worker", "label"])
    assert plan(pd.concat([pilot, single]), "abc", "nominal") == plan(pilot, "abc", "nominal")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", NOTHING),
        ("a b", NOTHING),
        ("a a\na a", ONE_LABEL),
        ("a b\na b", "too few"),
        (" ".join("ab" * 20) + "\n" + " ".join("ab" * 20), "never disagree"),
    ],
)
def test_no_answer_has_a_reason(text: str, reason: str) -> None:
    made = plan(observed(text), "ab", "nominal")
    assert (made.pairs, made.reached) == (None, None)
    assert reason in (made.reason or "")


def grouped(groups: int, size: int, seed: int) -> pd.DataFrame:
    """Three judges of `groups` photos with `size` pairs each, which are easy or hard together and have one label."""
    random = np.random.default_rng(seed)
    group = np.repeat(np.arange(groups), size)
    label = random.integers(0, 3, groups)[group]
    right = np.array([0.95, 0.5])[random.integers(0, 2, groups)][group]
    rows = []
    for worker in range(3):
        wrong = (label + random.integers(1, 3, len(group))) % 3
        given = np.where(random.random(len(group)) < right, label, wrong)
        rows.append(pd.DataFrame({"task": np.arange(len(group)), "worker": worker, "label": given}))
    return pd.concat([each.assign(leakage_group=group) for each in rows])


def test_pairs_of_one_photo_are_drawn_together() -> None:
    pilot = grouped(60, 5, 0)
    found, apart = (plan(df, [0, 1, 2], "nominal") for df in (pilot, pilot.drop(columns="leakage_group")))
    assert (found.groups, apart.groups) == (60, None)
    assert (found.pilot_pairs, found.alpha) == (apart.pilot_pairs, apart.alpha)
    assert found.pairs is not None
    assert apart.pairs is not None
    assert found.pairs > 1.8 * apart.pairs
    ci = agreement(pilot, [0, 1, 2], "nominal", 4000).coefficients["krippendorff_nominal"].ci
    assert ci is not None
    assert found.pilot_half_width == pytest.approx((ci[1] - ci[0]) / 2)
    ci = agreement(grouped(found.pairs // 5, 5, 1), [0, 1, 2], "nominal", 2000).coefficients["krippendorff_nominal"].ci
    assert ci is not None
    assert (ci[1] - ci[0]) / 2 == pytest.approx(0.03, rel=0.12)


def test_pairs_of_a_group_that_carry_nothing_are_no_pilot() -> None:
    pilot = grouped(40, 2, 0)
    single = pd.DataFrame({"task": range(1000, 1030), "worker": 0, "label": 1, "leakage_group": range(30)})
    assert plan(pd.concat([pilot, single]), [0, 1, 2], "nominal") == plan(pilot, [0, 1, 2], "nominal")


@pytest.mark.parametrize("half_width", [0, 1, -0.1, float("nan")])
def test_a_half_width_is_between_0_and_1(half_width: float) -> None:
    with pytest.raises(CcdError, match="write a number between 0 and 1"):
        plan(simulated(10, 0), "abc", "nominal", half_width)


@pytest.mark.soak
def test_the_spread_of_a_plan_of_photos_holds_what_a_large_pilot_asks_for(capsys: pytest.CaptureFixture[str]) -> None:
    """Pilots of 40 photos with five pairs each: 90 % is said. Pair by pair, they ask for too few."""
    wanted = plan(grouped(3_000, 5, 99), [0, 1, 2], "nominal").pairs
    assert wanted is not None
    held, short = 0, []
    for seed in range(60):
        pilot = grouped(40, 5, seed)
        found = plan(pilot, [0, 1, 2], "nominal", n_resamples=1000, seed=seed)
        held += found.pairs_low is not None and found.pairs_low <= wanted <= (found.pairs_high or 0)
        short.append(
            (plan(pilot.drop(columns="leakage_group"), [0, 1, 2], "nominal", n_resamples=1000).pairs or 0) / wanted
        )
    with capsys.disabled():
        print(f"{held} of 60 hold {wanted}; drawn pair by pair they ask for {np.mean(short):.2f} of it")
    assert held >= 48
    assert np.mean(short) < 0.6
