"""One label from votes: every way a pair can be resolved, and that nothing depends on chance or on row order."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.errors import CcdError
from ccd.votes import MajorityVote, MeanScore
from tests.data import SHARED

LABELS = ("x", "y", "z")


def frame(votes: dict[str, str]) -> pd.DataFrame:
    """Task → one letter a vote."""
    rows = [(task, f"w{i}", label) for task, labels in votes.items() for i, label in enumerate(labels)]
    return pd.DataFrame(rows, columns=["task", "worker", "label"])


def resolved(
    votes: str, tie_rule: str = "adjudicate", required: int = 3, answered: int | None = None
) -> tuple[object, str]:
    majority = MajorityVote(LABELS, tie_rule=tie_rule, required=required)
    seen = None if answered is None else pd.Series({"p": answered})
    label = majority.fit_predict(frame({"p": votes}), seen)["p"]
    return label, majority.table_["resolved_by"]["p"]


@pytest.mark.parametrize(
    ("votes", "expected"),
    [
        ("zzz", ("z", "unanimous")),
        ("zxz", ("z", "majority")),
        ("xyz", (None, "open")),
        ("xx", (None, "incomplete")),
        ("y", (None, "incomplete")),
    ],
)
def test_three_votes(votes: str, expected: tuple[object, str]) -> None:
    assert resolved(votes) == expected


@pytest.mark.parametrize(
    ("votes", "rule", "expected"),
    [
        ("xyz", "drop", (None, "dropped")),
        ("xyz", "rule:y,x", ("y", "rule:y,x")),
        ("xxzz", "rule:y,z,x", ("z", "rule:y,z,x")),
        ("xxzz", "rule:y", (None, "open")),
        ("xxy", "rule:y", ("x", "majority")),
        ("xxzz", "adjudicate", (None, "open")),
    ],
)
def test_tie_rules(votes: str, rule: str, expected: tuple[object, str]) -> None:
    assert resolved(votes, rule) == expected


@pytest.mark.parametrize(
    ("votes", "answered", "expected"),
    [
        ("xx", 3, ("x", "majority")),
        ("xy", 3, (None, "open")),
        ("x", 3, (None, "open")),
        ("", 3, (None, "open")),
        ("xx", 2, (None, "incomplete")),
        ("", 0, (None, "incomplete")),
    ],
)
def test_who_cannot_judge_holds_nobody_up(votes: str, answered: int, expected: tuple[object, str]) -> None:
    assert resolved(votes, answered=answered) == expected


@pytest.mark.parametrize("rule", ["rule:", "rule:w", "rule:x,x", "coin", "x,y"])
def test_a_wrong_tie_rule_is_told(rule: str) -> None:
    with pytest.raises(CcdError, match="tie_rule"):
        MajorityVote(LABELS, tie_rule=rule)


def test_bad_votes_are_told() -> None:
    with pytest.raises(CcdError, match="'q' is not one of x, y, z"):
        MajorityVote(LABELS).fit_predict(frame({"p": "xq"}))
    with pytest.raises(CcdError, match="w0 judges it twice"):
        MajorityVote(LABELS).fit_predict(pd.concat([frame({"p": "x"}), frame({"p": "y"})]))
    with pytest.raises(CcdError, match="'worker'"):
        MajorityVote(LABELS).fit_predict(frame({"p": "x"}).drop(columns="worker"))


@given(
    st.dictionaries(st.text("abc", min_size=1, max_size=3), st.text("xyz", max_size=5), min_size=1),
    st.randoms(use_true_random=False),
)
def test_majority_is_as_counted_by_hand(votes: dict[str, str], random: object) -> None:
    rows = frame(votes)
    shuffled = rows.sample(frac=1, random_state=random.randrange(1000))  # type: ignore[attr-defined]
    majority = MajorityVote(LABELS)
    labels = majority.fit_predict(shuffled, pd.Series({task: len(v) for task, v in votes.items()}))
    assert list(labels.index) == sorted(votes)
    for task, given_ in votes.items():
        counts = sorted(((given_.count(label), label) for label in LABELS), reverse=True)
        wins = len(given_) >= 3 and counts[0][0] > counts[1][0]
        assert labels[task] == (counts[0][1] if wins else None)
        assert list(majority.table_.loc[task, list(LABELS)]) == [given_.count(label) for label in LABELS]
        assert majority.probas_.loc[task].sum() == pytest.approx(1 if given_ else 0)


def test_no_votes_at_all() -> None:
    assert MajorityVote(LABELS).fit_predict(frame({})).empty


def test_mean_of_scores() -> None:
    scores = pd.DataFrame(
        [("a", "w0", 1.0), ("a", "w1", 2.0), ("a", "w2", 6.0), ("b", "w0", 4.0), ("b", "w1", 5.0), ("c", "w0", 4.0)],
        columns=["task", "worker", "label"],
    )
    mean = MeanScore()
    labels = mean.fit_predict(scores, pd.Series({"a": 3, "b": 3, "c": 3, "d": 1}))
    assert labels["a"] == 3.0
    assert labels["b"] == 4.5
    assert labels[["c", "d"]].isna().all()
    assert list(mean.table_["resolved_by"]) == ["mean", "mean", "open", "incomplete"]
    with pytest.raises(CcdError, match="no number"):
        mean.fit_predict(frame({"p": "x"}))


@pytest.mark.skipif(SHARED is None, reason="needs ../shared/data")
def test_product_majority_accuracy() -> None:
    assert SHARED is not None
    votes = pd.read_csv(SHARED / "judgments" / "product_answer.csv", dtype=str).set_axis(
        ["task", "worker", "label"], axis=1
    )
    truth = pd.read_csv(SHARED / "judgments" / "product_truth.csv", dtype=str).set_index("question")["truth"]
    labels = MajorityVote(("0", "1")).fit_predict(votes)
    assert (labels == truth.reindex(labels.index)).mean() == pytest.approx(0.8966, abs=5e-5)
