"""`ccd reproduce` as it is typed, on a tiny made world."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from apps.cli.main import cli
from model import reproduce


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reproduce") / "tiny"
    done = CliRunner().invoke(cli, ["world", "--pairs", "60", "--out", str(folder), "--workers", "1"])
    assert done.exit_code == 0, done.output
    return folder


def run(world: Path, table: str, *typed: str) -> tuple[dict[str, Any], str]:
    where = ["--data", str(world), "--dir", str(world.parent), "--regions", "names:tiny/detections.jsonl"]
    small = ["--epochs", "1", "--threads", "1"]
    done = CliRunner().invoke(cli, ["reproduce", table, *where, *small, "--json", "-", *typed])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout), done.stderr


@pytest.mark.slow
def test_table4_from_end_to_end(world: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    facts, shown = run(world, "table4", "--seeds", "2", "--words", "light+light")
    assert [row["name"] for row in facts["rows"]][:2] == ["AnANet", "AnANet without BERT"]
    assert len(facts["rows"]) == 8
    assert facts["data"]["synthetic"] is True
    assert sum(facts["data"]["pairs"].values()) == 60
    for row in facts["rows"]:
        assert row["words"] == ("light" if "BERT" in row["name"] else "light+light")
        measured = row["measured"]["accuracy"]
        assert measured["mean"] == pytest.approx(sum(measured["values"]) / 2)
    assert facts["rows"][0]["paper"] == {"accuracy": 84.84, "weighted_f1": 83.84}
    assert "synthetic test pairs" in " ".join(shown.splitlines()[:2])
    assert "Note: " in shown
    with Path(facts["files"][0]).open(newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == 8 * 3
    assert {(line["data"], line["synthetic"]) for line in lines} == {("tiny", "True")}
    assert lines[0]["paper"] == "84.8400"
    assert [float(value) for value in lines[0]["by_seed"].split()] == pytest.approx(
        facts["rows"][0]["measured"]["accuracy"]["values"], abs=1e-3
    )
    monkeypatch.setattr(reproduce, "train", None)  # nothing is trained again
    assert run(world, "table4", "--seeds", "2", "--words", "light+light")[0] == facts


def test_with_one_word_encoder_the_rows_without_bert_are_left_out(world: Path) -> None:
    facts, shown = run(world, "table4", "--seeds", "1")
    left_out = [row["name"] for row in facts["rows"] if not row["measured"]]
    assert len(left_out) == 4
    assert all("BERT" in name for name in left_out)
    assert "Not measured: AnANet without BERT, which needs two word encoders" in shown


def test_table5_has_a_column_for_each_label(world: Path) -> None:
    facts, _ = run(world, "table5", "--seeds", "1")
    assert list(facts["rows"][0]["measured"]) == ["explicit", "implicit", "irrelevant"]
    assert facts["rows"][0]["paper"]["implicit"] == 42.86


def test_table3_says_what_comparing_both_sides_gains(world: Path) -> None:
    facts, shown = run(world, "table3", "--seeds", "1")
    rows = {row["name"]: row for row in facts["rows"]}
    assert set(facts["gain"]) == {"AnANet (GloVe+BERT)", "ananet"}
    assert "Cross-modal gain of ananet over " in shown
    lead = rows["Text only"]["ananet_ahead"]
    ours, text = (rows[name]["measured"]["weighted_f1"]["mean"] for name in ("ananet", "Text only"))
    assert lead["value"] == pytest.approx(ours - text)
    assert lead["low"] <= lead["value"] <= lead["high"]
    assert rows["ananet"]["ananet_ahead"] is None
    assert rows["DCNN (GloVe)"]["why"]


def test_data_that_is_not_there_is_told(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["reproduce", "fig4", "--data", str(tmp_path), "--dir", str(tmp_path)])
    assert done.exit_code == 2
    assert "name a folder with train.jsonl" in done.stderr


def test_a_folder_of_other_files_is_left_alone(world: Path, tmp_path: Path) -> None:
    (tmp_path / "table3.csv").write_text("mine")
    done = CliRunner().invoke(
        cli, ["reproduce", "table3", "--data", str(world), "--dir", str(tmp_path), "--out", str(tmp_path)]
    )
    assert done.exit_code == 2
    assert "is there already and holds other files; choose another folder with --out" in done.stderr
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("table3.csv", "mine")]
