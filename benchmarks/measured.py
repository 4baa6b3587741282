"""Run benchmarks one after another, and gather what they found in docs/measured.md.

    python -m benchmarks.measured                    # all; with --short those of a few minutes
    python -m benchmarks.measured startup agreement --peers PYTHON

Each is a process of its own, and gets a section: its question, its peer, our figures beside the peer's with their
ratio, what it printed, and what it ran on. A benchmark that fails or is interrupted keeps the section that it had.
PYTHON is that of an environment with peers whose needs are not ours; those that lack theirs say so in what they print.
"""

import argparse
import datetime
import importlib.metadata
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import ROWS
from ccd import __version__

PAGE = Path(__file__).resolve().parent.parent / "docs" / "measured.md"
HEAD = """# Measured

What the benchmarks found, each beside what a user would pick instead. Made by `make bench` (`benchmarks/measured.py`),
never by hand: a section holds what the last whole run of its benchmark handed over and printed, and on what it ran. The
ratio is the peer's figure by ours: 2 is half the time. Load is how many processes wanted a processor in the minute
before, and at the end; with more than there are cores, seconds on the clock say little, CPU seconds and ratios more.
"""


@dataclass(frozen=True)
class Benchmark:
    """`module` of benchmarks/ with its arguments, `{peers}` a Python; `versions` are the distributions told of."""

    name: str
    question: str
    peer: str
    module: str
    arguments: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()
    short: bool = True


BENCHMARKS = (
    Benchmark("startup", "How light does the toolkit start?", "importing pandas", "startup", versions=("pandas",)),
    Benchmark("archive", "Posts a second from an archive of the X API.", "twarc-csv", "collection", ("archive",)),
    Benchmark("photos", "Photos a second, downloaded.", "a requests loop; img2dataset", "collection", ("photos",)),
    Benchmark(
        "duplicates",
        "Hashes a second, and near-duplicates among a million hashes and 100,000 texts.",
        "imagehash alone; datasketch; imagededup",
        "duplicates",
        versions=("imagehash", "datasketch"),
    ),
    Benchmark(
        "agreement",
        "Labels and agreement of a million pairs with three judgments each.",
        "krippendorff, crowd-kit, statsmodels, cleanlab",
        "agreement",
        ("--peers", "{peers}"),
        ("krippendorff", "crowd-kit", "statsmodels", "cleanlab"),
    ),
    Benchmark("release", "A release of a million pairs.", "pandas to_json", "release", ("--photos", "0"), ("pandas",)),
    Benchmark("backend", "How fast does the ML backend answer?", "none: Label Studio's time limit", "backend"),
    Benchmark("slow callers", "And while 500 slow connections are held?", "the same without them", "slowloris"),
    Benchmark("review", "How fast does the review app draw its pages?", "none", "review", versions=("streamlit",)),
    Benchmark("guesses", "The owner's sign-in while passwords are guessed.", "the same without guesses", "guesses"),
    Benchmark(
        "scoring",
        "A million embeddings ranked by each strategy.",
        "small-text, cleanlab",
        "scoring",
        ("--peers", "{peers}"),
        ("small-text", "cleanlab"),
    ),
    Benchmark(
        "prediction",
        "Pairs a second of `ccd predict`, and its memory.",
        "the network alone",
        "prediction",
        versions=("torch",),
    ),
    Benchmark(
        "encoders",
        "Photos and texts a second of `ccd encode`.",
        "the network alone",
        "encoders",
        versions=("torch", "transformers"),
    ),
    Benchmark(
        "training",
        "Training and prediction of the paper's network at its own size.",
        "a plain loop that pads every text to 100 words",
        "model",
        ("--steps", "20"),
        ("torch",),
        short=False,
    ),
    Benchmark(
        "label-studio",
        "Push and pull of CCD's 12,252 pairs on three desks.",
        "Label Studio's bulk import; its SDK",
        "label_studio",
        versions=("label-studio-sdk",),
        short=False,
    ),
    Benchmark("million", "A table of a million pairs collected.", "none", "collection", ("million",), short=False),
    Benchmark(
        "scale",
        "Every command on 10,000, 100,000 and 1,000,000 pairs: how does its cost grow?",
        "n log n",
        "scale",
        versions=("sqlalchemy",),
        short=False,
    ),
    Benchmark("faults", "How does every command that writes end when it is disturbed?", "none", "faults", short=False),
    Benchmark(
        "load",
        "Ten annotators at once for two minutes, beside `ccd pull --follow` and the review app: is an answer lost?",
        "none",
        "load",
        versions=("label-studio-sdk",),
        short=False,
    ),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(each.name for each in BENCHMARKS))
    parser.add_argument("--short", action="store_true", help="leave out those that take more than some minutes")
    parser.add_argument("--peers", default=sys.executable, help="a Python with the peers")
    given = parser.parse_args()
    if unknown := set(given.names) - {each.name for each in BENCHMARKS}:
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(e.name for e in BENCHMARKS)}")
    failed = []
    for each in BENCHMARKS:
        if each.name in given.names or (not given.names and (each.short or not given.short)):
            print(f"== {each.name}", flush=True)
            if (found := run(each, given.peers)) is None:
                failed.append(each.name)
            else:
                keep(each.name, found)
    keep("", "")  # the page is there even where nothing ran
    if failed:
        raise SystemExit(f"these failed, and keep what they had: {', '.join(failed)}")


def run(benchmark: Benchmark, peers: str) -> str | None:
    """A benchmark's section; None where it failed."""
    arguments = [argument.format(peers=peers) for argument in benchmark.arguments]
    command = [sys.executable, "-m", f"benchmarks.{benchmark.module}", *arguments]
    load, begin, printed = os.getloadavg()[0], time.monotonic(), ""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "rows"
        file.touch()
        environment = os.environ | {ROWS: str(file), "COLUMNS": "118", "PYTHONUNBUFFERED": "1"}
        with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                print(line, end="", flush=True)
                printed += line
        if process.returncode:
            return None
        rows = [json.loads(line) for line in file.read_text().splitlines()]
    took = time.monotonic() - begin
    return section(
        benchmark, rows, printed, f"{took:,.0f} s; load {load:.1f} before, {os.getloadavg()[0]:.1f} after", peers
    )


def section(benchmark: Benchmark, rows: list[dict[str, Any]], printed: str, load: str, peers: str) -> str:
    """One benchmark's part of the page, without its heading."""
    command = " ".join(["python -m", f"benchmarks.{benchmark.module}", *benchmark.arguments]).replace(
        "{peers}", "PYTHON"
    )
    versions = {"ccd-toolkit": __version__} | {name: version(name, peers) for name in benchmark.versions}
    day = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    lines = [f"{benchmark.question} Peer: {benchmark.peer}. `{command}`", ""]
    if rows:
        lines += ["| what | ours | peer | peer's | ratio |", "|---|--:|---|--:|--:|", *map(table_row, rows), ""]
    lines += ["```text", *(line.rstrip() for line in printed.strip("\n").splitlines()), "```", ""]
    lines.append(f"{day}; {', '.join(f'{name} {number}' for name, number in versions.items())}; {machine()}; {load}.")
    return "\n".join(lines)


def table_row(row: dict[str, Any]) -> str:
    theirs, ratio = "", ""
    if row["theirs"] is not None:
        theirs, ratio = f"{row['theirs']:,.4g} {row['unit']}", f"{row['theirs'] / row['ours']:,.2f}"
    return f"| {row['what']} | {row['ours']:,.4g} {row['unit']} | {row['peer']} | {theirs} | {ratio} |"


def version(name: str, peers: str) -> str:
    """The version of a distribution, here or where the peers are."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        ask = f"import importlib.metadata as m; print(m.version({name!r}))"
        found = subprocess.run([peers, "-c", ask], capture_output=True, text=True)
        return found.stdout.strip() or "not installed"


def machine() -> str:
    cpu = Path("/proc/cpuinfo")
    lines = cpu.read_text().splitlines() if cpu.exists() else []
    model = next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine()
    )
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    return f"{model}, {os.cpu_count()} cores, {memory:.0f} GB, {platform.system()}, Python {platform.python_version()}"


def keep(name: str, found: str) -> None:
    """Put a section into the page, whose other sections stay as they are."""
    old = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    parts = re.split(r"^## (.+)\n", old, flags=re.MULTILINE)[1:]
    sections = dict(zip(parts[::2], (part.strip() for part in parts[1::2]), strict=True))
    sections[name] = found
    page = HEAD
    for each in BENCHMARKS:
        text = sections.get(each.name) or f"{each.question} Peer: {each.peer}. Not run yet."
        page += f"\n## {each.name}\n\n{text}\n"
    temporary = PAGE.with_suffix(".part")
    temporary.write_text(page, encoding="utf-8")
    temporary.replace(PAGE)


if __name__ == "__main__":
    main()
