"""`ccd duplicates` on the command line."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image, ImageDraw

from apps.cli.main import cli


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A campaign with a post and its copy: another size of the picture, the text with a tag more."""
    picture = Image.new("RGB", (200, 160), "white")
    ImageDraw.Draw(picture).ellipse((20, 30, 90, 150), fill="black")
    picture.save(tmp_path / "a.png")
    picture.resize((100, 80)).save(tmp_path / "b.png")
    text = "A shark swims in the streets of my town after the storm"
    (tmp_path / "t.csv").write_text(f"id,text,image\n1,{text},a.png\n2,{text} #wow,b.png\n3,Nothing like it,b.png\n")
    people = [word for name in ("ann", "bob", "cy") for word in ("--annotator", f"{name}={name}@example.org")]
    folder = tmp_path / "campaign"
    for arguments in (
        ["init", str(folder), *people],
        ["collect", "table", str(tmp_path / "t.csv"), "--dir", str(folder)],
    ):
        assert CliRunner().invoke(cli, arguments).exit_code == 0
    return folder


def test_it_groups_takes_out_and_shows(folder: Path) -> None:
    runs = [CliRunner().invoke(cli, ["duplicates", "--dir", str(folder), "--json", "-"]) for _ in range(2)]
    first, again = (json.loads(run.stdout) for run in runs)
    assert [run.exit_code for run in runs] == [0, 0]
    assert {key: first[key] for key in ("hashed", "pairs", "groups", "grouped", "largest", "dropped")} == {
        "hashed": 2, "pairs": 2, "groups": 1, "grouped": 2, "largest": 2, "dropped": 1,
    }  # fmt: skip
    assert again == first | {"hashed": 0, "dropped": 0}
    assert "Nothing like it" in (folder / "duplicates.html").read_text(encoding="utf-8")
    assert "Taken out: 1 with picture and text like those" in runs[0].stderr
