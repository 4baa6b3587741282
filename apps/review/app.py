"""The frame of the review app: its pages, who reviews, and what waits for Label Studio. Streamlit runs this file."""

from pathlib import Path

import streamlit as st
from PIL import Image

from apps.review import show, state, writer
from ccd.campaign import adjudication
from ccd.campaign.campaign import Campaign, DatabaseError
from ccd.errors import CcdError
from ccd.wording import number_of

ICON = Image.new("RGB", (16, 16), "#2a6db0")
PAGES = (
    st.Page("views/campaign.py", title="Campaign", icon=":material/flag:", default=True),
    st.Page("views/disagreements.py", title="Disagreements", icon=":material/gavel:"),
    st.Page("views/agreement.py", title="Agreement", icon=":material/handshake:"),
    st.Page("views/annotators.py", title="Annotators", icon=":material/group:"),
    st.Page("views/model.py", title="Model", icon=":material/neurology:"),
    st.Page("views/dataset.py", title="Dataset", icon=":material/dataset:"),
)


def sidebar(campaign: Campaign) -> None:
    """Who reviews, whether names are shown, and what is not in Label Studio yet."""
    with st.sidebar:
        names = [person.name for person in campaign.config.adjudicators]
        if names:
            st.selectbox("Reviewer", names, key="reviewer", help="Decisions are stored under this name.")
        questions = [each.name for each in campaign.protocol.questions]
        if len(questions) > 1:
            st.selectbox("Question", questions, key="question")
        st.toggle("Show names", key="names", help="Otherwise annotators are A1, A2, … in the order of campaign.toml.")
        if campaign.is_synthetic:
            st.caption("Synthetic: the toolkit made these pairs itself.")
        with campaign.read() as db:
            waiting = len(adjudication.waiting(db))
        if waiting:
            st.caption(f"{number_of(waiting, 'decision waits', 'decisions wait')} for Label Studio.")
            if writer.problem:
                st.caption(show.literal(writer.problem))


# An icon by name would be fetched from the outside.
st.set_page_config(page_title="Review", page_icon=ICON, layout="wide", initial_sidebar_state=230)
st.html(Path(__file__).with_name("page.css"))
if st.context.theme.type == "dark":
    st.html(Path(__file__).with_name("dark.css"))
page = st.navigation(list(PAGES))
try:
    opened = state.campaign()
    sidebar(opened)
    st.title(page.title)
    page.run()
except (CcdError, DatabaseError) as error:
    show.problem(show.reason(error))
