"""Handles are taken out of texts, and nothing else is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.files.handles import without_handles
from collection.text import model_text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("RT @ann_9: so true", "RT @USER: so true"),
        ("＠ann", "@USER"),
        ("hi @ann@mastodon.social and @bob.bsky.social!", "hi @USER and @USER!"),
        ("mail me: ann@example.org", "mail me: ann@example.org"),
        ("https://twitter.com/ann/status/12/photo/1", "https://twitter.com/i/status/12/photo/1"),
        ("https://X.com/i/status/12", "https://X.com/i/status/12"),
        (r"Sochi\n@UKN_LL\nJudges", r"Sochi\n@USER\nJudges"),  # a source that wrote line ends so
        ("thanks@bob", "thanks@USER"),
        ("5 @ 3 and #tag", "5 @ 3 and #tag"),
    ],
)
def test_what_is_a_handle(text: str, left: str) -> None:
    assert without_handles(text) == left


@given(st.text(alphabet="@＠aZ_9 .:/x#\n-+", max_size=60))
def test_twice_is_once(text: str) -> None:
    once = without_handles(text)
    assert without_handles(once) == once


def test_a_model_sees_no_difference() -> None:
    text = "RT @ann_9: https://medium.com/@ann_9/x @bob.bsky.social, mail ann@example.org"
    assert model_text(without_handles(text)) == model_text(text) == "RT @USER: HTTPURL @USER, mail ann@example.org"
