"""What a mistaken run collected is taken back, and nothing else is."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from apps.cli.main import cli
from ccd.campaign.campaign import Campaign
from ccd.campaign.tables import schema
from ccd.errors import CcdError
from collection import duplicates, store, table
from collection.records import Reason
from collection.undo import sources, undo
from tests.ccd.build import judge
from tests.collection.test_compliance import state


@pytest.fixture
def files(tmp_path: Path, paint: Callable[..., Path]) -> tuple[Path, Path]:
    """Two tables; the second repeats a picture of the first, and has one photo that is not there and one to fetch."""
    for number, colour in enumerate((10, 20, 30)):
        paint(f"{number}.png", colour)
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    first.write_text("post_id,text,image\n1,A red gate,0.png\n2,A green gate,1.png\n")
    second.write_text(
        "post_id,text,image\n3,A blue gate,2.png\n4,A gate again,0.png\n5,None,no.png\n6,Far,https://h/6.png\n"
    )
    return first, second


def collected(campaign: Campaign, file: Path) -> None:
    store.collect(campaign, table.read(file), file.name)


def rows(campaign: Campaign) -> dict[str, list[Any]]:
    with campaign.read() as db:
        return {
            each.name: sorted(
                repr({k: v for k, v in row.items() if k != "collected_at"})
                for row in db.execute(sa.select(each)).mappings()
            )
            for each in (schema.posts, schema.pairs, schema.images, schema.photos, schema.drops)
        }


def test_it_is_as_if_it_had_never_been_read(campaign: Campaign, files: tuple[Path, Path]) -> None:
    collected(campaign, files[0])
    before, disk = rows(campaign), state(campaign)["files"]
    collected(campaign, files[1])
    after = rows(campaign)
    assert after != before
    done = undo(campaign, "second.csv")
    assert (done.pairs, done.waiting, done.drops, done.images, done.kept) == (2, 1, 1, 1, 0)
    assert (rows(campaign), state(campaign)["files"]) == (before, disk)
    collected(campaign, files[1])
    assert rows(campaign) == after


def test_pairs_of_rounds_and_judged_ones_stay(campaign: Campaign, files: tuple[Path, Path]) -> None:
    collected(campaign, files[0])
    collected(campaign, files[1])
    with campaign.write() as db:
        one = {"round": 1, "arm": "random", "strategy": "random", "seed": 1, "size": 1, "pool": 4, "created_at": "2024"}
        db.execute(schema.rounds.insert().values(one))
        db.execute(schema.round_pairs.insert().values(round=1, pair_id="id:4:0", inclusion_probability=0.25))
    judge(campaign, "id:3:0", "a1", "explicit")
    done = undo(campaign, "second.csv")
    assert (done.pairs, done.kept, done.images) == (0, 2, 0)
    with campaign.read() as db:
        assert set(db.scalars(sa.select(schema.posts.c.post_id))) == {"id:1", "id:2", "id:3", "id:4"}


def test_duplicates_are_looked_for_again(campaign: Campaign, files: tuple[Path, Path]) -> None:
    files[1].write_text("post_id,text,image\n0,A red gate!,0.png\n")
    collected(campaign, files[0])
    collected(campaign, files[1])
    with campaign.write() as db:
        db.execute(
            schema.pairs.update()
            .where(schema.pairs.c.pair_id.in_(["id:0:0", "id:1:0"]))
            .values(duplicate_group="id:0:0")
        )
        db.execute(schema.pairs.update().where(schema.pairs.c.pair_id == "id:1:0").values(copy_of="id:0:0"))
    undo(campaign, "second.csv")
    with campaign.read() as db:
        assert db.execute(sa.select(schema.pairs.c.duplicate_group, schema.pairs.c.copy_of)).all() == [(None, None)] * 2
    assert duplicates.__name__


def test_a_source_that_is_not_there(campaign: Campaign, files: tuple[Path, Path]) -> None:
    collected(campaign, files[0])
    assert sources(campaign) == ["first.csv"]
    with pytest.raises(CcdError, match=r"^t\.csv: nothing was collected from it; the sources are first\.csv$"):
        undo(campaign, "t.csv")


def test_a_run_that_keeps_nothing_exits_with_1_and_is_undone(
    campaign: Campaign, files: tuple[Path, Path], tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    run = CliRunner()
    words = ["collect", "table", str(files[0]), "--dir", str(campaign.folder), "--images", str(tmp_path / "empty")]
    done = run.invoke(cli, words, catch_exceptions=False)
    assert done.exit_code == 1
    assert "Nothing was kept; `ccd collect undo` takes the drops back" in " ".join(done.output.split())
    done = run.invoke(cli, ["collect", "undo", str(files[0]), "--dir", str(campaign.folder)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "0 pairs, 0 waiting photos and 2 drops taken back, 0 image files erased" in " ".join(done.output.split())
    assert rows(campaign)["drops"] == []


def test_newer_texts_are_taken_on_request_while_no_round_has_the_pair(
    campaign: Campaign, files: tuple[Path, Path]
) -> None:
    collected(campaign, files[0])
    newer = files[0].with_name("newer.csv")
    newer.write_text("post_id,text,image\n1,A red gate at night,0.png\n2,A green gate,1.png\n")
    counts = store.collect(campaign, table.read(newer), "newer.csv")
    assert (counts.updated, counts.known, counts.dropped) == (0, 1, {Reason.ID_USED: 1})
    counts = store.collect(campaign, table.read(newer), "newer.csv", update=True)
    assert (counts.updated, counts.known, counts.dropped) == (1, 1, {})
    with campaign.read() as db:
        p = schema.pairs.c
        (text, model_text, digest) = db.execute(
            sa.select(p.text, p.model_text, p.text_sha256).where(p.pair_id == "id:1:0")
        ).one()
        assert db.scalar(sa.select(schema.posts.c.text).where(schema.posts.c.post_id == "id:1")) == text
    assert (text, model_text) == ("A red gate at night", "A red gate at night")
    assert digest == hashlib.sha256(text.encode()).hexdigest()
    again = store.collect(campaign, table.read(newer), "newer.csv", update=True)
    assert (again.updated, again.known) == (0, 2)
    judge(campaign, "id:1:0", "a1", "explicit")
    kept = store.collect(campaign, table.read(files[0]), "first.csv", update=True)
    assert (kept.updated, kept.known) == (0, 1)
    assert kept.examples[Reason.ID_USED].detail == "id:1:0 is in a round or judged, and keeps its text"


def test_a_newer_text_that_another_pair_has_is_a_duplicate(campaign: Campaign, files: tuple[Path, Path]) -> None:
    files[0].write_text("post_id,text,image\n1,A red gate,0.png\n2,A green gate,0.png\n")
    collected(campaign, files[0])
    newer = files[0].with_name("newer.csv")
    newer.write_text("post_id,text,image\n1,A green gate,0.png\n")
    counts = store.collect(campaign, table.read(newer), "newer.csv", update=True)
    assert (counts.updated, counts.dropped) == (0, {Reason.DUPLICATE: 1})
