"""Which posts a campaign leaves out, as `[filters]` in campaign.toml says."""

import functools
import re

from ccd.campaign.config import Filters
from ccd.splitting.near_duplicates import words
from collection.records import Drop, Reason, Record

_RETWEET = re.compile(r"\W*RT\s*@", re.IGNORECASE)


def rejected(filters: Filters, record: Record, text: str, item: str) -> Drop | None:
    """Return why a post is left out, or None; `text` is what annotators would see, `item` names the drop.

    A post whose source tells no language is never left out for it, nor one without a word on being sensitive.

    >>> record = Record("x:1", "RT @you: so true", None, "en", (), "line 2")
    >>> str(rejected(Filters(retweets=False), record, record.text, "x:1:0").reason)
    'retweet'
    """
    if filters.languages and record.lang and not _speaks(record.lang, filters.languages):
        return Drop(item, Reason.LANGUAGE, record.lang)
    if not filters.retweets and _RETWEET.match(text):
        return Drop(item, Reason.RETWEET, record.place)
    if not filters.truncated and record.is_cut:
        return Drop(item, Reason.CUT, record.place)
    if not filters.sensitive and record.sensitive:
        return Drop(item, Reason.SENSITIVE, record.place)
    if filters.minimum_words and (found := words(text)) < filters.minimum_words:
        return Drop(item, Reason.FEW_WORDS, f"{found} of {filters.minimum_words}")
    if filters.blocked_words and (match := _blocked(filters.blocked_words).search(text)):
        return Drop(item, Reason.BLOCKED_WORD, match[0])
    return None


def _speaks(lang: str, languages: tuple[str, ...]) -> bool:
    """Return whether `lang` is one of the languages, or a region of one: en-GB is en."""
    lang = lang.lower().replace("_", "-")
    return any(lang == known or lang.startswith(known + "-") for known in languages)


@functools.cache
def _blocked(blocked: tuple[str, ...]) -> re.Pattern[str]:
    """Return a pattern for any of the words, whole, whatever the case and the spaces in it."""
    either = "|".join(r"\s+".join(map(re.escape, word.split())) for word in blocked)
    return re.compile(rf"(?<!\w)(?:{either})(?!\w)", re.IGNORECASE)
