"""What an annotator was overruled on, and a feedback sheet to give them: one HTML page that asks nothing of a server.

A sheet names nobody but its annotator: the others' votes are counts.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from ccd.measures.scorecards import Scorecard
from ccd.protocol import Question
from ccd.reports.page import STYLE, number


@dataclass(frozen=True)
class Example:
    """A pair on a sheet: what the annotator gave, what it was settled on, how the votes fell, and the photo (JPEG)."""

    pair_id: str
    text: str
    given: str
    settled: str
    votes: dict[str, int]
    photo: bytes | None


def sheet(title: str, name: str, question: Question, card: Scorecard, examples: Sequence[Example]) -> str:
    """The page for one annotator; `name` is what it calls them."""
    titles = {category.name: category.title for category in question.categories}
    facts = [
        ("Judgments", str(card.judgments)),
        ("As most of the others", _with_interval(card)),
        ("Median seconds", "–" if card.seconds is None else f"{card.seconds:.1f}"),
        ("Too fast", number(card.fast.value)),
    ]
    rows = "".join(f"<tr><th>{escape(key)}</th><td>{escape(value)}</td></tr>" for key, value in facts)
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Feedback: {escape(name)}</title><style>{STYLE}"
        "article { display: flex; gap: 1rem; border-top: 1px solid var(--line); padding: 1rem 0; break-inside: avoid; }"
        "article img { width: 14rem; height: fit-content; filter: none; } blockquote { margin: 0 0 .5rem; "
        "unicode-bidi: plaintext; white-space: pre-wrap; overflow-wrap: anywhere; }</style></head><body>"
        f"<h1>Feedback for {escape(name)}</h1><p class=soft>{escape(title)}: {escape(question.title)}</p>"
        f"<table>{rows}</table>{_confusion(card, question, titles)}"
        f"<h2>Where the label became another</h2>{''.join(_example(each, question, titles) for each in examples)}"
        f"{'' if examples else '<p>Nowhere.</p>'}</body></html>\n"
    )


def _with_interval(card: Scorecard) -> str:
    ends = "" if card.others_ci is None else f" (95 % interval {' to '.join(map(number, card.others_ci))})"
    return number(card.others.value) + ends


def _confusion(card: Scorecard, question: Question, titles: dict[str, str]) -> str:
    if not any(map(sum, card.confusion)):
        return ""
    head = "".join(f"<th>{escape(titles[label])}</th>" for label in question.labels)
    rows = "".join(
        f"<tr><th>{escape(titles[label])}</th>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>"
        for label, row in zip(question.labels, card.confusion, strict=True)
    )
    return f"<h2>What you gave (row), what it was settled on (column)</h2><table><tr><th></th>{head}</tr>{rows}</table>"


def _example(example: Example, question: Question, titles: dict[str, str]) -> str:
    photo = ""
    if example.photo is not None:
        photo = f'<img alt="" src="data:image/jpeg;base64,{base64.b64encode(example.photo).decode()}">'
    votes = ", ".join(f"{count} {titles.get(label, label)}" for label, count in example.votes.items())
    guideline = question.category(example.settled).guideline if example.settled in titles else ""
    return (
        f"<article>{photo}<div><blockquote>{escape(example.text)}</blockquote>"
        f"<p>You: <strong>{escape(titles.get(example.given, example.given))}</strong>. "
        f"Settled: <strong>{escape(titles.get(example.settled, example.settled))}</strong> ({escape(votes)}).</p>"
        f"<p class=soft>{escape(' '.join(guideline.split()))}</p></div></article>"
    )
