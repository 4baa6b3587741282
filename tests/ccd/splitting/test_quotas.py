"""Quotas: whole numbers that add up, by shares, by numbers and like the paper."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccd.errors import CcdError
from ccd.splitting.options import Quotas
from ccd.splitting.quotas import CCD_COUNTS, rounded, target_sizes

TABLES = st.tuples(st.integers(1, 4), st.integers(1, 5)).flatmap(
    lambda shape: st.lists(
        st.lists(st.floats(0, 50), min_size=shape[1], max_size=shape[1]), min_size=shape[0], max_size=shape[0]
    )
)


@settings(deadline=None)
@given(TABLES)
def test_each_cell_row_and_column_is_rounded_up_or_down(table: list[list[float]]) -> None:
    exact = np.array(table)
    whole = rounded(exact)
    for found, was in ((whole, exact), (whole.sum(axis=0), exact.sum(axis=0)), (whole.sum(axis=1), exact.sum(axis=1))):
        assert (np.abs(found - was) < 1 + 1e-5).all()


@settings(deadline=None)
@given(st.lists(st.integers(0, 300), min_size=1, max_size=4), st.integers(0, 50), st.integers(0, 50))
def test_sizes_are_exact_and_all_pairs_have_a_place(totals: list[int], dev: int, test: int) -> None:
    pairs = np.array(totals)
    labels = list("abcd")[: len(totals)]
    if dev + test > pairs.sum():
        with pytest.raises(CcdError, match="more than the"):
            target_sizes(Quotas({}, {"dev": dev, "test": test}), labels, pairs, pairs)
        return
    asked = target_sizes(Quotas({}, {"dev": dev, "test": test}), labels, pairs, pairs)
    if pairs.sum():
        assert asked.sum(axis=1).tolist() == [pairs.sum() - dev - test, dev, test]
        assert asked.sum(axis=0).tolist() == totals
    assert (asked >= 0).all()


def test_held_out_pairs_look_like_the_random_arm() -> None:
    shares = Quotas({"train": 0.8, "dev": 0.1, "test": 0.1})
    asked = target_sizes(shares, ["a", "b"], np.array([100, 100]), np.array([90, 10]))
    assert asked.tolist() == [[64, 96], [18, 2], [18, 2]]


def test_the_papers_totals_give_the_papers_table() -> None:
    labels = ["explicit", "implicit", "irrelevant"]
    totals = np.array([sum(n for (_, each), n in CCD_COUNTS.items() if each == label) for label in labels])
    asked = target_sizes(Quotas({}, like="ccd"), labels, totals, totals)
    assert totals.sum() == 12_252
    assert asked.tolist() == [[CCD_COUNTS[split, label] for label in labels] for split in ("train", "dev", "test")]
