"""`ccd replay` as it is typed, on a small made world."""

import csv
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from apps.cli.main import cli


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("replay") / "small"
    done = CliRunner().invoke(cli, ["world", "--pairs", "620", "--out", str(folder), "--workers", "1"])
    assert done.exit_code == 0, done.output
    return folder


def typed(world: Path, *more: str) -> list[str]:
    where = ["--data", str(world), "--dir", str(world.parent), "--regions", "names:small/detections.jsonl"]
    return ["replay", *where, "--threads", "1", "--seeds", "2", *more]


@pytest.mark.slow
def test_a_replay_from_end_to_end(world: Path) -> None:
    strategies = ["--strategy", "margin", "--strategy", "relabel"]
    done = CliRunner().invoke(cli, typed(world, *strategies, "--json", "-"))
    assert done.exit_code == 0, done.output
    facts = json.loads(done.stdout)
    assert facts["data"]["synthetic"] is True
    assert facts["data"]["pool"] + facts["data"]["test"] == 620
    rows = {(row["strategy"], row["start"]): row for row in facts["rows"]}
    assert {name for name, _ in rows} == {"random", "margin", "relabel", "oracle"}
    assert {start for _, start in rows} == {"random", "balanced"}
    assert facts["best"] == {"random": "margin", "balanced": "margin"}
    same = {"value": 0, "low": 0, "high": 0, "reason": None, "p_value": None}
    assert rows["random", "random"]["ahead"] == same
    assert 0 <= rows["margin", "random"]["ahead"]["p_value"] <= 1
    assert rows["margin", "random"]["measured"]["recall_1000"] is None  # the pool is too small for it
    assert rows["oracle", "random"]["measured"]["recall_500"]["value"] == 1
    assert rows["relabel", "random"]["measured"] == {}
    assert "settled labels alone" in done.stderr
    assert "synthetic pairs of small" in " ".join(done.stderr.split())
    with Path(facts["files"][0]).open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert {(line["name"], line["synthetic"]) for line in lines} == {("small", "True")}
    assert Path(facts["files"][1]).stat().st_size > 10_000


def test_bad_input_is_one_line(world: Path, tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, typed(world, "--strategy", "best"))
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert "'best' is no strategy" in done.stderr
    small = tmp_path / "tiny"
    assert CliRunner().invoke(cli, ["world", "--pairs", "60", "--out", str(small), "--workers", "1"]).exit_code == 0
    done = CliRunner().invoke(cli, ["replay", "--data", str(small), "--dir", str(tmp_path), "--threads", "1"])
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert "needs 500" in done.stderr


def test_a_folder_of_other_files_is_left_alone(world: Path, tmp_path: Path) -> None:
    (tmp_path / "replay.csv").write_text("mine")
    done = CliRunner().invoke(cli, typed(world, "--strategy", "margin", "--out", str(tmp_path)))
    assert done.exit_code == 2
    assert done.stderr == (
        f"ccd: {tmp_path}: is there already and holds other files; choose another folder with --out\n"
    )
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("replay.csv", "mine")]
