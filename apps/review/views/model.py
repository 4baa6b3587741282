"""Model: how good it is, how sure it may be, what it would have judged next and why, and where its words look."""

import io
from typing import TYPE_CHECKING, Any

import altair as alt
import pandas as pd
import streamlit as st
from PIL import Image

from apps.review import show, state
from ccd.campaign import assistance, model_quality, predictions
from ccd.campaign.campaign import Campaign
from ccd.campaign.model_quality import Candidate, Measured
from ccd.campaign.tables import browse
from ccd.errors import CcdError
from ccd.files import photo
from ccd.measures.watched import WATCHED
from ccd.wording import number

if TYPE_CHECKING:
    from model.attention import Explanation

DEV = "dev"
A_PAGE = 12  # candidates
A_ROW = 4
OPEN = "Not judged yet, by probability"


def on_dev(campaign: Campaign, question: str, version: str) -> Measured | None:
    return model_quality.on_split(campaign, question, version, DEV)


def ranked(campaign: Campaign, version: str, label: str, start: int) -> list[Candidate]:
    return model_quality.candidates(campaign, version, label, start, A_PAGE)


def free(campaign: Campaign, version: str) -> int:
    return model_quality.number_of_candidates(campaign, version)


def compared(campaign: Campaign, question: str) -> dict[str, Any]:
    with campaign.read() as db:
        return assistance.of_campaign(db, campaign.protocol.by_name(question))[0].to_dict()


def explained(campaign: Campaign, version: str, pair_id: str) -> "Explanation":
    """Where each word of a pair looks; loads the network."""
    from collection.text import model_text
    from model.attention import explain_pair
    from model.checkpoint import load

    with campaign.read() as db:
        pair = browse.pair(db, pair_id)
    checkpoint = load(campaign.folder / "models" / version)
    text = model_text(pair.text)
    return explain_pair(checkpoint, text, campaign.folder / pair.file, campaign.folder, lambda _n, _t: lambda _k: None)


def draw(campaign: Campaign) -> None:
    question = state.question(campaign)
    if not question.labels:
        show.nothing_yet("This question asks for a score; ccd evaluate measures networks that predict scores.")
        return
    versions = predictions.versions(campaign, question.name)
    if not versions:
        trained = any((campaign.folder / "models").glob("[!.]*/metrics.json"))
        if trained:
            show.nothing_yet("A network is trained and has not looked at the pairs yet.", "ccd predict")
        else:
            show.nothing_yet("There is no model yet: settle labels, split, then train.", "ccd train && ccd predict")
        return
    version = st.selectbox("Version", versions[::-1], key="m-version")
    parts = {"Quality": _quality, "Candidates": _candidates, "Attention": _attention, "Assistance": _assistance}
    for name, tab in zip(parts, st.tabs(list(parts), key="m-tab", on_change="rerun"), strict=True):
        if tab.open:
            with tab:
                parts[name](campaign, question.name, version)


def _quality(campaign: Campaign, question: str, version: str) -> None:
    found: Measured | None = state.of(campaign, on_dev, question, version)
    if found is None:
        show.nothing_yet("It has predicted no labelled pair of the dev split: settle, split, predict.", "ccd predict")
        return
    figures = {
        "Pairs of dev": f"{found.pairs:,}",
        "Accuracy": number(found.accuracy),
        "Weighted F1": number(found.weighted_f1),
        "Macro F1": number(found.macro_f1),
        "Calibration error": number(found.calibration_error),
    }
    for column, (name, value) in zip(st.columns(len(figures)), figures.items(), strict=True):
        column.metric(name, value, border=True)
    st.caption("Training stopped where dev was best, so these flatter a little. ccd evaluate measures on test.")
    left, right = st.columns(2, gap="large")
    with left:
        st.subheader("Settled (row), predicted (column)")
        labels = list(found.f1)
        rows = [
            {"settled": label, **dict(zip(labels, map(int, row), strict=True)), "F1": found.f1[label]}
            for label, row in zip(labels, found.confusion, strict=True)
        ]
        show.table(rows, column_config={"F1": st.column_config.NumberColumn(format="%.3f")})
        if absent := [label for label, value in found.f1.items() if value is None]:
            st.caption(f"No pair of dev is {' or '.join(absent)}: F1 is undefined there; macro F1 is of the others.")
    with right:
        st.subheader("How sure, and how often right")
        _reliability(found)


def _reliability(found: Measured) -> None:
    """The reliability diagram: on the line, a model is as sure as it is right."""
    frame = pd.DataFrame([{"sure": b.confidence, "right": b.accuracy, "pairs": b.pairs} for b in found.bins])
    line = alt.Chart(pd.DataFrame({"sure": [0, 1], "right": [0, 1]})).mark_line(strokeDash=[4, 4], opacity=0.5)
    axes = {"x": alt.X("sure:Q", title="mean confidence"), "y": alt.Y("right:Q", title="share that is right")}
    points = alt.Chart(frame).mark_line(point=True).encode(**axes, tooltip=["sure", "right", "pairs"])
    st.altair_chart(line.encode(**axes) + points, width="stretch", height=280)


def _candidates(campaign: Campaign, question: str, version: str) -> None:
    labels = list(campaign.protocol.by_name(question).labels)
    label = WATCHED if WATCHED in labels else labels[0] if labels else ""
    active = model_quality.active_rounds(campaign)
    sizes = {f"Round {number}, as it was ranked": (number, size) for number, size in active}
    chosen = st.selectbox("Which", [*sizes, OPEN], key="m-which")
    total = sizes[chosen][1] if chosen in sizes else state.of(campaign, free, version)
    if not total:
        show.nothing_yet("It has predicted no pair that is in no round yet: there is nothing to rank.")
        return
    at = st.pagination(max(1, -(-total // A_PAGE)), key=f"m-page-{chosen}")
    start = (at - 1) * A_PAGE
    if chosen in sizes:
        rows = model_quality.in_round(campaign, sizes[chosen][0], version, label, start, A_PAGE)
    else:
        rows = state.of(campaign, ranked, version, label, start)
    columns: list[Any] = []
    for place, row in enumerate(rows):
        if place % A_ROW == 0:
            columns = st.columns(A_ROW)
        with campaign.read() as db:
            pair = browse.pair(db, row.pair_id)
        with columns[place % A_ROW], st.container(border=True):
            show.picture(campaign, pair.file, pair.image, f"m-{row.pair_id}", show.SMALL)
            show.text(show.short(pair.text), f"m-{row.pair_id}")
            st.text(f"{row.rank}. {row.reason}")
            st.caption(show.literal(row.pair_id))
            st.button("Attention", key=f"m-look-{row.pair_id}", on_click=_look, args=(row.pair_id,))


def _look(pair_id: str) -> None:
    st.session_state["m-tab"], st.session_state["m-pair"] = "Attention", pair_id


def _attention(campaign: Campaign, question: str, version: str) -> None:
    """Pick a word: the regions it attends to brighten, the strongest is outlined (Xu et al., 2021, Fig. 3)."""
    st.text("Pick a pair, then a word: the regions that it attends to brighten, the strongest is outlined.")
    pair_id = st.text_input("Pair", key="m-pair", placeholder="a pair's id, as under Candidates or Dataset")
    if not pair_id:
        return
    if not (campaign.folder / "models" / version / "config.json").is_file():
        show.nothing_yet(f"The network of {show.literal(version)} is not in models.", "ccd train")
        return
    from model.attention import draw_word

    try:
        with campaign.read() as db:
            pair = browse.pair(db, pair_id.strip())
        data = photo.shown(campaign.folder, pair.file, pair.image, show.LARGE)
        found = _explained(campaign, campaign.uid, version, pair.pair_id)
    except CcdError as error:
        show.problem(error)
        return
    words = range(len(found.tokens))
    word = st.pills("Word", words, default=0, format_func=lambda n: show.literal(found.tokens[n]), key=f"m-w-{pair_id}")
    left, right = st.columns([3, 2], gap="large")
    with left:
        st.image(draw_word(Image.open(io.BytesIO(data)), found, word or 0, 760))
    with right:
        show.text(pair.text, "attention", large=True)
        for line in found.said():
            st.text(line)


@st.cache_resource(max_entries=64, show_spinner="The network looks at the pair …")
def _explained(_campaign: Campaign, uid: str, version: str, pair_id: str) -> "Explanation":
    return explained(_campaign, version, pair_id)


def _assistance(campaign: Campaign, question: str, version: str) -> None:
    """Where judgments given beside a prediction differ from blind ones."""
    if question != campaign.protocol.question.name:
        st.text("Assistance is about the protocol's first question.")
        return
    found = state.of(campaign, compared, question)
    (st.warning if found["toward"] else st.info)(show.literal(found["verdict"]))
    rows = [
        {
            "measure": name,
            "assisted": number(each["assisted"]),
            "blind": number(each["blind"]),
            "difference": number(each["difference"]),
            "95 % interval": " to ".join(map(number, each["ci"])) if each["ci"] else "",
        }
        for name, each in [
            ("as the model", found["model"]),
            ("alpha", found["alpha"]),
            ("seconds", found["seconds"]),
            ("cannot judge", found["cannot_judge"]),
            *((f"share of {label}", each) for label, each in found["shares"].items()),
        ]
    ]
    show.table(rows)


draw(state.campaign())
