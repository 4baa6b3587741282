"""What a release holds of each pair, read from the campaign pair by pair. Nothing here writes."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from ccd.campaign import draws
from ccd.campaign.adjudication import INCOMPLETE
from ccd.campaign.campaign import Campaign
from ccd.campaign.tables import live_posts, schema
from ccd.campaign.tables.rounds import first_round
from ccd.errors import InputError
from ccd.files.handles import without_handles
from ccd.measures.ties import DROPPED, OPEN
from ccd.protocol import Question

UNSPLIT = "not split"
GONE = "post is gone"
LOST = "gone when hydrated"  # of a dehydrated release that was filled again
Row = dict[str, Any]
_BATCH = 5_000  # rows of the database that are held at once


@dataclass(frozen=True)
class ReleasedPair:
    """A pair that was sent out. Where `left_out` has a reason, it is in no split, and nothing else is set.

    `row` is its line in `<split>.jsonl`, or in `open.jsonl` where it is `unsettled`, which alone has a row and is left
    out. `file` and `sha256` are its image in the campaign's folder.
    """

    left_out: str = ""
    split: str = ""
    row: Row = field(default_factory=dict)
    file: str = ""
    sha256: str = ""

    @property
    def unsettled(self) -> bool:
        """Whether it was judged in full and has no label, as after a tie."""
        return self.left_out in (OPEN, DROPPED)


def pairs(db: sa.Connection, campaign: Campaign, question: str | None = None) -> Iterator[ReleasedPair]:
    """All pairs that were sent out, sorted by pair_id, a few at a time in memory.

    `question` names the question whose label is the row's own, and without which a pair is left out. By default it is
    the protocol's first, and only a pair without a label on any question is left out: `label` may be None then. Raises
    CcdError where nothing is labelled or split, or where a label is none of the protocol.

    >>> with campaign.read() as db: next(pairs(db, campaign)).row["label"]  # doctest: +SKIP
    'implicit'
    """
    if not db.scalar(sa.select(sa.exists(schema.labels.c.pair_id))):
        raise InputError("no labels yet; run `ccd labels`")
    if not db.scalar(sa.select(sa.exists(schema.splits.c.pair_id))):
        raise InputError("no splits yet; run `ccd split`")
    first = campaign.protocol.by_name(question) if question else campaign.protocol.question
    questions = (first, *(each for each in campaign.protocol.questions if each != first))
    weights = draws.read(db, first).weights()
    for found in db.execute(_query(db, questions), execution_options={"yield_per": _BATCH}).mappings():
        if not found["lives"]:
            yield ReleasedPair(GONE)
        elif all(found[f"label_{number}"] is None for number in range(1 if question else len(questions))):
            by = found["resolved_by_0"] or INCOMPLETE  # sent out since the last `ccd labels`
            yield ReleasedPair(by, row=_unsettled(found, first) if by in (OPEN, DROPPED) else {})
        elif found["split"] is None:
            yield ReleasedPair(UNSPLIT)
        else:
            row = _row(found, questions, weights.get(found["pair_id"]))
            yield ReleasedPair("", found["split"], row, found["file"], found["sha256"])


def by_bytes(db: sa.Connection, column: Any) -> Any:
    """Return a text column to sort by, in the order of its UTF-8 bytes on every database."""
    return sa.collate(column, "C") if db.dialect.name == "postgresql" else column


def _query(db: sa.Connection, questions: tuple[Question, ...]) -> "sa.Select[Any]":
    p, i, s, b, r = schema.pairs, schema.images, schema.splits, schema.round_pairs, schema.rounds
    first = first_round(b)
    answers = [schema.labels.alias(f"labels_{number}") for number in range(len(questions))]
    query = (
        sa.select(
            p.c.pair_id,
            p.c.post_id,
            p.c.text,
            live_posts.content().label("sha256"),
            i.c.file,
            s.c.split,
            s.c.leakage_group,
        )
        .add_columns(r.c.arm, b.c.inclusion_probability, live_posts.is_live().label("lives"))
        .add_columns(
            *(
                each.c[column].label(f"{column}_{number}")
                for number, each in enumerate(answers)
                for column in ("label", "resolved_by", "votes")
            )
        )
        .join(i, i.c.sha256 == p.c.image)
        .join(first, first.c.pair_id == p.c.pair_id)
        .join(b, (b.c.pair_id == first.c.pair_id) & (b.c.round == first.c.round))
        .join(r, r.c.round == first.c.round)
        .outerjoin(s, s.c.pair_id == p.c.pair_id)
        .order_by(by_bytes(db, p.c.pair_id))
    )
    for each, question in zip(answers, questions, strict=True):
        query = query.outerjoin(each, (each.c.pair_id == p.c.pair_id) & (each.c.question == question.name))
    return query


def _row(found: Mapping[Any, Any], questions: tuple[Question, ...], weight: float | None) -> Row:
    question, pair = questions[0], found["pair_id"]
    label = _value(found["label_0"], question)
    if question.kind == "choice" and label is not None and label not in question.labels:
        raise InputError(f"{pair}: {label!r} is no label of the protocol any more; run `ccd labels` again")
    row = {
        "pair_id": pair,
        "post_id": found["post_id"],
        "text": without_handles(found["text"]),
        "image": f"images/{found['sha256']}.{found['file'].rpartition('.')[2]}",
        "label": label,
        "label_id": question.labels.index(label) if isinstance(label, str) else None,
        "resolved_by": found["resolved_by_0"],
        "votes": _votes(found["votes_0"], question),
        "arm": found["arm"],
        "inclusion_probability": found["inclusion_probability"],
        "weight": weight,
        "leakage_group": found["leakage_group"],
    }
    if len(questions) > 1:
        row["labels"] = {each.name: _value(found[f"label_{number}"], each) for number, each in enumerate(questions)}
        row["labels_resolved_by"] = {each.name: found[f"resolved_by_{n}"] for n, each in enumerate(questions)}
        row["labels_votes"] = {each.name: _votes(found[f"votes_{n}"], each) for n, each in enumerate(questions)}
    return row


def _unsettled(found: Mapping[Any, Any], question: Question) -> Row:
    """Return the line of a pair without a label.

    Its ids, its votes on the question and how it was chosen, no content.
    """
    columns = {"pair_id": found["pair_id"], "post_id": found["post_id"], "resolved_by": found["resolved_by_0"]}
    columns["votes"] = _votes(found["votes_0"], question)
    return columns | {key: found[key] for key in ("arm", "inclusion_probability")}


def _votes(stored: str | None, question: Question) -> dict[str, int]:
    """How many gave each answer; also of labels that nobody chose."""
    return dict.fromkeys(question.labels, 0) | (json.loads(stored) if stored else {})


def _value(label: str | None, question: Question) -> str | float | None:
    """Return a stored label as it is published: a score is a number again."""
    return float(label) if label is not None and question.kind == "score" else label
