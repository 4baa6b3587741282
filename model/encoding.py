"""Filling the feature cache: what is new is cut into shards, and each shard is encoded by itself.

`encode_shard` is a function of its job alone, so one process, a pool of them and Ray Data all write the same shards.
"""

import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from ccd.errors import EnvironmentFailure
from ccd.files.ray import on_ray
from model.encoders import region_encoder, word_encoder
from model.encoders.photo import UnreadableImage
from model.encoders.protocol import MOST_REGIONS, RegionEncoder, Regions, WordEncoder, Words
from model.features import Features, Kind, cache_folder, write_shard

BATCH = 32  # images that go through a network at once
READERS = 4  # threads that read and resize images
ROWS = 1 << 16  # of a shard, about; opening fewer, larger files is quicker
WORDS_A_TEXT = 18  # of a tweet, on average
STEPS = 64  # of a run: what a kill loses, and how often progress is told


@dataclass(frozen=True)
class Encoders:
    """What makes the two encoders, in any process: their lines in campaign.toml, and the folder of their files."""

    regions: str = "light"
    words: str = "light"
    folder: Path = Path()


@dataclass(frozen=True)
class EncodingJob:
    """One shard: `items` are keys with what is encoded, the path of an image or a text."""

    encoders: Encoders
    kind: Kind
    cache: Path
    items: tuple[tuple[str, str], ...]


@dataclass
class Done:
    """What a run did: items stored by it and before it, images that could not be read and why, and seconds."""

    cache: Path
    new: int = 0
    kept: int = 0
    missing: dict[str, str] = field(default_factory=dict)  # key: reason
    seconds: float = 0.0


def encode(
    encoders: Encoders,
    kind: Kind,
    items: Mapping[str, str],
    root: Path,
    *,
    workers: int = 1,
    engine: str = "local",
    started: Callable[[str, int], Callable[[int], None]] = lambda name, total: lambda number: None,
) -> Done:
    """Store the features of all items that the cache below `root` does not hold yet.

    `items`: path of an image, or a text, by its key. May be interrupted and run again: only the shards under way are
    lost. `engine` is local or ray. Raises CcdError where the encoder cannot be made, or a library is missing.
    """
    start = time.perf_counter()
    encoder = make(encoders, kind)
    cache = cache_folder(root, kind, getattr(encoders, kind), encoder)
    there = Features(cache).find(list(items)) >= 0
    new = [item for item, known in zip(items.items(), there, strict=True) if not known]
    done = Done(cache, kept=int(there.sum()))
    told = started(kind, len(new))
    for missing, number in _run(
        [EncodingJob(encoders, kind, cache, part) for part in _parts(new, kind)], workers, engine
    ):
        done.missing |= missing
        done.new += number - len(missing)
        told(number)
    done.seconds = time.perf_counter() - start
    return done


def encode_shard(job: EncodingJob) -> dict[str, str]:
    """Encode the items of a job and write them as one shard; the images that could not be read, and why, by key."""
    missing: dict[str, str] = {}
    if job.kind == "words":
        keys = [key for key, _ in job.items]
        encoded: list[tuple[str, Regions | Words]] = list(
            zip(keys, _words(job.encoders).encode([text for _, text in job.items]), strict=True)
        )
    else:
        encoded = list(_encode_images(_regions(job.encoders), job.items, missing))
    if encoded:
        write_shard(job.cache, encoded)
    return missing


def make(encoders: Encoders, kind: Kind) -> RegionEncoder | WordEncoder:
    """One of the two encoders; made once a process. Raises CcdError where that cannot be."""
    return _regions(encoders) if kind == "regions" else _words(encoders)


@lru_cache(maxsize=2)
def _regions(encoders: Encoders) -> RegionEncoder:
    return region_encoder(encoders.regions, encoders.folder, encoders.words)


@lru_cache(maxsize=2)
def _words(encoders: Encoders) -> WordEncoder:
    return word_encoder(encoders.words, encoders.folder)


def _encode_images(
    encoder: RegionEncoder, items: Sequence[tuple[str, str]], missing: dict[str, str]
) -> Iterator[tuple[str, Regions]]:
    """Key and regions of each image; files are read in threads while the network runs."""
    read = _in_threads(lambda path: encoder.prepare(Path(path)), [path for _, path in items])
    keys = iter([key for key, _ in items])

    def readable() -> Iterator[tuple[str, Any]]:
        for key, future in zip(keys, read, strict=True):
            try:
                yield key, future.result()
            except UnreadableImage as error:
                missing[key] = str(error)

    ready = readable()
    while batch := list(islice(ready, BATCH)):
        yield from zip([key for key, _ in batch], encoder.encode([prepared for _, prepared in batch]), strict=True)


def _in_threads(function: Callable[[str], Any], arguments: Iterable[str]) -> Iterator[Future[Any]]:
    """Futures of function(argument) in order, at most two batches ahead of what was taken."""
    pool = ThreadPoolExecutor(READERS)
    waiting: deque[Future[Any]] = deque()
    try:
        for argument in arguments:
            waiting.append(pool.submit(function, argument))
            if len(waiting) > 2 * BATCH:
                yield waiting.popleft()
        yield from waiting
    finally:
        pool.shutdown(cancel_futures=True)


def _parts(items: list[tuple[str, str]], kind: Kind) -> Iterator[tuple[tuple[str, str], ...]]:
    """Yield the items of each shard: whole batches, the same for any number of workers."""
    most = ROWS // (MOST_REGIONS if kind == "regions" else WORDS_A_TEXT)
    batches = max(2, -(-len(items) // (STEPS * BATCH)))
    size = min(most // BATCH, batches) * BATCH
    for start in range(0, len(items), size):
        yield tuple(items[start : start + size])


def _run(jobs: list[EncodingJob], workers: int, engine: str) -> Iterator[tuple[dict[str, str], int]]:
    """Yield what each job missed and how many items it had, as they end."""
    if engine == "ray":
        yield from on_ray(_counted, jobs)
    elif workers == 1 or len(jobs) < 2:
        yield from map(_counted, jobs)
    else:
        threads = max(1, (os.cpu_count() or 1) // workers)
        # A new interpreter each, not a fork: torch's threads do not survive a fork.
        pool = ProcessPoolExecutor(workers, get_context("spawn"), _start_worker, (threads,))
        try:
            for future in as_completed([pool.submit(_counted, job) for job in jobs]):
                yield future.result()
        except BrokenProcessPool:
            raise EnvironmentFailure(
                "a worker was ended from outside, perhaps for want of memory; run again, with fewer --workers"
            ) from None
        finally:
            pool.shutdown(cancel_futures=True)


def _counted(job: EncodingJob) -> tuple[dict[str, str], int]:
    return encode_shard(job), len(job.items)


def _start_worker(threads: int) -> None:
    os.environ["OMP_NUM_THREADS"] = str(threads)  # read by torch when it is imported
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # Ctrl-C ends it at once and without a word
