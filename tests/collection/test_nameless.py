"""Raw pages name nobody beside what texts say, and read again they give the same records and the same author keys."""

import dataclasses
import gzip
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ccd.campaign.campaign import Campaign
from ccd.campaign.tables import schema
from ccd.errors import CcdError
from collection import archive, bluesky, feed, mastodon, pages, x
from collection.authors import author_key, keyed, secret
from collection.records import Drop, Record
from collection.x_api import XApi
from tests.collection import replay
from tests.collection.social_replay import PASSWORD, Bluesky, Mastodon, serving
from tests.data import SHARED

Json = dict[str, Any]


def read(campaign: Campaign, network: str, entries: Iterable[Record | Drop]) -> list[Record | Drop]:
    """The same, with authors as the database keeps them."""
    known = secret(campaign.folder)
    return [
        dataclasses.replace(entry, author=author_key(known, network, entry.author))
        if isinstance(entry, Record) and entry.author
        else entry
        for entry in entries
    ]


# --- X --------------------------------------------------------------------------------------------------------------

X_POST: Json = {
    "id": "1212",
    "text": "Look @nasa https://t.co/a https://t.co/q",
    "author_id": "2244994945",
    "in_reply_to_user_id": "11348282",
    "created_at": "2024-05-01T12:00:00.000Z",
    "attachments": {"media_keys": ["3_1"]},
    "referenced_tweets": [{"type": "quoted", "id": "1211"}],
    "note_tweet": {
        "text": "Look @nasa, long https://t.co/a https://t.co/q",
        "entities": {"mentions": [{"start": 5, "end": 10, "username": "nasa", "id": "11348282"}]},
    },
    "entities": {
        "mentions": [{"start": 5, "end": 10, "username": "nasa", "id": "11348282"}],
        "urls": [
            {
                "url": "https://t.co/a",
                "expanded_url": "https://x.com/secret_ann/status/1212/photo/1",
                "display_url": "pic.x.com/a",
                "media_key": "3_1",
            },
            {
                "url": "https://t.co/q",
                "expanded_url": "https://twitter.com/secret_bob/status/1211",
                "display_url": "twitter.com/secret_bob/status…",
            },
            {
                "url": "https://t.co/z",
                "expanded_url": "https://example.org/status/1",
                "display_url": "example.org/sta…",
            },
        ],
    },
}
X_PAGE: Json = {
    "data": [X_POST],
    "includes": {
        "users": [{"id": "2244994945", "username": "secret_ann", "name": "Ann Secret", "description": "Secret bio"}],
        "tweets": [X_POST | {"id": "1211", "author_id": "777000777"}],
        "media": [{"media_key": "3_1", "type": "photo", "url": "https://pbs.twimg.com/media/A.jpg", "alt_text": "cat"}],
    },
    "errors": [
        {"resource_type": "user", "resource_id": "777000777", "value": "777000777", "type": "x/resource-not-found"},
        {"resource_type": "tweet", "resource_id": "99", "value": "99", "type": "x/resource-not-found"},
    ],
    "meta": {"next_token": "t"},
}


def of_archive(tmp_path: Path, page: Any) -> list[Record | Drop]:
    file = tmp_path / "page.jsonl.gz"
    file.write_bytes(gzip.compress(json.dumps(page).encode()))
    return list(archive.read(file))


def test_a_page_of_x(campaign: Campaign, tmp_path: Path) -> None:
    key = keyed(campaign.folder, "x")
    left = x.nameless(X_PAGE, key)
    assert read(campaign, "x", of_archive(tmp_path, left)) == read(campaign, "x", of_archive(tmp_path, X_PAGE))
    said = json.dumps(left)
    for name in ("2244994945", "11348282", "777000777", "secret", "Secret", '"username"', '"mentions"', '"users"'):
        assert name not in said
    assert "Look @nasa" in said
    assert left["data"][0]["author_id"] == key("2244994945")
    urls = left["data"][0]["entities"]["urls"]
    assert [url["expanded_url"] for url in urls] == [
        "https://x.com/i/status/1212/photo/1", "https://twitter.com/i/status/1211", "https://example.org/status/1",
    ]  # fmt: skip
    assert [error["value"] for error in left["errors"]] == ["99"]
    assert x.nameless(left, key) == left, "twice is once"


def test_what_is_bought_of_x_is_kept_without_names(campaign: Campaign) -> None:
    with replay.serving() as server:
        server.add(*[replay.post(i) for i in range(1, 31)])
        api = XApi(replay.TOKEN, base_url=server.url)
        x.walk(campaign, api, x.search("cat"), x.Limits(posts=100))
        x.hydrate(campaign, api, ["1", "2"], x.Limits(posts=100))
    said = [path.read_bytes() for path in pages.every(campaign.folder)]
    assert len(said) == 2
    assert not any(b"1000000" in gzip.decompress(page) for page in said)
    keys = {author_key(secret(campaign.folder), "x", str(10_000_000 + i)) for i in range(7)}
    with campaign.read() as db:
        assert set(db.scalars(sa.select(schema.posts.c.author_key))) == keys


FILES = () if SHARED is None else tuple(sorted((SHARED / "x_api" / "v2").iterdir()))


def people(value: Any) -> Iterator[str]:
    """The ids of a page, and the addresses of posts with handles in them."""
    if isinstance(value, list):
        for each in value:
            yield from people(each)
    elif isinstance(value, dict):
        if "username" in value:
            yield f".com/{value['username']}/status"
        for name, each in value.items():
            if name in ("author_id", "in_reply_to_user_id"):
                yield f'"{each}"'
            yield from people(each)


@pytest.mark.skipif(SHARED is None, reason="needs ../shared/data")
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_archived_pages_of_x(campaign: Campaign, tmp_path: Path, file: Path) -> None:
    key = keyed(campaign.folder, "x")
    live = [json.loads(line) for line in file.read_text().splitlines()]
    stored = [x.nameless(page, key) for page in live]
    copy = tmp_path / file.name
    copy.write_text("".join(json.dumps(page) + "\n" for page in stored))
    if file.name in ("counts.jsonl", "users.jsonl"):
        for each in (file, copy):
            with pytest.raises(CcdError, match="not posts"):
                list(archive.read(each, tmp_path))
        return
    assert read(campaign, "x", archive.read(copy, tmp_path)) == read(campaign, "x", archive.read(file, tmp_path))
    said = json.dumps(stored)
    assert not [name for page in live for name in people(page) if name in said]
    assert '"username"' not in said


# --- Bluesky --------------------------------------------------------------------------------------------------------

ANN, BOB = "did:plc:annannann", "did:plc:bobbobbob"
PROFILE = {
    "did": ANN,
    "handle": "secret.example.org",
    "displayName": "Ann Secret",
    "avatar": f"https://cdn.bsky.app/img/avatar/plain/{ANN}/secret@jpeg",
    "viewer": {"muted": False, "following": "at://did:plc:secretme/app.bsky.graph.follow/1"},
    "labels": [{"src": ANN, "uri": ANN, "val": "!no-unauthenticated"}],
}
QUOTED = {"uri": f"at://{BOB}/app.bsky.feed.post/q", "author": PROFILE | {"did": BOB}, "value": {"text": "secret"}}
IMAGES = [{"fullsize": f"https://cdn.bsky.app/img/feed_fullsize/plain/{ANN}/c@jpeg", "alt": "cat"}]
BSKY_POST: Json = {
    "uri": f"at://{ANN}/app.bsky.feed.post/r1",
    "cid": "bafy",
    "author": PROFILE,
    "record": {
        "$type": "app.bsky.feed.post",
        "text": "Hello @nasa.example.org bsky.app/prof...",
        "createdAt": "2026-05-01T00:00:00.000Z",
        "langs": ["en"],
        "reply": {"parent": {"uri": f"at://{BOB}/app.bsky.feed.post/p", "cid": "b"}},
        "facets": [
            {
                "index": {"byteStart": 6, "byteEnd": 23},
                "features": [{"$type": "app.bsky.richtext.facet#mention", "did": BOB}],
            },
            {
                "index": {"byteStart": 24, "byteEnd": 40},
                "features": [{"$type": "app.bsky.richtext.facet#link", "uri": "https://bsky.app/profile/someone"}],
            },
        ],
        "labels": {"$type": "com.atproto.label.defs#selfLabels", "values": [{"val": "nudity"}]},
    },
    "embed": {
        "$type": "app.bsky.embed.recordWithMedia#view",
        "media": {"$type": "app.bsky.embed.images#view", "images": IMAGES},
        "record": {"record": QUOTED},
    },
    "labels": [{"src": BOB, "uri": f"at://{ANN}/app.bsky.feed.post/r1", "val": "porn", "neg": True, "cts": "2026"}],
    "viewer": {"like": "at://did:plc:secretme/app.bsky.feed.like/1"},
    "indexedAt": "2026-05-01T00:00:00.000Z",
}


def test_a_post_of_bluesky(campaign: Campaign) -> None:
    key = keyed(campaign.folder, "bsky")
    left = bluesky.nameless(BSKY_POST, key)
    live, stored = (read(campaign, "bsky", bluesky.read_post(post, "here")) for post in (BSKY_POST, left))
    assert stored == live
    (record,) = stored
    assert isinstance(record, Record)
    assert (record.sensitive, record.text) == (True, "Hello @nasa.example.org https://bsky.app/profile/someone")
    said = json.dumps(left)
    for name in (BOB, "secret", "Secret", "handle", "viewer"):
        assert name not in said
    assert left["author"] == {"did": key(ANN)}
    assert said.count(ANN) == 2, "in the post's address and its photo's, which stay"
    assert bluesky.nameless(left, key) == left, "twice is once"


# --- Mastodon -------------------------------------------------------------------------------------------------------

ACCOUNT = {
    "id": "777000777",
    "username": "secret_ann",
    "acct": "secret_ann@home.example",
    "display_name": "Ann Secret",
    "url": "https://home.example/@secret_ann",
    "avatar": "https://files.example/secret.png",
    "note": "Secret bio",
}
STATUS: Json = {
    "id": "110000000000000001",
    "created_at": "2026-05-01T12:00:00.000Z",
    "in_reply_to_id": "109",
    "in_reply_to_account_id": "888000888",
    "sensitive": True,
    "spoiler_text": "Food",
    "language": "en",
    "uri": "https://home.example/users/secret_ann/statuses/1",
    "url": "https://home.example/@secret_ann/1",
    "content": '<p><a href="https://m.example/@bob">@bob</a> hello</p>',
    "reblog": None,
    "account": ACCOUNT,
    "media_attachments": [{"id": "1", "type": "image", "url": "https://files.example/1.jpg", "description": "cat"}],
    "mentions": [{"id": "888000888", "username": "bob", "url": "https://m.example/@bob", "acct": "bob@m.example"}],
    "card": {"author_name": "Secret Writer", "author_url": "https://news.example/secret"},
    "quote": {"state": "accepted", "quoted_status": {"account": ACCOUNT, "content": "secret"}},
}


@pytest.mark.parametrize(
    "status",
    [
        STATUS,
        STATUS | {"reblog": STATUS, "account": ACCOUNT | {"url": "https://home.example/@secret_bob"}},
        STATUS | {"account": {"id": "777000777", "username": "secret_ann"}},
        {name: value for name, value in STATUS.items() if name != "account"},
    ],
    ids=["post", "boost", "no address", "no account"],
)
def test_a_status_of_mastodon(campaign: Campaign, status: Json) -> None:
    key = keyed(campaign.folder, "masto")
    left = mastodon.nameless(status, "m.example", key)
    live, stored = (read(campaign, "masto", mastodon.read_post(each, "m.example", "here")) for each in (status, left))
    assert stored == live
    assert isinstance(stored[0], Record)
    said = json.dumps(left)
    for name in ("secret", "Secret", "777000777", "888000888"):
        assert name not in said
    assert "@bob</a> hello" in said, "the text stays"
    assert mastodon.nameless(left, "m.example", key) == left, "twice is once"


# --- both, as they are collected ------------------------------------------------------------------------------------


def test_what_is_read_of_open_networks_is_kept_without_names(campaign: Campaign) -> None:
    pytest.importorskip("atproto")
    pytest.importorskip("mastodon")
    sky, server = Bluesky(posts=[BSKY_POST]), Mastodon(posts=[STATUS])
    with serving(sky), serving(server):
        search = bluesky.Search(bluesky.BlueskyApi("me.example.org", PASSWORD, service=sky.url), "cats")
        feed.walk(campaign, search, feed.Limits(posts=100))
        timeline = mastodon.Timeline(mastodon.MastodonApi(server.url), "cats")
        feed.walk(campaign, timeline, feed.Limits(posts=100))
    said = [gzip.decompress(path.read_bytes()) for path in pages.every(campaign.folder)]
    assert len(said) == 3, "and the empty one after the last"
    assert not any(name in page for page in said for name in (b"secret", b"Secret", b"777000777"))
    known = secret(campaign.folder)
    with campaign.read() as db:
        assert set(db.scalars(sa.select(schema.posts.c.author_key))) == {
            author_key(known, "bsky", ANN),
            author_key(known, "masto", "https://home.example/@secret_ann"),
        }


@pytest.mark.parametrize("page", [[1, "no post"], [{"uri": "at://x"}], [{"account": "ann", "reblog": 3}]], ids=str)
def test_what_is_no_post_stays_what_it_is(campaign: Campaign, page: list[Any]) -> None:
    key = keyed(campaign.folder, "x")
    for post in page:
        bluesky.nameless(post, key)
        mastodon.nameless(post, "m.example", key)
    x.nameless({"data": page}, key)
