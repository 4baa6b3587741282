"""Bluesky's search, against a stand-in that gives its documented answers and faults."""

import datetime
import json
import logging
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from apps.cli.main import cli
from ccd.campaign.campaign import Campaign
from ccd.campaign.tables import schema
from ccd.errors import CcdError
from collection import bluesky, feed, pages, reading
from collection.records import Drop, Photo, Record
from tests.collection.replay import Fault
from tests.collection.social_replay import PASSWORD, Bluesky, Json, serving

pytest.importorskip("atproto")
LOTS = feed.Limits(posts=100_000)
CDN = "https://cdn.bsky.app/img/feed_fullsize/plain"


def post(number: int, photos: int = 1, **record: Any) -> Json:
    """A PostView; its number is its minute."""
    when = (datetime.datetime(2026, 5, 1) + datetime.timedelta(minutes=number)).isoformat(timespec="milliseconds") + "Z"
    did = f"did:plc:author{number % 7}"
    images = [{"fullsize": f"{CDN}/{did}/c{number}-{i}@jpeg", "thumb": "", "alt": f"alt {i}"} for i in range(photos)]
    return {
        "uri": f"at://{did}/app.bsky.feed.post/r{number}",
        "cid": f"bafy{number}",
        "author": {"did": did, "handle": "someone.example.org"},
        "record": {"$type": "app.bsky.feed.post", "text": f"Post {number}", "createdAt": when, "langs": ["en"]}
        | record,
        "indexedAt": when,
        "labels": [],
    } | ({"embed": {"$type": "app.bsky.embed.images#view", "images": images}} if photos else {})


def read(made: Json) -> list[Record | Drop]:
    return list(bluesky.read_post(made, "here"))


def photos(campaign: Campaign) -> list[str]:
    with campaign.read() as db:
        return sorted(db.scalars(sa.select(schema.photos.c.pair_id)))


@pytest.fixture
def network() -> Iterator[Bluesky]:
    state = Bluesky()
    with serving(state):
        yield state


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def api(network: Bluesky, waits: list[float]) -> bluesky.BlueskyApi:
    return bluesky.BlueskyApi(
        "me.example.org", PASSWORD, service=network.url, wait=lambda s, _why: waits.append(s), backoff=0.001
    )


# --- what a post holds ----------------------------------------------------------------------------------------------


def test_a_post_becomes_a_record() -> None:
    (record,) = read(post(8, photos=2, langs=["en-GB", "de"]))
    assert record == Record(
        "bsky:did:plc:author1/r8",
        "Post 8",
        "2026-05-01T00:08:00+00:00",
        "en-GB",
        (
            Photo(0, f"{CDN}/did:plc:author1/c8-0@jpeg", "alt 0"),
            Photo(1, f"{CDN}/did:plc:author1/c8-1@jpeg", "alt 1"),
        ),
        "here",
        author="did:plc:author1",
        sensitive=False,
    )


def test_a_quote_owns_its_own_photos_only() -> None:
    made = post(1)
    quoted = {"$type": "app.bsky.embed.record#view", "record": {"embeds": [made["embed"]]}}
    both = {"$type": "app.bsky.embed.recordWithMedia#view", "media": made["embed"], "record": quoted}
    (with_photo,) = read(made | {"embed": both})
    assert isinstance(with_photo, Record)
    assert len(with_photo.photos) == 1
    (without,) = read(made | {"embed": quoted})
    assert isinstance(without, Drop)
    assert (without.item, str(without.reason)) == ("bsky:did:plc:author1/r1", "no photo")


def test_a_gallery_has_photos_a_video_is_dropped_a_link_card_is_no_photo() -> None:
    items = post(1, photos=3)["embed"]["images"]
    (record,) = read(post(1) | {"embed": {"$type": "app.bsky.embed.gallery#view", "items": items}})
    assert isinstance(record, Record)
    assert [photo.index for photo in record.photos] == [0, 1, 2]
    (video,) = read(post(1) | {"embed": {"$type": "app.bsky.embed.video#view", "playlist": "x.m3u8"}})
    assert isinstance(video, Drop)
    assert (video.item, str(video.reason)) == ("bsky:did:plc:author1/r1:0", "video or GIF")
    (card,) = read(post(1) | {"embed": {"$type": "app.bsky.embed.external#view", "external": {"thumb": "x"}}})
    assert isinstance(card, Drop)
    assert str(card.reason) == "no photo"


@pytest.mark.parametrize(
    ("labels", "own", "said"),
    [
        ([], [], False),
        ([{"val": "porn"}], [], True),
        ([], [{"val": "nudity"}], True),
        ([{"val": "porn", "neg": True}], [], False),
        ([{"val": "spam"}], [], False),
        (None, [], None),
    ],
)
def test_labels_say_whether_a_post_is_sensitive(labels: Any, own: Any, said: bool | None) -> None:
    (record,) = read(post(1, labels={"values": own}) | {"labels": labels})
    assert isinstance(record, Record)
    assert record.sensitive is said


def test_links_are_whole_and_other_words_stay() -> None:
    def link(text: str, shown: str, uri: str) -> Json:
        start = text.encode().index(shown.encode())
        index = {"byteStart": start, "byteEnd": start + len(shown.encode())}
        return {"index": index, "features": [{"$type": "app.bsky.richtext.facet#link", "uri": uri}]}

    text = "🐈 a.org/lon... and b.org/x, or read this"
    facets = [
        link(text, "a.org/lon...", "https://a.org/long"),
        link(text, "b.org/x", "https://b.org/x"),
        link(text, "read this", "https://c.org"),
    ]
    (record,) = read(post(1, text=text, facets=facets))
    assert isinstance(record, Record)
    assert record.text == "🐈 https://a.org/long and https://b.org/x, or read this"


# --- the walk -------------------------------------------------------------------------------------------------------


def test_a_search_walks_all_pages_and_keeps_them(campaign: Campaign, network: Bluesky, api: bluesky.BlueskyApi) -> None:
    network.posts = [post(i, photos=i % 3) for i in range(1, 251)]
    run = feed.walk(campaign, bluesky.Search(api, " cats  "), LOTS)
    assert [params.get("cursor") for _, params in network.asked] == [None, "100", "200"]
    assert network.asked[0][1] == {"q": "cats", "sort": "latest", "limit": "100"}
    assert network.logins == 1
    assert (run.pages, run.posts, run.stopped) == (3, 250, "")
    assert (run.counts.waiting, run.counts.dropped) == (84 + 2 * 83, {"no photo": 83})
    assert len(photos(campaign)) == 250
    kept = [pages.read(path)["posts"] for path in pages.every(campaign.folder)]
    assert [p["uri"] for page in kept for p in page] == [p["uri"] for p in reversed(network.posts)]
    with campaign.read() as db:
        row = db.execute(sa.select(schema.posts).where(schema.posts.c.post_id == "bsky:did:plc:author0/r7")).one()
        assert (row.source, row.lang) == ("bluesky search cats", "en")
        assert row.author_key
        assert "author0" not in row.author_key


def test_a_finished_search_asks_for_newer_posts_only(
    campaign: Campaign, network: Bluesky, api: bluesky.BlueskyApi
) -> None:
    network.posts = [post(i) for i in range(1, 121)]
    feed.walk(campaign, bluesky.Search(api, "cats"), LOTS)
    for _ in range(2):
        nothing = feed.walk(campaign, bluesky.Search(api, "cats"), LOTS)
        assert (nothing.pages, nothing.posts) == (0, 0)
        assert network.asked[-1][1]["since"] == "2026-05-01T02:00:00.000Z"
    network.posts += [post(i) for i in range(200, 320)]
    newer = feed.walk(campaign, bluesky.Search(api, "cats"), LOTS)
    assert (newer.pages, newer.posts, newer.counts.waiting) == (2, 121, 121)  # since is inclusive
    assert len(photos(campaign)) == 240


def test_limits_hold_for_all_runs_and_the_walk_goes_on(
    campaign: Campaign, network: Bluesky, api: bluesky.BlueskyApi
) -> None:
    network.posts = [post(i) for i in range(1, 401)]
    search = bluesky.Search(api, "cats")
    run = feed.walk(campaign, search, feed.Limits(posts=150))
    assert (run.posts, run.stopped) == (150, "--max-posts 150: 150 posts were read for this query")
    assert feed.walk(campaign, search, feed.Limits(posts=150)).posts == 0
    run = feed.walk(campaign, search, feed.Limits(posts=1000, pairs=210))
    assert run.stopped == "--max 210: 210 pairs of this source are there"
    assert len(photos(campaign)) == 210
    asked = len(network.asked)
    assert feed.walk(campaign, search, feed.Limits(posts=1000)).posts == 150  # one page was there already
    assert [params["cursor"] for _, params in network.asked[asked:]] == ["250", "350"]
    assert len(photos(campaign)) == 400


def test_killed_before_the_page_was_stored_nothing_is_asked_twice(
    campaign: Campaign, network: Bluesky, api: bluesky.BlueskyApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    network.posts = [post(i) for i in range(1, 151)]

    def killed(*_args: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(reading.store, "collect", killed)
        with pytest.raises(KeyboardInterrupt):
            feed.walk(campaign, bluesky.Search(api, "cats"), LOTS)
    assert photos(campaign) == []
    run = feed.walk(campaign, bluesky.Search(api, "cats"), LOTS)
    assert [params.get("cursor") for _, params in network.asked] == [None, "100"]
    assert (run.pages, len(photos(campaign))) == (1, 150)


def test_a_post_from_the_future_hides_no_newer_ones(
    campaign: Campaign, network: Bluesky, api: bluesky.BlueskyApi
) -> None:
    network.posts = [post(1), post(2, createdAt="2030-01-01T00:00:00Z")]
    feed.walk(campaign, bluesky.Search(api, "cats"), LOTS)
    network.posts.append(post(3))
    assert feed.walk(campaign, bluesky.Search(api, "cats"), LOTS).counts.waiting == 2  # the one from the future again
    assert network.asked[-1][1]["since"] == "2026-05-01T00:02:00.000Z"
    assert len(photos(campaign)) == 3


def test_first_photo_only_and_all_of_them_later(campaign: Campaign, network: Bluesky, api: bluesky.BlueskyApi) -> None:
    network.posts = [post(1, photos=3)]
    feed.walk(campaign, bluesky.Search(api, "cats"), feed.Limits(100, photos="first"))
    assert photos(campaign) == ["bsky:did:plc:author1/r1:0"]
    feed.walk(campaign, bluesky.Search(api, "cats"), LOTS)
    assert len(photos(campaign)) == 3
    assert len(pages.Pages(campaign.folder, "bluesky", "search cats")) == 1


def test_a_post_of_another_shape_is_dropped_alone(
    campaign: Campaign, network: Bluesky, api: bluesky.BlueskyApi
) -> None:
    network.posts = [post(1), post(2) | {"embed": {"$type": "app.bsky.embed.images#view", "images": ["?"]}}, post(3)]
    run = feed.walk(campaign, bluesky.Search(api, "cats"), LOTS)
    assert run.counts.dropped == {"malformed row": 1}
    assert run.counts.examples["malformed row"].item == "page 1, post 2"
    assert len(photos(campaign)) == 2


# --- when Bluesky says no -------------------------------------------------------------------------------------------


def test_a_rate_limit_is_waited_for(
    campaign: Campaign, network: Bluesky, api: bluesky.BlueskyApi, waits: list[float]
) -> None:
    network.posts = [post(1)]
    network.faults = [
        Fault(429, {"error": "RateLimitExceeded"}, {"ratelimit-reset": str(int(time.time()) + 40)}),
        Fault(429, {"error": "RateLimitExceeded"}, {"retry-after": "7"}),
        Fault(429, {"error": "RateLimitExceeded"}),
    ]
    assert feed.walk(campaign, bluesky.Search(api, "cats"), LOTS).posts == 1
    assert 35 < waits[0] <= 41
    assert waits[1:] == [7.0, 1.0]


@pytest.mark.parametrize(
    "fault",
    [Fault(500, {"error": "InternalServerError"}), Fault(502, "<html>"), Fault(503, "<html>"), Fault(cut=True)],
    ids=["500", "502", "503", "cut"],
)
def test_a_fault_that_passes_is_passed(
    campaign: Campaign, network: Bluesky, api: bluesky.BlueskyApi, fault: Fault
) -> None:
    network.posts = [post(1), post(2)]
    network.faults = [fault, fault]
    assert feed.walk(campaign, bluesky.Search(api, "cats"), LOTS).posts == 2


@pytest.mark.parametrize(
    ("fault", "line"),
    [
        (Fault(503, "<html>"), "Bluesky fails (503), 6 times in a row; run again later: what was read is kept"),
        (Fault(429, {}), "Bluesky's rate limit, 6 times in a row; run again later: what was read is kept"),
        (
            Fault(400, {"error": "InvalidRequest", "message": "bad\nquery"}),
            "Bluesky refuses (400: bad query); mend the query",
        ),
        (Fault(200, "<html>log in</html>"), "Bluesky answers something else than its API does"),
        (Fault(200, {"data": []}), "Bluesky answers something else than its API does"),
    ],
)
def test_what_does_not_pass_is_one_line(network: Bluesky, api: bluesky.BlueskyApi, fault: Fault, line: str) -> None:
    network.faults = [fault] * 6
    with pytest.raises(CcdError) as caught:
        api.search(q="cats")
    assert str(caught.value).startswith(line)


def test_what_was_read_before_a_refusal_is_kept(campaign: Campaign, network: Bluesky, api: bluesky.BlueskyApi) -> None:
    network.posts = [post(i) for i in range(1, 151)]
    network.faults = [Fault(cut=True), Fault(cut=True), *[Fault(503, "")] * 3]
    feed.walk(campaign, bluesky.Search(api, "cats"), feed.Limits(100))
    network.faults = [Fault(503, "")] * 6
    with pytest.raises(CcdError, match="503"):
        feed.walk(campaign, bluesky.Search(api, "cats"), LOTS)
    assert len(photos(campaign)) == 100


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "atproto", None)
    with pytest.raises(CcdError, match=r"Bluesky needs the library atproto; pip install"):
        bluesky.BlueskyApi("a", "b")


# --- the command ----------------------------------------------------------------------------------------------------


def test_the_command_collects_and_hides_the_password(
    campaign: Campaign,
    network: Bluesky,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:
    network.posts = [post(i) for i in range(1, 6)]
    for name, value in (
        (bluesky.HANDLE, "@me.example.org"),
        (bluesky.PASSWORD, PASSWORD),
        (bluesky.SERVICE, network.url),
    ):
        monkeypatch.setenv(name, value)
    caplog.set_level(logging.DEBUG)
    words = ["collect", "bluesky", "search", "cats", "--dir", str(campaign.folder), "--json", str(tmp_path / "f.json")]
    result = CliRunner().invoke(cli, words, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    facts = json.loads((tmp_path / "f.json").read_text())
    assert facts["source"] == ["bluesky search cats"]
    assert (facts["waiting"], facts["pages"], facts["posts"], facts["stopped"]) == (5, 1, 5, None)
    assert PASSWORD not in caplog.text + result.output
    assert network.access not in caplog.text + result.output


@pytest.mark.parametrize(
    ("environment", "line"),
    [
        ({}, "ccd: no login for Bluesky; set BLUESKY_HANDLE and BLUESKY_APP_PASSWORD"),
        (
            {bluesky.HANDLE: "me.example.org", bluesky.PASSWORD: "wrong"},
            "ccd: Bluesky refuses (401: Invalid identifier or password); check BLUESKY_HANDLE and BLUESKY_APP_PASSWORD",
        ),
        (
            {bluesky.HANDLE: "a", bluesky.PASSWORD: "b", bluesky.SERVICE: "http://example.org"},
            "ccd: BLUESKY_SERVICE: http://example.org would send secrets in clear; use https",
        ),
    ],
)
def test_a_login_that_is_wrong_is_one_line(
    campaign: Campaign, network: Bluesky, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], line: str
) -> None:
    for name in (bluesky.HANDLE, bluesky.PASSWORD):
        monkeypatch.delenv(name, raising=False)
    for name, value in ({bluesky.SERVICE: network.url} | environment).items():
        monkeypatch.setenv(name, value)
    result = CliRunner().invoke(cli, ["collect", "bluesky", "search", "cats", "--dir", str(campaign.folder)])
    assert result.exit_code == 2
    assert result.stderr.startswith(line)
    assert result.stderr.count("\n") == 1
