"""The queue of photos: addresses become pictures, and pictures pairs; killed anywhere and run again, it goes on."""

import collections
import concurrent.futures
import heapq
import itertools
import random
import threading
import time
import warnings
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ccd import schema
from ccd.campaign import Campaign
from collection import images, store
from collection.fetch import USUAL, Failure, Fetcher, Limits, Redirect, host
from collection.records import Photo, Reason, Record

WORKERS = 32
PER_HOST = 8
BATCH = 200  # photos a transaction
_SECONDS = 2.0  # between transactions at most, so that a kill costs little
_WINDOW = 2_000  # photos read ahead, so that one slow host does not hold up the others

Row = sa.Row[*tuple[Any, ...]]
Got = images.Picture | images.BadImage | Failure | Redirect
_LOCKS = [threading.Lock() for _ in range(64)]  # two addresses may show the same picture at the same moment


def count(campaign: Campaign) -> dict[str, int]:
    """Photos in the queue by state: todo, done, failed, gone."""
    state = schema.photos.c.state
    with campaign.read() as db:
        found: dict[str, int] = dict(iter(db.execute(sa.select(state, sa.func.count()).group_by(state))))
    return {name: found.get(name, 0) for name in ("todo", "done", "failed", "gone")}


def retry_failed(campaign: Campaign) -> None:
    """Put the failed photos back into the queue."""
    photos = schema.photos
    with campaign.write() as db:
        db.execute(photos.update().where(photos.c.state == "failed").values(state="todo"))


def download(
    campaign: Campaign,
    *,
    limit: int | None = None,
    limits: Limits = USUAL,
    workers: int = WORKERS,
    per_host: int = PER_HOST,
    private_hosts: Collection[str] = (),
    told: Callable[[int], object] = lambda number: None,
) -> store.Counts:
    """Download what waits, at most `limit` photos, and make pairs of it by the rules of `store.collect`.

    `workers` downloads at a time, `per_host` from one host; `told` hears of every photo that is settled. A photo that
    stays away has a reason in the tables `photos` and `drops`. `private_hosts`: see Fetcher.
    Raises CcdError where a picture cannot be written; what was stored before stays.

    >>> download(campaign).kept  # doctest: +SKIP
    """
    images.sweep(campaign.folder)
    fetcher = Fetcher(limits, workers, private_hosts)
    with (
        campaign.alone("collect photos"),
        warnings.catch_warnings(action="ignore"),  # of pictures; not in the threads, which share the filters
        concurrent.futures.ThreadPoolExecutor(workers) as pool,
    ):
        run = _Run(campaign, fetcher, pool, workers, per_host, told)
        try:
            run.all(_waiting(campaign, limit))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
            run.settle()
    return run.counts


def _waiting(campaign: Campaign, limit: int | None) -> Iterator[Row]:
    """The photos that wait, window by window; those of posts that are gone are left alone."""
    photos, posts = schema.photos.c, schema.posts.c
    query = (
        sa.select(photos.pair_id, photos.post_id, photos.photo, photos.url, photos.text, photos.alt_text)
        .join_from(schema.photos, schema.posts)
        .where(photos.state == "todo", posts.status == "live")
        .order_by(photos.pair_id)
    )
    last, left = "", limit
    while left is None or left > 0:
        with campaign.read() as db:
            rows = db.execute(query.where(photos.pair_id > last).limit(min(_WINDOW, left or _WINDOW))).all()
        if not rows:
            return
        yield from rows
        last = rows[-1].pair_id
        left = None if left is None else left - len(rows)


def _load(fetcher: Fetcher, folder: Path, url: str) -> Got:
    """One answer, checked; a picture is on the disk when this returns."""
    try:
        answer = fetcher.get(url)
        if isinstance(answer, Redirect):
            return answer
        picture, data = images.prepare(answer)
    except (Failure, images.BadImage) as error:
        return error
    with _LOCKS[int(picture.sha256[:2], 16) % len(_LOCKS)]:
        images.put(folder, picture, data)
    return picture


# --- whose turn it is -------------------------------------------------------------------------------------------------


@dataclass
class _Job:
    """An address, and all photos that wait for it."""

    address: str
    url: str  # where redirects have led
    rows: list[Row]
    redirects: int = 0
    tries: int = 0


@dataclass
class _Host:
    waiting: collections.deque[_Job] = field(default_factory=collections.deque)
    running: int = 0
    not_before: float = 0.0


class Turns:
    """Jobs by host: at most `per_host` at a time, none before the host's pause ends. No thread waits for either."""

    def __init__(self, per_host: int) -> None:
        self.per_host = per_host
        self.hosts = collections.OrderedDict[str, _Host]()
        self.later: list[tuple[float, int, _Job]] = []
        self._number = itertools.count()

    def add(self, job: _Job, at: float = 0.0) -> None:
        """Queue a job, to start at time `at` or later. Raises Failure where its address has no host."""
        name = host(job.url)
        if at > 0:
            heapq.heappush(self.later, (at, next(self._number), job))
        else:
            self.hosts.setdefault(name, _Host()).waiting.append(job)

    def start(self, now: float) -> _Job | None:
        """The next job that may start; hosts take turns."""
        while self.later and self.later[0][0] <= now:
            self.add(heapq.heappop(self.later)[2])
        for name, each in list(self.hosts.items()):
            if each.waiting and each.running < self.per_host and each.not_before <= now:
                self.hosts.move_to_end(name)
                each.running += 1
                return each.waiting.popleft()
        return None

    def end(self, name: str) -> None:
        """A job of this host is over."""
        each = self.hosts[name]
        each.running -= 1
        if not each.waiting and not each.running and each.not_before <= time.monotonic():
            del self.hosts[name]

    def pause(self, name: str, until: float) -> None:
        """The host asked for a pause."""
        each = self.hosts.setdefault(name, _Host())
        each.not_before = max(each.not_before, until)

    def wakes(self) -> float | None:
        """When something that waits for the clock may start; None where nothing does."""
        times = [each.not_before for each in self.hosts.values() if each.waiting and each.running < self.per_host]
        return min(times + [at for at, _, _ in self.later[:1]], default=None)


class _Run:
    """One run: starts jobs, judges what came, writes it in batches. Only `_load` runs in other threads."""

    def __init__(
        self,
        campaign: Campaign,
        fetcher: Fetcher,
        pool: concurrent.futures.ThreadPoolExecutor,
        workers: int,
        per_host: int,
        told: Callable[[int], object],
    ) -> None:
        self.campaign, self.fetcher, self.pool, self.told = campaign, fetcher, pool, told
        self.limits, self.workers = fetcher.limits, workers
        self.turns = Turns(per_host)
        self.jobs: dict[str, _Job] = {}  # by address
        self.running: dict[concurrent.futures.Future[Got], tuple[_Job, str]] = {}
        self.settled: list[tuple[Row, images.Picture | images.BadImage, int]] = []
        self.written = time.monotonic()
        self.counts = store.Counts()

    def all(self, rows: Iterator[Row]) -> None:
        """Every row to its end."""
        more = True
        while more or self.jobs:
            while more and len(self.jobs) < _WINDOW:
                row = next(rows, None)
                more = row is not None
                if row is not None:
                    self._enter(row)
            self._start()
            self._wait()
            if len(self.settled) >= BATCH or (self.settled and time.monotonic() - self.written > _SECONDS):
                self.settle()

    def _enter(self, row: Row) -> None:
        if row.url in self.jobs:
            self.jobs[row.url].rows.append(row)
        else:
            self.jobs[row.url] = job = _Job(row.url, row.url, [row])
            self._queue(job)

    def _queue(self, job: _Job, at: float = 0.0) -> None:
        try:
            self.turns.add(job, at)
        except Failure as failure:
            self._end(job, failure)

    def _start(self) -> None:
        while len(self.running) < self.workers and (job := self.turns.start(time.monotonic())):
            future = self.pool.submit(_load, self.fetcher, self.campaign.folder, job.url)
            self.running[future] = job, host(job.url)

    def _wait(self) -> None:
        """Until a download ends or the next pause does."""
        wakes = self.turns.wakes()
        room = len(self.running) < self.workers
        pause = _SECONDS if wakes is None or not room else min(_SECONDS, max(0.0, wakes - time.monotonic()))
        if not self.running:
            time.sleep(pause if self.jobs else 0)
            return
        ended, _ = concurrent.futures.wait(self.running, pause, concurrent.futures.FIRST_COMPLETED)
        for future in ended:
            job, name = self.running.pop(future)
            self.turns.end(name)
            self._judge(job, name, future.result())

    def _judge(self, job: _Job, name: str, got: Got) -> None:
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
            pause = self.limits.pause * 2 ** (job.tries - 1) * random.uniform(0.5, 1.5)
            until = time.monotonic() + min(max(pause, got.wait or 0.0), self.limits.longest_pause)
            if got.wait is not None or got.reason == "HTTP 429":
                self.turns.pause(name, until)
            job.url, job.redirects = job.address, 0
            self._queue(job, until)
        else:
            self._end(job, got)

    def _end(self, job: _Job, got: images.Picture | images.BadImage | Failure) -> None:
        if isinstance(got, Failure):
            reason = Reason.GONE if got.gone else Reason.MOVING if got.moving else Reason.NOT_DOWNLOADED
            got = images.BadImage(reason, f"{got.reason}: {job.url}")
        del self.jobs[job.address]
        self.settled += [(row, got, max(job.tries, 1)) for row in job.rows]
        self.told(len(job.rows))

    def settle(self) -> None:
        """Write what came since the last time: pairs, drops and states in one transaction."""
        if not self.settled:
            return
        with self.campaign.write() as db:
            _write(db, self.campaign.folder, self.settled, self.counts)
        self.settled = []
        self.written = time.monotonic()


def _write(db: sa.Connection, folder: Path, settled: list[Any], counts: store.Counts) -> None:
    p = schema.posts.c
    ids = {row.post_id for row, _, _ in settled}
    posts = {
        post.post_id: post for post in db.execute(sa.select(schema.posts).where(p.post_id.in_(ids), p.status == "live"))
    }
    sources: dict[str, list[Any]] = {}
    for row, got, tries in sorted(settled, key=lambda each: each[0].pair_id):
        if post := posts.get(row.post_id):  # else it went while its photo came
            photo = Photo(row.photo, row.url, row.alt_text)
            record = Record(row.post_id, post.text, post.created_at, post.lang, (photo,), row.url)
            item = store.item(row.pair_id, record, photo, row.text, got)
            sources.setdefault(post.source, []).append((item, got, tries))
    states = []
    for source, items in sources.items():
        batch = store.Batch(db, folder, source, [item for item, _, _ in items], counts)
        for item, got, tries in items:
            batch.take(item)
            states.append({"key": item.pair_id, "by": tries} | _state(got, batch.drops.get(item.pair_id)))
        batch.write()
        d = schema.drops
        db.execute(d.delete().where(d.c.item.in_(batch.mended)))  # also what another file of the post had dropped
    if states:
        photos = schema.photos
        db.execute(
            photos.update()
            .where(photos.c.pair_id == sa.bindparam("key"))
            .values(tries=photos.c.tries + sa.bindparam("by"), state=sa.bindparam("s"), reason=sa.bindparam("r")),
            states,
        )


def _state(got: images.Picture | images.BadImage, drop: Any) -> dict[str, str | None]:
    if isinstance(got, images.Picture):
        return {"s": "done", "r": None if drop is None else str(drop.reason)}
    if got.reason in (Reason.NOT_DOWNLOADED, Reason.GONE):
        return {"s": "gone" if got.reason == Reason.GONE else "failed", "r": got.detail.partition(": ")[0]}
    return {"s": "failed", "r": str(got.reason)}
