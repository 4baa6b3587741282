"""push and pull on a real Label Studio, disturbed as the other commands are in tests/faults.

Kills at ten moments, lost answers and a server that is down are in test_faults.py.
"""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from annotation.desks import find_project
from ccd.campaign.campaign import Campaign
from ccd.campaign.tables import schema
from tests.e2e.conftest import PEOPLE, Server, api, campaign_on, ccd
from tests.e2e.test_faults import answer_all, desk_keys, once
from tests.faults.cable import Cable
from tests.faults.commands import Chain, Command
from tests.faults.faults import FAULTS, Disk
from tests.faults.laboratory import Laboratory, zygotes

PUSH = Command("push", ("push", "--dir", "{c}"), online=True)
PULL = Command("pull", ("pull", "--dir", "{c}"), online=True)
# What the server numbers and names, new with each project
NUMBERS = frozenset({"task_id", "project_id", "user_id", "server_updated_at", "watermark", "url", "data_sha256"})


@contextlib.contextmanager
def laboratory_on(server: Server, base: Path, command: Command) -> Iterator[Laboratory]:
    """The command on a campaign of six pairs: before its push, or with every task answered before its pull."""
    env = {"LABEL_STUDIO_API_KEY": server.token}
    os.environ |= env
    with contextlib.ExitStack() as stack:
        cable, disk = Cable(server.url), Disk(base / "disk")
        stack.callback(cable.close)
        stack.callback(disk.close)
        usual, plain = zygotes(
            base, stack, ("apps.cli.main", "annotation.push", "annotation.pull", "label_studio_sdk.projects.client")
        )
        root = disk.folder / "é 日本"
        campaign, _truth = campaign_on(cable.url, base / command.name, 6)

        def ready(one: Command) -> None:
            """Before a push there are no desks."""
            for person in PEOPLE if one == PUSH else ():
                while number := find_project(api(server), campaign, person.name):
                    api(server).send("DELETE", f"/api/projects/{number}/", None)

        if command == PULL:
            ccd(campaign.folder, "push")
            answer_all(server, campaign)
        campaign.engine.dispose()
        shutil.copytree(campaign.folder, root / "c")  # so that this process holds no file open on the small disk
        chain = Chain(base / "before", root, base, usual(), env, ready, (command,), NUMBERS)
        chain.build()
        yield Laboratory(chain, disk, plain, (cable, cable))


@pytest.fixture(scope="module")
def pushing(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    with laboratory_on(server, tmp_path_factory.mktemp("push"), PUSH) as lab:
        yield lab


@pytest.fixture(scope="module")
def pulling(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    with laboratory_on(server, tmp_path_factory.mktemp("pull"), PULL) as lab:
        yield lab


@pytest.mark.parametrize("fault", FAULTS)
def test_push(pushing: Laboratory, server: Server, tmp_path: Path, fault: str) -> None:
    pushing.cell(PUSH, fault, seed=1, keep=tmp_path / "c")
    campaign = Campaign.open(tmp_path / "c")
    assert desk_keys(server, campaign) == once(campaign)
    campaign.engine.dispose()


@pytest.mark.parametrize("fault", FAULTS)
def test_pull(pulling: Laboratory, fault: str) -> None:
    pulling.cell(PULL, fault, seed=1)


def test_nothing_is_lost_where_the_servers_clock_was_set_back(
    pulling: Laboratory, server: Server, tmp_path: Path
) -> None:
    """Seen from here: the last pull was at a time that the server has not reached yet."""
    shutil.copytree(pulling.chain.stage(PULL) / "c", tmp_path / "c")
    campaign = Campaign.open(tmp_path / "c")
    with campaign.write() as db:
        db.execute(schema.desks.update().values(watermark="2100-01-01T00:00:00.000000Z"))
    ccd(campaign.folder, "pull")
    with campaign.read() as db:
        assert db.scalar(sa.select(sa.func.count()).select_from(schema.judgments)) == 18
        assert all(mark < "2100" for mark in db.scalars(sa.select(schema.desks.c.watermark)))
    campaign.engine.dispose()
