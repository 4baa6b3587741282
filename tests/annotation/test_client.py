"""The client against a server on loopback that misbehaves in every way we know of."""

import datetime
import json
import socket
import threading
import time
from collections.abc import Callable

import httpx
import pytest
from label_studio_sdk.core.api_error import ApiError

from annotation import client as client_module
from annotation import pictures
from annotation.client import Studio, StudioError, token_of_environment
from ccd.errors import CcdError
from tests.annotation.serving import Answer, Asked, Server, serving

TOKEN = "0123456789abcdef0123456789abcdef01234567"
JWT = "eyJhbGciOi.eyJ0b2tlbl90.c2VjcmV0"
ACTIONS: list[Callable[[Studio], object]] = [
    lambda s: s.get("/api/x"),
    lambda s: s.send("POST", "/api/x", {}),
    lambda s: s.send("PATCH", "/api/x", {}),
    lambda s: s.upload("/api/x", [("f", ("f", b"x"))]),
]
each_action = pytest.mark.parametrize("act", ACTIONS, ids=["get", "post", "patch", "upload"])


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "BACKOFF", 0.0)


def always(*answer: object, **fields: object) -> Callable[[Asked], Answer]:
    return lambda _request: Answer(*answer, **fields)  # type: ignore[arg-type]


def failure(server: Server | str, act: Callable[[Studio], object], token: str = TOKEN) -> StudioError:
    """The one clear line that comes of it: no token in it, no cookie."""
    with pytest.raises(StudioError) as error:
        act(Studio(server if isinstance(server, str) else server.url, token))
    message = str(error.value)
    assert message
    assert "\n" not in message
    for secret in (token, "s3cr3t"):
        assert secret not in message
    assert error.value.__suppress_context__ or error.value.__context__ is None
    return error.value


def test_a_legacy_token_is_sent_and_json_comes_back() -> None:
    with serving(always({"a": 1})) as server:
        assert Studio(server.url + "/", TOKEN).get("/api/x", page=2) == {"a": 1}
    (request,) = server.asked
    assert request.headers["Authorization"] == f"Token {TOKEN}"
    assert (request.path, request.query) == ("/api/x", {"page": ["2"]})


@pytest.mark.parametrize("bad", [Answer("oops", 500), Answer({}, 503), Answer({}, 429), Answer(cut=True)])
def test_a_get_is_repeated_until_it_succeeds(bad: Answer) -> None:
    answers = iter([bad, bad, Answer({"ok": 1})])
    with serving(lambda _request: next(answers)) as server:
        assert Studio(server.url, TOKEN).get("/api/x") == {"ok": 1}
    assert server.calls == ["GET /api/x"] * 3


def test_a_get_is_given_up_in_the_end() -> None:
    with serving(always({}, 502)) as server:
        assert failure(server, ACTIONS[0]).status == 502
    assert len(server.asked) == 5


@pytest.mark.parametrize("status", [400, 403, 404])
def test_a_get_that_is_refused_is_not_repeated(status: int) -> None:
    with serving(always({"detail": "no"}, status)) as server:
        error = failure(server, ACTIONS[0])
    assert (error.status, error.in_doubt, len(server.asked)) == (status, False, 1)
    assert "(no)" in str(error)


@each_action
@pytest.mark.parametrize("bad", [Answer({}, 500), Answer({}, 504), Answer({}, 408), Answer({}, 429), Answer(cut=True)])
def test_what_may_have_been_done_is_sent_once_and_is_in_doubt(act: Callable[[Studio], object], bad: Answer) -> None:
    with serving(lambda _request: bad) as server:
        error = failure(server, act)
    assert error.in_doubt
    assert len(server.asked) == (5 if act is ACTIONS[0] else 1)


@each_action
def test_a_refused_token_names_the_variable(act: Callable[[Studio], object]) -> None:
    with serving(always({"detail": f"Invalid token {TOKEN}"}, 401, {"Set-Cookie": "sessionid=s3cr3t"})) as server:
        error = failure(server, act)
    assert "put a valid one in LABEL_STUDIO_API_KEY" in str(error)
    assert (error.status, error.in_doubt, len(server.asked)) == (401, False, 1)


@each_action
def test_a_page_instead_of_data(act: Callable[[Studio], object]) -> None:
    with serving(always("<html>A router</html>")) as server:
        assert "with a page, not with data; is it a Label Studio?" in str(failure(server, act))


@each_action
def test_json_that_breaks_off(act: Callable[[Studio], object]) -> None:
    with serving(always('{"a": [1, 2', headers={"Content-Type": "application/json"})) as server:
        assert "with broken JSON" in str(failure(server, act))


@each_action
def test_an_error_that_is_no_json_although_it_says_so(act: Callable[[Studio], object]) -> None:
    with serving(always("<html>sad</html>", 400, {"Content-Type": "application/json"})) as server:
        assert failure(server, act).status == 400


def test_nobody_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound and not listening: refused, and no one else gets the port
        error = failure(f"http://127.0.0.1:{taken.getsockname()[1]}", ACTIONS[1])
    assert "cannot be reached or cut the line (POST /api/x)" in str(error)
    assert (error.status, error.in_doubt) == (None, True)


@pytest.mark.parametrize("url", ["http://exa mple.org", "http://[", "http://" + "a" * 70 + ".org"])
def test_an_address_that_is_none(url: str) -> None:
    assert "cannot be reached" in str(failure(url, ACTIONS[1]))


def test_a_server_that_hangs_is_in_doubt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "TIMEOUT", 0.1)
    release = threading.Event()

    def hang(_request: Asked) -> Answer:
        release.wait(10)
        return Answer({})

    with serving(hang) as server:
        error = failure(server, ACTIONS[1])
        release.set()
    assert "does not answer in time (POST /api/x)" in str(error)
    assert error.in_doubt


def test_a_post_that_is_redirected_is_not_taken_for_done() -> None:
    def respond(request: Asked) -> Answer:
        return Answer({}, 301, {"Location": "/api/y"}) if request.path == "/api/x" else Answer({"done": 1})

    with serving(respond) as server:
        error = failure(server, ACTIONS[1])
        assert Studio(server.url, TOKEN).get("/api/x") == {"done": 1}  # reading elsewhere does no harm
    assert (error.status, error.in_doubt) == (301, False)
    assert server.calls == ["POST /api/x", "GET /api/x", "GET /api/y"]


def test_an_empty_answer_to_a_change_is_none() -> None:
    with serving(always("", 204)) as server:
        assert Studio(server.url, TOKEN).send("DELETE", "/api/tasks/1/", None) is None


def test_validation_errors_are_told_in_short() -> None:
    with serving(always({"detail": "Validation error", "validation_errors": {"title": ["x" * 900]}}, 400)) as server:
        message = str(failure(server, ACTIONS[1]))
    assert "{'title': ['xxx" in message
    assert len(message) < 500


def test_a_personal_token_is_exchanged_once_and_again_when_it_is_old() -> None:
    def respond(request: Asked) -> Answer:
        return Answer({"access": "short-lived"} if request.path == "/api/token/refresh/" else {"ok": 1})

    with serving(respond) as server:
        studio = Studio(server.url, JWT)
        assert [studio.get("/api/x") for _ in range(2)] == [{"ok": 1}] * 2
        assert server.calls == ["POST /api/token/refresh/", "GET /api/x", "GET /api/x"]
        assert json.loads(server.asked[0].body) == {"refresh": JWT}
        assert server.asked[1].headers["Authorization"] == "Bearer short-lived"
        assert studio._session.auth._until < time.monotonic() + 300  # type: ignore[union-attr]  # it lives no longer
        studio._session.auth._until = 0.0  # type: ignore[union-attr]
        studio.get("/api/x")
    assert server.calls[3:] == ["POST /api/token/refresh/", "GET /api/x"]


@pytest.mark.parametrize("status", [400, 401])
def test_a_refused_personal_token_names_the_variable(status: int) -> None:
    with serving(always({"detail": f"Token {JWT} is blacklisted"}, status)) as server:
        error = failure(server, ACTIONS[1], JWT)
    assert "put a valid one in LABEL_STUDIO_API_KEY" in str(error)
    assert server.calls == ["POST /api/token/refresh/"]


@pytest.mark.parametrize(
    "answer", [Answer({}, 500), Answer("<html>"), Answer({"token": 1}), Answer([1]), Answer(cut=True)]
)
def test_an_exchange_that_fails_otherwise_is_told(answer: Answer) -> None:
    with serving(lambda _request: answer) as server:
        failure(server, ACTIONS[1], JWT)


def pages_of(ids: list[int], missing: int = 0, size: int = 3) -> Callable[[Asked], Answer]:
    """A server with these tasks that sends `size` at a time; `missing` more it only names."""

    def respond(request: Asked) -> Answer:
        filters = json.loads(request.query["query"][0])["filters"]["items"]
        (after,) = [f["value"] for f in filters if f["filter"] == "filter:tasks:id" and f["operator"] == "greater"]
        left = [number for number in ids if number > after]
        return Answer({"total": len(left) + missing, "tasks": [{"id": number} for number in left[:size]]})

    return respond


@pytest.mark.parametrize("count", [0, 1, 3, 7])
def test_pages_of_tasks_add_up(count: int) -> None:
    ids = [5 * number + 4 for number in range(count)]
    with serving(pages_of(ids)) as server:
        where = {"filter": "filter:tasks:updated_at", "operator": "greater", "type": "Datetime", "value": "2024"}
        found = list(Studio(server.url, TOKEN).tasks(5, fields="data", where=(where,)))
    assert [task["id"] for task in found] == ids
    query = server.asked[0].query
    assert (query["project"], query["fields"]) == (["5"], ["task_only"])
    assert query["include"][0].split(",") == ["id", "data"]
    assert json.loads(query["query"][0])["filters"]["conjunction"] == "and"
    assert where in json.loads(query["query"][0])["filters"]["items"]


def test_tasks_deleted_between_two_pages_hide_no_others() -> None:
    ids = list(range(1, 10))
    with serving(pages_of(ids)) as server:
        tasks = Studio(server.url, TOKEN).tasks(5, fields="data")
        found = [next(tasks)["id"]]
        del ids[0:2]
        found += [task["id"] for task in tasks]
    assert found == list(range(1, 10))


def test_pages_of_tasks_that_do_not_add_up_raise() -> None:
    with serving(pages_of([1, 2, 3, 4], missing=2)) as server:
        error = failure(server, lambda s: list(s.tasks(5, fields="data")))
    assert "names 2 more tasks of project 5 and sends none" in str(error)


def test_a_server_that_ignores_the_filter_is_not_asked_for_ever() -> None:
    with serving(always({"total": 9, "tasks": [{"id": 1}, {"id": 2}]})) as server:
        failure(server, lambda s: list(s.tasks(5, fields="data")))
    assert len(server.asked) == 2


def test_the_servers_clock_and_release() -> None:
    with serving(always({"release": "1.2.3"})) as server:
        studio = Studio(server.url, TOKEN)
        assert abs(studio.server_time() - datetime.datetime.now(datetime.UTC)) < datetime.timedelta(seconds=5)
        assert studio.release() == "1.2.3"


@pytest.mark.parametrize("content", [{}, [], 3])
def test_a_stranger_that_speaks_json_is_no_label_studio(content: object) -> None:
    with serving(always(content)) as server:
        assert "is it a Label Studio?" in str(failure(server, lambda s: s.release()))


def test_errors_of_the_sdk_lose_headers_and_gain_a_class() -> None:
    def raising(error: Exception) -> Callable[[Studio], None]:
        def act(studio: Studio) -> None:
            with studio.errors("make a project"):
                raise error

        return act

    headers = {"set-cookie": "sessionid=s3cr3t", "authorization": f"Token {TOKEN}"}
    refused = failure("http://h", raising(ApiError(headers=headers, status_code=400, body={"detail": "too long"})))
    assert (refused.status, refused.in_doubt) == (400, False)
    assert "answers make a project with 400 (too long)" in str(refused)
    assert failure("http://h", raising(ApiError(headers=headers, status_code=502, body="<html>"))).in_doubt
    assert "does not answer in time" in str(failure("http://h", raising(httpx.ReadTimeout(f"Token {TOKEN}"))))
    assert failure("http://h", raising(httpx.ConnectError("refused"))).in_doubt


def test_the_sdk_calls_the_same_server_with_the_same_token() -> None:
    with serving(always({"id": 3, "title": "t"})) as server:
        assert Studio(server.url, TOKEN).sdk.projects.get(id=3).id == 3
    assert server.asked[-1].headers["Authorization"] == f"Token {TOKEN}"


def test_a_proxy_of_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with serving(always({"release": "1"})) as server:
        assert Studio(server.url, TOKEN).release() == "1"


def test_the_token_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", f" {TOKEN}\n")
    assert token_of_environment("http://h") == TOKEN
    monkeypatch.delenv("LABEL_STUDIO_API_KEY")
    with pytest.raises(CcdError, match="LABEL_STUDIO_API_KEY is not set; put an access token of http://h there"):
        token_of_environment("http://h")
    for wrong in ("s3cr3t\ns3cr3t", "s3cr3t é", "s3cr3tключ"):
        monkeypatch.setenv("LABEL_STUDIO_API_KEY", wrong)
        with pytest.raises(CcdError, match="copy it again") as error:
            token_of_environment("http://h")
        assert "s3cr3t" not in str(error.value)


def test_the_first_picture_must_be_one() -> None:
    kinds = {"/data/a.png": "image/png", "/data/b.html": "text/html"}
    with serving(lambda request: Answer("x", headers={"Content-Type": kinds[request.path]})) as server:
        studio = Studio(server.url, TOKEN)
        pictures.check(studio, ["/data/a.png", "/data/b.html"])
        assert server.calls == ["GET /data/a.png"]
        with pytest.raises(CcdError, match=r"/data/b\.html is text/html, not a picture"):
            pictures.check(studio, ["/data/b.html"])
        pictures.check(studio, [])
