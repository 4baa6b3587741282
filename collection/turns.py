"""Whose turn it is: jobs by host, few at a time, with pauses; a host that never answers is given up."""

import collections
import heapq
import itertools
from dataclasses import dataclass, field
from typing import Any

from collection.fetch import host


@dataclass
class HostJob:
    """An address, and all photos that wait for it."""

    address: str
    url: str  # where redirects have led
    rows: list[Any]
    redirects: int = 0
    tries: int = 0


@dataclass
class _Host:
    waiting: collections.deque[HostJob] = field(default_factory=collections.deque)
    running: int = 0
    not_before: float = 0.0


class Turns:
    """At most `per_host` jobs of a host at a time, none before the host's pause ends. No thread waits for either.

    Where `per_host` requests in a row bring no answer, the host is paused for `pause` seconds, twice as long each time;
    the time after `hands` - 1 such pauses it is given up. Any answer, even a refusal, and the count starts anew.
    """

    def __init__(self, per_host: int, hands: int, pause: float) -> None:
        self.per_host, self.hands, self.first_pause = per_host, hands, pause
        self.hosts = collections.OrderedDict[str, _Host]()
        self.later: list[tuple[float, int, HostJob]] = []
        self.silent = collections.Counter[str]()  # requests in a row without an answer, by host
        self.given_up = set[str]()
        self._number = itertools.count()

    def add(self, job: HostJob, at: float = 0.0) -> None:
        """Queue a job, to start at time `at` or later. Raises Failure where its address has no host."""
        name = host(job.url)
        if at > 0:
            heapq.heappush(self.later, (at, next(self._number), job))
        else:
            self.hosts.setdefault(name, _Host()).waiting.append(job)

    def start(self, now: float) -> HostJob | None:
        """Return the next job that may start; hosts take turns."""
        while self.later and self.later[0][0] <= now:
            self.add(heapq.heappop(self.later)[2])
        for name, each in list(self.hosts.items()):
            if each.waiting and each.running < self.per_host and each.not_before <= now:
                self.hosts.move_to_end(name)
                each.running += 1
                return each.waiting.popleft()
        return None

    def end(self, name: str, now: float, *, answered: bool) -> None:
        """Note that a job of this host is over."""
        each = self.hosts[name]
        each.running -= 1
        if answered:
            self.silent.pop(name, None)
        elif now >= each.not_before:  # else it began before the pause, and tells nothing new
            self.silent[name] += 1
            hands, rest = divmod(self.silent[name], self.per_host)
            if hands >= self.hands:
                self.given_up.add(name)
            elif not rest:
                self.pause(name, now + self.first_pause * 2 ** (hands - 1))
        if not each.waiting and not each.running and each.not_before <= now:
            del self.hosts[name]

    def pause(self, name: str, until: float) -> None:
        """Ask the host nothing before `until`."""
        each = self.hosts.setdefault(name, _Host())
        each.not_before = max(each.not_before, until)

    def leave(self, name: str) -> list[HostJob]:
        """Take out and return the jobs of a host that have not started."""
        waiting = self.hosts[name].waiting if name in self.hosts else collections.deque[HostJob]()
        later = [entry for entry in self.later if host(entry[2].url) == name]
        self.later = [entry for entry in self.later if host(entry[2].url) != name]
        heapq.heapify(self.later)
        left = [*waiting, *(job for _, _, job in later)]
        waiting.clear()
        return left

    def wakes(self) -> float | None:
        """Return when something that waits for the clock may start; None where nothing does."""
        times = [each.not_before for each in self.hosts.values() if each.waiting and each.running < self.per_host]
        return min(times + [at for at, _, _ in self.later[:1]], default=None)
