"""`ccd agreement` as it is typed, in a campaign and on a CSV."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from apps.cli.agreement import agreement_command
from ccd.campaign.gold_labels import aggregate_labels
from tests.ccd.build import add_pairs, campaign, judge
from tests.ccd.campaign.test_gold_labels import TWO

E, I, R = "explicit", "implicit", "irrelevant"  # noqa: E741
VOTES = {"x:1:0": (E, E, E), "x:2:0": (E, I, R), "x:3:0": (I, I, R), "x:4:0": (R, R, R)}
CSV = "task,worker,label\np1,ann,yes\np1,bob,yes\np2,ann,no\np2,bob,no\np3,ann,yes\np3,bob,no\n"
VALUE = {"value", "ci", "reason"}


def run(*words: str) -> Result:
    return CliRunner().invoke(agreement_command, [*words], catch_exceptions=False)


def test_facts_files_and_text(tmp_path: Path) -> None:
    made = campaign(tmp_path, VOTES)
    judge(made, "x:2:0", "lead", E, role="adjudicator")
    aggregate_labels(made)
    result = run("--dir", str(tmp_path), "--json", "-")
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)
    assert json.loads((tmp_path / "agreement.json").read_text()) == facts
    assert (tmp_path / "agreement.html").exists()
    assert sorted(path.name for path in tmp_path.glob("*.png")) == [
        f"agreement-relation-{name}.png" for name in ("classes", "confusion")
    ]
    assert (facts["n_pairs"], facts["n_judgments"], facts["annotators"]) == (4, 12, 3)  # the adjudicator is in none
    assert (facts["question"], facts["level"], facts["labels"]) == ("relation", "nominal", [R, I, E])
    assert facts["bootstrap"] == {"folds": 1000, "seed": 0, "resample": "pairs", "groups": None} | {
        "interval": "95 % interval"
    }
    assert facts["plan"] is None
    percent = facts["coefficients"]["percent"]
    assert abs(percent["value"] - (1 + 0 + 1 / 3 + 1) / 4) < 1e-12
    assert percent["ci"][0] < percent["value"] < percent["ci"][1]
    assert facts["questions"]["relation"]["coefficients"] == facts["coefficients"]
    text = " ".join(result.stderr.split())
    assert "4 pairs, 12 judgments, 3 annotators" in text
    assert "Judgments came since" not in text


def test_the_contract_of_the_coefficients(tmp_path: Path) -> None:
    campaign(tmp_path, VOTES)
    coefficients = json.loads(run("--dir", str(tmp_path), "--json", "-").stdout)["coefficients"]
    alphas = {f"krippendorff_{level}" for level in ("nominal", "ordinal", "interval")}
    maps = {"cohen": {"a1|a2", "a1|a3", "a2|a3"}, "per_class": {R, I, E}, "leave_one_out": {"a1", "a2", "a3"}}
    assert set(coefficients) == {"percent", "fleiss", "scott", "gwet_ac1"} | alphas | set(maps)
    for name, keys in maps.items():
        assert set(coefficients[name]) == keys
        assert all(set(each) == VALUE for each in coefficients[name].values())
    assert all(set(each) == VALUE for name, each in coefficients.items() if name not in maps)


def test_draws_are_as_asked(tmp_path: Path) -> None:
    campaign(tmp_path, VOTES)
    words = ("--dir", str(tmp_path), "--json", "-", "--folds", "50", "--seed", "7", "--resample", "both")
    result = run(*words)
    facts = json.loads(result.stdout)
    rough = "range of draws, too narrow for a 95 % interval"  # three annotators
    assert facts["bootstrap"] == {"folds": 50, "seed": 7, "resample": "both", "groups": None, "interval": rough}
    assert "95 % interval" not in result.stderr.replace("too narrow for a 95 % interval", "")
    assert (tmp_path / "agreement.html").read_text().count(rough) == 4  # alpha, coefficients, labels, subsets
    assert facts["subsets"]["round"]["1"]["bootstrap"] == facts["bootstrap"]
    assert run(*words).stdout == result.stdout


def test_a_plan_is_told(tmp_path: Path) -> None:
    campaign(tmp_path, {f"x:{n}:0": votes for n, votes in enumerate([(E, E, E), (I, I, I), (R, R, E)] * 8)})
    result = run("--dir", str(tmp_path), "--plan", "0.05", "--json", "-")
    plan = json.loads(result.stdout)["plan"]
    assert (plan["half_width"], plan["pilot_pairs"]) == (0.05, 24)
    assert plan["pairs_low"] < plan["pairs"] < plan["pairs_high"]
    spread = f"Of pilots like this one, 90 % would ask for {plan['pairs_low']:,} to {plan['pairs_high']:,} pairs."
    assert spread in result.stderr
    assert f"{plan['pairs']} pairs with 3 judgments each give nominal alpha to ± 0.05" in result.stderr
    assert json.loads(run("--dir", str(tmp_path), "--plan", "--json", "-").stdout)["plan"]["half_width"] == 0.03


def test_labels_that_are_out_of_date_are_told(tmp_path: Path) -> None:
    made = campaign(tmp_path, VOTES)
    assert "since the last `ccd labels`" in run("--dir", str(tmp_path)).output
    aggregate_labels(made)
    assert "since the last `ccd labels`" not in run("--dir", str(tmp_path)).output
    judge(made, "x:1:0", "a1", I, version=2)
    assert "since the last `ccd labels`" in run("--dir", str(tmp_path)).output


def test_every_question_has_its_own(tmp_path: Path) -> None:
    (tmp_path / "two.toml").write_text(TWO)
    made = campaign(tmp_path, {"x:1:0": (None,) * 3, "x:2:0": (None,) * 3}, protocol="two.toml")
    for pair, fits in (("x:1:0", (1, 2, 1)), ("x:2:0", (9, 9, 8))):
        for worker, fit in zip(("a1", "a2", "a3"), fits, strict=True):
            judge(made, pair, worker, {"tone": "light", "fit": fit})
    result = run("--dir", str(tmp_path), "--json", "-")
    questions = json.loads(result.stdout)["questions"]
    assert questions["fit"]["coefficients"]["krippendorff_interval"]["value"] > 0.9
    assert questions["tone"]["coefficients"]["krippendorff_nominal"] == {
        "value": None,
        "ci": None,
        "reason": "one label only: chance agreement is 1",
    }
    assert "one label only" in result.stderr


def test_synthetic_pairs_are_called_so(tmp_path: Path) -> None:
    made = campaign(tmp_path, {})
    add_pairs(made, ["s:1:0"], number=2, source="synthetic")
    judge(made, "s:1:0", "a1", E)
    assert "relation (synthetic)" in run("--dir", str(tmp_path)).output
    assert "<strong>Synthetic</strong>" in (tmp_path / "agreement.html").read_text()


def test_no_judgments_yet_is_one_line(tmp_path: Path) -> None:
    campaign(tmp_path, {"x:1:0": (None, None, None)})
    result = run("--dir", str(tmp_path))
    assert result.exit_code == 2
    assert result.stderr == "ccd: no judgments yet; run `ccd pull` once annotators have judged some pairs\n"
    assert not list(tmp_path.glob("agreement*"))


def test_a_csv_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "votes.csv").write_text(CSV)
    result = run("--table", "votes.csv", "--json", "-")
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)
    assert (facts["question"], facts["labels"], facts["subsets"]) == ("label", ["no", "yes"], {})
    assert facts["n_judgments"] == 6
    cohen = facts["coefficients"]["cohen"]["ann|bob"]["value"]
    assert abs(cohen - (2 / 3 - 4 / 9) / (1 - 4 / 9)) < 1e-12  # agree on 2 of 3; by chance 2/3·1/3 + 1/3·2/3
    assert facts["scorecards"]["ann"]["confusion"] == [[1, 0], [0, 1]]  # p3 is a tie, and not settled
    assert "Nothing is written" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["votes.csv"]


def test_a_csv_with_labels_in_order(tmp_path: Path) -> None:
    (tmp_path / "votes.csv").write_text(CSV)
    facts = json.loads(run("--table", str(tmp_path / "votes.csv"), "--labels", "yes, no,maybe", "--json", "-").stdout)
    assert facts["labels"] == ["yes", "no", "maybe"]
    assert facts["coefficients"]["per_class"]["maybe"]["value"] is None


def test_a_report_of_a_csv_goes_where_it_is_wanted_and_replaces_nothing(tmp_path: Path) -> None:
    (tmp_path / "votes.csv").write_text(CSV)
    words = ("--table", str(tmp_path / "votes.csv"), "--out", str(tmp_path / "report"))
    assert run(*words).exit_code == 0
    names = {path.name for path in (tmp_path / "report").iterdir()}
    assert {"agreement.json", "agreement.html", "agreement-label-confusion.png"} <= names
    before = (tmp_path / "report" / "agreement.json").read_bytes()
    assert run(*words).exit_code == 0  # the same command again
    again = run(*words, "--seed", "5")
    assert again.exit_code == 2
    assert again.stderr.count("\n") == 1
    assert "is there already, with other content; move it away or name another folder" in again.stderr
    assert (tmp_path / "report" / "agreement.json").read_bytes() == before


def test_of_repeats_the_first_counts_where_they_are_allowed(tmp_path: Path) -> None:
    (tmp_path / "votes.csv").write_text(CSV + "p1,ann,no\n")
    words = ("--table", str(tmp_path / "votes.csv"), "--json", "-")
    refused = run(*words)
    assert (refused.exit_code, refused.stderr.count("\n")) == (2, 1)
    facts = json.loads(run(*words, "--allow-repeats").stdout)
    assert (facts["n_judgments"], facts["scorecards"]["ann"]["others"]["part"]) == (6, 2)


@pytest.mark.parametrize(
    ("content", "words", "told"),
    [
        (CSV.encode(), ["--labels", "no"], "line 2: the label 'yes' is not one of no"),
        (CSV.encode(), ["--labels", "no,,yes"], "the labels are 'no,,yes'; write each label once"),
        (CSV.encode(), ["--labels", "no,yes,no"], "the labels are 'no,yes,no'; write each label once"),
        (b"task,who,label\np,a,b\n", [], "line 1: the column 'worker' is missing"),
        (b"", [], "the file is empty"),
        (b"task,worker,label\np1,ann,caf\xe9 \x81\n", [], "line 2: not UTF-8"),
        (CSV.encode(), ["--plan", "2"], "the half width 2 is no share; write a number between 0 and 1"),
    ],
    ids=["label", "empty label", "label twice", "column", "empty", "encoding", "plan"],
)
def test_a_wrong_table_is_one_line_and_nothing_is_written(
    tmp_path: Path, content: bytes, words: list[str], told: str
) -> None:
    (tmp_path / "votes.csv").write_bytes(content)
    result = run("--table", str(tmp_path / "votes.csv"), "--out", str(tmp_path / "out"), *words)
    assert result.exit_code == 2
    assert told in result.stderr
    assert result.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["votes.csv"]


@pytest.mark.parametrize("words", [["--labels", "a,b"], ["--allow-repeats"], ["--fold"], ["--out", "x"]])
def test_options_of_a_table_need_one(tmp_path: Path, words: list[str]) -> None:
    campaign(tmp_path, VOTES)
    result = run("--dir", str(tmp_path), *words)
    assert result.exit_code == 2
    assert "go with --table" in result.stderr
    assert not list(tmp_path.glob("agreement*"))
