"""Agreement by arm, by round, and with and without pairs that were shown a prediction."""

from pathlib import Path

from ccd.campaign.agreement import by_subset
from ccd.campaign.revisions import used
from ccd.campaign.tables import schema
from tests.ccd import build


def test_arms_rounds_and_pairs_shown_a_prediction(tmp_path: Path) -> None:
    votes = {"x:1:0": ("implicit",) * 3, "x:2:0": ("implicit", "explicit", "explicit")}
    campaign = build.campaign(tmp_path, votes)
    build.add_pairs(campaign, ["x:3:0", "x:4:0"], number=2, arm="active")
    for annotator, answer in zip(build.ANNOTATORS, ("explicit", "explicit", "irrelevant"), strict=True):
        build.judge(campaign, "x:3:0", annotator, answer)
    build.judge(campaign, "x:1:0", "somebody", "implicit")  # was never assigned it
    question = campaign.protocol.question
    with campaign.read() as db:
        assert list(by_subset(db, question, used(db, campaign.protocol), n_resamples=10)) == ["arm", "round"]
    j = schema.judgments
    one_of_three = j.c.pair_id.in_(["x:2:0", "x:3:0"]) & (j.c.annotator == "a1")
    with campaign.write() as db:
        db.execute(j.update().where(one_of_three).values(prediction="light-1"))
    with campaign.read() as db:
        found = by_subset(db, question, used(db, campaign.protocol), n_resamples=10)
    assert {name: {key: each.n_pairs for key, each in parts.items()} for name, parts in found.items()} == {
        "arm": {"active": 1, "random": 2},
        "round": {"1": 2, "2": 1},
        "prediction": {"not shown": 1, "shown": 2},
    }
    assert found["arm"]["active"].coefficients["percent"].value == 1 / 3
    assert found["prediction"]["not shown"].coefficients["percent"].value == 1.0


def test_no_judgments_have_no_subsets(tmp_path: Path) -> None:
    campaign = build.campaign(tmp_path, {"x:1:0": (None, None, None)})
    with campaign.read() as db:
        assert by_subset(db, campaign.protocol.question, used(db, campaign.protocol)) == {"arm": {}, "round": {}}
