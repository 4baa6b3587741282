"""Scores: squared error and rank correlation as scipy has them, and intervals that draw leakage groups."""

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from model.batch import ModelOutput
from model.criterion import loss_terms
from model.scores import compare_scores, evaluate_scores, spearman_of_repeated


def test_repeated_pairs_are_ranked_as_scipy_ranks_them() -> None:
    draw = np.random.default_rng(0)
    a, b = draw.integers(0, 5, (2, 20)).astype(float)  # with ties
    times = draw.integers(0, 4, (30, 20))
    found = spearman_of_repeated(a, b, times.astype(float))
    expected = [spearmanr(np.repeat(a, row), np.repeat(b, row)).statistic for row in times]
    assert found == pytest.approx(expected)


def test_the_interval_is_as_wide_as_the_normal_one() -> None:
    draw = np.random.default_rng(1)
    scores = draw.random(200)
    predicted = scores + draw.normal(0, 0.1, 200)
    found = evaluate_scores(predicted, scores, float(scores.mean()))
    assert (found.pairs, found.groups) == (200, 200)
    squares = (predicted - scores) ** 2
    half = 1.96 * squares.std() / 200**0.5
    assert (found.mse.low, found.mse.high) == pytest.approx((squares.mean() - half, squares.mean() + half), rel=0.05)
    assert found.mse_of_mean.value == pytest.approx(scores.var())
    assert found.spearman.value == pytest.approx(spearmanr(predicted, scores).statistic)


def test_pairs_of_one_group_are_drawn_together() -> None:
    """One photo under ten captions says little more than one pair."""
    draw = np.random.default_rng(2)
    scores = np.repeat(draw.random(20), 10)
    predicted = scores + np.repeat(draw.normal(0, 0.1, 20), 10)
    alone = evaluate_scores(predicted, scores, 0.5)
    groups = [f"group {number // 10}" for number in range(200)]
    together = evaluate_scores(predicted, scores, 0.5, groups=groups)
    width = [float(found.mse.high or 0) - float(found.mse.low or 0) for found in (alone, together)]
    assert width[1] > 2 * width[0]
    assert (together.groups, together.mse.value) == (20, alone.mse.value)


def test_what_is_not_ranked_has_no_correlation() -> None:
    found = evaluate_scores(np.full(10, 0.5), np.linspace(0, 1, 10), 0.5)
    assert (found.spearman.value, found.spearman.reason) == (None, "all scores of one side are equal")
    assert found.mse.value == found.mse_of_mean.value


def test_two_networks_are_compared_on_the_same_resamples() -> None:
    scores = np.linspace(0, 1, 50)
    found = compare_scores(scores + 0.1, scores + 0.1, scores)
    assert (found.mse.low, found.mse.high, found.spearman.value) == (0, 0, 0)
    better = compare_scores(scores, scores + 0.1, scores).mse
    assert better.high is not None
    assert better.high < 0


def test_scores_are_learned_by_squared_error() -> None:
    terms = loss_terms(ModelOutput(torch.tensor([[1.0], [3.0]])), torch.tensor([0.0, 1.0]))
    assert {name: term.item() for name, term in terms.items()} == {"error": 2.5}
