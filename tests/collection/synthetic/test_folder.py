"""A synthetic dataset is a release: complete, the same bytes however it was drawn, continued after an interruption."""

import csv
import json
import os
from pathlib import Path

import pytest

from ccd.errors import CcdError
from ccd.release import verify
from collection.synthetic.folder import write_dataset
from collection.synthetic.pairs import Settings
from collection.synthetic.shards import SHARD, Plan, shard_file

PLAN = Plan(pairs=SHARD + 20)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("a") / "world", PLAN).folder


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def lines(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_it_is_a_release(world: Path) -> None:
    assert verify(world) == []
    facts = json.loads((world / "release.json").read_bytes())
    assert facts["synthetic"] is True
    assert json.loads((world / "world.json").read_bytes())["synthetic"] is True
    assert "**Synthetic**" in (world / "README.md").read_text()
    rows = [row for split in ("train", "dev", "test") for row in lines(world / f"{split}.jsonl")]
    ids = {row["pair_id"] for row in rows}
    assert len(rows) == len(ids) == PLAN.pairs
    for split in ("train", "dev", "test"):
        in_split = [str(row["pair_id"]) for row in lines(world / f"{split}.jsonl")]
        assert in_split == sorted(in_split)
    keys = "pair_id post_id text image label label_id resolved_by votes arm leakage_group"
    assert all(list(row) == keys.split() for row in rows)
    for name in ("truth", "detections"):
        assert {each["pair_id"] for each in lines(world / f"{name}.jsonl")} == ids
    with (world / "judgments.csv").open(newline="") as file:
        judged = list(csv.DictReader(file))
    assert set(judged[0]) == {"task", "worker", "label"}
    assert {row["task"] for row in judged} == ids
    assert len(judged) == 3 * len(ids)


def test_the_votes_are_the_judgments(world: Path) -> None:
    with (world / "judgments.csv").open(newline="") as file:
        judged = list(csv.DictReader(file))
    for row in lines(world / "dev.jsonl"):
        said = [each["label"] for each in judged if each["task"] == row["pair_id"]]
        assert row["votes"] == {label: said.count(label) for label in said}


@pytest.mark.slow
def test_the_number_of_processes_changes_no_byte(world: Path, tmp_path: Path) -> None:
    write_dataset(tmp_path / "world", PLAN, workers=2)
    assert contents(tmp_path / "world") == contents(world)


def test_interrupted_it_goes_on(world: Path, tmp_path: Path) -> None:
    def interrupt(number: int) -> None:
        raise KeyboardInterrupt

    folder, part = tmp_path / "world", tmp_path / ".world.part"
    with pytest.raises(KeyboardInterrupt):
        write_dataset(folder, PLAN, tick=interrupt)
    assert not folder.exists()
    first = shard_file(part, 0)
    os.utime(first, (1, 1))
    with pytest.raises(KeyboardInterrupt):
        write_dataset(folder, PLAN, tick=interrupt)
    assert first.stat().st_mtime == 1  # kept, not drawn again
    write_dataset(folder, PLAN)
    assert contents(folder) == contents(world)
    assert not part.exists()


def test_what_another_plan_left_is_not_used(tmp_path: Path) -> None:
    def interrupt(number: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_dataset(tmp_path / "world", Plan(40), tick=interrupt)
    done = write_dataset(tmp_path / "world", Plan(30, Settings(2)))
    assert verify(done.folder) == []
    assert {len(rows) for rows in (lines(tmp_path / "world" / "truth.jsonl"),)} == {30}


def test_run_twice_is_run_once_and_nothing_is_overwritten(tmp_path: Path) -> None:
    first = write_dataset(tmp_path / "world", Plan(30))
    before = contents(first.folder)
    again = write_dataset(tmp_path / "world", Plan(30))
    assert (first.new, again.new, again.counts) == (True, False, first.counts)
    (tmp_path / "mine").mkdir()
    for folder, plan in (("world", Plan(31)), ("mine", Plan(30))):
        with pytest.raises(CcdError, match="is another world or none"):
            write_dataset(tmp_path / folder, plan)
    assert contents(first.folder) == before
