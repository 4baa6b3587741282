"""A test run that is killed leaves no process behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil

from tests.guard import MARK

RUN = """
import os, signal, subprocess, sys
from tests.guard import guard
guard()
server = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
print(server.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_killed_run_leaves_no_server_behind() -> None:
    """The server holds the run's stdout open: it is read to its end once the server has ended."""
    env = {key: value for key, value in os.environ.items() if key != MARK}
    root = Path(__file__).parent.parent
    run = subprocess.run([sys.executable, "-c", RUN], env=env, cwd=root, capture_output=True, timeout=60)
    assert run.returncode == -signal.SIGKILL, run.stderr
    assert not psutil.pid_exists(int(run.stdout))
