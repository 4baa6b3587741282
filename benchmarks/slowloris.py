"""How long predictions take while strangers hold connections open with a byte now and then.

    python -m benchmarks.slowloris [--seconds 60] [--connections 500]

A campaign of synthetic pairs; the backend, the slow callers and who asks for predictions are a process each. A slow
caller whose connection is ended connects again.
"""

import argparse
import contextlib
import os
import re
import resource
import selectors
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from rich.console import Console
from rich.table import Table

from benchmarks import hand_over
from benchmarks.backend import PASSWORD, call, make, tasks_of
from ccd.campaign.campaign import Campaign

PAUSE = 5.0  # seconds between two bytes of a slow caller
HEAD = b"POST /predict HTTP/1.1\r\nHost: b\r\nX: "


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60, help="that predictions are asked, without and with them")
    parser.add_argument("--connections", type=int, default=500)
    parser.add_argument("--hold", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.hold:
        hold(asked.hold, asked.connections)
    folder = Path(tempfile.mkdtemp(prefix="ccd-bench-"))
    try:
        measure(make(folder / "campaign"), asked.connections, asked.seconds)
    finally:
        shutil.rmtree(folder)


def measure(campaign: Campaign, connections: int, seconds: float) -> None:
    """Ask and print."""
    tasks = tasks_of(campaign)
    table = Table("slow connections", "held on average", "calls", "failed", "median ms", "95 % ms", title="ccd backend")
    with backend(campaign) as url:
        while not call(url, "health")[1]["version"]:
            time.sleep(0.1)
        call(url, "predict", {"tasks": tasks})
        figures = []
        for slow in (0, connections):
            with callers(url, slow):
                found, failed, held = ask(url, tasks, seconds, slow)
            figures.append((statistics.median(found), statistics.quantiles(found, n=20, method="inclusive")[-1]))
            shown = (f"{1000 * each:.1f}" for each in figures[-1])
            table.add_row(str(slow), f"{held:.0f}", str(len(found)), str(failed), *shown)
    Console().print(table)
    for name, without, beside in zip(("median", "95 %"), *figures, strict=True):
        hand_over(f"a prediction, {name}, {connections} slow connections", "ms", 1000 * beside, "none", 1000 * without)


def ask(url: str, tasks: list[dict[str, object]], seconds: float, slow: int) -> tuple[list[float], int, float]:
    """Ask for one prediction after another. Return their seconds, how many failed, and the mean of connections."""
    found, failed, held = [], 0, []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            took, answer = call(url, "predict", {"tasks": [tasks[len(found) % len(tasks)]]})
            failed += not answer["results"][0]
            found.append(took)
        except OSError:
            failed += 1
        if len(found) % 50 == 0:
            held.append(open_at(url) if slow else 0)
        time.sleep(0.01)
    return found, failed, statistics.mean(held)


def open_at(url: str) -> int:
    """How many connections to the backend are open, as Linux counts them."""
    port = f"{urlsplit(url).port:04X}"
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    return sum(line.split()[1].endswith(f":{port}") and line.split()[3] == "01" for line in lines)


@contextlib.contextmanager
def backend(campaign: Campaign) -> Iterator[str]:
    """A `ccd backend` of this campaign: its address."""
    command = [sys.executable, "-m", "apps.cli.main", "backend", "--port", "0", "--dir", str(campaign.folder)]
    environment = os.environ | {"CCD_BACKEND_PASSWORD": PASSWORD}
    log = campaign.folder / "backend.log"
    with log.open("w") as file:
        process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=file)
    try:
        while not (found := re.search(r"http://\S+$", log.read_text(), re.MULTILINE)):
            assert process.poll() is None, log.read_text()
            time.sleep(0.1)
        yield found[0]
    finally:
        process.terminate()
        process.wait()
        print(log.read_text())


@contextlib.contextmanager
def callers(url: str, connections: int) -> Iterator[None]:
    """So many slow callers, in a process of their own."""
    if not connections:
        yield
        return
    command = [sys.executable, "-m", "benchmarks.slowloris", "--hold", url, "--connections", str(connections)]
    process = subprocess.Popen(command)
    try:
        while open_at(url) < connections:
            time.sleep(0.1)
        yield
    finally:
        process.kill()
        process.wait()


def hold(url: str, connections: int) -> None:
    """Hold connections open for ever; one that the other side ends is opened again."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    host, port = urlsplit(url).hostname, urlsplit(url).port
    with selectors.DefaultSelector() as watched:
        lines: dict[socket.socket, float] = {}  # when its next byte is due
        while True:
            while len(lines) < connections:
                line = socket.create_connection((host, port))
                line.sendall(HEAD)
                watched.register(line, selectors.EVENT_READ)
                lines[line] = time.monotonic() + PAUSE * (len(lines) + 1) / connections
            for key, _ in watched.select(0.05):
                assert isinstance(key.fileobj, socket.socket)
                let_go(key.fileobj, lines, watched)
            for line, due in list(lines.items()):
                if due < time.monotonic():
                    try:
                        line.sendall(b"a")
                        lines[line] = due + PAUSE
                    except OSError:
                        let_go(line, lines, watched)


def let_go(line: socket.socket, lines: dict[socket.socket, float], watched: selectors.BaseSelector) -> None:
    watched.unregister(line)
    line.close()
    del lines[line]


if __name__ == "__main__":
    main()
