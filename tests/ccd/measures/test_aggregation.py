"""One label from votes: every way a pair can be resolved, and that nothing depends on chance or on row order."""

from collections import Counter
from typing import Any

import crowdkit.aggregation as crowdkit
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccd.errors import CcdError
from ccd.measures.aggregation import MajorityVote, MeanScore, WeightedMajority, majority, others_majority
from ccd.measures.dawid_skene import DawidSkene
from ccd.measures.vote_matrix import code
from tests.data import SHARED

LABELS = ("x", "y", "z")


def frame(votes: dict[str, str]) -> pd.DataFrame:
    """Task → one letter a vote."""
    rows = [(task, f"w{i}", label) for task, labels in votes.items() for i, label in enumerate(labels)]
    return pd.DataFrame(rows, columns=["task", "worker", "label"])


@st.composite
def judgments(draw: st.DrawFn, repeats: bool = False) -> pd.DataFrame:
    """Some tasks' judgments by up to four workers, each of whom may leave tasks out or, with `repeats`, come again."""
    rows = draw(
        st.lists(
            st.tuples(st.integers(0, 7), st.sampled_from(["w0", "w1", "w2", "w3"]), st.sampled_from(LABELS)),
            min_size=1,
            max_size=30,
            unique_by=None if repeats else lambda row: row[:2],
        )
    )
    return pd.DataFrame(rows, columns=["task", "worker", "label"])


def resolved(
    votes: str,
    tie_rule: str = "adjudicate",
    required: int = 3,
    answered: int | None = None,
    experts: tuple[str, ...] = (),
) -> tuple[object, str]:
    vote = MajorityVote(LABELS, tie_rule=tie_rule, required=required, experts=experts)
    seen = None if answered is None else pd.Series({"p": answered})
    label = vote.fit_predict(frame({"p": votes}), seen)["p"]
    return label, vote.table_["resolved_by"]["p"]


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


@pytest.mark.parametrize(
    ("votes", "experts", "expected"),
    [
        ("xyz", ("w1",), ("y", "expert")),
        ("xyz", ("w1", "w2"), (None, "open")),  # the experts do not agree
        ("xyxyz", ("w4",), (None, "open")),  # the expert is for a label that does not lead
        ("xyxyz", ("w2", "w4"), ("x", "expert")),
        ("xyz", ("w9",), (None, "open")),  # the expert has not judged it
        ("xxz", ("w2",), ("x", "majority")),  # no tie, no more say than others
    ],
)
def test_an_expert_breaks_ties_and_nothing_else(
    votes: str, experts: tuple[str, ...], expected: tuple[object, str]
) -> None:
    assert resolved(votes, "expert", experts=experts) == expected


@pytest.mark.parametrize(
    ("votes", "required", "expected"),
    [
        ("xx", 2, ("x", "unanimous")),
        ("xy", 2, (None, "open")),
        ("xxyyx", 5, ("x", "majority")),
        ("xxyyz", 5, (None, "open")),
        ("xxyy", 3, (None, "open")),
        ("xxxxxxxxyyy", 7, ("x", "majority")),
    ],
)
def test_any_number_of_votes_from_two_up(votes: str, required: int, expected: tuple[object, str]) -> None:
    assert resolved(votes, required=required) == expected


@pytest.mark.parametrize(
    ("votes", "required", "expected"),
    [
        ("x", 2, (None, "open")),
        ("xx", 3, ("x", "majority")),
        ("x", 3, (None, "open")),
        ("xx", 4, (None, "open")),
        ("xxx", 4, ("x", "majority")),
        ("xxy", 4, (None, "open")),
        ("xx", 5, (None, "open")),
        ("xxx", 5, ("x", "majority")),
        ("xxyy", 5, (None, "open")),
    ],
)
def test_where_some_cannot_judge_more_than_half_must_agree(
    votes: str, required: int, expected: tuple[object, str]
) -> None:
    """Exactly half of the judgments that a pair needs is no majority of them."""
    assert resolved(votes, required=required, answered=required) == expected


def test_any_vote_will_do_where_nothing_else_is_asked_for() -> None:
    """As in crowd-kit; two votes a task are no reason for no label."""
    votes = frame({"p": "xx", "q": "xy", "r": "y"})
    assert MajorityVote().fit_predict(votes).tolist() == ["x", None, "y"]
    assert WeightedMajority().fit_predict(votes).tolist() == ["x", None, "y"]
    assert MeanScore().fit_predict(votes.assign(label=[1.0, 2.0, 3.0, 4.0, 5.0])).tolist() == [1.5, 3.5, 5.0]


@pytest.mark.parametrize("rule", ["rule:", "rule:w", "rule:x,x", "rule:x,", "coin", "x,y", ""])
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


@settings(deadline=None)
@given(judgments(), st.integers(0, 99), st.permutations(range(4)))
def test_majority_is_as_counted_by_hand_whatever_the_order(df: pd.DataFrame, seed: int, names: list[int]) -> None:
    mixed = df.sample(frac=1, random_state=seed)
    mixed["worker"] = [f"w{names[int(worker[1:])]}" for worker in mixed["worker"]]
    vote = MajorityVote(LABELS, required=3)
    labels = vote.fit_predict(mixed)
    assert list(labels.index) == sorted(set(df["task"]))
    coded = code(df, LABELS)
    first = dict(zip(coded.tasks, majority(coded), strict=True))
    for task, rows in df.groupby("task"):
        counts = Counter(rows["label"])
        (top, most), *rest = counts.most_common()
        alone = all(number < most for _, number in rest)
        assert labels[task] == (top if len(rows) >= 3 and alone else None)
        assert first[task] == (LABELS.index(top) if alone else -1)
        assert list(vote.table_.loc[task, list(LABELS)]) == [counts[label] for label in LABELS]
        assert vote.probas_.loc[task].sum() == pytest.approx(1)


@settings(deadline=None)
@given(judgments())
def test_the_majority_of_the_others(df: pd.DataFrame) -> None:
    coded = code(df, LABELS)
    found = others_majority(coded)
    for row, slot in np.ndindex(found.shape):
        others = Counter(label for i, label in enumerate(coded.label[row].tolist()) if i != slot and label >= 0)
        (top, most), *rest = others.most_common() or [(-1, 0)]
        alone = coded.label[row, slot] >= 0 and all(number < most for _, number in rest)
        assert found[row, slot] == (top if alone else -1)


def test_many_slots_and_labels_are_counted_alike() -> None:
    """More ways to fill the slots than are told apart by number."""
    random = np.random.default_rng(3)
    labels = [f"l{i:02d}" for i in range(12)]
    rows = [(task, worker, str(random.choice(labels[: 2 + task]))) for task in range(10) for worker in range(9)]
    df = pd.DataFrame(rows, columns=["task", "worker", "label"])
    vote = MajorityVote(labels)
    vote.fit_predict(df)
    for task, given_ in df.groupby("task")["label"]:
        assert list(vote.table_.loc[task, labels]) == [list(given_).count(label) for label in labels]


def test_labels_that_occur_need_not_be_named() -> None:
    vote = MajorityVote(required=2)
    assert vote.fit_predict(frame({"p": "zz", "q": "ax"})).tolist() == ["z", None]
    assert list(vote.probas_.columns) == ["a", "x", "z"]
    assert MajorityVote().fit_predict(frame({})).empty
    with pytest.raises(CcdError, match="write adjudicate, expert, drop, or rule: and labels once each out of a, x, z"):
        MajorityVote(tie_rule="rule:b").fit_predict(frame({"p": "zz", "q": "ax"}))


def test_weights_that_are_given() -> None:
    vote = WeightedMajority(LABELS, weights={"w0": 3, "w1": 1, "w2": 1.5})
    assert vote.fit_predict(frame({"p": "xyy", "q": "xyz"})).tolist() == ["x", "x"]
    assert vote.table_["resolved_by"].tolist() == ["weighted"] * 2
    assert vote.probas_.loc["p"].tolist() == pytest.approx([3 / 5.5, 2.5 / 5.5, 0])
    even = WeightedMajority(LABELS, weights={"w0": 0.3, "w1": 0.1, "w2": 0.2})  # 0.1 + 0.2 is not 0.3 in binary
    assert even.fit_predict(frame({"p": "xyy"})).tolist() == [None]
    assert even.table_["resolved_by"].tolist() == ["open"]
    few = WeightedMajority(LABELS, weights={"w0": 1}, required=3)
    assert few.fit_predict(frame({"p": "x"})).tolist() == [None]
    assert few.table_["resolved_by"].tolist() == ["incomplete"]
    for wrong in (
        {"w0": 1},
        {"w0": 1, "w1": -1, "w2": 1},
        {"w0": 1, "w1": float("nan"), "w2": 1},
        {"w0": 1, "w1": float("inf")},
    ):
        with pytest.raises(CcdError, match="the weight of w1 is"):
            WeightedMajority(LABELS, weights=wrong).fit_predict(frame({"p": "xyy"}))


def test_weights_that_are_learned() -> None:
    vote = WeightedMajority(LABELS)
    labels = vote.fit_predict(frame({"p": "xxx", "q": "yyx", "r": "xyz", "s": "yyy"}))
    # w0 and w1: the other two agree on p and s alone, and so do they; w2: on p, q and s, and it differs on q
    assert vote.weights_.to_dict() == pytest.approx({"w0": 1, "w1": 1, "w2": 2 / 3})
    assert labels.tolist() == ["x", "y", None, "y"]  # on r w0 and w1 weigh the same
    rows = [("p", "w0", "x"), ("p", "w1", "x"), ("p", "w2", "x"), ("q", "w0", "x"), ("q", "w1", "y"), ("q", "new", "x")]
    vote.fit_predict(pd.DataFrame(rows, columns=["task", "worker", "label"]))
    # beside new the others tie; of the four votes that can be compared three agree
    assert vote.weights_.to_dict() == pytest.approx({"w0": 1, "w1": 1 / 2, "w2": 1, "new": 3 / 4})
    assert WeightedMajority(required=1).fit_predict(frame({"p": "x"})).tolist() == ["x"]  # nobody to compare with


@pytest.mark.filterwarnings("ignore")  # crowd-kit uses what pandas will drop
def test_crowd_kits_aggregators_and_ours_stand_in_for_each_other() -> None:
    """One line of somebody's program, with either; where nothing ties they say the same."""
    random = np.random.default_rng(5)
    truth = random.choice(["a", "b"], 200)
    rows = [
        (task, f"w{w}", truth[task] if random.random() < 0.6 + w / 15 else "ab"[truth[task] == "a"])
        for task in range(200)
        for w in range(5)
    ]
    df = pd.DataFrame(rows, columns=["task", "worker", "label"])
    aggregators: list[Any] = [MajorityVote(), crowdkit.MajorityVote()]
    ours, theirs = (aggregator.fit_predict(df) for aggregator in aggregators)
    pd.testing.assert_series_equal(ours, theirs, check_dtype=False)
    for mine, other in ((a.labels_, a.probas_) for a in aggregators):
        pd.testing.assert_series_equal(mine, ours, check_dtype=False)
        pd.testing.assert_frame_equal(other, aggregators[0].probas_, check_dtype=False, check_column_type=False)
    weighted = WeightedMajority()
    pd.testing.assert_series_equal(
        weighted.fit_predict(df), crowdkit.MajorityVote().fit_predict(df, skills=weighted.weights_), check_dtype=False
    )


def test_no_votes_at_all() -> None:
    assert MajorityVote(LABELS).fit_predict(frame({})).empty


def test_mean_of_scores() -> None:
    scores = pd.DataFrame(
        [("a", "w0", 1.0), ("a", "w1", 2.0), ("a", "w2", 6.0), ("b", "w0", 4.0), ("b", "w1", 5.0), ("c", "w0", 4.0)],
        columns=["task", "worker", "label"],
    )
    mean = MeanScore(required=3)
    labels = mean.fit_predict(scores, pd.Series({"a": 3, "b": 3, "c": 3, "d": 1}))
    assert labels["a"] == 3.0
    assert labels["b"] == 4.5
    assert labels[["c", "d"]].isna().all()
    assert list(mean.table_["resolved_by"]) == ["mean", "mean", "open", "incomplete"]
    with pytest.raises(CcdError, match="no number"):
        mean.fit_predict(frame({"p": "x"}))


needs_data = pytest.mark.skipif(SHARED is None, reason="needs ../shared/data")


@needs_data
def test_product_majority_accuracy() -> None:
    assert SHARED is not None
    votes = pd.read_csv(SHARED / "judgments" / "product_answer.csv", dtype=str).set_axis(
        ["task", "worker", "label"], axis=1
    )
    truth = pd.read_csv(SHARED / "judgments" / "product_truth.csv", dtype=str).set_index("question")["truth"]
    labels = MajorityVote(("0", "1")).fit_predict(votes)
    assert (labels == truth.reindex(labels.index)).mean() == pytest.approx(0.8966, abs=5e-5)


@needs_data
def test_bluebird_majority_error() -> None:
    """39 votes a picture: no ties. Published for ties at random, which are half an error each."""
    assert SHARED is not None
    names = ["task", "worker", "label"]
    votes = pd.read_csv(SHARED / "judgments" / "bluebird_crowd.txt", sep=r"\s+", header=None, names=names)
    truth = pd.read_csv(SHARED / "judgments" / "bluebird_truth.txt", sep=r"\s+", header=None, index_col=0)[1]
    labels = MajorityVote().fit_predict(votes)
    wrong = (labels != truth.reindex(labels.index)) & labels.notna()
    assert wrong.mean() + labels.isna().mean() / 2 == pytest.approx(0.2407, abs=5e-5)


@needs_data
@pytest.mark.parametrize("data", ["cifar10n", "flickr8k"])
def test_unanimous_two_to_one_and_three_ways(data: str) -> None:
    assert SHARED is not None
    if data == "cifar10n":
        votes = np.load(SHARED / "judgments" / "cifar10n_votes.npz")["votes"]
        expected = {"unanimous": 30_178, "majority": 16_781, "open": 3_041}
    else:
        table = pd.read_csv(SHARED / "judgments" / "flickr8k_expert_pairs.csv")
        votes = table[["label1", "label2", "label3"]].to_numpy()
        expected = {"unanimous": 3_523, "majority": 2_199, "open": 100}
    df = pd.DataFrame(
        {
            "task": np.repeat(np.arange(len(votes)), 3),
            "worker": np.tile(np.arange(3), len(votes)),
            "label": votes.ravel(),
        }
    )
    vote = MajorityVote()
    vote.fit_predict(df)
    assert vote.table_["resolved_by"].value_counts().to_dict() == expected


@pytest.mark.parametrize("required", [0, -1, 1.5, "2", True, None])
@pytest.mark.parametrize("aggregator", [MajorityVote, WeightedMajority, DawidSkene, MeanScore])
def test_required_is_a_number_of_votes(aggregator: Any, required: Any) -> None:
    with pytest.raises(CcdError, match="write how many votes a task needs, from 1 up"):
        aggregator(required=required)
