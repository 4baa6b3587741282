"""The gate before the app: the right password opens, wrong ones run out, pages of others get no socket."""

import asyncio
import time
from collections import Counter
from typing import Any
from urllib.parse import urlencode

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocket, WebSocketDisconnect

from apps.review import gate
from apps.review.gate import Gate


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


def test_after_five_wrong_passwords_the_next_is_not_looked_at(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(5):
        answer = client.post("/sign-in", data={"password": "wrong"})
        assert (answer.status_code, "Wrong password" in answer.text) == (401, True)

    def compared(*_: Any) -> bool:
        raise AssertionError("a password was looked at")

    with monkeypatch.context() as patch:
        patch.setattr(Gate, "_is_right", compared)
        answer = client.post("/sign-in", data={"password": "pass wört"})
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) <= 30
    assert "Too many wrong passwords" in answer.text
    assert client.get("/").status_code == 401


def test_guesses_come_back_and_are_remembered_of_so_many_clients_only() -> None:
    guesses = gate.Guesses()
    assert [guesses.wait("a", 0.0) for _ in range(7)] == [0, 0, 0, 0, 0, 30, 30]
    assert [guesses.wait("a", 30.0) for _ in range(2)] == [0, 30]
    assert [guesses.wait("a", 1000.0) for _ in range(6)] == [0, 0, 0, 0, 0, 30]
    guesses.forgive("a")
    assert guesses.wait("a", 1000.0) == 0
    for number in range(20_000):
        guesses.wait(str(number), 1000.0)
    assert len(guesses._full) == gate.MOST_CLIENTS


def request(address: str, password: str, cookie: str = "") -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A sign-in from this address: what the server knows of it, and the messages that bring its form."""
    headers = [(b"content-type", b"application/x-www-form-urlencoded"), (b"cookie", cookie.encode())]
    scope = {"type": "http", "method": "POST", "path": "/sign-in", "headers": headers, "client": (address, 1)}
    return scope, [{"type": "http.request", "body": urlencode({"password": password}).encode(), "more_body": False}]


async def answered(app: Gate, address: str, password: str, cookie: str = "") -> tuple[int, list[str]]:
    """The status of its answer, and the cookies in it."""
    scope, messages = request(address, password, cookie)
    sent: list[Any] = []

    async def receive() -> Any:
        return messages.pop(0) if messages else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    cookies = [value.decode().partition(";")[0] for name, value in sent[0]["headers"] if name == b"set-cookie"]
    return sent[0]["status"], cookies


async def no_page(*_: Any) -> None:
    raise AssertionError("the page was reached")


def test_a_thousand_guesses_keep_nobody_else_out() -> None:
    """Those of one address, and of a network of IPv6, count together; the owner's browser is known after a restart."""

    async def attack() -> None:
        app = Gate(no_page, "right", "salt")
        _, (_, device) = await answered(app, "192.0.2.9", "right")
        for network in ("192.0.2.1", "2001:db8::{}"):
            found = await asyncio.gather(*(answered(app, network.format(n), "wrong") for n in range(1000)))
            assert Counter(status for status, _ in found) == {401: 5, 429: 995}
        assert (await answered(app, "192.0.2.2", "right"))[0] == 303
        assert (await answered(app, "2001:db8:0:1::1", "right"))[0] == 303
        assert (await answered(app, "192.0.2.1", "right"))[0] == 429
        assert (await answered(app, "192.0.2.1", "right", device))[0] == 303
        again = Gate(no_page, "right", "salt")
        for _ in range(6):
            status, _ = await answered(again, "192.0.2.1", "wrong")
        assert status == 429
        assert (await answered(again, "192.0.2.1", "right", device))[0] == 303
        for forged in (
            device + "0",
            device.replace("=", "=x"),
            "ccd-review-device=",
            "ccd-review-device=.",
            device[:40],
        ):
            assert (await answered(again, "192.0.2.1", "right", forged))[0] == 429

    begin = time.monotonic()
    asyncio.run(attack())
    assert time.monotonic() - begin < 5


def test_who_left_is_not_answered() -> None:
    async def leave() -> None:
        scope, _ = request("192.0.2.1", "right")

        async def receive() -> Any:
            return {"type": "http.disconnect"}

        await Gate(no_page, "right")(scope, receive, no_page)

    asyncio.run(leave())


@pytest.mark.parametrize(
    ("origin", "host", "passes"),
    [
        (None, "127.0.0.1:8501", True),
        ("http://127.0.0.1:8501", "127.0.0.1:8501", True),
        ("http://127.0.0.1:9999", "127.0.0.1:8501", False),
        ("http://127.0.0.1", "127.0.0.1:8501", False),
        ("http://localhost:8501", "127.0.0.1:8501", False),
        ("http://evil.example", "review.example", False),
        ("https://review.example", "review.example", True),  # a proxy ends TLS
        ("https://review.example:443", "review.example", True),
        ("https://review.example:8443", "review.example", False),
        ("http://[::1]:8501", "[::1]:8501", True),
        ("http://[::1]:8502", "[::1]:8501", False),
        ("null", "127.0.0.1:8501", False),
        ("", "127.0.0.1:8501", False),
        ("file://", "127.0.0.1:8501", False),
        ("http://[", "127.0.0.1:8501", False),
        ("http://127.0.0.1:x", "127.0.0.1:8501", False),
    ],
)
def test_a_socket_opens_for_our_own_pages_only(origin: str | None, host: str, passes: bool) -> None:
    async def stream(socket: WebSocket) -> None:
        await socket.accept()
        await socket.send_text("secret")
        await socket.close()

    app = Starlette(routes=[WebSocketRoute("/_stcore/stream", stream)], middleware=[Middleware(gate.SameOrigin)])
    headers = {"host": host} | ({} if origin is None else {"origin": origin})
    opened = TestClient(app).websocket_connect("/_stcore/stream", headers=headers)
    if passes:
        with opened as socket:
            assert socket.receive_text() == "secret"
    else:
        with pytest.raises(WebSocketDisconnect), opened as socket:
            socket.receive_text()


def test_a_huge_form_is_refused(client: TestClient) -> None:
    assert client.post("/sign-in", content=b"password=" + b"x" * 10_000).status_code == 413
