"""Gold labels of a campaign: votes by the protocol, adjudications on top, the `labels` table and two files."""

import io
import json
from collections import Counter
from dataclasses import dataclass
from typing import Any, NamedTuple

import pandas as pd
import sqlalchemy as sa

from ccd.campaign import adjudicator_answers, revisions
from ccd.campaign.adjudication import ADJUDICATED
from ccd.campaign.campaign import Campaign
from ccd.campaign.tables import judgments, schema
from ccd.campaign.tables.events import event
from ccd.campaign.tables.frames import batches
from ccd.campaign.tables.notes import SETTLED_UP_TO, note
from ccd.errors import InputError
from ccd.files.atomic import write_atomic
from ccd.measures import aggregation, ties
from ccd.protocol import Question

_BATCH = 5_000  # rows of the database that are read at once
_Key = tuple[str, str]  # pair and question
_Content = tuple[str | None, str, str]  # label, resolved_by and votes as the table has them


class LabelRow(NamedTuple):
    """A line of labels.jsonl. Equal votes are one object, so that a million rows take little memory."""

    pair_id: str
    question: str
    label: str | float | None
    label_id: int | None
    resolved_by: str
    votes: dict[str, int]


@dataclass(frozen=True)
class Conflict:
    """An adjudicated pair whose votes do not bear the label out: they settle on `says`, or changed and settle nothing.

    `votes` is {label: count} as they stand; `changed` says that they were others when the adjudicator answered.
    """

    pair_id: str
    question: str
    label: str | float
    says: str | None
    votes: dict[str, int]
    changed: bool


@dataclass(frozen=True)
class Settled:
    """The result: `counts` is {question: {label: {resolved_by: pairs}}}, label "" where there is none."""

    pairs: int  # assigned, whether or not judged yet
    changed: int  # rows of the table that are new or different
    open: int  # pairs with a question that waits for an adjudicator
    incomplete: int  # pairs with a question that waits for annotators
    counts: dict[str, dict[str, dict[str, int]]]
    conflicts: tuple[Conflict, ...]  # by pair
    mixed: str | None  # what to say of judgments that were given under several revisions of the protocol

    def number(self, question: str, resolved_by: str) -> int:
        """How many pairs of a question were resolved so."""
        return sum(row.get(resolved_by, 0) for row in self.counts[question].values())


def aggregate_labels(campaign: Campaign) -> Settled:
    """Settle every assigned pair on every question; running it again changes nothing.

    Votes that were changed or deleted settle the pair anew. An adjudicator's answer to a question that was open stands,
    whatever the votes will say (ccd/campaign/adjudicator_answers.py); where they do not bear it out, it is a conflict.
    The tie rule of campaign.toml is for the primary question; ties on the others are adjudicated. Writes labels.jsonl
    and labels.parquet, sorted by pair_id. Raises CcdError where there are no assigned pairs or no judgments yet, and
    where judgments have an answer that the protocol lacks; then nothing is written.
    """
    with campaign.write() as db:
        pairs = sorted(db.scalars(sa.select(schema.assignments.c.pair_id).distinct()))
        if not pairs:
            raise InputError("no pairs are assigned yet; draw a round with `ccd round new` and send it with `ccd push`")
        if not _answered(db, pairs).any():
            raise InputError("no judgments yet; run `ccd pull` once annotators have judged some pairs")
        revisions.check_answers(db, campaign.protocol)
        found_revisions = revisions.used(db, campaign.protocol)
        rows: list[LabelRow] = []
        conflicts: list[Conflict] = []
        for question in campaign.protocol.questions:
            asked = [each.number for each in found_revisions if each.asks(question.name)]
            answered = _answered(db, pairs, None if len(asked) == len(found_revisions) else asked)
            found, against = _settle_question(db, campaign, question, answered)
            rows += found
            conflicts += against
        changed = _store(db, rows)
        note(db, SETTLED_UP_TO, db.scalar(sa.select(sa.func.max(schema.judgments.c.judgment_id))))
    rows.sort(key=lambda row: row.pair_id)  # stable: the protocol's order of questions in a pair
    _write_files(campaign, rows)
    conflicts.sort(key=lambda conflict: conflict.pair_id)
    still_open, incomplete = (
        len({row.pair_id for row in rows if row.resolved_by == by}) for by in (ties.OPEN, aggregation.INCOMPLETE)
    )
    return Settled(
        pairs=len(pairs),
        changed=changed,
        open=still_open,
        incomplete=incomplete,
        counts=_counts(campaign, rows),
        conflicts=tuple(conflicts),
        mixed=revisions.mixed(found_revisions),
    )


def _answered(db: sa.Connection, pairs: list[str], under: list[int] | None = None) -> "pd.Series[int]":
    """For each assigned pair, how many annotators answered, `cannot judge` included (under these revisions alone)."""
    heard = judgments.responses_per_pair(db, under)
    return pd.Series([heard.get(pair, 0) for pair in pairs], index=pd.Index(pairs, dtype=object), dtype=int)


def _settle_question(
    db: sa.Connection, campaign: Campaign, question: Question, answered: "pd.Series[int]"
) -> tuple[list[LabelRow], list[Conflict]]:
    """Return a row an assigned pair, and the conflicts among them."""
    counted = judgments.valid_judgments(db, question.name)
    counted = counted[counted["task"].isin(answered.index)]
    aggregator = _aggregator(campaign, question, campaign.config.judgments_per_pair)
    label = aggregator.fit_predict(counted, answered).astype(object)
    resolved = aggregator.table_["resolved_by"].copy()
    maps = _vote_maps(counted, question)

    given = adjudicator_answers.adjudications(db, question.name)
    final = given.standing({*resolved.index[resolved == ties.OPEN], *_were_open(campaign, question, given)})
    final = final[final.index.isin(label.index)]
    settled = label[resolved.isin([aggregation.UNANIMOUS, aggregation.MAJORITY])].to_dict()
    before = _vote_maps(given.answered_before(final["last"]).dropna(subset="label"), question)
    conflicts = []
    for pair, decided in zip(map(str, final.index), final["label"], strict=True):
        says, changed = settled.get(pair), before.get(pair, {}) != maps.get(pair, {})
        if says != decided and (says is not None or changed):
            conflicts.append(Conflict(pair, question.name, decided, says, maps.get(pair, {}), changed))
    label[final.index] = final["label"]
    resolved[final.index] = ADJUDICATED
    number = {name: i for i, name in enumerate(question.labels)}
    rows = [
        LabelRow(pair, question.name, None if pd.isna(value) else value, number.get(value), by, maps.get(pair, {}))
        for pair, value, by in zip(label.index, label, resolved, strict=True)
    ]
    return rows, conflicts


def _aggregator(
    campaign: Campaign, question: Question, required: int
) -> aggregation.MajorityVote | aggregation.MeanScore:
    """Return what settles a question: the campaign's tie rule is for the primary one alone."""
    if question.kind == "score":
        return aggregation.MeanScore(required=required)
    config = campaign.config
    rule = config.tie_rule if question == campaign.protocol.question else ties.ADJUDICATE
    experts = [person.name for person in config.annotators if person.expert]
    return aggregation.MajorityVote(question.labels, tie_rule=rule, required=required, experts=experts)


def _were_open(campaign: Campaign, question: Question, given: adjudicator_answers.Adjudications) -> set[str]:
    """Return the pairs on which the question was open when the first answer on the adjudicators' desk came in.

    An adjudicator is asked when everybody has answered, so the answers by then are all that were required: one that was
    withdrawn, or a `judgments_per_pair` that was raised later, opens nothing.
    """
    first = given.first_on_desk()
    before = given.answered_before(first)
    answered = before.groupby("task").size().reindex(first.index, fill_value=0)
    found = set(answered.index[answered == 0])
    for number in sorted(set(answered) - {0}):
        some = answered[answered == number]
        required = min(campaign.config.judgments_per_pair, max(number, 2))
        aggregator = _aggregator(campaign, question, required)
        aggregator.fit_predict(before[before["task"].isin(some.index)].dropna(subset="label"), some)
        resolved = aggregator.table_["resolved_by"]
        found |= set(resolved.index[resolved.isin([ties.OPEN, aggregation.INCOMPLETE])])
    return found


def _vote_maps(counted: pd.DataFrame, question: Question) -> dict[str, dict[str, int]]:
    """Pair → {label: count}, labels in id order, scores as text in rising order."""
    order: dict[Any, Any] = {label: i for i, label in enumerate(question.labels)}
    given: dict[str, list[Any]] = {}
    for pair, label in zip(counted["task"], counted["label"], strict=True):
        given.setdefault(pair, []).append(label)
    known: dict[tuple[Any, ...], dict[str, int]] = {}
    maps = {}
    for pair, labels in given.items():
        pattern = tuple(sorted(labels, key=lambda label: order.get(label, label)))
        if pattern not in known:
            known[pattern] = dict(Counter(map(_text, pattern)))
        maps[pair] = known[pattern]
    return maps


def _text(label: str | float) -> str:
    return label if isinstance(label, str) else format(label, ".15g")


def _store(db: sa.Connection, rows: list[LabelRow]) -> int:
    """Bring the table to `rows`, writing changed ones only; each change of a label is an event. Returns how many."""
    t = schema.labels
    same: dict[Any, Any] = {}  # one object for equal contents
    stored = {
        (pair, question): same.setdefault(content, content)
        for pair, question, *rest in db.execute(sa.select(t), execution_options={"yield_per": _BATCH})
        if (content := tuple(rest))
    }
    changed = 0
    for some in batches(rows):
        new = {(row.pair_id, row.question): _content(row) for row in some}
        changed += _write(db, {key: stored.pop(key, None) for key in new}, new)
    for gone in batches(stored.items()):  # no longer assigned, or a question the protocol no longer asks
        changed += _write(db, dict(gone), {})
    return changed


def _content(row: LabelRow) -> _Content:
    """Return what the table holds of a row beside its key: label, resolved_by and votes."""
    return (
        None if row.label is None else _text(row.label),
        row.resolved_by,
        json.dumps(row.votes, ensure_ascii=False),
    )


def _write(db: sa.Connection, old: dict[_Key, _Content | None], new: dict[_Key, _Content]) -> int:
    """Replace rows by others, both by pair and question; returns how many were not the same."""
    t = schema.labels
    keys = [key for key, before in old.items() if before != new.get(key)]
    this = (t.c.pair_id == sa.bindparam("pair")) & (t.c.question == sa.bindparam("of"))
    if keys:
        db.execute(sa.delete(t).where(this), [{"pair": pair, "of": question} for pair, question in keys])
    if rows := [dict(zip(t.c.keys(), (*key, *new[key]), strict=True)) for key in keys if key in new]:
        db.execute(t.insert(), rows)
    events = [
        event("ccd labels", "label", key[0], before, after)
        for key in keys
        if (before := _said(key, old[key])) != (after := _said(key, new.get(key)))
    ]
    if events:
        db.execute(schema.events.insert(), events)
    return len(keys)


def _said(key: _Key, content: _Content | None) -> dict[str, str] | None:
    """Return what an event tells of a label; None where there is none."""
    if content is None or content[0] is None:
        return None
    return {"question": key[1], "label": content[0], "resolved_by": content[1]}


def _write_files(campaign: Campaign, rows: list[LabelRow]) -> None:
    """labels.jsonl (scores as numbers) and labels.parquet (label and votes as text), each whole or not at all."""
    lines = io.BytesIO()
    for row in rows:
        lines.write((json.dumps(row._asdict(), ensure_ascii=False) + "\n").encode())
    write_atomic(campaign.folder / "labels.jsonl", lines.getvalue())
    del lines
    frame = pd.DataFrame({"pair_id": [row.pair_id for row in rows], "question": [row.question for row in rows]})
    frame["label"] = [None if row.label is None else _text(row.label) for row in rows]
    frame["label_id"] = pd.array([row.label_id for row in rows], dtype="Int64")
    frame["resolved_by"] = [row.resolved_by for row in rows]
    frame["votes"] = [json.dumps(row.votes, ensure_ascii=False) for row in rows]
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    write_atomic(campaign.folder / "labels.parquet", buffer.getvalue())


def _counts(campaign: Campaign, rows: list[LabelRow]) -> dict[str, dict[str, dict[str, int]]]:
    counts: dict[str, dict[str, dict[str, int]]] = {
        question.name: {label: {} for label in (*question.labels, "")} for question in campaign.protocol.questions
    }
    for row in rows:
        by_label = counts[row.question]
        label = "" if row.label is None else row.label
        by = by_label.setdefault(label if isinstance(label, str) else "score", {})
        by[row.resolved_by] = by.get(row.resolved_by, 0) + 1
    return counts
