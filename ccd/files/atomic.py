"""Files written completely or not at all."""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

from ccd.errors import EnvironmentFailure, InputError


def write_atomic(path: Path, data: bytes) -> None:
    """Write a file whole or not at all: a temporary neighbour, then a rename."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        with contextlib.suppress(OSError):  # as where the folder itself is not there
            temporary.unlink()
        raise EnvironmentFailure(
            f"{path}: cannot be written ({error.strerror}); free space or check the folder's rights"
        ) from None


def is_being_written(part: Path) -> bool:
    """Return whether the process lives whose number is in the name of an unfinished file (`.name.123.part`)."""
    import psutil

    number = part.name.rsplit(".", 2)[1]
    return number.isdigit() and (len(number) > 9 or psutil.pid_exists(int(number)))


def write_new(path: Path, data: bytes) -> None:
    """Write a file that a caller named, as `write_atomic` does, and never over another: the same bytes are left alone.

    Raises CcdError where there is a file with other content, or one that cannot be written.
    """
    if path.exists():
        if not path.is_file() or path.read_bytes() != data:
            raise InputError(f"{path}: is there already, with other content; move it away or choose another name")
        return
    write_atomic(path, data)


def make_latest(file: Path, others: Iterable[Path]) -> None:
    """Make a file younger than the others, also where the clock was set back since they were written."""
    newest = max((other.stat().st_mtime_ns for other in others if other != file), default=0)
    if file.stat().st_mtime_ns <= newest:
        os.utime(file, ns=(newest + 1, newest + 1))
