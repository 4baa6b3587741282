"""Predictions on desks, against a server on loopback that counts as a test says."""

import json
from typing import Any

import pytest

from annotation import predictions
from annotation.client import Studio, StudioError
from annotation.desks import Desk
from annotation.label_config import read_result
from annotation.predictions import SHOWN, as_sent, prediction_json, reconcile, send, version_of
from ccd.campaign.assist import Suggestion
from ccd.protocol import load
from tests.annotation.serving import Answer, Asked, Server, serving

TOKEN = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(predictions, "PAUSES", (0.0, 0.0))


# A whole one: of a task that cannot be read nothing is known, whatever it showed.
ANSWER = {"id": 1, "result": [], "completed_by": 1, "updated_by": None, "lead_time": 3.0, "was_cancelled": False}
ANSWER |= {"ground_truth": False, "created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z"}


class Project:
    """Tasks with their predictions and annotations; bulk calls are answered as `counts` say, in turn."""

    def __init__(self, *counts: int | None) -> None:
        self.counts = list(counts)
        self.tasks: dict[int, dict[str, Any]] = {
            number: {"id": number, "predictions": [], "annotations": []} for number in (1, 2, 3)
        }

    def respond(self, asked: Asked) -> Answer:
        if asked.path == "/api/tasks/":
            after = json.loads(asked.query["query"][0])["filters"]["items"][-1]["value"]
            left = [task for number, task in self.tasks.items() if number > after]
            for prediction in (one for task in left for one in task["predictions"]):
                prediction["created_at"] = "2026-01-01T00:00:00Z"
            return Answer({"tasks": left, "total": len(left)})
        if asked.path.endswith("/import/predictions"):
            rows = json.loads(asked.body)
            for row in rows:
                self.tasks[row["task"]]["predictions"].append(row | {"id": 70 + row["task"]})
            count = self.counts.pop(0) if self.counts else len(rows)
            return Answer(status=502) if count is None else Answer({"created": count}, 201)
        return Answer()


def made(label: str = "implicit") -> dict[str, Any]:
    return as_sent("relation", Suggestion(label, 0.7, "ananet-1"))


def bulk(server: Server) -> list[list[int]]:
    """The tasks of each bulk call."""
    found = [json.loads(asked.body) for asked in server.asked if asked.path.endswith("/import/predictions")]
    return [[row["task"] for row in rows] for rows in found]


def test_what_is_sent_reads_back_as_its_label_and_its_version() -> None:
    sent = made("explicit")
    assert (sent["model_version"], sent["score"], version_of(sent)) == (SHOWN, 0.7, "ananet-1")
    assert read_result(sent["result"], load("ccd")) == ({"relation": "explicit"}, None, None)
    assert version_of(prediction_json("relation", "explicit", 0.7, "ananet-1")) == "ananet-1"
    for result in ([], [{}], ["x"], [{"meta": None}], [{"meta": {"version": None}}]):  # of others: as they name it
        assert version_of({"model_version": "theirs", "result": result}) == "theirs"


@pytest.mark.parametrize("stored", [0, 1, 3])
def test_a_count_that_differs_is_one_clear_line(stored: int) -> None:
    with serving(Project(stored).respond) as server:
        with pytest.raises(StudioError) as error:
            send(Studio(server.url, TOKEN), 9, [made() | {"task": 1}, made() | {"task": 2}])
        assert f"/projects/9: 2 predictions were sent and {stored} are stored; see Label" in str(error.value)
        assert not error.value.in_doubt


def test_nothing_is_asked_where_the_counts_agree() -> None:
    with serving(Project().respond) as server:
        reconcile(Studio(server.url, TOKEN), Desk("ann", 9, 3, None, 2, SHOWN), {1: made(), 2: made()}, [])
        reconcile(Studio(server.url, TOKEN), Desk("bob", 9, 3, None), {}, [])
        assert server.calls == []


def test_what_is_missing_goes_in_one_call_and_what_is_too_much_is_removed() -> None:
    project, notes = Project(), list[str]()
    project.tasks[1]["predictions"] = [made() | {"id": 5}]
    project.tasks[3]["predictions"] = [made() | {"id": 6}, {"id": 7, "model_version": "rank", "result": []}]
    with serving(project.respond) as server:
        reconcile(Studio(server.url, TOKEN), Desk("ann", 9, 3, None, 3), {1: made(), 2: made()}, notes)
        assert server.calls == [
            "GET /api/tasks/",
            "DELETE /api/predictions/6/",
            "POST /api/projects/9/import/predictions",
            "PATCH /api/projects/9/",
        ]
        assert bulk(server) == [[2]]
        assert json.loads(server.asked[-1].body) == {"model_version": SHOWN}
    assert notes == ["desk ann: predictions added by hand to blind tasks, 1 removed"]


def test_answered_tasks_keep_what_they_showed() -> None:
    project = Project()
    for task in project.tasks.values():
        task["annotations"] = [ANSWER]
    project.tasks[3]["predictions"] = [made() | {"id": 6}]
    with serving(project.respond) as server:
        reconcile(Studio(server.url, TOKEN), Desk("ann", 9, 3, None, 1, "ccd backend"), {1: made(), 2: made()}, [])
        assert server.calls == ["GET /api/tasks/"]  # and a version that somebody else offers is left


def test_a_lost_answer_is_looked_after_before_anything_is_sent_again() -> None:
    with serving(Project(None).respond) as server:
        reconcile(Studio(server.url, TOKEN), Desk("ann", 9, 3, None, 0, SHOWN), {1: made(), 2: made()}, [])
        assert bulk(server) == [[1, 2]]


def test_a_server_that_stays_broken_is_one_line() -> None:
    def broken(asked: Asked) -> Answer:
        return Answer(status=500) if asked.method == "POST" else Project().respond(asked)

    with (
        serving(broken) as server,
        pytest.raises(StudioError, match="answers POST /api/projects/9/import/predictions with 500"),
    ):
        reconcile(Studio(server.url, TOKEN), Desk("ann", 9, 3, None, 0, SHOWN), {1: made()}, [])
