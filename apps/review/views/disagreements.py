"""Disagreements: one pair at a time, settled with one key."""

import time
from typing import Any

import pandas as pd
import streamlit as st

from apps.review import show, state, writer
from ccd.campaign import adjudication, predictions, review_queue
from ccd.campaign.campaign import Campaign, DatabaseError
from ccd.campaign.tables import browse
from ccd.campaign.tables.browse import Filters, PairDetails
from ccd.errors import CcdError
from ccd.measures import watched
from ccd.protocol import Question
from ccd.vocabulary import Role, Status

WHY = {
    review_queue.TIE: "Tie: the votes settle nothing",
    review_queue.MINORITY: "A vote for {watched} was outvoted",
    review_queue.SPLIT: "The votes were split",
}
ALL = "all"
UNDO, LATER = "u", "s"
RESERVED = {"c", "r"}  # Streamlit's own keys
MOST_PATTERNS = 12


def queue(campaign: Campaign, question: str, filters: Filters) -> pd.DataFrame:
    """What is left to review on a question."""
    with campaign.read() as db:
        among = None if filters == Filters() else filters.pairs(question)
        found = review_queue.review_queue(db, campaign.protocol, among, left=True)
    found = found[found["question"] == question].reset_index(drop=True)
    found["pattern"] = [_pattern(given) for given in found["votes"]]
    return found


def against_model(campaign: Campaign, question: str, filters: Filters) -> set[str]:
    """The pairs of the queue that the newest model labels otherwise than the majority."""
    found = queue(campaign, question, filters).dropna(subset="label")
    version = predictions.latest(campaign, question)
    said = predictions.read(campaign, version, list(found["pair_id"]), columns=())
    labels = dict(zip(found["pair_id"], found["label"], strict=True))
    return {pair for pair, best in zip(said.ids, said.best, strict=True) if said.labels[best] != labels[pair]}


def draw(campaign: Campaign) -> None:
    question, reviewer = state.question(campaign), state.reviewer(campaign)
    left = _filtered(campaign, question)
    _told()
    if reviewer is None:
        show.nothing_yet("Nobody may decide: add somebody under [[adjudicators]] in campaign.toml.")
    elif question.kind == "score":
        show.nothing_yet("Scores have no disagreements to settle: the label is their mean.")
    elif left.empty:
        _undo(campaign, question, reviewer)
        show.nothing_yet("Nothing is left to review here. Labels are settled by ccd labels.", "ccd pull && ccd labels")
    else:
        _one(campaign, question, reviewer, left)


def _filtered(campaign: Campaign, question: Question) -> pd.DataFrame:
    """The queue as filtered by the line of filters."""
    with campaign.read() as db:
        known = browse.choices(db)
    with st.popover("Filter", icon=":material/filter_alt:"):
        names = state.pseudonyms(campaign, known["annotator"])
        text = st.text_input("Text contains", key="q-text")
        number = st.selectbox("Round", [ALL, *known["round"]], key="q-round")
        arm = st.selectbox("Arm", [ALL, *known["arm"]], key="q-arm")
        who = st.selectbox("Judged by", [ALL, *known["annotator"]], key="q-by", format_func=lambda n: names.get(n, n))
        given = {"round": number, "arm": arm, "annotator": who}
        filters = Filters(text=text, **{key: value for key, value in given.items() if value != ALL})
        left: pd.DataFrame = state.of(campaign, queue, question.name, filters)
        patterns = left["pattern"].value_counts()
        counted = {name: f"{name} ({number:,})" for name, number in patterns.head(MOST_PATTERNS).items()}
        pattern = st.selectbox("Votes", [ALL, *counted], key="q-votes", format_func=lambda n: counted.get(n, n))
        if _has_model(campaign, question) and st.toggle("Model against majority", key="q-model"):
            left = left[left["pair_id"].isin(state.of(campaign, against_model, question.name, filters))]
    return left if pattern == ALL else left[left["pattern"] == pattern]


def _one(campaign: Campaign, question: Question, reviewer: str, left: pd.DataFrame) -> None:
    later = st.session_state.setdefault("later", set())
    fresh = left[~left["pair_id"].isin(later)]
    if fresh.empty:
        later.clear()
        fresh = left
    entry = fresh.iloc[0]
    with campaign.read() as db:
        pair = browse.pair(db, entry["pair_id"])
    sought = watched.WATCHED if watched.WATCHED in question.labels else "a rare label"
    counts = left["why"].value_counts()
    kinds = (
        (review_queue.TIE, "ties"),
        (review_queue.MINORITY, f"against a vote for {sought}"),
        (review_queue.SPLIT, "other splits"),
    )
    st.text(f"{len(left):,} left: " + ", ".join(f"{counts.get(why, 0):,} {name}" for why, name in kinds))
    photo, words = st.columns([11, 9], gap="medium")
    with photo:
        show.picture(campaign, pair.file, pair.image, pair.pair_id)
        st.caption(show.literal(pair.pair_id))
    with words:
        show.text(pair.text if pair.lives else "(this post is gone)", "one", large=True)
        st.caption(WHY[entry["why"]].format(watched=sought))
        _votes(campaign, question, pair)
        _answers(campaign, question, reviewer, pair)
        _model(campaign, question, pair)
    if st.session_state.get("since", ("", 0.0))[0] != pair.pair_id:
        st.session_state["since"] = pair.pair_id, time.monotonic()


def _votes(campaign: Campaign, question: Question, pair: PairDetails) -> None:
    """Each annotator's label, seconds and comment."""
    titles = {category.name: category.title for category in question.categories}
    given = [each for each in pair.judgments if each.role == Role.ANNOTATOR]
    names = state.pseudonyms(campaign, [each.annotator for each in given])
    rows = [
        {
            "annotator": names[each.annotator],
            "label": titles.get(str((each.answers or {}).get(question.name)), each.status.replace("_", " ")),
            "seconds": each.seconds,
        }
        for each in given
    ]
    show.table(rows, column_config={"seconds": st.column_config.NumberColumn(format="%.1f")})
    for each in given:
        if each.comment:
            show.text(f"{names[each.annotator]}: {each.comment}", f"comment-{each.annotator}")


def _answers(campaign: Campaign, question: Question, reviewer: str, pair: PairDetails) -> None:
    """A button and its guideline for each category, by their keys; then reason, note, undo and later."""
    keys = {category.hotkey for category in question.categories} | {campaign.protocol.cannot_judge}
    for category in sorted(question.categories, key=lambda category: category.hotkey):
        decide, guide = st.columns([4, 1])
        _button(decide, category.title, category.hotkey, pair, question, reviewer, category.name)
        with guide.popover("?", width="stretch", help=f"Guideline: {show.literal(category.title)}"):
            st.text(category.guideline.strip())
            for example in category.examples:
                st.text(f"Example: {example}")
    _button(st, "Cannot judge", campaign.protocol.cannot_judge, pair, question, reviewer, Status.CANNOT_JUDGE)
    st.selectbox(
        "Reason",
        [None, *adjudication.REASONS],
        key=f"reason-{pair.pair_id}",
        format_func=lambda code: adjudication.REASONS[code] if code else "Reason (optional)",
        label_visibility="collapsed",
    )
    st.text_input("Note", key=f"note-{pair.pair_id}", placeholder="Note (optional)", label_visibility="collapsed")
    undo, later = st.columns(2)
    with undo:
        _undo(campaign, question, reviewer, None if UNDO in keys else UNDO)
    later.button(
        "Later",
        key=f"later-{pair.pair_id}",
        shortcut=None if LATER in keys else LATER,
        on_click=st.session_state["later"].add,
        args=(pair.pair_id,),
        width="stretch",
        help="Leave it for now; it comes again at the end.",
    )


def _button(
    where: Any, title: str, key: str, pair: PairDetails, question: Question, reviewer: str, answer: str
) -> None:
    where.button(
        show.literal(title),
        # The pair is in the key: a key pressed while the next pair is on its way cannot settle that one unseen.
        key=f"decide-{pair.pair_id}-{answer}",
        shortcut=None if key in RESERVED else key,
        on_click=_decide,
        args=(pair.pair_id, question.name, reviewer, answer),
        type="secondary" if answer == Status.CANNOT_JUDGE else "primary",
        width="stretch",
    )


def _decide(pair_id: str, question: str, reviewer: str, answer: str) -> None:
    """Store a decision; what page.js lets through and came too early, or for another pair, changes nothing."""
    campaign = state.campaign()
    seen, since = st.session_state.get("since", ("", 0.0))
    seconds = time.monotonic() - since
    if seen != pair_id or seconds < state.FIRST_LOOK:
        why = f"was on screen for {seconds:.1f} s" if seen == pair_id else "was not on screen"
        st.session_state["told"] = "warning", f"{pair_id} {why}, so nothing is settled. Look at the pair, then press."
        return
    shown = st.session_state.get(f"model-{pair_id}")
    try:
        adjudication.decide(
            campaign,
            pair_id,
            question,
            reviewer,
            answer,
            reason=st.session_state.get(f"reason-{pair_id}"),
            note=(st.session_state.get(f"note-{pair_id}") or "").strip() or None,
            seconds=round(seconds, 2),
            prediction=predictions.latest(campaign, question) if shown else None,
        )
        st.session_state["told"] = "success", f"{pair_id} is settled: {answer.replace('_', ' ')}."
        writer.wake()
    except (CcdError, DatabaseError) as error:
        st.session_state["told"] = "warning", show.reason(error)


def _undo(campaign: Campaign, question: Question, reviewer: str, key: str | None = UNDO) -> None:
    with campaign.read() as db:
        last = adjudication.last(db, reviewer, question.name)
    st.button(
        "Undo",
        key="undo",
        shortcut=key,
        on_click=_take_back,
        args=(last, question.name, reviewer),
        disabled=last is None,
        help="Take your last decision back.",
        width="stretch",
    )


def _take_back(pair_id: str, question: str, reviewer: str) -> None:
    try:
        adjudication.undo(state.campaign(), pair_id, question, reviewer)
        st.session_state.get("later", set()).discard(pair_id)
        st.session_state["told"] = "success", f"{pair_id} is open again."
        writer.wake()
    except (CcdError, DatabaseError) as error:
        st.session_state["told"] = "warning", show.reason(error)


def _told() -> None:
    """What became of the last key."""
    kind, text = st.session_state.pop("told", (None, ""))
    if kind == "warning":
        st.warning(show.literal(text), icon=":material/front_hand:")
    elif kind == "success":
        st.caption(show.literal(text))


def _has_model(campaign: Campaign, question: Question) -> bool:
    """Whether a network has predicted labels of the question."""
    return bool(question.labels and predictions.versions(campaign, question.name))


def _model(campaign: Campaign, question: Question, pair: PairDetails) -> None:
    """What the newest model says, behind a switch that is off for every new pair."""
    if not _has_model(campaign, question) or not st.toggle("Show the model", key=f"model-{pair.pair_id}"):
        return
    version = predictions.latest(campaign, question.name)
    said = predictions.read(campaign, version, [pair.pair_id], ("association", "alignment"))
    if not len(said):
        st.text("The model has not seen this pair; run ccd predict.")
        return
    rows = []
    streams = (("together", said.probabilities), ("association", said.association), ("alignment", said.alignment))
    for who, chances in streams:
        if chances is not None:
            rows.append({"": who, **dict(zip(said.labels, map(float, chances[0]), strict=True))})
    st.text(f"Model {said.version}")
    show.table(rows, column_config={name: st.column_config.NumberColumn(format="%.2f") for name in said.labels})


def _pattern(given: dict[str, int]) -> str:
    return ", ".join(f"{count} {label}" for label, count in given.items())


draw(state.campaign())
