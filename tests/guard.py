"""Nothing that a test run starts outlives it, however it ends: a guard in a process of its own sees to it.

Every process of the run, and all that these start, inherit one environment variable. The guard reads from a pipe that
the run holds open; the pipe closes when the run ends, even by kill -9, and the guard then ends whatever still carries
the variable: a Label Studio, a PostgreSQL, a browser.
"""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator

import psutil

MARK = "CCD_TEST_RUN"
PATIENCE = 10  # seconds to end in good order


def guard() -> None:
    """Start the guard of this run; in a process that a guarded run started, nothing."""
    if MARK not in os.environ:
        os.environ[MARK] = uuid.uuid4().hex
        pipe, _kept_open = os.pipe()
        subprocess.Popen([sys.executable, __file__], stdin=pipe, start_new_session=True)
        os.close(pipe)


def of_run(mark: str) -> Iterator[psutil.Process]:
    """The processes that carry the mark of a run, but for this one."""
    for process in psutil.process_iter():
        try:
            if process.pid != os.getpid() and process.environ().get(MARK) == mark:
                yield process
        except psutil.Error:
            continue


def main() -> None:
    """Wait for the run's end, then end what is left of it."""
    sys.stdin.read()
    left = list(of_run(os.environ[MARK]))
    for process in left:
        process.terminate()
    for process in psutil.wait_procs(left, timeout=PATIENCE)[1] + list(of_run(os.environ[MARK])):
        process.kill()


if __name__ == "__main__":
    main()
