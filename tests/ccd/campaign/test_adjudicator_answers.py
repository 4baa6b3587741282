"""Which of an adjudicator's answers count: on the desk those to open questions, in the review app the one decided."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from ccd.campaign import adjudication
from ccd.campaign.adjudication import decide, undo
from ccd.campaign.adjudicator_answers import adjudications
from ccd.campaign.campaign import Campaign
from ccd.campaign.gold_labels import aggregate_labels
from ccd.campaign.tables import schema
from tests.ccd.build import ANNOTATORS, SKIP, campaign, judge

PAIR = "x:1:0"
ONE, TWO = "status", "sc"  # of otto2020: the first of three ties, the second has a majority
TIE = ("text-leads", "equal", "image-leads")
MAJORITY = ("negative", "negative", "positive")


def answers(one: str, two: str) -> dict[str, str | float]:
    return {"cmi": "shared", ONE: one, TWO: two}


@pytest.fixture
def made(tmp_path: Path) -> Campaign:
    """A pair on which one question is open, which the adjudicator has answered with the others on the desk."""
    found = campaign(tmp_path, {PAIR: (None, None, None)}, protocol="otto2020")
    for worker, one, two in zip(ANNOTATORS, TIE, MAJORITY, strict=True):
        judge(found, PAIR, worker, answers(one, two))
    aggregate_labels(found)
    judge(found, PAIR, "lead", answers("equal", "unrelated") | {"cmi": "not-shared"}, role="adjudicator")
    return found


def labels(made: Campaign) -> dict[str, tuple[str | None, str]]:
    """What is settled, by question."""
    done = aggregate_labels(made)
    assert aggregate_labels(made).changed == 0
    t = schema.labels.c
    with made.read() as db:
        rows = db.execute(sa.select(t.question, t.label, t.resolved_by))
        found = {question: (label, by) for question, label, by in rows}
    assert sum(len(by) for by in done.counts.values()) >= len(found)
    return found


def test_an_adjudication_overrules_no_question_that_the_votes_had_settled(made: Campaign) -> None:
    assert labels(made) == {
        "cmi": ("shared", "unanimous"),
        ONE: ("equal", "adjudicated"),
        TWO: ("negative", "majority"),
    }
    assert aggregate_labels(made).conflicts == ()


def test_what_was_open_stays_adjudicated_whatever_is_voted_later(made: Campaign) -> None:
    judge(made, PAIR, "a2", answers("text-leads", "negative"), version=2)
    assert labels(made)[ONE] == ("equal", "adjudicated")
    (conflict,) = aggregate_labels(made).conflicts
    assert (conflict.question, conflict.says, conflict.changed) == (ONE, "text-leads", True)
    judge(made, PAIR, "lead", answers("image-leads", "positive"), role="adjudicator", version=2)  # looked again
    assert labels(made)[ONE] == ("image-leads", "adjudicated")
    assert labels(made)[TWO] == ("negative", "majority")


def test_an_answer_on_the_desk_settles_what_opens_later(made: Campaign) -> None:
    judge(made, PAIR, "a1", answers("text-leads", "unrelated"), version=2)
    assert labels(made)[TWO] == ("unrelated", "adjudicated")
    judge(made, PAIR, "a1", answers("text-leads", "negative"), version=3)
    assert labels(made)[TWO] == ("negative", "majority")


def test_the_order_of_two_adjudicators_does_not_matter_where_only_one_counts(made: Campaign) -> None:
    decide(made, PAIR, TWO, "lead", "positive")  # overrules the majority, in the review app
    assert labels(made)[TWO] == ("positive", "adjudicated")
    assert labels(made)[ONE] == ("equal", "adjudicated")
    with pytest.raises(adjudication.Taken, match="lead was first and said equal"):
        decide(made, PAIR, ONE, "lead", "text-leads")
    with pytest.raises(adjudication.Taken, match="said positive"):
        decide(made, PAIR, TWO, "lead", "negative")
    undo(made, PAIR, TWO, "lead")
    assert labels(made)[TWO] == ("negative", "majority")


def test_more_judgments_a_pair_open_nothing_that_was_settled(made: Campaign) -> None:
    toml = made.folder / "campaign.toml"
    more = "".join(f'[[annotators]]\nname = "a{n}"\nemail = "a{n}@example.org"\n' for n in (4, 5))
    toml.write_text(toml.read_text().replace("judgments_per_pair = 3", "judgments_per_pair = 5") + "\n" + more)
    made = Campaign.open(made.folder)
    assert labels(made)[ONE] == ("equal", "adjudicated")
    assert labels(made)[TWO] == (None, "incomplete")


def test_a_pair_that_nobody_could_judge_is_open_on_every_question(tmp_path: Path) -> None:
    made = campaign(tmp_path, {PAIR: (SKIP, SKIP, SKIP)}, protocol="otto2020")
    aggregate_labels(made)
    judge(made, PAIR, "lead", answers("equal", "unrelated"), role="adjudicator")
    assert set(labels(made).values()) == {(said, "adjudicated") for said in ("shared", "equal", "unrelated")}


def test_a_mean_is_overruled_by_the_review_app_alone(tmp_path: Path) -> None:
    made = campaign(tmp_path, {PAIR: (None, None, None)}, protocol="jas2015")
    for worker in ANNOTATORS:
        judge(made, PAIR, worker, {"specificity": 0.5})
    aggregate_labels(made)
    judge(made, PAIR, "lead", {"specificity": 1.0}, role="adjudicator")
    assert labels(made)["specificity"] == ("0.5", "mean")
    decide(made, PAIR, "specificity", "lead", 0.25)
    assert labels(made)["specificity"] == ("0.25", "adjudicated")


def test_cannot_judge_on_one_question_takes_no_decision_on_another_away(made: Campaign) -> None:
    decide(made, PAIR, TWO, "lead", "positive")
    judge(made, PAIR, "lead", answers("equal", "positive"), role="adjudicator", version=2, status="deleted")
    aggregate_labels(made)
    decide(made, PAIR, ONE, "lead", SKIP)
    assert labels(made)[TWO] == ("positive", "adjudicated")
    assert labels(made)[ONE] == (None, "open")


def test_the_votes_that_an_adjudicator_saw(tmp_path: Path) -> None:
    def seen() -> dict[str, str]:
        with made.read() as db:
            found = adjudications(db, "relation")
        frame = found.answered_before(found.standing({PAIR})["last"])
        assert list(frame.columns) == ["task", "worker", "label"]
        return dict(zip(frame["worker"], frame["label"], strict=True))

    made = campaign(tmp_path, {PAIR: ("implicit", "explicit", None), "x:2:0": ("explicit", None, None)})
    assert seen() == {}
    judge(made, PAIR, "lead", "explicit", role="adjudicator")
    judge(made, PAIR, "a1", "explicit", version=2)
    judge(made, PAIR, "a2", "explicit", version=2, status="deleted")
    judge(made, PAIR, "a3", "explicit")
    assert seen() == {"a1": "implicit", "a2": "explicit"}
    judge(made, PAIR, "lead", "explicit", role="adjudicator", version=2)  # looked again
    assert seen() == {"a1": "explicit", "a3": "explicit"}
    judge(made, PAIR, "lead", "explicit", role="adjudicator", version=3, status="deleted")
    assert seen() == {}
