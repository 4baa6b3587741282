"""Check a release folder against itself: files, labels, leakage groups and counts. Needs no campaign."""

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ccd.errors import CcdError
from ccd.release.content import count
from ccd.release.write import MANIFEST

_LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")


def verify(folder: Path) -> list[str]:
    """What is wrong with the release in `folder`, one line each; empty where all is well.

    Raises CcdError where there is no manifest to check against.

    >>> verify(Path("releases/v1"))  # doctest: +SKIP
    ['images/0a….jpg: changed']
    """
    try:
        manifest = (folder / MANIFEST).read_text(encoding="utf-8")
    except FileNotFoundError:
        raise CcdError(f"{folder}: no {MANIFEST} here; name the folder of a release, such as releases/v1") from None
    except (OSError, UnicodeDecodeError) as error:
        raise CcdError(f"{folder / MANIFEST}: cannot be read ({error}); fetch the release again") from None
    listed: dict[str, str] = {}
    problems: list[str] = []
    for number, line in enumerate(manifest.splitlines(), 1):
        if (match := _LINE.fullmatch(line)) is None:
            problems.append(f"{MANIFEST}, line {number}: not a SHA-256 and a file")
        else:
            listed[match[2]] = match[1]
    return problems + list(_files(folder, listed)) + list(_content(folder, listed))


def _files(folder: Path, listed: dict[str, str]) -> Iterator[str]:
    """Changed, missing and added files."""
    files = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    there = {path.relative_to(folder).as_posix() for path in files}
    for name in sorted(listed.keys() - there):
        yield f"{name}: missing"
    for name in sorted(there - listed.keys() - {MANIFEST}):
        yield f"{name}: added, not in {MANIFEST}"
    for name in sorted(listed.keys() & there):
        try:
            with (folder / name).open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != listed[name]:
                    yield f"{name}: changed"
        except OSError as error:
            yield f"{name}: cannot be read ({error.strerror})"


def _content(folder: Path, listed: dict[str, str]) -> Iterator[str]:
    """Labels, leakage groups and counts; silent on what cannot be parsed beyond saying so."""
    try:
        facts = json.loads((folder / "release.json").read_bytes())
        protocol = json.loads((folder / "protocol.json").read_bytes())
        expected = facts["counts"]
        question = next(q for q in protocol["questions"] if q["name"] == facts["question"])
        labels = {category["name"]: category["id"] for category in question["categories"]}
        rows = {split: _rows(folder / f"{split}.jsonl") for split in expected}
        counted = count(rows, tuple(labels))
        yield from _labels(rows, labels, listed)
        yield from _apart(rows)
    except FileNotFoundError as error:
        yield f"{Path(error.filename).name}: needed to check labels and counts"
        return
    except (OSError, ValueError, KeyError, TypeError, AttributeError, StopIteration) as error:
        yield f"labels and counts: cannot be checked ({type(error).__name__}: {error})"
        return
    for split, of_split in expected.items():
        for label in sorted(of_split.keys() | counted[split].keys()):
            found, said = counted[split].get(label), of_split.get(label)
            if found != said:
                yield f"{split}.jsonl: {found} pairs {label}, release.json says {said}"


def _rows(file: Path) -> list[dict[str, Any]]:
    """Only what is checked, so that a large release fits."""
    keys = ("pair_id", "image", "label", "label_id", "leakage_group")
    with file.open(encoding="utf-8") as lines:
        return [{key: row[key] for key in keys} for row in map(json.loads, lines)]


def _labels(rows: dict[str, list[dict[str, Any]]], labels: dict[str, int], listed: dict[str, str]) -> Iterator[str]:
    for split, of_split in rows.items():
        for number, row in enumerate(of_split, 1):
            where = f"{split}.jsonl, line {number}"
            label = row["label"]
            if labels and label not in labels:
                yield f"{where}: label {label!r} is not in protocol.json"
            elif labels and row["label_id"] != labels[label]:
                yield f"{where}: label {label!r} has id {row['label_id']}, protocol.json says {labels[label]}"
            elif not labels and not isinstance(label, int | float):
                yield f"{where}: label {label!r} is no number"
            if row["image"] not in listed:
                yield f"{where}: image {row['image']} is not in {MANIFEST}"


def _apart(rows: dict[str, list[dict[str, Any]]]) -> Iterator[str]:
    """Pairs that stand twice, and leakage groups in two splits."""
    first_pair: dict[str, str] = {}
    first_group: dict[str, str] = {}
    told = set()
    for split, of_split in rows.items():
        for row in of_split:
            pair, group = row["pair_id"], row["leakage_group"]
            if pair in first_pair:
                yield f"{split}.jsonl: pair {pair} stands twice, first in {first_pair[pair]}.jsonl"
            first_pair.setdefault(pair, split)
            if first_group.setdefault(group, split) != split and (group, split) not in told:
                told.add((group, split))
                yield f"{split}.jsonl: leakage group {group} is also in {first_group[group]}.jsonl"
