"""The similarity profile: hand-made cases, and NumPy and torch agree."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from model.profile import BEST, PROFILE_WIDTH, profile, profiles
from tests.model.batches import batch, padded

pairs = st.lists(st.tuples(st.integers(0, 18), st.integers(0, 18)), min_size=1, max_size=5)


def test_each_side_finds_its_best_partner() -> None:
    regions = np.array([[2, 0], [0, 3], [-1, 0]], np.float32)
    words = np.array([[0.6, 0.8], [5, 0]], np.float32)
    numbers = profile(regions, words)
    np.testing.assert_allclose(numbers[:BEST], [1, 0.8] + [0] * 12, atol=1e-6)  # the word at a slant fits the second
    np.testing.assert_allclose(numbers[BEST:], [1, 0.8, -0.6] + [0] * 11, atol=1e-6)


def test_a_row_of_zeros_is_like_nothing() -> None:
    assert not profile(np.zeros((2, 3), np.float32), np.ones((2, 3), np.float32)).any()


@settings(deadline=None, max_examples=50)
@given(sizes=pairs, seed=st.integers(0, 99))
def test_a_batch_is_its_pairs(sizes: list[tuple[int, int]], seed: int) -> None:
    lengths, regions = map(list, zip(*sizes, strict=True))
    given_ = batch(lengths, regions, widths=(4, 4), seed=seed)
    expected = [profile(given_.regions[i, :k].numpy(), given_.words[i, :n].numpy()) for i, (n, k) in enumerate(sizes)]
    for one in (given_, padded(given_, 2, 3)):
        assert profiles(one).shape == (len(sizes), PROFILE_WIDTH)
        np.testing.assert_allclose(profiles(one).numpy(), expected, atol=1e-5)
