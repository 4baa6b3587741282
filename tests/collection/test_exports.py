"""Tables and archives as other programs write them: rows in are rows out, and what cannot be read is said."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from ccd.errors import CcdError
from collection import archive, table
from collection.records import Drop, Reason, Record
from collection.store import collect
from tests.campaigns import small_campaign

ONE, TWO = 692703645437677568, 692703645437677569
PHOTO = "https://pbs.twimg.com/media/A1.jpg"


def entries(folder: Path, text: str, name: str = "t.csv", **options: Any) -> list[Record | Drop]:
    (folder / name).write_text(text, encoding="utf-8")
    return list(table.read(folder / name, **options))


def records(folder: Path, text: str, name: str = "t.csv", **options: Any) -> list[Record]:
    found = entries(folder, text, name, **options)
    assert all(isinstance(each, Record) for each in found), found
    return [each for each in found if isinstance(each, Record)]


def cells(*rows: list[object]) -> str:
    stream = io.StringIO()
    csv.writer(stream).writerows(rows)
    return stream.getvalue()


def sources(record: Record) -> list[str]:
    return [Path(photo.source).name if isinstance(photo.source, Path) else photo.source for photo in record.photos]


@pytest.mark.parametrize(
    "cell",
    [
        "{0},{1}",
        "{0}, {1}",
        "{0}|{1}",
        "{0};{1}",
        "{0} {1}",
        "{0}\n{1}\n",
        '["{0}", "{1}"]',
        "['{0}', '{1}']",
        '[{{"type": "photo", "url": "{0}"}}, {{"type": "video", "url": "v"}}, {{"type": "photo", "url": "{1}"}}]',
    ],
)
@pytest.mark.parametrize("two", [("https://a.org/1.jpg?a=1&amp;b=2", "https://a.org/2.jpg"), ("m/1.jpg", "m/2.PNG")])
def test_a_cell_may_name_several_photos(tmp_path: Path, cell: str, two: tuple[str, str]) -> None:
    if cell == "{0} {1}" and not two[0].startswith("http"):
        pytest.skip("names of files have spaces")
    (found,) = records(tmp_path, cells(["tweet_id", "text", "image"], [ONE, "Four views", cell.format(*two)]))
    wanted = ["https://a.org/1.jpg?a=1&b=2", "https://a.org/2.jpg"] if "http" in two[0] else ["1.jpg", "2.PNG"]
    assert sources(found) == wanted
    assert [photo.index for photo in found.photos] == [0, 1]


def test_an_address_inside_another_is_never_asked_for(tmp_path: Path) -> None:
    (drop,) = entries(tmp_path, f"id,text,image\n1,Lake,{PHOTO}{PHOTO}\n")
    assert isinstance(drop, Drop)
    assert drop.reason == Reason.MALFORMED


def test_a_row_a_photo(tmp_path: Path) -> None:
    text = "id,text,image\n601,Lake,0.jpg\n601,Lake,1.jpg\n601,Lake,2.jpg\n602,Lake,3.jpg\n602,Sea,4.jpg\n"
    found = records(tmp_path, text)
    assert [(each.post_id, each.photos[0].index) for each in found] == [
        *(("id:601", 0), ("id:601", 1), ("id:601", 2)),
        *(("id:602", 0), ("id:602", 0)),  # another text: the store says that the id is used
    ]


@pytest.mark.parametrize(
    "text",
    [
        "sep=;\nid;text;image\n7;Garden;a.jpg\n",
        "\ufeffsep=;\nid;text;image\n7;Garden;a.jpg\n",
        "id,text,image\r7,Garden,a.jpg\r",
        "Report:,Tweets\nFrom:,2020\n\nid,Full Text,Media URLs\n7,Garden,a.jpg\n",
        "id,fullText,image\n7,Garden,media\\a.jpg\n",
        "id,text,full_text,image\n7,Gard…,Garden,C:\\Users\\me\\a.jpg\n",
    ],
)
def test_forms_of_a_table(tmp_path: Path, text: str) -> None:
    (tmp_path / "t.csv").write_bytes(text.encode())
    (found,) = table.read(tmp_path / "t.csv", network="other")
    assert isinstance(found, Record)
    assert (found.post_id, found.text, sources(found)) == ("id:7", "Garden", ["a.jpg"])


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    with pytest.raises(CcdError, match="two columns are called 'text'"):
        entries(tmp_path, "id,text,image,text\n1,whole,a.jpg,reply\n")


@pytest.mark.parametrize("text", ["nan", "None", "NULL", " N/A ", "[removed]"])
def test_words_for_a_missing_text_are_no_text(tmp_path: Path, text: str) -> None:
    (drop,) = entries(tmp_path, cells(["id", "text", "image"], [1, text, "a.jpg"]))
    assert isinstance(drop, Drop)
    assert drop.reason == Reason.NO_TEXT
    assert text.strip() in drop.detail


@pytest.mark.parametrize("image", ["nan", "N/A", "None", "[]"])
def test_words_for_a_missing_photo_are_no_photo(tmp_path: Path, image: str) -> None:
    (drop,) = entries(tmp_path, cells(["id", "text", "image"], [1, "River", image]))
    assert isinstance(drop, Drop)
    assert drop.reason == Reason.NO_PHOTO


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("CafÃ© crÃ¨me", "Café crème"),
        ("donâ€™t", "don’t"),
        ("b'caf\\xc3\\xa9'", "café"),
        ("a \\ud83d\\ude00 day", "a 😀 day"),
    ],
)
def test_spoilt_texts_are_named_and_put_right_where_asked(tmp_path: Path, text: str, right: str) -> None:
    content = cells(["id", "text", "image"], [1, text, "a.jpg"])
    (drop,) = entries(tmp_path, content)
    assert isinstance(drop, Drop)
    assert drop.reason == Reason.SPOILT
    (found,) = records(tmp_path, content, repair=True)
    assert found.text == right


@pytest.mark.parametrize("text", ["São Paulo", "Ângela à Paris", "naïve café", "C:\\Users", "ação"])
def test_texts_that_only_look_so_are_kept(tmp_path: Path, text: str) -> None:
    (found,) = records(tmp_path, cells(["id", "text", "image"], [1, text, "a.jpg"]))
    assert found.text == text


@pytest.mark.parametrize(
    ("text", "network", "kept"),
    [
        ("id,text,image\n5031234567,Hut,a.jpg\n", None, "id:5031234567"),
        (f"id,text,image\n{ONE},Hut,a.jpg\n", None, f"id:{ONE}"),
        (f"id,text,image\n{ONE},Hut,a.jpg\n", "x", f"x:{ONE}"),
        (f"tweet_id,text,image\n{ONE},Hut,a.jpg\n", None, f"x:{ONE}"),
        (f"tweet_id,text,image\n{ONE},Hut,a.jpg\n", "other", f"id:{ONE}"),
        (f"link,text,image\nhttps://twitter.com/a/status/{ONE},Hut,a.jpg\n", None, f"x:{ONE}"),
        (f"id,text,image,date\n{ONE},Hut,a.jpg,2016-01-28T13:50:00Z\n", None, f"x:{ONE}"),
        (f"id,text,image,date\n{ONE},Hut,a.jpg,2019-01-28T13:50:00Z\n", None, f"id:{ONE}"),
    ],
)
def test_digits_alone_make_no_post_of_x(tmp_path: Path, text: str, network: str | None, kept: str) -> None:
    (found,) = records(tmp_path, text, network=network)
    assert found.post_id == kept


def test_rounded_ids_are_refused(tmp_path: Path) -> None:
    rows = [[round(ONE + n * 10**9, -3), f"text {n}", "a.jpg"] for n in range(12)]
    with pytest.raises(CcdError, match="lost their last digits"):
        entries(tmp_path, cells(["tweet_id", "text", "image"], *rows))


def test_authors_flags_and_alt_texts_are_read_and_dates_that_cannot_be_are_counted(tmp_path: Path) -> None:
    header = ["id", "author_id", "possibly_sensitive", "text", "image", "alt_text", "date"]
    first, second = records(
        tmp_path,
        cells(
            header, [1, 77, "True", "Garden", "a.jpg", "a red dot", "25/10/2016"], [2, 78, "0", "Sea", "b.jpg", "", "?"]
        ),
    )
    assert (first.author, first.sensitive, first.photos[0].alt_text) == ("77", True, "a red dot")
    assert (second.author, second.sensitive, second.photos[0].alt_text) == ("78", False, None)
    assert (first.unused, second.unused) == ((), ("a date that cannot be read",))


def test_the_same_post_from_two_exports_is_there_already(tmp_path: Path) -> None:
    campaign = small_campaign(tmp_path / "c", pairs=0)
    Image.new("RGB", (9, 9)).save(tmp_path / "a.png")
    kept = []
    for text in ("Tea &amp; cake https://t.co/abc", "Tea & cake", "Tea & bread"):
        counts = collect(campaign, entries(tmp_path, cells(["id", "text", "image"], [501, text, "a.png"])), text)
        kept.append((counts.kept, counts.known, dict(counts.dropped)))
    assert kept == [(1, 0, {}), (0, 1, {}), (0, 0, {Reason.ID_USED: 1})]


def test_parquet_with_the_pictures_inside(tmp_path: Path) -> None:
    Image.new("RGB", (9, 9), "red").save(tmp_path / "in.png")
    data = (tmp_path / "in.png").read_bytes()
    rows = [{"id": str(n), "text": f"Path {n}", "image": {"bytes": data, "path": f"{n}.png"}} for n in range(3)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "t.parquet")
    campaign = small_campaign(tmp_path / "c", pairs=0)
    assert collect(campaign, table.read(tmp_path / "t.parquet"), "t").kept == 3


# twarc-csv and 4CAT flatten posts into columns; names after their documentation.
TWARC = ["id", "text", "created_at", "author_id", "possibly_sensitive", "attachments.media", "attachments.media_keys"]
FOUR_CAT = ["id", "thread_id", "timestamp", "link", "subject", "body", "author", "images"]


def test_tables_of_other_programs(tmp_path: Path) -> None:
    media = json.dumps([{"type": "photo", "media_key": "3_1", "url": PHOTO}, {"type": "video", "media_key": "7_1"}])
    (twarc,) = records(tmp_path, cells(TWARC, [ONE, "Fog", "2016-01-28T13:50:00.000Z", 5, "False", media, "3_1,7_1"]))
    assert (twarc.post_id, sources(twarc), twarc.author, twarc.sensitive) == (f"x:{ONE}", [PHOTO], "5", False)
    link = f"https://twitter.com/u/status/{ONE}"
    row = [ONE, ONE, "2016-01-28 13:50:00", link, "", "Fog", "u", f"{PHOTO},https://pbs.twimg.com/media/B.jpg"]
    (four,) = records(tmp_path, cells(FOUR_CAT, row))
    assert (four.post_id, four.text, len(four.photos)) == (f"x:{ONE}", "Fog", 2)


def read_archive(folder: Path, content: str, name: str = "a.jsonl") -> list[Record | Drop]:
    (folder / name).write_text(content, encoding="utf-8")
    return list(archive.read(folder / name))


SNSCRAPE = {
    "_type": "snscrape.modules.twitter.Tweet",
    "id": ONE,
    "date": "2016-01-28T13:50:00+00:00",
    "rawContent": "Fog",
    "user": {"id": 5},
    "lang": "en",
    "media": [{"_type": "snscrape.modules.twitter.Photo", "fullUrl": PHOTO, "altText": "a bench"}],
}
APIFY = {
    "type": "tweet",
    "id": str(ONE),
    "url": f"https://x.com/u/status/{ONE}",
    "text": "Fo…",
    "fullText": "Fog",
    "createdAt": "Thu Jan 28 13:50:00 +0000 2016",
    "author": {"id": "5"},
    "lang": "en",
    "extendedEntities": {"media": [{"type": "photo", "media_url_https": PHOTO, "ext_alt_text": "a bench"}]},
}
WEB = {
    "id": str(ONE),
    "created_at": "2016-01-28 13:50:00 +00:00",
    "full_text": "Fog",
    "user_id": "5",
    "lang": "en",
    "media": [{"type": "photo", "thumbnail": "t", "original": PHOTO, "ext_alt_text": "a bench"}],
}
V1 = {
    "id_str": str(ONE),
    "id": ONE,
    "full_text": "Fog",
    "user": {"id_str": "5"},
    "lang": "en",
    "created_at": "Thu Jan 28 13:50:00 +0000 2016",
    "extended_entities": {"media": [{"type": "photo", "media_url_https": PHOTO, "ext_alt_text": "a bench"}]},
}
V2 = {
    "data": [
        {"id": ONE, "text": "Fog", "author_id": "5", "lang": "en", "created_at": "2016-01-28T13:50:00Z"}
        | {"attachments": {"media_keys": ["3_1"]}}
    ],
    "includes": {"media": [{"media_key": "3_1", "type": "photo", "url": PHOTO, "alt_text": "a bench"}]},
}


@pytest.mark.parametrize("post", [SNSCRAPE, APIFY, WEB, V1, V2], ids=["snscrape", "apify", "web", "v1.1", "v2"])
@pytest.mark.parametrize("form", ["{0}\n", "[\n{0},\n]\n", "[{0}]", "{0}{0}\n", "{0},\n{0},\n"])
def test_archives_of_other_programs(tmp_path: Path, post: dict[str, Any], form: str) -> None:
    found = read_archive(tmp_path, form.format(json.dumps(post)))
    assert len(found) == form.count("{0}")
    for each in found:
        assert isinstance(each, Record)
        assert (each.post_id, each.text, each.lang, each.author) == (f"x:{ONE}", "Fog", "en", "5")
        assert each.created_at == "2016-01-28T13:50:00+00:00"
        assert (sources(each), each.photos[0].alt_text) == ([PHOTO], "a bench")


def test_a_users_own_archive_with_its_media(tmp_path: Path) -> None:
    (tmp_path / "tweets_media").mkdir()
    Image.new("RGB", (9, 9)).save(tmp_path / "tweets_media" / f"{ONE}-A1.jpg")
    posts = [{"tweet": {key: value for key, value in V1.items() if key != "user"}}]
    (found,) = read_archive(tmp_path, f"window.YTD.tweets.part0 = {json.dumps(posts, indent=2)}", "tweets.js")
    assert isinstance(found, Record)
    assert sources(found) == [f"{ONE}-A1.jpg"]


def test_of_an_edited_post_the_newest_version_is_the_pair(tmp_path: Path) -> None:
    old, new = (
        {**V2["data"][0], "id": str(name), "edit_history_tweet_ids": ids}
        for name, ids in ((ONE, [ONE]), (TWO, [ONE, TWO]))
    )
    drop, found = read_archive(tmp_path, json.dumps(V2 | {"data": [old, new]}))
    assert isinstance(drop, Drop)
    assert isinstance(found, Record)
    assert (drop.reason, found.post_id) == (Reason.EDITED, f"x:{TWO}")


def test_a_text_that_the_api_cut_is_counted(tmp_path: Path) -> None:
    cut = {**V1, "text": "Fo…", "truncated": True}
    del cut["full_text"]
    (found,) = read_archive(tmp_path, json.dumps(cut))
    assert isinstance(found, Record)
    assert found.unused == ("the rest of a text that the API cut",)
