"""What the pages share: the campaign of the current folder, what was computed of it, and who reviews."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import streamlit as st

from ccd.campaign.campaign import Campaign
from ccd.campaign.config import CONFIG
from ccd.campaign.tables import browse
from ccd.protocol import Question

FIRST_LOOK = 0.6  # seconds that a pair, photo included, must be on screen before a decision on it counts


class Stamp(NamedTuple):
    """Which state of the database something was computed from: the newest rows, and how many pairs and tasks."""

    judgment: int
    event: int
    pairs: int
    tasks: int


def campaign() -> Campaign:
    """The campaign in the current folder, opened again when campaign.toml changes. Raises CcdError."""
    try:
        changed = Path(CONFIG).stat().st_mtime_ns
    except OSError:
        changed = 0
    return _open(str(Path.cwd()), changed)


@st.cache_resource(max_entries=2, show_spinner=False)
def _open(folder: str, _changed: int) -> Campaign:
    return Campaign.open(Path(folder))


def stamp(opened: Campaign) -> Stamp:
    """The state of the database now; what is kept by it is fresh after every pull, push and decision."""
    with opened.read() as db:
        return Stamp(*browse.newest(db))


def of(opened: Campaign, compute: Callable[..., Any], *arguments: Any) -> Any:
    """`compute(campaign, *arguments)`, kept until the database changes; shared by all who look.

    `compute` is a function in a file, and its arguments are hashable.
    """
    name = f"{compute.__code__.co_filename}:{compute.__qualname__}"  # Streamlit runs every page as __main__
    return _kept(opened, opened.uid, stamp(opened), name, arguments, compute)


@st.cache_resource(max_entries=64, show_spinner="Counting …")
def _kept(
    _opened: Campaign, uid: str, at: Stamp, name: str, arguments: tuple[Any, ...], _compute: Callable[..., Any]
) -> Any:
    return _compute(_opened, *arguments)


def reviewer(opened: Campaign) -> str | None:
    """Who decides in this browser: the adjudicator chosen in the sidebar; None where there are none."""
    chosen = st.session_state.get("reviewer")
    names = [person.name for person in opened.config.adjudicators]
    return chosen if chosen in names else next(iter(names), None)


def pseudonyms(opened: Campaign, found: list[str]) -> dict[str, str]:
    """Annotator → what the pages call them: A1 … An in the order of campaign.toml, or names where the switch is on.

    `found` are the names that occur; those who left campaign.toml come last.
    """
    known = [person.name for person in opened.config.annotators]
    everybody = known + sorted(set(found) - set(known))
    if st.session_state.get("names"):
        return {name: name for name in everybody}
    return {name: f"A{number}" for number, name in enumerate(everybody, 1)}


def question(opened: Campaign) -> Question:
    """The question that the pages are about: the one chosen in the sidebar, else the primary one."""
    return opened.protocol.by_name(st.session_state.get("question") or opened.protocol.question.name)
