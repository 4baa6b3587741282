"""`ccd push` and `ccd pull` on the stand-in: exit codes, and a database that goes away while answers are followed."""

import dataclasses
import json
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result
from sqlalchemy.exc import OperationalError

import annotation.connection
from apps.cli import studio as commands
from ccd.campaign.campaign import Campaign
from tests.annotation.desks import Office, Pictures


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    made = Office(tmp_path / "c", 3)
    made.push()
    made.server.wait(60)
    monkeypatch.setattr(annotation.connection, "connect", lambda _campaign: (made.studio, Pictures()))
    monkeypatch.setattr(Campaign, "open", lambda _folder: made.campaign)
    return made


def run(command: str, *options: str) -> Result:
    made = CliRunner().invoke(getattr(commands, f"{command}_command"), [*options, "--json", "-"])
    assert made.exception is None or isinstance(made.exception, SystemExit), made.exception
    return made


def test_a_desk_that_was_not_reached_exits_with_1(office: Office) -> None:
    office.answer("bob", office.task("bob", "x:0:0"), "explicit")
    office.server.projects[office.project("ann")]["description"] = "mine"
    for command, said in (("pull", "was not pulled to the end"), ("push", "was left as it is")):
        made = run(command)
        assert made.exit_code == 1
        (line,) = json.loads(made.stdout)["failed"]
        assert line.startswith(f"desk ann {said}: ")
        assert line in " ".join(made.stderr.split())
    assert office.counts() == {("x:0:0", "bob"): "explicit"}
    office.server.projects[office.project("ann")]["description"] = office.server.projects[office.project("bob")][
        "description"
    ].replace("desk bob", "desk ann")
    assert run("pull").exit_code == run("push").exit_code == 0


def test_a_database_that_restarts_is_waited_for(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.answer("ann", office.task("ann", "x:0:0"), "explicit")
    slept, is_down, will_be_down = list[float](), [False], iter((True, True, False))
    office.campaign.config = dataclasses.replace(office.campaign.config, database_url="postgresql://server")

    @sa.event.listens_for(office.campaign.engine, "engine_connect")
    def refuse(_connection: sa.Connection) -> None:
        if is_down[0]:
            raise OperationalError("BEGIN", {}, Exception("terminating connection due to administrator command"))

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 4:
            raise KeyboardInterrupt
        is_down[0] = next(will_be_down)

    monkeypatch.setattr(commands.time, "sleep", sleep)
    made = run("pull", "--follow", "--every", "7")
    assert made.exit_code == 0
    assert slept == [7, 7, 7, 7]
    said = "ccd: the database does not answer (terminating connection due to administrator command); trying again"
    assert " ".join(made.stderr.split()).count(said) == 2
    assert office.counts() == {("x:0:0", "ann"): "explicit"}
