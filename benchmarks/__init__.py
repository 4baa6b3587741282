"""Side-by-side timings against what a user would pick instead; each prints a ratio, none is a test.

`python -m benchmarks.measured` runs them and gathers what they found in docs/measured.md.
"""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

ROWS = "CCD_BENCHMARK_ROWS"  # in the environment: the file that gets a benchmark's rows
# ru_maxrss of a process begins with what its parent held: a parent that holds next to nothing starts it
_SMALL_PARENT = """
import os, subprocess, sys
process = subprocess.Popen(sys.argv[2:], stdout=subprocess.DEVNULL)
_pid, status, used = os.wait4(process.pid, 0)
with open(sys.argv[1], "w") as told:
    print(os.waitstatus_to_exitcode(status), used.ru_utime + used.ru_stime, used.ru_maxrss * 1024, file=told)
"""


@dataclass(frozen=True)
class Cost:
    """Of one command: wall seconds, CPU seconds, and the largest memory in bytes."""

    seconds: float
    cpu: float
    memory: int


def watched(command: list[str], allowed: tuple[int, ...] = (0,)) -> Cost:
    """Run a command to its end, its output left out. Ends this process where its exit code is none of the `allowed`."""
    begin = time.perf_counter()
    read, write = os.pipe()
    small = [sys.executable, "-S", "-c", _SMALL_PARENT, f"/dev/fd/{write}", *command]
    done = subprocess.run(small, pass_fds=[write], stderr=subprocess.PIPE, text=True)
    os.close(write)
    seconds = time.perf_counter() - begin
    with os.fdopen(read) as told:
        code, cpu, memory = told.read().split() or ("1", "0", "0")
    if int(code) not in allowed:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr}")
    return Cost(seconds, float(cpu), int(memory))


def peak_memory() -> int:
    """Bytes of memory that this process held at most; ru_maxrss would begin with what its parent held."""
    status = Path("/proc/self/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) * 1024


def hand_over(what: str, unit: str, ours: float, peer: str = "", theirs: float | None = None) -> None:
    """Give benchmarks/measured.py one figure of ours, and a peer's beside it; a run by hand only prints its table."""
    if file := os.environ.get(ROWS):
        row = {"what": what, "unit": unit, "ours": ours, "peer": peer, "theirs": theirs}
        with Path(file).open("a") as rows:
            rows.write(json.dumps(row) + "\n")
