"""Which columns of a table hold what, by the names that tools give them, and what their cells mean."""

import ast
import html
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from ccd.errors import InputError
from ccd.judgment_tables.columns import plain

KNOWN_NAMES = {
    "id": (
        *(
            "tweet_id",
            "status_id",
            "post_id",
            "id_str",
            "id",
            "tweet_url",
            "permalink",
            "link",
            "url",
        ),  # an address last
    ),
    "text": (*("full_text", "text", "tweet_text", "raw_content", "tweet", "caption", "body", "content", "snippet"),),
    "image": (
        *("image_file", "image_path", "image", "images", "file_name", "filename", "attachments_media", "media"),
        *("image_url", "image_urls", "photo", "photos", "photo_url", "media_url", "media_urls", "picture"),
    ),
    "date": ("created_at", "date", "timestamp", "datetime", "posted_at", "time"),
    "author": ("author_id", "user_id", "author_key", "author", "username", "user_name", "screen_name", "user"),
    "sensitive": ("possibly_sensitive", "sensitive", "nsfw"),
    "alt": ("alt_text", "image_alt", "alt"),
}
_OF_X = {"tweetid", "statusid", "tweettext", "idstr", "tweet", "tweeturl", "possiblysensitive", "fulltext"}
_PICTURE = re.compile(r"\.(?:jpe?g|png|webp|gif|bmp|avif|heic)\Z", re.IGNORECASE)
_BETWEEN_ADDRESSES = re.compile(r"[|;,\s]+(?=https?://)", re.IGNORECASE)
_BETWEEN_FILES = re.compile(r"\s*[|;,\n]\s*")
_ADDRESS = re.compile(r"https?://", re.IGNORECASE)


@dataclass(frozen=True)
class Columns:
    """The names of the columns; None: found by KNOWN_NAMES. A table without an id or a date column is fine."""

    id: str | None = None
    text: str | None = None
    image: str | None = None
    date: str | None = None
    author: str | None = None
    sensitive: str | None = None
    alt: str | None = None

    def names(self) -> set[str | None]:
        """Return the columns that are read."""
        return {getattr(self, field.name) for field in fields(self)} | {"lang"}


FOUND_BY_NAME = Columns()


def find(file: Path, columns: Columns, names: Sequence[str]) -> Columns:
    """Fill in every name; what the table lacks stays None.

    Raises CcdError where a column that is needed or asked for is not there, or is there twice.
    """
    by_name: dict[str, str] = {}
    for name in names:
        by_name.setdefault(plain(name), name)
    found: dict[str, str | None] = {}
    for kind, candidates in KNOWN_NAMES.items():
        asked = getattr(columns, kind)
        if asked is not None and asked not in names:
            raise InputError(f"{file}: no column {asked!r} for --{kind}-column; it has {', '.join(names)}")
        found[kind] = asked or next((by_name[p] for name in candidates if (p := plain(name)) in by_name), None)
        if found[kind] is None and kind in ("text", "image"):
            raise InputError(f"{file}: no {kind} column found; name one of {', '.join(names)} with --{kind}-column")
    twice = next((name for name in found.values() if name is not None and list(names).count(name) > 1), None)
    if twice is not None:
        raise InputError(f"{file}: two columns are called {twice!r}; rename one of them")
    return Columns(**found)


def are_of_x(names: Iterable[str]) -> bool:
    """Return whether names of columns say that a table holds posts of X."""
    return bool(_OF_X.intersection(map(plain, names)))


def pictures(cell: object) -> list[str]:
    """Return the pictures that a cell names: one, several between commas, bars or spaces, or a list in JSON or Python.

    Raises ValueError where an address has another one inside.

    >>> pictures("https://a.org/1.jpg,https://a.org/2.jpg"), pictures("['a.jpg']"), pictures("a, b.jpg")
    (['https://a.org/1.jpg', 'https://a.org/2.jpg'], ['a.jpg'], ['a, b.jpg'])
    """
    found = [each.strip() for each in _parts(cell)]
    for each in found:
        if _ADDRESS.search(each, 1) and _ADDRESS.match(each):
            raise ValueError(f"{each}: an address inside another one")
    return [each for each in dict.fromkeys(found) if each]


def _parts(cell: object) -> list[str]:
    if isinstance(cell, dict):  # a medium as APIs give it; a video has a picture of its first frame only
        if cell.get("type", "photo") not in ("photo", "image", "Image"):
            return []
        urls = (cell.get(key) for key in ("media_url_https", "original", "fullUrl", "url", "media_url", "src", "path"))
        return [next((url for url in urls if isinstance(url, str)), "")]
    if isinstance(cell, (list, tuple)):
        return [part for each in cell for part in _parts(each)]
    if not isinstance(cell, str):
        return []
    text = html.unescape(cell).strip()
    if text.startswith(("[", "{")) and text.endswith(("]", "}")):
        for parse in (json.loads, ast.literal_eval):
            try:
                return _parts(parse(text))
            except (ValueError, SyntaxError, RecursionError, MemoryError):
                continue
    if _ADDRESS.match(text):
        return _BETWEEN_ADDRESSES.split(text)
    parts = [part for part in _BETWEEN_FILES.split(text) if part]
    return parts if len(parts) > 1 and all(map(_PICTURE.search, parts)) else [text]


def truth(cell: object) -> bool | None:
    """Return the yes or no of a cell: True, true, 1, yes; None for anything else."""
    return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}.get(
        str(cell).strip().lower()
    )


def one_value(cell: Any) -> str | None:
    """Return a cell as text: a whole number keeps its digits, what is missing is None."""
    if isinstance(cell, bool) or not isinstance(cell, (str, int)):
        return None
    return str(cell).strip() or None
