"""Gold labels of a campaign: votes by the protocol, adjudications on top, the `labels` table and two files."""

import io
import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pandas as pd
import sqlalchemy as sa

from ccd import judgments, schema, ties, votes
from ccd.campaign import Campaign, record, write_atomic
from ccd.errors import CcdError
from ccd.protocol import Question

ADJUDICATED = "adjudicated"

COLUMNS = ("pair_id", "question", "label", "label_id", "resolved_by", "votes")


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
    """What `settle` found. `counts` is {question: {label: {resolved_by: pairs}}}, label "" where there is none."""

    pairs: int  # assigned, whether or not judged yet
    changed: int  # rows of the table that are new or different
    counts: dict[str, dict[str, dict[str, int]]]
    conflicts: tuple[Conflict, ...]  # by pair

    def number(self, question: str, resolved_by: str) -> int:
        """How many pairs of a question were resolved so."""
        return sum(row.get(resolved_by, 0) for row in self.counts[question].values())


def settle(campaign: Campaign) -> Settled:
    """Settle every assigned pair on every question; running it again changes nothing.

    Votes that were changed or deleted settle the pair anew. An adjudicator's first valid answer stands, whatever the
    votes say or will say; where they do not bear it out, it is a conflict. The tie rule of campaign.toml is for the
    primary question; ties on the others are adjudicated. Writes labels.jsonl and labels.parquet, sorted by pair_id.
    Raises CcdError where there are no assigned pairs or no judgments yet.
    """
    with campaign.write() as db:
        pairs = sorted(db.scalars(sa.select(schema.assignments.c.pair_id).distinct()))
        if not pairs:
            raise CcdError("no pairs are assigned yet; draw a round with `ccd round new` and send it with `ccd push`")
        answered = _answered(db, pairs)
        if not answered.any():
            raise CcdError("no judgments yet; run `ccd pull` once annotators have judged some pairs")
        rows: list[dict[str, Any]] = []
        conflicts: list[Conflict] = []
        for question in campaign.protocol.questions:
            found, against = _settle_question(db, campaign, question, answered)
            rows += found
            conflicts += against
        changed = _store(db, rows)
        schema.note(db, schema.SETTLED_UP_TO, db.scalar(sa.select(sa.func.max(schema.judgments.c.judgment_id))))
    rows.sort(key=lambda row: row["pair_id"])  # stable: the protocol's order of questions in a pair
    _write_files(campaign, rows)
    conflicts.sort(key=lambda conflict: conflict.pair_id)
    return Settled(len(pairs), changed, _counts(campaign, rows), tuple(conflicts))


def _answered(db: sa.Connection, pairs: list[str]) -> "pd.Series[int]":
    """For each assigned pair, how many annotators answered, `cannot judge` included."""
    frame = judgments.newest(db)
    frame = frame[frame["status"].isin([judgments.VALID, judgments.CANNOT_JUDGE])]
    return frame.groupby("task")["worker"].nunique().reindex(pairs, fill_value=0).astype(int)


def _settle_question(
    db: sa.Connection, campaign: Campaign, question: Question, answered: "pd.Series[int]"
) -> tuple[list[dict[str, Any]], list[Conflict]]:
    """Rows with the keys COLUMNS, one an assigned pair, and the conflicts among them."""
    config = campaign.config
    counted = judgments.counted(db, question.name)
    counted = counted[counted["task"].isin(answered.index)]
    aggregator: votes.MajorityVote | votes.MeanScore
    if question.kind == "score":
        aggregator = votes.MeanScore(required=config.judgments_per_pair)
    else:
        rule = config.tie_rule if question == campaign.protocol.question else ties.ADJUDICATE
        experts = [person.name for person in config.annotators if person.expert]
        aggregator = votes.MajorityVote(
            question.labels, tie_rule=rule, required=config.judgments_per_pair, experts=experts
        )
    label = aggregator.fit_predict(counted, answered).astype(object)
    resolved = aggregator.table_["resolved_by"].copy()
    maps = _vote_maps(counted, question)

    final = judgments.counted(db, question.name, role="adjudicator").drop_duplicates("task").set_index("task")["label"]
    final = final[final.index.isin(label.index)]
    settled = label[resolved.isin([votes.UNANIMOUS, votes.MAJORITY])].to_dict()
    before = _vote_maps(judgments.counted_when_adjudicated(db, question.name), question)
    conflicts = []
    for pair, given in zip(final.index, final, strict=True):
        says, changed = settled.get(pair), before.get(pair, {}) != maps.get(pair, {})
        if says != given and (says is not None or changed):
            conflicts.append(Conflict(pair, question.name, given, says, maps.get(pair, {}), changed))
    label[final.index] = final
    resolved[final.index] = ADJUDICATED
    rows = [
        {
            "pair_id": pair,
            "question": question.name,
            "label": None if pd.isna(value) else value,
            "label_id": question.labels.index(value) if value in question.labels else None,
            "resolved_by": by,
            "votes": maps.get(pair, {}),
        }
        for pair, value, by in zip(label.index, label, resolved, strict=True)
    ]
    return rows, conflicts


def _vote_maps(counted: pd.DataFrame, question: Question) -> dict[str, dict[str, int]]:
    """Pair → {label: count}, labels in id order, scores as text in rising order."""
    maps: dict[str, dict[str, int]] = {}
    order = {label: i for i, label in enumerate(question.labels)}
    numbers = Counter(zip(counted["task"], counted["label"], strict=True))
    for (pair, label), number in sorted(numbers.items(), key=lambda item: order.get(item[0][1], item[0][1])):
        maps.setdefault(pair, {})[_text(label)] = number
    return maps


def _text(label: str | float) -> str:
    return label if isinstance(label, str) else format(label, ".15g")


def _store(db: sa.Connection, rows: list[dict[str, Any]]) -> int:
    """Bring the table to `rows`, writing changed ones only; each change of a label is an event. Returns how many."""
    t = schema.labels
    stored = {(row.pair_id, row.question): row for row in db.execute(sa.select(t))}
    changed: list[dict[str, Any]] = []
    for row in rows:
        new = {
            "pair_id": row["pair_id"],
            "question": row["question"],
            "label": None if row["label"] is None else _text(row["label"]),
            "resolved_by": row["resolved_by"],
            "votes": json.dumps(row["votes"], ensure_ascii=False),
        }
        old = stored.pop((row["pair_id"], row["question"]), None)
        if old is not None and dict(old._mapping) == new:
            continue
        changed.append(new)
        _record_change(db, None if old is None else dict(old._mapping), new)
    for old in stored.values():  # no longer assigned, or a question the protocol no longer asks
        _record_change(db, dict(old._mapping), None)
    gone = [{"pair": pair, "of": question} for pair, question in stored]
    gone += [{"pair": row["pair_id"], "of": row["question"]} for row in changed]
    if gone:
        this = (t.c.pair_id == sa.bindparam("pair")) & (t.c.question == sa.bindparam("of"))
        db.execute(sa.delete(t).where(this), gone)
    if changed:
        db.execute(t.insert(), changed)
    return len(gone)


def _record_change(db: sa.Connection, old: dict[str, Any] | None, new: dict[str, Any] | None) -> None:
    keys = ("question", "label", "resolved_by")
    before = {key: old[key] for key in keys} if old and old["label"] is not None else None
    after = {key: new[key] for key in keys} if new and new["label"] is not None else None
    if before != after:
        subject = (new or old or {})["pair_id"]
        record(db, "ccd labels", "label", subject, before, after)


def _write_files(campaign: Campaign, rows: list[dict[str, Any]]) -> None:
    """labels.jsonl (scores as numbers) and labels.parquet (label and votes as text), each whole or not at all."""
    lines = "".join(json.dumps({key: row[key] for key in COLUMNS}, ensure_ascii=False) + "\n" for row in rows)
    write_atomic(campaign.folder / "labels.jsonl", lines.encode())
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    frame["label"] = [None if row["label"] is None else _text(row["label"]) for row in rows]
    frame["label_id"] = frame["label_id"].astype("Int64")
    frame["votes"] = [json.dumps(row["votes"], ensure_ascii=False) for row in rows]
    buffer = io.BytesIO()
    frame.to_parquet(buffer, index=False)
    write_atomic(campaign.folder / "labels.parquet", buffer.getvalue())


def _counts(campaign: Campaign, rows: list[dict[str, Any]]) -> dict[str, dict[str, dict[str, int]]]:
    counts: dict[str, dict[str, dict[str, int]]] = {
        question.name: {label: {} for label in (*question.labels, "")} for question in campaign.protocol.questions
    }
    for row in rows:
        by_label = counts[row["question"]]
        label = "" if row["label"] is None else row["label"]
        by = by_label.setdefault(label if isinstance(label, str) else "score", {})
        by[row["resolved_by"]] = by.get(row["resolved_by"], 0) + 1
    return counts
