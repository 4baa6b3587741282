"""Pattern tables against counting pair by pair."""

from collections import Counter

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccd.measures import patterns as module
from ccd.measures.patterns import Patterns, crossed, distinct, left_out, patterns
from ccd.measures.vote_matrix import code
from tests.data import SHARED

LABELS = "abc"
JUDGMENTS = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 3), st.sampled_from(LABELS)),
    unique_by=lambda judgment: judgment[:2],
    min_size=1,
    max_size=40,
).map(lambda rows: pd.DataFrame(rows, columns=["task", "worker", "label"]))


def as_counter(table: Patterns) -> Counter[tuple[float, ...]]:
    return Counter(
        {tuple(counts): int(pairs) for counts, pairs in zip(table.counts.tolist(), table.pairs, strict=True)}
    )


def by_hand(df: pd.DataFrame) -> Counter[tuple[float, ...]]:
    """How many tasks have which counts of labels."""
    return Counter(tuple(float((part == label).sum()) for label in LABELS) for _, part in df.groupby("task")["label"])


@settings(deadline=None)
@given(JUDGMENTS)
def test_patterns_are_counts_of_tasks(df: pd.DataFrame) -> None:
    table = patterns(distinct(code(df, LABELS)), 3)
    assert as_counter(table) == by_hand(df)
    assert (table.comparisons == table.votes * (table.votes - 1)).all()


@settings(deadline=None)
@given(JUDGMENTS)
def test_counting_and_sorting_give_the_same_rows(df: pd.DataFrame) -> None:
    coded = code(df, LABELS)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "COUNTED", 10**9)
        counted = distinct(coded)
        patch.setattr(module, "COUNTED", 0)
        by_sorting = distinct(coded)
        patch.setattr(module, "LARGEST_KEY", 2)  # renumbered at every column
        renumbered = distinct(coded)
    for other in (by_sorting, renumbered):
        assert np.array_equal(counted.label, other.label)
        assert np.array_equal(counted.worker, other.worker)
        assert np.array_equal(counted.pairs, other.pairs)


@settings(deadline=None)
@given(JUDGMENTS)
def test_each_annotator_left_out(df: pd.DataFrame) -> None:
    coded = code(df, LABELS)
    tables = list(left_out(distinct(coded), 3, len(coded.workers)))
    assert len(tables) == len(coded.workers)
    for worker, table in zip(coded.workers, tables, strict=True):
        assert as_counter(table) == by_hand(df[df["worker"] != worker])


@settings(deadline=None)
@given(JUDGMENTS)
def test_what_each_two_annotators_said(df: pd.DataFrame) -> None:
    coded = code(df, LABELS)
    found = {
        (table.workers, *cell): pairs
        for table in crossed(distinct(coded), 3, len(coded.workers))
        for cell, pairs in zip(table.label.tolist(), table.pairs, strict=True)
    }
    both = df.merge(df, on="task", suffixes=("", "_b"))
    expected: Counter[object] = Counter()
    for row in both.itertuples():
        pair = coded.workers.get_loc(row.worker), coded.workers.get_loc(row.worker_b)
        if pair[0] < pair[1]:
            expected[(pair, LABELS.index(str(row.label)), LABELS.index(str(row.label_b)))] += 1
    assert found == expected


def test_an_annotator_drawn_twice_counts_twice_and_is_not_compared_with_the_copy() -> None:
    df = pd.DataFrame([("p", "v", "a"), ("p", "w", "b"), ("q", "x", "a")], columns=["task", "worker", "label"])
    table = patterns(distinct(code(df, LABELS)), 3, np.array([2, 1, 0]))
    assert table.counts.tolist() == [[2, 1, 0]]  # q's only annotator is not drawn
    assert table.comparisons.tolist() == [4]  # v and its copy with w, both ways round


def test_rows_too_wide_for_one_integer_are_told_apart() -> None:
    """Eleven labels of 127 kinds take 77 bits: what is first must not be lost."""
    rows = [(task, f"w{i}", 1 if (task, i) == ("q", 0) else 0) for task in "pq" for i in range(11)]
    df = pd.DataFrame(rows, columns=["task", "worker", "label"])
    assert distinct(code(df, range(127))).pairs.tolist() == [1, 1]


def test_nothing_gives_an_empty_table() -> None:
    df = pd.DataFrame(columns=["task", "worker", "label"])
    rows = distinct(code(df, LABELS))
    assert patterns(rows, 3).pairs.tolist() == []
    assert list(crossed(rows, 3, 0)) == []
    assert list(left_out(rows, 3, 0)) == []


@pytest.mark.skipif(SHARED is None, reason="needs ../shared/data")
@pytest.mark.parametrize("source", ["cifar10n", "flickr8k"])
def test_unanimous_two_to_one_and_three_ways(source: str) -> None:
    assert SHARED is not None
    if source == "cifar10n":
        wide: npt.NDArray[np.int64] = np.load(SHARED / "judgments" / "cifar10n_votes.npz")["votes"].astype(np.int64)
        expected = {3: 30_178, 2: 16_781, 1: 3_041}
    else:
        read = pd.read_csv(SHARED / "judgments" / "flickr8k_expert_pairs.csv")
        wide = read[["label1", "label2", "label3"]].to_numpy()
        expected = {3: 3_523, 2: 2_199, 1: 100}
    df = pd.DataFrame(wide).melt(ignore_index=False, var_name="worker", value_name="label").reset_index(names="task")
    coded = code(df)
    table = patterns(distinct(coded), len(coded.labels))
    most = table.counts.max(axis=1)
    assert {top: int(table.pairs[most == top].sum()) for top in (3, 2, 1)} == expected
