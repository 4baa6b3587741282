"""Numbers as people read them, words that agree with one, and lines that say the same."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

_TASK = re.compile(r"(?<=\btask[ =])\d+( doubled \S+)?")


def number_of(number: int, one: str, several: str | None = None) -> str:
    """Return a number with its noun, or with its noun and verb; `several` is `one` with an s where it is left out.

    >>> number_of(1, "pair"), number_of(1200, "pair"), number_of(0, "task is", "tasks are")
    ('1 pair', '1,200 pairs', '0 tasks are')
    """
    return f"{number:,} {one if number == 1 else several or one + 's'}"


def listed(numbers: Mapping[str, int]) -> str:
    """Return numbers, each with its name.

    >>> listed({"open": 3, "dropped": 1200})
    '3 open, 1,200 dropped'
    """
    return ", ".join(f"{number:,} {name}" for name, number in numbers.items())


def number(value: float | None, digits: int = 3) -> str:
    """Return a coefficient as people read it.

    >>> number(0.70541), number(None)
    ('0.705', '–')
    """
    return "–" if value is None else f"{value:.{digits}f}"


def percent(share: float | None) -> str:
    """Return a share as people read it; "" where there is none.

    >>> percent(0.0512)
    '5.1%'
    """
    return "" if share is None else f"{share:.1%}"


def interval(ci: Sequence[float] | None, digits: int = 3) -> str:
    """Return an interval as people read it; "" where there is none.

    >>> interval([0.6245, 0.7817])
    '0.625 to 0.782'
    """
    return "" if ci is None else f"{number(ci[0], digits)} to {number(ci[1], digits)}"


def folded(lines: Iterable[str]) -> list[str]:
    """Return the lines; those that differ only in the task they name become the first of them, with a count.

    >>> folded(["desk ann, task 7: edited", "desk ann, task 9: edited", "desk bob, task 9: edited"])
    ['desk ann, task 7: edited (and 1 more task)', 'desk bob, task 9: edited']
    """
    first: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for line in lines:
        same = _TASK.sub("", line)
        first.setdefault(same, line)
        counts[same] += 1
    return [
        f"{line} (and {number_of(counts[same] - 1, 'more task')})" if counts[same] > 1 else line
        for same, line in first.items()
    ]
