"""Collecting into a campaign: once, twice, after kills."""

import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ccd.campaign.campaign import Campaign
from ccd.campaign.tables import schema
from collection import archive, store, table
from collection.records import Drop, Photo, Reason, Record
from collection.store import collect
from collection.synthetic.records import SOURCE, records
from tests.collection.conftest import ANNOTATORS
from tests.data import SHARED

Paint = Callable[..., Path]


def rows(campaign: Campaign, name: str) -> list[tuple[Any, ...]]:
    """A table's rows, the time of collection aside."""
    columns = [c for c in schema.metadata.tables[name].c if c.name != "collected_at"]
    with campaign.read() as db:
        return sorted(tuple(map(str, row)) for row in db.execute(sa.select(*columns)))


def state(campaign: Campaign) -> tuple[Any, ...]:
    files = {
        str(f.relative_to(campaign.folder)): f.read_bytes()
        for f in (campaign.folder / "images").rglob("*")
        if f.is_file()
    }
    return files, *(rows(campaign, name) for name in ("posts", "images", "pairs", "drops"))


def record(name: str | None, text: str, *photos: Path | str, place: str = "line 1") -> Record:
    return Record(name, text, None, None, tuple(Photo(i, p) for i, p in enumerate(photos)), place)


def test_a_post_with_two_photos(campaign: Campaign, paint: Paint) -> None:
    counts = collect(campaign, [record("x:1", "Hi &amp; ho", paint("a.png", 1), paint("b.jpg", 2))], "t.csv")
    assert (counts.read, counts.kept, counts.known, counts.dropped) == (2, 2, 0, {})
    assert [row[0] for row in rows(campaign, "pairs")] == ["x:1:0", "x:1:1"]
    with campaign.read() as db:
        pair = (
            db.execute(sa.select(schema.pairs, schema.images).join_from(schema.pairs, schema.images)).mappings().first()
        )
        assert db.execute(sa.select(schema.posts.c.text, schema.posts.c.source)).one() == ("Hi &amp; ho", "t.csv")
    assert pair is not None
    assert pair["text"] == "Hi & ho"
    assert (campaign.folder / pair["file"]).stat().st_size == pair["bytes"]
    assert (pair["width"], pair["height"], pair["format"]) == (8, 6, "PNG")


def test_twice_is_once(campaign: Campaign, paint: Paint) -> None:
    entries: list[Record | Drop] = [
        record("x:1", "one", paint("a.png", 1)),
        record("x:2", "one", paint("a.png", 1), place="line 2"),
        record("x:3", "three", "3_a (no URL in the file)", place="line 3"),
        record("x:4", "http://t.co/abc", paint("a.png", 1), place="line 4"),
        record(None, "none", paint("c.png", 3), place="line 5"),
        record(None, "none", "gone.jpg", place="line 6"),
        Drop("line 7", Reason.MALFORMED, "2 cells"),
        record("x:1", "other text", paint("a.png", 1), place="line 8"),
        record("x:1", "one", paint("b.png", 2), place="line 9"),
    ]
    first = collect(campaign, entries, "t.csv")
    before = state(campaign)
    second = collect(campaign, entries, "t.csv")
    assert state(campaign) == before
    assert (first.read, first.kept, first.known) == (9, 2, 0)
    assert (second.read, second.kept, second.known) == (9, 0, 2)
    assert first.dropped == second.dropped
    assert {(item, reason) for _, item, reason, _ in rows(campaign, "drops")} == {
        ("x:2:0", Reason.DUPLICATE),
        ("x:3:0", Reason.NOT_ON_DISK),
        ("x:4:0", Reason.NO_TEXT),
        ("line 6", Reason.NOT_ON_DISK),
        ("line 7", Reason.MALFORMED),
        ("line 8", Reason.ID_USED),
        ("line 9", Reason.ID_USED),
    }
    assert ("t.csv", "x:2:0", "duplicate text and image", "same as x:1:0") in rows(campaign, "drops")
    assert len(list((campaign.folder / "images").rglob("*.png"))) == 2  # nothing is stored for what is dropped


@pytest.mark.parametrize("in_one_run", [True, False])
def test_a_post_that_comes_with_another_text_gives_no_pair(campaign: Campaign, paint: Paint, in_one_run: bool) -> None:
    first = record("x:1", "one", paint("a.png", 1))
    other = record("x:1", "other", "https://pbs.twimg.com/media/A.jpg", paint("b.png", 2), place="line 2")
    for entries in [[first, other]] if in_one_run else [[first], [other]]:
        counts = collect(campaign, entries, "t.csv")
    assert counts.dropped == {Reason.ID_USED: 2}
    assert [row[0] for row in rows(campaign, "pairs")] == ["x:1:0"]
    assert {item for _, item, _, _ in rows(campaign, "drops")} == {"line 2, x:1:0", "line 2, x:1:1"}


@pytest.mark.parametrize("later", ["a.png", "https://pbs.twimg.com/media/A.jpg"])
def test_a_pair_that_comes_in_the_same_batch_takes_its_drop_away(campaign: Campaign, paint: Paint, later: str) -> None:
    paint("a.png")
    folder = paint("b.png").parent
    found = later if later.startswith("https") else folder / later
    counts = collect(campaign, [record("x:1", "one", folder / "missing.png"), record("x:1", "one", found)], "t.csv")
    assert (counts.kept, counts.waiting) == ((0, 1) if later.startswith("https") else (1, 0))
    assert rows(campaign, "drops") == []


def test_content_ids_are_stable_for_ever() -> None:
    assert store.content_id("Look!", "00" * 32) == "sha:" + hashlib.sha256(b"Look!\0" + bytes(32)).hexdigest()[:12]
    assert store.content_id("Look!", "00" * 32) == "sha:72d13fbde3f0"


def test_a_photo_that_comes_later_takes_the_drop_away(campaign: Campaign, paint: Paint, tmp_path: Path) -> None:
    missing = [record("x:1", "one", tmp_path / "late.png")]
    assert collect(campaign, missing, "t.csv").dropped == {Reason.NOT_ON_DISK: 1}
    paint("late.png")
    assert collect(campaign, missing, "t.csv").kept == 1
    assert rows(campaign, "drops") == []
    (tmp_path / "late.png").unlink()
    assert collect(campaign, missing, "t.csv").known == 1
    assert rows(campaign, "drops") == []


def test_a_drop_taken_back_within_one_batch(campaign: Campaign, paint: Paint, tmp_path: Path) -> None:
    """The same post twice in a file: its photo is missing where it is read first."""
    entries = [record("x:1", "one", tmp_path / "no.png"), record("x:1", "one", paint("a.png"), place="line 2")]
    assert collect(campaign, entries, "t.csv").kept == 1
    assert rows(campaign, "drops") == []
    waits = [record("x:2", "two", tmp_path / "no.png"), record("x:2", "two", "https://a.example/b.png", place="line 4")]
    assert collect(campaign, waits, "t.csv").waiting == 1
    assert rows(campaign, "drops") == []


def test_what_became_a_pair_is_no_drop_whatever_it_was_dropped_as(
    campaign: Campaign, paint: Paint, tmp_path: Path
) -> None:
    """By another source; as a whole post; and by its place, where the id is that of the content."""
    before: list[Record | Drop] = [
        record("x:1", "one", tmp_path / "no.png"),
        Drop("x:2", Reason.NO_PHOTO, "line 2"),
        record("x:3", "long " * 50_000, paint("c.png", 3), place="line 3"),
        record(None, "four", tmp_path / "no.png", place="line 4"),
        record("x:5", "one", tmp_path / "no.png", place="line 5"),
    ]
    assert sum(collect(campaign, before, "old.csv").dropped.values()) == 5
    later = [record(f"x:{n}", f"text {n}", paint(f"{n}.png", n)) for n in (1, 2, 3)]
    assert collect(campaign, later, "new.csv").kept == 3
    assert {row[1] for row in rows(campaign, "drops")} == {"line 4", "x:5:0"}
    assert collect(campaign, [record(None, "four", paint("4.png", 4), place="line 4")], "old.csv").kept == 1
    assert {row[1] for row in rows(campaign, "drops")} == {"x:5:0"}


def test_a_photo_with_an_address_waits_until_it_is_on_disk(campaign: Campaign, paint: Paint) -> None:
    address = "https://pbs.twimg.com/media/A.jpg"
    entries = [record("x:1", "one", address), record(None, "two", address), record("x:3", "http://t.co/a", address)]
    for _ in range(2):
        counts = collect(campaign, entries, "t.csv")
        assert (counts.read, counts.waiting, counts.kept, counts.dropped) == (3, 2, 0, {Reason.NO_TEXT: 1})
    queue = rows(campaign, "photos")
    assert queue[1] == ("x:1:0", "x:1", "0", address, "one", "None", "todo", "None", "0")
    assert queue[0][0].startswith("sha:")
    assert len(rows(campaign, "posts")) == 2
    found = collect(campaign, [record("x:1", "one", paint("A.png"))], "t.csv")
    assert (found.kept, found.waiting) == (1, 0)
    assert rows(campaign, "photos")[1][6] == "done"
    assert collect(campaign, entries, "t.csv").known == 1
    assert collect(campaign, [record("x:1", "other", address)], "t.csv").dropped == {Reason.ID_USED: 1}
    assert collect(campaign, entries[1:] * 9, "t.csv", limit=1).read == 1


def test_a_limit_counts_what_is_there(campaign: Campaign, paint: Paint) -> None:
    entries = [record(f"x:{i}", f"text {i}", paint(f"{i}.png", i)) for i in range(10)]
    for _ in range(2):
        counts = collect(campaign, entries, "t.csv", limit=4)
        assert counts.kept + counts.known == 4
    assert len(rows(campaign, "pairs")) == 4
    assert len(list((campaign.folder / "images").rglob("*.png"))) == 4
    more = collect(campaign, entries, "t.csv", limit=6)
    collect(campaign, entries, "other.csv", limit=6, counts=more)
    assert (more.kept, more.known, more.read) == (2, 4, 6)


def test_texts_that_no_database_holds_are_stored(campaign: Campaign, paint: Paint) -> None:
    collect(campaign, [record("x:1", "nul \0 and \ud800 half", paint("a.png"))], "t.csv")
    with campaign.read() as db:
        assert db.scalar(sa.select(schema.posts.c.text)) == "nul \ufffd and \ufffd half"
        assert db.scalar(sa.select(schema.pairs.c.text)) == "nul and half"


def test_an_archive_from_page_to_pairs(campaign: Campaign, paint: Paint, tmp_path: Path) -> None:
    photo = '{"media_key": "3_a", "type": "photo", "url": "https://pbs.twimg.com/media/AbC.png"}'
    urls = '{"urls": [{"url": "https://t.co/p", "media_key": "3_a"}]}'
    post = (
        f'{{"id": "5", "text": "see https://t.co/p now", "attachments": {{"media_keys": ["3_a"]}}, "entities": {urls}}}'
    )
    (tmp_path / "a.jsonl").write_text(f'{{"data": [{post}], "includes": {{"media": [{photo}]}}}}\n' * 2)
    paint("media/AbC.png")
    counts = collect(campaign, archive.read(tmp_path / "a.jsonl", tmp_path / "media"), "a.jsonl")
    assert (counts.kept, counts.known) == (1, 1)
    with campaign.read() as db:
        assert db.execute(sa.select(schema.pairs.c.pair_id, schema.pairs.c.text)).one() == ("x:5:0", "see now")


def test_the_small_world_is_synthetic(campaign: Campaign, tmp_path: Path) -> None:
    found, truth = records(24, 1, tmp_path / "pictures")
    assert not campaign.is_synthetic
    assert collect(campaign, found, SOURCE).kept == 24
    assert campaign.is_synthetic
    assert {row[0] for row in rows(campaign, "pairs")} == set(truth)


RUN = """
import sys
from pathlib import Path
from ccd.campaign.campaign import Campaign
from collection import store, table

def told(records):
    for number, record in enumerate(records):
        print(number, flush=True)
        yield record

store.BATCH = 7
store.collect(Campaign.open(Path(sys.argv[1])), told(table.read(Path(sys.argv[2]))), "t.csv")
"""


@pytest.mark.slow
def test_killed_anywhere_and_run_again_ends_as_undisturbed(tmp_path: Path, paint: Paint) -> None:
    lines = ["id,text,image"]
    for i in range(400):
        paint(f"p{i % 90}.png", i % 90)
        lines.append(f"{i},text {i % 120},p{i % 90}.png" if i % 11 else "short")
    (tmp_path / "t.csv").write_text("\n".join([*lines, "900,gone,gone.png"]))
    calm, disturbed = (
        Campaign.create(tmp_path / name, name=name, annotators=ANNOTATORS, adjudicators=())
        for name in ("calm", "disturbed")
    )
    collect(calm, table.read(tmp_path / "t.csv"), "t.csv")
    command = [sys.executable, "-c", RUN, str(disturbed.folder), str(tmp_path / "t.csv")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    rng = random.Random(5)
    left = []
    for row in (20, 80, 180, 300):
        with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as run:
            assert run.stdout is not None
            for _ in range(row + rng.randrange(30)):
                run.stdout.readline()
            time.sleep(rng.uniform(0, 0.003))
            run.send_signal(signal.SIGKILL)
        left.append(len(rows(disturbed, "pairs")))
    assert 0 < left[0] < left[1] < left[2] < len(rows(calm, "pairs"))
    collect(disturbed, table.read(tmp_path / "t.csv"), "t.csv")
    assert state(disturbed) == state(calm)


@pytest.mark.slow
@pytest.mark.skipif(SHARED is None, reason="needs ../shared/data")
def test_the_tweets(campaign: Campaign) -> None:
    assert SHARED is not None
    counts = collect(campaign, table.read(SHARED / "tweets" / "tweets.tsv"), "tweets/tweets.tsv")
    assert counts.read == 11_103 == counts.kept + sum(counts.dropped.values())
    assert set(counts.dropped) == {Reason.DUPLICATE}
    with campaign.read() as db:
        photos = db.scalar(sa.select(sa.func.count()).select_from(schema.images))
        dated = db.scalar(sa.select(sa.func.count(schema.posts.c.created_at)))
        links = db.scalar(sa.select(sa.func.count()).where(schema.pairs.c.text.regexp_match(r"https?://t\.co/\w+$")))
    assert photos == len(list((SHARED / "tweets" / "images").iterdir())) == 236
    assert dated == counts.kept
    assert links == 0
