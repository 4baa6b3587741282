"""Campaign: how far it is, who is slow, how the labels fall, and what comes next."""

import datetime
from typing import Any

import streamlit as st

from apps.review import show, state
from ccd.campaign.adjudication import ADJUDICATED
from ccd.campaign.campaign import Campaign
from ccd.campaign.progress import Pace, Progress, paces, progress
from ccd.campaign.status import status
from ccd.measures import aggregation, ties
from ccd.measures.prevalence import basis, interval, too_little

EVERY = 5  # seconds between two looks at the database


def facts(campaign: Campaign) -> tuple[dict[str, Any], list[Progress], list[Pace]]:
    with campaign.read() as db:
        found = progress(db, [person.name for person in campaign.config.annotators])
        return status(campaign), found, paces(db, found)


@st.fragment(run_every=EVERY)
def draw(campaign: Campaign) -> None:
    found, rounds, speed = state.of(campaign, facts)
    _next(found["next"])
    if not found["pairs"]:
        return
    labels = found["labels"].get(state.question(campaign).name, {})
    settled = sum(labels.get(way, 0) for way in (aggregation.UNANIMOUS, aggregation.MAJORITY, ADJUDICATED))
    done = sum(each.answered for each in rounds)
    expected = done + sum(each.open for each in rounds)
    figures = {
        "Pairs": f"{found['pairs']:,}",
        f"Answers, of {expected:,}": f"{done:,}",
        "Settled pairs": f"{settled:,}",
        "Open ties": f"{labels.get(ties.OPEN, 0):,}",
    }
    for column, (name, value) in zip(st.columns(len(figures)), figures.items(), strict=True):
        column.metric(name, value, border=True)
    if not rounds:
        show.nothing_yet("Nothing is assigned yet: draw a round, then push it.")
        return
    _progress(campaign, rounds)
    _pace(campaign, speed)
    left, right = st.columns([3, 2], gap="medium")
    with left:
        _shares(found["prevalence"])
    with right:
        _labels(labels)


def _next(step: dict[str, str]) -> None:
    with st.container(border=True):
        st.text(f"Next: {step['why']}.")
        st.code(step["command"], language=None)


def _progress(campaign: Campaign, rounds: list[Progress]) -> None:
    st.subheader("Progress")
    names = state.pseudonyms(campaign, [each.annotator for each in rounds])
    rows = [
        {
            "round": each.round,
            "annotator": names[each.annotator],
            "done": 100 * (each.assigned - each.open) / each.assigned,  # what will not come is not waited for
            "assigned": each.assigned,
            "judged": each.judged,
            "cannot judge": each.cannot_judge,
            "skipped": each.skipped,
            "will not come": each.lost,
            "open": each.open,
        }
        for each in rounds
    ]
    done = st.column_config.ProgressColumn("done", min_value=0, max_value=100, format="%.0f %%")
    show.table(rows, column_config={"done": done})


def _pace(campaign: Campaign, speed: list[Pace]) -> None:
    if not any(each.open for each in speed):
        return
    st.subheader("When it will be done")
    names = state.pseudonyms(campaign, [each.annotator for each in speed])
    slow = [names[each.annotator] for each in speed if each.open and each.end is None]
    ends = [each.end for each in speed if each.end is not None]
    if slow:
        st.text(f"No estimate: nothing came in the last week from {', '.join(slow)}.")
    elif ends:
        st.text(f"About {_day(max(ends))}, at the pace of the last week.")
    rows = [
        {
            "annotator": names[each.annotator],
            "open": each.open,
            "answers a day": round(each.a_day, 1),
            "done by": _day(each.end) if each.end else "done" if not each.open else "–",
        }
        for each in speed
    ]
    show.table(rows)


def _day(when: datetime.datetime) -> str:
    return f"{when:%A} {when.day} {when:%B %Y}"


def _shares(prevalence: dict[str, Any]) -> None:
    """How common each label is, from the pairs that were drawn at random."""
    st.subheader("How common each label is")
    if not prevalence["labels"]:
        st.text("The question is a score, which has no labels.")
        return
    if prevalence["labels"][0]["share"] is None:
        st.text(f"{too_little(prevalence)}.")
        return
    rows = [
        {
            "label": each["label"],
            "found": each["found"],
            "share": show.share(each["share"]),
            "95 % interval": interval(each),
            "still to find": f"{each['unfound']:,.0f} ({each['unfound_low']:,.0f} to {each['unfound_high']:,.0f})"
            if prevalence["left"]
            else "none",
        }
        for each in prevalence["labels"]
    ]
    show.table(rows)
    st.caption(f"{basis(prevalence)}.")


def _labels(labels: dict[str, int]) -> None:
    st.subheader("How labels were settled")
    if labels:
        show.table([{"settled by": way, "pairs": pairs} for way, pairs in sorted(labels.items())])
    else:
        show.nothing_yet("No labels yet: bring judgments with ccd pull, then settle them.", "ccd labels")


draw(state.campaign())
