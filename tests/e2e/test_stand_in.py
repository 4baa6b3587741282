"""The stand-in of tests/annotation and a real Label Studio are asked the same, and answer the same."""

from typing import Any, Protocol

from annotation.accounts import sign_in
from annotation.client import HOLDS_ANSWERS, Studio, StudioError
from annotation.label_config import label_config
from ccd.protocol import load
from tests.annotation.desks import choice
from tests.annotation.stand_in import StandIn
from tests.e2e.conftest import Server, api


class Person(Protocol):
    """Somebody who answers in Label Studio."""

    def answer(self, task: int, label: str, skip: bool) -> int: ...

    def edit(self, annotation: int, label: str) -> None: ...

    def withdraw(self, annotation: int) -> None: ...


class Real:
    def __init__(self, server: Server) -> None:
        self._url = f"{server.url}/api"
        self._session = sign_in(server.url, "ann@example.org", server.passwords["ann"])

    def answer(self, task: int, label: str, skip: bool) -> int:
        body = {"result": choice(label), "lead_time": 2.5, "was_cancelled": skip}
        return int(self._session.post(f"{self._url}/tasks/{task}/annotations/", json=body, timeout=60).json()["id"])

    def edit(self, annotation: int, label: str) -> None:
        self._session.patch(f"{self._url}/annotations/{annotation}/", json={"result": choice(label)}, timeout=60)

    def withdraw(self, annotation: int) -> None:
        self._session.delete(f"{self._url}/annotations/{annotation}/", timeout=60)


class Played:
    def __init__(self, server: StandIn) -> None:
        self._server, self._ann = server, server.user("ann")

    def answer(self, task: int, label: str, skip: bool) -> int:
        return self._server.answer(task, self._ann, choice(label), skip=skip).id

    def edit(self, annotation: int, label: str) -> None:
        self._server.edit(annotation, self._ann, result=choice(label))

    def withdraw(self, annotation: int) -> None:
        self._server.withdraw(annotation)


COUNTS = ("task_number", "total_annotations_number", "skipped_annotations_number", "total_predictions_number")


def observed(studio: Studio, ann: Person) -> list[Any]:
    """What the client sees of a desk that is filled, answered, edited and emptied; without numbers and times."""
    seen: list[Any] = []
    last = "2000-01-01T00:00:00.000000Z"
    page = label_config(load("ccd"))
    with studio.errors("make a project"):
        made = studio.sdk.projects.create(title="both", description="a mark", label_config=page, maximum_annotations=1)
    project = int(made.id)

    def look() -> None:
        found = studio.get(f"/api/projects/{project}/")
        seen.append([found[name] for name in COUNTS] + [found["description"], found["label_config"] == page])

    def moved(what: str, *tasks: int) -> None:
        """Which tasks' time stamps are later than when this was last asked."""
        nonlocal last
        item = {"filter": "filter:tasks:updated_at", "operator": "greater", "type": "Datetime", "value": last}
        found = {task["id"]: task["updated_at"] for task in studio.tasks(project, fields="updated_at", where=(item,))}
        seen.append((what, [tasks.index(number) for number in found]))
        last = max((last, *found.values()))

    def of(field: str, operator: str, value: Any, kind: str = "List") -> list[int]:
        item = {"filter": f"filter:tasks:{field}", "operator": operator, "type": kind, "value": value}
        return [ids.index(task["id"]) for task in studio.tasks(project, fields="id", where=(item,))]

    datas = [{"pair_key": f"x:{n}:0", "text": "ä", "image": "", "round": 1} for n in range(4)]
    predictions = [{"model_version": "ccd", "score": 0.5, "result": choice("explicit")}]
    sent = [{"data": data} for data in datas[:3]] + [{"data": datas[3], "predictions": predictions}]
    answer = studio.send("POST", f"/api/projects/{project}/import?return_task_ids=true", sent)
    ids = answer["task_ids"]
    seen.append((len(ids), answer["prediction_count"], ids == sorted(ids)))
    look()
    moved("import", *ids)
    first, second = ann.answer(ids[0], "explicit", False), ann.answer(ids[1], "implicit", True)
    moved("answers", *ids)
    look()
    ann.edit(first, "implicit")
    moved("an edit", *ids)
    seen.append(of("id", "in_list", ids[1:3], "Number"))
    seen.append(of("data.pair_key", "in_list", ["x:2:0", "x:nobody:0"], "String"))
    seen.append([ids.index(task["id"]) for task in studio.tasks(project, fields="id", where=(HOLDS_ANSWERS,))])
    listed = list(studio.tasks(project, fields="annotations_ids", where=(HOLDS_ANSWERS,)))
    seen.append([task["annotations_ids"] for task in listed] == [str(first), str(second)])
    seen.append(["annotations_ids" in task for task in listed])
    for task in studio.tasks(project, fields="data,updated_at", annotations=True):
        seen.append((task["data"], [(p["model_version"], p["result"]) for p in task["predictions"]]))
        for a in task["annotations"]:
            seen.append((a["result"], a["was_cancelled"], a["ground_truth"], a["lead_time"]))
            seen.append((a["completed_by"] == a["updated_by"], a["created_at"] <= a["updated_at"]))
    ann.withdraw(second)
    moved("a withdrawal", *ids)
    look()
    shown = studio.send("PATCH", f"/api/tasks/{ids[2]}/", {"data": datas[2] | {"text": "another"}})
    moved("another text", *ids)
    seen.append(shown["updated_at"] == last)
    studio.send("PATCH", f"/api/projects/{project}/", {"label_config": page.replace("Irrelevant", "Whatever")})
    moved("another page", *ids)
    look()
    studio.send("DELETE", f"/api/tasks/{ids[0]}/", None)
    look()
    studio.send("DELETE", f"/api/projects/{project}/", None)
    for path in (f"/api/projects/{project}/", "/api/projects/999999/"):
        try:
            studio.get(path)
        except StudioError as error:
            seen.append(error.status)
    return seen


def test_the_stand_in_answers_as_a_label_studio_does(server: Server) -> None:
    played = StandIn(("ann",))
    real = observed(api(server), Real(server))
    assert observed(played.studio(), Played(played)) == real
    assert len(real) > 20
