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
    unused: tuple[str, ...] = ()  # what the source has and cannot be used, such as "a date that cannot be read"


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


def utc(raw: object) -> str | None:
    """A time in UTC, ISO 8601; None where it cannot be read, or can be read as two days (5/6/2016). No zone means UTC.

    Reads ISO 8601, seconds and milliseconds since 1970, API v1.1's form, and those of spreadsheets and web pages.

    >>> utc("Mon Oct 29 22:34:01 +0000 2012"), utc("2019-12-31T19:26:16.000Z"), utc("yesterday")
    ('2012-10-29T22:34:01+00:00', '2019-12-31T19:26:16+00:00', None)
    """
    when = raw if isinstance(raw, datetime.datetime) else _time(raw)
    if when is None:
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=datetime.UTC)
    try:
        return when.astimezone(datetime.UTC).isoformat()
    except OverflowError:  # the first or last day of the calendar, in another zone
        return None


_FORMS = (
    *(
        "%a %b %d %H:%M:%S %z %Y",
        "%b %d, %Y %I:%M %p %z",
        "%a, %d %b %Y %H:%M:%S %z",
        "%Y/%m/%d %H:%M:%S",
        "%Y/%m/%d %H:%M",
    ),
    *("%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y", "%Y-%m-%d %H:%M:%S %z", "%Y-%m-%dT%H:%M:%S%z", "%b %d, %Y"),
)
_ZONES = {
    "UTC": 0,
    "GMT": 0,
    "Z": 0,
    "EST": -5,
    "EDT": -4,
    "CST": -6,
    "CDT": -5,
    "MST": -7,
    "MDT": -6,
    "PST": -8,
    "PDT": -7,
}
_ZONE = re.compile(r" ([A-Z]{1,4})\Z")
_SLASHES = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})(?:,? (\d{1,2}):(\d{2})(?::(\d{2}))?)?")


def _time(raw: object) -> datetime.datetime | None:
    if isinstance(raw, bool) or not isinstance(raw, (str, int, float)):
        return None
    text = " ".join(str(raw).replace(": ", ":").replace("·", " ").split())  # some tables write 03: 13: 40
    try:
        if re.fullmatch(r"\d{10}(?:\.\d+)?|\d{13}", text):  # seconds or milliseconds
            seconds = float(text) / (1000 if len(text) == 13 and "." not in text else 1)
            return datetime.datetime.fromtimestamp(seconds, datetime.UTC)
        if slashes := _SLASHES.fullmatch(text):
            first, second, year, hour, minute, second_of = (int(part or 0) for part in slashes.groups())
            if first <= 12 and second <= 12 and first != second:
                return None  # of two readings none can be told
            month, day = (first, second) if first <= 12 else (second, first)
            return datetime.datetime(year, month, day, hour, minute, second_of)
        return datetime.datetime.fromisoformat(text)
    except (ValueError, OverflowError):
        pass
    if (zone := _ZONE.search(text)) and zone[1] in _ZONES:
        text = f"{text[: zone.start()]} {_ZONES[zone[1]]:+03d}00"
    for form in _FORMS:
        try:
            return datetime.datetime.strptime(text, form)
        except ValueError:
            continue
    return None
