"""Judgments as small integers."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccd.errors import CcdError
from ccd.measures.vote_matrix import code

JUDGMENTS = st.lists(
    st.tuples(st.integers(0, 5), st.sampled_from("vwxyz"), st.sampled_from(["no", "yes", "maybe"])),
    unique_by=lambda judgment: judgment[:2],
    max_size=20,
)


def frame(rows: list[tuple[object, object, object]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["task", "worker", "label"])


@settings(deadline=None)
@given(JUDGMENTS)
def test_every_judgment_is_kept(rows: list[tuple[object, object, object]]) -> None:
    coded = code(frame(rows), ["no", "yes", "maybe"])
    kept = [
        (coded.tasks[pair], coded.workers[coded.worker[pair, slot]], coded.labels[coded.label[pair, slot]])
        for pair, slot in np.argwhere(coded.label >= 0)
    ]
    assert sorted(kept, key=str) == sorted(rows, key=str)
    assert ((coded.label >= 0) == (coded.worker >= 0)).all()
    filled = (coded.label >= 0).astype(int)
    assert (np.diff(filled, axis=1) <= 0).all()  # from the left


def test_labels_are_those_given_or_those_found() -> None:
    df = frame([(1, "a", "y"), (1, "b", "x")])
    assert code(df).labels == ("x", "y")
    assert code(df, ["y", "x", "z"]).label.tolist() == [[0, 1]]


def test_repeats_are_kept_where_they_are_allowed() -> None:
    df = frame([("p", "a", "x"), ("p", "a", "y")])
    assert code(df, repeats=True).label.tolist() == [[0, 1]]
    with pytest.raises(CcdError, match="task p: a judges it twice"):
        code(df)


def test_scores_may_be_many_and_names_not() -> None:
    many = frame([(i, "a", i / 2) for i in range(300)])
    assert code(many).label.max() == 299
    with pytest.raises(CcdError, match="300 labels; at most 127"):
        code(many.astype({"label": str}))


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([("p", "a", "x"), ("p", None, "y")], "judgment 2 has no worker"),
        ([("p", "a", "x"), ("p", "b", "z")], "judgment 2: 'z' is not one of x, y"),
    ],
)
def test_bad_rows_are_named(rows: list[tuple[object, object, object]], message: str) -> None:
    with pytest.raises(CcdError, match=message):
        code(frame(rows), ["x", "y"])


def test_bad_columns_are_named() -> None:
    with pytest.raises(CcdError, match="lack the column 'worker'"):
        code(frame([]).drop(columns="worker"))
    with pytest.raises(CcdError, match="some labels are numbers and some are text"):
        code(frame([("p", "a", 1), ("p", "b", "x")]))
