"""What Label Studio is sent for a decision is what a pull would read back, and it is there once whatever is killed."""

import contextlib
from pathlib import Path

import pytest

from annotation.ground_truth import result_of, write_back
from annotation.label_config import read_result
from ccd.campaign import adjudication
from ccd.campaign.gold_labels import aggregate_labels
from ccd.errors import CcdError
from ccd.protocol import load, shipped
from ccd.vocabulary import Status
from tests.annotation.desks import Office, Pictures
from tests.annotation.stand_in import Dead


@pytest.mark.parametrize("name", shipped())
def test_a_result_is_read_back_as_it_was_said(name: str) -> None:
    protocol = load(name)
    answers = {q.name: q.labels[-1] if q.labels else q.minimum for q in protocol.questions}
    assert read_result(result_of(protocol, answers, "context: see\nbelow"), protocol) == (
        answers,
        "context: see\nbelow",
        None,
    )


@pytest.mark.parametrize("name", ["ccd", "otto2020"])
def test_cannot_judge_is_said_of_every_question(name: str) -> None:
    protocol = load(name)
    answers, comment, _problem = read_result(result_of(protocol, None, None), protocol)
    assert answers == {question.name: Status.CANNOT_JUDGE for question in protocol.questions}
    assert comment is None


def test_one_of_two_questions_may_be_said_alone() -> None:
    protocol = load("otto2020")
    question = protocol.questions[0]
    said = {question.name: question.labels[0] if question.labels else 1}
    assert read_result(result_of(protocol, said, None), protocol)[0] == said


def decided(folder: Path) -> Office:
    """Two pairs in dispute, pushed, and settled in the review app; one of them twice."""
    office = Office(folder, 2)
    office.push()
    for pair in ("x:0:0", "x:1:0"):
        for name, label in zip(("ann", "bob", "cy"), ("irrelevant", "implicit", "explicit"), strict=True):
            office.answer(name, office.task(name, pair), label)
    office.pull()
    aggregate_labels(office.campaign)
    adjudication.decide(office.campaign, "x:0:0", "relation", "lead", "implicit", note="see below")
    adjudication.decide(office.campaign, "x:1:0", "relation", "lead", "irrelevant")
    adjudication.undo(office.campaign, "x:1:0", "relation", "lead")
    adjudication.decide(office.campaign, "x:1:0", "relation", "lead", "explicit")
    return office


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["dead", "lost", "refused"])
def test_a_write_back_that_is_killed_or_cut_anywhere_writes_each_decision_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    moments = 0
    while True:
        office = decided(tmp_path / str(moments))
        left = [moments]

        def befall(_method: str, _path: str, left: list[int] = left) -> str | None:
            left[0] -= 1
            return fault if left[0] == -1 else None

        office.server.fault = befall
        with contextlib.suppress(Dead, CcdError):
            write_back(office.campaign, office.studio, Pictures())
        if left[0] >= 0:
            break  # there were fewer requests
        write_back(office.campaign, office.studio, Pictures())
        with office.campaign.read() as db:
            assert adjudication.waiting(db) == []
        truths = [each for each in office.server.annotations.values() if each.ground_truth]
        said = {office.server.tasks[each.task].data["pair_key"]: each.result[0]["value"]["choices"] for each in truths}
        assert (len(truths), said) == (2, {"x:0:0": ["implicit"], "x:1:0": ["explicit"]}), moments
        moments += 1
    assert moments > 8
