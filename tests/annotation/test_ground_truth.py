"""What Label Studio is sent for a decision is what a pull would read back."""

import pytest

from annotation.ground_truth import result_of
from annotation.label_config import read_result
from ccd.judgments import CANNOT_JUDGE
from ccd.protocol import load, shipped


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
    assert answers == {question.name: CANNOT_JUDGE for question in protocol.questions}
    assert comment is None


def test_one_of_two_questions_may_be_said_alone() -> None:
    protocol = load("otto2020")
    question = protocol.questions[0]
    said = {question.name: question.labels[0] if question.labels else 1}
    assert read_result(result_of(protocol, said, None), protocol)[0] == said
