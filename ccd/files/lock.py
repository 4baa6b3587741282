"""One run at a time: a lock on a file or folder that the system lets go when its holder ends, however it ends."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from ccd.errors import EnvironmentFailure


@contextlib.contextmanager
def file_lock(lock: Path, busy: str) -> Iterator[int]:
    """Hold the file `lock`, made where it is missing. Raises CcdError(busy) where another process holds it.

    Gives its descriptor: a child that inherits it holds the lock too, and on where this process is killed.

    >>> with alone_on(Path("v1.lock"), "v1: another run writes it; wait for it to end"):  # doctest: +SKIP
    ...     write("v1")
    """
    with _held(lock, os.O_RDWR | os.O_CREAT, busy) as handle:
        yield handle


@contextlib.contextmanager
def folder_lock(folder: Path, busy: str) -> Iterator[None]:
    """Make a folder for unfinished work and hold it; afterwards it goes if it is empty. Raises as `file_lock` does."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EnvironmentFailure(f"{folder}: cannot be made ({error.strerror}); check the folder's rights") from None
    with _held(folder, os.O_RDONLY, busy):
        try:
            yield
        finally:
            with contextlib.suppress(OSError):  # not empty, as after an interruption, or renamed
                folder.rmdir()


@contextlib.contextmanager
def _held(path: Path, mode: int, busy: str) -> Iterator[int]:
    try:
        handle = os.open(path, mode, 0o666)
    except OSError as error:
        raise EnvironmentFailure(f"{path}: cannot be written ({error.strerror}); check the folder's rights") from None
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise EnvironmentFailure(busy) from None
        yield handle
    finally:
        os.close(handle)
