"""Measures against numbers worked out by hand, and intervals against what they promise."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model.evaluation import (
    accuracy,
    calibration_error,
    compare,
    confusion,
    evaluate,
    f1,
    fit_temperature,
    macro_f1,
    weighted_f1,
)

# label 0 three times (two right, one taken for 1), label 1 twice (one right, one taken for 2), label 2 once (right)
LABELS = np.array([0, 0, 0, 1, 1, 2])
PREDICTED = np.array([0, 0, 1, 1, 2, 2])
NAMES = ("irrelevant", "implicit", "explicit")


def test_the_measures_by_hand() -> None:
    table = confusion(LABELS, PREDICTED, 3)
    assert table.tolist() == [[2, 1, 0], [0, 1, 1], [0, 0, 1]]
    assert accuracy(table) == pytest.approx(4 / 6)
    # 2 TP / (labels + predictions): 4/5, 2/4, 2/3
    assert f1(table).tolist() == pytest.approx([0.8, 0.5, 2 / 3])
    assert macro_f1(table) == pytest.approx((0.8 + 0.5 + 2 / 3) / 3)
    assert weighted_f1(table) == pytest.approx((3 * 0.8 + 2 * 0.5 + 1 * 2 / 3) / 6)


def test_the_papers_majority_row_is_not_of_its_own_test_set() -> None:
    """Table III prints 56.19 and 40.43; 558 of 983 pairs are explicit."""
    table = np.array([[0, 0, 319], [0, 0, 106], [0, 0, 558]])
    assert accuracy(table) == pytest.approx(558 / 983)
    assert weighted_f1(table) == pytest.approx(558 / 983 * 2 * 558 / (558 + 983))


def test_a_label_that_is_not_there_has_no_f1_and_no_weight() -> None:
    table = confusion(np.array([0, 0]), np.array([0, 0]), 3)
    assert f1(table).tolist() == [1, 0, 0]
    assert weighted_f1(table) == 1


def test_calibration_error_by_hand() -> None:
    # bins of 1/15: .70 (10.5) is in the 11th, .95 (14.25) in the 15th, twice with one right
    probabilities = np.array([[0.7, 0.3], [0.95, 0.05], [0.05, 0.95]])
    error = calibration_error(probabilities, np.array([0, 0, 0]))
    assert error == pytest.approx((abs(1 - 0.7) + abs(1 - 1.9)) / 3)
    assert calibration_error(np.array([[1.0, 0.0]]), np.array([0])) == 0


@pytest.mark.parametrize("truth", [0.5, 1.0, 3.0])
def test_the_temperature_is_found(truth: float) -> None:
    draw = np.random.default_rng(0)
    honest = draw.normal(size=(20_000, 3)) * 2
    labels = (honest + draw.gumbel(size=honest.shape)).argmax(1)  # drawn by softmax(honest)
    assert fit_temperature(honest * truth, labels) == pytest.approx(truth, rel=0.05)
    done = evaluate(honest * truth, labels, NAMES, truth)
    assert done.calibrated_error < 0.015
    assert truth == 1 or done.calibration_error > 0.05


def test_intervals_are_those_of_a_bootstrap_over_pairs() -> None:
    """Accuracy's is that of a binomial; F1's is that of resampling the pairs one by one."""
    draw = np.random.default_rng(1)
    labels = draw.choice(3, 400, p=[0.3, 0.1, 0.6])
    predicted = np.where(draw.random(400) < 0.7, labels, draw.integers(0, 3, 400))
    done = evaluate(np.eye(3)[predicted], labels, NAMES)
    error = math.sqrt(done.accuracy.value * (1 - done.accuracy.value) / 400)
    assert done.accuracy.low == pytest.approx(done.accuracy.value - 1.96 * error, abs=0.006)
    assert done.accuracy.high == pytest.approx(done.accuracy.value + 1.96 * error, abs=0.006)
    drawn = []
    for _ in range(2000):
        rows = draw.integers(0, 400, 400)
        drawn.append(f1(confusion(labels[rows], predicted[rows], 3))[1])
    low, high = np.quantile(drawn, [0.025, 0.975])
    assert done.f1_by_label["implicit"].low == pytest.approx(low, abs=0.02)
    assert done.f1_by_label["implicit"].high == pytest.approx(high, abs=0.02)


def test_a_paired_difference_knows_that_the_pairs_are_the_same() -> None:
    draw = np.random.default_rng(2)
    labels = draw.integers(0, 3, 1000)
    a = np.where(draw.random(1000) < 0.8, labels, (labels + 1) % 3)
    b = a.copy()
    worse = np.flatnonzero(a == labels)[:25]
    b[worse] = (labels[worse] + 1) % 3
    found = compare(a, b, labels, 3)
    assert found.accuracy.value == pytest.approx(0.025)
    assert 0.014 < found.accuracy.low < found.accuracy.high < 0.036  # two separate intervals would overlap widely
    assert (found.only_a, found.only_b) == (25, 0)
    assert found.p_value == pytest.approx(2 * 0.5**25)


def test_mcnemar_by_hand() -> None:
    # A alone is right in 5 pairs, B alone in 1: 2 * (C(6,0) + C(6,1)) / 2^6 = 14 / 64
    labels = np.zeros(10, np.int64)
    a = np.array([0, 0, 0, 0, 0, 1, 0, 0, 1, 1])
    b = np.array([1, 1, 1, 1, 1, 0, 0, 0, 1, 1])
    found = compare(a, b, labels, 2)
    assert (found.only_a, found.only_b, found.p_value) == (5, 1, pytest.approx(14 / 64))
    assert compare(a, a, labels, 2).p_value == 1


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=40))
def test_nothing_leaves_its_range(pairs: list[tuple[int, int]]) -> None:
    labels, predicted = (np.array(column) for column in zip(*pairs, strict=True))
    table = confusion(labels, predicted, 3)
    assert table.sum() == len(pairs)
    for value in (accuracy(table), macro_f1(table), weighted_f1(table), *f1(table)):
        assert 0 <= value <= 1
    assert accuracy(table) == np.mean(labels == predicted)
