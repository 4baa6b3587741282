"""Coefficients against their definitions, judgment by judgment, and against the `krippendorff` package."""

from itertools import combinations, permutations

import krippendorff
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccd.measures.agreement import LEVELS
from ccd.measures.coefficients import alpha, cohen, fleiss, gwet_ac1, observed_agreement, one_against_rest, scott
from ccd.measures.patterns import Patterns, crossed, distinct, patterns
from ccd.measures.vote_matrix import code
from tests.ccd.tables import names, voted

VALUES = np.arange(4.0)
LABELS = names(4)
VOTES = st.lists(st.lists(st.integers(0, 3), max_size=5), min_size=1, max_size=25)
"""Each pair's votes, by label; pairs with one vote and with none among them."""


def table(votes: list[list[int]]) -> Patterns:
    counts = np.array([[pair.count(label) for label in range(4)] for pair in votes])
    return patterns(distinct(code(voted(counts), LABELS)), 4)


def the(found: npt.NDArray[np.float64]) -> float | None:
    """The one value of one draw."""
    return None if np.isnan(found[0]) else float(found[0])


def beyond_chance(observed: float, expected: float) -> float | None:
    return None if abs(1 - expected) < 1e-12 else (observed - expected) / (1 - expected)


@settings(deadline=None)
@given(VOTES)
def test_as_defined_vote_by_vote(votes: list[list[int]]) -> None:
    judged, several = [pair for pair in votes if pair], [pair for pair in votes if len(pair) > 1]
    found = table(votes)
    weights = found.pairs[None, :]
    if not several:
        assert the(observed_agreement(found, weights)) is None
        return
    agree = [np.mean([a == b for a, b in combinations(pair, 2)]) for pair in several]
    shares = [np.mean([pair.count(label) / len(pair) for pair in judged]) for label in range(4)]
    observed = float(np.mean(agree))
    assert the(observed_agreement(found, weights)) == pytest.approx(observed)
    assert the(fleiss(found, weights)) == pytest.approx(beyond_chance(observed, sum(p**2 for p in shares)))
    expected = sum(p * (1 - p) for p in shares) / 3
    assert the(gwet_ac1(found, weights)) == pytest.approx(beyond_chance(observed, expected))


@settings(deadline=None)
@given(VOTES)
def test_alphas_are_the_packages(votes: list[list[int]]) -> None:
    counts = np.array([[pair.count(label) for label in range(4)] for pair in votes])
    several = counts[counts.sum(axis=1) > 1]
    found = table(votes)
    weights = found.pairs[None, :]
    one_label = (several.sum(axis=0) > 0).sum() < 2
    for level in LEVELS:
        if one_label:
            assert the(alpha(found, weights, level, VALUES)) is None
            continue
        expected = krippendorff.alpha(value_counts=several, value_domain=VALUES, level_of_measurement=level)
        assert the(alpha(found, weights, level, VALUES)) == pytest.approx(expected, abs=1e-12)
    for label, value in enumerate(one_against_rest(found, weights)[0]):
        against = np.column_stack([several[:, label], several.sum(axis=1) - several[:, label]])
        if not against.sum(axis=0).all():
            assert np.isnan(value)
            continue
        expected = krippendorff.alpha(value_counts=against, level_of_measurement="nominal")
        assert value == pytest.approx(expected, abs=1e-12)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=25))
def test_two_annotators_as_defined(said: list[tuple[int, int]]) -> None:
    rows = [(pair, worker, LABELS[label]) for pair, both in enumerate(said) for worker, label in enumerate(both)]
    rows.append((len(said), 0, "c0"))  # judged by one alone: in neither coefficient
    rows_of = distinct(code(pd.DataFrame(rows, columns=["task", "worker", "label"]), LABELS))
    same = float(np.mean([a == b for a, b in said]))
    first, second = ([sum(both[i] == label for both in said) / len(said) for label in range(4)] for i in (0, 1))
    (cells,) = crossed(rows_of, 4, 2)
    kappa = beyond_chance(same, sum(a * b for a, b in zip(first, second, strict=True)))
    assert the(cohen(cells, cells.pairs[None, :])[:, 0]) == pytest.approx(kappa)
    pi = beyond_chance(same, sum((a + b) ** 2 / 4 for a, b in zip(first, second, strict=True)))
    found = patterns(rows_of, 4)
    assert the(scott(found, found.pairs[None, :])) == pytest.approx(pi)


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=12),
    st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 3)),
)
def test_drawn_annotators_as_defined_comparison_by_comparison(
    said: list[tuple[int, ...]], times: tuple[int, int, int]
) -> None:
    """A comparison of a and b counts times(a) x times(b), and no vote is compared with its own copy."""
    if sum(time > 0 for time in times) < 2:
        return
    rows = [(pair, worker, LABELS[label]) for pair, row in enumerate(said) for worker, label in enumerate(row)]
    df = pd.DataFrame(rows, columns=["task", "worker", "label"])
    found = patterns(distinct(code(df, LABELS)), 4, np.array(times))
    weights = found.pairs[None, :]
    compared = [(row[a], row[b], times[a] * times[b]) for row in said for a, b in permutations(range(3), 2)]
    total = sum(weight for _, _, weight in compared)
    same = sum(weight for a, b, weight in compared if a == b) / total
    assert the(observed_agreement(found, weights)) == pytest.approx(same)
    votes = len(said) * sum(times)
    used = [sum(time for row in said for time, vote in zip(times, row, strict=True) if vote == c) for c in range(4)]
    expected = sum(a * b for a, b in permutations(used, 2)) / (votes * (votes - 1))
    value = the(alpha(found, weights, "nominal", VALUES))
    assert value == (None if not expected else pytest.approx(1 - (1 - same) / expected))


@settings(deadline=None)
@given(VOTES, st.integers(0, 10))
def test_many_draws_at_once_are_each_draw_alone(votes: list[list[int]], seed: int) -> None:
    found = table(votes)
    weights = np.random.default_rng(seed).integers(0, 4, (5, len(found.pairs)))
    for measure in (observed_agreement, fleiss, gwet_ac1, one_against_rest):
        together = measure(found, weights)
        alone = np.concatenate([measure(found, draw[None, :]) for draw in weights])
        np.testing.assert_allclose(together, alone, atol=1e-12)
    for level in LEVELS:
        together = alpha(found, weights, level, VALUES)
        alone = np.concatenate([alpha(found, draw[None, :], level, VALUES) for draw in weights])
        np.testing.assert_allclose(together, alone, atol=1e-12)
