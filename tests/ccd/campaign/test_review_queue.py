"""The review queue: what is open, then splits against the label that is watched, then other splits."""

from pathlib import Path

from ccd.campaign.adjudication import decide
from ccd.campaign.campaign import Campaign
from ccd.campaign.gold_labels import aggregate_labels
from ccd.campaign.review_queue import review_queue
from ccd.campaign.tables.judgments import answered
from ccd.vocabulary import Status
from tests.ccd.build import SKIP, campaign, judge
from tests.ccd.campaign.test_gold_labels import TWO, E, I, R


def queue(made: Campaign) -> list[tuple[str, str, str | None]]:
    aggregate_labels(made)
    with made.read() as db:
        found = review_queue(db, made.protocol)
    return list(zip(found["pair_id"], found["why"], found["label"], strict=True))


def test_ties_then_implicit_minorities_then_other_splits(tmp_path: Path) -> None:
    votes = {
        "x:0:0": (E, E, R),
        "x:1:0": (R, I, R),
        "x:2:0": (E, E, E),
        "x:3:0": (I, E, E),
        "x:4:0": (R, I, E),
        "x:5:0": (I, I, E),
        "x:6:0": (SKIP, I, R),
        "x:7:0": (SKIP, I, I),
        "x:8:0": (R, None, E),
        "x:9:0": (R, I, E),
    }
    made = campaign(tmp_path, votes)
    judge(made, "x:9:0", "lead", I, role="adjudicator")
    assert queue(made) == [
        ("x:4:0", "tie", None),
        ("x:6:0", "tie", None),
        ("x:1:0", "minority", R),
        ("x:3:0", "minority", E),
        ("x:0:0", "split", E),
        ("x:5:0", "split", I),
    ]
    with made.read() as db:
        assert review_queue(db, made.protocol)["votes"][2] == {R: 2, I: 1}


def test_without_implicit_the_rarest_label_is_watched_and_close_votes_come_first(tmp_path: Path) -> None:
    (tmp_path / "two.toml").write_text(TWO)
    votes = {"x:0:0": "LLL", "x:1:0": "LLL", "x:2:0": "DDL", "x:3:0": "LLD"}
    made = campaign(tmp_path, dict.fromkeys(votes, (None,) * 3), protocol="two.toml")
    for pair, answers in votes.items():
        for worker, answer in zip(("a1", "a2", "a3"), answers, strict=True):
            judge(made, pair, worker, {"tone": "light" if answer == "L" else "dark", "fit": 5})
    assert queue(made) == [("x:3:0", "minority", "light"), ("x:2:0", "split", "dark")]


def test_closer_votes_come_first(tmp_path: Path) -> None:
    made = campaign(tmp_path, {"x:0:0": (E, E, E), "x:1:0": (E, E, E)})
    for n, pair in enumerate(("x:0:0", "x:1:0")):
        judge(made, pair, "a4", R)
        judge(made, pair, "a5", (E, R)[n])
    assert queue(made) == [("x:1:0", "split", E), ("x:0:0", "split", E)]


def test_an_empty_table(tmp_path: Path) -> None:
    made = campaign(tmp_path, {})
    with made.read() as db:
        found = review_queue(db, made.protocol)
    assert found.empty
    assert list(found.columns) == ["pair_id", "question", "why", "label", "votes"]


def test_a_decision_on_one_question_leaves_the_others_of_its_pair_to_review(tmp_path: Path) -> None:
    made = campaign(tmp_path, {"x:0:0": (None,) * 3, "x:1:0": (None,) * 3}, protocol="otto2020")
    for pair in ("x:0:0", "x:1:0"):
        for n, worker in enumerate(("a1", "a2", "a3")):
            tied = {name: made.protocol.by_name(name).labels[n] for name in ("status", "sc")}
            judge(made, pair, worker, {"cmi": "shared", **tied})
    aggregate_labels(made)
    decide(made, "x:0:0", "status", "lead", "equal")
    judge(made, "x:1:0", "lead", {"cmi": "shared", "status": "equal", "sc": "negative"}, role="adjudicator")
    with made.read() as db:
        left = review_queue(db, made.protocol, left=True)
        assert list(zip(left["pair_id"], left["question"], strict=True)) == [("x:0:0", "sc")]
        assert answered(db, None) == {"x:1:0"}
    decide(made, "x:0:0", "sc", "lead", Status.CANNOT_JUDGE)
    with made.read() as db:
        assert review_queue(db, made.protocol, left=True).empty
        assert answered(db, None) == {"x:0:0", "x:1:0"}
