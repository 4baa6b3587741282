"""The split of a campaign: made from its labelled pairs, stored, and published."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from ccd.campaign import draws, revisions
from ccd.campaign.campaign import Campaign
from ccd.campaign.tables import schema
from ccd.campaign.tables.events import record
from ccd.campaign.tables.frames import batches, frame_of
from ccd.campaign.tables.live_posts import is_live
from ccd.campaign.tables.notes import SPLIT_OF, SPLIT_PLAN, note, noted
from ccd.campaign.tables.rounds import first_round
from ccd.errors import InputError
from ccd.files.handles import without_handles
from ccd.protocol import Question
from ccd.splitting.options import SPLITS, Quotas
from ccd.splitting.split import UNLABELLED, Split, split
from ccd.vocabulary import Arm


def split_campaign(campaign: Campaign, like: str | None = None, question: str | None = None) -> Split:
    """Split the campaign's labelled pairs by campaign.toml and store it; what is published stays.

    Pairs that have a label on any question get a split. Quotas are by the labels of `question` (default: the
    protocol's first), and pairs that have none on it count as one more label, UNLABELLED. `like` goes before what
    campaign.toml says. Near-duplicate pictures are those that have a hash (`ccd split` makes what is missing). Raises
    CcdError where no pair has a label on the question yet, and where judgments have an answer that the protocol lacks.
    """
    of, s, config = (
        campaign.protocol.by_name(question or campaign.protocol.question.name),
        schema.splits,
        campaign.config,
    )
    quotas = config.quotas if like is None else Quotas(config.quotas.shares, like=like)
    with campaign.write() as db:
        published = {row.pair_id: row.split for row in db.execute(sa.select(schema.published))}
        revisions.check_answers(db, campaign.protocol)
        frame = _pairs(db, of.name, published)
        has_label = frame["label"].notna() & (frame["label"] != UNLABELLED)
        if not has_label.any():
            on = f" on question {of.name!r}" if len(campaign.protocol.questions) > 1 else ""
            raise InputError(f"no pair has a label yet{on}; run `ccd labels`, and settle what is open")
        if weights := draws.read(db, of).weights():
            frame["weight"] = frame["pair_id"].map(weights)
            unlabelled = (frame["label"] == UNLABELLED) & (frame["arm"] == Arm.RANDOM)
            frame.loc[unlabelled, "weight"] = frame.loc[frame["arm"] == Arm.RANDOM, "weight"].mean()
        if of.kind == "score":
            frame["label"] = frame["label"].where(~has_label, "score")  # nothing to stratify by
        result = split(frame, quotas=quotas, seed=config.split_seed, ties=config.split_ties, published=published)
        t = schema.labels.c
        labelled = sa.select(sa.func.count(t.pair_id.distinct())).where(t.label.is_not(None))
        note(db, SPLIT_OF, db.scalar(labelled))
        sizes = result.counts.groupby("split", sort=False)["wanted"].sum()
        made_with = {
            "question": of.name,
            "wanted": {str(name): int(size) for name, size in sizes.items()},
            "like": quotas.like,
            "seed": config.split_seed,
            "ties": list(config.split_ties),
            "left_out": len(result.left_out),
            "large": None if result.large is None else asdict(result.large),
        }
        note(db, SPLIT_PLAN, json.dumps(made_with))
        if not _stored(db, result.table):
            db.execute(sa.delete(s))
            of_table = result.table.itertuples(index=False, name=None)
            for some in batches(dict(zip(s.c.keys(), row, strict=True)) for row in of_table):
                db.execute(s.insert(), some)
            after = result.table["split"].value_counts().to_dict() | {"made_with": made_with}
            record(db, "ccd split", "split", campaign.config.name, after=after)
    return result


def _stored(db: sa.Connection, table: pd.DataFrame) -> bool:
    """Whether the database has this split already."""
    stored = frame_of(db, sa.select(schema.splits), differ=("pair_id",)).sort_values("pair_id")
    return np.array_equal(stored[table.columns].to_numpy(object), table.to_numpy(object))


def plan(db: sa.Connection) -> dict[str, Any] | None:
    """Return what the stored split was made with: question, wanted (split → pairs), like, seed, ties, left_out, large.

    None where no split is stored.

    >>> with campaign.read() as db: plan(db)  # doctest: +SKIP
    {'question': 'relation', 'wanted': {'train': 10294, 'dev': 975, 'test': 983}, 'like': 'ccd', 'seed': 1, …}
    """
    found = noted(db, SPLIT_PLAN)
    made_with: dict[str, Any] | None = json.loads(found) if found else None
    return made_with


def by_question(db: sa.Connection, questions: Iterable[Question]) -> dict[str, list[dict[str, Any]]]:
    """Of each question the pairs of living posts by split and label: {split, label, got}, label UNLABELLED for none.

    Scores are one label, "score".
    """
    s, p, v = schema.splits, schema.pairs, schema.labels
    found = {}
    for question in questions:
        on = (v.c.pair_id == s.c.pair_id) & (v.c.question == question.name)
        label = v.c.label if question.labels else sa.case((v.c.label.is_not(None), "score"))
        named = sa.func.coalesce(label, UNLABELLED)
        query = sa.select(s.c.split, named, sa.func.count()).join(p, p.c.pair_id == s.c.pair_id)
        query = query.join(v, on, isouter=True).where(is_live()).group_by(s.c.split, named)
        number: dict[tuple[str, str], int] = {(row[0], row[1]): row[2] for row in db.execute(query)}
        labels = [*(question.labels or ("score",)), *({UNLABELLED} & {label for _, label in number})]
        found[question.name] = [
            {"split": name, "label": label, "got": number.get((name, label), 0)} for name in SPLITS for label in labels
        ]
    return found


def publish(db: sa.Connection, release: str, pairs: Iterable[tuple[str, str]]) -> None:
    """Note that `release` has these pairs (pair_id, split); what an earlier one had stays noted as it is."""
    t = schema.published
    for some in batches(pairs):
        known = set(db.scalars(sa.select(t.c.pair_id).where(t.c.pair_id.in_([pair for pair, _ in some]))))
        rows = [{"pair_id": p, "split": s, "release": release} for p, s in some if p not in known]
        if rows:
            db.execute(t.insert(), rows)


def _pairs(db: sa.Connection, question: str, published: Mapping[str, str]) -> pd.DataFrame:
    """Pairs of living posts with a label, and published ones: pair_id, label, what ties look at, arm of first round.

    A pair that has a label on another question only is UNLABELLED. A published pair whose post is gone has no label
    here: it counts for nothing, and still holds its place.
    """
    p, v, r = schema.pairs, schema.labels, schema.rounds
    first = first_round(schema.assignments)
    other = schema.labels.alias("other")
    has_any = sa.exists().where(other.c.pair_id == p.c.pair_id, other.c.label.is_not(None))
    label = sa.case((is_live() & has_any, sa.func.coalesce(v.c.label, UNLABELLED))).label("label")
    columns = (p.c.pair_id, label, p.c.image, schema.images.c.phash, p.c.text, p.c.post_id)
    frame = frame_of(
        db,
        sa.select(*columns, schema.posts.c.author_key, r.c.arm)
        .join(v, (v.c.pair_id == p.c.pair_id) & (v.c.question == question), isouter=True)
        .join(first, first.c.pair_id == p.c.pair_id)
        .join(r, r.c.round == first.c.round)
        .join(schema.images, schema.images.c.sha256 == p.c.image)
        .join(schema.posts, schema.posts.c.post_id == p.c.post_id),
        differ=("pair_id", "text"),
    )
    frame = frame[frame["label"].notna() | frame["pair_id"].isin(published.keys())].reset_index(drop=True)
    # as in the release, so that whoever checks it finds these ties
    frame["text"] = pd.Series([without_handles(text) for text in frame["text"]], dtype=object)
    return frame
