"""The two ways a command ends badly; both are one line for a person and never a traceback."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path


class CcdError(Exception):
    """Bad input or a bad environment: the message says what, where and the remedy. Exit code 2.

    >>> raise CcdError("campaign.toml, line 3: judgments_per_pair is 0; write a number from 2 up")
    Traceback (most recent call last):
    ccd.errors.CcdError: campaign.toml, line 3: judgments_per_pair is 0; write a number from 2 up
    """


def as_path(value: str | os.PathLike[str], what: str) -> Path:
    """Return a path that a caller gave. Raises CcdError where it is none, such as a number.

    >>> as_path(3, "the campaign's folder")
    Traceback (most recent call last):
    ccd.errors.CcdError: the campaign's folder is 3, which is not a path; write text or a pathlib.Path
    """
    path = os.fspath(value) if isinstance(value, str | os.PathLike) else value
    if not isinstance(path, str) or "\0" in path:
        raise CcdError(f"{what} is {value!r:.80}, which is not a path; write text or a pathlib.Path")
    return Path(path)


@contextlib.contextmanager
def writing(path: str | os.PathLike[str]) -> Iterator[None]:
    """Name the file in an OSError that has no name, as that of a write on a full disk.

    >>> with writing("a.npy"): raise OSError(errno.ENOSPC, "No space left on device")
    Traceback (most recent call last):
    OSError: [Errno 28] No space left on device: 'a.npy'
    """
    try:
        yield
    except OSError as error:
        if error.filename is not None:
            raise
        raise OSError(error.errno or errno.EIO, error.strerror or f"not written in full ({error})", str(path)) from None


@contextlib.contextmanager
def damaged(where: object, remedy: str) -> Iterator[None]:
    """Whatever a stranger's file makes its reader raise is a CcdError that names it; a failing disk stays an OSError.

    >>> with damaged("votes.json", "fetch it again"): {}["votes"]
    Traceback (most recent call last):
    ccd.errors.CcdError: votes.json: is damaged (KeyError: 'votes'); fetch it again
    """
    try:
        yield
    except (CcdError, OSError):
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise CcdError(f"{where}: is damaged ({type(error).__name__}: {reason}); {remedy}") from None
