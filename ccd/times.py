"""Times as files of all kinds write them."""

import datetime
import re


def utc(raw: object) -> str | None:
    """Return a time in UTC, ISO 8601; None where it cannot be read, or can be read as two days (5/6/2016).

    No zone means UTC. Reads ISO 8601, seconds and milliseconds since 1970, API v1.1's form, and those of spreadsheets
    and web pages.

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
_ZONE = re.compile(r" ([A-Z]{1,4})(?= \d{4}\Z|\Z)")
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
        text = f"{text[: zone.start()]} {_ZONES[zone[1]]:+03d}00{text[zone.end() :]}"
    for form in _FORMS:
        try:
            return datetime.datetime.strptime(text, form)
        except ValueError:
            continue
    return None
