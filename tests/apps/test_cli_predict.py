"""`ccd predict` on the command line: photos and texts in, Parquet out."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from apps.cli.main import cli
from ccd.campaign.campaign import Campaign
from ccd.campaign.predictions import latest, read


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A campaign of three pairs, two of one photo, and a network in its models that learned from a made world."""
    root = tmp_path_factory.mktemp("predict")
    for name, colour in (("a.png", "red"), ("b.png", "blue")):
        Image.new("RGB", (60, 40), colour).save(root / name)
    (root / "t.csv").write_text("id,text,image\n1,One @ann,a.png\n2,Two http://x.org,b.png\n3,One @bob,b.png\n")
    people = [word for name in ("ann", "bob", "cy") for word in ("--annotator", f"{name}={name}@example.org")]
    folder = root / "campaign"
    training = [
        "--data",
        str(root / "world"),
        "--model",
        "tfn",
        "--epochs",
        "1",
        "--precision",
        "fp32",
        "--threads",
        "1",
    ]
    for arguments in (
        ["init", str(folder), *people],
        ["collect", "table", str(root / "t.csv"), "--dir", str(folder)],
        ["world", "--out", str(root / "world"), "--pairs", "60", "--workers", "1"],
        ["train", "--dir", str(folder), *training],
    ):
        done = CliRunner().invoke(cli, arguments)
        assert done.exit_code == 0, done.stderr
    return folder


@pytest.fixture
def folder(trained: Path, tmp_path: Path) -> Path:
    return shutil.copytree(trained, tmp_path / "campaign")


def call(folder: Path, *arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(cli, ["predict", "--dir", str(folder), "--threads", "1", *arguments], input=stdin)


def run(folder: Path, *arguments: str, stdin: str | None = None) -> tuple[dict[str, Any], str]:
    done = call(folder, "--json", "-", *arguments, stdin=stdin)
    assert done.exit_code == 0, done.stderr or done.exception
    return json.loads(done.stdout), done.stderr


def test_it_encodes_and_predicts_once(folder: Path) -> None:
    facts, shown = run(folder)
    model = next((folder / "models").glob("tfn-*")).name
    assert {key: facts[key] for key in ("version", "synthetic", "new", "kept", "missing")} == {
        "version": model, "synthetic": False, "new": 3, "kept": 0, "missing": 0,
    }  # fmt: skip
    assert sum(facts["labels"].values()) == 3
    assert "3 pairs predicted in" in shown
    campaign = Campaign.open(folder)
    found = read(campaign, latest(campaign))
    assert found.version == model
    assert len(found) == 3
    assert found.association is None
    again, shown = run(folder, "--model", model)
    assert (again["new"], again["kept"]) == (0, 3)
    assert "0 pairs predicted" in shown
    assert "Likeliest" not in shown


def test_some_pairs_alone(folder: Path) -> None:
    campaign = Campaign.open(folder)
    run(folder)
    ids = read(campaign, latest(campaign)).ids
    shutil.rmtree(folder / "predictions")
    facts, _ = run(folder, "--pairs", "-", stdin=f"{ids[1]}\n\n{ids[0]}\n")
    assert (facts["new"], facts["kept"]) == (2, 0)
    assert read(campaign, latest(campaign)).ids == ids[:2]
    done = call(folder, "--pairs", "-", stdin="x:1:9\n")
    assert done.exit_code == 2
    assert "no pair 'x:1:9', or its post is gone" in done.stderr


def test_a_missing_photo_is_left_out_and_taken_in_later(folder: Path) -> None:
    picture = next((folder / "images").glob("*/*.png"))
    shutil.move(picture, folder / "away.png")
    facts, shown = run(folder)
    assert facts["missing"] > 0
    assert facts["new"] == 3 - facts["missing"]
    assert "have no features and were left out" in shown
    shutil.move(folder / "away.png", picture)
    again, _ = run(folder)
    assert (again["new"], again["kept"], again["missing"]) == (facts["missing"], facts["new"], 0)


def test_without_a_network_and_with_half_a_network_it_is_one_line(folder: Path) -> None:
    model = next((folder / "models").glob("tfn-*"))

    def told(*arguments: str) -> str:
        done = call(folder, *arguments)
        assert done.exit_code == 2, done.stderr
        assert len(done.stderr.strip().splitlines()) == 1
        return done.stderr

    assert "no trained network; `ccd train` makes one" in told("--model", "nothing")
    for name, half in (
        ("weights.safetensors", "is not what config.json says"),
        ("config.json", "no network that `ccd train` made"),
    ):
        whole = (model / name).read_bytes()
        (model / name).write_bytes(whole[: len(whole) // 2])
        assert half in told()
        (model / name).write_bytes(whole)
    (model / "weights.safetensors").unlink()
    assert "train again" in told()
    shutil.rmtree(model)
    assert "no trained network; run `ccd train`" in told()
    assert not (folder / "predictions").exists()


def test_two_at_once_are_not_let(folder: Path) -> None:
    with Campaign.open(folder).alone("predict"):
        done = call(folder)
    assert done.exit_code == 2
    assert "another `ccd predict` is at work" in done.stderr
