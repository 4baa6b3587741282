"""What an annotator's login, a stranger's page or a broken server may put in the way: all else is pulled and pushed."""

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from annotation import client as client_module
from annotation import pull as pull_module
from annotation.client import StudioError
from ccd.vocabulary import Status
from tests.annotation.desks import Office, choice

HTML = "<html>Please sign in</html>"
LATER = 60  # seconds


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "BACKOFF", 0.0)


@pytest.fixture
def office(tmp_path: Path) -> Office:
    made = Office(tmp_path / "c", 3)
    made.push()
    made.server.wait(LATER)
    return made


def answer_all(office: Office) -> None:
    for name in ("ann", "bob", "cy"):
        for task in office.tasks(name)[:3]:
            office.answer(name, task, "explicit")


def others(office: Office, name: str = "ann") -> int:
    return sum(annotator != name for _pair, annotator in office.counts())


def add(office: Office, data: dict[str, Any]) -> None:
    task = office.server.add_task(office.project("ann"), data)
    office.answer("ann", task, "explicit")


def give(office: Office, **fields: Any) -> None:
    """An answer of ann's, edited over the API."""
    made = office.answer("ann", office.task("ann", "x:0:0"), "explicit")
    for name, value in fields.items():
        setattr(made, name, value)


TAKEN: dict[str, Callable[[Office], None]] = {
    "a pair key that is an object": lambda o: add(o, {"pair_key": {"a": 1}, "text": "text"}),
    "a photo that is an object": lambda o: add(o, {"pair_key": "x:1:0", "text": "text", "image": {"a": 1}}),
    "a pair key of half a character": lambda o: add(o, {"pair_key": "x:\ud83d", "text": "\ud83d\0"}),
    "data that is a list": lambda o: add(o, ["x:1:0"]),  # type: ignore[arg-type]
    "-5 seconds": lambda o: give(o, lead_time=-5),
    "1e308 seconds": lambda o: give(o, lead_time=1e308),
    "infinite seconds": lambda o: give(o, lead_time=float("inf")),
    "seconds in words": lambda o: give(o, lead_time="long"),
    "a date of 1970": lambda o: give(o, created_at="1970-01-01T00:00:00Z", updated_at="1970-01-01T00:00:00Z"),
    "a comment of 2 MB": lambda o: give(
        o,
        result=[
            *choice("explicit"),
            {"from_name": "comment", "to_name": "text", "type": "textarea", "value": {"text": ["x" * 2_000_000]}},
        ],
    ),
    "half a character in an answer": lambda o: give(o, result=choice("\udc00")),
    "a result that is an object": lambda o: give(o, result={"from_name": "relation"}),
    "a result of nested lists": lambda o: give(o, result=[[[[]]], None, 3]),
}


@pytest.mark.parametrize("attack", TAKEN)
def test_odd_data_of_one_desk_is_taken_and_stops_nothing(office: Office, attack: str) -> None:
    TAKEN[attack](office)
    for name in ("bob", "cy"):
        for task in office.tasks(name):
            office.answer(name, task, "explicit")
    pulled = office.pull()
    assert pulled.failed == []
    assert others(office) == 6
    assert office.push().failed == []
    assert office.pull().new == {}  # nothing is pulled twice
    with office.campaign.read() as db:
        rows = db.exec_driver_sql("SELECT seconds FROM judgments WHERE annotator = 'ann'").scalars().all()
    assert all(seconds is None or 0 <= seconds <= 3600 for seconds in rows)


def test_a_thousand_answers_to_one_task_are_one_vote_and_one_line(office: Office) -> None:
    task = office.task("ann", "x:0:0")
    for _ in range(1000):
        office.answer("ann", task, "explicit")
    for other in office.tasks("ann")[1:]:
        for _ in range(50):
            office.answer("bob", other, "explicit")
    pulled = office.pull()
    assert pulled.new == {"valid": 1000, Status.FOREIGN: 100}
    assert office.counts() == {("x:0:0", "ann"): "explicit"}
    (note,) = pulled.notes
    assert note.endswith("have ann answer it again there (and 99 more tasks)")


@pytest.mark.parametrize("sick", [{0}, {2}, {0, 1}, {0, 1, 2}, {5, 6, 300}])
def test_a_sick_task_is_named_and_all_others_are_pulled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sick: set[int]
) -> None:
    monkeypatch.setattr(client_module, "PAGE", 64)
    office = Office(tmp_path / "c", 3 if max(sick) < 3 else 310)
    office.push()
    office.server.wait(LATER)
    anns = office.tasks("ann")
    for task in (anns[number] for number in sorted({*sick, 0, 2})):
        office.answer("ann", task, "explicit")
    for task in office.tasks("cy")[:3]:
        office.answer("cy", task, "implicit")
    office.server.sick = {anns[number].id for number in sick}
    office.server.asked.clear()
    pulled = office.pull()
    assert len(office.server.asked) < 120
    named = f"desk ann, http://stand-in/projects/{office.project('ann')}/data?task={anns[min(sick)].id}: "
    assert pulled.failed[0].startswith(f"{named}the task cannot be read (")
    assert len(pulled.failed) == 1
    assert pulled.failed[0].endswith(f"(and {len(sick) - 1} more task{'s' * (len(sick) > 2)})") == (len(sick) > 1)
    assert pulled.new == {"valid": 3 + len({0, 2} - sick)}
    office.server.wait(LATER)
    assert office.pull().failed == pulled.failed  # as long as it is sick
    office.server.sick = set()
    assert office.pull().new == {"valid": len(sick)}
    assert office.pull().failed == []


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ((200, HTML), "with a page, not with data"),
        ((500, HTML), "answers GET /api/tasks/ with 500"),
        ((404, HTML), "is it a Label Studio?"),
        ((200, {"results": []}), "in another shape (tasks: Field required)"),
        ((200, {"tasks": [{"id": "x"}], "total": 1}), "a task has no number"),
        ((200, [1]), "in another shape"),
    ],
)
def test_a_desk_that_answers_oddly_is_named_and_the_others_are_pulled(office: Office, content: Any, why: str) -> None:
    answer_all(office)
    office.server.fault = lambda _method, path: content if path == "/api/tasks/" and is_anns(office) else None
    pulled = office.pull()
    assert others(office) == 6
    (line,) = pulled.failed
    assert line.startswith("desk ann was not pulled to the end: ")
    assert why in line
    office.server.fault = lambda _method, _path: None
    assert office.pull().new == {"valid": 3}


def is_anns(office: Office) -> bool:
    """Whether the desk that is asked about is ann's: what was asked last of a project."""
    return [a for a in office.server.asked if a.startswith("GET /api/projects/")][-1].endswith(
        f"/{office.project('ann')}/"
    )


@pytest.mark.parametrize("content", [(200, HTML), (404, HTML), (200, {"id": 1}), (200, [])])
def test_a_strangers_page_is_no_deleted_project(office: Office, content: Any) -> None:
    answer_all(office)
    before = office.project("ann")
    one = f"/api/projects/{before}/"
    office.server.fault = lambda _method, path: content if path == one else None
    assert [line[:8] for line in office.pull().failed] == ["desk ann"]
    assert [line[:8] for line in office.push().failed] == ["desk ann"]
    assert others(office) == 6
    assert office.project("ann") == before
    assert len(office.server.projects) == 3


def test_a_task_of_another_version_is_named(office: Office) -> None:
    answer_all(office)
    task = office.task("ann", "x:1:0")
    for given in office.server.annotations.values():
        if given.task == task.id:
            given.created_at = "yesterday"
    pulled = office.pull()
    assert pulled.new == {"valid": 8}
    (line,) = pulled.failed
    assert f"task={task.id}: the task cannot be read (what the server sends is no task (annotations.0" in line


def test_a_changed_description_stops_one_desk(office: Office) -> None:
    answer_all(office)
    office.server.projects[office.project("ann")]["description"] = "mine"
    assert office.pull().failed[0].startswith("desk ann was not pulled to the end: ")
    assert others(office) == 6
    assert office.push().failed[0].startswith("desk ann was left as it is: ")


def test_a_project_deleted_while_it_is_pulled_stops_nothing(office: Office) -> None:
    answer_all(office)
    project = office.project("ann")

    def fault(_method: str, path: str) -> str | None:
        if path == "/api/tasks/" and project in office.server.projects and is_anns(office):
            office.server.delete_project(project)
        return None

    office.server.fault = fault
    pulled = office.pull()
    assert others(office) == 6
    assert pulled.failed[0].startswith("desk ann was not pulled to the end: ")
    assert "`ccd push` rebuilds it" in office.pull().notes[0]


def test_a_deleted_user_takes_no_answer_along(office: Office) -> None:
    answer_all(office)
    office.pull()
    del office.server.users[office.server.user("ann")]
    for given in office.server.annotations.values():  # as Label Studio does
        if given.project == office.project("ann"):
            given.completed_by = given.updated_by = None  # type: ignore[assignment]
    with office.campaign.write() as db:
        db.exec_driver_sql("UPDATE desks SET watermark = NULL")  # all is read again
    assert office.pull().new == {}
    assert len(office.counts()) == 9
    assert office.push().failed == [
        "desk ann was left as it is: ann <ann@example.org>: no account at http://stand-in; `ccd studio accounts` makes "
        "it by invitation"
    ]


def test_nobody_reached_is_an_error(office: Office) -> None:
    office.server.fault = lambda _method, path: (200, HTML) if path.startswith("/api/projects/") else None
    with pytest.raises(StudioError, match="with a page"):
        office.pull()
    with pytest.raises(StudioError, match="with a page"):
        office.push()
    office.server.fault = lambda _method, _path: "lost"
    with pytest.raises(StudioError, match="cannot be reached"):
        office.pull()


def test_an_answer_to_a_question_that_somebody_added_is_named_and_the_other_desks_are_pushed(office: Office) -> None:
    page = office.server.projects[office.project("ann")]
    page["label_config"] = page["label_config"].replace("</View>", '<TextArea name="mine" toName="text"/></View>')
    task = office.task("ann", "x:1:0")
    part = {"from_name": "mine", "to_name": "text", "type": "textarea", "value": {"text": ["hello"]}}
    office.server.answer(task.id, office.server.user("ann"), [*choice("explicit"), part])
    office.server.delete_project(office.project("cy"))
    office.assign({"x:7:0": ("ann", "bob")})
    pushed = office.push()
    assert pushed.sent == {"bob": 1, "cy": 3}
    (line,) = pushed.failed
    assert line.startswith("desk ann was left as it is: the labeling page of")
    assert (
        f"1 task has an answer to a question that the protocol does not ask (http://stand-in/projects/{page['id']}"
        in line
    )
    assert f"/data?task={task.id}); delete these answers there" in line
    office.server.withdraw(next(a.id for a in office.server.annotations.values()))
    assert office.push().sent == {"ann": 1, "bob": 0, "cy": 0}


def test_a_deleted_project_of_somebody_who_left_stops_nothing(office: Office) -> None:
    config = office.campaign.folder / "campaign.toml"
    text = config.read_text(encoding="utf-8")
    left = '\n[[annotators]]\nname = "ann"\nemail = "ann@example.org"\n'
    assert left in text
    config.write_text(text.replace(left, "\n").replace("per_pair = 3", "per_pair = 2"), encoding="utf-8")
    office.campaign = type(office.campaign).open(office.campaign.folder)
    office.server.delete_project(office.project("ann"))
    office.assign({"x:7:0": ("bob",)})
    pushed = office.push()
    assert (pushed.sent, pushed.failed) == ({"bob": 1, "cy": 0}, [])
    assert "desk ann: there is none, and ann is no longer in campaign.toml" in pushed.notes[-1]


def test_one_task_deleted_and_one_added_are_found_though_the_counts_agree(office: Office) -> None:
    office.server.delete_task(office.task("ann", "x:1:0").id)
    added = office.server.add_task(office.project("ann"), {"text": "mine"})
    pushed = office.push()
    assert pushed.sent == {"ann": 1, "bob": 0, "cy": 0}
    assert pushed.notes == [
        "desk ann: 1 task was deleted by hand; what is not judged yet is sent again",
        f"desk ann: left alone, added by hand or doubled with answers: task {added.id}",
    ]


def test_a_copy_of_ones_own_pair_with_another_text_is_not_said_to_be_sent_again(office: Office) -> None:
    add(office, office.task("ann", "x:0:0").data | {"text": "another text"})
    (line,) = [note for note in office.pull().notes if "another" not in note and "answer" in note]
    assert line.endswith("not counted, the pair has a task of its own")
    assert office.push().sent["ann"] == 0
    assert office.counts() == {}


def test_a_changed_address_is_one_line_until_it_is_pushed(office: Office) -> None:
    office.server.users[99] = "new@example.org"
    config = office.campaign.folder / "campaign.toml"
    config.write_text(config.read_text(encoding="utf-8").replace("cy@example.org", "new@example.org"), encoding="utf-8")
    office.campaign = type(office.campaign).open(office.campaign.folder)
    for task in office.tasks("cy"):
        office.server.answer(task.id, 99, choice("explicit"))
    pulled = office.pull()
    assert pulled.notes == ["addresses changed in campaign.toml (cy); run `ccd push`, then `ccd pull`"]
    assert office.counts() == {}
    assert office.push().failed == []
    assert office.pull().new == {"valid": 3}
    assert len(office.counts()) == 3


def test_every_edited_task_is_one_line(office: Office) -> None:
    for task in office.tasks("ann"):
        office.server.show(task.id, {"text": "mine"})
    assert [note.count("(and 2 more tasks)") for note in office.pull().notes] == [1]
    assert [note.count("(and 2 more tasks)") for note in office.push().notes] == [1]


@pytest.mark.parametrize("catches_up", [False, True])
def test_answers_given_while_the_servers_clock_was_set_back_are_pulled(
    office: Office, monkeypatch: pytest.MonkeyPatch, catches_up: bool
) -> None:
    first = office.answer("ann", office.tasks("ann")[0], "explicit")
    office.pull()
    office.server.wait(-7200)
    office.answer("ann", office.tasks("ann")[1], "implicit")
    office.server.edit(first.id, office.server.user("ann"), result=choice("irrelevant"))
    if catches_up:
        office.server.wait(7200 + LATER)
        ours = pull_module._our_time
        monkeypatch.setattr(pull_module, "_our_time", lambda: ours() + datetime.timedelta(seconds=7200 + LATER))
    office.pull()
    assert sorted(office.counts().values()) == ["implicit", "irrelevant"]
