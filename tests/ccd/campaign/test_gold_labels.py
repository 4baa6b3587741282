"""From stored judgments to the labels table, the two files and the events."""

import json
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa

from ccd.campaign import adjudication
from ccd.campaign.campaign import Campaign
from ccd.campaign.gold_labels import Conflict, aggregate_labels
from ccd.campaign.tables import schema
from ccd.campaign.tables.notes import SETTLED_UP_TO
from ccd.errors import CcdError
from tests.ccd.build import SKIP, add_pairs, campaign, judge

E, I, R = "explicit", "implicit", "irrelevant"  # noqa: E741
VOTES = {
    "x:1:0": (E, E, E),
    "x:2:0": (E, I, E),
    "x:3:0": (R, I, E),
    "x:4:0": (R, None, R),
    "x:5:0": (SKIP, I, I),
    "x:6:0": (SKIP, I, R),
    "x:7:0": (None, None, None),
}
TWO = """
name = "two"
title = "Two questions"
reference = "made for this test"
year = 2020
guideline = "Look."
[[questions]]
name = "tone"
title = "Tone?"
[[questions.categories]]
name = "light"
id = 1
title = "Light"
hotkey = "1"
colour = "#009e73"
guideline = "Light."
[[questions.categories]]
name = "dark"
id = 0
title = "Dark"
hotkey = "2"
colour = "#000000"
guideline = "Dark."
[[questions]]
name = "fit"
title = "How well do they fit?"
kind = "score"
minimum = 0
maximum = 10
step = 1
"""


def rows(made: Campaign) -> dict[str, dict[str, object]]:
    lines = (made.folder / "labels.jsonl").read_text().splitlines()
    return {row["pair_id"]: row for row in map(json.loads, lines)}


def events(made: Campaign) -> list[tuple[str, str, str | None, str | None]]:
    e = schema.events
    with made.read() as db:
        found = db.execute(sa.select(e.c.who, e.c.subject, e.c.before, e.c.after).where(e.c.what == "label"))
        return [tuple(row) for row in found]


def test_every_way_to_be_resolved(tmp_path: Path) -> None:
    made = campaign(tmp_path, VOTES)
    done = aggregate_labels(made)
    found = rows(made)
    assert {pair: (row["label"], row["resolved_by"]) for pair, row in found.items()} == {
        "x:1:0": (E, "unanimous"),
        "x:2:0": (E, "majority"),
        "x:3:0": (None, "open"),
        "x:4:0": (None, "incomplete"),
        "x:5:0": (I, "majority"),
        "x:6:0": (None, "open"),
        "x:7:0": (None, "incomplete"),
    }
    assert found["x:2:0"] == {
        "pair_id": "x:2:0",
        "question": "relation",
        "label": E,
        "label_id": 2,
        "resolved_by": "majority",
        "votes": {I: 1, E: 2},
    }
    assert list(found) == sorted(VOTES)
    assert (done.pairs, done.changed) == (7, 7)
    assert (done.number("relation", "open"), done.number("relation", "incomplete")) == (2, 2)
    assert done.counts["relation"][E] == {"unanimous": 1, "majority": 1}
    frame = pd.read_parquet(tmp_path / "labels.parquet")
    assert list(frame["pair_id"]) == sorted(VOTES)
    assert frame["label_id"].dropna().tolist() == [2, 2, 1]
    assert done.conflicts == ()


def test_run_twice_is_run_once(tmp_path: Path) -> None:
    made = campaign(tmp_path, VOTES)
    aggregate_labels(made)
    files = [(tmp_path / f"labels.{kind}").read_bytes() for kind in ("jsonl", "parquet")]
    before = events(made)
    assert len(before) == 3  # one a label
    assert aggregate_labels(made).changed == 0
    assert events(made) == before
    assert [(tmp_path / f"labels.{kind}").read_bytes() for kind in ("jsonl", "parquet")] == files


def test_an_adjudicated_label_stays_and_each_change_is_an_event(tmp_path: Path) -> None:
    made = campaign(tmp_path, {"x:1:0": (R, I, E), "x:2:0": (E, E, E)})
    aggregate_labels(made)
    judge(made, "x:1:0", "lead", I, role="adjudicator")
    judge(made, "x:1:0", "lead2", R, role="adjudicator")  # later: the first one counts
    assert aggregate_labels(made).changed == 1
    judge(made, "x:1:0", "a2", E, version=2)  # a2 changes her mind: the votes now have a majority
    aggregate_labels(made)
    assert rows(made)["x:1:0"]["label"] == I
    assert rows(made)["x:1:0"]["resolved_by"] == "adjudicated"
    assert rows(made)["x:1:0"]["votes"] == {R: 1, E: 2}
    judge(made, "x:2:0", "a1", R, version=2)
    aggregate_labels(made)
    assert [(who, subject) for who, subject, *_ in events(made)] == [
        ("ccd labels", "x:2:0"),
        ("ccd labels", "x:1:0"),
        ("ccd labels", "x:2:0"),
    ]
    _, _, before, after = events(made)[-1]
    assert json.loads(before or "")["resolved_by"] == "unanimous"
    assert json.loads(after or "") == {"question": "relation", "label": E, "resolved_by": "majority"}


def test_what_changed_or_was_deleted_opens_what_it_must(tmp_path: Path) -> None:
    made = campaign(
        tmp_path, {f"x:{n}:0": votes for n, votes in enumerate([(E, E, E), (E, E, I), (E, E, R), (E, I, R)])}
    )
    aggregate_labels(made)
    judge(made, "x:0:0", "a3", E, version=2, status="deleted")
    judge(made, "x:1:0", "a1", R, version=2)
    judge(made, "x:2:0", "a3", SKIP, version=2)
    judge(made, "x:3:0", "a2", E, version=2)
    assert aggregate_labels(made).changed == 4
    assert {pair: (row["label"], row["resolved_by"]) for pair, row in rows(made).items()} == {
        "x:0:0": (None, "incomplete"),
        "x:1:0": (None, "open"),
        "x:2:0": (E, "majority"),
        "x:3:0": (E, "majority"),
    }
    judge(made, "x:0:0", "a3", E, version=3)
    aggregate_labels(made)
    assert rows(made)["x:0:0"]["resolved_by"] == "unanimous"


def test_a_conflict_is_listed_and_the_adjudicated_label_stays(tmp_path: Path) -> None:
    tie = (R, I, E)
    made = campaign(tmp_path, {f"x:{n}:0": tie for n in range(6)} | {"x:6:0": (E, E, R)})
    aggregate_labels(made)
    for n in range(6):
        judge(made, f"x:{n}:0", "lead", I, role="adjudicator")
    adjudication.decide(made, "x:6:0", "relation", "lead", I)  # overrules the majority
    judge(made, "x:1:0", "a1", E, version=2)  # now the votes say explicit
    judge(made, "x:2:0", "a1", I, version=2)  # now they say what the adjudicator said
    judge(made, "x:3:0", "a1", R, version=2, status="deleted")  # now they say nothing
    judge(made, "x:4:0", "a1", R, version=2)  # saved once more, as it was
    judge(made, "x:5:0", "a1", E, version=2)
    judge(made, "x:5:0", "lead", I, role="adjudicator", version=2)  # looked again, and stays with it
    found = {conflict.pair_id: conflict for conflict in aggregate_labels(made).conflicts}
    assert list(found) == ["x:1:0", "x:3:0", "x:5:0", "x:6:0"]
    assert found["x:1:0"] == Conflict("x:1:0", "relation", I, E, {I: 1, E: 2}, changed=True)
    assert found["x:3:0"] == Conflict("x:3:0", "relation", I, None, {I: 1, E: 1}, changed=True)
    assert (found["x:5:0"].says, found["x:5:0"].changed) == (E, False)
    assert found["x:6:0"] == Conflict("x:6:0", "relation", I, E, {R: 1, E: 2}, changed=False)
    assert {row["label"] for row in rows(made).values()} == {I}
    assert {row["resolved_by"] for row in rows(made).values()} == {"adjudicated"}


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("drop", (None, "dropped")),
        ("rule:implicit,explicit", (I, "rule:implicit,explicit")),
        ("expert", (E, "expert")),
    ],
)
def test_the_tie_rule_of_the_campaign_holds(tmp_path: Path, rule: str, expected: tuple[str | None, str]) -> None:
    campaign(tmp_path, {"x:1:0": (R, I, E)})
    toml = tmp_path / "campaign.toml"
    text = toml.read_text().replace('tie_rule = "adjudicate"', f'tie_rule = "{rule}"')
    toml.write_text(text.replace('email = "a3@example.org"', 'email = "a3@example.org"\nexpert = true'))
    made = Campaign.open(tmp_path)
    aggregate_labels(made)
    assert (rows(made)["x:1:0"]["label"], rows(made)["x:1:0"]["resolved_by"]) == expected


def test_a_protocol_of_two_questions(tmp_path: Path) -> None:
    (tmp_path / "two.toml").write_text(TWO)
    made = campaign(tmp_path, {"x:1:0": (None, None, None)}, protocol="two.toml")
    for worker, tone, fit in (("a1", "light", 2), ("a2", "light", 3), ("a3", "dark", 8)):
        judge(made, "x:1:0", worker, {"tone": tone, "fit": fit})
    aggregate_labels(made)
    tone, fit = map(json.loads, (tmp_path / "labels.jsonl").read_text().splitlines())
    assert (tone["label"], tone["label_id"], tone["votes"]) == ("light", 1, {"dark": 1, "light": 2})
    assert (fit["label"], fit["label_id"], fit["resolved_by"]) == (13 / 3, None, "mean")
    assert fit["votes"] == {"2": 1, "3": 1, "8": 1}
    assert aggregate_labels(made).changed == 0


@pytest.mark.parametrize(
    ("votes", "expected"),
    [
        ((E, E), (E, "unanimous")),
        ((E, I), (None, "open")),
        ((E, SKIP), (None, "open")),
        ((E, None), (None, "incomplete")),
        ((E, E, SKIP), (E, "majority")),
        ((E, I, SKIP), (None, "open")),
        ((E, E, E, I), (E, "majority")),
        ((E, E, I, I), (None, "open")),
        ((E, E, I, R), (E, "majority")),
        ((E, E, SKIP, SKIP), (None, "open")),
        ((E, E, E, SKIP), (E, "majority")),
        ((E, E, E, None), (None, "incomplete")),
        ((E, E, I, I, R), (None, "open")),
        ((E, E, E, SKIP, SKIP), (E, "majority")),
        ((E, E, I, SKIP, SKIP), (None, "open")),
        ((E, E, I, I, E), (E, "majority")),
    ],
)
def test_campaigns_of_two_to_five_judgments_a_pair(
    tmp_path: Path, votes: tuple[str | None, ...], expected: tuple[str | None, str]
) -> None:
    made = campaign(tmp_path, {"x:1:0": votes}, per_pair=len(votes))
    aggregate_labels(made)
    row = rows(made)["x:1:0"]
    assert (row["label"], row["resolved_by"]) == expected


def test_the_tie_rule_is_for_the_primary_question_alone(tmp_path: Path) -> None:
    made = campaign(tmp_path, {"x:1:0": (None, None, None)}, protocol="martinec2005")
    primary, second = made.protocol.questions
    for worker, place in (("a1", 0), ("a2", 1)):  # the third answers neither
        judge(made, "x:1:0", worker, {primary.name: primary.labels[place], second.name: second.labels[place]})
    judge(made, "x:1:0", "a3", SKIP)
    toml = tmp_path / "campaign.toml"
    text = toml.read_text().replace("judgments_per_pair = 3", "judgments_per_pair = 2")
    for rule, resolved in (("drop", "dropped"), (f"rule:{primary.labels[1]}", f"rule:{primary.labels[1]}")):
        toml.write_text(text.replace('tie_rule = "adjudicate"', f'tie_rule = "{rule}"'))
        done = aggregate_labels(Campaign.open(tmp_path))
        assert done.number(primary.name, resolved) == 1
        assert done.number(second.name, "open") == 1


def test_a_question_that_is_asked_no_more_has_no_labels(tmp_path: Path) -> None:
    (tmp_path / "two.toml").write_text(TWO)
    made = campaign(tmp_path, {"x:1:0": (None, None, None)}, protocol="two.toml")
    for worker in ("a1", "a2", "a3"):
        judge(made, "x:1:0", worker, {"tone": "light", "fit": 2})
    aggregate_labels(made)
    (tmp_path / "two.toml").write_text(TWO[: TWO.rindex("[[questions]]")])
    made = Campaign.open(tmp_path)
    assert aggregate_labels(made).changed == 1
    with made.read() as db:
        assert list(db.scalars(sa.select(schema.labels.c.question))) == ["tone"]
    assert json.loads(events(made)[-1][2] or "")["question"] == "fit"
    assert aggregate_labels(made).changed == 0


def test_the_last_judgment_that_was_taken_in_is_noted(tmp_path: Path) -> None:
    made = campaign(tmp_path, VOTES)
    for more in (None, "x:4:0"):
        if more:
            judge(made, more, "a2", R)
        aggregate_labels(made)
        with made.read() as db:
            noted = db.scalar(sa.select(schema.meta.c.value).where(schema.meta.c.key == SETTLED_UP_TO))
            assert noted == str(db.scalar(sa.select(sa.func.max(schema.judgments.c.judgment_id))))


def test_nothing_to_settle_is_told(tmp_path: Path) -> None:
    made = campaign(tmp_path, {})
    with pytest.raises(CcdError, match="no pairs are assigned yet"):
        aggregate_labels(made)
    add_pairs(made, ["x:1:0"], number=2)
    with pytest.raises(CcdError, match="no judgments yet; run `ccd pull`"):
        aggregate_labels(made)
    assert not (tmp_path / "labels.jsonl").exists()
