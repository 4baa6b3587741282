"""`ccd release` and `ccd verify` as they are typed."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from apps.cli.release import release_command, verify_command
from ccd.campaign.gold_labels import aggregate_labels
from ccd.campaign.stored_split import split_campaign
from tests.ccd.build import campaign

E, I, R = "explicit", "implicit", "irrelevant"  # noqa: E741


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = campaign(tmp_path / "c", {f"x:{n}:0": (E, E, I) for n in range(12)} | {"x:99:0": (E, I, R)})
    aggregate_labels(made)
    split_campaign(made)
    return made.folder


def test_release_and_verify(folder: Path) -> None:
    result = CliRunner().invoke(release_command, ["v1", "--dir", str(folder), "--json", "-"])
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)
    release = folder / "releases" / "v1"
    assert facts["folder"] == str(release)
    assert facts["excluded"] == {"open": 1}
    assert sum(counts["all"] for counts in facts["counts"].values()) == 12
    assert "In no split: 1 open." in result.stderr
    well = CliRunner().invoke(verify_command, [str(release), "--json", "-"])
    assert (well.exit_code, json.loads(well.stdout)["problems"]) == (0, [])

    (release / "[new].txt").write_text("x")
    ill = CliRunner().invoke(verify_command, [str(release), "--json", "-"])
    assert ill.exit_code == 1
    assert json.loads(ill.stdout)["problems"] == ["[new].txt: added, not in MANIFEST.sha256"]
    assert ill.stderr == "[new].txt: added, not in MANIFEST.sha256\n"


def test_forms_and_posts_that_nobody_asked_about(folder: Path) -> None:
    result = CliRunner().invoke(release_command, ["ids", "--dir", str(folder), "--dehydrate", "--json", "-"])
    facts = json.loads(result.stdout)
    assert (facts["dehydrated"], facts["images"], facts["unchecked"]) == (True, 0, 13)
    assert "13 posts of X were not looked up in the last 24 hours" in result.stderr
    shards = CliRunner().invoke(release_command, ["shards", "--dir", str(folder), "--images", "tar"])
    assert shards.exit_code == 0, shards.output
    assert list((folder / "releases" / "shards").glob("*.tar"))
    for name in ("ids", "shards"):
        assert CliRunner().invoke(verify_command, [str(folder / "releases" / name)]).exit_code == 0
    other = CliRunner().invoke(release_command, ["v", "--dir", str(folder), "--format", "vempala"])
    assert (other.exit_code, len(other.stderr.splitlines())) == (2, 1)


def test_errors_are_one_line(folder: Path, tmp_path: Path) -> None:
    CliRunner().invoke(release_command, ["v1", "--dir", str(folder)])
    for command, words, told in (
        (release_command, ["v1", "--dir", str(folder)], "released already, and a release never changes"),
        (release_command, ["v2", "--dir", str(folder), "--dehydrate", "--images", "tar"], "writes no images"),
        (release_command, ["a/b", "--dir", str(folder)], "'a/b' is no name for a release"),
        (verify_command, [str(tmp_path)], "no MANIFEST.sha256 here"),
        (verify_command, [str(tmp_path / "none")], "no MANIFEST.sha256 here"),
    ):
        result = CliRunner().invoke(command, words)
        assert result.exit_code == 2
        assert told in result.stderr
        assert len(result.stderr.splitlines()) == 1
