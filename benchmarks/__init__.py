"""Side-by-side timings against what a user would pick instead; each prints a ratio, none is a test.

`python -m benchmarks.measured` runs them and gathers what they found in docs/measured.md.
"""

import json
import os
from pathlib import Path

ROWS = "CCD_BENCHMARK_ROWS"  # in the environment: the file that gets a benchmark's rows


def hand_over(what: str, unit: str, ours: float, peer: str = "", theirs: float | None = None) -> None:
    """Give benchmarks/measured.py one figure of ours, and a peer's beside it; a run by hand only prints its table."""
    if file := os.environ.get(ROWS):
        row = {"what": what, "unit": unit, "ours": ours, "peer": peer, "theirs": theirs}
        with Path(file).open("a") as rows:
            rows.write(json.dumps(row) + "\n")
