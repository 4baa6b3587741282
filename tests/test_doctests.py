"""Examples in docstrings do what they show."""

import doctest
import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FLOORS = ("ccd", "collection", "annotation", "model", "apps")
MODULES = [
    ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for floor in FLOORS
    for file in sorted((ROOT / floor).rglob("*.py"))
    if ">>>" in file.read_text(encoding="utf-8") and "apps/review/" not in str(file)
]


@pytest.mark.parametrize("module", MODULES)
def test_examples_do_what_they_show(module: str) -> None:
    failed, tried = doctest.testmod(importlib.import_module(module), optionflags=doctest.ELLIPSIS)
    assert failed == 0, f"{failed} of {tried} examples fail"
