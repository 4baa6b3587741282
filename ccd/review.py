"""What a second look is best given to: pairs that are open, then those whose votes were split."""

import json
from collections import Counter
from collections.abc import Mapping

import pandas as pd
import sqlalchemy as sa

from ccd import schema, ties, votes
from ccd.protocol import Protocol, Question

WATCHED = "implicit"  # what is most often taken for another label, and the class that CCD is made for

TIE = "tie"  # nothing is settled: every vote differs, or too few could judge
MINORITY = "minority"  # settled against a vote for the label that is watched
SPLIT = "split"  # settled against another vote


def review_queue(db: sa.Connection, protocol: Protocol) -> pd.DataFrame:
    """The pairs of the table `labels` to review, first things first.

    Columns: pair_id, question, why, label (None where open), votes ({label: count}). First the open ones (`tie`), then
    those that a majority settled against a vote for the watched label (`minority`), then other majorities (`split`); in
    each the closest votes first, then by pair. The watched label is `implicit`, and in a question without it the one
    that fewest pairs are settled on. Pairs that are unanimous, adjudicated or settled by the tie rule are not in it.
    """
    rows = db.execute(sa.select(schema.labels)).all()
    settled = Counter((row.question, row.label) for row in rows)
    sought = {question.name: watched(question, settled) for question in protocol.questions}
    order = (TIE, MINORITY, SPLIT)
    found = []
    for row in rows:
        given = json.loads(row.votes)
        if row.resolved_by == ties.OPEN:
            why = TIE
        elif row.resolved_by == votes.MAJORITY and len(given) > 1:
            why = MINORITY if sought[row.question] in given.keys() - {row.label} else SPLIT
        else:
            continue
        first, second, *_ = [*sorted(given.values(), reverse=True), 0, 0]
        found.append((order.index(why), first - second, row.pair_id, row.question, why, row.label, given))
    found.sort(key=lambda entry: entry[:4])
    columns = ["pair_id", "question", "why", "label", "votes"]
    return pd.DataFrame([entry[2:] for entry in found], columns=columns, dtype=object)


def watched(question: Question, settled: Mapping[tuple[str, str], int]) -> str | None:
    """The label to watch, and to look for: `implicit`, else the one that fewest pairs are `settled` on; None for a
    score. `settled` counts pairs by (question, label); a label that no pair has counts nought.
    """
    if WATCHED in question.labels:
        return WATCHED
    return min(question.labels, key=lambda label: settled.get((question.name, label), 0), default=None)
