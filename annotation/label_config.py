"""The labeling page: a protocol as Label Studio's label config (XML) and as the guidelines shown beside it (HTML)."""

import contextlib
import hashlib
import json
from typing import Any
from xml.etree import ElementTree

from annotation.received import storable
from ccd.errors import InputError
from ccd.protocol import Protocol
from ccd.templates import render
from ccd.vocabulary import Status

COMMENT = "comment"


def label_config(protocol: Protocol) -> str:
    """Return the labeling page of a protocol: the photo beside the text, its questions, a comment.

    A choice is stored under its category's name (the alias), never under its title. `cannot judge` is a choice of every
    question; a score has no choices, so it gets one of its own.
    Raises CcdError where a question bears the name of another part of the page.
    """
    for question in protocol.questions:
        if question.name in ("image", "text", COMMENT):
            raise InputError(
                f"protocol {protocol.name}, question {question.name!r}: the labeling page has a part of that name; "
                "choose another"
            )
    page = render("annotation", "label_config.xml", {"protocol": protocol, "comment": COMMENT})
    return page.strip()  # as Label Studio stores it


def guidelines(protocol: Protocol) -> str:
    """Return the guidelines as HTML, which Label Studio shows first and again behind its Instructions button."""
    return render("annotation", "guidelines.html", {"protocol": protocol})


def page_digest(config: str) -> str:
    """Return a fingerprint of a label config: the same for the same XML, whatever its white space."""
    with contextlib.suppress(ElementTree.ParseError):
        config = ElementTree.canonicalize(config, strip_text=True)
    return hashlib.sha256(config.encode("utf-8", "replace")).hexdigest()


def status_of(
    annotation: dict[str, Any], protocol: Protocol, user: int | None, others: bool
) -> tuple[str, dict[str, Any] | None, str | None]:
    """What an annotation of Label Studio is worth: (status, answers, comment).

    Args:
        annotation: as Label Studio's API gives it.
        user: id of the user whose desk it is, or who may answer here.
        others: True where it was answered by somebody who may not answer here.
    """
    answers, comment, problem = read_result(_list(annotation.get("result")), protocol)
    if annotation.get("ground_truth"):
        return Status.GROUND_TRUTH, answers, comment
    if others:
        return Status.FOREIGN, answers, comment
    if annotation.get("updated_by") not in (None, user):
        return Status.EDITED_BY_OTHER, answers, comment
    if annotation.get("was_cancelled"):
        return Status.SKIPPED, None, comment
    if any(answers.get(question.name) == Status.CANNOT_JUDGE for question in protocol.questions):
        return Status.CANNOT_JUDGE, None, comment
    return (Status.OUTSIDE_PROTOCOL if problem else Status.VALID), answers, comment


def read_result(result: list[Any], protocol: Protocol) -> tuple[dict[str, Any], str | None, str | None]:
    """The answers, the comment, and what is wrong with the answers (None: nothing) in an annotation's result.

    Label Studio's API stores whatever it is sent, so nothing here is taken for granted.
    """
    answers: dict[str, Any] = {}
    comment, problem = None, None
    for part in storable(result):
        name, value = (part.get("from_name"), part.get("value")) if isinstance(part, dict) else (None, None)
        if not isinstance(value, dict):
            problem = f"a part without a value: {json.dumps(part)[:80]}"
        elif name == COMMENT:
            comment = "\n".join(str(line) for line in _list(value.get("text"))) or None
        elif (
            isinstance(name, str)
            and name.endswith(f"-{Status.CANNOT_JUDGE}")
            and value.get("choices") == [Status.CANNOT_JUDGE]
        ):
            answers[name.removesuffix(f"-{Status.CANNOT_JUDGE}")] = Status.CANNOT_JUDGE
        elif "number" in value:
            answers.setdefault(str(name), value["number"])
        elif len(_list(value.get("choices"))) == 1:
            if str(name) in answers:
                problem = f"{name}: answered twice"
            answers[str(name)] = _list(value["choices"])[0]
        else:
            problem = f"{name}: {len(_list(value.get('choices')))} choices"
    return answers, comment, problem or protocol.problem(answers)


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]
