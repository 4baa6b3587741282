"""Collection at scale, beside its peers.

    python -m benchmarks.collection photos [--img2dataset FILE]
    python -m benchmarks.collection archive [--twarc2 FILE]
    python -m benchmarks.collection million

`photos`: 3,000 JPEGs of about 60 KB from a server on loopback: `ccd collect photos`, a plain requests loop, and
img2dataset where its command is given (`pip install img2dataset` in an environment of its own; it pins old packages).

`archive`: 100,000 posts of the X API v2, one a line: read, and taken into a campaign by `ccd collect archive`, beside
twarc-csv where its command is given (`pip install twarc twarc-csv` in an environment of its own).

`million`: a table of 1,000,000 pairs through `ccd collect table`, then `ccd status`.

Seconds and CPU seconds are those of the whole process, start-up included; start-up is what one photo takes.
"""

import argparse
import asyncio
import io
import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table

from benchmarks import hand_over, watched

PHOTOS = 3_000
POSTS = 100_000
MILLION = 1_000_000
SERVERS = 2  # processes
LOOP = """
import hashlib, pathlib, sys, requests
folder = pathlib.Path(sys.argv[2])
session = requests.Session()
for url in open(sys.argv[1]).read().split():
    data = session.get(url, timeout=30).content
    (folder / hashlib.sha256(data).hexdigest()).write_bytes(data)
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("section", choices=SECTIONS)
    parser.add_argument("--img2dataset", type=Path, help="its command, in an environment of its own")
    parser.add_argument("--twarc2", type=Path, help="its command, in an environment of its own, with twarc-csv")
    arguments = parser.parse_args()
    SECTIONS[arguments.section](arguments)


# --- photos -----------------------------------------------------------------------------------------------------------


def photos(arguments: argparse.Namespace) -> None:
    """Photos a second and CPU seconds, beside a requests loop and img2dataset."""
    pictures = [jpeg(number) for number in range(PHOTOS)]
    size = sum(map(len, pictures)) / PHOTOS / 1000
    found: dict[str, float] = {}
    table = Table("downloader", "start-up s", "seconds", "photos/s", "after start-up", "CPU s", "files")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        address, servers = serve(pictures)
        del pictures
        try:
            for downloader, run in downloaders(address, arguments.img2dataset).items():
                start, _, _ = run(folder / f"{len(table.rows)}-one", 1)
                seconds, cpu, files = run(folder / f"{len(table.rows)}-all", PHOTOS)
                rates = f"{PHOTOS / seconds:,.0f}", f"{PHOTOS / max(seconds - start, 1e-9):,.0f}"
                table.add_row(downloader, f"{start:.2f}", f"{seconds:.2f}", *rates, f"{cpu:.2f}", f"{files:,}")
                found[downloader] = cpu
        finally:
            for process in servers:
                os.kill(process, 9)
                os.waitpid(process, 0)
    ours, *others = found
    for other in others:
        hand_over(f"{PHOTOS:,} photos, {ours}", "CPU s", found[ours], other, found[other])
    console = Console()
    console.print(f"{PHOTOS:,} JPEGs of {size:.0f} KB on average, {os.cpu_count()} cores, loopback")
    console.print(table)
    if arguments.img2dataset is None:
        console.print("img2dataset was left out: name its command with --img2dataset")


Run = Callable[[Path, int], tuple[float, float, int]]


def downloaders(address: str, img2dataset: Path | None) -> dict[str, Run]:
    """Each makes its folder, downloads that many photos into it, and gives seconds, CPU seconds and files."""

    def urls(folder: Path, number: int) -> Path:
        folder.mkdir()
        file = folder / "urls.txt"
        file.write_text("".join(f"http://{address}/{i}.jpg\n" for i in range(number)))
        return file

    def ours(folder: Path, number: int) -> tuple[float, float, int]:
        ccd = [sys.executable, "-m", "apps.cli.main"]
        subprocess.run([*ccd, "init", str(folder)], check=True, capture_output=True)
        posts = folder / "posts.jsonl"
        lines = ({"id": i, "text": f"text {i}", "image": f"http://{address}/{i}.jpg"} for i in range(number))
        posts.write_text("".join(json.dumps(line) + "\n" for line in lines))
        subprocess.run([*ccd, "collect", "table", str(posts), "--dir", str(folder)], check=True, capture_output=True)
        command = [*ccd, "collect", "photos", "--dir", str(folder)]
        seconds, cpu = timed(command, CCD_ALLOW_PRIVATE_HOSTS=address)
        return seconds, cpu, len(list((folder / "images").rglob("*.jpg")))

    def loop(folder: Path, number: int) -> tuple[float, float, int]:
        seconds, cpu = timed([sys.executable, "-c", LOOP, str(urls(folder, number)), str(folder)])
        return seconds, cpu, len(list(folder.iterdir())) - 1

    def peer(*options: str) -> Run:
        def run(folder: Path, number: int) -> tuple[float, float, int]:
            out = folder / "out"
            command = [str(img2dataset), "--url_list", str(urls(folder, number)), "--output_folder", str(out)]
            command += ["--processes_count", "2", "--thread_count", "32", "--number_sample_per_shard", str(PHOTOS // 2)]
            seconds, cpu = timed([*command, "--resize_mode", "no", *options], NO_ALBUMENTATIONS_UPDATE="1")
            return seconds, cpu, len(list(out.rglob("*.jpg")))

        return run

    found: dict[str, Run] = {"ccd collect photos": ours, "requests loop": loop}
    if img2dataset:
        found["img2dataset, bytes as they are, not decoded"] = peer("--disable_all_reencoding", "True")
        found["img2dataset, decoded"] = peer()
    return found


def timed(command: list[str], **environment: str) -> tuple[float, float]:
    """Wall and CPU seconds of a process and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.perf_counter()
    run = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True)
    seconds = time.perf_counter() - begin
    if run.returncode:
        raise SystemExit(f"{command[0]} failed: {run.stderr.strip().splitlines()[-1:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def jpeg(number: int) -> bytes:
    """A picture as large as a tweet's, about 60 KB: smooth shapes under some noise."""
    random = np.random.default_rng(number)
    coarse = random.integers(0, 256, (9, 12, 3), dtype=np.uint8)
    smooth = Image.fromarray(coarse).resize((680, 510), Image.Resampling.BICUBIC)
    noise = random.normal(0, 9, (510, 680, 1))
    data = io.BytesIO()
    Image.fromarray((np.asarray(smooth) + noise).clip(0, 255).astype(np.uint8)).save(data, "JPEG", quality=67)
    return data.getvalue()


def serve(pictures: list[bytes]) -> tuple[str, list[int]]:
    """Serve the pictures as /<number>.jpg from several processes on one port; gives the address and their ids."""
    server = socket.create_server(("127.0.0.1", 0), backlog=512)
    address = f"127.0.0.1:{server.getsockname()[1]}"
    processes = []
    for _ in range(SERVERS):
        process = os.fork()
        if not process:
            asyncio.run(_serve(server, pictures))
        processes.append(process)
    server.close()
    return address, processes


async def _serve(server: socket.socket, pictures: list[bytes]) -> None:
    class Protocol(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport, self.asked = transport, b""

        def data_received(self, data: bytes) -> None:
            self.asked += data
            while b"\r\n\r\n" in self.asked:
                head, _, self.asked = self.asked.partition(b"\r\n\r\n")
                number = head.split(b" ", 2)[1].strip(b"/").partition(b".")[0]
                found = number.isdigit()
                body = pictures[int(number)] if found else b""
                status = b"200 OK" if found else b"404 Not Found"
                kind = b"Content-Type: image/jpeg\r\n" if found else b""
                answer = b"HTTP/1.1 %s\r\n%sContent-Length: %d\r\n\r\n" % (status, kind, len(body))
                assert isinstance(self.transport, asyncio.WriteTransport)
                self.transport.write(answer + body)
                if b"connection: close" in head.lower():
                    self.transport.close()

    running = await asyncio.get_running_loop().create_server(Protocol, sock=server)
    await running.serve_forever()


# --- archives and tables ----------------------------------------------------------------------------------------------


def archive(arguments: argparse.Namespace) -> None:
    """Posts a second: reading alone, into a campaign, and twarc-csv's table."""
    table = Table("what", "seconds", "posts/s", "peak MiB")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "posts.jsonl"
        with file.open("w") as out:
            out.writelines(json.dumps(post(number)) + "\n" for number in range(POSTS))
        reader = (
            "import pathlib, sys; from collection.archive import read; [0 for _ in read(pathlib.Path(sys.argv[1]))]"
        )
        ccd = [sys.executable, "-m", "apps.cli.main"]
        subprocess.run([*ccd, "init", str(folder / "c")], check=True, capture_output=True)
        commands = {
            "collection.archive.read": [sys.executable, "-c", reader, str(file)],
            "ccd collect archive": [*ccd, "collect", "archive", str(file), "--dir", str(folder / "c")],
        }
        found: dict[str, tuple[float, float]] = {}
        if arguments.twarc2:
            commands["twarc2 csv"] = [str(arguments.twarc2), "--bearer-token", "-", "csv", str(file), f"{file}.csv"]
        for what, command in commands.items():
            seconds, peak = found[what] = _watched(command)
            table.add_row(what, f"{seconds:.2f}", f"{POSTS / seconds:,.0f}", f"{peak:.0f}")
        ours, theirs = found["ccd collect archive"], found.get("twarc2 csv", (None,))
        hand_over(f"{POSTS:,} posts, ccd collect archive", "s", ours[0], "twarc-csv", theirs[0])
    Console().print(table)
    if arguments.twarc2 is None:
        Console().print("twarc-csv was left out: name the command twarc2 with --twarc2")


def million(_arguments: argparse.Namespace) -> None:
    """Seconds and peak memory of collecting a million pairs, and of `ccd status` on them."""
    table = Table("command", "seconds", "pairs/s", "peak MiB")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number in range(100):
            (folder / f"{number}.jpg").write_bytes(jpeg(number))
        file = folder / "pairs.jsonl"
        with file.open("w") as out:
            for number in range(MILLION):
                row = {
                    "id": str(10**17 + number),
                    "text": f"What a day, number {number}",
                    "image": f"{number % 100}.jpg",
                }
                out.write(json.dumps(row) + "\n")
        ccd = [sys.executable, "-m", "apps.cli.main"]
        subprocess.run([*ccd, "init", str(folder / "c")], check=True, capture_output=True)
        for words in (["collect", "table", str(file)], ["status"]):
            seconds, peak = _watched([*ccd, *words, "--dir", str(folder / "c")])
            table.add_row(f"ccd {' '.join(words[:2])}", f"{seconds:.2f}", f"{MILLION / seconds:,.0f}", f"{peak:.0f}")
            hand_over(f"{MILLION:,} pairs, ccd {' '.join(words[:2])}", "s", seconds)
    Console().print(table)


def post(number: int) -> dict[str, object]:
    """A post with a photo as the X API v2 gives it, flattened as twarc does."""
    key = f"3_{number}"
    return {
        "id": str(10**17 + number),
        "author_id": str(number % 1000),
        "created_at": "2021-01-01T00:00:00.000Z",
        "lang": "en",
        "text": f"What a day, number {number} https://t.co/{number}",
        "attachments": {
            "media_keys": [key],
            "media": [{"media_key": key, "type": "photo", "url": f"https://pbs.twimg.com/media/{number}.jpg"}],
        },
    }


def _watched(command: list[str]) -> tuple[float, float]:
    """Wall seconds and peak memory in MiB of a process."""
    cost = watched(command)
    return cost.seconds, cost.memory / 2**20


SECTIONS: dict[str, Callable[[argparse.Namespace], None]] = {"photos": photos, "archive": archive, "million": million}

if __name__ == "__main__":
    main()
