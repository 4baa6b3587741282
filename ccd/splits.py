"""Train, dev and test by leakage group: pairs with the same image, post, text or duplicate group are never apart.

Dev and test are drawn only from groups whose pairs were all chosen at random (arm `random`), so that they stay a fair
sample; within that, the shares of every label are kept as near as whole groups allow, and what was given up is told.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import sqlalchemy as sa

from ccd import schema
from ccd.campaign import Campaign, record
from ccd.errors import CcdError

TRAIN = "train"
TIES = ("image", "post_id", "text_sha256", "duplicate_group")


@dataclass(frozen=True)
class Split:
    """`table`: pair_id, split, leakage_group, sorted by pair_id. `counts`: split, label, wanted, got.

    `left_out` are pairs tied to a fixed dev or test pair that must not follow it there: they came from another arm, or
    tie two splits together.
    """

    table: pd.DataFrame
    counts: pd.DataFrame
    left_out: tuple[str, ...]


def split(
    frame: pd.DataFrame,
    *,
    shares: Mapping[str, float],
    seed: int,
    fixed: Mapping[str, str] | None = None,
) -> Split:
    """Give every pair of `frame` (pair_id, label, the columns of TIES, arm) a split.

    `shares` are shares of the pairs by split, `train` among them, and add up to 1; `fixed` (pair_id → split) are pairs
    that stay where they are, with or without a label. Whole groups are placed, largest first, each where the squared
    distance to the wanted counts by label falls most; `seed` orders groups of one size. The order of rows is of no
    account. Raises CcdError for a pair that stands twice.
    """
    frame = frame.sort_values("pair_id", ignore_index=True)
    twice = frame.loc[frame["pair_id"].duplicated(), "pair_id"]
    if len(twice):
        raise CcdError(f"{twice.iloc[0]} stands twice; keep one row a pair")
    stays = frame["pair_id"].map(dict(fixed or {}))
    group = leakage_groups(frame)
    out = stays.isna() & _cannot_follow(stays, group, frame["arm"])
    left_out = tuple(frame.loc[out, "pair_id"])
    if left_out:
        frame, stays = frame[~out].reset_index(drop=True), stays[~out].reset_index(drop=True)
        group = leakage_groups(frame)

    names = list(shares)
    labels = sorted(frame["label"].dropna().unique())
    label = pd.Categorical(frame["label"], categories=labels).codes
    wanted = _wanted(np.bincount(label[label >= 0], minlength=len(labels)), [shares[name] for name in names])
    place, groups = pd.factorize(group)
    counts = np.zeros((len(groups), len(labels)))
    np.add.at(counts, (place[label >= 0], label[label >= 0]), 1)
    held = np.full(len(groups), -1)  # free to choose
    held[place[frame["arm"] != "random"]] = names.index(TRAIN)
    fixed_rows = np.flatnonzero(stays.notna())
    held[place[fixed_rows]] = [names.index(name) for name in stays.iloc[fixed_rows]]
    candidates = np.array([i for i, name in enumerate(names) if shares[name] > 0])
    order = [hashlib.sha256(f"{seed}:{name}".encode()).hexdigest() for name in groups]  # of the name alone: a new
    chosen, got = _place(counts, held, wanted, candidates, order)  # group does not shuffle the others

    table = pd.DataFrame(
        {"pair_id": frame["pair_id"], "split": np.array(names, dtype=object)[chosen[place]], "leakage_group": group}
    )
    told = [
        {"split": name, "label": one, "wanted": int(wanted[i, j]), "got": int(got[i, j])}
        for i, name in enumerate(names)
        for j, one in enumerate(labels)
    ]
    return Split(table, pd.DataFrame(told, columns=["split", "label", "wanted", "got"]), left_out)


def leakage_groups(frame: pd.DataFrame, ties: Sequence[str] = TIES) -> "pd.Series[str]":
    """The group of each row of `frame`: connected components over equal values in the columns `ties`.

    None ties nothing. A group is named by the smallest pair id in it, which neither seed nor order of rows can change.
    Union-find.
    """
    parent = list(range(len(frame)))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for column in ties:
        first: dict[str, int] = {}
        for i, value in enumerate(frame[column]):
            if pd.isna(value):
                continue
            a, b = root(first.setdefault(value, i)), root(i)
            parent[max(a, b)] = min(a, b)
    roots = pd.Series([root(i) for i in range(len(frame))], index=frame.index, dtype=int)
    return frame["pair_id"].groupby(roots).transform("min").rename("leakage_group")


def straddling(group: "pd.Series[str]", chosen: "pd.Series[str]") -> int:
    """How many leakage groups have pairs in two splits or more."""
    return int((chosen.groupby(group.to_numpy()).nunique() > 1).sum())


def naive(table: pd.DataFrame, seed: int) -> "pd.Series[str]":
    """Splits of the same sizes as in `table`, pair by pair at random: what leaks if ties are not looked at."""
    shuffled = np.random.default_rng(seed).permutation(table["split"].to_numpy(object))
    return pd.Series(shuffled, index=table.index, name="split")


def split_campaign(campaign: Campaign) -> Split:
    """Split the campaign's labelled pairs by campaign.toml and store it; dev and test stay once there is a release.

    Raises CcdError where no pair has a label yet.
    """
    question, s = campaign.protocol.question, schema.splits
    with campaign.write() as db:
        stored = {row.pair_id: (row.split, row.leakage_group) for row in db.execute(sa.select(s))}
        released = db.scalar(sa.select(sa.func.count()).select_from(schema.releases))
        fixed = {pair: name for pair, (name, _) in stored.items() if released and name != TRAIN}
        frame = _labelled(db, question.name, fixed)
        if frame["label"].isna().all():
            raise CcdError("no pair has a label yet; run `ccd labels`, and settle what is open")
        if question.kind == "score":
            frame["label"] = frame["label"].where(frame["label"].isna(), "score")  # nothing to stratify by
        result = split(frame, shares=campaign.config.split_shares, seed=campaign.config.split_seed, fixed=fixed)
        rows = {row.pair_id: (row.split, row.leakage_group) for row in result.table.itertuples()}
        schema.note(db, schema.SPLIT_OF, int(frame["label"].notna().sum()))
        if rows != stored:
            db.execute(sa.delete(s))
            db.execute(s.insert(), [dict(zip(s.c.keys(), (pair, *row), strict=True)) for pair, row in rows.items()])
            sizes = result.table["split"].value_counts().to_dict()
            record(db, "ccd split", "split", campaign.config.name, after=sizes)
    return result


def _labelled(db: sa.Connection, question: str, fixed: Mapping[str, str]) -> pd.DataFrame:
    """Pairs with a label and those of `fixed`: pair_id, label, the ties' columns, arm of their first round."""
    p, v, a, r = schema.pairs, schema.labels, schema.assignments, schema.rounds
    first = sa.select(a.c.pair_id, sa.func.min(a.c.round).label("round")).group_by(a.c.pair_id).subquery()
    rows: list[dict[str, Any]] = [
        dict(row)
        for row in db.execute(
            sa.select(p.c.pair_id, v.c.label, *(p.c[tie] for tie in TIES), r.c.arm)
            .join(v, (v.c.pair_id == p.c.pair_id) & (v.c.question == question))
            .join(first, first.c.pair_id == p.c.pair_id)
            .join(r, r.c.round == first.c.round)
        ).mappings()
        if row["label"] is not None or row["pair_id"] in fixed
    ]
    return pd.DataFrame(rows, columns=["pair_id", "label", *TIES, "arm"])


def _cannot_follow(stays: "pd.Series[str]", group: "pd.Series[str]", arm: "pd.Series[str]") -> "pd.Series[bool]":
    """True for rows of groups with a fixed pair that hold two splits, or a new pair that was not chosen at random."""
    by_group = stays.groupby(group)
    new_arm = ((arm != "random") & stays.isna()).groupby(group).transform("any")
    return (by_group.transform("nunique") > 1) | ((by_group.transform("count") > 0) & new_arm)


def _wanted(totals: npt.NDArray[np.int64], shares: Sequence[float]) -> npt.NDArray[np.int64]:
    """Whole counts [splits, labels] nearest to shares x totals that add up to the totals (largest remainders)."""
    exact = np.outer(shares, totals)
    whole = np.floor(exact + 1e-9).astype(np.int64)
    for j, missing in enumerate(totals - whole.sum(axis=0)):
        whole[np.argsort(-(exact - whole)[:, j], kind="stable")[:missing], j] += 1
    return np.asarray(whole)


def _place(
    counts: npt.NDArray[np.float64],
    held: npt.NDArray[np.int64],
    wanted: npt.NDArray[np.int64],
    candidates: npt.NDArray[np.int64],
    order: Sequence[str],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Split of each group [groups], and counts so reached [splits, labels].

    `counts` [groups, labels]; `held` [groups] is a split, or -1 for one of `candidates`; `order` breaks ties of size.
    """
    chosen = held.copy()
    got = np.zeros(wanted.shape)
    np.add.at(got, chosen[chosen >= 0], counts[chosen >= 0])
    size = counts.sum(axis=1)
    for g in sorted(np.flatnonzero(chosen < 0), key=lambda g: (-size[g], order[g])):
        deficit = wanted[candidates] - got[candidates]
        gain = (2 * deficit * counts[g] - counts[g] ** 2).sum(axis=1)  # fall of the squared deficit
        chosen[g] = candidates[int(gain.argmax())]
        got[chosen[g]] += counts[g]
    return chosen, got
