"""What a release holds, as values: rows of each split, counts and facts. Nothing here writes."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ccd import __version__, gone, schema
from ccd.agreement import of_campaign
from ccd.campaign import Campaign
from ccd.errors import CcdError
from ccd.protocol import Question

UNSPLIT = "not split"
GONE = "post is gone"


@dataclass(frozen=True)
class Content:
    """`rows` {split: rows of its file, sorted by pair_id} and `facts`, which is release.json.

    `images` is {path in the release: (file in the campaign, sha256)}; `excluded` counts assigned pairs that are not
    in, by reason.
    """

    rows: dict[str, list[dict[str, Any]]]
    images: dict[str, tuple[str, str]]
    facts: dict[str, Any]
    excluded: dict[str, int]


def read_content(campaign: Campaign, name: str) -> Content:
    """Read it all from one state of the database. Raises CcdError where nothing is labelled or split."""
    splits = campaign.config.split_shares
    rows: dict[str, list[dict[str, Any]]] = {split: [] for split in splits}
    images: dict[str, tuple[str, str]] = {}
    excluded: Counter[str] = Counter()
    with campaign.read() as db:
        if not db.scalar(sa.select(sa.func.count()).select_from(schema.labels)):
            raise CcdError("no labels yet; run `ccd labels`")
        if not db.scalar(sa.select(sa.func.count()).select_from(schema.splits)):
            raise CcdError("no splits yet; run `ccd split`")
        others = _other_labels(db, campaign)
        for found in _pairs(db, campaign.protocol.question):
            if not found["lives"]:
                excluded[GONE] += 1
                continue
            if found["label"] is None or found["split"] is None:
                excluded[UNSPLIT if found["label"] is not None else found["resolved_by"]] += 1
                continue
            row = _row(found, campaign, others)
            rows[found["split"]].append(row)
            images[row["image"]] = (found["file"], found["sha256"])
        agreement = of_campaign(db, campaign.protocol)
    if not any(rows.values()):
        raise CcdError("no pair has both a label and a split; run `ccd labels`, then `ccd split`")
    for of_split in rows.values():
        of_split.sort(key=lambda row: row["pair_id"])  # here, as databases order text differently
    left = dict(sorted(excluded.items()))
    facts = {
        "name": name,
        "campaign": campaign.config.name,
        "synthetic": campaign.is_synthetic,
        "protocol": {"name": campaign.protocol.name, "fingerprint": campaign.protocol.fingerprint},
        "question": campaign.protocol.question.name,
        "toolkit": f"ccd-toolkit {__version__}",
        "split": {"shares": dict(splits), "seed": campaign.config.split_seed},
        "counts": count(rows, campaign.protocol.labels),
        "excluded": left,
        "agreement": {question: found.to_dict(names=False) for question, found in agreement.items()},
    }
    return Content(rows, dict(sorted(images.items())), facts, left)


def count(rows: Mapping[str, list[dict[str, Any]]], labels: tuple[str, ...]) -> dict[str, dict[str, int]]:
    """{split: {label: pairs}} with every label and `all`; scores have `all` alone."""
    return {
        split: {label: sum(row["label"] == label for row in of_split) for label in labels} | {"all": len(of_split)}
        for split, of_split in rows.items()
    }


def _pairs(db: sa.Connection, question: Question) -> list[dict[str, Any]]:
    p, i, v, s = schema.pairs, schema.images, schema.labels, schema.splits
    a, r = schema.assignments, schema.rounds
    first = sa.select(a.c.pair_id, sa.func.min(a.c.round).label("round")).group_by(a.c.pair_id).subquery()
    query = (
        sa.select(p.c.pair_id, p.c.post_id, p.c.text, i.c.sha256, i.c.file, v.c.label, v.c.resolved_by, v.c.votes)
        .add_columns(r.c.arm, s.c.split, s.c.leakage_group, gone.lives().label("lives"))
        .join(i, i.c.sha256 == p.c.image)
        .join(v, (v.c.pair_id == p.c.pair_id) & (v.c.question == question.name))
        .join(first, first.c.pair_id == p.c.pair_id)
        .join(r, r.c.round == first.c.round)
        .outerjoin(s, s.c.pair_id == p.c.pair_id)
    )
    return [dict(row) for row in db.execute(query).mappings()]


def _row(
    found: Mapping[str, Any], campaign: Campaign, others: Mapping[str, dict[str, str | float | None]]
) -> dict[str, Any]:
    question, pair = campaign.protocol.question, found["pair_id"]
    if question.kind == "choice" and found["label"] not in question.labels:
        raise CcdError(f"{pair}: {found['label']!r} is no label of the protocol any more; run `ccd labels` again")
    suffix = found["file"].rpartition(".")[2]
    label = _value(found["label"], question)
    row = {
        "pair_id": pair,
        "post_id": found["post_id"],
        "text": found["text"],
        "image": f"images/{found['sha256']}.{suffix}",
        "label": label,
        "label_id": question.labels.index(label) if isinstance(label, str) else None,
        "resolved_by": found["resolved_by"],
        "votes": json.loads(found["votes"]),
        "arm": found["arm"],
        "leakage_group": found["leakage_group"],
    }
    if others:
        row["labels"] = {question.name: label, **others.get(pair, {})}
    return row


def _other_labels(db: sa.Connection, campaign: Campaign) -> dict[str, dict[str, str | float | None]]:
    """{pair_id: {question: label}} of all but the primary question, in the protocol's order; empty if there is one."""
    found: dict[str, dict[str, str | float | None]] = {}
    t = schema.labels
    for question in campaign.protocol.questions[1:]:
        for row in db.execute(sa.select(t.c.pair_id, t.c.label).where(t.c.question == question.name)):
            found.setdefault(row.pair_id, {})[question.name] = _value(row.label, question)
    return found


def _value(label: str | None, question: Question) -> str | float | None:
    """A stored label as it is published: a score is a number again."""
    return float(label) if label is not None and question.kind == "score" else label
