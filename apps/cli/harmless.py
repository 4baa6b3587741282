"""Texts of strangers without what a terminal would obey."""

import re

# Control codes but tab and line end, C1 too, and what turns the direction of writing.
_OBEYED = "\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069"
_IN_JSON = re.compile(f"[{_OBEYED}]")
_IN_TEXT = re.compile(f"[{_OBEYED}\ud800-\udfff]")


def harmless(text: str) -> str:
    """Return the text without what a terminal would obey, or cannot show: messages hold what strangers wrote.

    >>> harmless("\x1b[2Ja cat")
    '�[2Ja cat'
    """
    return _IN_TEXT.sub("\ufffd", text)


def harmless_json(text: str) -> str:
    """Return the same JSON, with what a terminal would obey as escapes."""
    return _IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
