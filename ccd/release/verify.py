"""Check a release folder against itself: files, images, labels, leaks and counts. Needs no campaign."""

import hashlib
import itertools
import os
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import zip_longest
from pathlib import Path
from typing import Any

from ccd.campaign.tables.frames import batches
from ccd.errors import CcdError, DataDamage, InputError, as_path, damaged
from ccd.files import parquet
from ccd.files.photo import MOST_BYTES, opened
from ccd.files.regular import open_regular, parse_json, read_json, read_regular, read_rows
from ccd.files.stripping import is_stripped
from ccd.measures.ties import DROPPED, OPEN
from ccd.release import card, leaks, recount
from ccd.release.content import ReleasedPair
from ccd.release.images import FILES, NONE, TAR, Opened
from ccd.release.pages import MANIFEST
from ccd.release.questions import questions_of
from ccd.release.recount import JUDGMENTS, ROUNDING
from ccd.release.tally import Tally, leading
from ccd.splitting.options import SPLITS
from ccd.splitting.split import UNLABELLED
from ccd.templates import table
from ccd.wording import number_of

Started = Callable[[str, int], Callable[[int], None]]
_LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")


LED = ("unanimous", "majority")  # what a label is resolved by where the votes alone give it
METADATA = "a picture with metadata, or with bytes after its end"


def verify(folder: str | os.PathLike[str], started: Started = lambda name, total: lambda number: None) -> list[str]:
    """Return what is wrong with the release in `folder`, one line each; empty where all is well.

    `started(name, total)` opens a progress bar. Raises CcdError where there is no manifest to check against.

    >>> verify("releases/v1")  # doctest: +SKIP
    ['images/0a….jpg: changed']
    """
    folder = as_path(folder, "the release's folder")
    problems: list[str] = []
    listed = _manifest(folder, problems)
    problems += _files(folder, listed, started)
    try:
        problems += _Content(folder, listed).problems()
        problems += leaks.check(folder, started).problems
    except FileNotFoundError as error:
        problems.append(f"{Path(error.filename).name}: needed to check labels and counts")
    except CcdError as error:
        problems.append(str(error))
    except OSError as error:
        name = Path(error.filename).name if error.filename else "labels and counts"
        problems.append(f"{name}: cannot be read ({error.strerror})")
    except Exception as error:  # whatever damage makes of them
        problems.append(f"labels and counts: cannot be checked ({type(error).__name__}: {error})")
    return problems


def _manifest(folder: Path, problems: list[str]) -> dict[str, str]:
    """File → its SHA-256, as the manifest says."""
    try:
        manifest = read_regular(folder / MANIFEST).decode()
    except FileNotFoundError:
        raise InputError(f"{folder}: no {MANIFEST} here; name the folder of a release, such as releases/v1") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataDamage(f"{folder / MANIFEST}: cannot be read ({error}); fetch the release again") from None
    listed: dict[str, str] = {}
    for number, line in enumerate(manifest.splitlines(), 1):
        if (match := _LINE.fullmatch(line)) is None:
            problems.append(f"{MANIFEST}, line {number}: not a SHA-256 and a file")
        else:
            listed[match[2]] = match[1]
    return listed


def _files(folder: Path, listed: dict[str, str], started: Started) -> Iterator[str]:
    """Yield changed, missing and added files, and images that are as released and no pictures."""
    files = (path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    there = {path.relative_to(folder).as_posix() for path in files}
    for name in sorted(listed.keys() - there):
        yield f"{name}: missing"
    for name in sorted(there - listed.keys() - {MANIFEST}):
        yield f"{name}: added, not in {MANIFEST}"
    both = sorted(listed.keys() & there)
    moved = started("files", len(both))
    with ThreadPoolExecutor(os.cpu_count()) as pool:  # hashing and decoding let go of Python's lock
        for some in batches(both):  # a pool takes all it is given at once
            for name, problem in zip(
                some, pool.map(lambda name: _file(folder / name, listed[name]), some), strict=True
            ):
                moved(1)
                if problem:
                    yield f"{name}: {problem}"


def _file(path: Path, sha256: str) -> str:
    """Return what is wrong with one file; nothing: ""."""
    try:
        if not path.is_file():
            return "no plain file, or a link that leads nowhere"
        with open_regular(path) as file:
            if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
                return "changed"
            if path.parent.name == "images":
                file.seek(0)
                return _picture(file.read(MOST_BYTES + 1))
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    return ""


def _picture(data: bytes) -> str:
    """Whether every pixel can be decoded, and nothing else is there; only `load` finds a truncated JPEG."""
    try:
        with warnings.catch_warnings(action="ignore"), opened(data) as image:
            image.load()
    except Exception as error:  # decoders raise whatever a hostile file makes them raise
        return f"no whole picture ({type(error).__name__}: {error})"
    return "" if is_stripped(data) else METADATA


@dataclass
class _Content:
    """The rows of a release, read once."""

    folder: Path
    listed: Mapping[str, str]
    split_of_pair: dict[str, str] = field(default_factory=dict)
    split_of_group: dict[str, str] = field(default_factory=dict)
    told: set[tuple[str, str]] = field(default_factory=set)
    tally: Tally = field(default_factory=lambda: Tally({}))

    def problems(self) -> Iterator[str]:
        """Labels, images, pairs that stand twice, groups in two splits, counts, and Parquet that says another thing."""
        facts = read_json(self.folder / "release.json")
        protocol = read_json(self.folder / "protocol.json")
        questions = {question["name"]: question for question in protocol["questions"]}
        self.tally = Tally.of(questions_of(protocol))
        labels = {category["name"]: category["id"] for category in questions[facts["question"]]["categories"]}
        images = facts.get("images", FILES)
        opened = Opened(self.folder)
        for split, said in facts["counts"].items():
            if split not in SPLITS:
                raise ValueError(f"{split!r} is no split")
            counted = dict.fromkeys((*labels, "all"), 0)
            for number, row in read_rows(self.folder / f"{split}.jsonl"):
                counted["all"] += 1
                if row["label"] in labels:
                    counted[row["label"]] += 1
                elif row["label"] is None:
                    counted[UNLABELLED] = counted.get(UNLABELLED, 0) + 1
                where = f"{split}.jsonl, line {number}"
                problems = [*_label(where, row, labels), *self._others(where, row)]
                yield from problems
                if not problems or row["label"] in (None, *labels):
                    self.tally.take(ReleasedPair("", split, row))
                yield from self._apart(split, row)
                if images != NONE:
                    yield from self._image(where, row["image"], images, opened)
            for label in sorted(said.keys() | counted.keys()):
                if counted.get(label, 0) != said.get(label):
                    yield f"{split}.jsonl: {counted.get(label, 0)} pairs {label}, release.json says {said.get(label)}"
            if f"{split}.parquet" in self.listed:
                yield from self._parquet(split)
        opened.close()
        if f"{OPEN}.jsonl" in self.listed:
            yield from self._unsettled(facts, labels)
            yield from self._parquet(OPEN)
        for label, each in (facts.get("population_bounds") or {}).items():
            ends = [0, each["low"], each["least"], each["most"], each["high"], 1]
            if any(high - low < -ROUNDING for low, high in itertools.pairwise(ends)):
                yield f"release.json: population_bounds of {label} are not in order from 0 to 1"
        for name, said in (facts.get("questions") or {facts["question"]: facts}).items():
            yield from _shares(f"release.json, question {name}", said.get("prevalence") or [])
        yield from recount.counted(facts, self.tally)
        if JUDGMENTS in self.listed:
            yield from self._judgments(facts, protocol)
        page = self.folder / "README.md"
        if page.is_file() and table(card.sizes(facts)) not in read_regular(page).decode():
            yield "README.md: its counts are not those of release.json"
        yield from recount.pages(self.folder, facts, protocol, self.listed)

    def _others(self, where: str, row: Mapping[str, Any]) -> Iterator[str]:
        """Labels that are not in the protocol, question by question, where there are several."""
        for name, answers in self.tally.answers.items() if len(self.tally.answers) > 1 else ():
            label = row["labels"].get(name)
            if label is not None and (problem := answers.question.problem(label)):
                yield f"{where}: {problem}"

    def _unsettled(self, facts: Mapping[str, Any], labels: Mapping[str, int]) -> Iterator[str]:
        """Unsettled pairs that a split has too, votes for what is no label, and a number that release.json denies."""
        number = 0
        for number, row in read_rows(self.folder / f"{OPEN}.jsonl"):
            yield from self._apart(OPEN, row | {"leakage_group": None})
            self.tally.take(ReleasedPair(row["resolved_by"], row=row))
            for label in row["votes"]:
                if labels and label not in labels:
                    yield f"{OPEN}.jsonl, line {number}: label {label!r} is not in protocol.json"
        said = sum(facts["excluded"].get(reason, 0) for reason in (OPEN, DROPPED))
        if number != said:
            yield f"{OPEN}.jsonl: {number_of(number, 'pair')}, release.json says {said}"

    def _apart(self, split: str, row: Mapping[str, Any]) -> Iterator[str]:
        """Yield a pair that stands twice, and a leakage group in two splits."""
        pair, group = row["pair_id"], row["leakage_group"]
        if pair in self.split_of_pair:
            yield f"{split}.jsonl: pair {pair} stands twice, first in {self.split_of_pair[pair]}.jsonl"
        self.split_of_pair.setdefault(pair, split)
        first = self.split_of_group.setdefault(group, split) if group else split
        if first != split and (group, split) not in self.told:
            self.told.add((group, split))
            yield f"{split}.jsonl: leakage group {group} is also in {first}.jsonl"

    def _image(self, where: str, image: str, images: str, opened: Opened) -> Iterator[str]:
        if images == FILES and image not in self.listed:
            yield f"{where}: image {image} is not in {MANIFEST}"
        if images == TAR:
            try:
                if problem := _picture(opened.read(image)):
                    yield f"{where}: image {image} is {problem}"
            except OSError:
                yield f"{where}: image {image} is not there"

    def _parquet(self, split: str) -> Iterator[str]:
        """Yield the first row in which the Parquet file differs from the lines."""
        rows = (row for _, row in read_rows(self.folder / f"{split}.jsonl"))
        both = zip_longest(rows, _rows(self.folder / f"{split}.parquet"))
        for number, (line, row) in enumerate(both, 1):
            if line is None or row is None:
                yield f"{split}.parquet: has {'fewer' if row is None else 'more'} rows than {split}.jsonl"
                return
            line["file_name"] = line.pop("image", None)
            for votes, name in (
                (row, "votes"),
                *((row.get("labels_votes") or {}, each) for each in self.tally.answers),
            ):
                if isinstance(votes.get(name), str):  # scores are no columns
                    votes[name] = parse_json(votes[name])
            if {key: value for key, value in line.items() if value is not None} != {
                key: value for key, value in row.items() if value is not None
            }:
                yield f"{split}.parquet, row {number}: differs from {split}.jsonl"
                return

    def _judgments(self, facts: Mapping[str, Any], protocol: Mapping[str, Any]) -> Iterator[str]:
        """Yield the first judgment that is none: a few bytes of Parquet may hold millions of them.

        Else what they give.
        """
        names: dict[str, set[str]] = {}
        asked = [protocol, *(each["protocol"] for each in protocol.get("revisions", ()))]
        for question in (question for each in asked for question in each["questions"]):
            names.setdefault(question["name"], set()).update(each["name"] for each in question["categories"])
        judgments = recount.Judgments(self.folder, protocol)
        for number, row in enumerate(_rows(self.folder / JUDGMENTS), 1):
            allowed = names.get(row["question"])
            if allowed is None or (allowed and row["label"] not in allowed):
                problem = f"{row['label']!r:.80} is no answer in protocol.json"
            else:
                problem = judgments.take(row)
            if problem:
                yield f"{JUDGMENTS}, row {number}: {problem}"
                return
        yield from judgments.problems(facts)


def _shares(where: str, labels: list[dict[str, Any]]) -> Iterator[str]:
    """Yield what no estimate of shares can be.

    Outside its interval or 0 to 1, or adding up to something else than 1.
    """
    pairs = sum(label["pairs"] for label in labels)
    for label in labels:
        if abs(label["share"] * pairs - label["pairs"]) > ROUNDING * pairs:
            part = f"{label['pairs']} of {number_of(pairs, 'pair')}"
            yield f"{where}: {label['label']} is {part}, and a share of {label['share']:.6g}"
    known = [label for label in labels if label.get("prevalence") is not None]
    for label in known:
        ends = [0, label["low"], label["prevalence"], label["high"], 1]
        if any(high - low < -ROUNDING for low, high in itertools.pairwise(ends)):
            yield f"{where}: the prevalence of {label['label']} is outside its interval, or outside 0 to 1"
    if known and abs(sum(label["prevalence"] for label in known) - 1) > ROUNDING:
        yield f"{where}: the prevalences do not add up to 1"


def _label(where: str, row: Mapping[str, Any], labels: Mapping[str, int]) -> Iterator[str]:
    label = row["label"]
    if label is None and any(answer is not None for answer in row.get("labels", {}).values()):
        if row["label_id"] is not None:
            yield f"{where}: no label, and the id {row['label_id']}"
    elif labels and label not in labels:
        yield f"{where}: label {label!r} is not in protocol.json"
    elif labels and row["label_id"] != labels[label]:
        yield f"{where}: label {label!r} has id {row['label_id']}, protocol.json says {labels[label]}"
    elif labels and row["resolved_by"] in LED and leading(row["votes"]) != [label]:
        yield f"{where}: label {label!r} by {row['resolved_by']}, and its votes do not give it"
    elif not labels and not isinstance(label, int | float):
        yield f"{where}: label {label!r} is no number"


def _rows(path: Path, columns: list[str] | None = None) -> Iterator[dict[str, Any]]:
    with damaged(path.name, "fetch the release again"), parquet.opened(path) as file:
        yield from parquet.rows(file, columns)
