"""Words that agree with a number."""


def number_of(number: int, one: str, several: str | None = None) -> str:
    """Return a number with its noun, or with its noun and verb; `several` is `one` with an s where it is left out.

    >>> number_of(1, "pair"), number_of(1200, "pair"), number_of(0, "task is", "tasks are")
    ('1 pair', '1,200 pairs', '0 tasks are')
    """
    return f"{number:,} {one if number == 1 else several or one + 's'}"
