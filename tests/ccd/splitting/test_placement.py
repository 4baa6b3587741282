"""Placing groups: whole, where they must be, and near to what is wanted."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ccd.splitting.placement import FREE, place

GROUPS = st.lists(
    st.tuples(st.integers(0, 5), st.integers(0, 5), st.sampled_from([FREE, FREE, FREE, 0, 2])), min_size=1
)


@settings(deadline=None)
@given(GROUPS, st.integers(0, 1000))
def test_groups_are_where_they_must_be_and_all_is_counted(groups: list[tuple[int, int, int]], seed: int) -> None:
    counts = np.array([group[:2] for group in groups])
    held = np.array([group[2] for group in groups])
    total = counts.sum(axis=0)
    wanted = np.stack([total - 2 * (total // 4), total // 4, total // 4])
    order = np.random.default_rng(seed).integers(0, 2**63, len(groups), dtype=np.uint64)
    chosen, got = place(counts, held, wanted, order)
    assert (chosen[held != FREE] == held[held != FREE]).all()
    for split in range(3):
        assert got[split].tolist() == counts[chosen == split].sum(axis=0).tolist()
    missing = (wanted - got).sum(axis=1)
    for size, here, is_held in zip(counts.sum(axis=1), chosen, held != FREE, strict=True):
        assert is_held or size == 0 or size >= missing.max() - missing[here]


def test_sizes_go_before_labels() -> None:
    """Dev wants a b that only a group of two has: it takes an a instead, and is as large as wanted."""
    counts = np.array([[1, 0], [1, 0], [1, 0], [0, 2]])
    chosen, got = place(counts, np.full(4, FREE), np.array([[2, 1], [0, 1], [1, 0]]), np.arange(4, dtype=np.uint64))
    assert got.sum(axis=1).tolist() == [3, 1, 1]
    assert chosen[3] == 0


def test_a_large_group_does_not_fill_a_split_that_small_ones_can_fill() -> None:
    counts = np.array([[5], *[[1]] * 20])
    wanted = np.array([[20], [5]])
    chosen, got = place(counts, np.full(21, FREE), wanted, np.arange(21, dtype=np.uint64))  # the large one comes first
    assert got.tolist() == wanted.tolist()
    assert chosen[0] == 0
