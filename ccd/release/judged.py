"""The judgments behind a release: under pseudonyms, one after another, and the agreement they show."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from ccd.campaign import revisions
from ccd.campaign.adjudication import ADJUDICATED
from ccd.campaign.judged_groups import of_pairs
from ccd.campaign.revisions import Revision
from ccd.campaign.tables import live_posts, schema
from ccd.campaign.tables.judgments import IMPORTED, is_newest
from ccd.protocol import Protocol, Question
from ccd.release.content import by_bytes
from ccd.release.voted import Voted
from ccd.vocabulary import ANSWERED, Role, Status

_BATCH = 5_000
_LETTER = {Role.ANNOTATOR: "A", Role.ADJUDICATOR: "R"}


def pseudonyms(db: sa.Connection) -> dict[tuple[str, str], str]:
    """(role, name) → A1, A2, … for annotators and R1, … for adjudicators, in the order of their first judgments.

    So they stay from release to release, and say nothing of the names.
    """
    j = schema.judgments.c
    first = sa.func.min(j.judgment_id)
    found = db.execute(sa.select(j.role, j.annotator).group_by(j.role, j.annotator).order_by(first))
    numbers = Counter[str]()
    names = {}
    for role, name in found:
        numbers[role] += 1
        names[role, name] = f"{_LETTER[role]}{numbers[role]}"
    return names


@dataclass
class Judged:
    """Takes the campaign's judgments in once, and keeps a few bytes of each for the agreement.

    `answered` counts annotators' answers by status; one annotator's on one pair counts once, the best.
    """

    protocol: Protocol
    answered: Counter[str] = field(default_factory=Counter)
    reviewed: Counter[str] = field(default_factory=Counter)  # see _review
    assisted: int = 0  # annotators' judgments beside a prediction
    imported: int = 0  # annotators' judgments that were made in other tools
    pairs: int = 0  # with an answer
    last: str = ""  # when the last judgment was given
    revisions: list[Revision] = field(default_factory=list)  # of the protocol, that the judgments were given under
    voted: Voted = field(default_factory=lambda: Voted((), ()))  # what annotators said, also of gone posts' pairs
    _settled: dict[tuple[str, str], str] = field(default_factory=dict)  # adjudicated labels by pair and question

    def rows(self, db: sa.Connection) -> Iterator[dict[str, Any]]:
        """Yield the rows of judgments.parquet: those that count, of pairs whose posts live, sorted by pair.

        An adjudicator's answer is one where it is the adjudicated label, as of the last `ccd labels`.
        """
        names, t = pseudonyms(db), schema.labels.c
        self.revisions = revisions.used(db, self.protocol)
        rows = db.execute(sa.select(t.pair_id, t.question, t.label).where(t.resolved_by == ADJUDICATED))
        self._settled = {(pair, question): label for pair, question, label in rows}
        self.voted = Voted(self.protocol.questions, self.revisions)
        group = of_pairs(db)
        found = db.execute(_query(db), execution_options={"yield_per": _BATCH})
        for pair, of_pair in groupby(found, key=lambda row: row.pair_id):
            self.pairs += 1
            self.voted.pair(group.get(pair))
            for row in self._pair(pair, list(of_pair), names):
                yield row | {"leakage_group": group.get(pair)}

    def _pair(self, pair: str, found: list[Any], names: dict[tuple[str, str], str]) -> Iterator[dict[str, Any]]:
        taken: dict[tuple[str, str, str], Any] = {}
        best: dict[str, int] = {}
        for row in found:
            self.last = max(self.last, row.created_at)
            if row.role == Role.ANNOTATOR:
                best[row.annotator] = min(best.get(row.annotator, len(ANSWERED)), ANSWERED.index(row.status))
            if row.status == Status.VALID:
                # Of an adjudicator each: the desk's answer may count on one question, the review app's on another
                taken.setdefault((row.role, row.annotator, "" if row.role == Role.ANNOTATOR else row.annotation), row)
        self.answered.update(ANSWERED[place] for place in best.values())
        self._review(taken)
        for row in taken.values():
            self.assisted += row.role == Role.ANNOTATOR and row.prediction is not None
            self.imported += row.role == Role.ANNOTATOR and row.project_id == IMPORTED
            answers = json.loads(row.answers)
            for question in self.protocol.questions:
                label = answers.get(question.name)
                text = label if label is None or isinstance(label, str) else format(label, ".15g")
                if text is None or (row.role != Role.ANNOTATOR and text != self._settled.get((pair, question.name))):
                    continue
                worker = names[row.role, row.annotator]
                if row.role == Role.ANNOTATOR:
                    self.voted.add(question.name, worker, label, row.revision, row.arm)
                if row.lives:
                    yield {
                        "task": pair,
                        "worker": worker,
                        "question": question.name,
                        "label": text,
                        "role": row.role,
                        "prediction": row.prediction,
                        "seconds": row.seconds,
                        "revision": row.revision,
                        "arm": row.arm,
                    }

    def _review(self, taken: dict[tuple[str, str, str], Any]) -> None:
        """Count a pair that adjudicators answered on the first question, by what their answers can be compared with.

        `twice` has the pairs that two adjudicators or more answered, `twice_same` those to which all gave one label;
        `beside` the pairs on which one label led by the annotators' votes, `beside_same` those that got it from every
        adjudicator. An adjudicator's newest answer counts.
        """
        first = self.protocol.question
        answers = {
            name: json.loads(row.answers).get(first.name)
            for (role, name, _), row in taken.items()
            if role != Role.ANNOTATOR
        }
        given = {label for label in answers.values() if label is not None}
        if first.kind != "choice" or not given:
            return
        leading = _leading(taken, first)
        number = sum(label is not None for label in answers.values())
        self.reviewed.update(twice=number > 1, twice_same=number > 1 and len(given) == 1)
        self.reviewed.update(beside=len(leading) == 1, beside_same=len(leading) == 1 and given == set(leading))


def _leading(taken: dict[tuple[str, str, str], Any], question: Question) -> list[str]:
    """Return the labels of a question with the most votes of annotators: two or more are a tie; none of scores."""
    if question.kind != "choice":
        return []
    votes = Counter(json.loads(row.answers).get(question.name) for row in taken.values() if row.role == Role.ANNOTATOR)
    del votes[None]
    return [label for label, number in votes.items() if number == max(votes.values())]


def _query(db: sa.Connection) -> "sa.Select[Any]":
    """Return the newest version of every annotation that is an answer, pair by pair, oldest annotation first."""
    j, p, a, r = schema.judgments, schema.pairs, schema.assignments, schema.rounds
    return (
        sa.select(j.c.pair_id, j.c.annotator, j.c.role, j.c.status, j.c.answers, j.c.prediction, j.c.seconds)
        .add_columns(
            j.c.annotation, j.c.project_id, j.c.created_at, j.c.revision, live_posts.is_live().label("lives"), r.c.arm
        )
        .join(p, p.c.pair_id == j.c.pair_id)
        .outerjoin(a, (a.c.pair_id == j.c.pair_id) & (a.c.annotator == j.c.annotator))
        .outerjoin(r, r.c.round == a.c.round)
        .where(j.c.role.in_(_LETTER), j.c.status.in_(ANSWERED), is_newest())
        .order_by(by_bytes(db, j.c.pair_id), j.c.created_at, j.c.judgment_id)
    )
