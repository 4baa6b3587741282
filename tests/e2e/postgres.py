"""A PostgreSQL of our own on a socket in a temporary folder."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def running() -> Iterator[Path]:
    """Start it, give the folder of its socket, and stop it; user ccd, database postgres, no password."""
    programs = sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"))
    assert programs, "PostgreSQL is missing: make system"
    control = programs[-1]
    as_user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []  # it refuses to run as root
    with tempfile.TemporaryDirectory() as base:
        if as_user:
            shutil.chown(base, "postgres")

        def run(program: Path, *arguments: str) -> None:
            command = [*as_user, str(program), "-D", f"{base}/data", *arguments]
            subprocess.run(command, check=True, capture_output=True, cwd=base)

        run(control.with_name("initdb"), "-U", "ccd", "-A", "trust", "-E", "UTF8")
        options = f"-c listen_addresses='' -c unix_socket_directories='{base}'"
        run(control, "-l", f"{base}/log", "-w", "-o", options, "start")
        try:
            yield Path(base)
        finally:
            run(control, "-m", "fast", "stop")
