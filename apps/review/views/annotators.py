"""Annotators: a scorecard each, what they were overruled on, and a feedback sheet to give them."""

from typing import Any

import pandas as pd
import streamlit as st

from apps.review import show, state
from ccd.campaign import scorecards
from ccd.campaign.campaign import Campaign
from ccd.campaign.tables import browse
from ccd.errors import CcdError
from ccd.files import photo
from ccd.measures.scorecards import Scorecard
from ccd.protocol import Question
from ccd.reports import feedback
from ccd.reports.feedback import Example

A_PAGE = 6  # examples
ON_SHEET = 12
ON_SHEET_SIDE = 360  # pixels


def cards(campaign: Campaign, question: str) -> dict[str, Scorecard]:
    with campaign.read() as db:
        return scorecards.of_campaign(db, campaign.protocol.by_name(question), campaign.config.fastest_seconds)


def overruled(campaign: Campaign, question: str) -> pd.DataFrame:
    with campaign.read() as db:
        return scorecards.overruled(db, campaign.protocol.by_name(question))


def draw(campaign: Campaign) -> None:
    question = state.question(campaign)
    found: dict[str, Scorecard] = state.of(campaign, cards, question.name)
    if not found:
        show.nothing_yet("Nobody has judged anything yet: bring judgments from Label Studio.", "ccd pull --follow")
        return
    names = state.pseudonyms(campaign, list(found))
    _everybody(found, names)
    with campaign.read() as db:
        if scorecards.labels_are_old(db):
            show.nothing_yet("Judgments came since labels were settled: what is against labels waits.", "ccd labels")
    name = st.selectbox("Annotator", list(found), format_func=lambda name: names[name], key="a-name")
    card = found[name]
    _key_figures(card)
    if question.kind == "choice":
        left, right = st.columns([3, 2], gap="medium")
        with left:
            _confusion(card, question)
        with right:
            _drift(card)
        _overruled(campaign, question, name, names[name], card)


def _everybody(found: dict[str, Scorecard], names: dict[str, str]) -> None:
    rows = [
        {
            "annotator": names[name],
            "judgments": card.judgments,
            "cannot judge": card.cannot_judge,
            "skipped": card.skipped,
            "as the others": show.percent(card.others.value),
            "95 % interval": _interval(card),
            "median seconds": card.seconds,
            "too fast": show.percent(card.fast.value),
        }
        for name, card in found.items()
    ]
    formats = {"as the others": show.PERCENT, "too fast": show.PERCENT, "median seconds": "%.1f"}
    show.table(rows, column_config={name: st.column_config.NumberColumn(format=each) for name, each in formats.items()})
    st.caption(
        "As the others: judgments that are what most of the others say of that pair, with the interval of "
        "Wilson (1927). Too fast: under fastest\\_seconds "
        "of campaign.toml. A card shows where to look; it is no verdict."
    )


def _interval(card: Scorecard) -> str:
    return "–" if card.others_ci is None else " to ".join(show.share(end) for end in card.others_ci)


def _key_figures(card: Scorecard) -> None:
    figures = {
        "Judgments": f"{card.judgments:,}",
        "As the others": show.share(card.others.value),
        "Median seconds": "–" if card.seconds is None else f"{card.seconds:.1f}",
        "Too fast": show.share(card.fast.value),
    }
    for column, (name, value) in zip(st.columns(len(figures)), figures.items(), strict=True):
        column.metric(name, value, border=True)


def _confusion(card: Scorecard, question: Question) -> None:
    st.subheader("Given (row), settled (column)")
    if not any(map(sum, card.confusion)):
        st.text("No pair that they judged is settled.")
        return
    rows: list[dict[str, Any]] = []
    for label, row in zip(question.labels, card.confusion, strict=True):
        rows.append({"given": label, **dict(zip(question.labels, row, strict=True))})
        precision, recall = card.precision[label].value, card.recall[label].value
        rows[-1] |= {"precision": show.percent(precision), "recall": show.percent(recall)}
    percent = st.column_config.NumberColumn(format=show.PERCENT)
    show.table(rows, column_config={"precision": percent, "recall": percent})


def _drift(card: Scorecard) -> None:
    st.subheader("As the others, over time")
    if card.trend is None:
        st.text("Too few judgments to tell.")
        return
    if not card.trend.changes:
        st.text(f"No change to be seen (Cochran-Armitage test, Holm-adjusted p = {card.trend.p:.2g}).")
        return
    points = {place: each.value for place, each in enumerate(card.drift, 1) if each.value is not None}
    frame = pd.DataFrame({"tenth of their judgments": list(points), "share": list(points.values())})
    st.line_chart(frame, x="tenth of their judgments", y="share", height=240)


def _overruled(campaign: Campaign, question: Question, name: str, shown: str, card: Scorecard) -> None:
    st.subheader("Where the label became another")
    every: pd.DataFrame = state.of(campaign, overruled, question.name)
    mine = every[every["annotator"] == name]
    if mine.empty:
        st.text("Nowhere: every settled label is what they gave.")
    pages = max(1, -(-len(mine) // A_PAGE))
    number = st.pagination(pages, key=f"a-page-{name}") if pages > 1 else 1
    rows = list(mine.iloc[(number - 1) * A_PAGE : number * A_PAGE].itertuples())
    for column, row in zip([*st.columns(3), *st.columns(3)], rows, strict=False):
        with campaign.read() as db:
            pair = browse.pair(db, str(row.pair_id))
        with column, st.container(border=True):
            show.picture(campaign, pair.file, pair.image, f"o-{row.pair_id}", show.SMALL)
            show.text(show.short(pair.text), f"o-{row.pair_id}")
            st.text(f"gave {row.given}, settled {row.settled} ({row.resolved_by})")
    st.download_button(
        "Feedback sheet (HTML)",
        lambda: _sheet(campaign, question, shown, card, mine),
        file_name=f"feedback-{shown}.html",
        mime="text/html",
        key=f"sheet-{name}",
        on_click="ignore",
        icon=":material/download:",
    )


def _sheet(campaign: Campaign, question: Question, shown: str, card: Scorecard, mine: pd.DataFrame) -> bytes:
    """The sheet, with the examples spread over what they were overruled on."""
    chosen = mine.iloc[:: max(1, len(mine) // ON_SHEET)].head(ON_SHEET)
    examples = []
    for row in chosen.itertuples():
        with campaign.read() as db:
            pair = browse.pair(db, str(row.pair_id))
        try:
            picture = photo.shown(campaign.folder, pair.file, pair.image, ON_SHEET_SIDE)
        except CcdError:
            picture = None
        votes = dict(pair.labels[question.name][2])
        examples.append(Example(pair.pair_id, pair.text, str(row.given), str(row.settled), votes, picture))
    return feedback.sheet(campaign.config.name, shown, question, card, examples).encode()


draw(state.campaign())
