"""A Mastodon server's timelines, against a stand-in that gives its documented answers and faults."""

import datetime
import json
import logging
import sys
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
from collection import feed, mastodon, pages
from collection.records import Drop, Photo, Record
from tests.collection.replay import Fault
from tests.collection.social_replay import TOKEN, Json, Mastodon, serving

pytest.importorskip("mastodon")
LOTS = feed.Limits(posts=100_000)


def medium(name: str, **more: Any) -> Json:
    return {
        "id": name,
        "type": "image",
        "url": f"https://files.example/{name}.jpg",
        "preview_url": f"https://files.example/small/{name}.jpg",
        "remote_url": None,
        "description": f"alt {name}",
        "blurhash": "UBL_:rOpGG",
        "meta": {"original": {"width": 640, "height": 480}},
    } | more


def status(number: int, photos: int = 1, **more: Any) -> Json:
    """A Status as a server gives it, its id 110000000000000000 + number."""
    return {
        "id": str(110_000_000_000_000_000 + number),
        "created_at": "2026-05-01T12:00:00.000Z",
        "in_reply_to_id": None,
        "sensitive": False,
        "spoiler_text": "",
        "visibility": "public",
        "language": "en",
        "uri": f"https://home.example/users/ann/statuses/{number}",
        "url": f"https://home.example/@ann/{number}",
        "content": f"<p>Post {number}</p>",
        "reblog": None,
        "account": {"id": "7", "username": "ann", "acct": "ann@home.example", "url": "https://home.example/@ann"},
        "media_attachments": [medium(f"{number}-{i}") for i in range(photos)],
        "mentions": [],
        "tags": [],
        "emojis": [],
    } | more


def read(made: Json) -> list[Record | Drop]:
    return list(mastodon.read_post(made, "m.example", "here"))


def photos(campaign: Campaign) -> list[str]:
    with campaign.read() as db:
        return sorted(db.scalars(sa.select(schema.photos.c.pair_id)))


@pytest.fixture
def network() -> Iterator[Mastodon]:
    state = Mastodon()
    with serving(state):
        yield state


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def api(network: Mastodon, waits: list[float]) -> mastodon.MastodonApi:
    return mastodon.MastodonApi(network.url, wait=lambda s, _why: waits.append(s), backoff=0.001)


# --- what a post holds ----------------------------------------------------------------------------------------------


def test_a_status_becomes_a_record() -> None:
    made = status(5, photos=2, language="en-GB", sensitive=True, spoiler_text="Food", in_reply_to_id="3")
    assert read(made) == [
        Record(
            "masto:m.example/110000000000000005",
            "Food\n\nPost 5",
            "2026-05-01T12:00:00+00:00",
            "en-GB",
            (
                Photo(0, "https://files.example/5-0.jpg", "alt 5-0"),
                Photo(1, "https://files.example/5-1.jpg", "alt 5-1"),
            ),
            "here",
            author="https://home.example/@ann",
            sensitive=True,
        )
    ]


def test_a_boost_stands_for_the_post_it_repeats() -> None:
    boost = status(9, photos=0, content="", reblog=status(4), account={"id": "8", "url": "https://b.example/@bob"})
    assert read(boost) == read(status(4))


def test_what_is_no_photo_is_dropped_and_the_others_keep_their_place() -> None:
    media = [
        medium("a", type="gifv"),
        medium("b", type="video"),
        medium("c", type="audio"),
        medium("d", type="unknown", url=None),
        medium("e", url=None, remote_url="https://far.example/e.png", description=None),
    ]
    *dropped, record = read(status(1, media_attachments=media))
    name = "masto:m.example/110000000000000001"
    assert [(drop.item, str(drop.reason)) for drop in dropped if isinstance(drop, Drop)] == [
        (f"{name}:0", "video or GIF"),
        (f"{name}:1", "video or GIF"),
        (f"{name}:2", "no photo"),
        (f"{name}:3", "no photo"),
    ]
    assert isinstance(record, Record)
    assert record.photos == (Photo(4, "https://far.example/e.png", None),)
    (none,) = read(status(2, photos=0))
    assert isinstance(none, Drop)
    assert str(none.reason) == "no photo"


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>One</p><p>Two<br />three</p>", "One\n\nTwo\nthree"),
        ("<p>Tom &amp; Jerry &lt;3 caf&eacute;</p>", "Tom & Jerry <3 café"),
        (
            '<p>See <a href="https://example.org/a/long/path"><span class="invisible">https://</span>'
            '<span class="ellipsis">example.org/a/lo</span><span class="invisible">ng/path</span></a>!</p>',
            "See https://example.org/a/long/path!",
        ),
        ('<p><a href="https://example.org/x">example.org/…</a>', "https://example.org/x"),
        ('<p><a href="https://example.org/x">read this</a></p>', "read this"),
        (
            '<p><span class="h-card"><a href="https://m.example/@bob">@<span>bob</span></a></span>'
            ' <a href="https://m.example/tags/Cats" class="mention hashtag">#<span>Cats</span></a></p>',
            "@bob #Cats",
        ),
        ("<ul><li>a</li><li>b</li></ul><p>c</p>", "a\nb\n\nc"),
        ("no markup < at all", "no markup < at all"),
        ("", ""),
    ],
)
def test_html_becomes_text(html: str, text: str) -> None:
    assert mastodon.plain(html) == text


# --- the walk -------------------------------------------------------------------------------------------------------


def test_a_hashtag_is_walked_to_its_end(campaign: Campaign, network: Mastodon, api: mastodon.MastodonApi) -> None:
    network.posts = [status(i, photos=1 + i % 2) for i in range(1, 101)]
    run = feed.walk(campaign, mastodon.Timeline(api, "#Cats"), LOTS)
    paths, params = zip(*network.asked, strict=True)
    assert set(paths) == {"/api/v1/timelines/tag/cats"}
    assert {p["only_media"] for p in params} <= {"true", "True", "1"}
    assert [p.get("max_id", "")[-3:] for p in params] == ["", "061", "021", "001"]
    assert (run.posts, run.counts.waiting, run.stopped) == (100, 150, "")
    with campaign.read() as db:
        row = db.execute(sa.select(schema.posts).limit(1)).one()
        assert row.source == f"mastodon tag cats at {api.host}"
        assert row.post_id.startswith(f"masto:{api.host}/1100")
        assert "home.example" not in row.author_key
    kept = [p for path in pages.every(campaign.folder) for p in pages.read(path)["statuses"]]
    assert [p["id"] for p in kept] == [p["id"] for p in reversed(network.posts)]


def test_a_finished_hashtag_asks_for_newer_posts_only(
    campaign: Campaign, network: Mastodon, api: mastodon.MastodonApi
) -> None:
    network.posts = [status(i) for i in range(1, 51)]
    feed.walk(campaign, mastodon.Timeline(api, "cats"), LOTS)
    assert feed.walk(campaign, mastodon.Timeline(api, "cats"), LOTS).pages == 0
    network.posts += [status(i) for i in range(60, 120)]
    newer = feed.walk(campaign, mastodon.Timeline(api, "cats"), LOTS)
    assert (newer.posts, newer.counts.waiting) == (60, 60)
    assert {params["since_id"][-3:] for _, params in network.asked[-3:]} == {"050"}
    assert feed.walk(campaign, mastodon.Timeline(api, "cats"), LOTS).pages == 0
    assert network.asked[-1][1]["since_id"].endswith("119")
    assert len(photos(campaign)) == 110


def test_a_server_that_gives_the_same_page_for_ever_is_left(
    campaign: Campaign, network: Mastodon, api: mastodon.MastodonApi
) -> None:
    network.faults = [Fault(200, [status(2), status(1)]) for _ in range(9)]
    run = feed.walk(campaign, mastodon.Timeline(api, "cats"), LOTS)
    assert (run.pages, len(photos(campaign))) == (2, 2)


def test_limits_hold_and_the_public_timeline_is_another_feed(
    campaign: Campaign, network: Mastodon, api: mastodon.MastodonApi
) -> None:
    network.posts = [status(i) for i in range(1, 101)]
    run = feed.walk(campaign, mastodon.Timeline(api), feed.Limits(posts=50))
    assert [params["limit"] for _, params in network.asked] == ["40", "10"]
    assert network.asked[0][0] == "/api/v1/timelines/public"
    assert run.stopped == "--max-posts 50: 50 posts were read for this query"
    run = feed.walk(campaign, mastodon.Timeline(api, "cats"), feed.Limits(posts=1000, pairs=15))
    assert (len(run.counts.met), run.counts.known + run.counts.waiting) == (15, 15)


# --- when the server says no ----------------------------------------------------------------------------------------


def test_a_rate_limit_is_waited_for(
    campaign: Campaign, network: Mastodon, api: mastodon.MastodonApi, waits: list[float]
) -> None:
    network.posts = [status(1)]
    reset = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=40)
    stamp = reset.isoformat(timespec="microseconds").replace("+00:00", "Z")
    network.faults = [
        Fault(429, {"error": "Too many requests"}, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": stamp}),
        Fault(429, {"error": "Too many requests"}),
    ]
    assert feed.walk(campaign, mastodon.Timeline(api, "cats"), LOTS).posts == 1
    assert 35 < waits[0] <= 41
    assert waits[1:] == [1.0]


@pytest.mark.parametrize(
    "fault",
    [Fault(500, {"error": "oops"}), Fault(502, "<html>"), Fault(503, "<html>"), Fault(cut=True)],
    ids=["500", "502", "503", "cut"],
)
def test_a_fault_that_passes_is_passed(
    campaign: Campaign, network: Mastodon, api: mastodon.MastodonApi, fault: Fault
) -> None:
    network.posts = [status(1), status(2)]
    network.faults = [fault, fault]
    assert feed.walk(campaign, mastodon.Timeline(api, "cats"), LOTS).posts == 2


@pytest.mark.parametrize(
    ("fault", "line"),
    [
        (Fault(503, "<html>"), "fails (503), 6 times in a row; run again later: what was read is kept"),
        (Fault(429, {}), "'s rate limit, 6 times in a row; run again later: what was read is kept"),
        (Fault(404, {"error": "Record not found"}), "refuses (404: Record not found); check --instance"),
        (Fault(403, "<html>"), "refuses (403: Forbidden); strangers may not read there: set MASTODON_ACCESS_TOKEN"),
        (Fault(200, "<html>hello</html>"), "answers something else than a Mastodon server does; check --instance"),
        (Fault(200, {"posts": []}), "answers something else than a Mastodon server does; check --instance"),
    ],
)
def test_what_does_not_pass_is_one_line(network: Mastodon, api: mastodon.MastodonApi, fault: Fault, line: str) -> None:
    network.faults = [fault] * 6
    with pytest.raises(CcdError) as caught:
        mastodon.Timeline(api, "cats").ask(None, None, 40)
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


def test_nobody_at_the_address_is_one_line() -> None:
    api = mastodon.MastodonApi("http://127.0.0.1:9", wait=lambda _s, _why: None)
    with pytest.raises(CcdError, match=r"127\.0\.0\.1:9's answer did not arrive \(ConnectionError\), 6 times"):
        mastodon.Timeline(api).ask(None, None, 40)


@pytest.mark.parametrize("wrong", ["", "https://", "mastodon.social/@ann", "ftp://a.example", "http://a.example"])
def test_an_instance_that_is_none_is_refused(wrong: str) -> None:
    with pytest.raises(CcdError, match="--instance"):
        mastodon.MastodonApi(wrong)


@pytest.mark.parametrize("wrong", ["", "#", "two words", "a/../../b"])
def test_a_hashtag_that_is_none_is_refused(api: mastodon.MastodonApi, wrong: str) -> None:
    with pytest.raises(CcdError, match="is no hashtag"):
        mastodon.Timeline(api, wrong)


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mastodon", None)
    with pytest.raises(CcdError, match=r"Mastodon needs the library Mastodon.*pip install"):
        mastodon.MastodonApi("a.example")


# --- the command ----------------------------------------------------------------------------------------------------


def test_a_closed_server_opens_to_a_token_that_no_log_has(
    campaign: Campaign,
    network: Mastodon,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
) -> None:
    network.posts, network.closed = [status(i) for i in range(1, 6)], True
    caplog.set_level(logging.DEBUG)
    words = ["collect", "mastodon", "tag", "cats", "--instance", network.url, "--dir", str(campaign.folder)]
    monkeypatch.delenv(mastodon.TOKEN, raising=False)
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 2
    assert "refuses (401: This method requires an authenticated user); strangers may not read there" in result.stderr
    assert result.stderr.count("\n") == 1
    monkeypatch.setenv(mastodon.TOKEN, "another")
    assert "check MASTODON_ACCESS_TOKEN" in CliRunner().invoke(cli, words).stderr
    monkeypatch.setenv(mastodon.TOKEN, TOKEN)
    result = CliRunner().invoke(cli, [*words, "--json", str(tmp_path / "f.json")], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    facts = json.loads((tmp_path / "f.json").read_text())
    assert (facts["waiting"], facts["posts"], facts["stopped"]) == (5, 5, None)
    assert TOKEN not in caplog.text + result.output


def test_the_public_timeline_by_command(campaign: Campaign, network: Mastodon) -> None:
    network.posts = [status(i) for i in range(1, 4)]
    words = ["collect", "mastodon", "public", "--instance", network.url, "--max-posts", "2"]
    result = CliRunner().invoke(cli, [*words, "--dir", str(campaign.folder)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert "2 photos wait for `ccd collect photos`" in result.output
    assert "stopped at --max-posts 2" in result.output
