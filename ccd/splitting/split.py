"""Train, dev and test by leakage group: tied pairs are never apart (ccd/splitting/leakage.py).

Dev and test are drawn only from groups whose pairs were all chosen at random (arm `random`). Where each labelled pair
says how many it stands for (`weight`, ccd/campaign/draws.py), they have the label shares of all pairs, also of those
that a ranking took before a later random round; they are smaller where too few pairs of a label may be there. Within
that, sizes and labels come as near to what is wanted (ccd/splitting/quotas.py) as whole groups allow
(ccd/splitting/placement.py), and what was given up is reported.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ccd.errors import InputError
from ccd.splitting.leakage import TIES, Link, find, groups
from ccd.splitting.options import DEFAULT_SHARES, SPLITS, Quotas
from ccd.splitting.placement import FREE, place, too_large
from ccd.splitting.quotas import Floats, Ints, target_sizes
from ccd.vocabulary import Arm
from ccd.wording import number_of

TRAIN = SPLITS[0]
UNLABELLED = "no label"  # on the question that is stratified by; a label of a protocol has no blank


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
    """A split of labelled pairs.

    `table` has pair_id, split and leakage_group, sorted by pair_id; `pairs` are the same rows as they were given, and
    `ties` the links among them. `counts` has split, label, wanted, got. `large` are the groups that are too large for
    dev and test. `left_out` are pairs that must have no split, as published ones do not let them; `given_up` says in
    words where `got` is not what was wanted, or not a fair sample.
    """

    table: pd.DataFrame
    pairs: pd.DataFrame
    ties: Mapping[str, Link]
    counts: pd.DataFrame
    left_out: tuple[str, ...]
    given_up: tuple[str, ...]
    large: Large | None


def split(
    frame: pd.DataFrame,
    *,
    quotas: Quotas | Mapping[str, float] = DEFAULT_SHARES,
    seed: int = 1,
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
    drawn = (frame["arm"] == Arm.RANDOM).to_numpy()
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
    full = target_sizes(quotas, labels, _count(label, labels), like)
    asked = target_sizes(quotas, labels, _count(label, labels), like, free) if "weight" in frame else full
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
        raise InputError(
            f"the pairs are a {type(frame).__name__}; make a DataFrame with pair_id, label and arm of them"
        )
    for column in ("pair_id", "label", "arm"):
        if column not in frame.columns:
            raise InputError(
                f"the pairs lack the column {column!r}; columns must be pair_id, label, arm and what ties need"
            )
    if frame["pair_id"].isna().any():
        raise InputError("a pair has no pair_id; give every pair one")
    twice = frame.loc[frame["pair_id"].duplicated(), "pair_id"]
    if len(twice):
        raise InputError(f"{twice.iloc[0]} is there twice; keep one row for each pair")
    for pair, arm in frame.loc[~frame["arm"].isin(list(Arm)), ["pair_id", "arm"]].head(1).itertuples(index=False):
        raise InputError(f"{pair}: the arm {arm!r} is unknown; it must be one of {', '.join(Arm)}")
    for pair, name in published.items():
        if name not in SPLITS:
            raise InputError(f"{pair}: published in {name!r}; the splits are {', '.join(SPLITS)}")


def naive(table: pd.DataFrame, seed: int) -> "pd.Series[str]":
    """Return splits of the same sizes as in `table`, pair by pair at random: what leaks if ties are not looked at."""
    shuffled = np.random.default_rng(seed).permutation(table["split"].to_numpy(object))
    return pd.Series(shuffled, index=table.index, name="split")


def _left_out(stays: "pd.Series[str]", group: "pd.Series[str]", arm: "pd.Series[str]") -> "pd.Series[bool]":
    """Pairs in the groups of published dev or test pairs that can neither follow nor stay where they are."""
    held_out = stays.where(stays.isin(SPLITS[1:]))
    kinds = held_out.groupby(group).transform("nunique")
    return (kinds > 0) & held_out.isna() & ((kinds > 1) | (stays == TRAIN) | (arm != Arm.RANDOM))


def _count(label: Any, labels: list[str]) -> Any:
    return np.bincount(label[label >= 0], minlength=len(labels))


def _order(seed: int, name: str) -> int:
    """Return a number for a group by its name alone: a new group does not shuffle the others."""
    return int.from_bytes(hashlib.sha256(f"{seed}:{name}".encode()).digest()[:8], "big")


def _too_few(labels: list[str], full: Ints, asked: Ints, like: Floats, free: Ints) -> tuple[str, ...]:
    """Return that dev and test are smaller than was asked for, and for want of which label, in words."""
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
