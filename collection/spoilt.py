"""Texts that a wrong encoding spoilt on their way, and what puts them right."""

import ast
import re

_MOJIBAKE = re.compile(
    r"[ÃÂ][\u0080-\u00bf\u0152-\u0178\u02c6\u02dc\u2013-\u203a\u20ac\u2122]|â€|ðŸ|â[\u0080-\u00bf˜™š›œ]"
)
_BYTES = re.compile(r"""\s*b(['"]).*\1\s*""", re.DOTALL)
_ESCAPED = re.compile(r"\\u[0-9a-fA-F]{4}|\\U[0-9a-fA-F]{8}|\\x[89a-fA-F][0-9a-fA-F]")


def spoilt(text: str) -> str | None:
    """Tell what happened to a text on its way, None where nothing did.

    >>> spoilt("CafÃ© crÃ¨me"), spoilt("b'Garden'"), spoilt("a caf\\u00e9")
    ('UTF-8 that was read as Latin-1', 'bytes as Python prints them', None)
    """
    if _BYTES.fullmatch(text):
        return "bytes as Python prints them"
    if _ESCAPED.search(text):
        return "characters written as escapes"
    if _MOJIBAKE.search(text):
        return "UTF-8 that was read as Latin-1"
    return None


def repaired(text: str) -> str:
    """Put a text right as far as it can be; what cannot be is left as it is.

    >>> repaired("CafÃ© crÃ¨me"), repaired("b'caf\\\\xc3\\\\xa9'")
    ('Café crème', 'café')
    """
    import ftfy

    if _BYTES.fullmatch(text):
        try:
            text = ast.literal_eval(text.strip()).decode("utf-8")
        except (ValueError, SyntaxError):
            return text
    if _ESCAPED.search(text):
        text = _ESCAPED.sub(lambda found: found[0].encode().decode("unicode_escape"), text)
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return ftfy.fix_text(text, unescape_html=False, uncurl_quotes=False, normalization=None)
