"""Handles of people in a text. Annotators see them; models and releases do not."""

import re

HANDLE = re.compile(r"(?<![\w.+-])[@＠][A-Za-z0-9_]+(?:@[\w-]+(?:\.[\w-]+)+|\.bsky\.social)?")
_GLUED = re.compile(r"(?<=[\w.+-])@[A-Za-z0-9_]+(?![\w-]*\.[A-Za-z])")  # after a letter, and no e-mail address
_IN_ADDRESS = re.compile(r"\b((?:twitter|x)\.com)/(?!i/)\w+/(?=status)", re.IGNORECASE)


def without_handles(text: str) -> str:
    """Return the text with every handle as @USER; an address of a post leads there without its author's name.

    An e-mail address is no handle. Twice is once.

    >>> without_handles("RT @ann_9: https://x.com/ann_9/status/12 ask bob@example.org")
    'RT @USER: https://x.com/i/status/12 ask bob@example.org'
    """
    return _GLUED.sub("@USER", HANDLE.sub("@USER", _IN_ADDRESS.sub(r"\1/i/", text)))
