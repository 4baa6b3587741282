"""What can go wrong, by who can put it right; each is one line for a person and never a traceback."""

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path


class CcdError(Exception):
    """Catch everything that the toolkit raises on purpose: the message says what, where and the remedy. Exit code 2.

    >>> raise InputError("campaign.toml, line 3: judgments_per_pair is 0; write a number from 2 up")
    Traceback (most recent call last):
    ccd.errors.InputError: campaign.toml, line 3: judgments_per_pair is 0; write a number from 2 up
    """


class InputError(CcdError):
    """What the user gave is wrong or missing: an option, campaign.toml, a protocol, a file, a step that comes first."""


class EnvironmentFailure(CcdError):
    """This machine fails: a full disk, missing rights, a missing library or token, a port or a lock that is taken."""


class ServerError(CcdError):
    """Another machine fails or refuses: Label Studio, X, Bluesky, Mastodon, a host of photos."""


class DataDamage(CcdError):
    """Stored data is not what was stored: a photo, a database, a network, a release or a backup."""


def as_path(value: str | os.PathLike[str], what: str) -> Path:
    """Return a path that a caller gave. Raises InputError where it is none, such as a number.

    >>> as_path(3, "the campaign's folder")
    Traceback (most recent call last):
    ccd.errors.InputError: the campaign's folder is 3, which is not a path; write text or a pathlib.Path
    """
    path = os.fspath(value) if isinstance(value, str | os.PathLike) else value
    if not isinstance(path, str) or "\0" in path:
        raise InputError(f"{what} is {value!r:.80}, which is not a path; write text or a pathlib.Path")
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
    """Whatever a stranger's file makes its reader raise is a DataDamage that names it; a failing disk stays an OSError.

    >>> with damaged("votes.json", "fetch it again"): {}["votes"]
    Traceback (most recent call last):
    ccd.errors.DataDamage: votes.json: is damaged (KeyError: 'votes'); fetch it again
    """
    try:
        yield
    except (CcdError, OSError):
        raise
    except Exception as error:
        reason = " ".join(str(error).split())[:200]
        raise DataDamage(f"{where}: is damaged ({type(error).__name__}: {reason}); {remedy}") from None
