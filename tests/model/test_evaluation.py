"""Measures against numbers worked out by hand, and intervals against what they promise."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.campaign.model_quality import measure
from ccd.measures.bootstrap import interval
from model.calibration import at_bound, calibration, calibration_error, fit_temperature
from model.evaluation import accuracy, compare, confusion, evaluate, f1, macro_f1, mcnemar, recall, weighted_f1
from model.resampling import interval_of

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


def test_a_label_that_no_pair_has_is_undefined_and_one_that_is_never_found_is_0() -> None:
    """Label 1 is on no pair and predicted once; label 2 is on one pair and never predicted."""
    table = confusion(np.array([0, 0, 2]), np.array([0, 1, 0]), 3)
    assert f1(table).tolist() == pytest.approx([2 * 1 / (2 + 2), math.nan, 0], nan_ok=True)
    assert recall(table).tolist() == pytest.approx([0.5, math.nan, 0], nan_ok=True)
    assert macro_f1(table) == pytest.approx((0.5 + 0) / 2)
    assert weighted_f1(table) == pytest.approx((2 * 0.5 + 0) / 3)
    empty = np.zeros((3, 3), np.int64)
    assert all(np.isnan(measure(empty)) for measure in (accuracy, macro_f1, weighted_f1))


def test_an_evaluation_names_what_is_undefined_and_over_which_labels_the_mean_is() -> None:
    labels, predicted = np.array([0, 2] * 20), np.array([0, 2, 1, 2] * 10)
    done = evaluate(np.eye(3)[predicted], labels, NAMES)
    undefined = done.f1_by_label["implicit"]
    assert (undefined.value, undefined.low, undefined.high) == (None, None, None)
    assert undefined.reason == "no pair has this label"
    assert done.macro_over == ("irrelevant", "explicit")
    assert done.macro_f1.value == pytest.approx((2 / 3 + 1) / 2)
    same = compare(predicted, labels, labels, NAMES)
    assert same.macro_over == ("irrelevant", "explicit")
    assert same.macro_f1.value == pytest.approx((2 / 3 + 1) / 2 - 1)


def test_a_label_with_hardly_a_pair_has_a_value_and_no_interval() -> None:
    """One pair of 40 is missing in (39/40)^40 = 36 % of the resamples."""
    labels = np.array([0, 2] * 19 + [0, 1])
    done = evaluate(np.eye(3)[labels], labels, NAMES)
    for found in (done.f1_by_label["implicit"], done.macro_f1):
        assert (found.value, found.low, found.high) == (1, None, None)
        assert "more than 5 % of the resamples" in (found.reason or "")
    assert done.accuracy.low == 1


def test_the_review_app_and_evaluate_have_one_calibration_error() -> None:
    draw = np.random.default_rng(0)
    chances = draw.dirichlet((1.0, 1.0, 1.0), 500)
    labels = np.array([draw.choice(3, p=each) for each in chances])  # calibrated: bins err in both directions
    shown = measure(chances, labels, ("irrelevant", "implicit", "explicit")).calibration_error
    assert shown == pytest.approx(calibration_error(chances, labels))


def test_calibration_error_by_hand() -> None:
    # bins of 1/15: .70 (10.5) is in the 11th, .95 (14.25) in the 15th, twice with one right
    probabilities = np.array([[0.7, 0.3], [0.95, 0.05], [0.05, 0.95]])
    error = calibration_error(probabilities, np.array([0, 0, 0]))
    assert error == pytest.approx((abs(1 - 0.7) + abs(1 - 1.9)) / 3)
    assert calibration_error(np.array([[1.0, 0.0]]), np.array([0])) == 0


def test_a_perfectly_calibrated_network_is_not_said_to_be_off() -> None:
    """300 pairs: the plain error is some 6 % by chance alone, which the reference tells, and the debiased one is 0."""
    draw = np.random.default_rng(0)
    plain, expected, beyond, held = [], [], 0, 0
    for seed in range(40):
        logits = draw.normal(size=(300, 3))
        found = calibration(logits, (logits + draw.gumbel(size=logits.shape)).argmax(1), seed=seed)
        plain.append(found.error)
        expected.append(found.perfect)
        beyond += found.error > found.perfect_high
        held += found.debiased.low == 0
    assert np.mean(plain) == pytest.approx(np.mean(expected), abs=0.004)
    assert 0.05 < np.mean(plain) < 0.08
    assert beyond <= 6  # 2 of 40 on average
    assert held >= 34


def test_a_debiased_error_is_what_it_is() -> None:
    """Sure by 0.9 and right in 0.7: an error of 0.2, in a debiased root mean square and in the plain sum."""
    draw = np.random.default_rng(1)
    logits = np.log([[0.9, 0.1]]).repeat(4000, 0)
    found = calibration(logits, (draw.random(4000) > 0.7).astype(int))
    assert found.debiased.value == pytest.approx(0.2, abs=0.03)
    assert found.debiased.low is not None
    assert found.debiased.high is not None
    assert found.debiased.low < 0.2 < found.debiased.high
    assert found.error == pytest.approx(0.2, abs=0.03)
    assert found.log_loss.value == pytest.approx(-0.7 * math.log(0.9) - 0.3 * math.log(0.1), abs=0.05)
    assert found.brier.value == pytest.approx(0.7 * 0.02 + 0.3 * 1.62, abs=0.05)


def test_intervals_of_few_groups_are_as_wide_as_student_s_t_asks_for() -> None:
    drawn = np.random.default_rng(0).normal(size=10_000)
    few, many = (interval_of(0.0, drawn, groups) for groups in (10, 10_000))
    assert (few.low, few.high) == interval(drawn, 10)
    assert few.high - few.low > 1.15 * (many.high - many.low)  # type: ignore[operator]
    assert many.high == pytest.approx(1.96, abs=0.06)


def test_a_temperature_at_its_bound_is_told() -> None:
    labels = np.array([0, 1] * 50)
    wrong = fit_temperature(np.eye(2)[1 - labels] * 9, labels)
    right = fit_temperature(np.eye(2)[labels] * 0.1, labels)
    assert "at its bound, 20" in (at_bound(wrong) or "")
    assert "at its bound, 0.05" in (at_bound(right) or "")
    assert at_bound(3.0) is None


@pytest.mark.parametrize("truth", [0.5, 1.0, 3.0])
def test_the_temperature_is_found(truth: float) -> None:
    draw = np.random.default_rng(0)
    honest = draw.normal(size=(10_000, 3)) * 2
    labels = (honest + draw.gumbel(size=honest.shape)).argmax(1)  # drawn by softmax(honest)
    assert fit_temperature(honest * truth, labels) == pytest.approx(truth, rel=0.05)
    done = evaluate(honest * truth, labels, NAMES, truth)
    assert done.calibrated.error < 0.02
    assert truth == 1 or done.calibration.error > 0.05


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
    found = compare(a, b, labels, NAMES)
    assert found.accuracy.value == pytest.approx(0.025)
    assert 0.014 < found.accuracy.low < found.accuracy.high < 0.036  # two separate intervals would overlap widely
    assert (found.only_a, found.only_b) == (25, 0)
    assert found.p_value == pytest.approx(2 * 0.5**25)


def test_mcnemar_by_hand() -> None:
    # A alone is right in 5 pairs, B alone in 1: 2 * (C(6,0) + C(6,1)) / 2^6 = 14 / 64
    labels = np.zeros(10, np.int64)
    a = np.array([0, 0, 0, 0, 0, 1, 0, 0, 1, 1])
    b = np.array([1, 1, 1, 1, 1, 0, 0, 0, 1, 1])
    found = compare(a, b, labels, NAMES[:2])
    assert (found.only_a, found.only_b, found.p_value) == (5, 1, pytest.approx(14 / 64))
    assert compare(a, a, labels, NAMES[:2]).p_value == 1


def test_whole_groups_are_resampled() -> None:
    """Groups of four equal pairs carry as much as a quarter of the pairs, so intervals are twice as wide."""
    draw = np.random.default_rng(3)
    labels = draw.integers(0, 3, 200).repeat(4)
    predicted = np.where(draw.random(200) < 0.7, labels[::4], 0).repeat(4)
    groups = [f"g{i}" for i in np.arange(200).repeat(4)]
    alone, whole = (evaluate(np.eye(3)[predicted], labels, NAMES, groups=of) for of in (None, groups))
    assert (alone.groups, whole.groups, whole.pairs) == (800, 200, 800)
    assert alone.accuracy.value == whole.accuracy.value
    for name in ("accuracy", "macro_f1", "weighted_f1"):
        widths = [getattr(each, name).high - getattr(each, name).low for each in (alone, whole)]
        assert widths[1] / widths[0] == pytest.approx(2, rel=0.1)
    other = (labels + (predicted == labels)) % 3
    assert compare(predicted, other, labels, NAMES, groups=groups).test == "durkalski"
    assert evaluate(np.eye(3)[predicted], labels, NAMES, groups=["one"] * 800).accuracy.low is None


def test_durkalski_by_hand() -> None:
    """Groups of 2, 2, 1 and 1 pairs; d / n is 1, 1/2, 1 and -1: (3/2)² / (1 + 1/4 + 1 + 1) = 9/13."""
    a = np.array([1, 1, 1, 1, 1, 0], bool)
    b = np.array([0, 0, 0, 1, 0, 1], bool)
    found = mcnemar(a, b, np.array([0, 0, 1, 1, 2, 3]))
    assert found == pytest.approx(math.erfc(math.sqrt(9 / 13 / 2)))
    assert mcnemar(a, a, np.array([0, 0, 1, 1, 2, 3])) == 1


def test_durkalski_s_error_rate_is_nominal_where_mcnemar_s_is_not() -> None:
    """Neither network is better; each is right or wrong on all six pairs of a photo."""
    draw = np.random.default_rng(4)
    groups, wrong = np.arange(60).repeat(6), np.zeros(2)
    for _ in range(400):
        a, b = (draw.random((2, 60)) < 0.6).repeat(6, axis=1)
        wrong += [mcnemar(a, b, groups) < 0.05, mcnemar(a, b, np.arange(360)) < 0.05]
    assert 0.02 < wrong[0] / 400 < 0.08
    assert wrong[1] / 400 > 0.25


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 2)), min_size=1, max_size=40))
def test_nothing_leaves_its_range(pairs: list[tuple[int, int]]) -> None:
    labels, predicted = (np.array(column) for column in zip(*pairs, strict=True))
    table = confusion(labels, predicted, 3)
    assert table.sum() == len(pairs)
    for value in (accuracy(table), macro_f1(table), weighted_f1(table), *f1(table)[table.sum(1) > 0]):
        assert 0 <= value <= 1
    assert np.isnan(f1(table)).tolist() == (table.sum(1) == 0).tolist()
    assert accuracy(table) == np.mean(labels == predicted)
