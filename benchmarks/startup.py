"""How light the toolkit starts: `import ccd` and `ccd --help`, beside Python itself and beside `import pandas`.

python -m benchmarks.startup
"""

import subprocess
import sys
import time

from rich.console import Console
from rich.table import Table

from benchmarks import hand_over

RUNS = 10


def main() -> None:
    commands = {
        "python -c pass": ["-c", "pass"],
        "import ccd": ["-X", "importtime", "-c", "import ccd"],
        "ccd --help": ["-m", "apps.cli.main", "--help"],
        "import pandas": ["-c", "import pandas"],
    }
    seconds = {name: min(run(arguments) for _ in range(RUNS)) for name, arguments in commands.items()}
    for name in ("import ccd", "ccd --help"):
        hand_over(name, "s", seconds[name], "import pandas", seconds["import pandas"])
    table = Table("command", "seconds (best of 10)", "of import pandas")
    for name, best in seconds.items():
        table.add_row(name, f"{best:.3f}", f"{best / seconds['import pandas']:.2f}")
    Console().print(table)


def run(arguments: list[str]) -> float:
    begin = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    return time.perf_counter() - begin


if __name__ == "__main__":
    main()
