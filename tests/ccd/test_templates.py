"""Templates escape what they show and miss nothing, and pages are written by them alone."""

import ast
import re
from pathlib import Path

import pytest

from ccd.templates import render

ROOT = Path(__file__).parents[2]
TAGS = re.compile(r"</?(a|b|br|div|h\d|html|i|img|li|p|script|small|span|strong|style|t[dhr]|table|ul)[ />]")
HOSTILE = "<script>[x](y)\\</script>"


def test_what_a_template_shows_and_does_not_get_is_named() -> None:
    with pytest.raises(KeyError, match=r"sign_in\.html: 'problem' is undefined"):
        render("apps.review", "sign_in.html", {"path": "/"})


def test_each_kind_of_page_escapes_in_its_own_way() -> None:
    assert "&lt;script&gt;" in render("apps.review", "sign_in.html", {"path": "/", "problem": HOSTILE})
    unsettled = {"pairs": 1, "unsettled": 1, "of": False, "ends": [HOSTILE], "error": []}
    text = render("ccd.release", "unsettled.md", {"unsettled": unsettled, "others": {}})
    assert r"is: &lt;script>\[x](y)\\&lt;/script>." in text


@pytest.mark.parametrize("floor", ["ccd", "collection", "annotation", "model", "apps"])
def test_no_python_file_writes_html(floor: str) -> None:
    found = []
    for file in (ROOT / floor).rglob("*.py"):
        nodes = list(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
        documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
        said = {ast.get_docstring(node, clean=False) for node in nodes if isinstance(node, documented)}
        texts = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)} - said
        found += [f"{file.relative_to(ROOT)}: {text[:60]!r}" for text in texts if TAGS.search(text)]
    assert found == []
