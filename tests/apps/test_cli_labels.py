"""`ccd labels` as it is typed."""

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from apps.cli.labels import labels_command
from ccd.campaign.adjudication import decide
from ccd.campaign.campaign import Campaign
from ccd.campaign.gold_labels import aggregate_labels
from ccd.campaign.revisions import current
from ccd.protocol import source
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
        "conflicts": [],
        "review": {"tie": 1, "minority": 0, "split": 0},
        "differ": None,
        "mixed": None,
        "converged": None,
        "table": None,
    }
    assert "1 pair is open: `ccd push` puts it on" in result.stderr
    assert "synthetic" not in result.stderr
    assert len((tmp_path / "labels.jsonl").read_text().splitlines()) == 3


def test_synthetic_pairs_are_called_so(tmp_path: Path) -> None:
    made = campaign(tmp_path, {})
    add_pairs(made, ["s:1:0"], number=2, source="synthetic")
    judge(made, "s:1:0", "a1", "explicit")
    assert "relation (synthetic)" in run(tmp_path).output


def test_conflicts_are_listed(tmp_path: Path) -> None:
    made = campaign(tmp_path, {f"x:{n}:0": ("explicit", "explicit", "irrelevant") for n in range(12)})
    aggregate_labels(made)
    for n in range(12):  # in the review app, which may overrule a majority
        decide(made, f"x:{n}:0", "relation", "lead", "implicit")
    judge(made, "x:0:0", "a3", "explicit", version=2)
    result = run(tmp_path, "--json", "-")
    assert "12 adjudicated labels are not what the votes say; the labels stay:" in result.stderr
    assert "  x:0:0, relation: adjudicated implicit, votes 3 explicit, changed since\n" in result.stderr
    assert "  x:1:0, relation: adjudicated implicit, votes 1 irrelevant, 2 explicit\n" in result.stderr
    assert "  and 2 more; --json FILE has them all" in result.stderr
    facts = json.loads(result.stdout)
    assert len(facts["conflicts"]) == 12
    assert facts["conflicts"][0] == {
        "pair_id": "x:0:0",
        "question": "relation",
        "label": "implicit",
        "says": "explicit",
        "votes": {"explicit": 3},
        "changed": True,
    }


def test_no_judgments_yet_is_one_line(tmp_path: Path) -> None:
    campaign(tmp_path, {"x:1:0": (None, None, None)})
    result = run(tmp_path)
    assert result.exit_code == 2
    assert result.stderr == "ccd: no judgments yet; run `ccd pull` once annotators have judged some pairs\n"


CSV = "task,worker,label\n" + "".join(
    f"{task},w{n},{label}\n"
    for task, labels in {"p10": "yyn", "p2": "nnn", "p3": "yn", "p4": "yyzn"}.items()
    for n, label in enumerate(labels)
)


def of_table(folder: Path, *words: str, text: str = CSV) -> Result:
    (folder / "votes.csv").write_text(text)
    with contextlib.chdir(folder):
        return CliRunner().invoke(labels_command, ["--table", "votes.csv", *words])


def test_a_table_needs_no_campaign(tmp_path: Path) -> None:
    result = of_table(tmp_path, "--out", "labels.csv", "--json", "-")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "labels.csv").read_text().splitlines() == [
        "task,label,resolved_by,votes",
        'p10,y,majority,"{""n"": 1, ""y"": 2}"',
        'p2,n,unanimous,"{""n"": 3}"',
        'p3,,incomplete,"{""n"": 1, ""y"": 1}"',
        'p4,y,majority,"{""n"": 1, ""y"": 2, ""z"": 1}"',
    ]
    facts = json.loads(result.stdout)
    assert facts["counts"] == {"label": {"n": {"unanimous": 1}, "y": {"majority": 2}, "z": {}, "": {"incomplete": 1}}}
    assert (facts["pairs"], facts["changed"], facts["open"], facts["incomplete"]) == (4, 4, 0, 1)
    assert "4 tasks; labels.csv is written." in result.stderr
    assert "1 task has fewer than 3 judgments (--required)." in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["labels.csv", "votes.csv"]


def test_a_table_is_settled_as_it_is_asked(tmp_path: Path) -> None:
    def found(*words: str, text: str = CSV) -> dict[str, Any]:
        result = of_table(tmp_path, *words, "--json", "-", text=text)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)  # type: ignore[no-any-return]

    assert list(found("--labels", "z,y,n")["counts"]["label"]) == ["z", "y", "n", ""]
    assert found("--required", "2")["counts"]["label"][""] == {"open": 1}
    assert found("--required", "2", "--tie-rule", "rule:y,n")["counts"]["label"]["y"]["rule:y,n"] == 1
    assert found("--required", "2", "--tie-rule", "drop")["counts"]["label"][""] == {"dropped": 1}
    weighted = found("--method", "weighted")
    assert weighted["counts"]["label"]["n"] == {"weighted": 1}
    assert weighted["differ"] == 0
    again = CSV + "p2,w0,n\n"
    for method in ("majority", "weighted", "dawid-skene"):  # the first judgment counts, by every method
        repeated = found("--method", method, "--allow-repeats", text=again)
        assert repeated["counts"] == found("--method", method)["counts"]
        assert repeated["table"] == {"missing": 0, "repeated": 1, "left": {}, "spellings": {"label": [], "worker": []}}


def test_dawid_skene_of_two_judgments_is_refused_and_its_convergence_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    two = "task,worker,label\n1,ann,y\n1,bob,n\n2,ann,n\n2,bob,n\n"
    refused = of_table(tmp_path, "--method", "dawid-skene", "--required", "2", text=two)
    assert refused.exit_code == 2
    assert "collect a third judgment, or use the majority" in refused.stderr
    done = of_table(tmp_path, "--method", "dawid-skene", "--json", "-")
    assert json.loads(done.stdout)["converged"] is True
    assert "did not converge" not in done.stderr
    monkeypatch.setattr("ccd.measures.dawid_skene.DawidSkene.__init__.__defaults__", (1, 1e-5))
    stopped = of_table(tmp_path, "--method", "dawid-skene", "--json", "-")
    assert json.loads(stopped.stdout)["converged"] is False
    assert "Warning: Dawid-Skene did not converge in 1 rounds; its labels may change." in stopped.stderr


def test_spellings_and_missing_labels_of_a_table(tmp_path: Path) -> None:
    text = "task,worker,label\n1,ann,yes\n1,bob,Yes\n1,cy,YES\n2,ann,no\n2,Ann,no\n2,bob,nan\n3,ann,None\n"
    result = of_table(tmp_path, "--json", "-", text=text)
    assert json.loads(result.stdout)["table"] == {
        "missing": 2,
        "repeated": 0,
        "left": {},
        "spellings": {"label": [["yes", "Yes", "YES"]], "worker": [["ann", "Ann"]]},
    }
    assert "votes.csv: 2 lines without a label are not counted" in result.stderr
    assert result.stderr.count("Warning: votes.csv has spellings that count as different:") == 1
    folded = of_table(tmp_path, "--fold", "--allow-repeats", "--required", "1", "--out", "labels.csv", text=text)
    assert "Warning" not in folded.output
    assert (tmp_path / "labels.csv").read_text().splitlines() == [
        "task,label,resolved_by,votes",
        '1,yes,unanimous,"{""yes"": 3}"',
        '2,no,unanimous,"{""no"": 1}"',
        "3,,incomplete,{}",
    ]


def test_what_is_there_is_never_overwritten(tmp_path: Path) -> None:
    assert of_table(tmp_path, "--out", "labels.csv").exit_code == 0
    first = (tmp_path / "labels.csv").read_bytes()
    assert of_table(tmp_path, "--out", "labels.csv").exit_code == 0  # the same command again
    other = of_table(tmp_path, "--out", "labels.csv", "--required", "2")
    assert other.exit_code == 2
    assert other.stderr == (
        "ccd: labels.csv: is there already, with other content; move it away or choose another name\n"
    )
    assert (tmp_path / "labels.csv").read_bytes() == first


@pytest.mark.parametrize(
    ("words", "text", "message"),
    [
        ((), CSV + "p3,w9\n", "votes.csv, line 14: 2 cells where the header has 3; correct the line"),
        ((), CSV + "p2,w0,y\n", "votes.csv, line 14: w0 judges p2 again, first on line 5; keep one"),
        (("--labels", "y,n"), CSV, "votes.csv, line 12: the label 'z' is not one of y, n; correct it"),
        (("--labels", "y,y"), CSV, "the labels are 'y,y'; write each label once"),
        (("--tie-rule", "rule:q"), CSV, "tie_rule is 'rule:q'; write adjudicate, expert, drop, or rule: and labels"),
        (("--tie-rule", "expert"), CSV, "--tie-rule expert needs a campaign"),
        (("--out", "./votes.csv"), CSV, "--out votes.csv is the table itself; name another file"),
        (("--out", "no/labels.csv"), CSV, "no/labels.csv: cannot be written (No such file or directory)"),
        ((), "", "votes.csv: the file is empty"),
    ],
)
def test_what_is_wrong_with_a_table_is_one_line_and_nothing_is_written(
    tmp_path: Path, words: tuple[str, ...], text: str, message: str
) -> None:
    result = of_table(tmp_path, "--out", "labels.csv", *words, text=text)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"ccd: {message}")
    assert result.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["votes.csv"]
    assert (tmp_path / "votes.csv").read_text() == text


@pytest.mark.parametrize(
    "words", [("--method", "weighted"), ("--labels", "a"), ("--out", "x.csv"), ("--allow-repeats",), ("--fold",)]
)
def test_a_campaign_has_its_own_rules(tmp_path: Path, words: tuple[str, ...]) -> None:
    campaign(tmp_path, VOTES)
    result = run(tmp_path, *words)
    assert result.exit_code == 2
    assert result.stderr.startswith(f"ccd: {words[0]} goes with --table; a campaign has its rules in campaign.toml")


def test_labels_that_the_protocol_lacks_end_in_one_sentence_and_exit_code_2(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(source("ccd")[0])
    campaign(tmp_path, VOTES, protocol="mine.toml")
    (tmp_path / "mine.toml").write_text(source("ccd")[0].replace('name = "implicit"', 'name = "hidden"'))
    result = run(tmp_path)
    assert result.exit_code == 2
    assert "2 judgments with the answer 'implicit', which the protocol no longer has" in " ".join(result.output.split())
    assert not (tmp_path / "labels.jsonl").exists()


def test_mixed_revisions_are_said(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text(source("ccd")[0])
    made = campaign(tmp_path, VOTES, protocol="mine.toml")
    for text in (source("ccd")[0], source("ccd")[0].replace("Implicit", "Quite implicit")):
        (tmp_path / "mine.toml").write_text(text)
        made = Campaign.open(tmp_path)
        with made.write() as db:
            last = current(db, made.protocol)
    judge(made, "x:3:0", "a2", "implicit", revision=last)
    result = run(tmp_path, "--json", "-")
    said = json.loads(result.stdout)["mixed"]
    assert "revision 1, 7 judgments; revision 2, 1 judgment): 2 against 1: another wording only." in said
    assert said in result.stderr.replace("\n", " ")
