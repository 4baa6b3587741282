"""What rich draws on a terminal: tables, bars and texts of strangers, without what a terminal would obey."""

from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from apps.cli.harmless import harmless


class Screen(Console):
    """A console that shows what people wrote as it is: "[b]" is no markup, ":100:" no emoji, and escape codes none.

    >>> Screen(stderr=False).print("[b]\x1b[2J")
    [b]�[2J
    """

    def __init__(self, *, stderr: bool = True) -> None:
        super().__init__(stderr=stderr, highlight=False, markup=False, emoji=False)

    def render_str(self, text: str, **options: Any) -> Text:
        """Before it is laid out: what stands for a code takes a place."""
        return super().render_str(harmless(text), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """What is no string comes by here: the codes of rich's own styles are put in later."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=harmless(segment.text))
