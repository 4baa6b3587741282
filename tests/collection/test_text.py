"""What the annotator sees, what a model sees, and what is left of an author."""

import stat
import unicodedata
from multiprocessing import get_context
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ccd.errors import CcdError
from collection.authors import author_key, secret
from collection.text import clean, model_text, storable

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


@pytest.mark.parametrize(
    ("seen", "read"),
    [
        ("@ann_9 and @Bob: hi", "@USER and @USER: hi"),
        ("(@ann) “@bob” RT@cy", "(@USER) “@USER” RT@cy"),
        ("mail me@example.org", "mail me@example.org"),
        ("@ann@mastodon.social, @cy.bsky.social.", "@USER, @USER."),
        ("see https://example.org/a?b=c@d, (www.example.org).", "see HTTPURL, (HTTPURL)."),
        ("here:http://t.co/a1”and", "here:HTTPURL”and"),
        ("cut http://t.co/a…", "cut HTTPURL…"),
        ("#NY 🐈‍⬛ <3 @ 5 pm #c4t", "#NY 🐈‍⬛ <3 @ 5 pm #c4t"),
    ],
)
def test_users_and_links_are_tokens(seen: str, read: str) -> None:
    assert model_text(seen) == read


@given(
    tweets | st.lists(st.sampled_from(["@", "@ann", "http://t.co/a", "www.", " ", ".", "#x", "🐈", "é"])).map("".join)
)
def test_model_text_is_idempotent_and_keeps_hashtags_and_emoji(raw: str) -> None:
    seen = clean(raw)
    read = model_text(seen)
    assert model_text(read) == read
    assert [c for c in read if c in "#🐈"] == [c for c in seen if c in "#🐈"] or "http" in seen or "www." in seen
    if "@" not in seen and "http" not in seen.lower() and "www." not in seen.lower():
        assert read == seen


def test_an_author_is_a_keyed_hash() -> None:
    keys = {author_key(key, net, who) for key in (b"k1", b"k2") for net in ("x", "bsky") for who in ("1", "12")}
    assert len(keys) == 8
    assert all(len(key) == 16 and int(key, 16) >= 0 for key in keys)


def test_the_secret_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    with get_context("spawn").Pool(2) as pool:
        found = pool.map(secret, [tmp_path] * 8)
    assert len(set(found)) == 1
    assert len(found[0]) == 64
    assert [file.name for file in tmp_path.iterdir()] == ["secret.key"]
    assert stat.S_IMODE((tmp_path / "secret.key").stat().st_mode) == 0o600


def test_a_secret_that_was_cut_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret.key").write_text("")
    with pytest.raises(CcdError, match="too short for a secret"):
        secret(tmp_path)
