"""Push on a stand-in for Label Studio: what is sent, once, and what is found and put right."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

import annotation.tasks as pushing
from annotation.client import StudioError
from annotation.desks import forget
from ccd.campaign.tables import schema
from ccd.vocabulary import Status
from tests.annotation.desks import Office


@pytest.fixture
def office(tmp_path: Path) -> Office:
    made = Office(tmp_path / "c", 3)
    made.push()
    made.server.wait(60)
    return made


def keys(office: Office, name: str = "ann") -> Counter[str]:
    return Counter(task.data["pair_key"] for task in office.tasks(name))


EACH_ONCE = Counter({f"x:{number}:0": 1 for number in range(3)})


def test_every_desk_gets_its_pairs_and_nothing_else(tmp_path: Path) -> None:
    office = Office(tmp_path / "c", 3)
    assert office.push().sent == {"ann": 3, "bob": 3, "cy": 3}
    for name in ("ann", "bob", "cy"):
        assert keys(office, name) == EACH_ONCE
    data = office.task("ann", "x:1:0").data
    assert data == {"pair_key": "x:1:0", "text": "text", "image": "/data/local-files/?d=images/x-1-0.jpg", "round": 1}
    before = dict(office.server.tasks)
    again = office.push()
    assert (again.sent, again.notes) == ({"ann": 0, "bob": 0, "cy": 0}, [])
    assert office.server.tasks == before


@pytest.mark.parametrize("fault", ["lost", "refused"])
def test_a_batch_in_doubt_is_asked_for_before_it_is_sent_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    monkeypatch.setattr(pushing, "PAUSES", (0, 0))
    office = Office(tmp_path / "c", 3)
    left = iter((fault, fault))
    office.server.fault = lambda _method, path: next(left, None) if path.endswith("/import") else None
    office.push()
    for name in ("ann", "bob", "cy"):
        assert keys(office, name) == EACH_ONCE


def test_a_batch_that_is_never_confirmed_is_settled_by_the_next_push(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pushing, "PAUSES", ())
    office = Office(tmp_path / "c", 3)
    office.server.fault = lambda _method, path: "lost" if path.endswith("/import") else None
    with pytest.raises(StudioError, match="cannot be reached or cut the line"):
        office.push()
    office.server.fault = lambda _method, _path: None
    (first, *_) = office.tasks("ann")
    office.answer("ann", first, "explicit")
    office.pull()  # while the ledger does not know the task's number
    assert office.counts() == {(first.data["pair_key"], "ann"): "explicit"}
    assert office.push().sent == {"ann": 0, "bob": 3, "cy": 3}
    assert keys(office) == EACH_ONCE


@pytest.mark.parametrize("how", ["answer", "skip", "answer that the server did not count"])
def test_a_doubled_task_is_deleted_only_where_it_holds_no_answer(office: Office, how: str) -> None:
    held, empty = (
        office.server.add_task(office.project("ann"), dict(office.task("ann", pair).data))
        for pair in ("x:0:0", "x:1:0")
    )
    office.server.killed = how == "answer that the server did not count"
    office.answer("ann", held, "explicit", skip=how == "skip")
    notes = office.push().notes
    assert notes == [
        f"desk ann: task {empty.id} doubled x:1:0 and held no answer; deleted",
        f"desk ann: left alone, added by hand or doubled with answers: task {held.id}",
    ]
    assert keys(office) == EACH_ONCE + Counter({"x:0:0": 1})
    assert office.push().notes == []  # reported once
    office.pull()
    assert office.counts() == ({} if how == "skip" else {("x:0:0", "ann"): "explicit"})


def test_a_task_imported_by_hand_is_left_alone_whatever_it_says(office: Office) -> None:
    odd: list[dict[str, Any]] = [{"pair_key": 7}, {"pair_key": ["x:0:0"]}, {"text": "no key"}, {"pair_key": "x:9:0"}]
    for data in odd:
        office.answer("ann", office.server.add_task(office.project("ann"), data), "explicit")
    pulled = office.pull()
    assert (pulled.new, pulled.notes) == ({}, ["desk ann: 4 tasks were added or doubled by hand"])  # of no known pair
    assert office.push().notes == office.pull().notes == []  # reported once
    assert office.counts() == {}
    assert len(office.tasks("ann")) == 3 + len(odd)


def test_a_lost_ledger_is_found_again_by_what_tasks_show(office: Office) -> None:
    office.answer("ann", office.task("ann", "x:0:0"), "explicit")
    with office.campaign.write() as db:  # as after a database that was put back from an older copy
        db.execute(schema.tasks.delete().where(schema.tasks.c.desk == "ann"))
    wrong = office.task("ann", "x:1:0")
    office.server.show(wrong.id, wrong.data | {"text": "another text"})
    office.server.wait(60)
    assert office.push().sent["ann"] == 1  # the pair of the task that shows something else
    office.pull()
    assert office.counts() == {("x:0:0", "ann"): "explicit"}
    with office.campaign.read() as db:
        t = schema.tasks.c
        ledger = dict(db.execute(sa.select(t.pair_id, t.task_id).where(t.desk == "ann")).all())
    assert ledger.keys() == EACH_ONCE.keys()
    assert wrong.id not in ledger.values()


def test_what_is_amiss_is_said_in_words(office: Office) -> None:
    office.answer("bob", office.task("ann", "x:0:0"), "explicit")
    (note,) = office.pull().notes
    assert note.endswith("an answer was given by someone else; not counted, have ann answer it again there")
    del office.server.tasks[office.task("ann", "x:1:0").id]
    assert any("desk ann: 1 task was deleted by hand" in note for note in office.push().notes)


def test_ground_truths_on_annotators_desks_are_no_votes(office: Office) -> None:
    task = office.task("ann", "x:0:0")
    office.answer("ann", task, "explicit").ground_truth = True
    pulled = office.pull()
    assert pulled.new == {Status.GROUND_TRUTH: 1}
    assert "an answer is marked as ground truth; not counted, have ann answer it again there" in pulled.notes[0]
    assert office.counts() == {}
    office.answer("ann", task, "implicit")
    office.pull()
    assert office.counts() == {("x:0:0", "ann"): "implicit"}


def test_a_desk_that_was_deleted_is_rebuilt_with_what_is_not_judged(office: Office) -> None:
    office.answer("ann", office.task("ann", "x:0:0"), "explicit")
    office.pull()
    office.server.delete_project(office.project("ann"))
    assert any("`ccd push` rebuilds it" in note for note in office.pull().notes)
    assert office.push().sent == {"ann": 2, "bob": 0, "cy": 0}
    assert office.counts() == {("x:0:0", "ann"): "explicit"}


def test_a_desk_that_the_ledger_forgot_is_found_by_its_mark(office: Office) -> None:
    before = office.project("ann")
    forget(office.campaign, "ann")
    assert office.push().sent["ann"] == 0
    assert office.project("ann") == before
    assert keys(office) == EACH_ONCE
