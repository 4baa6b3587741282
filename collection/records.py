"""What every source gives: records (a post with its photos) and drops (what was read and cannot become a pair)."""

import datetime
import enum
import re
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
        """The address to download it from, where there is no file."""
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


_X_ID = re.compile(r"(?:x:)?([0-9]+)")
_NUMBER_FORM = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)?(?:[eE][+-]?[0-9]+)?")


def post_id(raw: object) -> str:
    """The id of a post as we keep it: `x:<digits>` for a numeric id, `id:<id>` for any other.

    Raises BadId where there is none, or one that went through a floating-point number or a spreadsheet (`6.92E+17`):
    its last digits are lost.

    >>> post_id("263046056240115712"), post_id(" coco-139 ")
    ('x:263046056240115712', 'id:coco-139')
    >>> post_id("6.92094E+17")
    Traceback (most recent call last):
    collection.records.BadId: id mangled
    """
    if isinstance(raw, float):
        raise BadId(Reason.ID_MISSING if raw != raw else Reason.ID_MANGLED)
    if raw is None or isinstance(raw, bool) or not isinstance(raw, (str, int)) or not str(raw).strip():
        raise BadId(Reason.ID_MISSING)
    text = str(raw).strip()
    if match := _X_ID.fullmatch(text):
        return f"x:{match[1]}"
    if _NUMBER_FORM.fullmatch(text):
        raise BadId(Reason.ID_MANGLED)
    return f"id:{text}"


def utc(raw: object) -> str | None:
    """A time in UTC, ISO 8601, from ISO 8601 or API v1.1's form; None where it is neither. No zone means UTC.

    >>> utc("Mon Oct 29 22:34:01 +0000 2012"), utc("2019-12-31T19:26:16.000Z"), utc("yesterday")
    ('2012-10-29T22:34:01+00:00', '2019-12-31T19:26:16+00:00', None)
    """
    if isinstance(raw, datetime.datetime):
        when = raw
    else:
        text = raw.strip().replace(": ", ":") if isinstance(raw, str) else ""  # some tables write 03: 13: 40
        try:
            when = datetime.datetime.fromisoformat(text)
        except ValueError:
            try:
                when = datetime.datetime.strptime(text, "%a %b %d %H:%M:%S %z %Y")
            except ValueError:
                return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=datetime.UTC)
    try:
        return when.astimezone(datetime.UTC).isoformat()
    except OverflowError:  # the first or last day of the calendar, in another zone
        return None
