"""The two ways a command ends badly; both are one line for a person and never a traceback."""

import contextlib
from collections.abc import Iterator


class CcdError(Exception):
    """Bad input or a bad environment: the message says what, where and the remedy. Exit code 2.

    >>> raise CcdError("campaign.toml, line 3: judgments_per_pair is 0; write a number from 2 up")
    Traceback (most recent call last):
    ccd.errors.CcdError: campaign.toml, line 3: judgments_per_pair is 0; write a number from 2 up
    """


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
