"""Fill the jinja2 templates, which lie in the folder `templates` beside the code that knows their facts."""

import base64
import json
import re
from collections.abc import Iterable, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from ccd.wording import interval, listed, number, number_of, percent

if TYPE_CHECKING:
    from jinja2 import Environment


def render(package: str, name: str, values: Mapping[str, Any]) -> str:
    """Return the page that `name`, a template of `package`, gives with these values.

    HTML and XML templates escape what they show; Markdown templates get texts that are escaped (`as_text`).
    Raises KeyError where a template shows what is not among the values.

    >>> render("ccd.reports", "style.css", {})[:7]
    ':root {'
    """
    if name.endswith(".md"):
        values = as_text(values)
    from jinja2 import UndefinedError

    try:
        return _environment(package).get_template(name).render(values)
    except UndefinedError as error:
        raise KeyError(f"{name}: {error.message}") from None


def as_text(value: Any) -> Any:
    r"""Return facts as Markdown may hold them: no title, name or reason in them makes a link or HTML.

    >>> as_text({"title": "[Play](javascript:alert(1)) <b>"})
    {'title': '\\[Play](javascript:alert(1)) &lt;b>'}
    """
    if isinstance(value, str):
        return re.sub(r"([\\\[])", r"\\\1", value).replace("<", "&lt;")
    if isinstance(value, Mapping):
        return {as_text(key): as_text(each) for key, each in value.items()}
    return [as_text(each) for each in value] if isinstance(value, list | tuple) else value


def unwrap(text: str) -> str:
    r"""Return Markdown with each paragraph and each entry of a list on one line, and one empty line between them.

    >>> unwrap("One\nparagraph.\n\n\n- An\n  entry.\n- Another.\n")
    'One paragraph.\n\n- An entry.\n- Another.\n'
    """
    paragraphs = filter(None, (part.strip("\n") for part in re.split(r"\n\n+", text)))
    return "\n\n".join(re.sub(r"\s*\n\s*(?![-|] )", " ", part) for part in paragraphs) + "\n"


def table(rows: Iterable[Iterable[object]]) -> str:
    r"""Return a Markdown table; its first row has the titles of its columns.

    >>> table([["a|b", "c"], [1, 2]])
    '| a\\|b | c |\n| --- | --- |\n| 1 | 2 |\n'
    """
    head, *lines = [[str(cell).replace("|", "\\|") for cell in row] for row in rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in [head, ["---"] * len(head), *lines])


@cache
def _environment(package: str) -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

    environment = Environment(
        loader=PackageLoader(package),
        autoescape=select_autoescape(["html", "xml"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "base64": lambda data: base64.b64encode(data).decode(),
        "comma": "{:,}".format,
        "interval": interval,
        "listed": listed,
        "number": number,
        "number_of": number_of,
        "one_line": lambda text: " ".join(text.split()),
        "percent": percent,
        "quoted": lambda text: json.dumps(text, ensure_ascii=False),  # a JSON string is a YAML string
        "table": table,
    }
    return environment
