"""Status: counts of every stage, and the next command through a campaign's whole life."""

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ccd.campaign.campaign import ADJUDICATION_DESK, Campaign
from ccd.campaign.rounds import drawable, new_round
from ccd.campaign.status import status
from ccd.campaign.tables import schema
from ccd.campaign.tables.notes import RELEASED_OF, SETTLED_UP_TO, SPLIT_OF, note
from ccd.errors import CcdError
from ccd.vocabulary import Status
from tests.campaigns import add_pairs, judge, small_campaign


def following(campaign: Campaign) -> str:
    command: str = status(campaign)["next"]["command"]
    return command


def push(campaign: Campaign) -> None:
    """Note every assignment as a task, as `ccd push` does."""
    a = schema.assignments
    with campaign.write() as db:
        db.execute(schema.tasks.delete())
        rows = db.execute(sa.select(a.c.annotator.label("desk"), a.c.pair_id)).mappings().all()
        db.execute(
            schema.tasks.insert(),
            [{**row, "project_id": 1, "task_id": number, "data_sha256": "d"} for number, row in enumerate(rows)],
        )


def send_tie(campaign: Campaign, pair: str) -> None:
    with campaign.write() as db:
        task = {
            "desk": ADJUDICATION_DESK,
            "pair_id": pair,
            "project_id": 9,
            "task_id": int(pair[2]),
            "data_sha256": "d",
        }
        db.execute(schema.tasks.insert().values(task))


def label(campaign: Campaign, resolved: dict[str, str], question: str = "relation") -> None:
    t = schema.labels
    with campaign.write() as db:
        db.execute(t.delete().where(t.c.question == question))
        rows = [
            {"pair_id": p, "question": question, "resolved_by": by, "votes": "{}"}
            | {"label": None if by in ("open", "incomplete") else "implicit"}
            for p, by in resolved.items()
        ]
        db.execute(t.insert(), rows)
        note(db, SETTLED_UP_TO, db.scalar(sa.select(sa.func.max(schema.judgments.c.judgment_id))))


def person(campaign: Campaign, name: str) -> dict[str, Any]:
    (found,) = [entry for entry in status(campaign)["annotators"] if entry["name"] == name]
    return found


def test_next_walks_through_the_whole_campaign(tmp_path: Path) -> None:
    campaign = small_campaign(tmp_path)
    assert following(campaign) == "ccd collect table FILE"
    pairs = ["x:0:0", "x:1:0"]
    add_pairs(campaign, pairs)
    assert following(campaign) == "ccd round new --size 2 --seed 1"
    new_round(campaign, 2, 1)
    assert following(campaign) == "ccd push"
    push(campaign)
    assert status(campaign)["next"] == {"command": "ccd pull --follow", "why": "6 answers are still to come"}
    for annotator in ("ann", "bob", "cy"):
        for pair in pairs:
            assert following(campaign) == "ccd pull --follow"
            judge(campaign, pair, annotator, "implicit")
    assert following(campaign) == "ccd labels"
    label(campaign, {"x:0:0": "unanimous", "x:1:0": "open"})
    assert status(campaign)["next"] == {"command": "ccd push", "why": "1 tie is not on the adjudicators' desk yet"}
    send_tie(campaign, "x:1:0")
    on_desk = {"command": "ccd pull --follow", "why": "1 tie waits on the adjudicators' desk, or in ccd review"}
    assert status(campaign)["next"] == on_desk
    label(campaign, {"x:0:0": "unanimous", "x:1:0": "adjudicated"})
    assert following(campaign) == "ccd split"
    with campaign.write() as db:
        db.execute(schema.splits.insert(), [{"pair_id": p, "split": "train", "leakage_group": p} for p in pairs])
        note(db, SPLIT_OF, 2)
    assert following(campaign) == "ccd release v1"
    with campaign.write() as db:
        for name, at in (("v2", "2024-02-01"), ("v1", "2024-01-01")):
            db.execute(schema.releases.insert().values(name=name, created_at=at, manifest_sha256="m"))
        note(db, RELEASED_OF, 2)
    assert following(campaign) == "ccd verify releases/v2"
    add_pairs(campaign, ["x:2:0"])
    assert following(campaign) == "ccd round new --size 1 --seed 1"
    new_round(campaign, 1, 1)
    assert following(campaign) == "ccd push"  # a second round starts the walk again


def test_counts_of_every_stage(tmp_path: Path) -> None:
    campaign = small_campaign(tmp_path, pairs=4)
    new_round(campaign, 2, 9)
    label(campaign, {"x:0:0": "majority", "x:1:0": "majority", "x:2:0": "open"})
    with campaign.write() as db:
        for item, reason in (("1", "no image"), ("2", "no image"), ("3", "duplicate")):
            db.execute(schema.drops.insert().values(source="t", item=item, reason=reason))
        db.execute(schema.splits.insert().values(pair_id="x:0:0", split="dev", leakage_group="g"))
    facts = status(campaign)
    assert (facts["name"], facts["protocol"], facts["synthetic"]) == ("small", "ccd", False)
    assert (facts["pairs"], facts["posts"], facts["images"]) == (4, 4, 4)
    assert facts["dropped"] == {"duplicate": 1, "no image": 2}
    assert facts["rounds"] == [
        {"round": 1, "arm": "random", "size": 2, "pool": 4, "seed": 9, "inclusion_probability": 0.5}
    ]
    assert facts["labels"] == {"relation": {"majority": 2, "open": 1}}
    assert (facts["splits"], facts["releases"]) == ({"dev": 1}, [])


def test_an_annotators_counts(tmp_path: Path) -> None:
    campaign = small_campaign(tmp_path, pairs=5)
    new_round(campaign, 5, 1)
    push(campaign)
    judge(campaign, "x:0:0", "ann", "implicit")
    judge(campaign, "x:1:0", "ann", status=Status.CANNOT_JUDGE)
    judge(campaign, "x:2:0", "ann", status=Status.SKIPPED)
    judge(campaign, "x:3:0", "ann", "implicit", status=Status.DELETED)
    judge(campaign, "x:3:0", "lead", "implicit", role="adjudicator")
    counts = {"assigned": 5, "pushed": 5, "judged": 1, "cannot_judge": 1, "skipped": 1, "lost": 0, "open": 2}
    assert person(campaign, "ann") == {"name": "ann"} | counts
    assert person(campaign, "bob")["open"] == 5


def test_a_pair_skipped_and_judged_later_is_judged(tmp_path: Path) -> None:
    campaign = small_campaign(tmp_path, pairs=1)
    new_round(campaign, 1, 1)
    judge(campaign, "x:0:0", "ann", annotation="1", status=Status.SKIPPED)
    judge(campaign, "x:0:0", "ann", "implicit", annotation="2")
    found = person(campaign, "ann")
    assert (found["judged"], found["skipped"], found["open"]) == (1, 0, 0)


def test_somebody_who_left_the_campaign_is_still_shown(tmp_path: Path) -> None:
    campaign = small_campaign(tmp_path, pairs=2)
    new_round(campaign, 2, 1)
    path = tmp_path / "campaign.toml"
    path.write_text(path.read_text().replace('name = "cy"', 'name = "dee"'))
    names = [(p["name"], p["assigned"]) for p in status(Campaign.open(tmp_path))["annotators"]]
    assert names == [("ann", 2), ("bob", 2), ("dee", 0), ("cy", 2)]


def test_a_skipped_pair_does_not_hold_the_campaign_up_for_ever(tmp_path: Path) -> None:
    campaign = small_campaign(tmp_path, pairs=2)
    new_round(campaign, 2, 1)
    push(campaign)
    for annotator in ("ann", "bob", "cy"):
        judge(campaign, "x:0:0", annotator, "implicit")
    for annotator, state in (("ann", Status.SKIPPED), ("bob", "valid"), ("cy", "valid")):
        judge(campaign, "x:1:0", annotator, "implicit", status=state)
    assert following(campaign) == "ccd labels"
    label(campaign, {"x:0:0": "unanimous", "x:1:0": "incomplete"})
    assert following(campaign) == "ccd split"


def test_a_tie_that_nobody_is_left_to_settle_does_not_hold_the_campaign_up(tmp_path: Path) -> None:
    campaign = small_campaign(tmp_path, pairs=2)
    new_round(campaign, 2, 1)
    push(campaign)
    for annotator in ("ann", "bob", "cy"):
        for pair in ("x:0:0", "x:1:0"):
            judge(campaign, pair, annotator, "implicit")
    judge(campaign, "x:1:0", "lead", status=Status.CANNOT_JUDGE, role="adjudicator")
    label(campaign, {"x:0:0": "unanimous", "x:1:0": "open"})
    assert following(campaign) == "ccd split"


def test_the_adjudicators_are_in_the_table(tmp_path: Path) -> None:
    campaign = small_campaign(tmp_path, pairs=4)
    new_round(campaign, 4, 1)
    label(campaign, {f"x:{n}:0": "open" for n in range(4)})
    for number in range(3):
        send_tie(campaign, f"x:{number}:0")
    judge(campaign, "x:0:0", "lead", "implicit", role="adjudicator")
    judge(campaign, "x:1:0", "lead", status=Status.CANNOT_JUDGE, role="adjudicator")
    (lead,) = status(campaign)["adjudicators"]
    assert lead == {"name": "lead", "pushed": 3, "judged": 1, "cannot_judge": 1, "skipped": 0, "open": 1}


def test_what_will_never_come_is_not_waited_for(tmp_path: Path) -> None:
    """cy left with one pair open; of a deleted post nothing is sent, judged or adjudicated any more."""
    campaign = small_campaign(tmp_path, pairs=4)
    new_round(campaign, 4, 1)
    with campaign.write() as db:
        db.execute(schema.posts.update().where(schema.posts.c.post_id.in_(("x:0", "x:1"))).values(status="deleted"))
    push(campaign)
    with campaign.write() as db:
        db.execute(schema.tasks.delete().where(schema.tasks.c.pair_id == "x:0:0"))
    for annotator in ("ann", "bob", "cy"):
        for pair in ("x:2:0", "x:3:0")[: 1 if annotator == "cy" else 2]:
            judge(campaign, pair, annotator, "implicit")
    label(campaign, {"x:1:0": "open", "x:2:0": "unanimous"})
    path = tmp_path / "campaign.toml"
    path.write_text(path.read_text().replace('name = "cy"', 'name = "dee"'))
    campaign = Campaign.open(tmp_path)
    assert {who: person(campaign, who)["lost"] for who in ("ann", "bob", "cy", "dee")} == {
        "ann": 2, "bob": 2, "cy": 3, "dee": 0,
    }  # fmt: skip
    assert following(campaign) == "ccd split"


def test_a_pair_whose_answer_was_set_aside_is_to_be_pushed(tmp_path: Path) -> None:
    campaign = small_campaign(tmp_path, pairs=1)
    new_round(campaign, 1, 1)
    push(campaign)
    with campaign.write() as db:
        task = db.scalar(sa.select(schema.tasks.c.task_id).where(schema.tasks.c.desk == "ann"))
        db.execute(schema.desks.insert().values(desk="ann", project_id=1))
    judge(campaign, "x:0:0", "ann", "implicit", status=Status.CHANGED_TASK, task_id=task)
    assert status(campaign)["next"] == {"command": "ccd push", "why": "1 task is not on the desks yet"}


def test_what_is_answered_needs_no_task_on_a_desk_made_anew(tmp_path: Path) -> None:
    campaign = small_campaign(tmp_path, pairs=2)
    new_round(campaign, 2, 1)
    push(campaign)
    judge(campaign, "x:0:0", "ann", "implicit")
    with campaign.write() as db:
        db.execute(schema.tasks.delete().where(schema.tasks.c.desk == "ann", schema.tasks.c.pair_id == "x:0:0"))
    assert following(campaign) == "ccd pull --follow"


def test_synthetic_pairs_are_said_to_be(tmp_path: Path) -> None:
    campaign = small_campaign(tmp_path)
    add_pairs(campaign, ["syn:1:0"], source="synthetic")
    assert status(campaign)["synthetic"] is True


def test_the_round_it_proposes_can_be_drawn(tmp_path: Path) -> None:
    """Two groups of three and one, two pairs in no group, and one of a post that is gone."""
    campaign = small_campaign(tmp_path, 7)
    file = campaign.folder / "campaign.toml"
    file.write_text(file.read_text().replace("# max_per_group = 1", "max_per_group = 2"))
    campaign = Campaign.open(campaign.folder)
    with campaign.write() as db:
        pairs, posts = schema.pairs, schema.posts
        for group, members in (("x:0:0", ("x:0:0", "x:1:0", "x:2:0")), ("x:3:0", ("x:3:0",))):
            db.execute(pairs.update().where(pairs.c.pair_id.in_(members)).values(duplicate_group=group))
        db.execute(posts.update().where(posts.c.post_id == "x:6").values(status="deleted"))
    assert following(campaign) == "ccd round new --size 5 --seed 1"
    with pytest.raises(CcdError, match="5 pairs can be drawn"):
        new_round(campaign, 6, 1)
    new_round(campaign, 5, 1)
    with campaign.read() as db:
        assert drawable(db, 2) == drawable(db, None) == 1, "the third of its group is for a later round"
    new_round(campaign, 1, 1)


def test_where_every_post_is_gone_nothing_is_proposed_to_be_drawn(tmp_path: Path) -> None:
    campaign = small_campaign(tmp_path, 2)
    with campaign.write() as db:
        db.execute(schema.posts.update().values(status="deleted"))
    assert "round" not in following(campaign)


def test_what_filters_left_out_is_counted(tmp_path: Path) -> None:
    campaign = small_campaign(tmp_path)
    with campaign.write() as db:
        rows = [{"source": "a", "item": f"x:{i}:0", "reason": ("language", "sensitive")[i > 2]} for i in range(5)]
        db.execute(schema.drops.insert(), rows)
    assert status(campaign)["dropped"] == {"language": 3, "sensitive": 2}
