"""Pairs of posts that are gone are neither drawn nor published, and their missing pictures are no fault."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from apps.cli.main import cli
from ccd.campaign.campaign import Campaign
from ccd.campaign.gold_labels import aggregate_labels
from ccd.campaign.rounds import new_round
from ccd.campaign.stored_split import split_campaign
from ccd.campaign.tables import schema
from ccd.errors import CcdError
from ccd.release import write_release
from tests.campaigns import small_campaign
from tests.ccd.build import campaign as built
from tests.ccd.campaign.test_gold_labels import E

pytestmark = pytest.mark.usefixtures("undrawn")


def lose(campaign: Campaign, *posts: str) -> None:
    with campaign.write() as db:
        db.execute(schema.posts.update().where(schema.posts.c.post_id.in_(posts)).values(status="deleted", text=""))


def test_a_round_draws_living_pairs_only(tmp_path: Path) -> None:
    campaign = small_campaign(tmp_path, pairs=5)
    lose(campaign, "x:1", "x:3")
    with pytest.raises(CcdError, match="3 pairs are in no round yet"):
        new_round(campaign, size=4, seed=1)
    assert new_round(campaign, size=3, seed=1).pool == 3


def test_a_release_leaves_them_out_and_says_so(tmp_path: Path) -> None:
    campaign = built(tmp_path / "campaign", {f"x:{n}:0": (E, E, E) for n in range(12)})
    aggregate_labels(campaign)
    split_campaign(campaign)
    lose(campaign, "x:3")
    write_release(campaign, "v1")
    folder = campaign.folder / "releases" / "v1"
    facts = json.loads((folder / "release.json").read_text())
    assert facts["excluded"] == {"post is gone": 1}
    lines = [line for split in ("train", "dev", "test") for line in (folder / f"{split}.jsonl").open()]
    assert sorted(json.loads(line)["pair_id"] for line in lines) == sorted(f"x:{n}:0" for n in range(12) if n != 3)


def test_the_doctor_does_not_miss_their_pictures(tmp_path: Path) -> None:
    campaign = small_campaign(tmp_path, pairs=2)
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "x-0-0.jpg").write_bytes(b"jpg")

    def images() -> str:
        said = CliRunner().invoke(cli, ["doctor", "--dir", str(tmp_path)]).output
        return next(line for line in said.splitlines() if "images" in line and "whole" in line)

    assert "1 of 2 whole" in images()
    lose(campaign, "x:1")
    assert "1 of 1 whole" in images()
