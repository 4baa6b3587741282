"""How many pairs a wanted interval takes."""

import pandas as pd
import pytest

from ccd.agreement import agreement
from ccd.errors import CcdError
from ccd.estimate import NOTHING, ONE_LABEL
from ccd.plan import plan
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


@pytest.mark.parametrize("half_width", [0, 1, -0.1, float("nan")])
def test_a_half_width_is_between_0_and_1(half_width: float) -> None:
    with pytest.raises(CcdError, match="write a number between 0 and 1"):
        plan(simulated(10, 0), "abc", "nominal", half_width)
