"""`ccd train` and `ccd evaluate` on the command line, on a small made world and on a campaign."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from apps.cli.main import cli

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a made world in `data`; networks are trained beside it."""
    folder = tmp_path_factory.mktemp("world")
    done = CliRunner().invoke(
        cli, ["world", "--out", str(folder / "data"), "--pairs", "120", "--workers", "1", "--leak", "1"]
    )
    assert done.exit_code == 0, done.stderr
    return folder


def call(command: str, folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, [command, "--dir", str(folder), "--threads", "1", *arguments])


def run(command: str, folder: Path, *arguments: str) -> tuple[dict[str, Any], str]:
    done = call(command, folder, "--json", "-", *arguments)
    assert done.exit_code == 0, done.stderr or done.exception
    return json.loads(done.stdout), done.stderr


def test_a_network_is_trained_once_and_measured(world: Path) -> None:
    data = ["--data", str(world / "data")]
    first, shown = run("train", world, *data, "--model", "text", "--precision", "fp32", "--epochs", "8")
    assert (first["model"], first["new"], first["synthetic"], first["precision"]) == ("text", True, True, "fp32")
    assert first["pairs"]["train"] + first["pairs"]["dev"] < 120
    assert "synthetic pairs of train" in shown
    assert (first["warning"] or "no better than") in " ".join(shown.split())
    again, shown = run("train", world, *data, "--model", "text", "--precision", "fp32", "--epochs", "8")
    assert again == first | {"new": False}
    assert "was trained before" in shown

    name = Path(first["folder"]).name
    found, shown = run("evaluate", world, *data, "--split", "dev")
    assert found["folder"] == first["folder"]
    assert found["evaluation"]["accuracy"]["value"] == first["dev"]["accuracy"]
    assert "only test is a fair measure" in shown
    majority, shown = run("train", world, *data, "--model", "majority")
    assert "This network is no better than saying" in majority["warning"]
    assert majority["warning"] in " ".join(shown.split())
    found, shown = run("evaluate", world, *data, name, "--against", first["folder"])
    assert found["against"]["accuracy"]["value"] == 0
    found, shown = run("evaluate", world, *data, "--against", name)
    assert "majority" in Path(found["folder"]).name
    assert found["against"]["only_b"] - found["against"]["only_a"] == round(
        -found["against"]["accuracy"]["value"] * found["evaluation"]["pairs"]
    )
    assert "McNemar" in shown
    assert "synthetic pairs of test" in shown


def test_a_preset_is_a_network_and_its_training(world: Path) -> None:
    found, _ = run("train", world, "--data", str(world / "data"), "--epochs", "1")
    assert found["model"] == "ananet"


@pytest.mark.slow
def test_a_killed_training_goes_on(world: Path) -> None:
    """Killed for real, at any time: the next run ends with what an undisturbed one has."""
    arguments = ["train", "--data", str(world / "data"), "--threads", "1", "--precision", "fp32", "--epochs", "6"]
    whole, _ = run("train", world, *arguments[1:])
    other = world / "killed"
    command = [sys.executable, "-m", "apps.cli.main", *arguments, "--dir", str(other)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and not list(other.glob("models/.*/state.safetensors")):
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "it ended before it was killed"
    assert not list(other.glob("models/[!.]*"))
    found, _ = run("train", other, *arguments[1:])
    assert found["new"]
    for name in ("weights.safetensors", "log.jsonl", "config.json"):
        file = Path(found["folder"]).name + "/" + name
        assert (other / "models" / file).read_bytes() == (world / "models" / file).read_bytes()
    assert found["dev"] == whole["dev"]


@pytest.mark.parametrize(
    ("command", "arguments", "told"),
    [
        ("train", ["--data", "data", "--model", "anaet"], "ccd: 'anaet' is no network; known: ananet, paper"),
        ("train", ["--data", "data", "--model", "similarity"], "ccd: similarity needs encoders of one space"),
        ("train", ["--data", "nothing"], "train.jsonl: not there; name a folder with"),
        ("train", ["--data", "data", "--words", "bert:nobody/nothing"], "hf download nobody/nothing"),
        ("train", [], "no campaign here"),
        ("evaluate", ["--data", "data", "nothing"], "ccd: nothing: no trained network; `ccd train` makes one"),
    ],
)
def test_what_is_wrong_is_one_line(
    world: Path, monkeypatch: pytest.MonkeyPatch, command: str, arguments: list[str], told: str
) -> None:
    monkeypatch.chdir(world)
    done = call(command, Path(), *arguments)
    assert done.exit_code == 2, done.stderr
    assert told in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_labels_of_another_protocol_are_told(world: Path) -> None:
    run("train", world, "--data", str(world / "data"), "--model", "majority")
    other = world / "other"
    other.mkdir()
    for split in ("train", "dev", "test"):
        text = (world / "data" / f"{split}.jsonl").read_text().replace('"implicit"', '"hidden"')
        (other / f"{split}.jsonl").write_text(text)
    (other / "images").symlink_to(world / "data" / "images")
    done = call("evaluate", world, "--data", str(other))
    assert done.exit_code == 2
    assert "knows the labels irrelevant, implicit, explicit, the pairs have irrelevant, hidden, explicit" in done.stderr
