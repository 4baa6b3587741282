"""The gate before the app: the right password opens, wrong ones wait longer and longer."""

import asyncio
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from apps.review.gate import Gate


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long the gate would have waited."""
    found: list[float] = []

    async def sleep(seconds: float, *_: Any) -> None:
        found.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return found


@pytest.fixture
def client() -> TestClient:
    async def page(_request: Any) -> PlainTextResponse:
        return PlainTextResponse("secret")

    async def stream(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text("secret")
        await socket.close()

    routes = [Route("/", page), Route("/media/photo.jpg", page), WebSocketRoute("/_stcore/stream", stream)]
    return TestClient(Starlette(routes=routes, middleware=[Middleware(Gate, password="pass wört")]))


@pytest.mark.parametrize("path", ["/", "/media/photo.jpg", "/_stcore/stream", "/../etc/passwd"])
def test_nothing_is_served_without_the_password(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 401
    assert "secret" not in answer.text
    assert 'type="password"' in answer.text


def test_no_socket_without_the_password(client: TestClient) -> None:
    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/_stcore/stream") as socket:
        socket.receive_text()


def test_the_right_password_opens_pages_and_socket(client: TestClient) -> None:
    answer = client.post("/sign-in", data={"password": "pass wört"})
    assert answer.text == "secret"  # led on to the page
    assert client.get("/media/photo.jpg").text == "secret"
    with client.websocket_connect("/_stcore/stream") as socket:
        assert socket.receive_text() == "secret"


def test_a_cookie_of_ones_own_does_not_open(client: TestClient) -> None:
    client.cookies.set("ccd-review", "guess")
    assert client.get("/").status_code == 401


def test_each_wrong_password_doubles_the_wait(client: TestClient, waits: list[float]) -> None:
    for _ in range(8):
        answer = client.post("/sign-in", data={"password": "wrong"})
        assert answer.status_code == 401
        assert "Wrong password" in answer.text
    assert waits == [1, 2, 4, 8, 16, 30, 30]
    client.post("/sign-in", data={"password": "pass wört"})
    client.cookies.clear()
    waits.clear()
    client.post("/sign-in", data={"password": "wrong"})
    assert waits == []  # the right one set it back


def test_a_huge_form_is_refused(client: TestClient) -> None:
    assert client.post("/sign-in", content=b"password=" + b"x" * 10_000).status_code == 413
