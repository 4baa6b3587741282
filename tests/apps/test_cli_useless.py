"""A network that is no better than a baseline: what the commands say of it, and what they refuse."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from apps.cli.rank import rank_command
from apps.cli.studio import push_command
from model.usefulness import UNKNOWN
from tests.apps.test_cli_rank import made, predict

BETTER, SAME = {"value": 0.2, "low": 0.1, "high": 0.3}, {"value": 0.0, "low": -0.1, "high": 0.1}


def measured(folder: Path, majority: dict[str, float] | None, text: dict[str, float] | None) -> None:
    """A campaign with the predictions of `made-1`, and what was measured of that network; None: nothing was."""
    predict(made(folder))
    network = folder / "models" / "made-1"
    network.mkdir(parents=True)
    metrics: dict[str, Any] = {"temperature": 1.0}
    if majority and text:
        sides = {"majority": {"recall": 0.3333, "label": "explicit", "difference": majority}}
        sides["text"] = {"recall": 0.41, "difference": text}
        metrics["against"] = {"pairs": 120, "groups": 90, "recall": 0.42, **sides}
    (network / "metrics.json").write_text(json.dumps(metrics))


def call(command: Any, folder: Path, *arguments: str) -> Any:
    return CliRunner().invoke(command, ["--dir", str(folder), *arguments])


@pytest.mark.parametrize(
    ("majority", "text", "why"),
    [
        (
            SAME,
            SAME,
            "saying explicit of every pair (33.3; difference -10.0 to +10.0 points) or than text alone (41.0;",
        ),
        (BETTER, SAME, "text alone (41.0; difference -10.0 to +10.0 points): mean recall 42.0 % on 120 pairs of dev."),
    ],
)
def test_a_useless_network_is_not_shown_to_annotators(
    tmp_path: Path, majority: dict[str, float], text: dict[str, float], why: str
) -> None:
    measured(tmp_path, majority, text)
    done = call(push_command, tmp_path, "--assist")
    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert f"This network is no better than {why}" in done.stderr
    assert "--anyway" in done.stderr
    through = call(push_command, tmp_path, "--assist", "--anyway")  # as far as the server, which is not there
    assert "no better" not in through.stderr
    ranked = call(rank_command, tmp_path, "--size", "10")
    assert ranked.exit_code == 0
    assert "This network is no better than" in " ".join(ranked.output.split())


def test_a_useful_one_is_ranked_by_without_a_word_and_an_unknown_one_with_one(tmp_path: Path) -> None:
    for name, sides in (("good", (BETTER, BETTER)), ("old", (None, None))):
        measured(tmp_path / name, *sides)
        facts = json.loads(call(rank_command, tmp_path / name, "--size", "10", "--json", "-").stdout)
        assert facts["warning"] == (None if name == "good" else UNKNOWN)
        assert "no better" not in call(push_command, tmp_path / name, "--assist").stderr


def test_anyway_goes_with_assist(tmp_path: Path) -> None:
    done = call(push_command, tmp_path, "--anyway")
    assert (done.exit_code, done.stderr) == (2, "ccd: --anyway goes with --assist; leave it out\n")
