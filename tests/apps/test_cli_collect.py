"""`ccd collect`, as it is called."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from PIL import Image

from apps.cli.collect import FACTS, collect
from ccd.campaign.campaign import Campaign
from ccd.campaign.config import Person


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    people = tuple(Person(f"a{i}", f"a{i}@example.org") for i in (1, 2, 3))
    return Campaign.create(tmp_path / "campaign", name="t", annotators=people, adjudicators=()).folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    data = tmp_path / "data"
    (data / "media").mkdir(parents=True)
    for i in range(3):
        Image.new("RGB", (8, 6), (i, 0, 0)).save(data / "media" / f"{i}.png")
    rows = [f"{i},text {i},media/{i}.png" for i in range(3)]
    (data / "t.csv").write_text("\n".join(["id,text,image", *rows, "9,lost,media/9.png", "short"]))
    photo = {"media_url_https": "https://pbs.twimg.com/media/0.png", "type": "photo"}
    status = {"id_str": "7", "text": "seven", "extended_entities": {"media": [photo]}}
    (data / "a.json").write_text(json.dumps([status, {"id_str": "8", "text": "eight"}]))
    return data


def run(*arguments: object) -> Result:
    return CliRunner().invoke(collect, [str(a) for a in arguments])


def facts(*arguments: object) -> dict[str, Any]:
    result = run(*arguments, "--json", "-")
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    assert set(found) == set(FACTS)
    return found


def test_a_table_twice(folder: Path, data: Path) -> None:
    expected = {
        "source": ["data/t.csv"],
        "read": 5,
        "updated": 0,
        "waiting": 0,
        "dropped": {"photo not on disk": 1, "malformed row": 1},
        "unused": {},
        "pairs": 3,
    }
    assert facts("table", data / "t.csv", "--dir", folder) == expected | {"kept": 3, "known": 0}
    assert facts("table", data / "t.csv", "--dir", folder) == expected | {"kept": 0, "known": 3}


def test_what_a_person_sees(folder: Path, data: Path) -> None:
    result = run("table", data / "t.csv", "--dir", folder)
    assert result.exit_code == 0
    flat = " ".join(result.stdout.split())
    assert "read 5" in flat
    assert "kept 3" in flat
    assert "dropped: malformed row 1 line 6: 2 cells" in flat.replace("1 cells", "2 cells")
    assert "dropped: photo not on disk 1 id:9:0:" in flat
    assert "3 pairs in the campaign" in flat


def test_an_archive_and_a_limit(folder: Path, data: Path) -> None:
    found = facts("archive", data / "a.json", "--images", data / "media", "--dir", folder)
    assert (found["kept"], found["dropped"], found["pairs"]) == (1, {"no photo": 1}, 1)
    assert facts("table", data / "t.csv", "--dir", folder, "--max", 2)["pairs"] == 3
    assert facts("table", data / "t.csv", "--dir", folder, "--max", 2)["pairs"] == 3


def test_column_options(folder: Path, data: Path) -> None:
    (data / "own.tsv").write_text("key\twords\tpicture\twhen\nk\tHi\t1.png\t2020-01-01\n")
    options = ("--id-column", "key", "--text-column", "words", "--image-column", "picture", "--date-column", "when")
    assert facts("table", data / "own.tsv", *options, "--images", data / "media", "--dir", folder)["kept"] == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("table", "none.csv"), "ccd: none.csv: no such file"),
        (("table", "t.csv", "--text-column", "body"), "no column 'body' for --text-column; it has id, text, image"),
        (("archive", "t.csv"), "no posts found"),
        (("archive", "media"), "cannot be read"),
    ],
)
def test_errors_are_one_line(
    folder: Path, data: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], message: str
) -> None:
    monkeypatch.chdir(data)
    result = run(*arguments, "--dir", folder)
    assert result.exit_code == 2
    errors = [line for line in result.stderr.splitlines() if line.startswith("ccd: ")]
    assert len(errors) == 1
    assert message in errors[0]


def test_outside_a_campaign(data: Path) -> None:
    result = run("table", data / "t.csv", "--dir", data)
    assert result.exit_code == 2
    assert "no campaign here" in result.stderr
