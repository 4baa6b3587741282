"""Shares: Wilson's interval, the trend of Cochran and Armitage, Holm's adjustment, and the scorecards they are for."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest, chi2_contingency

from ccd.measures.proportions import trend, wilson
from ccd.measures.scorecards import Scorecard, scorecards
from ccd.reports.plots import drift


@pytest.mark.parametrize(("part", "of"), [(0, 1), (9, 10), (30, 30), (411, 500)])
def test_wilson_is_that_of_scipy(part: int, of: int) -> None:
    theirs = binomtest(part, of).proportion_ci(method="wilson")
    assert wilson(part, of) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_the_trend_of_two_groups_is_pearsons_chi_squared() -> None:
    found = trend([30, 20], [40, 40])
    assert found is not None
    theirs = chi2_contingency([[30, 20], [10, 20]], correction=False)
    assert (found[0] ** 2, found[1]) == pytest.approx((theirs.statistic, theirs.pvalue))
    assert found[0] < 0


def test_the_trend_is_the_correlation_of_the_place_and_the_answer() -> None:
    """N r² is the statistic (Agresti 2013, Categorical data analysis, section 5.3.5)."""
    parts, totals = [5, 7, 4, 9, 9], [10, 9, 8, 10, 11]
    place = np.repeat(np.arange(5), totals)
    right = np.concatenate([np.arange(of) < part for part, of in zip(parts, totals, strict=True)])
    found = trend(parts, totals)
    assert found is not None
    assert found[0] == pytest.approx(np.sqrt(len(place)) * np.corrcoef(place, right)[0, 1])


@pytest.mark.parametrize(("parts", "totals"), [([], []), ([3, 2], [5, 5]), ([20, 20], [20, 20]), ([0, 9], [0, 30])])
def test_nothing_to_test(parts: list[int], totals: list[int]) -> None:
    assert trend(parts, totals) is None


def team(random: np.random.Generator, first: float = 0.8, last: float = 0.8, pairs: int = 300) -> dict[str, Scorecard]:
    """Twelve annotators, three on a pair, right in 80 %; the first of them from `first` to `last` over their time."""
    rows = []
    for pair in range(pairs):
        for worker in random.choice(12, 3, replace=False):
            skill = first + (last - first) * pair / pairs if worker == 0 else 0.8
            label = "yes" if random.random() < skill else "no"
            rows.append((pair, f"w{worker:02d}", label, f"2024-01-01T{pair // 60:02d}:{pair % 60:02d}:00Z"))
    df = pd.DataFrame(rows, columns=["task", "worker", "label", "created_at"])
    return scorecards(df, ["no", "yes"], pd.Series(dtype=object))


def test_who_falls_is_shown_and_who_does_not_is_not() -> None:
    cards = team(np.random.default_rng(2), last=0.0, pairs=600)
    assert [name for name, card in cards.items() if card.trend and card.trend.changes] == ["w00"]
    falling = cards["w00"].trend
    assert falling is not None
    assert falling.z < 0
    found = {"scorecards": {name: card.to_dict() for name, card in cards.items()}}
    assert drift(found) is not None
    del found["scorecards"]["w00"]
    assert drift(found) is None
    for card in cards.values():
        assert card.others_ci == wilson(card.others.part, card.others.of)


@pytest.mark.soak
def test_equal_annotators_show_no_drift() -> None:
    shown = [
        any(card.trend and card.trend.changes for card in team(np.random.default_rng(i)).values()) for i in range(400)
    ]
    assert sum(shown) <= 0.07 * len(shown)
