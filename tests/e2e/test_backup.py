"""Backups of a campaign on PostgreSQL, and while a pull brings answers from a real Label Studio."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks.load import make_database
from ccd.campaign.campaign import Campaign
from ccd.campaign.tables import schema
from collection.store import collect
from collection.synthetic.records import records
from tests.campaigns import judge
from tests.e2e.conftest import LEAD, PEOPLE, Server, campaign_on, ccd, edit
from tests.e2e.test_faults import answer_all


def rows(campaign: Campaign) -> dict[str, list[Any]]:
    with campaign.read() as db:
        return {table.name: sorted(map(repr, db.execute(sa.select(table)))) for table in schema.metadata.sorted_tables}


def on_postgresql(folder: Path, url: str) -> Campaign:
    """A campaign of 12 pairs and 36 judgments with its tables there."""
    Campaign.create(folder, name="saved", annotators=PEOPLE, adjudicators=LEAD).engine.dispose()
    edit(folder, '# database_url = "postgresql+psycopg://user@host/database"', f'database_url = "{url}"')
    campaign = Campaign.open(folder)
    posts, truth = records(12, 1, folder.parent / "drawn")
    collect(campaign, posts, "t.csv")
    for pair in truth:
        for person in PEOPLE:
            judge(campaign, pair, person.name, "implicit", created_at="2024-01-01T00:00:00.000000Z")
    ccd(folder, "round", "new", "--size", "12", "--seed", "1")  # an event, and round_pairs
    return campaign


def test_a_campaign_on_postgresql(postgres: str, tmp_path: Path) -> None:
    url = make_database(postgres, "saved")
    campaign = on_postgresql(tmp_path / "c", url)
    before, file = rows(campaign), tmp_path / "saved.tar"
    assert ccd(campaign.folder, "backup", str(file)).facts["rows"]["judgments"] == 36

    shutil.rmtree(campaign.folder)  # the disk is lost, the database lives and has gone on
    pair = before["pairs"][0].split("'")[1]
    judge(campaign, pair, "lead", "explicit", role="adjudicator")
    newer = rows(campaign)
    assert ccd(tmp_path / "c", "restore", str(file)).facts["database"] == "kept"
    assert rows(Campaign.open(tmp_path / "c")) == newer != before
    assert not (tmp_path / "c" / "campaign.db").exists()

    shutil.rmtree(campaign.folder)  # both are lost
    with campaign.write() as db:
        schema.metadata.drop_all(db)
    assert ccd(tmp_path / "c", "restore", str(file)).facts["database"] == "restored"
    back = Campaign.open(tmp_path / "c")
    assert rows(back) == before
    judge(back, pair, "lead", "explicit", role="adjudicator")  # numbers go on after those restored
    with back.read() as db:
        assert db.scalar(sa.select(sa.func.max(schema.judgments.c.judgment_id))) == 37

    shutil.rmtree(campaign.folder)  # the database is another campaign's by now
    with campaign.write() as db:
        db.execute(schema.meta.update().where(schema.meta.c.key == "uid").values(value="another"))
    assert "holds another campaign" in ccd(tmp_path / "c", "restore", str(file), code=2).err
    assert not (tmp_path / "c").exists()
    for each in (campaign, back):
        each.engine.dispose()


def test_taken_while_a_pull_writes(server: Server, tmp_path: Path) -> None:
    campaign, _truth = campaign_on(server.url, tmp_path / "pulled", 60)
    ccd(campaign.folder, "push")
    total = answer_all(server, campaign)
    command = [sys.executable, "-m", "apps.cli.main", "pull", "--dir", str(campaign.folder)]
    taken: list[Path] = []
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None or len(taken) < 2:
            taken.append(tmp_path / f"{len(taken)}.tar")
            ccd(campaign.folder, "backup", str(taken[-1]))
        assert process.returncode == 0
    for file in taken[:3]:  # whatever moment it was taken at: pulled once more, every answer is there once
        ccd(tmp_path / file.stem, "restore", str(file))
        ccd(tmp_path / file.stem, "pull")
        back = Campaign.open(tmp_path / file.stem)
        with back.read() as db:
            found = db.scalars(sa.select(schema.judgments.c.annotation)).all()
        assert len(found) == len(set(found)) == total
        back.engine.dispose()
