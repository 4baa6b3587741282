"""A Label Studio in this process: what `push` and `pull` ask of one, its clock, and its faults.

It answers as Label Studio 1.23.2 does in the parts that it has (tests/e2e/test_stand_in.py asks both the same), keeps
what people did, and never looks at what a test expects. Time passes only where a test says so, and a little with each
change.
"""

import copy
import datetime
import email.utils
import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import requests
from label_studio_sdk.base_client import LabelStudioBase
from requests.adapters import BaseAdapter

from annotation.client import Studio

ADMIN = 1
TICK = datetime.timedelta(milliseconds=10)
PNG = b"\x89PNG"


class Cut(Exception):
    """The line is cut before the answer is through."""


class Dead(BaseException):
    """The process that asked is killed while it waits for the answer."""


class NotThere(Exception):
    """There is no such thing on the server: 404."""


@dataclass
class Annotation:
    id: int
    task: int
    project: int
    completed_by: int
    updated_by: int
    result: list[dict[str, Any]]
    created_at: str
    updated_at: str
    was_cancelled: bool = False
    ground_truth: bool = False
    lead_time: float | None = None
    unique_id: str | None = None


@dataclass
class Task:
    id: int
    project: int
    data: dict[str, Any]
    created_at: str
    updated_at: str
    was: dict[str, Any]  # its data when it was made
    predictions: list[dict[str, Any]] = field(default_factory=list)


class StandIn:
    """The server. Its `annotations` and `tasks` are those that exist; a test reads them as the truth.

    `fault(method, path)` is asked at each request, and may return "lost" (the work is done, the answer is cut),
    "refused" (nothing is done, 500), "dead" (the work is done, and who asked is killed), or an answer to give instead:
    status and content (a text: a page of HTML). `sick` are tasks that the server cannot list with their annotations: it
    answers 500 to a page with one, as it does where a comment holds half a character. `killed` makes the next
    annotation that is stored, edited or deleted leave its task as it was, as a server does that is killed between the
    two. `destroyed` are annotations that went because a client deleted their task.
    """

    def __init__(self, people: tuple[str, ...]) -> None:
        self.users = {ADMIN: "admin@example.org"} | {
            number: f"{name}@example.org" for number, name in enumerate(people, ADMIN + 1)
        }
        self.clock = datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC)
        self.projects: dict[int, dict[str, Any]] = {}
        self.tasks: dict[int, Task] = {}
        self.annotations: dict[int, Annotation] = {}
        self.fault: Callable[[str, str], str | tuple[int, Any] | None] = lambda _method, _path: None
        self.sick: set[int] = set()
        self.killed = False
        self.destroyed: list[Annotation] = []
        self.asked: list[str] = []
        self._numbers = 0

    def studio(self) -> Studio:
        """A client of it, as `annotation.connection` gives one: plain requests and the SDK, both without a socket."""
        studio = Studio("http://stand-in", "0" * 40)
        studio._session.mount("http://stand-in", _Adapter(self))
        transport = httpx.MockTransport(self._of_the_sdk)
        studio.__dict__["sdk"] = LabelStudioBase(
            base_url=studio.url, api_key="0" * 40, httpx_client=httpx.Client(transport=transport)
        )
        return studio

    def user(self, name: str) -> int:
        return next(number for number, address in self.users.items() if address == f"{name}@example.org")

    def wait(self, seconds: float) -> None:
        self.clock += datetime.timedelta(seconds=seconds)

    # What people do, in the browser or over the API.

    def answer(
        self, task: int, by: int, result: list[dict[str, Any]], *, skip: bool = False, seconds: float = 2.5
    ) -> Annotation:
        if task not in self.tasks:
            raise NotThere
        now = self._now()
        made = Annotation(self._new(), task, self.tasks[task].project, by, by, result, now, now, skip, False, seconds)
        self.annotations[made.id] = made
        self._touch(task)
        return made

    def edit(self, annotation: int, by: int, **fields: Any) -> None:
        found = self.annotations[annotation]
        self.tasks[found.task].updated_at = self._now()  # before the annotation is saved, and after it
        for name, value in fields.items():
            setattr(found, name, value)
        found.updated_by, found.updated_at = by, self._now()
        self._touch(found.task)

    def withdraw(self, annotation: int) -> None:
        self._touch(self.annotations.pop(annotation).task)

    def add_task(self, project: int, data: dict[str, Any], predictions: Any = ()) -> Task:
        now = self._now()
        made = Task(self._new(), project, data, now, now, copy.copy(data))
        made.predictions = [dict(one) | {"id": self._new(), "created_at": now, "task": made.id} for one in predictions]
        self.tasks[made.id] = made
        return made

    def show(self, task: int, data: dict[str, Any]) -> None:
        self.tasks[task].data = data
        self.tasks[task].updated_at = self._now()

    def delete_task(self, task: int) -> None:
        del self.tasks[task]
        self.annotations = {a.id: a for a in self.annotations.values() if a.task != task}

    def delete_project(self, project: int) -> None:
        del self.projects[project]
        for task in self.of(project):
            self.delete_task(task.id)

    def of(self, project: int) -> list[Task]:
        """A project's tasks by id."""
        return [task for _number, task in sorted(self.tasks.items()) if task.project == project]

    # What the client asks.

    def respond(self, method: str, target: str, body: Any) -> tuple[int, Any]:
        """Status and JSON of an answer (bytes: a picture). Raises Cut where the line is cut."""
        parts = urlsplit(target)
        self.asked.append(f"{method} {parts.path}")
        fault = self.fault(method, parts.path)
        if fault == "refused":
            return 500, {"detail": "broken on purpose"}
        if isinstance(fault, tuple):
            return fault
        query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        try:
            answer = self._route(method, parts.path.strip("/").split("/"), query, body)
        except (KeyError, NotThere):
            return 404, {"detail": "No such thing matches the given query."}
        if fault == "lost":
            raise Cut
        if fault == "dead":
            raise Dead
        return answer

    def _route(self, method: str, path: list[str], query: dict[str, str], body: Any) -> tuple[int, Any]:
        match method, *path:
            case "GET", "data", *_rest:
                return 200, PNG
            case "GET", "api", "version":
                return 200, {"release": "1.23.2"}
            case "GET", "api", "users":
                return 200, [{"id": number, "email": address} for number, address in self.users.items()]
            case "GET", "api", "projects":
                return 200, {"results": [self._project(number) for number in self.projects], "next": None}
            case "POST", "api", "projects":
                number = self._new()
                self.projects[number] = {"id": number, "model_version": "", "show_collab_predictions": True} | body
                return 201, self._project(number)
            case "GET", "api", "projects", number:
                return 200, self._project(int(number))
            case "PATCH", "api", "projects", number:
                if "label_config" in body and self._would_lose(int(number), body["label_config"]):
                    return 400, {"validation_errors": {"label_config": ["Created annotations are incompatible"]}}
                self.projects[int(number)].update(body)
                return 200, self._project(int(number))
            case "DELETE", "api", "projects", number:
                return 204, self.delete_project(int(number))
            case "POST", "api", "projects", number, "import":
                made = [self.add_task(int(number), one["data"], one.get("predictions", ())) for one in body]
                predictions = sum(len(task.predictions) for task in made)
                return 201, {"task_ids": [task.id for task in made], "prediction_count": predictions}
            case "GET", "api", "tasks":
                page = self._list(query)
                is_sick = query["fields"] == "all" and any(task["id"] in self.sick for task in page["tasks"])
                return (500, {"detail": "surrogates not allowed"}) if is_sick else (200, page)
            case "PATCH", "api", "tasks", number:
                self.show(int(number), body["data"])
                return 200, {"id": int(number), "updated_at": self.tasks[int(number)].updated_at}
            case "GET", "api", "tasks", number:
                return 200, self._row(self.tasks[int(number)], whole=True)
            case "POST", "api", "tasks", number, "annotations":
                if any(each.unique_id == body["unique_id"] for each in self.annotations.values()):
                    return 409, {"detail": "Annotation with this unique id already exists"}
                made = self.answer(int(number), body["completed_by"], body["result"], seconds=body["lead_time"])
                made.ground_truth, made.unique_id = body["ground_truth"], body["unique_id"]
                return 201, vars(made)
            case "DELETE", "api", "annotations", number:
                return 204, self.withdraw(int(number))
            case "DELETE", "api", "tasks", number:
                self.destroyed += self._on(self.tasks[int(number)])
                return 204, self.delete_task(int(number))
        raise AssertionError(f"the stand-in does not know {method} {'/'.join(path)}")

    def _would_lose(self, project: int, config: str) -> bool:
        """Whether a labeling page lacks a question that somebody has answered."""
        given = [part for a in self.annotations.values() if a.project == project for part in a.result]
        return any(f'name="{part["from_name"]}"' not in config for part in given)

    def _list(self, query: dict[str, str]) -> dict[str, Any]:
        """Tasks of the data manager: filtered, by id, one page, with the fields that were asked for."""
        asked = json.loads(query["query"])
        assert asked["ordering"] == ["tasks:id"]
        self.projects[int(query["project"])]
        found = self.of(int(query["project"]))
        for item in asked["filters"]["items"]:
            found = [task for task in found if self._passes(task, item)]
        page = found[: int(query["page_size"])]
        rows = [self._row(task, whole=query["fields"] == "all") for task in page]
        wanted = set(query["include"].split(","))
        if not any(item["filter"] == "filter:tasks:annotations_ids" for item in asked["filters"]["items"]):
            wanted -= {"annotations_ids"}  # the server works it out only where a filter asks for it
        return {"tasks": [{key: row[key] for key in wanted & row.keys()} for row in rows], "total": len(found)}

    def _passes(self, task: Task, item: dict[str, Any]) -> bool:
        value = item["value"]
        match item["filter"], item["operator"]:
            case "filter:tasks:id", "greater":
                return task.id > value
            case "filter:tasks:id", "in_list":
                return task.id in value
            case "filter:tasks:updated_at", "greater":
                return task.updated_at > value
            case "filter:tasks:data.pair_key", "in_list":
                return isinstance(task.data, dict) and task.data.get("pair_key") in value
            case "filter:tasks:annotations_ids", "empty":
                return bool(self._on(task)) != value
        raise AssertionError(f"the stand-in does not know the filter {item}")

    def _row(self, task: Task, whole: bool) -> dict[str, Any]:
        row = {"id": task.id, "data": task.data, "updated_at": task.updated_at, "created_at": task.created_at}
        row["annotations_ids"] = ",".join(str(a.id) for a in self._on(task))
        if whole:
            row |= {"annotations": [vars(a) for a in self._on(task)], "predictions": task.predictions}
        return row

    def _project(self, number: int) -> dict[str, Any]:
        tasks, given = self.of(number), [a for a in self.annotations.values() if a.project == number]
        return self.projects[number] | {
            "task_number": len(tasks),
            "total_annotations_number": sum(not a.was_cancelled for a in given),
            "skipped_annotations_number": sum(a.was_cancelled for a in given),
            "total_predictions_number": sum(len(task.predictions) for task in tasks),
            "num_tasks_with_annotations": len({a.task for a in given}),
        }

    def _on(self, task: Task) -> list[Annotation]:
        return [a for a in self.annotations.values() if a.task == task.id]

    def _touch(self, task: int) -> None:
        if not self.killed:
            self.tasks[task].updated_at = self._now()
        self.killed = False

    def _now(self) -> str:
        self.clock += TICK
        return self.clock.strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def _new(self) -> int:
        self._numbers += 1
        return self._numbers

    def _of_the_sdk(self, request: httpx.Request) -> httpx.Response:
        try:
            status, content = self.respond(
                request.method, str(request.url), json.loads(request.content) if request.content else None
            )
        except Cut:
            raise httpx.RemoteProtocolError("cut") from None
        return httpx.Response(status, json=content)


class _Adapter(BaseAdapter):
    """Carries the requests of a session to the stand-in."""

    def __init__(self, server: StandIn) -> None:
        super().__init__()
        self._server = server

    def send(self, request: requests.PreparedRequest, **_options: Any) -> requests.Response:  # type: ignore[override]
        answer = requests.Response()
        try:
            answer.status_code, content = self._server.respond(
                request.method or "", request.url or "", json.loads(request.body) if request.body else None
            )
        except Cut:
            raise requests.ConnectionError("cut") from None
        answer.request, answer.url = request, request.url or ""
        answer.headers["Date"] = email.utils.format_datetime(self._server.clock, usegmt=True)
        kind = {bytes: "image/png", str: "text/html"}.get(type(content), "application/json")
        answer.headers["Content-Type"] = kind
        match content:
            case None:
                body = b""
            case bytes():
                body = content
            case str():
                body = content.encode()
            case _:
                body = json.dumps(content).encode()
        answer.raw = io.BytesIO(body)
        return answer

    def close(self) -> None:
        """Nothing is open."""
