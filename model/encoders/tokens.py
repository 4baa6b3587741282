"""A text as its words: the one cut that all word encoders share, so that tokens need not be stored beside features."""

import re

from model.encoders.protocol import MOST_WORDS

_SIGN = "\u00a9\u00ae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u27bf\u2934\u2935\u2b00-\u2bff\U0001f000-\U0001faff"
_TAIL = "[\ufe0f\u20e3\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]*"  # colour of skin, form, flags of regions
_EMOJI = rf"[\U0001f1e6-\U0001f1ff]{{2}}|[{_SIGN}]{_TAIL}(?:\u200d[{_SIGN}]{_TAIL})*"
_MARK = (
    "!-/:-@\\[-`{-~\u00a1\u00ab\u00b7\u00bb\u00bf\u2000-\u206f\u3000-\u303f\uff01-\uff0f\uff1a-\uff20"  # punctuation
)
_LETTER = rf"[^\s{_MARK}{_SIGN}]|_"  # not \w: that would cut the vowel signs off Devanagari and its kin
_TOKEN = re.compile(
    rf"@USER\b|HTTPURL\b|{_EMOJI}"
    r"|[:;=8xX]['’]?-?[()DPpOo/\\|3]+(?![\w/])|<3"  # :-) and <3
    rf"|[#@]?(?:{_LETTER})+(?:['’.,&-](?:{_LETTER})+)*"  # #tag, don't, 3.5, R&B, well-known
    r"|([^\w\s])\1*"  # ... and !!!
)


def tokenize(text: str) -> tuple[str, ...]:
    """Words, hashtags, emoji and runs of one punctuation mark, in order; at most MOST_WORDS. Case is kept.

    >>> tokenize("@USER don't miss #Sandy!!! 👩🏽‍🚒🇺🇸 HTTPURL")
    ('@USER', "don't", 'miss', '#Sandy', '!!!', '👩🏽‍🚒', '🇺🇸', 'HTTPURL')
    """
    found = []
    for match in _TOKEN.finditer(text):
        found.append(match[0])
        if len(found) == MOST_WORDS:
            break
    return tuple(found)
