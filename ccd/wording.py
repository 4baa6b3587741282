"""Words that agree with a number, and lines that say the same."""

import re
from collections import Counter
from collections.abc import Iterable

_TASK = re.compile(r"(?<=\btask[ =])\d+( doubled \S+)?")


def number_of(number: int, one: str, several: str | None = None) -> str:
    """Return a number with its noun, or with its noun and verb; `several` is `one` with an s where it is left out.

    >>> number_of(1, "pair"), number_of(1200, "pair"), number_of(0, "task is", "tasks are")
    ('1 pair', '1,200 pairs', '0 tasks are')
    """
    return f"{number:,} {one if number == 1 else several or one + 's'}"


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
