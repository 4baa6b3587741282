"""The one policy for requests that may go through another time."""

import pytest

from ccd.errors import CcdError
from ccd.retries import LONGEST_WAIT, TRIES, Later, limited, patiently


def asked(*outcomes: Exception | str, tries: int = TRIES, kept: str = "") -> tuple[str, list[float], int]:
    """What is returned or raised in words, the waits, and how many tries there were; the last outcome stays."""
    waits, numbers = list[float](), list[int]()

    def ask(number: int) -> str:
        numbers.append(number)
        outcome = outcomes[min(number, len(outcomes)) - 1]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    try:
        found = patiently(ask, wait=lambda seconds, _why: waits.append(seconds), tries=tries, kept=kept)
    except CcdError as error:
        found = str(error)
    assert numbers == list(range(1, len(numbers) + 1))
    return found, waits, len(numbers)


def test_what_may_pass_is_asked_for_again_with_growing_pauses() -> None:
    assert asked("page") == ("page", [], 1)
    assert asked(Later("cut"), Later("cut"), "page") == ("page", [2.0, 4.0], 3)


def test_after_the_last_try_there_is_no_wait_and_one_line() -> None:
    line = "X fails (503), 6 times in a row; run again later: what was bought is kept"
    assert asked(Later("X fails (503)"), kept="what was bought is kept") == (line, [2.0, 4.0, 8.0, 16.0, 32.0], 6)
    assert asked(Later("cut"), tries=1) == ("cut, 1 time in a row; run again later", [], 1)
    assert asked(Later("cut", error=CcdError("mine")), tries=2) == ("mine", [2.0], 2)


def test_what_will_not_pass_is_raised_at_once() -> None:
    assert asked(CcdError("no")) == ("no", [], 1)
    with pytest.raises(KeyError):
        asked(KeyError("a bug"))


@pytest.mark.parametrize(("seconds", "waited"), [(90, 90), (9000, LONGEST_WAIT), (-50, 1), (None, 60)])
def test_a_rate_limit_is_waited_for_within_reason(seconds: float | None, waited: float) -> None:
    assert asked(limited("X", seconds, 1.0, 1), "page") == ("page", [waited], 2)
