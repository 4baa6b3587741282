"""Archives of the X API, both versions; the shared ones are recounted in another way."""

import gzip
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ccd.errors import CcdError
from collection import archive
from collection.records import Drop, Reason, Record
from tests.data import SHARED

Json = dict[str, Any]


def media(key: str, kind: str = "photo") -> Json:
    address = "url" if kind == "photo" else "preview_image_url"
    return {"media_key": key, "type": kind, address: f"https://pbs.twimg.com/media/{key}.jpg"}


def tweet(number: int, *keys: str, **more: Any) -> Json:
    attachments = {"attachments": {"media_keys": list(keys)}} if keys else {}
    return {"id": str(number), "text": f"text {number}", "created_at": "2021-01-01T00:00:00Z"} | attachments | more


def page(*tweets: Json, media: tuple[Json, ...] = (), others: tuple[Json, ...] = ()) -> Json:
    return {
        "data": list(tweets),
        "includes": {"media": list(media), "tweets": list(others)},
        "meta": {"result_count": 1},
    }


def read(folder: Path, *documents: Any, name: str = "a.jsonl") -> list[Record | Drop]:
    (folder / name).write_text("\n".join(json.dumps(d) for d in documents))
    return list(archive.read(folder / name))


def names(entries: list[Record | Drop]) -> list[str]:
    return [f"{e.post_id}:{p.index}" for e in entries if isinstance(e, Record) for p in e.photos]


def drops(entries: list[Record | Drop]) -> list[tuple[str, str]]:
    return [(e.item, e.reason) for e in entries if isinstance(e, Drop)]


def test_a_page_photos_in_the_order_of_the_post(tmp_path: Path) -> None:
    found = page(tweet(1, "3_b", "7_v", "3_a"), tweet(2), media=(media("3_a"), media("7_v", "video"), media("3_b")))
    entries = read(tmp_path, found)
    (record,) = (e for e in entries if isinstance(e, Record))
    assert [(p.index, p.source) for p in record.photos] == [
        (0, "https://pbs.twimg.com/media/3_b.jpg"),
        (2, "https://pbs.twimg.com/media/3_a.jpg"),
    ]
    assert drops(entries) == [("x:1:1", Reason.MOVING), ("x:2", Reason.NO_PHOTO)]


def test_a_retweet_is_the_post_it_repeats(tmp_path: Path) -> None:
    repeat = tweet(2, "3_a", referenced_tweets=[{"type": "retweeted", "id": "1"}], text="RT @a: text")
    quote = tweet(3, referenced_tweets=[{"type": "quoted", "id": "1"}])
    lost = tweet(4, "3_a", referenced_tweets=[{"type": "retweeted", "id": "9"}])
    for original in (tweet(1, "3_a"), tweet(1)):  # either of the two may carry the attachments
        entries = read(tmp_path, page(repeat, quote, lost, media=(media("3_a"),), others=(original,)))
        assert names(entries) == ["x:1:0"]
        assert [e.text for e in entries if isinstance(e, Record)] == ["text 1"]
        assert drops(entries) == [("x:3", Reason.NO_PHOTO), ("x:4", Reason.NO_ORIGINAL)]


def test_both_spellings_and_flattened_posts_read_alike(tmp_path: Path) -> None:
    links = {"urls": [{"url": "https://t.co/p", "media_key": "3_a"}, {"url": "https://t.co/q", "display_url": "a.org"}]}
    long = {"text": "the long text https://t.co/p", "entities": links}
    repeat = {"referenced_tweets": [{"type": "retweeted", "id": "1"}]}
    old = page(tweet(2, **repeat), media=(media("3_a"),), others=(tweet(1, "3_a", note_tweet=long),))
    new: Json = json.loads(
        json.dumps(old).replace("referenced_tweets", "referenced_posts").replace("note_tweet", "note_post")
    )
    new["includes"]["posts"] = new["includes"].pop("tweets")
    inner = tweet(1, note_tweet=long, attachments={"media_keys": ["3_a"], "media": [media("3_a")]}, type="retweeted")
    flat = tweet(2, referenced_tweets=[inner])
    first, *others = (read(tmp_path, document)[0] for document in (old, new, flat))
    assert isinstance(first, Record)
    assert (first.post_id, first.text, first.media_links) == (
        "x:1",
        "the long text https://t.co/p",
        ("https://t.co/p",),
    )
    assert others == [first, first]


def status(number: int, **more: Any) -> Json:
    medium = {
        "type": "photo",
        "id_str": "7",
        "media_url_https": "https://pbs.twimg.com/media/A.jpg",
        "url": "https://t.co/m",
    }
    entities = {"extended_entities": {"media": [medium]}}
    return {"id": number, "id_str": str(number), "text": "short", "lang": "en"} | entities | more


def test_v1_statuses(tmp_path: Path) -> None:
    extended = {"full_text": "long &amp; more https://t.co/m", "entities": status(1)["extended_entities"]}
    gif = [{"type": "photo", "media_url_https": "https://pbs.twimg.com/tweet_video_thumb/G.jpg"}]
    entries = read(
        tmp_path,
        status(1, full_text="full"),
        status(2, extended_tweet=extended, extended_entities={}),
        status(3, text="RT", retweeted_status=status(30)),
        status(4, extended_entities={}, quoted_status=status(40)),
        status(5, extended_entities={}, entities={"media": gif}),
        {"delete": {"status": {"id_str": "6"}}},
        status(7, id=7.0e17, id_str="701234567890123456"),
        {"id": 6.92e17, "text": "x"},
    )
    records = [e for e in entries if isinstance(e, Record)]
    assert [(e.post_id, e.text) for e in records] == [
        ("x:1", "full"),
        ("x:2", extended["full_text"]),
        ("x:30", "short"),
        ("x:701234567890123456", "short"),
    ]
    assert records[0].media_links == ("https://t.co/m",)
    assert drops(entries) == [
        ("x:4", Reason.NO_PHOTO),
        ("x:5:0", Reason.MOVING),
        ("line 6", Reason.NOT_A_POST),
        ("line 8", Reason.ID_MANGLED),
    ]


@pytest.mark.parametrize("indent", [None, 1])
def test_whole_files_arrays_and_gzip(tmp_path: Path, indent: int | None) -> None:
    for document in ([status(1), status(2)], {"statuses": [status(1), status(2)]}):
        (tmp_path / "a.json.gz").write_bytes(gzip.compress(json.dumps(document, indent=indent).encode()))
        assert names(list(archive.read(tmp_path / "a.json.gz"))) == ["x:1:0", "x:2:0"]


def test_bad_lines_are_dropped_and_the_rest_is_read(tmp_path: Path) -> None:
    lines = [
        b"{",
        b'{"id": "1"',
        json.dumps(status(2)).encode(),
        b"\xff",
        b"7",
        b'{"id_str": "3", "text": "x", "entities": 5}',
    ]
    (tmp_path / "a.jsonl").write_bytes(b"\n".join(lines))
    entries = list(archive.read(tmp_path / "a.jsonl"))
    assert names(entries) == ["x:2:0"]
    assert [reason for _, reason in drops(entries)] == [
        *[Reason.MALFORMED] * 2,
        Reason.NOT_UTF8,
        Reason.NOT_A_POST,
        Reason.MALFORMED,
    ]
    assert [item for item, _ in drops(entries)] == ["line 1", "line 2", "line 4", "line 5", "line 6"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (json.dumps({"data": [{"id": "1", "username": "a"}]}), "users, not posts"),
        (json.dumps([{"id_str": "1", "screen_name": "a"}]), "users, not posts"),
        (json.dumps({"data": [{"tweet_count": 3, "start": "", "end": ""}]}), "counts of posts"),
        ("tweet_id\ttext\n1\tHi\n" * 200, "no posts found"),
        ("\n\n", "no posts found"),
        ("", "empty file"),
    ],
)
def test_files_without_posts_are_one_clear_error(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "a.jsonl").write_text(content)
    with pytest.raises(CcdError, match=message):
        list(archive.read(tmp_path / "a.jsonl"))


def test_an_empty_page_is_no_error(tmp_path: Path) -> None:
    assert read(tmp_path, {"meta": {"result_count": 0}}) == []


@pytest.mark.parametrize("name", ["3_a.jpg", "1-3_a.jpg", "1_0.png", "3_a.webp"])
def test_photos_on_disk_are_found_by_the_names_that_programs_give(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    (record,) = read(tmp_path, page(tweet(1, "3_a"), media=(media("3_a"),)))
    assert isinstance(record, Record)
    assert record.photos[0].source == tmp_path / name


@pytest.mark.parametrize(
    "url", ["https://h/media/A?format=jpg&name=large", "https://h/media/A.jpg?name=orig", "https://h/A.jpg"]
)
def test_photo_names_in_urls(tmp_path: Path, url: str) -> None:
    (tmp_path / "A.jpg").touch()
    medium = media("3_a") | {"url": url}
    (record,) = read(tmp_path, page(tweet(1, "3_a"), media=(medium,)))
    assert isinstance(record, Record)
    assert record.photos[0].source == tmp_path / "A.jpg"


# --- the shared archives, recounted ---------------------------------------------------------------------------------


def recount(document: Any) -> Iterator[tuple[str, str]]:
    """(post, what) of every medium or post without one, found by walking the JSON in the plainest way."""
    if isinstance(document, list):
        for item in document:
            yield from recount(item)
    elif "statuses" in document:
        yield from recount(document["statuses"])
    elif "data" in document:
        by_key = {m["media_key"]: m for m in document["includes"].get("media", [])}
        by_id = {t["id"]: t for t in document["includes"].get("tweets", [])}
        for post in document["data"]:
            yield from recount_v2(post, by_id, by_key)
    elif "id_str" in document:
        post = document.get("retweeted_status", document)
        long = post.get("extended_tweet", post)
        found = (long.get("extended_entities") or long.get("entities", {})).get("media", [])
        still = "photo" if all("/media/" in m["media_url_https"] for m in found) else "video"
        yield from ((post["id_str"], still) for _ in found)
        if not found:
            yield post["id_str"], "none"
    else:
        yield from recount_v2(document, {}, {})


def recount_v2(post: Json, by_id: dict[str, Json], by_key: dict[str, Json]) -> Iterator[tuple[str, str]]:
    mine = post.get("attachments", {}).get("media_keys", [])
    for reference in post.get("referenced_tweets", []):
        if reference["type"] == "retweeted":
            post = by_id.get(reference["id"], reference)
    kinds = {"3": "photo", "7": "video", "13": "video", "16": "animated_gif"}
    keys = post.get("attachments", {}).get("media_keys", mine)
    yield from ((post["id"], by_key.get(key, {}).get("type", kinds[key.split("_")[0]])) for key in keys)
    if not keys:
        yield post["id"], "none"


ARCHIVES = () if SHARED is None else tuple(sorted((SHARED / "x_api").rglob("*.json*")))


@pytest.mark.skipif(SHARED is None, reason="needs ../shared/data")
def test_the_shared_archives_are_there() -> None:
    assert len(ARCHIVES) == 15


@pytest.mark.parametrize("file", ARCHIVES, ids=lambda file: file.name)
def test_shared_archives(tmp_path: Path, file: Path) -> None:
    if file.name in ("users.jsonl", "counts.jsonl"):
        with pytest.raises(CcdError, match=r"(users|counts of posts), not posts"):
            list(archive.read(file, tmp_path))
        return
    content = file.read_text(encoding="utf-8")
    try:
        documents = [json.loads(content)]
    except json.JSONDecodeError:
        documents = [json.loads(line) for line in content.splitlines()]
    expected = Counter(found for document in documents for found in recount(document))
    entries = list(archive.read(file, tmp_path))
    found = Counter((name.split(":")[1], "photo") for name in names(entries))
    assert found == {key: n for key, n in expected.items() if key[1] == "photo"}
    reasons = Counter(reason for _, reason in drops(entries))
    assert reasons[Reason.NO_PHOTO] == sum(n for key, n in expected.items() if key[1] == "none")
    assert reasons[Reason.MOVING] == sum(n for key, n in expected.items() if key[1] in ("video", "animated_gif"))
    assert sum(reasons.values()) + sum(found.values()) == sum(expected.values())


def test_authors_and_sensitive_posts_are_told_in_both_versions(tmp_path: Path) -> None:
    new = page(tweet(1, "3_a", author_id="77", possibly_sensitive=True), media=(media("3_a"),))
    old = {"id_str": "2", "text": "t", "user": {"id": 78, "id_str": "78"}, "possibly_sensitive": False}
    old["entities"] = {"media": [{"id_str": "9", "type": "photo", "media_url_https": "https://pbs.twimg.com/a.jpg"}]}
    silent = tweet(3, "3_c", author_id=None)
    found = read(tmp_path, new, old, silent)
    assert [(e.author, e.sensitive) for e in found if isinstance(e, Record)] == [
        ("77", True),
        ("78", False),
        (None, None),
    ]


def test_of_an_edited_post_the_newest_version_in_the_file_is_the_pair(tmp_path: Path) -> None:
    versions = {"edit_history_tweet_ids": ["1", "2", "3"]}
    documents = [
        page(tweet(1, "3_1", **versions), tweet(8, "3_1", edit_history_tweet_ids=["8"]), media=(media("3_1"),)),
        page(tweet(3, "3_1", **versions), media=(media("3_1"),)),
        page(tweet(2, "3_1", **versions), media=(media("3_1"),)),
        page(tweet(5, "3_1", edit_history_tweet_ids=["5", "6"]), media=(media("3_1"),)),  # the newer is not here
    ]
    found = read(tmp_path, *documents)
    assert [entry.post_id for entry in found if isinstance(entry, Record)] == ["x:8", "x:3", "x:5"]
    assert [entry.detail for entry in found if isinstance(entry, Drop)] == ["1 was edited", "2 was edited"]
