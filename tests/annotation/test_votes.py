"""Which answers count: all of assigned annotators, on what the pair shows, under the page that was meant."""

from pathlib import Path

import pytest

from ccd.campaign.tables import schema
from ccd.vocabulary import Status
from tests.annotation.desks import Office, swapped


@pytest.fixture
def office(tmp_path: Path) -> Office:
    made = Office(tmp_path / "c", 3)
    made.push()
    made.server.wait(60)
    return made


def test_every_assigned_answer_is_counted_once(office: Office) -> None:
    for name in ("ann", "bob", "cy"):
        for task in office.tasks(name):
            office.answer(name, task, "explicit")
    assert office.pull().new == {"valid": 9}
    assert office.pull().new == {}
    assert set(office.counts().values()) == {"explicit"}
    assert len(office.counts()) == 9


@pytest.mark.parametrize("data", [{"text": "another text", "image": ""}, {"text": "text", "image": "/data/x.png"}, {}])
def test_an_answer_to_a_pair_that_was_not_assigned_is_no_vote(office: Office, data: dict[str, str]) -> None:
    office.assign({"x:7:0": ("bob", "cy")})
    office.push()
    for name, label in (("bob", "explicit"), ("cy", "implicit")):
        office.answer(name, office.task(name, "x:7:0"), label)
    shown = office.task("bob", "x:7:0").data
    imported = office.server.add_task(office.project("ann"), shown | data)
    office.answer("ann", imported, "explicit")  # would settle the pair
    pulled = office.pull()
    assert pulled.new == {"valid": 2, Status.UNASSIGNED: 1}
    assert len(pulled.notes) == 2
    assert pulled.notes[0] == "desk ann: 1 task was added or doubled by hand"
    assert f"task={imported.id}: an answer to a pair that was not assigned to ann; not counted" in pulled.notes[1]
    assert office.counts() == {("x:7:0", "bob"): "explicit", ("x:7:0", "cy"): "implicit"}
    office.push()
    again = office.pull()
    assert (again.new, again.notes) == ({}, [])  # reported once


def test_a_campaign_of_an_older_toolkit_loses_the_votes_that_were_not_assigned(office: Office) -> None:
    office.assign({"x:7:0": ("bob",)})
    office.push()
    for name in ("ann", "bob"):
        office.answer(name, office.server.add_task(office.project(name), office.task("bob", "x:7:0").data), "explicit")
    office.pull()
    with (
        office.campaign.write() as db
    ):  # as a migration leaves it: both are votes, and nothing says when they were given
        db.execute(schema.judgments.update().values(answered_at=None))
        mine = schema.judgments.c.annotator == "ann"
        db.execute(schema.judgments.update().where(mine).values(status="valid", digest="of a vote"))
        db.execute(schema.desks.update().values(page=None, page_since=None, watermark=None))
        for table in (schema.tasks, schema.stray_tasks):
            db.execute(table.update().values(annotations=None))
    assert len(office.counts()) == 2
    office.server.wait(60)
    assert office.pull().new == {Status.UNASSIGNED: 1}
    assert office.counts() == {("x:7:0", "bob"): "explicit"}
    assert office.pull().new == {}


def test_an_answer_counts_from_when_its_pair_is_assigned(office: Office) -> None:
    office.assign({"x:7:0": ("bob",)})
    office.push()
    imported = office.server.add_task(office.project("ann"), office.task("bob", "x:7:0").data)
    office.answer("ann", imported, "explicit")
    office.pull()
    office.assign({"x:8:0": ("ann",)})
    with office.campaign.write() as db:
        db.exec_driver_sql("INSERT INTO assignments VALUES ('x:7:0', 'ann', 2, 9)")
    office.server.wait(60)
    assert office.pull().new == {"valid": 1}
    assert office.counts()["x:7:0", "ann"] == "explicit"


def test_an_answer_to_a_task_that_showed_something_else_is_no_vote(office: Office) -> None:
    task = office.task("ann", "x:0:0")
    right = dict(task.data)
    office.server.show(task.id, right | {"text": "another text"})
    office.answer("ann", task, "explicit")
    pulled = office.pull()
    assert pulled.new == {Status.CHANGED_TASK: 1}
    assert office.counts() == {}
    pushed = office.push()
    assert pushed.sent["ann"] == 1  # in a new task: the queue does not offer the old one again
    assert "desk ann: 1 pair whose answer was set aside is sent again" in pushed.notes
    assert office.pull().new == {}  # the old answer stays what it was
    new = office.tasks("ann")[-1]
    assert new.data == right
    office.server.wait(60)
    office.answer("ann", new, "implicit")
    assert office.pull().new == {"valid": 1}
    assert office.counts() == {("x:0:0", "ann"): "implicit"}
    assert office.push().sent["ann"] == 0


def test_a_task_put_right_between_an_answer_and_its_pull_does_not_make_it_a_vote(office: Office) -> None:
    task = office.task("ann", "x:0:0")
    office.server.show(task.id, task.data | {"text": "another text"})
    office.pull()  # sees the edit
    office.answer("ann", task, "explicit")
    office.push()  # puts the task right
    office.server.wait(60)
    assert office.pull().new == {Status.CHANGED_TASK: 1}
    office.push()
    office.answer("ann", office.tasks("ann")[-1], "explicit")
    assert office.pull().new == {"valid": 1}


def test_an_edit_after_the_pull_takes_no_vote_away(office: Office) -> None:
    task = office.task("ann", "x:0:0")
    office.answer("ann", task, "explicit")
    office.pull()
    office.server.show(task.id, task.data | {"text": "another text"})
    assert office.pull().new == {}
    office.push()
    assert office.pull().new == {}
    assert office.counts() == {("x:0:0", "ann"): "explicit"}


def test_what_was_answered_under_another_page_is_set_aside(office: Office) -> None:
    project = office.server.projects[office.project("ann")]
    page = project["label_config"]
    office.answer("ann", office.task("ann", "x:0:0"), "explicit")
    office.pull()
    project["label_config"] = swapped(page)
    office.answer("ann", office.task("ann", "x:1:0"), "irrelevant")  # "Explicit relevant" was pressed
    pulled = office.pull()
    assert pulled.new == {Status.CHANGED_PAGE: 1}
    assert "desk ann: its labeling page was changed by hand" in pulled.notes[0]
    office.answer("ann", office.task("ann", "x:2:0"), "irrelevant")
    pushed = office.push()  # puts the page back, before the last answer was pulled
    assert any("its labeling page was changed by hand; the protocol's is back" in note for note in pushed.notes)
    assert (project["label_config"], pushed.sent["ann"]) == (page, 1)
    office.server.wait(60)
    assert office.pull().new == {Status.CHANGED_PAGE: 1}
    assert office.counts() == {("x:0:0", "ann"): "explicit"}
    assert office.push().sent["ann"] == 1
    for task in office.tasks("ann")[-2:]:
        office.answer("ann", task, "explicit")
    assert office.pull().new == {"valid": 2}
    assert set(office.counts().values()) == {"explicit"}


def test_a_page_that_was_put_back_by_hand_does_not_save_what_came_before(office: Office) -> None:
    project = office.server.projects[office.project("ann")]
    page = project["label_config"]
    project["label_config"] = swapped(page)
    office.pull()
    office.answer("ann", office.task("ann", "x:0:0"), "irrelevant")
    project["label_config"] = page
    office.server.wait(60)
    assert office.pull().new == {Status.CHANGED_PAGE: 1}
    office.server.wait(60)
    office.answer("ann", office.task("ann", "x:1:0"), "irrelevant")
    assert office.pull().new == {"valid": 1}


def test_a_page_changed_and_changed_back_between_two_pulls_leaves_no_trace(office: Office) -> None:
    """What the docs say cannot be seen: should a later Label Studio tell, this test is to change."""
    project = office.server.projects[office.project("ann")]
    page = project["label_config"]
    project["label_config"] = swapped(page)
    office.answer("ann", office.task("ann", "x:0:0"), "irrelevant")
    project["label_config"] = page
    assert office.pull().new == {"valid": 1}


@pytest.mark.parametrize("doing", ["answer", "delete"])
def test_a_server_killed_before_it_moved_the_time_stamp_loses_nothing(office: Office, doing: str) -> None:
    first, second = office.tasks("ann")[:2]
    given = office.answer("ann", first, "explicit")
    office.pull()
    office.server.wait(60)
    office.pull()
    office.server.killed = True
    if doing == "answer":
        office.answer("ann", second, "implicit")
    else:
        office.server.withdraw(given.id)
    office.server.wait(60)
    assert office.pull().new == {"valid" if doing == "answer" else "deleted": 1}
    assert len(office.counts()) == (2 if doing == "answer" else 0)
    office.server.asked.clear()
    office.pull()
    assert office.server.asked.count("GET /api/tasks/") == 3  # one a desk: nothing is listed where the counts agree


def test_a_task_that_gets_another_round_keeps_its_answers(office: Office) -> None:
    task = office.task("ann", "x:0:0")
    office.answer("ann", task, "explicit")
    with office.campaign.write() as db:  # as of a task that is adopted, or that goes to the adjudicators again
        db.execute(schema.tasks.update().where(schema.tasks.c.task_id == task.id).values(data_sha256="of round 7"))
    office.push()
    office.server.wait(60)
    assert office.pull().new == {"valid": 1}
