"""The labeling page of every shipped protocol, and what is made of annotations that anybody may have sent."""

import re
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotation.label_config import guidelines, label_config, page_digest, read_result, status_of
from ccd.errors import CcdError
from ccd.protocol import Protocol, Question, load, parse, shipped
from ccd.vocabulary import Status

CCD = load("ccd")
SCORES = parse(
    """
name = "scores"
title = "Scores"
reference = "Nobody 2000"
year = 2000
guideline = "Say a number."
[[questions]]
name = "valence"
title = "Valence & <mood>"
kind = "score"
minimum = -1234567.5
maximum = 1234567
step = 0.5
[[questions]]
name = "relation"
title = 'A "relation"?'
[[questions.categories]]
name = "yes"
id = 1
title = "Yes & <yes>"
hotkey = "y"
colour = "#112233"
guideline = '''Say "yes" <script>alert(1)</script>.

A second & last paragraph.'''
examples = ["<img src=x onerror=alert(1)>"]
[[questions.categories]]
name = "no"
id = 0
title = "No"
hotkey = "n"
colour = "#445566"
guideline = "No."
""",
    "test",
)


def choice(name: str, *labels: Any) -> dict[str, Any]:
    return {"from_name": name, "to_name": "text", "type": "choices", "value": {"choices": list(labels)}}


def number(name: str, value: Any) -> dict[str, Any]:
    return {"from_name": name, "to_name": "text", "type": "number", "value": {"number": value}}


@pytest.mark.parametrize("protocol", [*(load(name) for name in shipped()), SCORES], ids=lambda protocol: protocol.name)
def test_the_page_asks_what_the_protocol_asks(protocol: Protocol) -> None:
    page = ElementTree.fromstring(label_config(protocol))
    parts = {element.get("name"): element for element in page.iter() if element.get("name")}
    assert len(parts) == sum(1 for element in page.iter() if element.get("name"))  # no name stands twice
    assert (parts["image"].get("value"), parts["text"].get("value")) == ("$image", "$text")
    assert parts["comment"].tag == "TextArea"
    assert [header.get("value") for header in page.iter("Header")] == [q.title for q in protocol.questions]
    assert {element.get("toName") for element in parts.values()} == {None, "text"}
    keys = [c.get("hotkey") for c in page.iter("Choice") if c.get("hotkey")]
    assert len(keys) == len(set(keys))
    assert protocol.cannot_judge in keys
    for question in protocol.questions:
        part = parts[question.name]
        if question.kind == "score":
            assert part.tag == "Number"
            assert [float(part.get(key, "")) for key in ("min", "max", "step")] == [
                question.minimum,
                question.maximum,
                question.step,
            ]
            part = parts[f"{question.name}-{Status.CANNOT_JUDGE}"]
        found = {c.get("alias"): (c.get("value"), c.get("hotkey")) for c in part.findall("Choice")}
        assert found.pop(Status.CANNOT_JUDGE)[0] == "Cannot judge"
        assert found == {c.name: (c.title, c.hotkey) for c in question.categories}
        assert [key for _title, key in found.values()] == sorted(c.hotkey for c in question.categories)


@pytest.mark.parametrize("protocol", [*(load(name) for name in shipped()), SCORES], ids=lambda protocol: protocol.name)
def test_guidelines_are_well_formed_and_whole(protocol: Protocol) -> None:
    page = ElementTree.fromstring(f"<html>{guidelines(protocol)}</html>")
    assert {element.tag for element in page.iter()} <= {"html", "h3", "h4", "p", "b", "i", "br", "ul", "li"}
    shown = " ".join("".join(page.itertext()).split())
    for text in [protocol.title, *(c.title for q in protocol.questions for c in q.categories)]:
        assert text in shown


def test_html_in_a_protocol_is_shown_and_not_obeyed() -> None:
    page = guidelines(SCORES)
    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;.<br/><br/>A second &amp; last paragraph." in page
    assert "from -1234567.5 to 1234567." in page


@pytest.mark.parametrize("name", ["image", "text", "comment"])
def test_a_question_named_like_a_part_of_the_page_is_refused(name: str) -> None:
    protocol = replace(CCD, questions=(replace(CCD.question, name=name),))
    with pytest.raises(CcdError, match=f"question '{name}': the labeling page has a part of that name"):
        label_config(protocol)


def test_page_digest_looks_at_the_xml_only() -> None:
    one = page_digest('<View><Image name="a" value="$b"/></View>')
    assert page_digest('<View>\n  <Image value="$b" name="a"></Image>\n</View>\n') == one
    others = ('<View><Image name="a" value="$c"/></View>', '<View><Image name="a" value="$b"/>', "")
    assert len({one, *map(page_digest, others)}) == 4


def test_a_good_answer_is_read() -> None:
    result = [choice("relation", "implicit"), {"from_name": "comment", "value": {"text": ["one", "two"]}}]
    assert read_result(result, CCD) == ({"relation": "implicit"}, "one\ntwo", None)
    scored = [number("valence", 2.5), choice("relation", "yes")]
    assert read_result(scored, SCORES) == ({"valence": 2.5, "relation": "yes"}, None, None)


@pytest.mark.parametrize(
    "result",
    [
        [],
        [choice("relation", "Implicit")],  # the title, not the alias
        [choice("relation", "implicit", "explicit")],
        [choice("relation")],
        [choice("relation", "implicit"), choice("relation", "explicit")],
        [choice("relation", "implicit"), choice("mood", "good")],
        [choice("relation", "implicit"), choice(f"mood-{Status.CANNOT_JUDGE}", Status.CANNOT_JUDGE)],
        [choice("relation", ["implicit"])],
        [choice("relation", None)],
        [number("relation", 1)],
        [choice("relation", "implicit"), {"from_name": "relation"}],
        [choice("relation", "implicit"), "relation"],
        [{"from_name": None, "value": {"choices": ["implicit"]}}],
        {"relation": "implicit"},
        "implicit",
        7,
        False,
    ],
)
def test_answers_the_protocol_does_not_have_do_not_count(result: Any) -> None:
    assert status_of({"result": result}, CCD, 1, False)[0] == Status.OUTSIDE_PROTOCOL


@pytest.mark.parametrize("value", [float("nan"), 10**400, -2e6, "3", None, True, [2]])
def test_scores_outside_the_scale_do_not_count(value: Any) -> None:
    result = [number("valence", value), choice("relation", "yes")]
    assert status_of({"result": result}, SCORES, 1, False)[0] == Status.OUTSIDE_PROTOCOL


@pytest.mark.parametrize(
    ("fields", "others", "status"),
    [
        ({}, False, Status.VALID),
        ({"updated_by": 1}, False, Status.VALID),
        ({"updated_by": 2}, False, Status.EDITED_BY_OTHER),
        ({"was_cancelled": True}, False, Status.SKIPPED),
        ({"was_cancelled": True, "result": []}, False, Status.SKIPPED),
        ({"was_cancelled": True, "updated_by": 2}, False, Status.EDITED_BY_OTHER),
        ({}, True, Status.FOREIGN),
        ({"ground_truth": True}, True, Status.GROUND_TRUTH),
        ({"result": [choice("relation", Status.CANNOT_JUDGE)]}, False, Status.CANNOT_JUDGE),
        ({"result": [choice("relation", Status.CANNOT_JUDGE)]}, True, Status.FOREIGN),
        ({"result": None}, False, Status.OUTSIDE_PROTOCOL),
    ],
)
def test_what_an_annotation_is_worth(fields: dict[str, Any], others: bool, status: str) -> None:
    annotation = {"result": [choice("relation", "implicit")], "updated_by": None} | fields
    found, answers, _comment = status_of(annotation, CCD, 1, others)
    assert found == status
    if status == Status.VALID:
        assert answers == {"relation": "implicit"}
    if status in (Status.SKIPPED, Status.CANNOT_JUDGE):
        assert answers is None


@pytest.mark.parametrize("first", [0, 1])
def test_a_score_that_cannot_be_judged(first: int) -> None:
    tick = choice(f"valence-{Status.CANNOT_JUDGE}", Status.CANNOT_JUDGE)
    result = [number("valence", 1), tick] if first else [tick, number("valence", 1)]
    assert status_of({"result": [*result, choice("relation", "yes")]}, SCORES, 1, False)[0] == Status.CANNOT_JUDGE
    unticked = choice(f"valence-{Status.CANNOT_JUDGE}")
    result = [number("valence", 1), choice("relation", "yes"), unticked]
    assert status_of({"result": result}, SCORES, 1, False)[0] == Status.OUTSIDE_PROTOCOL


def test_what_a_database_cannot_store_is_taken_out() -> None:
    result = [choice("relation", "x\ud800\0"), {"from_name": "comment", "value": {"text": "a\0b \udfff"}}]
    answers, comment, problem = read_result(result, CCD)
    assert (answers, comment) == ({"relation": "x?"}, "ab ?")
    assert problem is not None


texts = st.text(st.characters(), max_size=8)  # half characters too, as JSON's \ud800 gives
parts = [
    "from_name",
    "value",
    "choices",
    "number",
    "text",
    "relation",
    "comment",
    "implicit",
    Status.CANNOT_JUDGE,
    "yes",
]
fields = ["result", "ground_truth", "was_cancelled", "updated_by"]
words = st.sampled_from([*parts, *fields, "relation-cannot_judge", "valence", "valence-cannot_judge"])
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words | texts, inner, max_size=4),
    max_leaves=25,
)
hostile = st.fixed_dictionaries(
    {}, optional={"from_name": words | anything, "value": st.dictionaries(words, anything, max_size=3) | anything}
)


@settings(max_examples=200, deadline=None)
@given(result=anything | st.lists(hostile, max_size=4), fields=st.dictionaries(words, anything, max_size=4))
@pytest.mark.parametrize("protocol", [CCD, SCORES], ids=["ccd", "scores"])
def test_no_annotation_whatever_is_a_crash(protocol: Protocol, result: Any, fields: dict[str, Any]) -> None:
    status, answers, comment = status_of(fields | {"result": result}, protocol, 1, False)
    assert status in {
        Status.VALID,
        Status.CANNOT_JUDGE,
        Status.SKIPPED,
        Status.OUTSIDE_PROTOCOL,
        Status.GROUND_TRUTH,
        Status.EDITED_BY_OTHER,
    }
    if status == Status.VALID:
        assert answers is not None
        assert protocol.problem(answers) is None
    for stored in (comment or "", *(answers or {})):
        assert not re.search("[\0\ud800-\udfff]", stored)


def test_questions_of_a_score_alone_have_no_choices_of_their_own() -> None:
    only = replace(SCORES, questions=(Question("valence", "V", "score", (), 0.0, 1.0, 0.1, "interval"),))
    page = ElementTree.fromstring(label_config(only))
    assert [c.get("alias") for c in page.iter("Choice")] == [Status.CANNOT_JUDGE]
