"""The labeling page: a protocol as Label Studio's label config (XML) and as the guidelines shown beside it (HTML)."""

import contextlib
import hashlib
import html
import json
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

from annotation.received import storable
from ccd.errors import InputError
from ccd.protocol import Category, Protocol, Question
from ccd.vocabulary import Status

COMMENT = "comment"


def label_config(protocol: Protocol) -> str:
    """The labeling page of a protocol: the photo beside the text, its questions, a comment.

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
    questions = "".join(_question(protocol, question, number) for number, question in enumerate(protocol.questions))
    return (
        '<View><View style="display:flex;gap:1.5em;align-items:flex-start">'
        '<View style="flex:1 1 56%;min-width:0"><Image name="image" value="$image" zoom="true" zoomControl="true" '
        'rotateControl="false" maxWidth="100%"/></View>'
        '<View style="flex:1 1 44%;min-width:0"><Text name="text" value="$text"/>'
        f"{questions}"
        f'<TextArea name="{COMMENT}" toName="text" placeholder="Comment (optional)" rows="2" maxSubmissions="1" '
        'editable="true" required="false"/>'
        "</View></View></View>"
    )


def guidelines(protocol: Protocol) -> str:
    """The protocol's guidelines as HTML: Label Studio shows them first, and again behind its Instructions button."""
    parts = [f"<h3>{html.escape(protocol.title)}</h3><p>{_lines(protocol.guideline)}</p>"]
    for question in protocol.questions:
        parts.append(f"<h4>{html.escape(question.title)}</h4>")
        if question.kind == "score":
            parts.append(f"<p>A number from {question.minimum:.15g} to {question.maximum:.15g}.</p>")
        for category in _by_key(question):
            examples = "".join(f"<li><i>{_lines(example)}</i></li>" for example in category.examples)
            parts.append(
                f"<p><b>{html.escape(category.title)} ({category.hotkey})</b>: {_lines(category.guideline)}</p>"
                f"<ul>{examples}</ul>"
            )
    parts.append(
        f"<p><b>Cannot judge ({html.escape(protocol.cannot_judge)})</b>: the photo or the text cannot be made out.</p>"
    )
    return "".join(parts)


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


def _question(protocol: Protocol, question: Question, number: int) -> str:
    name = quoteattr(question.name)
    key = quoteattr(protocol.cannot_judge) if number == 0 else None
    cannot = f'<Choice value="Cannot judge" alias="{Status.CANNOT_JUDGE}"{f" hotkey={key}" if key else ""}/>'
    header = f'<Header value={quoteattr(question.title)} size="5"/>'
    if question.kind == "score":
        return (
            f'{header}<Number name={name} toName="text" min="{question.minimum:.15g}" max="{question.maximum:.15g}" '
            f'step="{question.step:.15g}" required="false"/>'
            f'<Choices name="{question.name}-{Status.CANNOT_JUDGE}" toName="text" choice="multiple" required="false">'
            f"{cannot}</Choices>"
        )
    choices = "".join(
        f"<Choice value={quoteattr(c.title)} alias={quoteattr(c.name)} hint={quoteattr(' '.join(c.guideline.split()))}"
        f" hotkey={quoteattr(c.hotkey)} background={quoteattr(c.colour)}/>"
        for c in _by_key(question)
    )
    return (
        f'{header}<Choices name={name} toName="text" choice="single-radio" required="true" '
        f"requiredMessage={quoteattr('Answer: ' + question.title)}>{choices}{cannot}</Choices>"
    )


def _by_key(question: Question) -> list[Category]:
    """The categories in the order of their keys, so that what is read from top to bottom is 1, 2, 3."""
    return sorted(question.categories, key=lambda category: category.hotkey)


def _lines(text: str) -> str:
    return "<br/>".join(html.escape(line) for line in text.strip().splitlines())
