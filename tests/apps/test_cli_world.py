"""`ccd world` as it is typed."""

import json
from pathlib import Path

from click.testing import CliRunner

from apps.cli.world import world_command
from ccd.release import verify


def test_world(tmp_path: Path) -> None:
    typed = ["--pairs", "40", "--out", str(tmp_path / "world"), "--leak", "0.5", "--workers", "1", "--json", "-"]
    first = CliRunner().invoke(world_command, typed)
    assert first.exit_code == 0, first.output
    facts = json.loads(first.stdout)
    assert (facts["synthetic"], facts["new"]) == (True, True)
    assert sum(counts["all"] for counts in facts["counts"].values()) == 40
    assert facts["settings"]["settings"]["leak"] == 0.5
    assert "synthetic" in first.stderr
    assert verify(tmp_path / "world") == []
    again = CliRunner().invoke(world_command, typed)
    assert json.loads(again.stdout)["new"] is False


def test_another_world_is_never_overwritten(tmp_path: Path) -> None:
    result = CliRunner().invoke(world_command, ["--pairs", "40", "--out", str(tmp_path)])
    assert result.exit_code == 2
    assert "is another world or none; choose another folder" in result.stderr
    assert len(result.stderr.splitlines()) == 1
