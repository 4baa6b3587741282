"""Both sides compared, as `ccd doctor` does it."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from apps.cli.main import cli
from tests.annotation.desks import Office, Pictures, swapped

ANSWERS, PAGES = "every answer on the desks was pulled", "labeling pages are as pushed"


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    made = Office(tmp_path / "c", 3)
    made.push()
    monkeypatch.setattr("annotation.connection.connect", lambda _campaign: (made.studio, Pictures()))
    return made


def checked(office: Office) -> dict[str, dict[str, Any]]:
    ran = CliRunner().invoke(cli, ["doctor", "--dir", str(office.campaign.folder), "--json", "-"])
    return {check["what"]: check for check in json.loads(ran.stdout)["checks"]}


def test_doctor_compares_the_answers_of_both_sides(office: Office) -> None:
    assert checked(office)[ANSWERS]["ok"]
    first, second, third = office.tasks("ann")
    office.answer("ann", first, "explicit")
    office.answer("ann", second, "explicit", skip=True)
    office.answer("bob", office.task("bob", "x:0:0"), "explicit")
    found = checked(office)[ANSWERS]
    assert not found["ok"]
    said = "desk ann: 2 in Label Studio, 0 pulled; desk bob: 1 in Label Studio, 0 pulled"
    assert (found["found"], found["remedy"]) == (said, "ccd pull")
    office.pull()
    assert checked(office)[ANSWERS]["ok"]
    office.server.killed = True
    office.answer("ann", third, "explicit")
    assert checked(office)[ANSWERS]["found"] == "desk ann: 3 in Label Studio, 2 pulled"
    office.pull()
    assert checked(office)[ANSWERS]["ok"]


def test_doctor_counts_what_stands_for_no_pair_and_what_went_with_its_task(office: Office) -> None:
    odd = office.server.add_task(office.project("ann"), {"text": "no key"})
    office.answer("ann", odd, "explicit")
    office.answer("ann", office.task("ann", "x:0:0"), "explicit")
    office.pull()
    assert checked(office)[ANSWERS]["ok"]
    office.server.delete_task(office.task("ann", "x:0:0").id)
    assert not checked(office)[ANSWERS]["ok"]
    office.pull()
    assert checked(office)[ANSWERS]["ok"]
    assert len(office.counts()) == 1


def test_doctor_compares_the_labeling_pages(office: Office) -> None:
    assert checked(office)[PAGES]["ok"]
    page = office.server.projects[office.project("bob")]
    page["label_config"] = swapped(page["label_config"])
    found = checked(office)[PAGES]
    assert (found["ok"], found["found"], found["remedy"]) == (False, "changed: desk bob", "ccd push")
    office.push()
    assert checked(office)[PAGES]["ok"]
