"""Look for leaks in a folder of pairs that looks like CCD or a release; needs no campaign, and takes no one's word.

Such a folder has `train.jsonl`, `dev.jsonl` and `test.jsonl` with a JSON object a line. `text`, `image` (a path in the
folder), `label`, `pair_id` and `post_id` are looked at, as far as they are there; pictures are hashed anew.
"""

import hashlib
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ccd.campaign.tables.frames import batches
from ccd.errors import DataDamage, InputError
from ccd.files.regular import read_json, read_rows
from ccd.release.images import Opened
from ccd.splitting.leakage import Link, find, groups, leaking, leaks, straddling
from ccd.splitting.near_duplicates import picture_hash
from ccd.splitting.nearest import Neighbour, nearest
from ccd.splitting.options import SPLITS
from ccd.splitting.split import naive

Started = Callable[[str, int], Callable[[int], None]]

LOOKED_FOR = ("image", "near_image", "near_text", "post")  # a release has no authors
TOLD = 20  # ties across splits that are named one by one
_READ = ("label", "text", "image", "post_id")
_SEED = 1  # of the random split to compare with
_BATCH = 256  # pictures in memory at once


@dataclass(frozen=True)
class Check:
    """What was found in a folder.

    `problems`: one line for each pair of dev or test with a tie across splits that the folder says it has none of (all
    ties, where its release.json names none). `counts`: {split: {label: pairs}}. `ties`: see
    ccd.splitting.leakage.leaks; `groups` of two pairs or more, `straddling` of them in two splits. `nearest` across
    splits, of `looked_at` pairs.
    """

    problems: tuple[str, ...]
    counts: Mapping[str, Mapping[str, int]]
    ties: list[dict[str, str | int]]
    groups: int
    straddling: int
    straddling_naive: int
    nearest: list[Neighbour]
    looked_at: int
    unreadable: int


def check(folder: str | os.PathLike[str], started: Started = lambda name, total: lambda number: None) -> Check:
    """Hash the pictures of `folder`, find what ties its pairs, and tell what is tied across splits.

    `started(name, total)` opens a progress bar. A picture that is not there is told apart by its path alone. Raises
    CcdError where a file of a split is missing or is no JSON.

    >>> check("releases/v1").problems  # doctest: +SKIP
    ()
    """
    folder = Path(folder)
    frame = pd.DataFrame(_rows(folder), columns=["split", "pair_id", "label", "text", "image", "post_id"], dtype=object)
    unreadable = _hash(folder, frame, started)
    ties = find(frame, LOOKED_FOR)
    group, other = groups(frame, ties), naive(frame, _SEED)
    sizes = group.value_counts()
    promised = _promised(folder)
    found = [line for name, tie in ties.items() if name in promised for line in _problems(frame, name, tie)]
    if len(found) > TOLD:
        found[TOLD:] = [f"and {len(found) - TOLD:,} more pairs of dev and test with a tie to another split"]
    neighbours, looked_at = nearest(frame, frame["split"], _SEED)
    return Check(
        problems=tuple(found),
        counts={each: dict(Counter(frame.loc[frame["split"] == each, "label"].dropna())) for each in SPLITS},
        ties=leaks(ties, frame["split"], other),
        groups=int((sizes > 1).sum()),
        straddling=straddling(group, frame["split"]),
        straddling_naive=straddling(group, other),
        nearest=neighbours,
        looked_at=looked_at,
        unreadable=unreadable,
    )


_HALF = re.compile("[\ud800-\udfff]")


def _rows(folder: Path) -> Iterator[tuple[Any, ...]]:
    same: dict[Any, Any] = {}  # one object for equal labels, images and posts
    for split in SPLITS:
        path = folder / f"{split}.jsonl"
        try:
            for number, row in read_rows(path):
                if not isinstance(row, dict):
                    raise ValueError(f"line {number}: no object")
                told = [row.get("pair_id", f"{split} {number}"), *(row.get(key) for key in _READ)]
                if not all(value is None or isinstance(value, str | int | float) for value in told):
                    raise ValueError(f"line {number}: an entry that is no text")
                if _HALF.search("".join(value for value in told if isinstance(value, str))):
                    raise ValueError(f"line {number}: half a character")
                pair, label, text, image, post = (value if value is None else str(value) for value in told)
                label, image, post = (same.setdefault(value, value) for value in (label, image, post))
                yield split, pair, label, text, image, post
        except FileNotFoundError:
            raise InputError(f"{path}: not there; name a folder with train.jsonl, dev.jsonl and test.jsonl") from None
        except OSError as error:
            raise DataDamage(f"{path}: cannot be read ({error.strerror}); fetch the folder again") from None
        except ValueError as error:
            line = str(error).partition(":")[0]
            raise DataDamage(f"{path}, {line}: not a JSON object of texts; fetch the folder again") from None


def _hash(folder: Path, frame: pd.DataFrame, started: Started) -> int:
    """Put the pictures' own hashes into `image` and `phash`; returns how many could not be read."""
    names = list(dict.fromkeys(frame["image"].dropna()))
    step = started("pictures", len(names))
    hashes: dict[str, tuple[str, str]] = {}
    opened = Opened(folder)
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # Pillow decodes without holding the interpreter
        for some in batches(names, _BATCH):
            data = [_read(opened, name) for name in some]
            hashes |= {name: found for name, found in zip(some, pool.map(_hashes, data), strict=True) if found}
            step(len(some))
    opened.close()
    both = [hashes.get(name, (name, None)) for name in frame["image"]]
    frame["image"] = pd.Series([sha256 for sha256, _ in both], dtype=object)  # each value one object, as in `hashes`
    frame["phash"] = pd.Series([phash for _, phash in both], dtype=object)
    return len(names) - len(hashes)


def _read(opened: Opened, name: str) -> bytes:
    try:
        return opened.read(name)
    except (OSError, ValueError):
        return b""


def _hashes(data: bytes) -> tuple[str, str] | None:
    try:
        return hashlib.sha256(data).hexdigest(), picture_hash(data)
    except OSError:
        return None


def is_synthetic(folder: Path) -> bool:
    """Whether the release.json of a folder says that the toolkit made its pairs; a folder need not have one."""
    try:
        about = read_json(folder / "release.json")
    except FileNotFoundError:
        return False
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise DataDamage(f"{folder / 'release.json'}: is no JSON ({reason}); fetch the folder again") from None
    return isinstance(about, dict) and bool(about.get("synthetic"))


def _promised(folder: Path) -> tuple[str, ...]:
    """Return the ties that the folder says no pair has across splits; all where it says nothing."""
    try:
        about = read_json(folder / "release.json")
        return tuple(about["split"]["ties"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return LOOKED_FOR


def _problems(frame: pd.DataFrame, name: str, tie: Link) -> list[str]:
    """Return a line for each pair of dev and test that is tied to a pair of another split, with the first such pair."""
    split = np.asarray(pd.Categorical(frame["split"], categories=SPLITS).codes, dtype=np.int64)
    bad = np.flatnonzero(leaking(tie, split) & (split > 0))
    if not len(bad):
        return []
    members = pd.Series(np.arange(len(frame))).groupby(tie.node).agg(list).to_dict()
    both = np.concatenate([tie.edges, tie.edges[:, ::-1]])
    beside = pd.Series(both[:, 1]).groupby(both[:, 0]).agg(list).to_dict()
    ids, names = frame["pair_id"].to_numpy(object), frame["split"].to_numpy(object)
    lines = []
    for i in bad:
        nodes = [int(tie.node[i]), *beside.get(int(tie.node[i]), ())]
        j = next(j for node in nodes for j in members.get(node, ()) if split[j] != split[i])
        lines.append(f"{names[i]}.jsonl: pair {ids[i]} is tied to {ids[j]} in {names[j]}.jsonl ({name})")
    return lines
