"""What the annotator sees of a post's text, and what a model sees."""

import html
import re
import unicodedata
from collections.abc import Iterable

from ccd.files.handles import HANDLE

_TRAILING_LINK = re.compile(r"\s*https?://t\.co(?:/[A-Za-z0-9]*)?…?\s*\Z", re.IGNORECASE)
_LINE_END = re.compile(r"\r\n?|[\u2028\u2029\x85\v\f]")
_SPACES = re.compile(r"[^\S\n]+")
_AROUND_LINE_END = re.compile(r" ?\n ?")
_MANY_LINE_ENDS = re.compile(r"\n{3,}")
_LINK = re.compile(r"(?:https?://|(?<!\w)www\.)[^\s<>\"“”«»、。…]*[^\s<>\"“”«»、。…)\].,:;!?']", re.IGNORECASE)
_BYTE_ORDER_MARK = "\ufeff"


def clean(text: str, media_links: Iterable[str] = ()) -> str:
    """Return the text without what only machines read: escapes, links that stand for the photo, control characters.

    HTML entities are unescaped (to the end: some sources escape twice), `media_links` removed wherever they stand,
    t.co links at the end removed, control characters and lone surrogates removed, the rest brought to NFC. Runs of
    spaces become one, more than two line ends become two; case, emoji, hashtags and mentions stay as they are.
    clean(clean(t)) == clean(t).

    >>> clean("Cats &amp; dogs  in #NY 🐈 http://t.co/e4JLBUfH")
    'Cats & dogs in #NY 🐈'
    """
    media = _any_of(media_links)
    while (shorter := _once(text, media)) != text:
        text = shorter
    return text


def model_text(seen: str) -> str:
    """Return what a model sees of a cleaned text: users as @USER and links as HTTPURL, as BERTweet was trained.

    Hashtags, emoji and case stay. An e-mail address is no user. model_text(model_text(t)) == model_text(t).

    >>> model_text("@ann_9 look: https://t.co/a1 #NY 🐈")
    '@USER look: HTTPURL #NY 🐈'
    """
    return HANDLE.sub("@USER", _LINK.sub("HTTPURL", seen))


def storable(text: str) -> str:
    """Return the raw text with what no database holds replaced: NUL characters and lone surrogates."""
    return text.replace("\0", "\ufffd").encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _once(text: str, media: re.Pattern[str] | None) -> str:
    text = _LINE_END.sub("\n", html.unescape(text))
    if media:
        text = media.sub("", text)
    text = _SPACES.sub(" ", text)
    text = "".join(c for c in text if c == "\n" or _is_text(c))
    text = _MANY_LINE_ENDS.sub("\n\n", _AROUND_LINE_END.sub("\n", unicodedata.normalize("NFC", text)))
    return _TRAILING_LINK.sub("", text).strip()


def _is_text(character: str) -> bool:
    return character != _BYTE_ORDER_MARK and unicodedata.category(character) not in ("Cc", "Cs")


def _any_of(links: Iterable[str]) -> re.Pattern[str] | None:
    """Return a pattern for any of the links, never for the beginning of a longer one."""
    known = "|".join(re.escape(link) for link in links if link)
    return re.compile(f"(?:{known})(?![A-Za-z0-9])") if known else None
