"""Progress bars on stderr, so that stdout stays what was asked for."""

import contextlib
from collections.abc import Callable, Iterator

Started = Callable[[str, int], Callable[[int], None]]


@contextlib.contextmanager
def bars() -> Iterator[Started]:
    """Gives a function that opens a bar for a named step of known length, and returns what moves it."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from apps.cli.screen import Screen

    columns = TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    screen = Screen()
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as progress:

        def started(name: str, total: int) -> Callable[[int], None]:
            task = progress.add_task(name, total=total)
            return lambda number: progress.update(task, advance=number)

        yield started
