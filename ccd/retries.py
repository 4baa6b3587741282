"""One policy for requests that may go through another time: how often, how long between, what is said in the end.

Everybody who asks a server says by `Later` that a try failed in a way that may pass; what will not pass is raised as it
is. A request that changes something is not for this: who sends it asks what was done before it is sent again.
"""

import time
from collections.abc import Callable
from typing import TypeVar

from ccd.errors import CcdError, ServerError
from ccd.wording import number_of

TRIES = 6  # of one request, before it is given up
LONGEST_WAIT = 901.0  # seconds: the window of X's rate limits is 15 minutes

T = TypeVar("T")
Wait = Callable[[float, str], None]  # seconds, why


class Later(Exception):
    """A request that may go through another time, in `seconds` where the server says when.

    After the last try `error` is raised, where there is one; otherwise a line made of `why`.
    """

    def __init__(self, why: str, seconds: float | None = None, error: CcdError | None = None) -> None:
        super().__init__(why)
        self.seconds = seconds
        self.error = error


def sleep(seconds: float, _why: str) -> None:
    """Wait, and say nothing."""
    time.sleep(seconds)


def pause(number: int, backoff: float = 1.0, seconds: float | None = None) -> float:
    """Return how long to wait after try `number` failed: doubling with each, or what the server asks, within reason.

    >>> [pause(number) for number in (1, 2, 3)], pause(1, seconds=90_000), pause(1, seconds=-3)
    ([2.0, 4.0, 8.0], 901.0, 0.0)
    """
    wanted = backoff * 2**number if seconds is None else seconds
    return float(min(LONGEST_WAIT, max(0.0, wanted)))


def limited(network: str, seconds: float | None, backoff: float, number: int) -> Later:
    """Return a rate limit met on try `number`; the wait is the server's, or a long one that grows if it names none."""
    long = 30 * backoff * 2**number
    return Later(f"{network}'s rate limit", max(1.0, long if seconds is None else seconds))


def patiently(
    ask: Callable[[int], T], *, wait: Wait = sleep, backoff: float = 1.0, tries: int = TRIES, kept: str = ""
) -> T:
    """Return what `ask(number of the try)` returns; where it raises Later, wait and ask again, `tries` times in all.

    Args:
        wait: sleeps; the command line shows a countdown there.
        backoff: scales the pauses.
        kept: what is not lost, for the error.

    Raises CcdError after the last try.
    """
    number = 1
    while True:
        try:
            return ask(number)
        except Later as later:
            if number == tries:
                raise later.error or ServerError(
                    f"{later}, {number_of(tries, 'time')} in a row; run again later{f': {kept}' if kept else ''}"
                ) from None
            wait(pause(number, backoff, later.seconds), f"{later}, try {number} of {tries}")
        number += 1
