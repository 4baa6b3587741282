"""Writes decisions to Label Studio behind the pages' back, and tries again where it cannot be reached."""

import threading

from annotation.connection import connect
from annotation.ground_truth import write_back
from ccd.campaign import adjudication
from ccd.campaign.campaign import Campaign
from ccd.errors import CcdError

EVERY = 10.0  # seconds between two tries

_wake = threading.Event()
problem: str | None = None
"""Why the last try failed; None where it did not."""


def wake() -> None:
    """Say that there is a decision to write."""
    _wake.set()


class Writer(threading.Thread):
    """One thread a server. It waits while `ccd push` is at work on the same desk."""

    def __init__(self, campaign: Campaign) -> None:
        super().__init__(name="write-back", daemon=True)
        self._campaign = campaign
        self._ends = False

    def run(self) -> None:
        while not self._ends:
            write(self._campaign)
            _wake.wait(EVERY)
            _wake.clear()

    def stop(self) -> None:
        """Let it end after what it is at; what waits is written when the app runs again."""
        self._ends = True
        _wake.set()


def write(campaign: Campaign) -> None:
    """Try to write all that waits, and keep the reason where it fails."""
    global problem
    try:
        with campaign.read() as db:
            waits = bool(adjudication.waiting(db))
        if waits:
            with campaign.alone("push", by="review"):
                write_back(campaign, *connect(campaign))
        problem = None
    except CcdError as error:
        problem = str(error)
    except Exception as error:  # a thread that dies would leave decisions unwritten without a word
        problem = f"{type(error).__name__}: {error}"
