"""Feelings: how a text shows them, and how a face does (feelings.toml)."""

import tomllib
from importlib import resources

from collection.synthetic.drawing import Shape, parse

# Feelings of one row are near each other; feelings of two rows never match.
PLEASANT = ("happy", "loving", "peaceful")
UNPLEASANT = ("sad", "angry", "scared")
FEELINGS = PLEASANT + UNPLEASANT
SKINS = ("yellow", "orange", "pink", "green", "blue", "purple")

_HEAD = "disc c-.25 0 0 1\ndisc c 0 0 .93\n"
_FEELINGS = tomllib.loads((resources.files("collection.synthetic") / "feelings.toml").read_text(encoding="utf-8"))
PHRASES: dict[str, tuple[str, ...]] = {feeling: tuple(_FEELINGS[feeling]["phrases"]) for feeling in FEELINGS}
FACES: dict[str, tuple[Shape, ...]] = {feeling: parse(_HEAD + _FEELINGS[feeling]["shapes"]) for feeling in FEELINGS}
