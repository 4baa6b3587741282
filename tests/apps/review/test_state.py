"""What the pages of the review app share."""

from pathlib import Path

from apps.review import state
from ccd.campaign.tables import schema
from tests.campaigns import small_campaign
from tests.ccd.build import campaign, judge
from tests.ccd.campaign.test_gold_labels import E, I, R


def test_pseudonyms_follow_campaign_toml_and_those_who_left_come_last(tmp_path: Path) -> None:
    made = small_campaign(tmp_path, annotators="cy ann bob")
    assert state.pseudonyms(made, ["zoe", "bob", "abe"]) == {
        "cy": "A1",
        "ann": "A2",
        "bob": "A3",
        "abe": "A4",
        "zoe": "A5",
    }


def test_judgments_pairs_tasks_and_events_each_make_a_new_state(tmp_path: Path) -> None:
    made = campaign(tmp_path, {"x:0:0": (R, I, None)})
    stamps = [state.stamp(made)]
    judge(made, "x:0:0", "a3", E)
    stamps.append(state.stamp(made))
    with made.write() as db:
        db.execute(schema.desks.insert().values(desk="a1", project_id=1))
        db.execute(schema.tasks.insert().values(desk="a1", pair_id="x:0:0", project_id=1, data_sha256=""))
    stamps.append(state.stamp(made))
    assert len(set(stamps)) == 3
    assert state.stamp(made) == stamps[-1]
