"""Every error says what is wrong, where, and what to do: the house writes `where: what; remedy`."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from ccd import errors

ROOT = Path(__file__).parent.parent
FLOORS = ("ccd", "collection", "annotation", "model", "apps")
KINDS = ("InputError", "EnvironmentFailure", "ServerError", "DataDamage")  # what a caller can catch
RAISED = (*KINDS, "StudioError", "Taken", "wrong")  # UnreadableImage is a reason that is counted, no error


def messages(source: str) -> Iterator[tuple[int, str]]:
    """Line and text of every error made in a file; `{}` stands for what is filled in.

    Left out is what only passes on the text of another, such as `InputError(f"{where}: {what}")`.
    """
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", None)
        if name not in RAISED:
            continue
        texts = [text for text in map(_text, node.args) if text.replace("{}", "").strip(": ")]
        if texts:
            yield node.lineno, " ".join(texts)


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
    return ""


@pytest.mark.parametrize("floor", FLOORS)
def test_every_error_names_the_next_step(floor: str) -> None:
    found = [
        (f"{file.relative_to(ROOT)}, line {line}", text)
        for file in sorted((ROOT / floor).rglob("*.py"))
        for line, text in messages(file.read_text(encoding="utf-8"))
    ]
    assert found
    bare = [f"{where}: {text}" for where, text in found if not text.partition("; ")[2].strip()]
    assert not bare, "write `what, where; remedy`:\n" + "\n".join(bare)


def test_a_bare_error_is_found() -> None:
    source = 'raise InputError(f"{path}: is wrong")\nraise InputError(f"{path}: {what}")\nraise InputError("a; do b")'
    assert list(messages(source)) == [(1, "{}: is wrong"), (3, "a; do b")]


def test_every_error_is_of_a_kind_that_can_be_caught() -> None:
    raised = [
        (file, node)
        for floor in FLOORS
        for file in (ROOT / floor).rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", None) in ("CcdError", *KINDS)
    ]
    assert {node.func.id for _, node in raised if isinstance(node.func, ast.Name)} == set(KINDS)
    assert all(issubclass(getattr(errors, kind), errors.CcdError) for kind in KINDS)
