"""The fault matrix at many moments: every command that writes x every fault, and how each ended.

    python -m benchmarks.faults [--seeds 10] [--command NAME ...]

tests/faults/test_matrix.py tries one moment of each in `make soak`; this draws `--seeds` of them, and prints a table.
It exits with 1 where a cell did not end as it was promised. Needs the right to mount a small disk, else two faults are
less honest.
"""

import argparse
import tempfile
from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.faults.commands import COMMANDS
from tests.faults.faults import FAULTS, NotHere, can_befall
from tests.faults.laboratory import laboratory


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--command", action="append", help="only this one; may be given again")
    given = parser.parse_args()
    table = Table("command", *FAULTS)
    wrong = 0
    with tempfile.TemporaryDirectory() as base, laboratory(Path(base)) as lab:
        for command in COMMANDS:
            if given.command and command.name not in given.command:
                continue
            cells = []
            for fault in FAULTS:
                ends = Counter[str]() if can_befall(command, fault) else Counter({"-": 1})
                for seed in range(given.seeds if not ends else 0):
                    try:
                        lab.cell(command, fault, seed)
                        ends["ok"] += 1
                    except NotHere:
                        ends["-"] += 1
                        break
                    except AssertionError as error:
                        ends["FAULT"] += 1
                        wrong += 1
                        print(f"{command.name}, {fault}, seed {seed}: {str(error)[:400]}", flush=True)
                cells.append(", ".join(end if end == "-" else f"{number} {end}" for end, number in ends.items()))
            print(command.name, *cells, sep=" | ", flush=True)
            table.add_row(command.name, *cells)
    Console(width=160).print(table)
    raise SystemExit(1 if wrong else 0)


if __name__ == "__main__":
    main()
