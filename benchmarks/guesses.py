"""How long the owner's sign-in to the review app takes while a stranger guesses passwords.

    python -m benchmarks.guesses [--seconds 30] [--rate 100]

The app, who guesses and the owner are a process each; the stranger's address is 127.0.0.2, the owner's 127.0.0.1.
"""

import argparse
import contextlib
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import requests
from requests.adapters import HTTPAdapter
from rich.console import Console
from rich.table import Table

from benchmarks import hand_over
from ccd.campaign.campaign import Campaign
from ccd.campaign.config import Person

PASSWORD = "measured"
THREADS = 10  # of who guesses


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30, help="that the owner signs in, without and with guesses")
    parser.add_argument("--rate", type=int, default=100, help="guesses a second")
    parser.add_argument("--guess", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.guess:
        print(dict(guess(asked.guess, asked.seconds, asked.rate)))
        return
    with tempfile.TemporaryDirectory(prefix="ccd-bench-") as folder:
        people = tuple(Person(name, f"{name}@example.org") for name in ("ann", "bob", "cy"))
        campaign = Campaign.create(Path(folder) / "campaign", name="bench", annotators=people, adjudicators=())
        with app(campaign.folder) as (url, _process):
            measure(url, asked.seconds, asked.rate)


def measure(url: str, seconds: float, rate: int) -> None:
    """Sign in and print."""
    table = Table("guesses a second", "sign-ins", "failed", "median ms", "95 % ms", "longest ms", title="ccd review")
    slowest = []
    for guesses in (0, rate):
        with strangers(url, seconds + 1, guesses):
            found, failed = sign_in_for(url, seconds)
        slowest.append(1000 * max(found))
        high = statistics.quantiles(found, n=20, method="inclusive")[-1]
        shown = (f"{1000 * each:.1f}" for each in (statistics.median(found), high, max(found)))
        table.add_row(str(guesses), str(len(found)), str(failed), *shown)
    Console().print(table)
    hand_over(f"the owner's longest sign-in, {rate} guesses a second", "ms", slowest[1], "none", slowest[0])


def sign_in_for(url: str, seconds: float) -> tuple[list[float], int]:
    """Sign in again and again. Return the seconds of each, and how many failed."""
    found, failed = [], 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        took, status = sign_in(url, PASSWORD)
        found.append(took)
        failed += status != 303
        time.sleep(0.1)
    return found, failed


def sign_in(url: str, password: str) -> tuple[float, int]:
    """Seconds and status of one sign-in, over a connection of its own."""
    begin = time.perf_counter()
    answer = requests.post(f"{url}/sign-in", data={"password": password}, allow_redirects=False, timeout=120)
    return time.perf_counter() - begin, answer.status_code


@contextlib.contextmanager
def app(folder: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """`ccd review` with a password: its address, and its process, which ends with the block."""
    command = [sys.executable, "-m", "apps.cli.main", "review", "--dir", str(folder)]
    environment = os.environ | {"CCD_REVIEW_PASSWORD": PASSWORD}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        line = process.stderr.readline()
        found = re.search(r"http://[^; ]+", line)
        assert found, line
        yield found[0], process
    finally:
        process.terminate()
        process.communicate()


@contextlib.contextmanager
def strangers(url: str, seconds: float, rate: int) -> Iterator[None]:
    """Somebody who guesses, in a process of their own; it prints which answers came how often."""
    if not rate:
        yield
        return
    command = [sys.executable, "-m", "benchmarks.guesses", "--guess", url, "--seconds", str(seconds)]
    process = subprocess.Popen([*command, "--rate", str(rate)])
    time.sleep(1)
    yield
    process.wait()


def guess(url: str, seconds: float, rate: int) -> "Counter[int]":
    """Guess for so long, from 127.0.0.2. Return the statuses that came; -1 where no answer did."""
    found: Counter[int] = Counter()
    begin = time.monotonic()

    def one(number: int) -> None:
        with requests.Session() as session:
            session.mount("http://", _From("127.0.0.2"))
            due = begin + number / rate
            while due < begin + seconds:
                time.sleep(max(0, due - time.monotonic()))
                try:
                    answer = session.post(f"{url}/sign-in", data={"password": f"guess {due}"}, timeout=10)
                    found[answer.status_code] += 1
                except OSError:
                    found[-1] += 1
                due += THREADS / rate

    threads = [threading.Thread(target=one, args=(number,)) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


class _From(HTTPAdapter):
    """Connects from an address of this machine."""

    def __init__(self, address: str) -> None:
        self._address = address
        super().__init__()

    def init_poolmanager(self, *arguments: int, **named: object) -> None:
        super().init_poolmanager(*arguments, **named, source_address=(self._address, 0))  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
