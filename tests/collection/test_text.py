"""What the annotator sees."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from collection.text import clean, storable

tweets = st.text(st.sampled_from("ab &;#ltgmp\n\r\t\x00\u200d\ufeffé\u0301https://t.co…XxY0\ud800👍\u0958")) | st.text()


@pytest.mark.parametrize(
    ("raw", "seen"),
    [
        ("Shark! http://t.co/e4JLBUfH", "Shark!"),
        ("two https://t.co/aB1 http://t.co/cD2 ", "two"),
        ("cut off http://t.co/e4J…", "cut off"),
        ("see http://t.co/e4JLBUfH now", "see http://t.co/e4JLBUfH now"),
        ("http://t.co/e4JLBUfH", ""),
        ("&lt;3 &amp; more", "<3 & more"),
        ("twice &amp;amp; escaped", "twice & escaped"),
        ("cafe\u0301", "café"),
        ("a\r\nb\n\n\n\nc  d\u00a0e\tf", "a\nb\n\nc d e f"),
        ("bell\x07 and\x00 nul", "bell and nul"),
        ("family 👨\u200d👩\u200d👧 #tag @you", "family 👨\u200d👩\u200d👧 #tag @you"),
    ],
)
def test_examples(raw: str, seen: str) -> None:
    assert clean(raw) == seen


def test_media_links_go_wherever_they_stand_and_never_a_longer_link() -> None:
    assert clean("a http://t.co/abc b http://t.co/abcd c", ["http://t.co/abc"]) == "a b http://t.co/abcd c"


@given(tweets, st.lists(st.sampled_from(["http://t.co/a", "https://t.co/XxY"])))
@example("&am\x00p;lt; http://t.co/a", [])
def test_cleaning_is_idempotent_nfc_and_adds_nothing(raw: str, links: list[str]) -> None:
    seen = clean(raw, links)
    assert clean(seen, links) == seen
    assert unicodedata.is_normalized("NFC", seen)
    assert len(seen) <= len(unicodedata.normalize("NFC", raw))
    assert seen == seen.strip()
    seen.encode()


@given(st.text(st.characters() | st.just("\ud800") | st.just("\0")))
def test_storable_text_encodes_and_stays_where_nothing_was_wrong(raw: str) -> None:
    kept = storable(raw)
    kept.encode()
    assert "\0" not in kept
    assert storable(kept) == kept
    assert len(kept) == len(raw) or "\ud800" in raw
