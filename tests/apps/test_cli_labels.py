"""`ccd labels` as it is typed."""

import json
from pathlib import Path

from click.testing import CliRunner, Result

from apps.cli.labels import labels_command
from tests.ccd.build import add_pairs, campaign, judge

VOTES = {
    "x:1:0": ("explicit", "explicit", "explicit"),
    "x:2:0": ("explicit", "implicit", "irrelevant"),
    "x:3:0": ("implicit", None, None),
}


def run(folder: Path, *words: str) -> Result:
    return CliRunner().invoke(labels_command, ["--dir", str(folder), *words])


def test_facts_and_text(tmp_path: Path) -> None:
    campaign(tmp_path, VOTES)
    result = run(tmp_path, "--json", "-")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {
        "synthetic": False,
        "pairs": 3,
        "changed": 3,
        "open": 1,
        "incomplete": 1,
        "counts": {
            "relation": {
                "irrelevant": {},
                "implicit": {},
                "explicit": {"unanimous": 1},
                "": {"open": 1, "incomplete": 1},
            }
        },
    }
    assert "1 pairs are open: `ccd push`" in result.stderr
    assert "synthetic" not in result.stderr
    assert len((tmp_path / "labels.jsonl").read_text().splitlines()) == 3


def test_synthetic_pairs_are_called_so(tmp_path: Path) -> None:
    made = campaign(tmp_path, {})
    add_pairs(made, ["s:1:0"], number=2, source="synthetic")
    judge(made, "s:1:0", "a1", "explicit")
    assert "relation (synthetic)" in run(tmp_path).output


def test_no_judgments_yet_is_one_line(tmp_path: Path) -> None:
    campaign(tmp_path, {"x:1:0": (None, None, None)})
    result = run(tmp_path)
    assert result.exit_code == 2
    assert result.stderr == "ccd: no judgments yet; run `ccd pull` once annotators have judged some pairs\n"
