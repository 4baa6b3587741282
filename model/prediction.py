"""Scoring a whole campaign: what a trained network says of every pair, stored by `ccd.campaign.predictions`.

Pairs are read from the database page after page, in the order of their ids, and cut into shards. `predict_shard` is a
function of its job alone, so that one process and Ray Data write the same shards.
"""

import time
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import softmax

from ccd.campaign.campaign import Campaign
from ccd.campaign.predictions import Predictions, begin, predicted, write
from ccd.campaign.tables import known_pairs
from ccd.errors import InputError
from ccd.files.ray import on_ray
from ccd.protocol import Protocol, Question
from model.checkpoint import WEIGHTS, Checkpoint, load
from model.data import Loader, Pairs, Started, features_of
from model.embedding import LastSeen
from model.encoders.digest import file_digest
from model.encoding import Encoders
from model.evaluation import BATCH
from model.features import Features, Kind, text_key

ROWS = 4096  # pairs of a shard: what a kill loses
KINDS: tuple[Kind, Kind] = ("regions", "words")
_HIGHEST = np.finfo(np.float16).max

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Setting:
    """What the shards of a run have in common: folders of network and caches, where shards go, and threads of torch.

    `run` is new each time: caches that have grown since are opened anew.
    """

    checkpoint: Path
    regions: Path
    words: Path
    out: Path
    threads: int
    run: str


@dataclass(frozen=True)
class PredictionJob:
    """One shard, of pairs that all have features."""

    setting: Setting
    pairs: Pairs


@dataclass
class Done:
    """What a run did.

    Pairs predicted by it and before it, pairs left out as they have no features, how many of the new have each label
    (none for a score), and seconds.
    """

    folder: Path
    new: int = 0
    kept: int = 0
    missing: int = 0
    labels: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0


class Scorer:
    """A trained network, ready to score pairs on one device.

    >>> scorer = Scorer(load(Path("models/ananet-4fd1a2c09b3e")))  # doctest: +SKIP
    >>> scorer.score(Loader(pairs, regions, words)).probabilities  # doctest: +SKIP
    """

    def __init__(self, checkpoint: Checkpoint, device: str = "cpu") -> None:
        self.checkpoint, self.device = checkpoint, device
        self.network = checkpoint.network().to(device)

    @property
    def _outputs(self) -> int:
        return 1 if self.checkpoint.is_score else len(self.checkpoint.labels)

    def score(self, loader: Loader) -> Predictions:
        """Of every pair of the loader, in its order. Streams are at temperature 1, as dev's is that of their sum."""
        columns: dict[str, Floats] = {}
        order = loader.sorted(BATCH)
        bf16 = self.checkpoint.config["training"]["bf16"]
        with (
            torch.inference_mode(),
            torch.autocast(self.device, torch.bfloat16, enabled=bf16),
            LastSeen(self.network, self._outputs) as seen,
        ):
            for indices, batch in zip(order, loader.batches(order), strict=True):
                verdict = self.network(batch)
                parts = {
                    "logits": verdict.logits,
                    "association": verdict.association,
                    "alignment": verdict.alignment,
                    "embedding": seen.embedding(batch),
                    "profile": batch.profile,
                }
                for name, part in parts.items():
                    if part is not None:
                        columns.setdefault(name, np.zeros((len(loader), part.shape[1]), np.float32))
                        columns[name][indices] = part.float().cpu().numpy()
        return self._predictions(loader.ids, columns)

    def _predictions(self, ids: tuple[str, ...], columns: Mapping[str, Floats]) -> Predictions:
        logits = columns.get("logits", np.zeros((0, self._outputs), np.float32))
        is_score = self.checkpoint.is_score
        streams = [None if is_score else columns.get(name) for name in ("association", "alignment")]
        association, alignment = (None if each is None else softmax(each, axis=1) for each in streams)
        temperature = np.float32(self.checkpoint.temperature)
        return Predictions(
            version_of(self.checkpoint),
            self.checkpoint.labels,
            ids,
            np.zeros((len(ids), 0), np.float32) if is_score else softmax(logits / temperature, axis=1),
            association,
            alignment,
            _half(columns.get("embedding", np.zeros((0, 0), np.float32))),
            _half(columns["profile"]) if "profile" in columns else None,
            self.checkpoint.scores(logits.astype(np.float64)).astype(np.float32) if is_score else None,
        )


def version_of(checkpoint: Checkpoint) -> str:
    """Return the name under which a network's predictions are kept: that of its folder."""
    return checkpoint.folder.resolve().name


def predict(
    campaign: Campaign,
    checkpoint: Checkpoint,
    seen: Callable[[str], str],
    *,
    only: Collection[str] | None = None,
    engine: str = "local",
    threads: int = 1,
    started: Started = lambda name, total: lambda number: None,
) -> Done:
    """Store what a network says of all pairs of living posts, or `only` of these; what is stored already is kept.

    Features that are missing are made first, by the encoders of the training. `seen` gives what a model sees of a
    text. `engine` is local or ray, with `threads` of torch each. May be interrupted and run again: only the shards
    under way are lost. Raises CcdError where the network cannot be read, knows other labels or other encoders, or a
    pair of `only` is not there.

    >>> predict(campaign, latest(campaign.folder / "models"), collection.text.model_text).new  # doctest: +SKIP
    12252
    """
    start = time.perf_counter()
    question = question_for(checkpoint, campaign.protocol)
    Scorer(checkpoint)  # what cannot be read is told before anything is encoded
    known = predicted(campaign, version_of(checkpoint))

    def to_do() -> Iterator[_Pair]:
        return _pairs(campaign, seen, known, only)

    number, caches = _encoded(campaign, checkpoint, to_do(), started)
    out = begin(campaign, version_of(checkpoint), {"question": question.name, **_manifest(checkpoint)})
    setting = Setting(checkpoint.folder, caches[0], caches[1], out, threads, uuid.uuid4().hex)
    jobs = _jobs(setting, to_do())
    done = Done(out, labels=dict.fromkeys(checkpoint.labels, 0))
    told = started("predictions", number)
    for pairs, counts in on_ray(predict_shard, jobs, threads) if engine == "ray" else map(predict_shard, jobs):
        for label, count in zip(checkpoint.labels, counts, strict=True):
            done.labels[label] += count
        done.new += pairs
        told(pairs)
    done.missing = max(number - done.new, 0)
    done.kept = len(known) if only is None else len(known & set(only))
    done.seconds = time.perf_counter() - start
    return done


def question_for(checkpoint: Checkpoint, protocol: Protocol) -> Question:
    """Return the question of the protocol that a network answers.

    The first where the network's pairs did not name theirs. Raises CcdError where the protocol has no such question or
    the question other labels.
    """
    question = protocol.by_name(checkpoint.question) if checkpoint.question else protocol.question
    if not set(checkpoint.labels) <= set(question.labels) or checkpoint.is_score != (question.kind == "score"):
        knows = "predicts a score" if checkpoint.is_score else f"knows the labels {', '.join(checkpoint.labels)}"
        raise InputError(
            f"{checkpoint.folder}: {knows}, this campaign has {', '.join(question.labels) or 'a score'} for question "
            f"{question.name!r}; choose a network of this protocol"
        )
    return question


def predict_shard(job: PredictionJob) -> tuple[int, list[int]]:
    """Score the pairs of a job and write them as one shard; how many they are, and how many have each label."""
    scorer, regions, words = _opened(job.setting)
    found = scorer.score(Loader(job.pairs, regions, words, scorer.device))
    for cache in (regions, words):
        cache.let_go()
    write(job.setting.out, found)
    counts: list[int] = np.bincount(found.best, minlength=len(found.labels)).tolist() if found.labels else []
    return len(found), counts


@lru_cache(maxsize=1)
def _opened(setting: Setting) -> tuple[Scorer, Features, Features]:
    """Once a process and run."""
    torch.set_num_threads(setting.threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    return Scorer(load(setting.checkpoint), device), Features(setting.regions), Features(setting.words)


@dataclass(frozen=True)
class _Pair:
    """A pair as the database has it: its photo's key and file, its text's key and what a model sees of it."""

    id: str
    image: str
    photo: str
    key: str
    text: str


def _pairs(
    campaign: Campaign, seen: Callable[[str], str], known: Collection[str], only: Collection[str] | None
) -> Iterator[_Pair]:
    """Yield the pairs that are not known yet, by id. One page at a time.

    No transaction stays open while a network runs.
    """
    wanted = None if only is None else set(only)
    last = ""
    while True:
        with campaign.read() as db:
            rows = known_pairs.content_after(db, last, ROWS)
        if not rows:
            break
        last = rows[-1].pair_id
        for row in rows:
            if wanted is not None:
                if row.pair_id not in wanted:
                    continue
                wanted.discard(row.pair_id)
            if row.pair_id not in known:
                # model_text is not there of pairs that an older toolkit collected
                text = row.model_text or seen(row.text)
                yield _Pair(row.pair_id, row.image, str(campaign.folder / row.file), text_key(text), text)
    if wanted:
        raise InputError(
            f"{campaign.folder}: no pair {min(wanted)!r}, or its post is gone; name pair_ids of the campaign"
        )


def _encoded(
    campaign: Campaign, checkpoint: Checkpoint, pairs: Iterator[_Pair], started: Started
) -> tuple[int, tuple[Path, Path]]:
    """Have the features made that these pairs miss: how many pairs there are, and the folders of both caches."""
    used = checkpoint.config["features"]
    root = campaign.folder / "features"
    encoders = Encoders(used["regions"]["line"], used["words"]["line"], campaign.folder)
    caches = [_cache(root / kind / used[kind]["cache"]) for kind in KINDS]
    missing: tuple[dict[str, str], dict[str, str]] = ({}, {})
    number = 0
    while page := list(islice(pairs, ROWS)):
        number += len(page)
        items = [(pair.image, pair.photo) for pair in page], [(pair.key, pair.text) for pair in page]
        for cache, of_kind, lacks in zip(caches, items, missing, strict=True):
            there = _there(cache, [key for key, _ in of_kind])
            lacks.update(item for item, known in zip(of_kind, there, strict=True) if not known)
    folders = [
        features_of(kind, lacks, encoders, root, started, used[kind]["cache"]).folder
        for kind, lacks in zip(KINDS, missing, strict=True)
    ]
    return number, (folders[0], folders[1])


def _cache(folder: Path) -> Features | None:
    return Features(folder) if folder.is_dir() else None


def _there(cache: Features | None, keys: Sequence[str]) -> NDArray[np.bool_]:
    return np.zeros(len(keys), bool) if cache is None else cache.find(keys) >= 0


def _jobs(setting: Setting, pairs: Iterator[_Pair]) -> Iterator[PredictionJob]:
    """Shards of the pairs that have features: the same ones after a kill, as whole shards are missing then."""
    _, regions, words = _opened(setting)

    def with_features() -> Iterator[_Pair]:
        while page := list(islice(pairs, ROWS)):
            there = _there(regions, [pair.image for pair in page]) & _there(words, [pair.key for pair in page])
            yield from (pair for pair, known in zip(page, there, strict=True) if known)

    found = with_features()
    while part := list(islice(found, ROWS)):
        images, texts = np.array([pair.image for pair in part], "S64"), np.array([pair.key for pair in part], "S64")
        unknown = np.zeros(len(part), np.int64)  # labels, which nobody asks for here
        yield PredictionJob(setting, Pairs(tuple(pair.id for pair in part), images, texts, unknown))


def _manifest(checkpoint: Checkpoint) -> dict[str, Any]:
    """Return what the predictions were made by."""
    return {
        "labels": list(checkpoint.labels),
        "model": checkpoint.model,
        "weights": file_digest(checkpoint.folder / WEIGHTS),
        "temperature": checkpoint.temperature,
        "features": checkpoint.config["features"],
        "data": checkpoint.config["data"],
    }


def _half(rows: Floats) -> NDArray[np.float16]:
    return np.clip(rows, -_HIGHEST, _HIGHEST).astype(np.float16)
