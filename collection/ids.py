"""Ids of posts: one canonical form of what tables hold, the network they are from, and ids that were rounded."""

import datetime
import math
import re
from collections.abc import Iterable

from collection.records import BadId, Reason

X, OTHER = "x", "id"  # what a canonical id begins with: a post of X, or a name that only this table knows
LONG = 10**15  # from here on a spreadsheet rounds ids, and from 2 ** 53 on JavaScript does
_UNLIKELY = 1e-5  # that ids which nobody rounded end in so many zeros
_EPOCH = 1_288_834_974_657  # milliseconds after 1970 at which X's ids begin to hold their time

_WRAPPED = re.compile(r"""=?["'‘’“”`]*(.*?)["'‘’“”`]*""", re.DOTALL)
_STATUS = re.compile(r"(?:https?://)?[\w.-]*\b(?:twitter|x)\.com/[^?#]*/status(?:es)?/([0-9]+)\b.*", re.IGNORECASE)
_DIGITS = re.compile(r"(?:x:|(?:id|tweet|status|tweet_?id)[_-])?([0-9]+)", re.IGNORECASE)
_GROUPED = re.compile(r"[0-9]{1,3}([ ,.'\u00a0\u2009\u202f])[0-9]{3}(?:\1[0-9]{3}){3,}")
_NUMBER_FORM = re.compile(r"[+-]?[0-9]+(?:[.,][0-9]+)?(?:[eE][+-]?[0-9]+)?")


def post_id(raw: object, network: str = X) -> str:
    """Give the id of a post as it is kept: `x:<digits>` for a post of X, `id:<id>` for any other.

    What spreadsheets and people put around digits goes: `="…"`, an apostrophe, `ID_`, the address of the post, spaces
    and commas between thousands, and for X zeros in front. Raises BadId where there is no id, or one that went through
    a floating-point number (`6.92E+17`): its last digits are lost.

    >>> post_id('="0263046056240115712"'), post_id("https://x.com/a/status/20"), post_id(7, OTHER)
    ('x:263046056240115712', 'x:20', 'id:7')
    >>> post_id("6.92094E+17")
    Traceback (most recent call last):
    collection.records.BadId: id mangled
    """
    if isinstance(raw, float):
        raise BadId(Reason.ID_MISSING if raw != raw else Reason.ID_MANGLED)
    if raw is None or isinstance(raw, bool) or not isinstance(raw, (str, int)):
        raise BadId(Reason.ID_MISSING)
    wrapped = _WRAPPED.fullmatch(str(raw).strip())
    text = wrapped[1].strip() if wrapped else ""
    if not text:
        raise BadId(Reason.ID_MISSING)
    if text.startswith(f"{OTHER}:"):
        return text
    if status := _STATUS.fullmatch(text):
        return f"{X}:{int(status[1])}"
    if _GROUPED.fullmatch(text):
        text = re.sub("[^0-9]", "", text)
    if digits := _DIGITS.fullmatch(text):
        if network == X or text.lower().startswith("x:"):
            return f"{X}:{digits[1].lstrip('0') or '0'}"
        return f"{OTHER}:{digits[1]}"
    if _NUMBER_FORM.fullmatch(text):
        raise BadId(Reason.ID_MANGLED)
    return f"{OTHER}:{text}"


def posted_at(digits: int) -> datetime.datetime:
    """Tell when X gave out an id, which holds its time from November 2010 on.

    >>> posted_at(263046056240115712).isoformat(timespec="seconds")
    '2012-10-29T22:34:01+00:00'
    """
    return datetime.datetime.fromtimestamp(((digits >> 22) + _EPOCH) / 1000, datetime.UTC)


def are_rounded(ids: Iterable[int]) -> bool:
    """Tell whether the long ones of these ids went through a spreadsheet, JavaScript or a floating-point number.

    A spreadsheet keeps 15 digits and JavaScript prints 16 or 17, so that zeros follow. Of ids that nobody rounded, many
    are multiples of 4,096, and one in five ends in a zero. A number in 64 bits of floating point is a multiple of 128
    or 256: true ids are that by being multiples of 4,096 only.

    >>> are_rounded([1294030472427830000, 1294030472427830000, 732822797798539300])
    True
    >>> are_rounded([263046056240115712, 263046056240115713])
    False
    """
    long = [number for number in ids if number >= LONG]
    zeros = sum(len(str(number)) - len(str(number).rstrip("0")) for number in long)
    n = len(long)
    if n and zeros:
        fewer = sum(math.exp(_log_choose(n + k - 1, k) + k * math.log(0.2) + n * math.log(0.8)) for k in range(zeros))
        if zeros > n / 4 and 1 - fewer < _UNLIKELY:
            return True
    beyond = [number for number in long if number >= 2**53]
    rounded = [number for number in beyond if int(float(number)) == number]
    return len(rounded) == len(beyond) and sum(number % 4096 != 0 for number in rounded) >= 2


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)
