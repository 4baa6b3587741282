"""Dataset: every pair, searched and filtered in the database; splits, leakage and releases."""

from typing import Any

import streamlit as st

from apps.review import show, state
from ccd.campaign.campaign import Campaign
from ccd.campaign.tables import browse
from ccd.campaign.tables.browse import NONE, Filters
from ccd.protocol import Question

SIZE = 24  # pairs a page
A_ROW = 4
ALL = "all"


def number(campaign: Campaign, question: str, filters: Filters) -> int:
    with campaign.read() as db:
        return browse.count(db, filters, campaign.protocol.by_name(question))


def known(campaign: Campaign) -> dict[str, list[Any]]:
    with campaign.read() as db:
        return browse.choices(db)


def shares(campaign: Campaign, question: str) -> list[dict[str, Any]]:
    with campaign.read() as db:
        return browse.split_table(db, question)


def draw(campaign: Campaign) -> None:
    question = state.question(campaign)
    pairs, splits = st.tabs(["Pairs", "Splits and releases"], key="d-tab", on_change="rerun")
    if splits.open:
        with splits:
            _splits(campaign, question)
    else:
        with pairs:
            _pairs(campaign, question)


def _pairs(campaign: Campaign, question: Question) -> None:
    filters = _filters(campaign, question)
    found = state.of(campaign, number, question.name, filters)
    if not found:
        if filters == Filters():
            show.nothing_yet("This campaign has no pairs yet.", "ccd collect table FILE")
        else:
            show.nothing_yet("No pair is like that: take a filter away.")
        return
    st.text(f"{found:,} pairs")
    # The filters are in the key: other filters begin on page 1 again.
    at = st.pagination(max(1, -(-found // SIZE)), key=f"d-page-{hash(filters)}")
    with campaign.read() as db:
        rows = browse.page(db, filters, question, at, SIZE)
    for place, row in enumerate(rows):
        if place % A_ROW == 0:
            columns = st.columns(A_ROW)
        with columns[place % A_ROW], st.container(border=True):
            show.picture(campaign, row["file"], row["image"], row["pair_id"], show.SMALL)
            show.text(show.short(row["text"]), row["pair_id"])
            votes = ", ".join(f"{count} {label}" for label, count in row["votes"].items())
            parts = (row["label"] or "no label", row["resolved_by"], votes, row["split"])
            st.text(" · ".join(filter(None, parts)))
            st.caption(show.literal(row["pair_id"]))


def _filters(campaign: Campaign, question: Question) -> Filters:
    there = state.of(campaign, known)
    names = state.pseudonyms(campaign, there["annotator"])
    wanted: dict[str, Any] = {"text": st.text_input("Search in texts, or a pair's id", key="d-text")}
    options = {
        "label": [*question.labels, NONE],
        "resolved_by": there["resolved_by"],
        "split": [*there["split"], NONE],
        "round": there["round"],
        "arm": there["arm"],
        "annotator": there["annotator"],
    }
    for column, (name, values) in zip(st.columns(len(options)), options.items(), strict=True):
        chosen = column.selectbox(
            name.replace("_", " "),
            [ALL, *values],
            key=f"d-{name}",
            format_func=(lambda value: names.get(value, value)) if name == "annotator" else str,
        )
        wanted[name] = None if chosen == ALL else chosen
    return Filters(**wanted)


def _splits(campaign: Campaign, question: Question) -> None:
    rows = state.of(campaign, shares, question.name)
    if rows:
        st.subheader("Labels by split")
        show.table(rows)
        with campaign.read() as db:
            straddling = browse.straddling(db)
        if straddling:
            st.error(f"{straddling:,} leakage groups have pairs in more than one split: run ccd split again.")
        else:
            st.success("No leakage group has pairs in more than one split.")
    else:
        show.nothing_yet("There are no splits yet: labels first, then splits.", "ccd labels && ccd split")
    st.subheader("Releases")
    with campaign.read() as db:
        releases = browse.releases(db)
    if releases:
        rows = [{"release": each["name"], "made": each["created_at"][:16], **each} for each in releases]
        show.table(rows, column_order=("release", "made", "manifest_sha256"))
        st.code(f"ccd verify releases/{releases[-1]['name']}", language=None)
    else:
        show.nothing_yet("Nothing is released yet.", "ccd release v1")


draw(state.campaign())
