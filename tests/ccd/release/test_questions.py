"""A release tells of every question of its protocol, and scores are no labels."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner

from apps.cli.split import split_command
from ccd.campaign.campaign import Campaign
from ccd.campaign.gold_labels import aggregate_labels
from ccd.campaign.status import status
from ccd.campaign.stored_split import by_question, plan, split_campaign
from ccd.campaign.tables import schema
from ccd.campaign.tables.notes import SPLIT_OF
from ccd.release.facts import Form
from ccd.release.pages import MANIFEST
from ccd.release.refill import refill
from ccd.release.tally import SPLITS
from ccd.release.verify import verify
from ccd.release.write import write_release
from ccd.splitting.split import UNLABELLED
from model.data import read_folder
from tests.ccd.build import ANNOTATORS, campaign, judge

pytestmark = pytest.mark.usefixtures("undrawn")

PAIRS = 10
SC = ("negative", "unrelated", "positive")


@pytest.fixture(scope="module")
def otto(tmp_path_factory: pytest.TempPathFactory) -> Campaign:
    """Agreement on cmi; on sc a tie of three on x:0 and a minority on x:1; on status the adjudicator's word on x:0."""
    folder = tmp_path_factory.mktemp("otto")
    made = campaign(folder, dict.fromkeys([f"x:{n}:0" for n in range(PAIRS)], (None,) * 3), protocol="otto2020")
    for number in range(PAIRS):
        for place, worker in enumerate(ANNOTATORS):
            sc = SC[place] if number == 0 else SC[2 if number == 1 and place == 2 else 1]
            judge(made, f"x:{number}:0", worker, {"cmi": "shared", "sc": sc, "status": "equal"})
    aggregate_labels(made)
    split_campaign(made)
    return made


@pytest.fixture(scope="module")
def released(otto: Campaign) -> Path:
    return write_release(otto, "v1").folder


def rows(folder: Path) -> dict[str, dict[str, Any]]:
    found = [json.loads(line) for split in SPLITS for line in (folder / f"{split}.jsonl").open()]
    return {row["pair_id"]: row for row in found}


def test_rows_have_label_and_votes_of_every_question(released: Path) -> None:
    of = rows(released)
    assert of["x:0:0"]["labels"] == {"cmi": "shared", "sc": None, "status": "equal"}
    assert of["x:0:0"]["labels_resolved_by"] == {"cmi": "unanimous", "sc": "open", "status": "unanimous"}
    assert of["x:0:0"]["labels_votes"]["sc"] == dict.fromkeys(SC, 1)
    assert of["x:1:0"]["labels_votes"]["sc"] == {"negative": 0, "unrelated": 2, "positive": 1}
    table = pd.concat([pd.read_parquet(released / f"{split}.parquet") for split in SPLITS]).set_index("pair_id")
    assert table.loc["x:1:0", "labels_votes"]["sc"] == {"negative": 0, "unrelated": 2, "positive": 1}
    assert table.loc["x:1:0", "labels_resolved_by"]["sc"] == "majority"
    assert verify(released) == []


def test_release_json_counts_every_question(released: Path) -> None:
    found = json.loads((released / "release.json").read_bytes())["questions"]
    assert list(found) == ["cmi", "sc", "status"]
    counts = {
        name: {label: sum(split[label] for split in each["counts"].values()) for label in each["counts"]["train"]}
        for name, each in found.items()
    }
    assert counts["sc"] == {"negative": 0, "unrelated": PAIRS - 1, "positive": 0, "all": PAIRS - 1}
    assert counts["status"] == {"text-leads": 0, "equal": PAIRS, "image-leads": 0, "all": PAIRS}
    assert (found["sc"]["resolved_by"], found["sc"]["unlabelled"]) == ({"majority": 1, "unanimous": 8}, {"open": 1})
    assert {name: each["tied"] for name, each in found.items()} == {"cmi": 0, "sc": 1, "status": 0}
    assert [each["label"] for each in found["sc"]["prevalence"]] == ["unrelated"]


def test_pages_tell_of_every_question(released: Path) -> None:
    card, methods, sheet = ((released / name).read_text() for name in ("README.md", "methods.md", "datasheet.md"))
    assert "## Question `sc`" in card
    assert "Without a label: 1 open. Labels by: 1 majority, 8 unanimous." in card
    assert "`labels_votes`" in card
    about = json.loads((released / "release.json").read_bytes())["questions"]["sc"]
    (paragraph,) = (part for part in methods.split("\n\n") if part.startswith("Question `sc`"))
    assert "9 released pairs have a label (0 negative, 9 unrelated, 0 positive)" in paragraph
    assert (
        "1 released pair had a tie, left to an adjudicator. Agreement over 30 judgments: Krippendorff's alpha"
        in paragraph
    )
    assert ("Prevalence of the majority labels" in paragraph) == (about["prevalence_basis"] is not None)
    assert "Question `cmi`" not in methods  # the first has the paragraphs before
    assert "Question `status`:\n\n|  | train" in sheet
    assert "It was asked 3 questions." in sheet


def test_croissant_reads_every_question(released: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    croissant = pytest.importorskip("mlcroissant")
    document = json.loads((released / "croissant.json").read_bytes())
    assert (
        "Question sc: Do the meanings of image and text agree (SC)? (0 negative, 9 unrelated" in document["description"]
    )
    dataset = croissant.Dataset(str(released / "croissant.json"))
    assert (list(dataset.metadata.issues.errors), list(dataset.metadata.issues.warnings)) == ([], [])
    of = rows(released)
    for record in dataset.records("train"):
        row = of[record["train/pair_id"].decode()]
        label = record["train/labels/sc"]
        assert (label if label is None else label.decode()) == row["labels"]["sc"]
        assert record["train/labels_votes/sc/unrelated"] == row["labels_votes"]["sc"]["unrelated"]


def test_a_changed_answer_to_any_question_is_found(otto: Campaign) -> None:
    folder = write_release(otto, "changed").folder
    for split in SPLITS:
        file = folder / f"{split}.jsonl"
        file.write_text(file.read_text().replace('"sc": "unrelated"', '"sc": "positive"'))
    problems = verify(folder)
    assert "release.json: questions.sc.counts.train.unrelated is 8, by the rows it is 0" in problems
    for split in SPLITS:
        file = folder / f"{split}.jsonl"
        file.write_text(file.read_text().replace('"sc": "positive"', '"sc": "sideways"'))
    assert any("sc: 'sideways' is none of negative, unrelated, positive" in problem for problem in verify(folder))


def test_a_filled_release_counts_every_question(otto: Campaign, tmp_path: Path) -> None:
    dry = write_release(otto, "dry", Form.dry()).folder
    refill(dry, tmp_path / "filled", otto, {})
    assert verify(tmp_path / "filled") == []
    assert (tmp_path / "filled" / MANIFEST).is_file()
    assert rows(tmp_path / "filled")["x:1:0"]["labels_votes"]["sc"]["unrelated"] == 2


def test_a_release_of_scores(tmp_path: Path) -> None:
    made = campaign(tmp_path, dict.fromkeys([f"x:{n}:0" for n in range(4)], (None,) * 3), protocol="jas2015")
    for number in range(4):
        for place, worker in enumerate(ANNOTATORS):
            judge(made, f"x:{number}:0", worker, {"specificity": number / 4 + place / 100})
    aggregate_labels(made)
    split_campaign(made)
    folder = write_release(made, "v1").folder
    assert verify(folder) == []
    about = json.loads((folder / "release.json").read_bytes())["questions"]["specificity"]
    assert sum(split["all"] for split in about["counts"].values()) == 4
    assert (about["kind"], about["prevalence"], about["resolved_by"]) == ("score", [], {"mean": 4})
    said = (folder / "methods.md").read_text()
    assert "The label of a pair is the mean of its scores. Of the 4 released pairs" in said
    assert "Krippendorff's alpha (interval; Krippendorff 2011)" in said
    for claim in ("majority", "had a tie", "stratified", "nominal;", "Fleiss", "Gwet"):
        assert claim not in said


def test_methods_names_the_question_that_a_sentence_is_about(released: Path) -> None:
    said = (released / "methods.md").read_text()
    assert "The label of a pair on question `cmi` is that of the majority" in said
    assert "Agreement on question `cmi` over all judged pairs" in said


@pytest.fixture(scope="module")
def henning(tmp_path_factory: pytest.TempPathFactory) -> Campaign:
    """100 pairs with a label on sc, of which 25 tie on cmi, the first question."""
    folder = tmp_path_factory.mktemp("henning")
    made = campaign(folder, dict.fromkeys([f"x:{n}:0" for n in range(100)], (None,) * 3), protocol="henning2017")
    for number in range(100):
        for place, worker in enumerate(ANNOTATORS):
            cmi = f"cmi-{place if number % 4 == 0 else number % 2}"
            judge(made, f"x:{number}:0", worker, {"cmi": cmi, "sc": "correlated" if number < 30 else "contradictory"})
    aggregate_labels(made)
    return made


def test_dev_and_test_are_balanced_by_the_question_that_is_asked_for(henning: Campaign) -> None:
    counts = split_campaign(henning, question="sc").counts
    numbers = {(row.split, row.label): (row.got, row.wanted) for row in counts.itertuples()}
    assert {label for _, label in numbers} == {"correlated", "contradictory"}
    assert sum(got for got, _ in numbers.values()) == 100
    assert numbers["dev", "correlated"] == numbers["test", "correlated"] == (2, 2)  # of 8 each, as 30 in 100
    assert all(got == wanted for got, wanted in numbers.values())
    with henning.read() as db:
        of = by_question(db, henning.protocol.questions)
        assert (plan(db) or {})["question"] == "sc"
    assert {(row["split"], row["label"]): row["got"] for row in of["sc"] if row["got"]} == {
        key: got for key, (got, _) in numbers.items()
    }
    assert sum(row["got"] for row in of["cmi"] if row["label"] == UNLABELLED) == 25


def test_pairs_open_on_one_question_are_as_often_in_dev_and_test_as_others(henning: Campaign) -> None:
    """They have labels on others, and what annotators differ on would be missing there."""
    counts = split_campaign(henning).counts
    got = counts[counts["label"] == UNLABELLED].set_index("split")["got"]
    assert got.to_dict() == {"train": 21, "dev": 2, "test": 2}
    with henning.read() as db:
        noted = {row.key: row.value for row in db.execute(schema.meta.select())}
    assert (noted[SPLIT_OF], sum(status(henning)["splits"].values())) == ("100", 100)


def test_ccd_split_shows_every_question(henning: Campaign) -> None:
    done = CliRunner().invoke(split_command, ["--dir", str(henning.folder), "--question", "sc", "--json", "-"])
    assert done.exit_code == 0, done.stderr
    facts = json.loads(done.stdout)
    assert (facts["question"], list(facts["questions"])) == ("sc", ["cmi", "sc"])
    assert {each["label"] for each in facts["prevalence"]} == {"correlated", "contradictory"}
    for line in ("Pairs by label and split, question sc", "Pairs by label and split, question cmi", UNLABELLED):
        assert line in done.stderr
    methods = (write_release(henning, "v1").folder / "methods.md").read_text()
    assert "stratified by label of question `sc`" in methods


def test_a_pair_with_a_label_on_another_question_alone_is_released(henning: Campaign, tmp_path: Path) -> None:
    split_campaign(henning)
    done = write_release(henning, "any", Form.dry())
    assert sum(of["all"] for of in done.counts.values()) == 100
    assert sum(of[UNLABELLED] for of in done.counts.values()) == 25
    found = rows(done.folder)
    row = found["x:0:0"]
    assert (row["label"], row["label_id"], row["resolved_by"]) == (None, None, "open")
    assert row["labels"] == {"cmi": None, "sc": "correlated"}
    assert (done.folder / "open.jsonl").read_text() == ""
    assert verify(done.folder) == []
    facts = json.loads((done.folder / "release.json").read_text())
    assert (facts["bounds"]["pairs"], facts["bounds"]["unsettled"]) == (100, 25)
    counts = facts["questions"]["sc"]["counts"].values()
    assert (sum(of["all"] for of in counts), sum(of["correlated"] for of in counts)) == (100, 30)
    methods = (done.folder / "methods.md").read_text()
    assert (
        "Of the 100 released pairs, the label came about by: 75 unanimous; 25 open have a label on another question"
        in (methods)
    )
    assert "open.jsonl and the rows without a label have the votes" in methods
    filled = tmp_path / "filled"
    refill(done.folder, filled, henning, {})
    assert verify(filled) == []
    known = read_folder(filled, str)
    assert sum(len(pairs.ids) for pairs in known.splits.values()) == 75
    assert sum(len(pairs.ids) for pairs in read_folder(filled, str, "sc").splits.values()) == 100
    line = json.dumps(row | {"label_id": 3})
    (done.folder / "train.jsonl").write_text(line + "\n")
    assert any("no label, and the id 3" in problem for problem in verify(done.folder))
