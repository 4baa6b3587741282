"""Filters: each leaves out what it names, counts it, and loosened lets it in again."""

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from ccd.campaign.campaign import Campaign
from ccd.campaign.config import Filters, read_config
from ccd.campaign.status import status
from ccd.campaign.tables import schema
from ccd.errors import CcdError
from ccd.splitting.near_duplicates import words
from collection.filters import rejected
from collection.records import Photo, Reason, Record
from collection.store import collect


def post(text: str, lang: str | None = None, sensitive: bool | None = None) -> Record:
    return Record("x:1", text, None, lang, (), "line 2", sensitive=sensitive)


@pytest.mark.parametrize(
    ("filters", "record", "reason"),
    [
        (Filters(languages=("en",)), post("a", "de"), Reason.LANGUAGE),
        (Filters(languages=("en",)), post("a", "und"), Reason.LANGUAGE),
        (Filters(languages=("en", "de")), post("a", "de"), None),
        (Filters(languages=("en",)), post("a", "en-GB"), None),
        (Filters(languages=("en",)), post("a", "eng"), Reason.LANGUAGE),
        (Filters(languages=("en",)), post("a", None), None),
        (Filters(retweets=False), post("RT @you: so true"), Reason.RETWEET),
        (Filters(retweets=False), post("“RT @you so true”"), Reason.RETWEET),
        (Filters(retweets=False), post("ART @you"), None),
        (Filters(truncated=False), Record("x:1", "a…", None, None, (), "line 2", is_cut=True), Reason.CUT),
        (Filters(truncated=False), post("a…"), None),
        (Filters(sensitive=False), post("a", sensitive=True), Reason.SENSITIVE),
        (Filters(sensitive=False), post("a", sensitive=None), None),
        (Filters(minimum_words=3), post("two words https://t.co/a @you 🐈"), Reason.FEW_WORDS),
        (Filters(minimum_words=3), post("two words #three"), None),
        (Filters(minimum_words=3), post("猫が好き"), None),
        (Filters(blocked_words=("follow back",)), post("I FOLLOW\nback!"), Reason.BLOCKED_WORD),
        (Filters(blocked_words=("ad",)), post("sad #bad ads"), None),
        (Filters(blocked_words=("ad",)), post("an #Ad"), Reason.BLOCKED_WORD),
        (Filters(blocked_words=("c++",)), post("I like c++."), Reason.BLOCKED_WORD),
    ],
)
def test_each_filter(filters: Filters, record: Record, reason: Reason | None) -> None:
    found = rejected(filters, record, record.text, "x:1:0")
    assert (found and found.reason) == reason


@given(st.text(), st.text())
def test_words_add_up_and_nothing_is_left_out_by_default(one: str, other: str) -> None:
    assert words(f"{one} {other}") == words(one) + words(other)
    assert rejected(Filters(), post(one, "xx", True), one, "x:1:0") is None


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('languages = "en"', "list of texts"),
        ("blocked_words = [1]", "list of texts"),
        ("sensitive = 1", "true or false"),
        ("minimum_words = -1", "from 0 up"),
        ("minimum_words = true", "from 0 up"),
        ("language = []", "unknown entry 'language' in \\[filters\\]"),
    ],
)
def test_a_wrong_entry_is_one_line(campaign: Campaign, line: str, message: str) -> None:
    with_filters(campaign, line)
    with pytest.raises(CcdError, match=message):
        read_config(campaign.folder)


def test_max_per_group_is_checked(campaign: Campaign) -> None:
    path = campaign.folder / "campaign.toml"
    path.write_text(path.read_text().replace("# max_per_group = 1", "max_per_group = 0"))
    with pytest.raises(CcdError, match="max_per_group is 0"):
        read_config(campaign.folder)


def with_filters(campaign: Campaign, lines: str) -> Campaign:
    path = campaign.folder / "campaign.toml"
    text = path.read_text()
    path.write_text(
        f"{text.partition('[filters]')[0]}[filters]\n{lines}\n[duplicates]{text.partition('[duplicates]')[2]}"
    )
    return campaign


def test_status_counts_them_and_loosened_filters_let_in(campaign: Campaign, paint: Callable[..., Path]) -> None:
    texts = {"x:1": "a cat sits here", "x:2": "RT @you: a dog sits there", "x:3": "win a giveaway now"}
    records = [
        Record(name, text, None, "en", (Photo(0, paint(f"{name[2]}.png", 9 * i)),), name, author="77", sensitive=i == 0)
        for i, (name, text) in enumerate(texts.items())
    ]
    with_filters(campaign, 'retweets = false\nblocked_words = ["giveaway"]')
    collect(Campaign.open(campaign.folder), records, "posts")
    found = status(campaign)
    assert found["pairs"] == 1
    assert found["dropped"] == {"blocked word": 1, "retweet": 1}
    with_filters(campaign, "")
    collect(Campaign.open(campaign.folder), records, "posts")
    assert (status(campaign)["pairs"], status(campaign)["dropped"]) == (3, {})
    with campaign.read() as db:
        rows = db.execute(sa.select(schema.posts.c.sensitive, schema.posts.c.author_key)).all()
        seen = db.scalar(sa.select(schema.pairs.c.model_text).where(schema.pairs.c.pair_id == "x:2:0"))
    assert sorted(row.sensitive for row in rows) == [0, 0, 1]
    assert len({row.author_key for row in rows}) == 1
    assert seen == "RT @USER: a dog sits there"
