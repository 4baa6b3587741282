"""Tables of every kind, whole and damaged."""

import csv
import gzip
import io
import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.campaign.campaign import Campaign
from ccd.errors import CcdError
from collection import table
from collection.records import Drop, Reason, Record
from collection.spoilt import spoilt
from collection.store import collect
from collection.table import Columns
from tests.data import SHARED

AS_NAMED = Columns()


def read(
    file: Path, content: str | bytes, columns: Columns = AS_NAMED, images: Path | None = None
) -> list[Record | Drop]:
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(table.read(file, columns, images))


def texts(entries: list[Record | Drop]) -> list[str]:
    return [e.text for e in entries if isinstance(e, Record)]


def drops(entries: list[Record | Drop]) -> list[tuple[str, str]]:
    return [(e.item, e.reason) for e in entries if isinstance(e, Drop)]


ROW = {
    "tweet_id": "692094123456789012",
    "text": "Hi",
    "image": "a.jpg",
    "created_at": "2019-12-31T19:26:16Z",
    "lang": "en",
}


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.jsonl", "t.parquet", "t.csv.gz", "t.jsonl.gz"])
def test_every_kind_gives_the_same_record(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    if ".parquet" in name:
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist([ROW | {"tweet_id": int(ROW["tweet_id"])}]), file)
    else:
        separator = "\t" if "tsv" in name else ","
        content = json.dumps(ROW) if "jsonl" in name else separator.join(ROW) + "\n" + separator.join(ROW.values())
        file.write_bytes(gzip.compress(content.encode()) if name.endswith(".gz") else content.encode())
    (record,) = table.read(file)
    assert isinstance(record, Record)
    assert (record.post_id, record.text, record.lang) == ("x:692094123456789012", "Hi", "en")
    assert record.created_at == "2019-12-31T19:26:16+00:00"
    assert record.photos[0].source == tmp_path / "a.jpg"


def test_named_columns_and_folder(tmp_path: Path) -> None:
    columns = Columns(id="key", text="words", image="picture")
    (record,) = read(tmp_path / "t.csv", "key;words;picture\nk1;Hi, you;b.png\n", columns, tmp_path / "media")
    assert isinstance(record, Record)
    assert (record.post_id, record.text) == ("id:k1", "Hi, you")
    assert record.photos[0].source == tmp_path / "media" / "b.png"


def test_of_columns_that_differ_only_in_case_the_first_is_read(tmp_path: Path) -> None:
    assert texts(read(tmp_path / "t.csv", "Text,TEXT,image\nfirst,second,a.jpg\n")) == ["first"]


def test_a_table_without_ids(tmp_path: Path) -> None:
    (record,) = read(tmp_path / "t.csv", "\ufefftext,image\nHi,a.jpg\n")
    assert isinstance(record, Record)
    assert record.post_id is None


def test_damaged_rows_are_dropped_with_their_line_and_the_rest_is_read(tmp_path: Path) -> None:
    content = (
        b"id,text,image\n1,ok,a.jpg\n2,short\n3,one,two,three\n4,\xff\xfe,a.jpg\n\n6.92E+17,x,a.jpg\n,x,a.jpg\n"
        b'5,,a.jpg\n6,x,\n7,x,../../secret.jpg\n8,"two\nlines",a.jpg\n9,last,a.jpg\n'
    )
    entries = read(tmp_path / "t.csv", content)
    assert texts(entries) == ["ok", "two\nlines", "last"]
    assert drops(entries) == [
        ("line 3", Reason.MALFORMED),
        ("line 4", Reason.MALFORMED),
        ("line 5", Reason.NOT_UTF8),
        ("line 7", Reason.ID_MANGLED),
        ("line 8", Reason.ID_MISSING),
        ("id:5:0", Reason.NO_TEXT),
        ("id:6:0", Reason.NO_PHOTO),
        ("id:7:0", Reason.OUTSIDE),
    ]


def test_a_stray_quote_spoils_its_own_row_only(tmp_path: Path) -> None:
    body = '1,"never ends,a.jpg\n' + "".join(f"{i},row {i},a.jpg\n" for i in range(2, 400))
    entries = read(tmp_path / "t.csv", "id,text,image\n" + body)
    assert texts(entries) == ['"never ends', *(f"row {i}" for i in range(2, 400))]
    entries = read(tmp_path / "t.csv", 'id,text,image\n1,"one, two,a.jpg\n2,next,a.jpg\n')
    assert drops(entries) == [("line 2", Reason.MALFORMED)]
    assert texts(entries) == ["next"]


def test_tabs_without_quoting_keep_their_quotes(tmp_path: Path) -> None:
    entries = read(tmp_path / "t.tsv", 'id\ttext\timage\n1\t"Wow" she said\ta.jpg\n2\t"open\ta.jpg\n3\tend"\ta.jpg\n')
    assert texts(entries) == ['"Wow" she said', '"open', 'end"']


# a TSV cell with a tab and a line end is not promised, and what looks like Python's bytes is refused
cells_of_text = st.text(st.sampled_from('ab",;\n é')).filter(lambda cell: cell.strip() and not spoilt(cell))


@given(st.lists(cells_of_text, min_size=1, max_size=8), st.sampled_from(",\t"))
def test_what_csv_writes_is_read_back(tmp_path_factory: pytest.TempPathFactory, cells: list[str], tab: str) -> None:
    out = io.StringIO()
    writer = csv.writer(out, delimiter=tab, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerows([["id", "text", "image"], *([i, cell, "a.jpg"] for i, cell in enumerate(cells))])
    name = "t.tsv" if tab == "\t" else "t.csv"
    assert texts(read(tmp_path_factory.mktemp("t") / name, out.getvalue())) == cells


def test_json_lines_damaged(tmp_path: Path) -> None:
    good = json.dumps(ROW).encode()
    entries = read(
        tmp_path / "t.jsonl", b"\n".join([b"{broken", good, b"[1]", b'{"text": "\xff"}', b'{"text": 5}', good])
    )
    assert texts(entries) == ["Hi", "Hi"]
    assert drops(entries) == [
        ("line 1", Reason.MALFORMED),
        ("line 3", Reason.MALFORMED),
        ("line 4", Reason.NOT_UTF8),
        ("line 5", Reason.ID_MISSING),
    ]


def test_parquet_ids_that_are_floating_point_are_refused(tmp_path: Path) -> None:
    rows = [{"id": 6.92e17, "text": "x", "image": "a.jpg", "thumb": b"bytes"}]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "t.parquet")
    assert drops(list(table.read(tmp_path / "t.parquet"))) == [("row 1", Reason.ID_MANGLED)]


@pytest.mark.parametrize(
    ("name", "content", "columns", "message"),
    [
        ("t.csv", b"", Columns(), "empty file"),
        ("t.csv", b"tweet_id,label\n1,2\n", Columns(), "no text column found; name one of tweet_id, label"),
        ("t.csv", b"text,image\nx,y\n", Columns(id="key"), "no column 'key' for --id-column; it has text, image"),
        ("t.csv", "text,image\n".encode("utf-16"), Columns(), "UTF-16"),
        ("t.csv", b"text,caf\xe9,image\nx,y,z\n", Columns(), "not UTF-8"),
        ("t.csv", b"PK\x03\x04....", Columns(), "Excel"),
        ("t.csv", b"\x00\x01\x02", Columns(), "binary"),
        ("t.xlsx", b"PK", Columns(), "not a .csv, .tsv, .jsonl or .parquet file; say with --format"),
        ("t.jsonl", b"[\n", Columns(), "no JSON object"),
        ("t.parquet", b"nothing", Columns(), "not a Parquet file"),
        ("t.csv.gz", gzip.compress(b"text,image\n" + b"a,b.jpg\n" * 99, mtime=0)[:-12], Columns(), "damaged gzip"),
    ],
)
def test_wrong_files_are_one_clear_error(
    tmp_path: Path, name: str, content: bytes, columns: Columns, message: str
) -> None:
    with pytest.raises(CcdError, match=message) as error:
        read(tmp_path / name, content, columns)
    assert name in str(error.value)


def test_no_file(tmp_path: Path) -> None:
    for name in ("none.csv", "none.parquet"):
        with pytest.raises(CcdError, match="no such file"):
            list(table.read(tmp_path / name))
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(CcdError, match=r"folder\.csv: cannot be read"):
        list(table.read(tmp_path / "folder.csv"))


@pytest.mark.slow
def test_memory_stays_flat(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("id,text,image\n" + "".join(f"{i},{'long text ' * 30},a.jpg\n" for i in range(8_000)))
    tracemalloc.start()
    number = sum(1 for _ in table.read(file))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert number == 8_000
    assert peak < 1_000_000 < file.stat().st_size


needs_data = pytest.mark.skipif(SHARED is None, reason="needs ../shared/data")


@pytest.mark.slow
@needs_data
def test_the_tweets_are_all_read() -> None:
    assert SHARED is not None
    file = SHARED / "tweets" / "tweets.tsv"
    entries = list(table.read(file))
    # an independent reading: the file holds no line end within a cell, and doubles the quotes of quoted cells
    independent = []
    for line in file.read_text(encoding="utf-8").split("\n")[1:]:
        if line:
            tweet, text, image, _ = line.split("\t")
            quoted = text.startswith('"') and text.endswith('"') and len(text) > 1
            independent.append((f"x:{tweet}", text[1:-1].replace('""', '"') if quoted else text, file.parent / image))
    assert len(independent) == 11_103
    assert [(e.post_id, e.text, e.photos[0].source) for e in entries if isinstance(e, Record)] == independent


@needs_data
def test_a_table_without_texts_says_what_is_missing() -> None:
    assert SHARED is not None
    with pytest.raises(CcdError, match=r"textimage\.csv: no text column found"):
        list(table.read(SHARED / "tir" / "textimage.csv"))


def test_a_file_whose_name_does_not_say_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text("id\ttext\timage\n75\tA red gate\ta.jpg\n")
    assert texts(list(table.read(tmp_path / "t.txt", form="tsv"))) == ["A red gate"]


def test_links_out_of_the_folder_are_followed_on_request(tmp_path: Path) -> None:
    (tmp_path / "blobs").mkdir()
    (tmp_path / "snapshot").mkdir()
    (tmp_path / "blobs" / "b1").write_bytes(b"a picture")
    (tmp_path / "snapshot" / "a.jpg").symlink_to("../blobs/b1")
    file = tmp_path / "snapshot" / "t.csv"
    file.write_text("id,text,image\n7,A red gate,a.jpg\n8,A thief,../blobs/b1\n")
    assert drops(list(table.read(file))) == [("id:7:0", Reason.OUTSIDE), ("id:8:0", Reason.OUTSIDE)]
    assert texts(list(table.read(file, follow_links=True))) == ["A red gate"]


def test_a_folder_of_datasets_is_a_table(tmp_path: Path, campaign: Campaign, paint: Callable[..., Path]) -> None:
    datasets = pytest.importorskip("datasets")
    rows = {
        "tweet_id": [f"12345678901234567{n}" for n in range(3)],
        "text": [f"Gate {n}" for n in range(3)],
        "image": [str(paint(f"{n}.png", 60 * n + 20)) for n in range(3)],
    }
    made = datasets.Dataset.from_dict(rows).cast_column("image", datasets.Image())
    made.save_to_disk(tmp_path / "set", num_shards=2)
    datasets.DatasetDict({"train": made, "test": made}).save_to_disk(tmp_path / "sets")
    for name in rows["image"]:
        Path(name).unlink()
    counts = collect(campaign, table.read(tmp_path / "set"), "set")
    assert (counts.kept, counts.dropped) == (3, {})
    with pytest.raises(CcdError, match="a folder of several datasets; name one of its folders: test, train"):
        list(table.read(tmp_path / "sets"))
    (tmp_path / "set" / "state.json").write_text("{}")
    with pytest.raises(CcdError, match="is damaged"):
        list(table.read(tmp_path / "set"))
