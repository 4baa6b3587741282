"""What an annotator was overruled on, and a feedback sheet to give them: one HTML page that asks nothing of a server.

A sheet names nobody but its annotator: the others' votes are counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ccd.measures.scorecards import Scorecard
from ccd.protocol import Question
from ccd.templates import render


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
    """Return the page for one annotator; `name` is what it calls them."""
    titles = {category.name: category.title for category in question.categories}
    about = {"title": title, "name": name, "question": question, "titles": titles}
    return render("ccd.reports", "feedback.html", about | {"card": card, "examples": examples})
