"""The label to watch: the one that is rare and hard to agree on."""

from collections.abc import Mapping

from ccd.protocol import Question

WATCHED = "implicit"  # what is most often taken for another label, and the class that CCD is made for


def watched(question: Question, settled: Mapping[tuple[str, str], int]) -> str | None:
    """Return the label to watch, and to look for: `implicit`, else the one that fewest pairs are `settled` on.

    None for a score. `settled` counts pairs by (question, label); a label that no pair has counts nought.
    """
    if WATCHED in question.labels:
        return WATCHED
    return min(question.labels, key=lambda label: settled.get((question.name, label), 0), default=None)
