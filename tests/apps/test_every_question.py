"""Every question of a protocol is learned, measured, predicted and ranked by, and scores as scores."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from apps.cli.main import cli
from apps.server import serving
from ccd.campaign import assist, predictions
from ccd.campaign.campaign import Campaign
from ccd.campaign.gold_labels import aggregate_labels
from ccd.campaign.stored_split import split_campaign
from ccd.errors import CcdError
from ccd.protocol import load
from tests.ccd.build import ANNOTATORS, add_pairs, campaign, judge

PAIRS = 24


def label_of(protocol: str, number: int) -> dict[str, str | float]:
    """An answer to each question, in a pattern of its own."""
    return {
        question.name: question.labels[number // (place + 1) % len(question.labels)]
        if question.labels
        else round(number / PAIRS, 2)
        for place, question in enumerate(load(protocol).questions)
    }


def judged(folder: Path, protocol: str) -> Campaign:
    """A campaign whose pairs are labelled on every question and split, and some pairs that nobody judged."""
    made = campaign(folder, dict.fromkeys([f"x:{n}:0" for n in range(PAIRS)], (None,) * 3), protocol=protocol)
    for number in range(PAIRS):
        for worker in ANNOTATORS:
            judge(made, f"x:{number}:0", worker, label_of(protocol, number))
    aggregate_labels(made)
    split_campaign(made)
    return made


def call(command: str, folder: Path, *arguments: str) -> Result:
    return CliRunner().invoke(cli, [command, "--dir", str(folder), *arguments])


def run(command: str, folder: Path, *arguments: str) -> tuple[dict[str, Any], str]:
    done = call(command, folder, "--json", "-", *arguments)
    assert done.exit_code == 0, done.stderr or done.exception
    return json.loads(done.stdout), done.stderr


TRAIN = ("--threads", "1", "--precision", "fp32", "--epochs", "1", "--model", "text")


@pytest.fixture(scope="module")
def otto(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Networks of the first question and of `status`, in this order, and what the second one predicts."""
    made = judged(tmp_path_factory.mktemp("otto"), "otto2020")
    run("train", made.folder, *TRAIN)
    run("train", made.folder, *TRAIN, "--question", "status")
    run("predict", made.folder, "--threads", "1")
    return made.folder


def networks(folder: Path) -> dict[str, str]:
    """Question → the name of its network."""
    files = (folder / "models").glob("*/config.json")
    return {json.loads(file.read_bytes())["question"]: file.parent.name for file in files}


def test_a_network_learns_the_labels_of_its_question(otto: Path) -> None:
    trained = networks(otto)
    assert set(trained) == {"cmi", "status"}
    config = json.loads((otto / "models" / trained["status"] / "config.json").read_bytes())
    assert config["labels"] == ["text-leads", "equal", "image-leads"]
    assert config["network"]["labels"] == 3
    found, _ = run("evaluate", otto, "--threads", "1", "--split", "train", trained["status"])
    per_label = dict.fromkeys(config["labels"], 0)
    with Campaign.open(otto).read() as db:
        rows = db.exec_driver_sql(
            "SELECT label, count(*) FROM labels JOIN splits USING (pair_id) "
            "WHERE question = 'status' AND split = 'train' GROUP BY label"
        )
        per_label |= {row[0]: row[1] for row in rows}
    assert (found["question"], found["evaluation"]["support"]) == ("status", per_label)


def test_a_question_chooses_its_network(otto: Path) -> None:
    trained = networks(otto)
    found, _ = run("evaluate", otto, "--threads", "1", "--question", "cmi", "--split", "train")
    assert Path(found["folder"]).name == trained["cmi"]  # that of status was trained last
    for arguments, why in {
        ("--question", "sc"): "no network of question 'sc'; run `ccd train --question sc`",
        (trained["cmi"], "--against", trained["status"]): "the networks answer different questions, cmi and status",
        (trained["cmi"], "--question", "status"): "learned question 'cmi', not 'status'",
    }.items():
        done = call("evaluate", otto, "--threads", "1", *arguments)
        assert (done.exit_code, why in done.stderr) == (2, True), done.stderr
    done = call("train", otto, *TRAIN, "--question", "tone")
    assert (done.exit_code, "has no question 'tone'; it has cmi, sc, status" in done.stderr) == (2, True)


def test_predictions_are_of_their_question(otto: Path) -> None:
    """Ranking and desks see only predictions of the question that they are about."""
    made, version = Campaign.open(otto), networks(otto)["status"]
    assert predictions.versions(made) == (version,) == predictions.versions(made, "status")
    assert predictions.versions(made, "cmi") == ()
    with pytest.raises(CcdError, match="no predictions; run `ccd predict`"):
        assist.decide(made)
    with pytest.raises(CcdError, match=f"{version} predicts status, and desks show cmi"):
        assist.decide(made, version)
    done = call("rank", otto, "--size", "1")
    assert "ranks by predictions, and there are none of question cmi" in done.stderr


def test_a_label_of_any_question_is_looked_for(otto: Path) -> None:
    made = Campaign.open(otto)
    add_pairs(made, [f"x:{n}:0" for n in range(100, 110)], number=2)
    with made.write() as db:  # nobody has them
        for table in ("assignments", "round_pairs"):
            db.exec_driver_sql(f"DELETE FROM {table} WHERE round = 2")
        db.exec_driver_sql("DELETE FROM rounds WHERE round = 2")
    run("predict", otto, "--threads", "1", "--question", "status")
    facts, shown = run("rank", otto, "--size", "4", "--strategy", "margin", "--question", "status")
    assert (facts["question"], facts["labelled"]) == ("status", PAIRS)
    assert facts["label"] in ("text-leads", "equal", "image-leads")
    assert facts["model_version"] == networks(otto)["status"]
    assert "text-leads 0." in shown
    for number in range(100, 110):
        for worker in ANNOTATORS:
            judge(made, f"x:{number}:0", worker, label_of("otto2020", number))
    aggregate_labels(made)
    found, shown = run("status", otto)
    assert list(found["prevalences"]) == ["cmi", "sc", "status"]
    assert found["prevalence"] == found["prevalences"]["cmi"]
    ranked = {name: each["payoff"] and each["payoff"]["judged"] for name, each in found["prevalences"].items()}
    assert ranked == {"cmi": None, "sc": None, "status": facts["parts"]["strategy"]}  # it was ranked for status alone
    assert "status: Ranking (1 round) found" in shown


@pytest.fixture(scope="module")
def jas(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = judged(tmp_path_factory.mktemp("jas"), "jas2015")
    run("train", made.folder, *TRAIN)
    return made.folder


def test_scores_are_learned_and_measured_as_scores(jas: Path) -> None:
    (folder,) = (jas / "models").glob("text-*")
    config, metrics = (json.loads((folder / name).read_bytes()) for name in ("config.json", "metrics.json"))
    assert (config["question"], config["labels"], config["network"]["labels"]) == ("specificity", [], 1)
    assert set(metrics["dev"]) == {"mse", "spearman"}
    found, shown = run("evaluate", jas, "--threads", "1", "--split", "train", "--against", folder.name)
    one = found["evaluation"]
    assert one["mse"]["low"] <= one["mse"]["value"] <= one["mse"]["high"]
    assert -1 <= one["spearman"]["value"] <= 1
    assert one["mse_of_mean"]["value"] == pytest.approx(metrics["scale"] ** 2)  # train's own variance
    assert {key: found["against"][key]["value"] for key in ("mse", "spearman")} == {"mse": 0, "spearman": 0}
    assert "Spearman's rho" in shown
    facts, _ = run("predict", jas, "--threads", "1")
    assert (facts["question"], facts["new"], facts["labels"]) == ("specificity", PAIRS, {})
    said = predictions.read(Campaign.open(jas), facts["version"], ["x:3:0", "x:0:0"])
    assert said.scores is not None
    assert (said.ids, said.labels, said.scores.shape) == (("x:3:0", "x:0:0"), (), (2,))


def test_what_needs_labels_refuses_scores(jas: Path) -> None:
    for command, arguments, why in (
        ("rank", ("--size", "2"), "question 'specificity' asks for a score, so there is no label to look for"),
        ("train", (*TRAIN[:-1], "majority"), "majority learns labels, and the question asks for a score"),
        ("train", (*TRAIN, "--class-weights"), "--class-weights weighs labels"),
        ("replay", ("--threads", "1"), "asks for a score"),
    ):
        done = call(command, jas, *arguments)
        assert (done.exit_code, why in done.stderr) == (2, True), (command, done.stderr)
    with pytest.raises(CcdError, match="specificity asks for a score"), serving(Campaign.open(jas), "p", print):
        pass
