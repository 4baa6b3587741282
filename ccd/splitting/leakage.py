"""What ties pairs so that they must not part, the groups those ties make, and which pairs leak across splits.

A tie sorts the pairs into nodes (pictures, texts, posts, authors): pairs of one node are tied, and so are pairs of two
nodes with an edge between them. A leakage group is a connected component over all ties that a campaign names.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pandas as pd

from ccd.errors import InputError
from ccd.splitting.near_duplicates import Edges, Run, comparable, components, near_hashes, near_texts
from ccd.splitting.options import SPLITS

Ints = npt.NDArray[np.int64]
_NO_EDGES: Edges = np.empty((0, 2), dtype=np.int64)
_RETWEET = re.compile(r"\W*\bRT\s*@\w+[\s:]*", re.IGNORECASE)
_LINK = re.compile(r"https?://\S*")


@dataclass(frozen=True)
class Link:
    """`node` [pairs] numbers each pair's node, -1 where it has none; `edges` [m, 2] tie nodes to each other."""

    node: Ints
    edges: Edges = field(default_factory=lambda: _NO_EDGES)


def same_image(frame: pd.DataFrame) -> Link:
    """Return the same bytes: `image` is their SHA-256."""
    return Link(_numbers(frame["image"]))


def near_image(frame: pd.DataFrame, run: Run = map) -> Link:
    """Near-duplicate pictures by `phash` (near_duplicates.py); None or "" is alike to its own bytes only."""
    hashes = filled(frame["phash"])
    lacks = (hashes == "").to_numpy()
    compared = hashes.copy()
    compared[lacks] = "file " + filled(frame["image"][lacks])
    number, names = pd.factorize(compared)
    node = np.where(lacks & frame["image"].isna(), -1, number)
    hashed = np.array([i for i, name in enumerate(names) if not name.startswith("file ")], dtype=np.int64)
    return Link(
        node.astype(np.int64), hashed[near_hashes(as_bits(names[hashed]), run=run)] if len(hashed) else _NO_EDGES
    )


def near_text(frame: pd.DataFrame, *, short: bool = True, run: Run = map) -> Link:
    """Find near-duplicate texts; one too short to be compared is tied to the same text, if `short`."""
    texts = filled(frame["text"])
    compared = pd.Series([comparable(text) for text in texts], index=texts.index, dtype=object)
    # "=" is in no comparable text; and not "\0", which numpy takes off a text's end
    lacks = (compared == "").to_numpy()
    short_ones, ids = texts[lacks], frame.loc[lacks, "pair_id"]
    alone = short_ones.where(short_ones != "", "=" + ids) if short else ids
    compared[lacks] = ("=" + alone).astype(object)
    node, names = pd.factorize(compared)
    long = np.array([i for i, name in enumerate(names) if not name.startswith("=")], dtype=np.int64)
    return Link(node.astype(np.int64), long[near_texts(list(names[long]), run=run)] if len(long) else _NO_EDGES)


def same_post(frame: pd.DataFrame) -> Link:
    """Return the same post, or a retweet of it by hand: the same text after `RT @name`, links and case aside.

    A retweet that came through an API stands for the post it repeats already (collection/archive.py).
    """
    node = _numbers(frame["post_id"])
    texts = filled(frame["text"])
    again = texts.map(lambda text: _RETWEET.match(text) is not None).to_numpy(bool)
    if not again.any():
        return Link(node)
    core = texts.map(_core)
    chained = core.isin(set(core[again])).to_numpy() & (core != "").to_numpy() & (node >= 0)
    first = pd.Series(node[chained]).groupby(core[chained].to_numpy()).transform("first").to_numpy(np.int64)
    return Link(node, np.stack([first, node[chained]], axis=1))


def same_author(frame: pd.DataFrame) -> Link:
    """Return the same author, by the keyed hash that collecting left of them."""
    return Link(_numbers(frame["author_key"]))


TIES: Mapping[str, Callable[[pd.DataFrame], Link]] = {
    "image": same_image,
    "near_image": near_image,
    "near_text": near_text,
    "post": same_post,
    "author": same_author,
}
LOOKS_AT = {
    "image": ("image",),
    "near_image": ("phash", "image"),
    "near_text": ("text", "pair_id"),
    "post": ("post_id", "text"),
    "author": ("author_key",),
}
IN_WORDS = {
    "image": "the same image bytes",
    "near_image": "a near-duplicate image",
    "near_text": "the same or a near-duplicate text",
    "post": "the same post or a retweet of it",
    "author": "the same author",
}


def find(frame: pd.DataFrame, names: Iterable[str] = tuple(TIES)) -> dict[str, Link]:
    """Return the ties of these names among the pairs of `frame`: pair_id, image, phash, text, post_id, author_key.

    Only the columns that these ties look at (LOOKS_AT) must be there. Raises CcdError for one that is missing, and for
    a name that is no tie.

    >>> two = pd.DataFrame({"pair_id": ["p", "q"], "post_id": ["x:1", "x:1"], "text": ["a cat", "a dog"]})
    >>> find(two, ["post"])["post"].node.tolist()
    [0, 0]
    """
    found = {}
    for name in names:
        if name not in TIES:
            raise InputError(f"{name!r} is no tie; choose among {', '.join(TIES)}")
        for column in LOOKS_AT[name]:
            if column not in frame.columns:
                raise InputError(f"the pairs lack the column {column!r}, which the tie {name!r} looks at; add it")
        found[name] = TIES[name](frame)
    return found


def groups(frame: pd.DataFrame, ties: Mapping[str, Link]) -> "pd.Series[str]":
    """Return the leakage group of each row of `frame`: the component that the ties make, named by its smallest pair id.

    Neither seed nor order of rows can change it.
    """
    pairs = len(frame)
    edges, first = [], pairs  # nodes are numbered after the pairs
    for tie in ties.values():
        has = np.flatnonzero(tie.node >= 0)
        edges += [np.stack([has, tie.node[has] + first], axis=1), tie.edges + first]
        first += int(tie.node.max(initial=-1)) + 1
    component = components(first, edges)[:pairs]
    ids = frame["pair_id"].to_numpy(object)
    order = np.argsort(ids.astype(str), kind="stable")
    _, at, place = np.unique(component[order], return_index=True, return_inverse=True)
    name = np.empty(pairs, dtype=object)
    name[order] = ids[order][at][place]
    return pd.Series(name, index=frame.index, name="leakage_group")


def tied(tie: Link) -> npt.NDArray[np.bool_]:
    """Which pairs are tied to another one [pairs]."""
    sizes = np.bincount(tie.node[tie.node >= 0], minlength=int(tie.node.max(initial=-1)) + 1)
    many = sizes > 1
    edges = tie.edges[tie.edges[:, 0] != tie.edges[:, 1]]
    many[edges.ravel()] = True
    return np.asarray((tie.node >= 0) & np.append(many, False)[tie.node])


def leaking(tie: Link, split: Ints) -> npt.NDArray[np.bool_]:
    """Which pairs are tied to one in another split [pairs]; `split` [pairs] numbers the splits from 0.

    >>> leaking(Link(np.array([0, 0, 1])), np.array([0, 1, 1])).tolist()
    [True, True, False]
    """
    there = _splits_near(tie, split)
    own = np.zeros_like(there, shape=(len(split), there.shape[1]))
    own[np.arange(len(split)), split] = True
    return np.asarray((tie.node >= 0) & (there[tie.node] & ~own).any(axis=1))


def leaks(ties: Mapping[str, Link], split: "pd.Series[str]", other: "pd.Series[str]") -> list[dict[str, str | int]]:
    """For each tie and for "any": pairs `tied`, and how many of dev and test are tied to a pair of another split.

    `after` counts those in `split`, `before` those in `other`, such as a split of single pairs at random.
    """
    after, before = _numbered(split), _numbered(other)
    rows = [
        (tied(tie), leaking(tie, before) & (before > 0), leaking(tie, after) & (after > 0)) for tie in ties.values()
    ]
    table = np.array(rows, dtype=bool).reshape(len(rows), 3, len(after))
    sums = np.concatenate([table.sum(axis=2), table.any(axis=0).sum(axis=1)[None]])
    return [
        {"tie": name, "tied": int(many), "before": int(was), "after": int(now)}
        for name, (many, was, now) in zip((*ties, "any"), sums, strict=True)
    ]


def straddling(group: "pd.Series[str]", chosen: "pd.Series[str]") -> int:
    """How many leakage groups have pairs in two splits or more."""
    return int((chosen.groupby(group.to_numpy()).nunique() > 1).sum())


def as_bits(hashes: Iterable[str]) -> npt.NDArray[np.uint64]:
    """Picture hashes of 32 hex digits as numbers [n, 2]."""
    return np.array([(int(h[:16], 16), int(h[16:], 16)) for h in hashes], dtype=np.uint64).reshape(-1, 2)


def filled(column: "pd.Series[str]") -> "pd.Series[str]":
    """Texts as objects, with "" for what is not there."""
    return column.astype(object).where(column.notna(), "")


def _splits_near(tie: Link, split: Ints) -> npt.NDArray[np.bool_]:
    """Return the splits that each node or a neighbour of it has pairs in [nodes + 1, splits].

    The last row is for -1.
    """
    from scipy.sparse import coo_array

    nodes = int(tie.node.max(initial=-1)) + 1
    there = np.zeros((nodes + 1, int(split.max(initial=0)) + 1), dtype=bool)
    there[tie.node, split] = True
    both = np.concatenate([tie.edges, tie.edges[:, ::-1]])
    beside = coo_array((np.ones(len(both), dtype=np.int64), (both[:, 0], both[:, 1])), shape=(nodes + 1, nodes + 1))
    return np.asarray(there | (beside.tocsr() @ there.astype(np.int64) > 0))


def _numbered(split: "pd.Series[str]") -> Ints:
    return np.asarray(pd.Categorical(split, categories=SPLITS).codes, dtype=np.int64)


def _numbers(column: "pd.Series[str]") -> Ints:
    """Equal values as equal numbers, -1 for None."""
    return pd.factorize(column)[0].astype(np.int64)


def _core(text: str) -> str:
    """Return what a retweet by hand repeats: the text without `RT @name`, links and case."""
    while match := _RETWEET.match(text):
        text = text[match.end() :]
    return " ".join(_LINK.sub(" ", text).casefold().split())
