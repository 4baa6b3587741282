"""`ccd agreement` as it is typed."""

import json
from pathlib import Path

from click.testing import CliRunner

from apps.cli.agreement import agreement_command
from tests.ccd.build import campaign, judge
from tests.ccd.test_settle import TWO

E, I, R = "explicit", "implicit", "irrelevant"  # noqa: E741


def test_facts_file_and_text(tmp_path: Path) -> None:
    made = campaign(tmp_path, {"x:1:0": (E, E, E), "x:2:0": (E, I, R), "x:3:0": (I, I, R), "x:4:0": (R, R, R)})
    judge(made, "x:2:0", "lead", E, role="adjudicator")
    result = CliRunner().invoke(agreement_command, ["--dir", str(tmp_path), "--json", "-"])
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)
    assert json.loads((tmp_path / "agreement.json").read_text()) == facts
    assert (facts["n_pairs"], facts["n_judgments"], facts["annotators"]) == (4, 12, 3)  # the adjudicator is in none
    assert facts["bootstrap"] == {"folds": 1000, "seed": 0, "resample": "pairs"}
    percent = facts["coefficients"]["percent"]
    assert abs(percent["value"] - (1 + 0 + 1 / 3 + 1) / 4) < 1e-12
    assert percent["ci"][0] < percent["value"] < percent["ci"][1]
    assert set(facts["coefficients"]) == {"percent", "fleiss", "krippendorff_nominal"}
    assert facts["questions"]["relation"]["coefficients"] == facts["coefficients"]
    assert "4 pairs, 12 judgments, 3 annotators" in " ".join(result.stderr.split())


def test_every_question_has_its_own(tmp_path: Path) -> None:
    (tmp_path / "two.toml").write_text(TWO)
    made = campaign(tmp_path, {"x:1:0": (None,) * 3, "x:2:0": (None,) * 3}, protocol="two.toml")
    for pair, fits in (("x:1:0", (1, 2, 1)), ("x:2:0", (9, 9, 8))):
        for worker, fit in zip(("a1", "a2", "a3"), fits, strict=True):
            judge(made, pair, worker, {"tone": "light", "fit": fit})
    result = CliRunner().invoke(agreement_command, ["--dir", str(tmp_path), "--json", "-"])
    questions = json.loads(result.stdout)["questions"]
    assert questions["fit"]["coefficients"]["krippendorff_interval"]["value"] > 0.9
    assert questions["tone"]["coefficients"]["krippendorff_nominal"] == {
        "value": None,
        "ci": None,
        "reason": "one label only: chance agreement is 1",
    }
    assert "one label only" in result.stderr


def test_no_judgments_yet_is_one_line(tmp_path: Path) -> None:
    campaign(tmp_path, {"x:1:0": (None, None, None)})
    result = CliRunner().invoke(agreement_command, ["--dir", str(tmp_path)])
    assert result.exit_code == 2
    assert result.stderr == "ccd: no judgments yet; run `ccd pull` once annotators have judged some pairs\n"
    assert not (tmp_path / "agreement.json").exists()
