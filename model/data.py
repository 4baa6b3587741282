"""What networks are trained on: the pairs of a CCD-style folder or a campaign, and batches of their cached features.

A CCD-style folder has `train.jsonl`, `dev.jsonl` and `test.jsonl` with a JSON object a line: `pair_id`, `text`,
`image` (a path in the folder), `label` and `label_id`. A release is one, and so is the synthetic world. Where
`protocol.json` has several questions, `labels` holds the label of each; the label of a question that asks for a score
is a number.
"""

import contextlib
import errno
import hashlib
import json
import math
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ccd.campaign.campaign import Campaign
from ccd.errors import CcdError, DataDamage, InputError, as_path
from ccd.files.regular import read_json, read_rows
from ccd.release.content import pairs as of_campaign
from ccd.release.images import inside
from ccd.release.leaks import is_synthetic
from model.batch import Batch
from model.encoding import Encoders, encode
from model.features import Features, Kind, image_key, text_key
from model.profile import profiles

SPLITS = ("train", "dev", "test")
MOST_LABELS = 1_000  # an id beyond is no count of labels
POOL = 50  # batches within which a shuffled epoch is sorted by length
LET_GO = 8  # batches after which pages of the cache are given back, so that memory stays flat

Indices = NDArray[np.int64]
Rows = Iterable[tuple[str, Mapping[str, Any]]]  # where each row is, and its content
Started = Callable[[str, int], Callable[[int], None]]  # opens a progress bar, and returns what moves it
_HASHED = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Pairs:
    """N pairs of one split.

    Their ids, the keys of their images and texts in the feature cache, their label ids (int64) or scores (float64), and
    their leakage groups; None where these are not known, so that every pair counts as one.
    """

    ids: tuple[str, ...]
    images: NDArray[np.bytes_]
    texts: NDArray[np.bytes_]
    labels: NDArray[Any]
    groups: tuple[str, ...] | None = None

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Asked:
    """The question that labels answer.

    Its name ("" where a folder does not say), its labels in the order of their ids and whether it asks for a score.
    """

    name: str = ""
    labels: tuple[str, ...] = ()
    is_score: bool = False


@dataclass(frozen=True)
class Dataset:
    """`splits` by name; `labels`, their names in the order of their ids, none where `asked` is for a score.

    `images` {key: file} and `texts` {key: text}, which is what the encoders need; `synthetic` where the toolkit made
    the pairs itself.
    """

    splits: Mapping[str, Pairs]
    labels: tuple[str, ...]
    images: Mapping[str, str]
    texts: Mapping[str, str]
    synthetic: bool
    asked: "Asked"

    def digest(self, *splits: str) -> str:
        """SHA-256 of the ids, images, texts and labels of these splits: it names what a network was trained on."""
        told = hashlib.sha256(json.dumps(self.labels).encode())
        for pairs in (self.splits[name] for name in splits):
            told.update("\n".join(pairs.ids).encode())
            for column in (pairs.images, pairs.texts, pairs.labels):
                told.update(column.tobytes())
        return told.hexdigest()


def read_folder(folder: str | os.PathLike[str], seen: Callable[[str], str], question: str | None = None) -> Dataset:
    """Return the pairs of a CCD-style folder with their labels on `question` (default: the folder's first).

    `seen` gives what a model sees of a text, as `ccd encode` stores it. Pairs without a label on the question are left
    out. An image that is named by its SHA-256, as in a release, is not opened. Raises CcdError for a missing file, a
    line that is no pair, or a question that the folder does not have.

    >>> data = read_folder("releases/v1", collection.text.model_text)  # doctest: +SKIP
    >>> len(data.splits["test"]), data.labels  # doctest: +SKIP
    (983, ('irrelevant', 'implicit', 'explicit'))
    """
    folder = as_path(folder, "the folder of the pairs")

    def file_of(image: str) -> Path:
        try:
            return inside(folder, image)
        except OSError as error:
            raise InputError(f"{folder}: image {error}; put the image there") from None

    first, asked, several = _asked(folder, question)
    rows: dict[str, Rows] = {name: _lines(folder / f"{name}.jsonl") for name in SPLITS}
    if asked.name != first:
        rows = {name: _answers(of_split, asked) for name, of_split in rows.items()}
    elif several:
        rows = {name: _labelled(of_split) for name, of_split in rows.items()}
    return _dataset(rows, seen, file_of, asked, is_synthetic(folder))


def _asked(folder: Path, question: str | None) -> tuple[str, Asked, bool]:
    """Return the name of the folder's first question, what `question` asks, and whether there are several.

    A folder that names none has one label a pair, which is taken for an answer to any question.
    """
    files = folder / "release.json", folder / "protocol.json"
    if not all(file.is_file() for file in files):
        return question or "", Asked(question or ""), False
    try:
        about, protocol = map(read_json, files)
        first = str(about["question"])
        asked = {
            str(each["name"]): Asked(
                str(each["name"]),
                tuple(str(category["name"]) for category in each["categories"]),
                each.get("kind") == "score",
            )
            for each in protocol["questions"]
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataDamage(f"{folder}: release.json and protocol.json name no labels ({error}); fetch it again") from None
    if (question or first) not in asked:
        raise InputError(f"{folder}: no question {question or first!r}; its questions are {', '.join(asked)}")
    return first, asked[question or first], len(asked) > 1


def _answers(rows: Rows, asked: Asked) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the rows that have a label on another question than the first, with that label in place of the first's."""
    for where, row in rows:
        try:
            label = row["labels"][asked.name]
        except (KeyError, TypeError):
            raise InputError(f"{where}: no label of question {asked.name!r} in labels; see docs/release.md") from None
        if label is not None:
            yield (
                where,
                {**row, "label": label, "label_id": asked.labels.index(label) if label in asked.labels else None},
            )


def _labelled(rows: Rows) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Return the rows that have a label on the first of several questions."""
    return (each for each in rows if not isinstance(each[1], Mapping) or each[1].get("label", "") is not None)


def read_campaign(campaign: Campaign, seen: Callable[[str], str], question: str | None = None) -> Dataset:
    """Return the campaign's pairs that have a split and a label on `question` (default: the protocol's first).

    Raises CcdError where nothing is labelled or split, or for a question that the protocol does not have.
    """
    of = campaign.protocol.by_name(question) if question else campaign.protocol.question
    splits: dict[str, list[tuple[str, Mapping[str, Any]]]] = {name: [] for name in SPLITS}
    files: dict[str, Path] = {}
    with campaign.read() as db:
        for pair in of_campaign(db, campaign, of.name):
            if not pair.left_out:
                splits[pair.split].append((f"{pair.split} of the campaign", pair.row))
                files[pair.row["image"]] = campaign.folder / pair.file
    if not files:
        raise InputError("no pair has both a label and a split; run `ccd labels`, then `ccd split`")
    asked = Asked(of.name, of.labels, of.kind == "score")
    return _dataset(splits, seen, files.__getitem__, asked, campaign.is_synthetic)


def _lines(file: Path) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Where each line stands, and its object."""
    try:
        for number, row in read_rows(file):
            yield f"{file}, line {number}", row
    except FileNotFoundError:
        raise InputError(f"{file}: not there; name a folder with train.jsonl, dev.jsonl and test.jsonl") from None
    except OSError as error:
        raise DataDamage(f"{file}: cannot be read ({error.strerror}); fetch the release again") from None
    except ValueError as error:
        raise DataDamage(
            f"{file}: is not one JSON object a line ({error}); write it again with `ccd release`"
        ) from None


def _dataset(
    splits: Mapping[str, Rows],
    seen: Callable[[str], str],
    file_of: Callable[[str], Path],
    asked: Asked,
    synthetic: bool,
) -> Dataset:
    names: dict[object, object] = dict(enumerate(asked.labels))  # also of a label that no pair has yet
    images: dict[str, str] = {}
    texts: dict[str, str] = {}
    keys: dict[str, str] = {}  # of an image's path: many pairs may share one
    columns: dict[str, Pairs] = {}
    for split, rows in splits.items():
        ids, labels, of_images, of_texts, groups = [], [], [], [], list[str]()
        for where, row in rows:
            try:
                pair, text, image, label = row["pair_id"], seen(row["text"]), row["image"], row["label_id"]
                texts[key := text_key(text)] = text
                f"{pair:s}{image:s}{row['label']}".encode()  # texts, whole
                names.setdefault(label, row["label"])
            except (KeyError, TypeError, AttributeError, ValueError):
                raise InputError(f"{where}: no pair_id, text, image, label and label_id; see docs/release.md") from None
            if asked.is_score:
                label = _score(where, row["label"])
            elif not isinstance(label, int) or not 0 <= label < MOST_LABELS or names[label] != row["label"]:
                raise InputError(
                    f"{where}: label {row['label']!r} with the id {label!r}; networks learn labels with ids"
                )
            if image not in keys:
                keys[image] = _image_key(file_of(image), where)
                images[keys[image]] = str(file_of(image))
            ids.append(pair)
            labels.append(label)
            of_images.append(keys[image])
            of_texts.append(key)
            if isinstance(group := row.get("leakage_group"), str):
                groups.append(group)
        kind: type[np.generic] = np.float64 if asked.is_score else np.int64
        columns[split] = Pairs(
            tuple(ids),
            np.array(of_images, "S64"),
            np.array(of_texts, "S64"),
            np.array(labels, kind),
            tuple(groups) if len(groups) == len(ids) else None,
        )
    size = 0 if asked.is_score else 1 + max((each for each in names if isinstance(each, int)), default=-1)
    known = tuple(str(names.get(number, number)) for number in range(size))
    return Dataset(columns, known, images, texts, synthetic, asked)


def _score(where: str, label: object) -> float:
    if isinstance(label, bool) or not isinstance(label, int | float) or not math.isfinite(label):
        raise InputError(f"{where}: label {label!r} is not a number, as the question asks for; write its score")
    return float(label)


def _image_key(file: Path, where: str) -> str:
    if _HASHED.fullmatch(file.stem):
        return file.stem
    try:
        if file.exists() and not file.is_file():
            raise OSError(errno.EINVAL, "no plain file")
        return image_key(file)
    except OSError as error:
        raise InputError(f"{where}: {file} cannot be read ({error.strerror}); put the image there") from None


def features_of(
    kind: Kind, items: Mapping[str, str], encoders: Encoders, root: Path, started: Started, cache: str | None = None
) -> Features:
    """Return the cache below `root` that holds these items; what is not there yet is encoded now.

    Where all is there the encoder is not made, so its weights need not be at hand. `cache` names the one that a network
    was trained on. Raises CcdError where the encoder of today is another.
    """
    line = getattr(encoders, kind)
    with contextlib.suppress(CcdError):  # nothing is encoded yet
        found = Features(root / kind / cache) if cache else Features.latest(root, kind, line)
        if (found.find(list(items)) >= 0).all():
            return found
    done = encode(encoders, kind, items, root, started=started)
    if cache and done.cache.name != cache:
        raise InputError(
            f"{root / kind}: the network was trained on {cache}, and {line!r} now makes {done.cache.name}; "
            "put the encoder's old weights back, or train again"
        )
    return Features(done.cache)


def share_space(regions: Features, words: Features) -> bool:
    """Whether the cosine of a region and a word means something, so that pairs have a similarity profile."""
    return regions.space is not None and regions.space == words.space


class Loader:
    """The pairs of one split whose features are cached, as batches on one device, in fp32.

    `ids`, `labels` and `groups` are those of the pairs that are there; `missing` counts the others. Where both
    encoders share a space, batches have similarity profiles.

    >>> loader = Loader(data.splits["train"], regions, words)  # doctest: +SKIP
    >>> for batch in loader.batches(loader.shuffled(64, seed=0, epoch=1)): ...  # doctest: +SKIP
    """

    def __init__(self, pairs: Pairs, regions: Features, words: Features, device: str = "cpu") -> None:
        places = regions.find(pairs.images), words.find(pairs.texts)
        there = np.flatnonzero((places[0] >= 0) & (places[1] >= 0))
        self.ids = tuple(pairs.ids[i] for i in there)
        self.labels = pairs.labels[there]
        self.groups = None if pairs.groups is None else tuple(pairs.groups[i] for i in there)
        self.missing = len(pairs) - len(there)
        self.device = device
        self._caches = regions, words
        self._places = places[0][there], places[1][there]
        self._lengths = words.counts[self._places[1]]
        self.has_profile = share_space(regions, words)

    def __len__(self) -> int:
        return len(self.ids)

    def shuffled(self, size: int, seed: int, epoch: int) -> list[Indices]:
        """Every pair once, in batches of about equal lengths, in an order that depends on seed and epoch alone.

        Pairs are shuffled, sorted by length within pools of POOL batches, cut, and the batches shuffled.
        """
        draw = np.random.default_rng((seed, epoch))
        order = draw.permutation(len(self))
        pool = POOL * size
        parts = [order[start : start + pool] for start in range(0, len(order), pool)]
        batches = [batch for part in parts for batch in self._cut(part, size)]
        return [batches[i] for i in draw.permutation(len(batches))]

    def sorted(self, size: int) -> list[Indices]:
        """Every pair once, in batches from the shortest text to the longest: for prediction."""
        return self._cut(np.arange(len(self)), size)

    def _cut(self, part: Indices, size: int) -> list[Indices]:
        by_length = part[np.argsort(self._lengths[part], kind="stable")]
        return [by_length[start : start + size] for start in range(0, len(by_length), size)]

    def batches(self, order: Iterable[Indices]) -> Iterator[Batch]:
        """Yield the batch of each group of pairs."""
        for number, indices in enumerate(order, 1):
            yield self._batch(indices)
            if number % LET_GO == 0:
                for cache in self._caches:
                    cache.let_go()

    def _batch(self, indices: Indices) -> Batch:
        (regions, counts), (words, lengths) = (
            cache.batch(places[indices]) for cache, places in zip(self._caches, self._places, strict=True)
        )
        mask = np.arange(regions.shape[1]) < counts[:, None]
        arrays = regions, mask, words, lengths, self.labels[indices]
        # Half the bytes go to the device, and become fp32 there.
        on_device = [torch.from_numpy(array).to(self.device, non_blocking=True) for array in arrays]
        batch = Batch(on_device[0].float(), on_device[1], on_device[2].float(), on_device[3], None, on_device[4])
        return replace(batch, profile=profiles(batch)) if self.has_profile else batch
