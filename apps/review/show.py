"""How the pages show what others wrote: always as text, and photos only as `ccd.files.photo` renders them."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from ccd.campaign.campaign import Campaign, DatabaseError
from ccd.errors import CcdError
from ccd.files import photo

SHORT = 160  # characters of a text on a card
LARGE, SMALL = 1600, 480  # pixels a side
PERCENT = "%.1f %%"  # the format of a column whose cells are made by `percent`


def literal(text: object) -> str:
    """Text for where Streamlit reads markdown: labels, captions, messages. Every sign in it stands for itself.

    >>> literal("*no* :100: [link](x) <b>")
    '\\\\*no\\\\* \\\\:100\\\\: \\\\[link\\\\]\\\\(x\\\\) \\\\<b\\\\>'
    """
    return re.sub(r"([!-/:-@\\[-`{-~])", r"\\\1", " ".join(str(text).split()))


def text(body: str, key: str, large: bool = False) -> None:
    """What somebody wrote, as it stands: lines, directions and signs are kept, nothing in it is markup."""
    with st.container(key=f"text-{'large-' if large else ''}{key}"):
        st.text(body or "(no text)")


def short(body: str, most: int = SHORT) -> str:
    """The beginning of a text, on one line."""
    line = " ".join(body.split())
    return line if len(line) <= most else line[: most - 1] + "…"


def picture(campaign: Campaign, file: str, sha256: str, key: str, side: int = LARGE) -> None:
    """The photo, or a placeholder with the reason why there is none."""
    try:
        data = _photo(campaign, campaign.uid, file, sha256, side)
    except CcdError as error:
        with st.container(key=f"missing-{key}"):
            st.text(f"No photo. {error}")
        return
    with st.container(key=f"{'photo' if side == LARGE else 'card'}-{key}"):
        st.image(data, width="stretch", alt="the pair's photo")


@st.cache_data(max_entries=400, show_spinner=False)
def _photo(_campaign: Campaign, uid: str, file: str, sha256: str, side: int) -> bytes:
    return photo.shown(_campaign.folder, file, sha256, side)


def problem(error: object) -> None:
    """What went wrong, in its own words."""
    st.error(literal(error), icon=":material/error:")


def reason(error: Exception) -> str:
    """What to say of an error: in its own words, or that the database failed.

    >>> reason(DatabaseError("", {}, Exception("database or disk is full")))
    'nothing is stored: the database failed (database or disk is full); free space there, then press again'
    """
    if isinstance(error, DatabaseError):
        why = str(error.orig).strip().partition("\n")[0]
        return f"nothing is stored: the database failed ({why}); free space there, then press again"
    return str(error)


def nothing_yet(what: str, command: str | None = None) -> None:
    """An empty state: what is missing, and the command that brings it."""
    st.info(what, icon=":material/info:")
    if command:
        st.code(command, language=None)


def table(rows: Sequence[Mapping[str, Any]], **options: Any) -> None:
    """Rows as a table that sorts; cells are text and numbers, never markup."""
    import pandas as pd

    st.dataframe(pd.DataFrame(list(rows)), hide_index=True, width="stretch", **options)


def share(value: float | None) -> str:
    """A share as people read it.

    >>> share(0.123), share(None)
    ('12.3 %', '–')
    """
    return "–" if value is None else f"{value:.1%}".replace("%", " %")


def percent(value: float | None) -> float | None:
    """A share as a cell that sorts as a number and, in the format PERCENT, reads as `share` does."""
    return None if value is None else 100 * value
