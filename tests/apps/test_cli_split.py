"""`ccd split` as it is typed."""

import json
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from apps.cli.split import split_command
from ccd.campaign.gold_labels import aggregate_labels
from ccd.campaign.tables import schema
from tests.ccd.build import campaign
from tests.ccd.release.test_leaks import CAT, folder, picture, row


def test_facts_tables_and_store(tmp_path: Path) -> None:
    three = ("explicit", "explicit", "explicit"), ("implicit", "implicit", "explicit")
    made = campaign(tmp_path, {f"x:{n // 2}:{n % 2}": three[n // 2 % 2] for n in range(100)})  # two photos a post
    aggregate_labels(made)
    result = CliRunner().invoke(split_command, ["--dir", str(tmp_path), "--json", "-"])
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)
    assert (facts["pairs"], facts["groups"], facts["straddling"], facts["left_out"]) == (100, 50, 0, [])
    assert facts["straddling_naive"] > 3
    ties = {each["tie"]: each for each in facts["ties"]}
    assert (ties["post"]["tied"], ties["post"]["after"], ties["any"]["after"]) == (100, 0, 0)
    assert ties["post"]["before"] > 3
    got = {(each["split"], each["label"]): each["got"] for each in facts["counts"]}
    assert sum(got.values()) == 100
    assert got["dev", "explicit"] == got["test", "implicit"] == 4
    assert {each["label"]: each["prevalence"] for each in facts["prevalence"]} == {"explicit": 0.5, "implicit": 0.5}
    assert {"explicit", "implicit", "author", "prevalence"} <= set(
        result.stderr.replace("How often", "prevalence").split()
    )
    s = schema.splits
    with made.read() as db:
        stored = db.execute(sa.select(s.c.pair_id, s.c.split, s.c.leakage_group)).all()
    again = CliRunner().invoke(split_command, ["--dir", str(tmp_path), "--json", "-"])
    assert json.loads(again.stdout) == facts
    with made.read() as db:
        assert db.execute(sa.select(s.c.pair_id, s.c.split, s.c.leakage_group)).all() == stored
        events = db.scalar(sa.select(sa.func.count()).where(schema.events.c.what == "split"))
    assert events == 1


def test_near_duplicate_pictures_tie_without_ccd_duplicates(tmp_path: Path) -> None:
    made = campaign(tmp_path, {f"x:{n}:0": ("explicit",) * 3 for n in range(20)})
    with made.read() as db:
        files = db.execute(sa.select(schema.images.c.file)).scalars().all()
    for number, file in enumerate(files):
        (tmp_path / file).write_bytes(picture(7, quality=40 + number))
    aggregate_labels(made)
    result = CliRunner().invoke(split_command, ["--dir", str(tmp_path), "--json", "-"])
    facts = json.loads(result.stdout)
    assert (facts["groups"], {each["split"]: each["got"] for each in facts["counts"]}["train"]) == (1, 20)
    assert len(facts["given_up"]) == 3
    assert facts["given_up"][2].endswith("and no other pair may be in dev and test")
    assert facts["large"] == {"groups": 1, "pairs": 20, "smallest": 20, "shares": {"explicit": [1.0, None]}}
    assert "Given up: dev: 0 pairs for " in result.stderr


def test_like_ccd(tmp_path: Path) -> None:
    labels = ("explicit",) * 30 + ("implicit",) * 10 + ("irrelevant",) * 60
    made = campaign(tmp_path, {f"x:{n}:0": (label,) * 3 for n, label in enumerate(labels)})
    aggregate_labels(made)
    result = CliRunner().invoke(split_command, ["--dir", str(tmp_path), "--like", "ccd", "--json", "-"])
    wanted = {(each["split"], each["label"]): each["wanted"] for each in json.loads(result.stdout)["counts"]}
    assert wanted["train", "irrelevant"] in (50, 51)  # 84.3 %
    assert wanted["test", "implicit"] in (0, 1)


def test_no_labels_yet_is_one_line(tmp_path: Path) -> None:
    campaign(tmp_path, {"x:1:0": (None, None, None)})
    result = CliRunner().invoke(split_command, ["--dir", str(tmp_path)])
    assert result.exit_code == 2
    assert result.stderr == "ccd: no pair has a label yet; run `ccd labels`, and settle what is open\n"


@pytest.mark.parametrize("leaks", [False, True])
def test_any_folder_is_checked(tmp_path: Path, leaks: bool) -> None:
    rows = {"train": [row("p", "1.jpg", CAT)], "test": [row("q", "2.jpg", CAT if leaks else "mood")]}
    made = folder(tmp_path / "f", rows, {"1.jpg": picture(1), "2.jpg": picture(2)})
    result = CliRunner().invoke(split_command, ["--check", str(made), "--json", "-"])
    assert result.exit_code == int(leaks), result.output
    facts = json.loads(result.stdout)
    assert facts["straddling"] == int(leaks)
    told = "test.jsonl: pair q is tied to p in train.jsonl (near_text)" if leaks else f"{made}: no leak found."
    assert told in result.stderr.splitlines()
    assert facts["problems"] == ([told] if leaks else [])
