"""A PostgreSQL of our own on a socket in a temporary folder."""

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

AS_USER = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []  # it refuses to run as root


@contextlib.contextmanager
def running() -> Iterator[Path]:
    """Start it, give the folder of its socket, and stop it; user ccd, database postgres, no password."""
    with tempfile.TemporaryDirectory() as base:
        if AS_USER:
            shutil.chown(base, "postgres")
        _run(base, "initdb", "-U", "ccd", "-A", "trust", "-E", "UTF8")
        options = f"-c listen_addresses='' -c unix_socket_directories='{base}'"
        _run(base, "pg_ctl", "-l", f"{base}/log", "-w", "-o", options, "start")
        try:
            yield Path(base)
        finally:
            _run(base, "pg_ctl", "-m", "fast", "stop")


def crash(socket: Path, seconds: float) -> None:
    """Stop it at once, as a machine that loses power, and start it again after a while."""
    _run(str(socket), "pg_ctl", "-m", "immediate", "stop")
    time.sleep(seconds)
    options = f"-c listen_addresses='' -c unix_socket_directories='{socket}'"
    _run(str(socket), "pg_ctl", "-l", f"{socket}/log", "-w", "-o", options, "start")


def _run(base: str, program: str, *arguments: str) -> None:
    programs = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))
    assert programs, "PostgreSQL is missing: make system"
    command = [*AS_USER, str(programs[-1]), "-D", f"{base}/data", *arguments]
    subprocess.run(command, check=True, capture_output=True, cwd=base)
