"""A post that is gone after its pair was pushed and judged: Label Studio forgets what it said, the judgment stays."""

from pathlib import Path

from ccd.campaign.tables.deleted_posts import empty
from ccd.campaign.tables.events import now
from ccd.campaign.tables.judgments import valid_judgments
from tests.e2e.conftest import Server, campaign_on, ccd
from tests.e2e.test_by_hand import answer, tasks


def test_a_gone_post_leaves_the_desks(server: Server, tmp_path: Path) -> None:
    campaign, _truth = campaign_on(server.url, tmp_path / f"gone{tmp_path.name[-6:]}", 12)
    ccd(campaign.folder, "push")
    judged, waiting, living = tasks(server, campaign)[:3]
    answer(server, "ann", judged["id"], "explicit")
    ccd(campaign.folder, "pull")
    gone = {task["data"]["pair_key"].rpartition(":")[0]: "deleted" for task in (judged, waiting)}
    with campaign.write() as db:
        empty(db, gone, now())

    notes = ccd(campaign.folder, "push").facts["notes"]
    assert len([note for note in notes if note.endswith("emptied, as its post is gone (and 1 more task)")]) == 3
    shown = {task["id"]: task["data"] for task in tasks(server, campaign)}
    for task in (judged, waiting):
        assert shown[task["id"]] == task["data"] | {"text": "(this post is gone)", "image": ""}
    assert shown[living["id"]] == living["data"]
    assert ccd(campaign.folder, "push").facts["notes"] == []
    ccd(campaign.folder, "pull")
    with campaign.read() as db:
        assert list(valid_judgments(db, "relation")["label"]) == ["explicit"]
