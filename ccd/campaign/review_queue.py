"""What a second look is best given to: pairs that are open, then those whose votes were split."""

import json
from typing import Any

import pandas as pd
import sqlalchemy as sa

from ccd.campaign.tables import judgments, schema
from ccd.measures import aggregation, ties
from ccd.measures.watched import watched
from ccd.protocol import Protocol

TIE = "tie"  # nothing is settled: every vote differs, or too few could judge
MINORITY = "minority"  # settled against a vote for the label that is watched
SPLIT = "split"  # settled against another vote


def review_queue(
    db: sa.Connection, protocol: Protocol, among: "sa.Select[Any] | None" = None, left: bool = False
) -> pd.DataFrame:
    """Return the pairs of the table `labels` to review, first things first.

    Columns: pair_id, question, why, label (None where open), votes ({label: count}). First the open ones (`tie`), then
    those that a majority settled against a vote for the watched label (`minority`), then other majorities (`split`); in
    each the closest votes first, then by pair. The watched label is `implicit`, and in a question without it the one
    that fewest pairs are settled on. Pairs that are unanimous, adjudicated or settled by the tie rule are not in it.
    `among` is a query of pair ids that narrows it; `left` leaves out what an adjudicator has answered.
    """
    t = schema.labels.c
    settled = {
        (question, label): pairs
        for question, label, pairs in db.execute(
            sa.select(t.question, t.label, sa.func.count()).group_by(t.question, t.label)
        )
    }
    sought = {question.name: watched(question, settled) for question in protocol.questions}
    query = sa.select(t.pair_id, t.question, t.label, t.resolved_by, t.votes)
    query = query.where(t.resolved_by.in_((ties.OPEN, aggregation.MAJORITY)))
    if among is not None:
        query = query.where(t.pair_id.in_(among))
    done = judgments.adjudicated(db) if left else judgments.Adjudicated(set(), set())
    patterns: dict[str, dict[str, int]] = {}  # few, however many pairs
    order = (TIE, MINORITY, SPLIT)
    found = []
    for pair, question, label, resolved_by, text in db.execute(query):
        if text not in patterns:
            patterns[text] = json.loads(text)
        given = patterns[text]
        if resolved_by == aggregation.MAJORITY and len(given) < 2:
            continue
        if done.has(pair, question, is_open=resolved_by == ties.OPEN):
            continue
        why = TIE
        if resolved_by == aggregation.MAJORITY:
            why = MINORITY if sought[question] in given.keys() - {label} else SPLIT
        first, second, *_ = [*sorted(given.values(), reverse=True), 0, 0]
        found.append((order.index(why), first - second, pair, question, why, label, given))
    found.sort(key=lambda entry: entry[:4])
    columns = ["pair_id", "question", "why", "label", "votes"]
    return pd.DataFrame([entry[2:] for entry in found], columns=columns, dtype=object)
