"""The queue of photos: addresses become pictures, and pictures pairs; killed anywhere and run again, it goes on."""

import queue
import random
import threading
import time
import warnings
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ccd.campaign.campaign import Campaign, Connection
from ccd.campaign.tables import photos as queued
from ccd.campaign.tables.photos import Tried, Waiting
from ccd.retries import pause
from collection import images, store
from collection.fetch import USUAL, Failure, Fetcher, Limits, Redirect, host
from collection.records import Drop, Photo, Reason, Record
from collection.turns import HostJob, Turns

WORKERS = 32
PER_HOST = 8
BATCH = 200  # photos a transaction
_SECONDS = 2.0  # between transactions at most, so that a kill costs little
_WINDOW = 2_000  # photos read ahead, so that one slow host does not hold up the others
_GRACE = 0.5  # seconds that requests under way get when a run is interrupted

Looked = images.Picture | images.BadImage
Got = Looked | Failure | Redirect
Settled = tuple[Waiting, Looked, int]  # a photo, what came of it, and after how many tries
_LOCKS = [threading.Lock() for _ in range(64)]  # two addresses may show the same picture at the same moment


@dataclass
class Counts(store.Counts):
    """What a run did. `waiting` are the photos that were put off."""

    put_off: dict[str, int] = field(default_factory=dict)  # photos by host that does not answer


def count(campaign: Campaign) -> dict[str, int]:
    """Return how many photos of the queue are todo, done, failed and gone."""
    with campaign.read() as db:
        return queued.counts_by_state(db)


def retry_failed(campaign: Campaign) -> None:
    """Put the failed photos back into the queue."""
    with campaign.write() as db:
        queued.retry_failed(db)


def download(
    campaign: Campaign,
    *,
    limit: int | None = None,
    limits: Limits = USUAL,
    workers: int = WORKERS,
    per_host: int = PER_HOST,
    private_hosts: Collection[str] = (),
    progress: Callable[[int], object] = lambda number: None,
) -> Counts:
    """Download what waits, at most `limit` photos, and make pairs of it by the rules of `store.collect`.

    `workers` downloads at a time, `per_host` from one host; `progress` is called with the number of photos that are
    settled. A photo that stays away has a reason in the tables `photos` and `drops`. Photos of a host that does not
    answer (see Turns) wait on, with that reason. `private_hosts`: see Fetcher. Interrupted, it ends within a second,
    and what came is stored.
    Raises CcdError where a picture cannot be written; what was stored before stays.

    >>> download(campaign).kept  # doctest: +SKIP
    """
    images.sweep(campaign.folder)
    with (
        campaign.alone("collect photos"),
        warnings.catch_warnings(action="ignore"),  # of pictures; not in the threads, which share the filters
    ):
        workshop = _Workshop(Fetcher(limits, workers, private_hosts), campaign.folder, workers)
        run = _Run(campaign, workshop, limits, Turns(per_host, limits.tries, limits.pause), progress)
        try:
            run.all(_waiting(campaign, limit))
        finally:
            workshop.close()
            run.settle()
    return run.counts


def _waiting(campaign: Campaign, limit: int | None) -> Iterator[Waiting]:
    """Yield the photos that wait, window by window; those of deleted posts are left alone."""
    last, left = "", limit
    while left is None or left > 0:
        with campaign.read() as db:
            rows = queued.waiting(db, last, min(_WINDOW, left or _WINDOW))
        if not rows:
            return
        yield from rows
        last = rows[-1].pair_id
        left = None if left is None else left - len(rows)


# --- in other threads -------------------------------------------------------------------------------------------------


class _Workshop:
    """Threads that download. They are daemons: one that waits for a silent server is left behind at the end."""

    def __init__(self, fetcher: Fetcher, folder: Path, workers: int) -> None:
        self.fetcher, self.folder = fetcher, folder
        self.todo = queue.SimpleQueue[HostJob | None]()
        self.ended = queue.SimpleQueue[tuple[HostJob, Got | Exception]]()
        self.free = workers
        self.closed = threading.Event()
        self.threads = [threading.Thread(target=self._work, daemon=True) for _ in range(workers)]
        for thread in self.threads:
            thread.start()

    def give(self, job: HostJob) -> None:
        self.free -= 1
        self.todo.put(job)

    def take(self, seconds: float) -> tuple[HostJob, Got] | None:
        """Return a job that is over, and what came of it; None where none is within so many seconds."""
        try:
            job, got = self.ended.get(timeout=max(0.0, seconds))
        except queue.Empty:
            return None
        self.free += 1
        if isinstance(got, (images.Picture, Redirect, Failure, images.BadImage)):
            return job, got
        raise got

    def close(self) -> None:
        """Stop: no picture is written after this, nor half-written when it returns."""
        self.closed.set()
        for _ in self.threads:
            self.todo.put(None)
        end = time.monotonic() + _GRACE
        for thread in self.threads:
            thread.join(max(0.0, end - time.monotonic()))
        for lock in _LOCKS:
            with lock:
                pass

    def _work(self) -> None:
        while job := self.todo.get():
            try:
                self.ended.put((job, self._load(job.url)))
            except Exception as error:
                self.ended.put((job, error))

    def _load(self, url: str) -> Got:
        """Return one answer, checked; a picture is on the disk when this returns."""
        answer = self.fetcher.get(url)
        if isinstance(answer, Redirect):
            return answer
        picture, data = images.prepare(answer)
        with _LOCKS[int(picture.sha256[:2], 16) % len(_LOCKS)]:
            if not self.closed.is_set():
                images.put(self.folder, picture, data)
        return picture


# --- one run ----------------------------------------------------------------------------------------------------------


class _Run:
    """Starts jobs, judges what came, writes it in batches."""

    def __init__(
        self,
        campaign: Campaign,
        workshop: _Workshop,
        limits: Limits,
        turns: Turns,
        progress: Callable[[int], object],
    ) -> None:
        self.campaign, self.workshop, self.limits, self.turns, self.progress = (
            campaign,
            workshop,
            limits,
            turns,
            progress,
        )
        self.jobs: dict[str, HostJob] = {}  # by address
        self.settled: list[Settled] = []
        self.put_off: list[tuple[Waiting, str, int]] = []
        self.written = time.monotonic()
        self.counts = Counts()

    def all(self, rows: Iterator[Waiting]) -> None:
        """Bring every row to its end."""
        more = True
        while more or self.jobs:
            while more and len(self.jobs) + len(self.put_off) < _WINDOW:
                row = next(rows, None)
                more = row is not None
                if row is not None:
                    self._enter(row)
            while self.workshop.free and (job := self.turns.start(time.monotonic())):
                self.workshop.give(job)
            self._wait()
            news = len(self.settled) + len(self.put_off)
            if news >= BATCH or (news and time.monotonic() - self.written > _SECONDS):
                self.settle()

    def _enter(self, row: Waiting) -> None:
        if row.url in self.jobs:
            self.jobs[row.url].rows.append(row)
        else:
            self.jobs[row.url] = job = HostJob(row.url, row.url, [row])
            self._queue(job)

    def _queue(self, job: HostJob, at: float = 0.0) -> None:
        try:
            name = host(job.url)
        except Failure as failure:
            self._end(job, failure)
            return
        if name in self.turns.given_up:
            self._put_off(job, name)
        else:
            self.turns.add(job, at)

    def _wait(self) -> None:
        """Wait until a download ends or the next pause does."""
        if not self.jobs:
            return
        wakes = self.turns.wakes() if self.workshop.free else None
        over = self.workshop.take(_SECONDS if wakes is None else min(_SECONDS, wakes - time.monotonic()))
        while over:
            job, got = over
            name = host(job.url)
            self.turns.end(name, time.monotonic(), answered=not (isinstance(got, Failure) and got.silent))
            self._judge(job, name, got)
            if name in self.turns.given_up:
                for other in self.turns.leave(name):
                    self._put_off(other, name)
            over = self.workshop.take(0)

    def _judge(self, job: HostJob, name: str, got: Got) -> None:
        if isinstance(got, Redirect):
            job.redirects += 1
            job.url = got.url
            if job.redirects > self.limits.redirects:
                self._end(job, Failure("too many redirects"))
            else:
                self._queue(job)
            return
        job.tries += 1
        if isinstance(got, Failure) and got.again and job.tries < self.limits.tries:
            seconds = pause(job.tries, self.limits.pause * random.uniform(0.25, 0.75))
            until = time.monotonic() + min(max(seconds, got.wait or 0.0), self.limits.longest_pause)
            if got.wait is not None or got.reason == "HTTP 429":
                self.turns.pause(name, until)
            job.url, job.redirects = job.address, 0
            self._queue(job, until)
        else:
            self._end(job, got)

    def _end(self, job: HostJob, got: Looked | Failure) -> None:
        if isinstance(got, Failure):
            reason = Reason.GONE if got.gone else Reason.MOVING if got.moving else Reason.NOT_DOWNLOADED
            got = images.BadImage(reason, f"{got.reason}: {job.url}")
        del self.jobs[job.address]
        self.settled += [(row, got, max(job.tries, 1)) for row in job.rows]
        self.progress(len(job.rows))

    def _put_off(self, job: HostJob, name: str) -> None:
        del self.jobs[job.address]
        self.put_off += [(row, name, job.tries) for row in job.rows]
        self.progress(len(job.rows))

    def settle(self) -> None:
        """Write what came since the last time: pairs, drops and states in one transaction."""
        if self.settled or self.put_off:
            with self.campaign.write() as db:
                if self.settled:
                    _write(db, self.campaign.folder, self.settled, self.counts)
                if self.put_off:
                    _write_put_off(db, self.put_off, self.counts)
            self.settled, self.put_off = [], []
        self.written = time.monotonic()


def _write(db: Connection, folder: Path, settled: list[Settled], counts: store.Counts) -> None:
    posts = queued.live_posts(db, {row.post_id for row, _, _ in settled})
    sources: dict[str, list[tuple[store.Item, Looked, int]]] = {}
    for row, got, tries in sorted(settled, key=lambda each: each[0].pair_id):
        if post := posts.get(row.post_id):  # else it was deleted while its photo came
            photo = Photo(row.photo, row.url, row.alt_text)
            record = Record(row.post_id, post.text, post.created_at, post.lang, (photo,), row.url)
            item = store.item(row.pair_id, record, photo, row.text, got)
            sources.setdefault(post.source, []).append((item, got, tries))
    tried = []
    for source, items in sources.items():
        batch = store.StoredBatch(db, folder, source, [item for item, _, _ in items], counts)
        for item, got, tries in items:
            batch.take(item)
            tried.append(Tried(item.pair_id, tries, *_state(got, batch.drops.get(item.pair_id))))
        batch.write()
    queued.note_tries(db, tried)


def _write_put_off(db: Connection, put_off: list[tuple[Waiting, str, int]], counts: Counts) -> None:
    for _, name, _ in put_off:
        counts.read += 1
        counts.waiting += 1
        counts.put_off[name] = counts.put_off.get(name, 0) + 1
    queued.note_tries(db, [Tried(row.pair_id, tries, None, f"no answer from {name}") for row, name, tries in put_off])


def _state(got: Looked, drop: Drop | None) -> tuple[str, str | None]:
    """Return the state of a photo that was downloaded, and why it is no pair."""
    if isinstance(got, images.Picture):
        return "done", None if drop is None else str(drop.reason)
    if got.reason in (Reason.NOT_DOWNLOADED, Reason.GONE):
        return "gone" if got.reason == Reason.GONE else "failed", got.detail.partition(": ")[0]
    return "failed", str(got.reason)
