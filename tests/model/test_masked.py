"""Masked sums against plain loops, and a BiGRU that padding cannot reach."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from model.masked import PackedBiGRU, at_least_fp32, masked_mean, masked_softmax, norm
from tests.model import slow
from tests.model.batches import batch


@settings(deadline=None, max_examples=50)
@given(lengths=st.lists(st.integers(0, 6), min_size=1, max_size=5), seed=st.integers(0, 99))
def test_means_and_softmax_are_those_of_what_is_there(lengths: list[int], seed: int) -> None:
    given_ = batch(lengths, [1] * len(lengths), seed=seed)
    values, mask = given_.words, given_.word_mask
    means, weights = masked_mean(values, mask), masked_softmax(values, mask[..., None].expand_as(values), 1)
    for i, n in enumerate(lengths):
        there = values[i, :n].numpy()
        np.testing.assert_allclose(means[i].numpy(), slow.mean(there), atol=1e-6)
        np.testing.assert_allclose(weights[i, :n].numpy(), np.exp(there) / np.exp(there).sum(0), atol=1e-6)
        assert not weights[i, n:].any()


def test_softmax_of_nothing_is_0_and_has_a_gradient() -> None:
    scores = torch.zeros(2, 3, requires_grad=True)
    weights = masked_softmax(scores, torch.tensor([[True, False, True], [False, False, False]]))
    weights.square().sum().backward()
    assert weights.tolist() == [[0.5, 0, 0.5], [0, 0, 0]]
    assert scores.grad is not None
    assert scores.grad.isfinite().all()
    assert masked_softmax(torch.zeros(2, 0), torch.zeros(2, 0, dtype=torch.bool)).shape == (2, 0)


def test_large_scores_do_not_overflow() -> None:
    weights = masked_softmax(torch.tensor([[1e30, -1e30, 5.0]]), torch.tensor([[True, True, False]]))
    assert weights.tolist() == [[1, 0, 0]]


def test_the_norm_of_zero_has_a_gradient() -> None:
    zero = torch.zeros(2, 3, requires_grad=True)
    norm(zero).sum().backward()
    assert zero.grad is not None
    assert not zero.grad.any()
    assert norm(torch.tensor([[3.0, 4.0]])).item() == pytest.approx(5)


@pytest.mark.parametrize(
    ("given_", "wide"),
    [(torch.bfloat16, torch.float32), (torch.float32, torch.float32), (torch.float64, torch.float64)],
)
def test_precision_is_only_ever_widened(given_: torch.dtype, wide: torch.dtype) -> None:
    assert at_least_fp32(torch.zeros(1, dtype=given_)).dtype == wide


def test_the_gru_runs_over_each_text_alone() -> None:
    torch.manual_seed(0)
    lengths = [3, 0, 6, 1]
    layer, given_ = PackedBiGRU(4, 6).double(), batch(lengths, [1] * 4, pad=(0, 3))
    states = layer(given_.words.double(), given_.lengths).detach().numpy()
    weights = {name: value.detach().numpy() for name, value in layer.gru.named_parameters()}
    for i, n in enumerate(lengths):
        np.testing.assert_allclose(states[i, :n], slow.bigru(given_.words[i, :n].double().numpy(), weights), atol=1e-12)
        assert not states[i, n:].any()


def test_no_words_at_all() -> None:
    assert PackedBiGRU(4, 6)(torch.zeros(2, 0, 4), torch.zeros(2, dtype=torch.long)).shape == (2, 0, 6)
