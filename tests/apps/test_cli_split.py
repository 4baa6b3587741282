"""`ccd split` as it is typed."""

import json
from pathlib import Path

import sqlalchemy as sa
from click.testing import CliRunner

from apps.cli.split import split_command
from ccd import schema
from ccd.settle import settle
from tests.ccd.build import campaign


def test_facts_table_and_store(tmp_path: Path) -> None:
    three = ("explicit", "explicit", "explicit"), ("implicit", "implicit", "explicit")
    made = campaign(tmp_path, {f"x:{n // 2}:{n % 2}": three[n // 2 % 2] for n in range(100)})  # two photos a post
    settle(made)
    result = CliRunner().invoke(split_command, ["--dir", str(tmp_path), "--json", "-"])
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)
    assert (facts["pairs"], facts["groups"], facts["straddling"], facts["left_out"]) == (100, 50, 0, [])
    assert facts["straddling_naive"] > 3
    got = {(row["split"], row["label"]): row["got"] for row in facts["counts"]}
    assert sum(got.values()) == 100
    assert got["dev", "explicit"] == got["test", "implicit"] == 4
    assert {"explicit", "implicit", "wanted", "84%"} <= set(result.stderr.split())
    s = schema.splits
    with made.read() as db:
        stored = db.execute(sa.select(s.c.pair_id, s.c.split, s.c.leakage_group)).all()
    again = CliRunner().invoke(split_command, ["--dir", str(tmp_path), "--json", "-"])
    assert json.loads(again.stdout) == facts
    with made.read() as db:
        assert db.execute(sa.select(s.c.pair_id, s.c.split, s.c.leakage_group)).all() == stored
        events = db.scalar(sa.select(sa.func.count()).where(schema.events.c.what == "split"))
    assert events == 1


def test_no_labels_yet_is_one_line(tmp_path: Path) -> None:
    campaign(tmp_path, {"x:1:0": (None, None, None)})
    result = CliRunner().invoke(split_command, ["--dir", str(tmp_path)])
    assert result.exit_code == 2
    assert result.stderr == "ccd: no pair has a label yet; run `ccd labels`, and settle what is open\n"
