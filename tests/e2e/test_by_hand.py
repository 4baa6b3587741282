"""What people do to desks by hand, and what `ccd push` and `ccd pull` make of it."""

import contextlib
import json
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from annotation.accounts import sign_in
from annotation.client import HOLDS_ANSWERS
from annotation.desks import known_desks
from ccd.campaign.campaign import Campaign
from ccd.campaign.tables import schema
from ccd.campaign.tables.judgments import valid_judgments
from tests.e2e import postgres
from tests.e2e.conftest import Server, api, campaign_on, ccd

SIZE = 20


@pytest.fixture
def campaign(server: Server, tmp_path: Path) -> Campaign:
    campaign, _truth = campaign_on(server.url, tmp_path / f"hand{tmp_path.name[-6:]}", SIZE)
    ccd(campaign.folder, "push")
    return campaign


def tasks(server: Server, campaign: Campaign, desk: str = "ann") -> list[dict[str, Any]]:
    return list(api(server).tasks(known_desks(campaign)[desk].project_id, fields="data,total_annotations"))


def answer(server: Server, name: str, task: int, label: str, **more: Any) -> dict[str, Any]:
    session = sign_in(server.url, f"{name}@example.org", server.passwords[name])
    part = {"from_name": "relation", "to_name": "text", "type": "choices", "value": {"choices": [label]}}
    done = session.post(
        f"{server.url}/api/tasks/{task}/annotations/", json={"result": [part], "lead_time": 2.5, **more}, timeout=60
    )
    assert done.status_code == 201, done.text
    made: dict[str, Any] = done.json()
    return made


def counts(campaign: Campaign) -> dict[str, str]:
    """What counts of ann's answers: pair id to label."""
    with campaign.read() as db:
        frame = valid_judgments(db, "relation")
    mine = frame[frame["worker"] == "ann"]
    return dict(zip(mine["task"], mine["label"], strict=True))


def test_deleted_and_doubled_tasks_are_mended(server: Server, campaign: Campaign) -> None:
    before = tasks(server, campaign)
    project = known_desks(campaign)["ann"].project_id
    answer(server, "ann", before[0]["id"], "explicit")
    ccd(campaign.folder, "pull")
    api(server).send("DELETE", f"/api/tasks/{before[0]['id']}/", None)  # judged: stays judged, is not sent again
    api(server).send("DELETE", f"/api/tasks/{before[1]['id']}/", None)  # not judged: sent again
    api(server).send("POST", f"/api/projects/{project}/import", [{"data": before[2]["data"]}] * 2)  # doubled twice

    pulled = ccd(campaign.folder, "pull").facts
    assert any("2 tasks were deleted by hand" in note for note in pulled["notes"])
    assert counts(campaign) == {before[0]["data"]["pair_key"]: "explicit"}
    pushed = ccd(campaign.folder, "push").facts
    assert pushed["sent"]["ann"] == 1
    keys = Counter(task["data"]["pair_key"] for task in tasks(server, campaign))
    assert keys == Counter({task["data"]["pair_key"]: 1 for task in before[1:]})
    assert ccd(campaign.folder, "push").facts["sent"]["ann"] == 0
    assert ccd(campaign.folder, "pull").facts["notes"] == []


def test_a_judgment_says_which_prediction_its_task_showed(server: Server, campaign: Campaign) -> None:
    first, second, third, *_ = tasks(server, campaign)
    project = known_desks(campaign)["ann"].project_id
    part = {"from_name": "relation", "to_name": "text", "type": "choices", "value": {"choices": ["implicit"]}}
    for task, result in ((first, [part]), (second, [])):  # one without a result orders tasks and shows nothing
        prediction = {"task": task["id"], "model_version": "light-1", "score": 0.7, "result": result}
        api(server).send("POST", f"/api/projects/{project}/import/predictions", [prediction])
    api(server).send("PATCH", f"/api/projects/{project}/", {"model_version": "light-1"})
    for task in (first, second, third):
        answer(server, "ann", task["id"], "explicit")
    ccd(campaign.folder, "pull")
    with campaign.read() as db:
        j = schema.judgments.c
        shown = dict(iter(db.execute(sa.select(j.pair_id, j.prediction))))
    keys = [task["data"]["pair_key"] for task in (first, second, third)]
    assert shown == dict(zip(keys, ("light-1", None, None), strict=True))


def test_an_edited_task_is_put_right(server: Server, campaign: Campaign) -> None:
    task = tasks(server, campaign)[0]
    wrong = {**task["data"], "text": "something else", "pair_key": "x:1:0"}
    api(server).send("PATCH", f"/api/tasks/{task['id']}/", {"data": wrong})
    assert any("edited by hand" in note for note in ccd(campaign.folder, "pull").facts["notes"])
    notes = ccd(campaign.folder, "push").facts["notes"]
    assert any("did not show its pair any more" in note for note in notes)
    assert tasks(server, campaign)[0]["data"] == task["data"]
    assert ccd(campaign.folder, "push").facts["notes"] == []


def test_a_changed_a_deleted_and_a_second_annotation(server: Server, campaign: Campaign) -> None:
    first, second = tasks(server, campaign)[:2]
    pair, other = first["data"]["pair_key"], second["data"]["pair_key"]
    made = answer(server, "ann", first["id"], "implicit")
    answer(server, "ann", first["id"], "explicit")  # doubled: the first valid one counts
    gone = answer(server, "ann", second["id"], "irrelevant")
    assert ccd(campaign.folder, "pull").facts["new"] == {"valid": 3}
    assert counts(campaign) == {pair: "implicit", other: "irrelevant"}

    session = sign_in(server.url, "ann@example.org", server.passwords["ann"])
    made["result"][0]["value"]["choices"] = ["irrelevant"]
    session.patch(f"{server.url}/api/annotations/{made['id']}/", json={"result": made["result"]}, timeout=60)
    session.delete(f"{server.url}/api/annotations/{gone['id']}/", timeout=60)
    assert ccd(campaign.folder, "pull").facts["new"] == {"valid": 1, "deleted": 1}
    assert counts(campaign) == {pair: "irrelevant"}
    for _ in range(3):
        assert ccd(campaign.folder, "pull").facts["new"] == {}
    with campaign.read() as db:  # nothing was overwritten
        versions = db.scalars(
            sa.select(sa.func.count()).select_from(schema.judgments).group_by(schema.judgments.c.annotation)
        ).all()
    assert sorted(versions) == [1, 2, 2]


def test_answers_that_do_not_count_are_reported(server: Server, campaign: Campaign) -> None:
    listed = tasks(server, campaign)
    answer(server, "bob", listed[0]["id"], "explicit")  # on another's desk
    mine = answer(server, "ann", listed[1]["id"], "explicit")
    mine["result"][0]["value"]["choices"] = ["implicit"]
    api(server).send("PATCH", f"/api/annotations/{mine['id']}/", {"result": mine["result"]})  # edited by the admin
    answer(server, "ann", listed[3]["id"], "cannot_judge")
    answer(server, "ann", listed[4]["id"], "explicit", was_cancelled=True)
    pulled = ccd(campaign.folder, "pull").facts
    assert pulled["new"] == {
        "foreign": 1,
        "edited_by_other": 1,
        "cannot_judge": 1,
        "skipped": 1,
    }
    assert len(pulled["notes"]) == 2
    assert counts(campaign) == {}


def test_a_label_outside_the_protocol_is_kept_and_not_counted(server: Server, campaign: Campaign) -> None:
    listed = tasks(server, campaign)
    answer(server, "ann", listed[0]["id"], "no such label")
    answer(server, "ann", listed[1]["id"], "explicit")
    assert "'no such label' is none of irrelevant, implicit, explicit" in ccd(campaign.folder, "pull", code=2).err
    assert counts(campaign) == {listed[1]["data"]["pair_key"]: "explicit"}  # the rest was pulled
    assert ccd(campaign.folder, "pull").facts["new"] == {}
    answer(server, "ann", listed[0]["id"], "implicit")
    ccd(campaign.folder, "pull")
    assert counts(campaign)[listed[0]["data"]["pair_key"]] == "implicit"


def test_follow_brings_answers_as_they_come(server: Server, campaign: Campaign) -> None:
    command = [sys.executable, "-m", "apps.cli.main", "pull", "--follow", "--every", "1", "--json", "-"]
    follower = subprocess.Popen(
        [*command, "--dir", str(campaign.folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        for number, task in enumerate(tasks(server, campaign)[:3], 1):
            answer(server, "ann", task["id"], "explicit")
            deadline = time.monotonic() + 60
            while len(counts(campaign)) < number:
                assert time.monotonic() < deadline, "the follower brought nothing"
                time.sleep(0.2)
        time.sleep(2)  # the pull that brought the last one ends
        follower.send_signal(signal.SIGINT)  # Ctrl-C ends it as done
        out, err = follower.communicate(timeout=60)
    finally:
        follower.kill()  # else it would keep the server busy for all that follow
    assert follower.returncode == 0, err
    assert json.loads(out)["new"] == {"valid": 3}


def test_a_project_deleted_by_hand_is_rebuilt(server: Server, campaign: Campaign) -> None:
    task = tasks(server, campaign)[0]
    answer(server, "ann", task["id"], "explicit")
    ccd(campaign.folder, "pull")
    api(server).send("DELETE", f"/api/projects/{known_desks(campaign)['ann'].project_id}/", None)
    assert any("deleted by hand" in note for note in ccd(campaign.folder, "pull").facts["notes"])
    pushed = ccd(campaign.folder, "push").facts
    assert pushed["sent"] == {"ann": SIZE - 1, "bob": 0, "cy": 0}
    assert counts(campaign) == {task["data"]["pair_key"]: "explicit"}
    assert len(tasks(server, campaign)) == SIZE - 1


def test_a_labeling_page_changed_by_hand_is_put_right(server: Server, campaign: Campaign) -> None:
    project = known_desks(campaign)["ann"].project_id
    config = api(server).get(f"/api/projects/{project}/")["label_config"]
    api(server).send("PATCH", f"/api/projects/{project}/", {"label_config": config.replace("Irrelevant", "Whatever")})
    notes = ccd(campaign.folder, "push").facts["notes"]
    assert any("labeling page" in note for note in notes)
    assert api(server).get(f"/api/projects/{project}/")["label_config"] == config
    assert ccd(campaign.folder, "push").facts["notes"] == []


def test_only_assigned_answers_under_the_page_that_was_meant_count(server: Server, campaign: Campaign) -> None:
    project = known_desks(campaign)["ann"].project_id
    listed = tasks(server, campaign)
    with campaign.write() as db:  # a pair that is nobody's, as of a round that ann is not in
        db.execute(schema.assignments.delete().where(schema.assignments.c.pair_id == listed[-1]["data"]["pair_key"]))
    answer(server, "ann", listed[0]["id"], "explicit")
    answer(server, "ann", listed[-1]["id"], "explicit")
    pulled = ccd(campaign.folder, "pull").facts
    assert pulled["new"] == {"valid": 1, "unassigned": 1}
    assert "was not assigned to ann; not counted" in pulled["notes"][0]

    page = api(server).get(f"/api/projects/{project}/")["label_config"]
    one, other = 'alias="explicit"', 'alias="irrelevant"'
    session = sign_in(server.url, "ann@example.org", server.passwords["ann"])
    swapped = {"label_config": page.replace(one, "@").replace(other, one).replace("@", other)}
    assert session.patch(f"{server.url}/api/projects/{project}/", json=swapped, timeout=60).ok
    answer(server, "ann", listed[1]["id"], "irrelevant")  # what "Explicit relevant" is stored as now
    pulled = ccd(campaign.folder, "pull").facts
    assert pulled["new"] == {"changed_page": 1}
    assert any("labeling page was changed by hand" in note for note in pulled["notes"])
    assert counts(campaign) == {listed[0]["data"]["pair_key"]: "explicit"}
    checks = {check["what"]: check for check in ccd(campaign.folder, "doctor", code=1).facts["checks"]}
    assert checks["labeling pages are as pushed"]["remedy"] == "ccd push"

    assert ccd(campaign.folder, "push").facts["sent"]["ann"] == 1
    assert api(server).get(f"/api/projects/{project}/")["label_config"] == page
    time.sleep(1)
    answer(server, "ann", tasks(server, campaign)[-1]["id"], "explicit")
    assert ccd(campaign.folder, "pull").facts["new"] == {"valid": 1}
    assert set(counts(campaign).values()) == {"explicit"}


def test_an_answer_without_its_time_stamp_is_found(server: Server, campaign: Campaign) -> None:
    """What `kill -9` leaves: the annotation is committed, its task's `updated_at` and counters are as before."""
    first, second = tasks(server, campaign)[:2]
    answer(server, "ann", first["id"], "explicit")
    ccd(campaign.folder, "pull")
    columns = "updated_at, total_annotations, is_labeled"
    with contextlib.closing(sqlite3.connect(server.folder / "studio" / "data" / "label_studio.sqlite3")) as behind:
        before = behind.execute(f"SELECT {columns} FROM task WHERE id = ?", (second["id"],)).fetchone()
        answer(server, "ann", second["id"], "implicit")
        behind.execute(f"UPDATE task SET ({columns}) = (?, ?, ?) WHERE id = ?", (*before, second["id"]))
        behind.commit()
    checks = {check["what"]: check for check in ccd(campaign.folder, "doctor", code=1).facts["checks"]}
    every = checks["every answer on the desks was pulled"]
    assert (every["found"], every["remedy"]) == ("desk ann: 2 in Label Studio, 1 pulled", "ccd pull")
    assert ccd(campaign.folder, "pull").facts["new"] == {"valid": 1}
    assert len(counts(campaign)) == 2


def test_a_label_studio_set_up_anew_takes_nothing_away(server: Server, campaign: Campaign) -> None:
    """Its projects and tasks are numbered from 1 again: other pairs under the numbers of judged ones."""
    listed = tasks(server, campaign)
    for task in listed[:3]:
        answer(server, "ann", task["id"], "explicit")
    ccd(campaign.folder, "pull")
    judged = counts(campaign)
    with campaign.write() as db:  # the same numbers now stand for other pairs, as in a server that was lost
        rows = {r.task_id: r.pair_id for r in db.execute(sa.select(schema.tasks).where(schema.tasks.c.desk == "ann"))}
        swapped = dict(zip([task["id"] for task in listed], [rows[t["id"]] for t in reversed(listed)], strict=True))
        db.execute(schema.tasks.delete().where(schema.tasks.c.desk == "ann"))
        project = known_desks(campaign)["ann"].project_id
        db.execute(
            schema.tasks.insert(),
            [
                {"desk": "ann", "pair_id": pair, "project_id": project, "task_id": number, "data_sha256": ""}
                for number, pair in swapped.items()
            ],
        )
        db.execute(schema.desks.update().values(watermark=None))
    api(server).send(
        "POST", "/api/dm/actions?id=delete_tasks_annotations&project=" + str(project), {"selectedItems": {"all": True}}
    )
    ccd(campaign.folder, "pull")
    assert counts(campaign) == judged


def test_a_task_that_label_studio_cannot_list_is_named_and_all_else_is_pulled(
    server: Server, campaign: Campaign
) -> None:
    listed = tasks(server, campaign)
    for task in listed[:4]:
        answer(server, "ann", task["id"], "explicit", lead_time=-5)
    answer(server, "cy", tasks(server, campaign, "cy")[0]["id"], "explicit")
    sick = listed[2]["id"]
    session = sign_in(server.url, "ann@example.org", server.passwords["ann"])
    half = {"from_name": "comment", "to_name": "text", "type": "textarea", "value": {"text": ["half \ud83d of one"]}}
    url = f"{server.url}/api/tasks/{sick}/annotations/"
    assert session.post(url, json={"result": [half]}, timeout=60).status_code == 500  # and it is stored
    project = known_desks(campaign)["ann"].project_id
    strange = [{"data": {"pair_key": {"a": 1}, "text": "mine", "image": ""}}]
    api(server).send("POST", f"/api/projects/{project}/import", strange)
    for new in ({"valid": 4}, {}):
        pulled = ccd(campaign.folder, "pull", code=1).facts
        assert pulled["new"] == new
        (line,) = pulled["failed"]
        assert line.startswith(f"desk ann, {server.url}/projects/{project}/data?task={sick}: the task cannot be read")
    assert ccd(campaign.folder, "push").facts["failed"] == []
    item = {"filter": "filter:tasks:id", "operator": "in_list", "type": "Number", "value": [sick]}
    (found,) = api(server).tasks(project, fields="annotations_ids", where=(item, HOLDS_ANSWERS))
    session.delete(f"{server.url}/api/annotations/{max(map(int, found['annotations_ids'].split(',')))}/", timeout=60)
    assert ccd(campaign.folder, "pull").facts["new"] == {"valid": 1}


@pytest.mark.soak
def test_a_follower_outlives_a_postgresql_that_crashes(server: Server, tmp_path: Path) -> None:
    with postgres.running() as socket:
        template = '# database_url = "postgresql+psycopg://user@host/database"'
        url = f'database_url = "postgresql+psycopg://ccd@/postgres?host={socket}"'
        campaign, _truth = campaign_on(server.url, tmp_path / "crash", 6, **{template: url})
        ccd(campaign.folder, "push")
        first, second = tasks(server, campaign)[:2]
        command = [sys.executable, "-m", "apps.cli.main", "pull", "--follow", "--every", "1", "--json", "-"]
        follower = subprocess.Popen(
            [*command, "--dir", str(campaign.folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            answer(server, "ann", first["id"], "explicit")
            wait_for(campaign, 1)
            postgres.crash(socket, 4.0)
            answer(server, "ann", second["id"], "implicit")
            wait_for(campaign, 2)
            follower.send_signal(signal.SIGINT)
            out, err = follower.communicate(timeout=60)
        finally:
            follower.kill()
        campaign.engine.dispose()
    assert follower.returncode == 0, err
    assert "the database does not answer" in err
    assert "Traceback" not in err
    assert json.loads(out)["new"] == {"valid": 2}


def wait_for(campaign: Campaign, number: int) -> None:
    """Until so many of ann's answers count; the database may be away meanwhile."""
    deadline, found = time.monotonic() + 60, 0
    while found < number:
        assert time.monotonic() < deadline, "the follower brought nothing"
        time.sleep(0.2)
        with contextlib.suppress(sa.exc.OperationalError):
            found = len(counts(campaign))


@pytest.mark.soak
def test_comments_of_2_mb_and_a_thousand_answers_to_a_task_stop_nothing(server: Server, campaign: Campaign) -> None:
    long, many, last = tasks(server, campaign)[:3]
    part = {"from_name": "relation", "to_name": "text", "type": "choices", "value": {"choices": ["explicit"]}}
    comment = {"from_name": "comment", "to_name": "text", "type": "textarea", "value": {"text": ["é" * 1_000_000]}}
    answer(server, "ann", long["id"], "explicit", result=[part, comment])
    session = sign_in(server.url, "ann@example.org", server.passwords["ann"])
    for _ in range(1000):
        done = session.post(f"{server.url}/api/tasks/{many['id']}/annotations/", json={"result": [part]}, timeout=60)
        assert done.status_code == 201, done.text
    answer(server, "ann", last["id"], "implicit")
    pulled = ccd(campaign.folder, "pull").facts
    assert sum(pulled["new"].values()) == 1002
    assert counts(campaign) == {
        task["data"]["pair_key"]: label for task, label in ((long, "explicit"), (many, "explicit"), (last, "implicit"))
    }
