"""What every source gives: records (a post with its photos) and drops (what was read and cannot become a pair)."""

import enum
from dataclasses import dataclass
from pathlib import Path

LONGEST_TEXT = 131_072  # characters, Python's own limit for a cell of CSV; no network has posts of a quarter of it


class Reason(enum.StrEnum):
    """Why something was read and not kept; docs/collect.md says what each means and what to do."""

    MALFORMED = "malformed row"
    NOT_UTF8 = "not UTF-8"
    NOT_A_POST = "not a post"
    ID_MISSING = "id missing"
    ID_MANGLED = "id mangled"
    ID_USED = "id used by other content"
    NO_TEXT = "no text"
    SPOILT = "text spoilt by an encoding"
    EDITED = "replaced by a newer version"
    NO_PHOTO = "no photo"
    MOVING = "video or GIF"
    NO_ORIGINAL = "original post not in the file"
    NOT_ON_DISK = "photo not on disk"
    NOT_DOWNLOADED = "photo not downloaded"
    GONE = "photo gone"
    OUTSIDE = "photo outside the folder"
    NOT_AN_IMAGE = "not an image"
    BROKEN = "broken image"
    ANIMATED = "animated image"
    TOO_LARGE = "image too large"
    DUPLICATE = "duplicate text and image"
    NEAR_DUPLICATE = "near-duplicate text and image"
    LANGUAGE = "language"
    RETWEET = "retweet"
    CUT = "text cut by the API"
    SENSITIVE = "sensitive"
    FEW_WORDS = "too few words"
    BLOCKED_WORD = "blocked word"


@dataclass(frozen=True)
class Photo:
    """One photo of a post: `index` is its place among the post's media, from 0.

    `source` is a file on this disk, or text (a URL, a media key) where the photo was not downloaded. A URL waits for
    `ccd collect photos`.
    """

    index: int
    source: Path | str
    alt_text: str | None = None

    @property
    def url(self) -> str | None:
        """Return the address to download it from, where there is no file."""
        web = isinstance(self.source, str) and self.source.startswith(("http://", "https://"))
        return str(self.source) if web else None


@dataclass(frozen=True)
class Record:
    """A post as its source gave it; each of its photos can become a pair.

    >>> Record("x:263046056240115712", "Look! http://t.co/JQQeRPwN", None, "en", (Photo(0, Path("a.jpg")),), "line 2")
    ... # doctest: +SKIP
    """

    post_id: str | None  # None: the source has no ids, the pair is named after its content
    text: str  # raw
    created_at: str | None  # UTC, ISO 8601
    lang: str | None
    photos: tuple[Photo, ...]
    place: str  # where in its source, for messages: "line 12"
    media_links: tuple[str, ...] = ()  # links in the text that stand for the photos
    author: str | None = None  # the author's id; only its keyed hash is stored
    sensitive: bool | None = None  # as the platform says; None where it says nothing
    unused: tuple[str, ...] = ()  # what the source has and cannot be used, such as "a date that cannot be read"
    is_cut: bool = False  # the API gave a part of the text


@dataclass(frozen=True)
class Drop:
    """Something read and not kept. `item` is a pair id, a post id or a place in the source such as "line 12"."""

    item: str
    reason: Reason
    detail: str = ""


class BadId(ValueError):
    """An id that names no post; `reason` is ID_MISSING or ID_MANGLED."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(str(reason))
        self.reason = reason
