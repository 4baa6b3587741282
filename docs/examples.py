"""Examples of docstrings as code on the page of the API: lines that begin with >>>, and what they show."""

import re

from griffe import Docstring, Extension, Object

EXAMPLE = re.compile(r"(?:^>>> .*\n?(?:^(?!>>> ).+\n?)*)+", re.MULTILINE)


class Examples(Extension):
    """Put a fence around every example."""

    def on_instance(self, *, obj: Object, **_: object) -> None:
        """Change the docstring of an object as it is read."""
        if isinstance(obj.docstring, Docstring):
            obj.docstring.value = EXAMPLE.sub(lambda found: f"```pycon\n{found[0].rstrip()}\n```", obj.docstring.value)
