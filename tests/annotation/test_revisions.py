"""A protocol that changes while judging goes on: each judgment is of the revision that its desk's page asked."""

import json
from pathlib import Path

import pytest
import sqlalchemy as sa

from annotation.desks import known_desks
from ccd.campaign.campaign import Campaign
from ccd.campaign.tables import schema
from ccd.protocol import source
from tests.annotation.desks import Office

THIRD = """
[[questions.categories]]
name = "vague"
id = 3
title = "Vague"
hotkey = "v"
colour = "#111111"
guideline = "Neither can be said."
"""


@pytest.fixture
def office(tmp_path: Path) -> Office:
    made = Office(tmp_path / "c", 2)
    reword(made, source("ccd")[0])
    made.push()
    made.server.wait(60)
    return made


def reword(office: Office, text: str) -> None:
    """Give the campaign this protocol from now on."""
    folder = office.campaign.folder
    (folder / "mine.toml").write_text(text)
    toml = folder / "campaign.toml"
    toml.write_text(toml.read_text().replace('protocol = "ccd"', 'protocol = "mine.toml"'))
    office.campaign = Campaign.open(folder)


def given_under(office: Office) -> dict[tuple[str, str], int]:
    j = schema.judgments.c
    with office.campaign.read() as db:
        rows = db.execute(sa.select(j.pair_id, j.annotator, j.revision).order_by(j.version))
        return {(pair, who): revision for pair, who, revision in rows}


def test_a_judgment_is_of_the_page_it_was_given_on_whenever_it_is_pulled(office: Office) -> None:
    office.answer("ann", office.task("ann", "x:0:0"), "explicit")
    reword(office, source("ccd")[0] + THIRD)
    office.answer("bob", office.task("bob", "x:0:0"), "explicit")  # the file has changed, the desk has not
    office.push()
    office.server.wait(60)
    office.answer("cy", office.task("cy", "x:0:0"), "vague")
    assert office.pull().new == {"valid": 3}
    assert given_under(office) == {("x:0:0", "ann"): 1, ("x:0:0", "bob"): 1, ("x:0:0", "cy"): 2}
    first = next(each for each in office.server.annotations.values() if each.completed_by == office.server.user("ann"))
    office.server.edit(first.id, office.server.user("ann"))  # ann looks at the new page, and stays with her answer
    assert office.pull().new == {"valid": 1}
    assert given_under(office)["x:0:0", "ann"] == 2


def test_an_answer_outside_the_revision_that_was_asked_is_none(office: Office) -> None:
    reword(office, source("ccd")[0] + THIRD)
    office.answer("ann", office.task("ann", "x:0:0"), "vague")  # no desk asks this yet
    pulled = office.pull()
    assert pulled.new == {"outside_protocol": 1}
    assert "'vague' is none of irrelevant, implicit, explicit" in pulled.outside[0]


def test_a_change_of_the_guideline_alone_reaches_the_desks_and_is_a_revision(office: Office) -> None:
    office.answer("ann", office.task("ann", "x:0:0"), "explicit")
    page = office.server.projects[office.project("ann")]
    changed = office.campaign.protocol.guideline.split()[0]
    reword(office, source("ccd")[0].replace(changed, f"Newly: {changed}", 1))
    assert "Newly" not in json.dumps(page)
    office.push()
    assert "Newly" in json.dumps(office.server.projects[office.project("ann")])
    office.server.wait(60)
    office.answer("bob", office.task("bob", "x:0:0"), "explicit")
    office.pull()
    assert sorted(given_under(office).values()) == [1, 2]


def test_renamed_and_renamed_back_is_the_first_revision_and_nothing_changes(office: Office) -> None:
    for name in ("ann", "bob", "cy"):
        office.answer(name, office.task(name, "x:0:0"), "implicit")
    office.pull()
    before = office.counts()
    reword(office, source("ccd")[0].replace('name = "implicit"', 'name = "hidden"'))
    office.push()
    office.pull()
    reword(office, source("ccd")[0])
    office.push()
    assert office.pull().new == {}
    assert office.counts() == before
    with office.campaign.read() as db:
        assert db.scalar(sa.select(sa.func.count()).select_from(schema.revisions)) == 2
    office.server.wait(60)
    office.answer("ann", office.task("ann", "x:1:0"), "implicit")
    office.pull()
    assert given_under(office)["x:1:0", "ann"] == 1


def test_a_desk_that_is_there_keeps_its_history_when_it_is_made_anew(office: Office) -> None:
    office.server.delete_project(office.project("ann"))
    office.push()
    assert "ann" in known_desks(office.campaign)
    office.server.wait(60)
    office.answer("ann", office.task("ann", "x:0:0"), "explicit")
    office.pull()
    assert given_under(office) == {("x:0:0", "ann"): 1}
