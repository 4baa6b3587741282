"""Decisions: stored at once, first come first served, taken back, never lost on the way to Label Studio."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from ccd.campaign import adjudication
from ccd.campaign.campaign import Campaign
from ccd.campaign.config import Person
from ccd.campaign.gold_labels import aggregate_labels
from ccd.campaign.review_queue import review_queue
from ccd.campaign.scorecards import labels_are_old
from ccd.campaign.tables import schema
from ccd.errors import CcdError
from ccd.vocabulary import Status
from tests.ccd.build import campaign, judge
from tests.ccd.campaign.test_gold_labels import E, I, R

TIE, SPLIT, ALL = "x:0:0", "x:1:0", "x:2:0"
Q = "relation"


@pytest.fixture
def made(tmp_path: Path) -> Campaign:
    """A tie, a split and a unanimous pair, settled; two may decide."""
    found = campaign(tmp_path, {TIE: (R, I, E), SPLIT: (E, E, I), ALL: (E, E, E)})
    text = (tmp_path / "campaign.toml").read_text()
    (tmp_path / "campaign.toml").write_text(text + '[[adjudicators]]\nname = "two"\nemail = "two@example.org"\n')
    found = Campaign.open(tmp_path)
    assert Person("two", "two@example.org") in found.config.adjudicators
    aggregate_labels(found)
    return found


def label(made: Campaign, pair: str) -> tuple[str | None, str]:
    t = schema.labels.c
    with made.read() as db:
        row = db.execute(sa.select(t.label, t.resolved_by).where(t.pair_id == pair)).one()
    return row.label, row.resolved_by


def queue(made: Campaign) -> list[str]:
    with made.read() as db:
        return list(review_queue(db, made.protocol, left=True)["pair_id"])


def waiting(made: Campaign) -> list[tuple[str, int, str]]:
    with made.read() as db:
        return [(each.pair_id, each.version, each.status) for each in adjudication.waiting(db)]


def test_a_decision_settles_at_once_and_in_every_settlement_after(made: Campaign) -> None:
    assert queue(made) == [TIE, SPLIT]
    adjudication.decide(made, TIE, Q, "lead", I, reason="context", note="see the caption", seconds=4.5)
    assert label(made, TIE) == (I, "adjudicated")
    assert queue(made) == [SPLIT]
    with made.read() as db:
        assert not labels_are_old(db)
    assert aggregate_labels(made).changed == 0  # `ccd labels` says the same
    with made.read() as db:
        (event,) = db.execute(sa.select(schema.events).where(schema.events.c.what == adjudication.DECIDED))
        (row,) = db.execute(sa.select(schema.judgments).where(schema.judgments.c.role == "adjudicator"))
    assert (event.who, event.subject) == ("lead", TIE)
    assert '"reason": "context"' in event.after
    assert (row.seconds, row.comment, row.prediction) == (4.5, "context: see the caption", None)


def test_the_later_of_two_reviewers_is_told_and_overwrites_nothing(made: Campaign) -> None:
    adjudication.decide(made, TIE, Q, "lead", I)
    with pytest.raises(adjudication.Taken, match="lead was first and said implicit"):
        adjudication.decide(made, TIE, Q, "two", E)
    with pytest.raises(adjudication.Taken):  # also one's own second key
        adjudication.decide(made, TIE, Q, "lead", E)
    assert label(made, TIE) == (I, "adjudicated")
    assert len(waiting(made)) == 1


def test_an_answer_from_label_studio_came_first(made: Campaign) -> None:
    judge(made, TIE, "lead", R, role="adjudicator")
    with pytest.raises(adjudication.Taken):
        adjudication.decide(made, TIE, Q, "two", E)
    assert queue(made) == [SPLIT]


def test_undo_restores_what_was_there_and_is_a_version_of_its_own(made: Campaign) -> None:
    adjudication.decide(made, SPLIT, Q, "lead", I)
    with made.read() as db:
        assert adjudication.last(db, "lead", Q) == SPLIT
        assert adjudication.last(db, "two", Q) is None
    with pytest.raises(CcdError, match="two has no decision here"):
        adjudication.undo(made, SPLIT, Q, "two")
    adjudication.undo(made, SPLIT, Q, "lead")
    assert label(made, SPLIT) == (E, "majority")
    assert queue(made) == [TIE, SPLIT]
    assert waiting(made) == [(SPLIT, 1, "valid"), (SPLIT, 2, "deleted")]
    assert aggregate_labels(made).changed == 0
    with made.read() as db:
        assert adjudication.last(db, "lead", Q) is None
    adjudication.decide(made, SPLIT, Q, "two", R)  # now free for the other
    assert label(made, SPLIT) == (R, "adjudicated")
    with pytest.raises(CcdError):
        adjudication.undo(made, SPLIT, Q, "lead")


def test_cannot_judge_leaves_the_label_and_the_queue(made: Campaign) -> None:
    adjudication.decide(made, TIE, Q, "lead", Status.CANNOT_JUDGE)
    assert label(made, TIE) == (None, "open")
    assert queue(made) == [SPLIT]
    adjudication.undo(made, TIE, Q, "lead")
    assert queue(made) == [TIE, SPLIT]


def test_what_is_written_waits_no_more(made: Campaign) -> None:
    adjudication.decide(made, TIE, Q, "lead", I)
    with made.write() as db:
        (one,) = adjudication.waiting(db)
        adjudication.written(db, one, 3, 14)
    assert waiting(made) == []
    adjudication.undo(made, TIE, Q, "lead")
    assert waiting(made) == [(TIE, 2, "deleted")]
    with made.read() as db:
        assert adjudication.reviewed(db, [TIE, SPLIT]) == {TIE}


@pytest.mark.parametrize(
    ("pair", "who", "answer", "reason", "told"),
    [
        (TIE, "lead", "funny", None, "none of irrelevant, implicit, explicit"),
        (TIE, "lead", I, "because", "no reason"),
        (TIE, "a1", I, None, "no adjudicator"),
        ("x:9:0", "lead", I, None, "no votes"),
    ],
)
def test_what_there_is_not_is_refused(
    made: Campaign, pair: str, who: str, answer: str, reason: str | None, told: str
) -> None:
    with pytest.raises(CcdError, match=told):
        adjudication.decide(made, pair, Q, who, answer, reason=reason)
    assert waiting(made) == []


def test_a_second_question_does_not_take_the_first_away(tmp_path: Path) -> None:
    made = campaign(tmp_path, {TIE: (None, None, None)}, protocol="otto2020")
    one, two, *_ = [each for each in made.protocol.questions if each.kind == "choice"]
    answers = [{q.name: q.labels[n % len(q.labels)] for q in made.protocol.questions if q.labels} for n in range(3)]
    for worker, given in zip(("a1", "a2", "a3"), answers, strict=True):
        judge(made, TIE, worker, given)
    aggregate_labels(made)
    adjudication.decide(made, TIE, one.name, "lead", one.labels[0])
    adjudication.decide(made, TIE, two.name, "lead", two.labels[1])
    with made.read() as db:
        assert adjudication.waiting(db)[-1].answers == {one.name: one.labels[0], two.name: two.labels[1]}
    adjudication.undo(made, TIE, one.name, "lead")
    with made.read() as db:
        assert adjudication.waiting(db)[-1].answers == {two.name: two.labels[1]}
    assert aggregate_labels(made).changed == 0
