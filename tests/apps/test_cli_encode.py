"""`ccd encode` on the command line."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from PIL import Image

from apps.cli.main import cli


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A campaign of three pairs with two pictures and two texts."""
    for name, colour in (("a.png", "red"), ("b.png", "blue")):
        Image.new("RGB", (60, 40), colour).save(tmp_path / name)
    (tmp_path / "t.csv").write_text("id,text,image\n1,One @ann,a.png\n2,Two http://x.org,b.png\n3,One @bob,b.png\n")
    people = [word for name in ("ann", "bob", "cy") for word in ("--annotator", f"{name}={name}@example.org")]
    folder = tmp_path / "campaign"
    for arguments in (
        ["init", str(folder), *people],
        ["collect", "table", str(tmp_path / "t.csv"), "--dir", str(folder)],
    ):
        assert CliRunner().invoke(cli, arguments).exit_code == 0
    return folder


def run(folder: Path, *arguments: str) -> tuple[dict[str, Any], str]:
    done = CliRunner().invoke(cli, ["encode", "--dir", str(folder), "--json", "-", *arguments])
    assert done.exit_code == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def test_it_encodes_once(folder: Path) -> None:
    first, shown = run(folder)
    assert {key: first[key] for key in ("synthetic", "pairs", "images", "texts", "new", "kept", "missing")} == {
        "synthetic": False, "pairs": 3, "images": 2, "texts": 2,
        "new": {"regions": 2, "words": 2}, "kept": {"regions": 0, "words": 0}, "missing": {},
    }  # fmt: skip
    assert "3 pairs: 2 images and 2 texts." in shown
    for kind in ("regions", "words"):
        manifest = json.loads((Path(first["folders"][kind]) / "manifest.json").read_text())
        assert (manifest["kind"], manifest["line"]) == (kind, "light")
    again, _ = run(folder)
    assert (again["new"], again["kept"]) == ({"regions": 0, "words": 0}, {"regions": 2, "words": 2})
    assert again["bytes_per_pair"] == first["bytes_per_pair"] > 0


def test_a_missing_image_is_listed_and_taken_in_later(folder: Path) -> None:
    picture = next((folder / "images").glob("*/*.png"))
    shutil.move(picture, folder / "away.png")
    facts, shown = run(folder)
    assert facts["new"]["regions"] == 1
    assert list(facts["missing"]) == [str(picture)]
    assert "1 images could not be encoded" in shown
    assert picture.name in shown
    shutil.move(folder / "away.png", picture)
    facts, _ = run(folder)
    assert (facts["new"]["regions"], facts["missing"]) == (1, {})


def test_options_come_before_the_campaigns_file(folder: Path) -> None:
    (folder / "g.txt").write_text("one 1 2\n")
    facts, _ = run(folder, "--words", "glove:g.txt")
    assert "glove-" in facts["folders"]["words"]
    config = folder / "campaign.toml"
    config.write_text(config.read_text().replace('words = "light"', 'words = "glove:g.txt"'))
    again, _ = run(folder)
    assert again["folders"] == facts["folders"]
    assert again["kept"]["words"] == 2


def test_what_a_deleted_post_said_is_forgotten(folder: Path) -> None:
    import sqlalchemy as sa

    from ccd.campaign.campaign import Campaign
    from ccd.campaign.tables import schema

    run(folder)
    with Campaign.open(folder).write() as db:
        pair = db.execute(sa.select(schema.pairs).where(schema.pairs.c.text.like("Two%"))).one()
        db.execute(schema.posts.update().where(schema.posts.c.post_id == pair.post_id).values(status="deleted"))
    facts, shown = run(folder)
    assert (facts["pairs"], facts["images"], facts["texts"], facts["forgotten"]) == (2, 2, 1, 1)
    assert "1 images and texts that no pair has any more" in shown


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--regions", "lite"], "ccd: regions 'lite' is no region encoder; known: light"),
        (["--words", "bert:nobody/nothing"], "fetch it with `hf download nobody/nothing`"),
        (["--words", "glove"], "no word vectors here; fetch them with"),
    ],
)
def test_a_wrong_encoder_is_one_line(folder: Path, arguments: list[str], told: str) -> None:
    done = CliRunner().invoke(cli, ["encode", "--dir", str(folder), *arguments])
    assert done.exit_code == 2
    assert told in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
