"""Posts that are gone leave the campaign, whatever the moment of a kill; ids, labels and tombstones stay."""

import json
import os
import re
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from apps.cli.main import cli
from ccd.campaign.backup import backup
from ccd.campaign.campaign import Campaign
from ccd.campaign.config import CONFIG
from ccd.campaign.tables import deleted_posts, schema
from ccd.errors import CcdError
from collection import compliance, pages, quarantine, store, x, x_api
from collection.records import Drop, Photo, Reason, Record
from tests.collection.replay import TOKEN, X, post, serving


@pytest.fixture
def server() -> Iterator[X]:
    with serving() as state:
        yield state


@pytest.fixture
def api(server: X) -> x_api.XApi:
    return x_api.XApi(TOKEN, base_url=server.url, wait=lambda s, why: None, backoff=0.001)


@pytest.fixture
def full(campaign: Campaign, server: X, api: x_api.XApi, paint: Callable[..., Path]) -> Campaign:
    """Posts 1 to 6 with their photos; 5 and 6 show the same photo. 8 waits for its photo, 9 repeats 1."""
    server.add(*[post(i) for i in (1, 2, 3, 4, 5, 6, 8)], post(9, 0, ("retweeted", 1)))
    colours = {1: 10, 2: 20, 3: 30, 4: 40, 5: 50, 6: 50}
    records = [
        Record(f"x:{i}", f"Post number {i}", None, "en", (Photo(0, paint(f"{i}.png", colour)),), f"line {i}")
        for i, colour in colours.items()
    ]
    store.collect(campaign, [*records, Drop("x:2:1", Reason.MOVING, "https://video/2.mp4")], "t.csv")
    records = [Record("coco-1", "no tweet", None, "en", (Photo(0, paint("c.png", 60)),), "line 9")]
    store.collect(campaign, records, "c.csv")
    x.hydrate(campaign, api, ["1", "2", "8", "9"], x.Limits(1000))
    with campaign.read() as db:
        for image in db.scalars(sa.select(schema.images.c.file)):
            offered = campaign.folder / "studio" / "files" / image
            offered.parent.mkdir(parents=True, exist_ok=True)
            os.link(campaign.folder / image, offered)
    with campaign.write() as db:
        row = {"pair_id": "x:1:0", "question": "correlation", "label": "explicit", "resolved_by": "unanimous"}
        db.execute(schema.labels.insert().values(row | {"votes": "{}"}))
    return campaign


def state(campaign: Campaign) -> dict[str, Any]:
    """All that a run of compliance may change, without times."""
    with campaign.read() as db:
        rows: dict[str, Any] = {
            table.name: sorted(
                tuple(value for column, value in row.items() if column not in ("checked_at", "at", "collected_at"))
                for row in db.execute(sa.select(table)).mappings()
            )
            for table in (schema.tombstones, schema.labels, schema.meta)
        }
        p, q = schema.posts.c, schema.pairs.c
        rows["posts"] = dict(db.execute(sa.select(p.post_id, p.status)).all())
        rows["texts"] = dict(db.execute(sa.select(q.pair_id, q.text)).all())
    there = (file.relative_to(campaign.folder) for file in campaign.folder.rglob("*.png"))
    rows["files"] = sorted(str(file) for file in there if file.parts[0] != "quarantine")
    rows["pages"] = [
        {key: value for key, value in pages.read(path).items() if key != "ccd"} for path in pages.every(campaign.folder)
    ]
    return rows


def everything(campaign: Campaign) -> bytes:
    """What the campaign's folder says, as bytes: the database's live rows and the raw pages."""
    with campaign.read() as db:
        said = [repr(db.execute(sa.select(table)).all()) for table in schema.metadata.sorted_tables]
    return "".join([*said, *(json.dumps(pages.read(path)) for path in pages.every(campaign.folder))]).encode()


def lose(server: X) -> None:
    """1 is deleted, 2 protected, 3 withheld, 5 deleted; 4 and 6 live on. 8, waiting, is deleted."""
    for name in ("1", "5", "8"):
        del server.posts[name]
    server.forbidden = {"2"}
    server.posts["3"] |= {"withheld": {"copyright": False, "country_codes": ["DE"]}}


def test_nothing_is_gone(full: Campaign, server: X, api: x_api.XApi) -> None:
    before = everything(full)
    result = compliance.check(full, api, 100, sure=True)
    assert (result.asked, result.posts, result.gone, result.images, result.pages) == (7, 7, {}, 0, 0)
    assert server.asked[-1][1]["ids"].split(",") == ["1", "2", "3", "4", "5", "6", "8"]
    assert b"Post number 1" in before
    asked = len(server.asked)
    assert compliance.check(full, api, 100, sure=True).asked == 0, "not again within a day"
    assert len(server.asked) == asked


def test_what_is_gone_leaves_and_the_tombstone_stays(full: Campaign, server: X, api: x_api.XApi) -> None:
    lose(server)
    sheet = full.folder / "duplicates.html"
    sheet.write_text("Post number 1")
    result = compliance.check(full, api, 100, sure=True)
    assert not sheet.exists()
    assert result.gone == {"deleted": 3, "protected": 1, "withheld": 1}
    assert (result.images, result.pages) == (3, 1)
    after = state(full)
    assert after["posts"] == {
        "x:1": "deleted", "x:2": "protected", "x:3": "withheld", "x:4": "live", "x:5": "deleted", "x:6": "live",
        "x:8": "deleted", "coco-1": "live",
    }  # fmt: skip
    assert [row[:2] for row in after["tombstones"]] == [
        ("x:1", "deleted"), ("x:2", "protected"), ("x:3", "withheld"), ("x:5", "deleted"), ("x:8", "deleted"),
    ]  # fmt: skip
    assert {pair for pair, text in after["texts"].items() if not text} == {"x:1:0", "x:2:0", "x:3:0", "x:5:0"}
    assert after["labels"] == [("x:1:0", "correlation", "explicit", "unanimous", "{}")]
    assert len(after["files"]) == 2 * 3, "of 4, of 6 and of coco-1, each with its link"
    said = everything(full)
    for number in (1, 2, 3, 5, 8):
        assert f"Post number {number}".encode() not in said
        assert f"pbs.twimg.com/media/3_{number}0".encode() not in said
    assert b"video/2.mp4" not in said
    assert b"Post number 4" in said
    (page,) = after["pages"]
    assert (page["data"], page["includes"]["tweets"], page["includes"]["media"]) == ([], [], [])


def test_a_deleted_post_keeps_no_author_no_description_and_no_detail_and_others_keep_theirs(
    campaign: Campaign, paint: Callable[..., Path]
) -> None:
    address = "https://pbs.twimg.com/media/A.jpg"
    records: list[Record | Drop] = [
        Record(
            post_id,
            text,
            None,
            "en",
            (Photo(0, paint(f"{text}.png", colour), f"photo of {text}"), Photo(1, address, f"second of {text}")),
            "line 1",
            author=f"author of {text}",
        )
        for colour, (post_id, text) in enumerate([("x:1", "one"), ("x:12", "twelve")])
    ]
    moving = [Drop(item, Reason.MOVING, f"video of {item}") for item in ("x:1", "x:1:2", "x:12", "x:12:2")]
    store.collect(campaign, [*records, *moving], "t.csv")
    before = everything(campaign).decode()
    with campaign.write() as db:
        keys = dict(db.execute(sa.select(schema.posts.c.post_id, schema.posts.c.author_key)).all())
        deleted_posts.empty(db, {"x:1": "deleted"}, "2024-01-01")
    after = everything(campaign).decode()
    mine = (keys["x:1"], "'photo of one'", "'second of one'", "'video of x:1'", "'video of x:1:2'")
    others = (keys["x:12"], "'photo of twelve'", "'second of twelve'", "'video of x:12'", "'video of x:12:2'")
    assert all(said in before for said in mine + others)
    assert [said for said in mine if said in after] == []
    assert [said for said in others if said not in after] == []


def test_twice_is_once(full: Campaign, server: X, api: x_api.XApi) -> None:
    lose(server)
    compliance.check(full, api, 100, sure=True)
    once = state(full)
    again = compliance.check(full, api, 100, sure=True)
    assert (again.asked, again.gone) == (0, {})
    assert state(full) == once


def test_a_gone_post_is_neither_asked_nor_collected_again(full: Campaign, server: X, api: x_api.XApi) -> None:
    lose(server)
    compliance.check(full, api, 100, sure=True)
    once = state(full)
    run = x.hydrate(full, api, ["1", "2", "8", "9"], x.Limits(1000))
    assert (run.pages, set(run.statuses.values())) == (0, {"not found"})
    records = [
        Record("x:1", "Post number 1", None, "en", (Photo(0, "https://pbs.twimg.com/media/3_10.jpg"),), "line 1")
    ]
    store.collect(full, records, "t.csv")
    assert state(full)["texts"] == once["texts"]


def test_killed_between_the_rows_and_the_files(
    full: Campaign, server: X, api: x_api.XApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose(server)
    write = pages.write

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pages, "write", killed)
    with pytest.raises(KeyboardInterrupt):
        compliance.check(full, api, 100, sure=True)
    monkeypatch.setattr(pages, "write", write)
    assert b"Post number 1" in everything(full)
    compliance.check(full, api, 0, sure=True)
    assert b"Post number 1" not in everything(full)
    assert not any(row[0] == "compliance_unfinished" for row in state(full)["meta"])


def test_killed_between_calls_and_capped(
    full: Campaign, server: X, api: x_api.XApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    lose(server)
    monkeypatch.setattr(compliance, "BATCH", 2)
    first = compliance.check(full, api, 3, sure=True)
    assert (first.asked, first.left) == (3, 4)
    mark = compliance.mark

    def killed(campaign: Campaign, batch: list[str], *rest: Any) -> None:
        if "x:8" in batch:
            raise KeyboardInterrupt
        mark(campaign, batch, *rest)

    monkeypatch.setattr(compliance, "mark", killed)
    monkeypatch.setattr(compliance, "BATCH", 1)
    with pytest.raises(KeyboardInterrupt):
        compliance.check(full, api, 100, sure=True)
    monkeypatch.setattr(compliance, "mark", mark)
    assert state(full)["posts"]["x:5"] == "deleted"
    assert compliance.check(full, api, 100, sure=True).asked == 1
    assert len(state(full)["tombstones"]) == 5


def test_what_x_does_not_say_changes_nothing(full: Campaign, server: X, api: x_api.XApi) -> None:
    gone = server.posts.pop("4")
    answer = server.answer

    def mute(path: str, params: dict[str, str]) -> Any:
        status, body = answer(path, params)
        body["errors"] = [{"resource_id": "4", "title": "Operational", "type": "https://x/problems/disconnect"}]
        return status, body

    server.answer = mute  # type: ignore[method-assign]
    result = compliance.check(full, api, 100, sure=True)
    assert (result.unclear, result.gone) == (1, {})
    server.answer = answer  # type: ignore[method-assign]
    server.add(gone)
    assert compliance.check(full, api, 100, sure=True).asked == 1


def test_the_command(full: Campaign, server: X, monkeypatch: pytest.MonkeyPatch) -> None:
    lose(server)
    monkeypatch.setenv(x_api.TOKEN, TOKEN)
    monkeypatch.setenv(x_api.BASE_URL, server.url)
    result = CliRunner().invoke(cli, ["compliance", "--yes", "--dir", str(full.folder), "--json", "-"])
    assert result.exit_code == 0, result.output
    assert "7 posts to ask about: at most $0.04" in result.stderr
    facts = json.loads(result.stdout)
    assert (facts["asked"], facts["posts"], facts["usd"]) == (7, 3, 0.015)
    assert facts["gone"] == {"deleted": 3, "protected": 1, "withheld": 1}


def test_many_that_are_not_found_are_left_until_somebody_is_sure(full: Campaign, server: X, api: x_api.XApi) -> None:
    lose(server)
    before = everything(full)
    with pytest.raises(
        CcdError, match=r"^3 of 7 posts asked about are not found at X, more than 5%; nothing was taken"
    ):
        compliance.check(full, api, 100)
    after = state(full)
    assert set(after["posts"].values()) == {"live"}
    assert after["tombstones"] == []
    assert [text for text in re.findall(rb"Post number .", before) if text not in everything(full)] == []
    result = compliance.check(full, api, 100, sure=True)
    assert (result.asked, result.gone) == (5, {"deleted": 3, "protected": 1, "withheld": 1}), (
        "the others were asked about"
    )


def test_one_that_is_not_found_goes_without_a_word(full: Campaign, server: X, api: x_api.XApi) -> None:
    del server.posts["1"]
    assert compliance.check(full, api, 100).gone == {"deleted": 1}


def test_what_was_taken_out_goes_back_as_it_was(full: Campaign, server: X, api: x_api.XApi) -> None:
    before, said = state(full), everything(full)
    bytes_of = {path: path.read_bytes() for path in (full.folder / "images").rglob("*.png")}
    lose(server)
    compliance.check(full, api, 100, sure=True)
    kept = b"".join(path.read_bytes() for path in (full.folder / "quarantine").rglob("*") if path.is_file())
    assert b"Post number 1" in kept
    saved = backup(full, full.folder.parent / "saved.tar", lambda _name, _total: lambda _n: None)
    assert saved.files
    with tarfile.open(full.folder.parent / "saved.tar") as tar:
        assert not any("quarantine" in name for name in tar.getnames())
    assert quarantine.put_back(full) == 5
    after = state(full)
    assert {key: after[key] for key in ("posts", "texts", "labels", "tombstones", "pages")} == {
        key: before[key] for key in ("posts", "texts", "labels", "tombstones", "pages")
    }
    assert {path: path.read_bytes() for path in bytes_of} == bytes_of
    for detail in (b"Post number 1", b"https://video/2.mp4", b"3_80"):
        assert everything(full).count(detail) == said.count(detail)
    assert not list((full.folder / "quarantine").iterdir())
    with pytest.raises(CcdError, match="nothing is in quarantine"):
        quarantine.put_back(full)
    assert compliance.check(full, api, 100, sure=True).asked == 5, "they are asked about again"


@pytest.mark.parametrize(("days", "kept"), [("0", False), ("0.0000001", False), ("3", True)])
def test_the_quarantine_ends(
    full: Campaign, server: X, api: x_api.XApi, monkeypatch: pytest.MonkeyPatch, days: str, kept: bool
) -> None:
    toml = full.folder / CONFIG
    toml.write_text(toml.read_text().replace("# quarantine_days = 1 ", f"quarantine_days = {days} "))
    opened = Campaign.open(full.folder)
    lose(server)
    compliance.check(opened, api, 100, sure=True)
    assert (full.folder / "quarantine").exists() == (days != "0")
    (full.folder / "quarantine" / "mine").mkdir(parents=True)
    assert compliance.check(opened, api, 100).erased == (days not in ("0", "3"))
    runs = [path.name for path in (full.folder / "quarantine").iterdir()]
    assert (len(runs) == 2) == kept
    assert "mine" in runs, "what is not named like a run is not ours"


def test_undo_from_the_command_line(full: Campaign, server: X, api: x_api.XApi) -> None:
    lose(server)
    compliance.check(full, api, 100, sure=True)
    done = CliRunner().invoke(cli, ["compliance", "--undo", "--dir", str(full.folder), "--json", "-"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["put_back"] == 5
    assert "5 posts put back; the next `ccd compliance` asks about them again" in done.stderr
