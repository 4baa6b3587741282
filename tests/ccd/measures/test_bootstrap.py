"""The draws: of pairs, and of pairs and annotators; and what intervals they give."""

import numpy as np
import pytest

from ccd.measures.agreement import Resample, agreement
from ccd.measures.bootstrap import interval, over_both, over_pairs
from ccd.measures.coefficients import Weights, observed_agreement
from ccd.measures.patterns import Floats, Patterns, distinct, patterns
from ccd.measures.vote_matrix import code
from tests.ccd.tables import simulated


def agreeing(table: Patterns, weights: Weights) -> Floats:
    return observed_agreement(table, weights)[:, None]


def weighed(table: Patterns, weights: Weights) -> Floats:
    return weights.astype(float)


def test_as_many_draws_as_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ccd.measures.bootstrap.DRAWN_AT_ONCE", 20)
    table = Patterns(np.array([[2.0, 0.0]]), np.array([2.0]), np.array([10]))
    assert [len(over_pairs(table, weighed, 10, n_resamples, seed=0)) for n_resamples in (1, 9, 10, 11, 25)] == [
        1,
        9,
        10,
        11,
        25,
    ]


def test_pairs_that_are_not_in_the_table_are_drawn_too() -> None:
    """Ten pairs were judged and seven of them compared: a draw of ten has a binomial number of those."""
    table = Patterns(np.array([[2.0, 0.0], [1.0, 1.0]]), np.array([2.0, 2.0]), np.array([4, 3]))
    drawn = over_pairs(table, weighed, 10, n_resamples=4000, seed=0).sum(axis=1)
    assert drawn.mean() == pytest.approx(7, abs=0.1)
    assert drawn.var() == pytest.approx(10 * 0.7 * 0.3, rel=0.1)


def test_a_draw_of_patterns_is_a_draw_of_pairs() -> None:
    """Mean and spread of percent agreement are those of drawing the pairs themselves."""
    df = simulated(200, 0)
    table = patterns(distinct(code(df, "abc")), 3)
    drawn = over_pairs(table, agreeing, 200, n_resamples=4000, seed=0)[:, 0]
    wide = df.pivot(index="task", columns="worker", values="label").to_numpy()
    each = np.mean([wide[:, a] == wide[:, b] for a, b in ((0, 1), (0, 2), (1, 2))], axis=0)
    slow = np.random.default_rng(1).choice(each, (4000, 200)).mean(axis=1)
    assert drawn.mean() == pytest.approx(slow.mean(), abs=0.002)
    assert drawn.std() == pytest.approx(slow.std(), rel=0.05)


def test_the_interval_narrows_with_the_root_of_the_pairs() -> None:
    widths = []
    for pairs in (400, 6400):
        ci = agreement(simulated(pairs, 1), "abc", "nominal").coefficients["krippendorff_nominal"].ci
        assert ci is not None
        widths.append(ci[1] - ci[0])
    assert widths[0] / widths[1] == pytest.approx(4, rel=0.2)


@pytest.mark.slow
def test_the_interval_covers_the_truth() -> None:
    """On 200 samples of a known population, about 190 of the 95 % intervals hold its coefficient."""
    truth = agreement(simulated(200_000, 999), "abc", "nominal", n_resamples=1).coefficients
    samples = [agreement(simulated(150, seed), "abc", "nominal", n_resamples=300).coefficients for seed in range(200)]
    for name in ("percent", "krippendorff_nominal", "fleiss", "gwet_ac1"):
        ends = [sample[name].ci or (0, 0) for sample in samples]
        held = sum(low <= (truth[name].value or 0) <= high for low, high in ends)
        assert 180 <= held <= 199, name


def test_annotators_who_differ_make_the_interval_wider() -> None:
    def widths(resample: Resample) -> list[float]:
        found = []
        for seed in range(8):
            skill = tuple(np.random.default_rng(seed).uniform(0.2, 1, 5))
            made = agreement(simulated(150, seed, skill), "abc", "nominal", 200, resample=resample)
            ci = made.coefficients["krippendorff_nominal"].ci
            assert ci is not None
            found.append(ci[1] - ci[0])
        return found

    assert np.mean(widths("both")) > 1.2 * np.mean(widths("pairs"))


def test_two_annotators_are_always_both_drawn() -> None:
    """A draw of one of them alone is drawn again, so that drawing annotators too changes nothing."""
    rows = distinct(code(simulated(100, 3, (0.8, 0.6)), "abc"))
    both = over_both(rows, 3, agreeing, 100, n_resamples=200, seed=5)
    assert not np.isnan(both).any()
    alone = over_pairs(patterns(rows, 3), agreeing, 100, n_resamples=200, seed=5)
    assert both.std() == pytest.approx(alone.std(), rel=0.2)


def test_blocks_of_draws_are_the_same_as_all_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    table = patterns(distinct(code(simulated(50, 0), "abc")), 3)
    whole = over_pairs(table, agreeing, 50, n_resamples=100, seed=2)
    monkeypatch.setattr("ccd.measures.bootstrap.DRAWN_AT_ONCE", 30)
    np.testing.assert_allclose(over_pairs(table, agreeing, 50, n_resamples=100, seed=2), whole, atol=1e-12)


def test_an_interval_needs_most_draws_defined() -> None:
    drawn = np.arange(100.0)
    assert interval(drawn) == pytest.approx((2.475, 96.525))
    drawn[:5] = np.nan
    assert interval(drawn) is not None
    drawn[5] = np.nan
    assert interval(drawn) is None
    assert interval(np.zeros(0)) is None
