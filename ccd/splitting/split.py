"""Train, dev and test by leakage group: tied pairs are never apart (ccd/splitting/leakage.py).

Dev and test are drawn only from groups whose pairs were all chosen at random (arm `random`). Where each labelled pair
says how many it stands for (`weight`, ccd/campaign/draws.py), they have the label shares of all pairs, also of those
that a ranking took before a later random round; they are smaller where too few pairs of a label may be there. Within
that, sizes and labels come as near to what is wanted (ccd/splitting/quotas.py) as whole groups allow
(ccd/splitting/placement.py), and what was given up is reported.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
import sqlalchemy as sa

from ccd.campaign import draws, revisions
from ccd.campaign.campaign import Campaign
from ccd.campaign.config import SPLITS, Quotas
from ccd.campaign.tables import schema
from ccd.campaign.tables.events import record
from ccd.campaign.tables.frames import batches, frame_of
from ccd.campaign.tables.live_posts import lives
from ccd.errors import CcdError
from ccd.files.handles import without_handles
from ccd.protocol import Question
from ccd.splitting.leakage import TIES, Tie, find, groups
from ccd.splitting.placement import FREE, place, too_large
from ccd.splitting.quotas import Floats, Ints, wanted
from ccd.wording import number_of

TRAIN = SPLITS[0]
RANDOM = "random"
UNLABELLED = "no label"  # on the question that is stratified by; a label of a protocol has no blank
ARMS = (RANDOM, "active", "gold", "imported")


@dataclass(frozen=True)
class Large:
    """Groups that could be in dev or test and are too large: `groups` with so many `pairs`, the `smallest` of so many.

    `shares` (label → of the pairs that may be in dev or test, these groups' among them, and without them;
    None where no other pair may be there).
    """

    groups: int
    pairs: int
    smallest: int
    shares: dict[str, tuple[float, float | None]]

    @classmethod
    def of(cls, counts: Ints, fair: Any, large: Any, labels: list[str]) -> "Large | None":
        """From the pairs [groups, labels] of each group, which may be in dev or test, and which are too large."""
        sizes = counts[large].sum(axis=1)
        if not len(sizes):
            return None
        whole, left = counts[fair].sum(axis=0), counts[fair & ~large].sum(axis=0)
        without = (left / left.sum()).tolist() if left.any() else [None] * len(labels)
        shares = dict(zip(labels, zip((whole / whole.sum()).tolist(), without, strict=True), strict=True))
        return cls(len(sizes), int(sizes.sum()), int(sizes.min()), shares)

    def __str__(self) -> str:
        """Return what this does to the shares, in words."""
        are = "leakage group is" if self.groups == 1 else "leakage groups are"
        pairs = f"{number_of(self.pairs, 'pair')}, {self.smallest:,} or more in a group"
        left = [f"{label} {b:.1%} for {a:.1%}" for label, (a, b) in self.shares.items() if b is not None]
        what = (
            f"the pairs left for dev and test are {', '.join(left)}" if left else "no other pair may be in dev and test"
        )
        return f"{self.groups:,} {are} too large for dev and test ({pairs}): such pairs are in train alone, and {what}"


@dataclass(frozen=True)
class Split:
    """`table`: pair_id, split, leakage_group, sorted by pair_id; `pairs`: the same rows as they were given, and `ties`
    among them. `counts`: split, label, wanted, got.

    `large` are the groups that are too large for dev and test. `left_out` are pairs that must have no split, as
    published ones do not let them; `given_up` says in words where `got` is not what was wanted, or not a fair sample.
    """

    table: pd.DataFrame
    pairs: pd.DataFrame
    ties: Mapping[str, Tie]
    counts: pd.DataFrame
    left_out: tuple[str, ...]
    given_up: tuple[str, ...]
    large: Large | None


def split(
    frame: pd.DataFrame,
    *,
    quotas: Quotas | Mapping[str, float],
    seed: int,
    ties: Iterable[str] = tuple(TIES),
    published: Mapping[str, str] | None = None,
) -> Split:
    """Give every pair of `frame` (pair_id, label, arm, and what the `ties` look at) a split.

    `quotas` may be a plain map of shares. With a column `weight`, the number of pairs that each labelled pair stands
    for, dev and test have the label shares of its sums, else those of the random arm.

    `published` (pair_id → split) are pairs of earlier releases, with or without a label: those of dev and test stay
    whatever happens, those of train stay unless they are tied to dev or test, and are left out then. A new pair tied to
    a published one follows it; it is left out where it would go to dev or test and is not of the random arm, or where
    it is tied to both. The order of rows does not matter. Raises CcdError for a missing column, a pair that is there
    twice or has no id, an arm or a published split that is unknown, and quotas that cannot be met.

    >>> lone = pd.DataFrame({"pair_id": list("abcdefgh"), "label": "yes", "arm": "random"})
    >>> half = {"train": 0.5, "dev": 0.25, "test": 0.25}
    >>> split(lone, quotas=half, seed=1, ties=[]).table["split"].value_counts().to_dict()
    {'train': 4, 'dev': 2, 'test': 2}
    """
    quotas = quotas if isinstance(quotas, Quotas) else Quotas(quotas)
    _check(frame, published or {})
    frame = frame.sort_values("pair_id", ignore_index=True)
    names = list(ties)
    found = find(frame, names)
    group = groups(frame, found)
    stays = frame["pair_id"].map(dict(published or {}))
    out = _left_out(stays, group, frame["arm"])
    left_out = tuple(frame.loc[out, "pair_id"])
    if left_out:
        frame, stays = frame[~out].reset_index(drop=True), stays[~out].reset_index(drop=True)
        found = find(frame, names)  # a group that held together by them alone falls apart
        group = groups(frame, found)

    labels = sorted(frame["label"].dropna().unique())
    label = pd.Categorical(frame["label"], categories=labels).codes
    drawn = (frame["arm"] == RANDOM).to_numpy()
    at, names_of = pd.factorize(group)
    counts = np.zeros((len(names_of), len(labels)), dtype=np.int64)
    np.add.at(counts, (at[label >= 0], label[label >= 0]), 1)
    held = np.full(len(names_of), FREE)
    held[at[~drawn]] = SPLITS.index(TRAIN)
    for name in SPLITS:  # dev and test last: a published pair of theirs goes before all else
        held[at[(stays == name).to_numpy()]] = SPLITS.index(name)
    fair = held != SPLITS.index(TRAIN)
    free = counts[fair].sum(axis=0)
    weight = frame["weight"].fillna(0) if "weight" in frame else pd.Series(drawn.astype(float))
    like: Floats = np.bincount(label[label >= 0], weight[label >= 0], len(labels)).astype(float)
    full = wanted(quotas, labels, _count(label, labels), like)
    asked = wanted(quotas, labels, _count(label, labels), like, free) if "weight" in frame else full
    chosen, got = place(counts, held, asked, np.array([_order(seed, name) for name in names_of], dtype=np.uint64))

    of_pair = np.array(SPLITS, dtype=object)[chosen[at]]
    fixed = stays.isin(SPLITS[1:]).to_numpy()
    of_pair[fixed] = stays[fixed]  # where two published ones are tied, each stays where it is
    table = pd.DataFrame({"pair_id": frame["pair_id"], "split": of_pair, "leakage_group": group})
    told = pd.DataFrame(
        [
            {"split": name, "label": one, "wanted": int(asked[i, j]), "got": int(got[i, j])}
            for i, name in enumerate(SPLITS)
            for j, one in enumerate(labels)
        ],
        columns=["split", "label", "wanted", "got"],
    )
    given_up = _too_few(labels, full, asked, like, free) + _given_up(told, int(free.sum()))
    large = Large.of(counts, fair, too_large(counts, held, chosen, asked), labels)
    given_up += () if large is None else (str(large),)
    return Split(table, frame, found, told, left_out, given_up, large)


def _check(frame: pd.DataFrame, published: Mapping[str, str]) -> None:
    """Refuse pairs that cannot be split. Raises CcdError."""
    if not isinstance(frame, pd.DataFrame):
        raise CcdError(f"the pairs are a {type(frame).__name__}; make a DataFrame with pair_id, label and arm of them")
    for column in ("pair_id", "label", "arm"):
        if column not in frame.columns:
            raise CcdError(
                f"the pairs lack the column {column!r}; columns must be pair_id, label, arm and what ties need"
            )
    if frame["pair_id"].isna().any():
        raise CcdError("a pair has no pair_id; give every pair one")
    twice = frame.loc[frame["pair_id"].duplicated(), "pair_id"]
    if len(twice):
        raise CcdError(f"{twice.iloc[0]} is there twice; keep one row for each pair")
    for pair, arm in frame.loc[~frame["arm"].isin(ARMS), ["pair_id", "arm"]].head(1).itertuples(index=False):
        raise CcdError(f"{pair}: the arm {arm!r} is unknown; it must be one of {', '.join(ARMS)}")
    for pair, name in published.items():
        if name not in SPLITS:
            raise CcdError(f"{pair}: published in {name!r}; the splits are {', '.join(SPLITS)}")


def naive(table: pd.DataFrame, seed: int) -> "pd.Series[str]":
    """Splits of the same sizes as in `table`, pair by pair at random: what leaks if ties are not looked at."""
    shuffled = np.random.default_rng(seed).permutation(table["split"].to_numpy(object))
    return pd.Series(shuffled, index=table.index, name="split")


def _left_out(stays: "pd.Series[str]", group: "pd.Series[str]", arm: "pd.Series[str]") -> "pd.Series[bool]":
    """Pairs in the groups of published dev or test pairs that can neither follow nor stay where they are."""
    held_out = stays.where(stays.isin(SPLITS[1:]))
    kinds = held_out.groupby(group).transform("nunique")
    return (kinds > 0) & held_out.isna() & ((kinds > 1) | (stays == TRAIN) | (arm != RANDOM))


def _count(label: Any, labels: list[str]) -> Any:
    return np.bincount(label[label >= 0], minlength=len(labels))


def _order(seed: int, name: str) -> int:
    """A number for a group by its name alone: a new group does not shuffle the others."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{name}".encode()).digest()[:8], "big")


def _too_few(labels: list[str], full: Ints, asked: Ints, like: Floats, free: Ints) -> tuple[str, ...]:
    """That dev and test are smaller than was asked for, and for want of which label, in words."""
    sizes = [int(each[1:].sum()) for each in (full, asked)]
    if sizes[0] == sizes[1]:
        return ()
    with np.errstate(divide="ignore", invalid="ignore"):
        short = int(np.argmin(np.where(like > 0, free / like, np.inf)))
    return (
        f"dev and test have {number_of(sizes[1], 'pair')} for {sizes[0]:,} wanted: {free[short]:,} {labels[short]} "
        "may be there, and with more of the other labels they would not look like all pairs; draw a random round "
        "(`ccd round new`)",
    )


def _given_up(counts: pd.DataFrame, free: int) -> tuple[str, ...]:
    """Where `got` is not `wanted`, in words; `free` are the labelled pairs that may be in dev or test."""
    told = []
    held_out = counts[counts["split"] != TRAIN]
    asked = int(held_out["wanted"].sum())
    if asked > free:
        told.append(
            f"dev and test want {number_of(asked, 'pair')} and {free:,} may be there; the others are not of the random "
            "arm, or are tied to a pair that is not or that was published in train"
        )
    for name, rows in held_out.groupby("split", sort=False):
        other = rows[rows["wanted"] != rows["got"]]
        if len(other):
            each = ", ".join(f"{row.label} {row.got:,} for {row.wanted:,}" for row in other.itertuples())
            told.append(
                f"{name}: {number_of(int(rows['got'].sum()), 'pair')} for {rows['wanted'].sum():,} wanted ({each})"
            )
    return tuple(told)


# --- a campaign -----------------------------------------------------------------------------------------------------


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
            raise CcdError(f"no pair has a label yet{on}; run `ccd labels`, and settle what is open")
        if weights := draws.read(db, of).weights():
            frame["weight"] = frame["pair_id"].map(weights)
            unlabelled = (frame["label"] == UNLABELLED) & (frame["arm"] == RANDOM)
            frame.loc[unlabelled, "weight"] = frame.loc[frame["arm"] == RANDOM, "weight"].mean()
        if of.kind == "score":
            frame["label"] = frame["label"].where(~has_label, "score")  # nothing to stratify by
        result = split(frame, quotas=quotas, seed=config.split_seed, ties=config.split_ties, published=published)
        t = schema.labels.c
        labelled = sa.select(sa.func.count(t.pair_id.distinct())).where(t.label.is_not(None))
        schema.note(db, schema.SPLIT_OF, db.scalar(labelled))
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
        schema.note(db, schema.SPLIT_PLAN, json.dumps(made_with))
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
    """What the stored split was made with: question, wanted (split → pairs), like, seed, ties, left_out, large.

    None where no split is stored.

    >>> with campaign.read() as db: plan(db)  # doctest: +SKIP
    {'question': 'relation', 'wanted': {'train': 10294, 'dev': 975, 'test': 983}, 'like': 'ccd', 'seed': 1, …}
    """
    found = db.scalar(sa.select(schema.meta.c.value).where(schema.meta.c.key == schema.SPLIT_PLAN))
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
        query = query.join(v, on, isouter=True).where(lives()).group_by(s.c.split, named)
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
    p, v, a, r = schema.pairs, schema.labels, schema.assignments, schema.rounds
    first = sa.select(a.c.pair_id, sa.func.min(a.c.round).label("round")).group_by(a.c.pair_id).subquery()
    other = schema.labels.alias("other")
    has_any = sa.exists().where(other.c.pair_id == p.c.pair_id, other.c.label.is_not(None))
    label = sa.case((lives() & has_any, sa.func.coalesce(v.c.label, UNLABELLED))).label("label")
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
