"""Stand-ins for Bluesky and a Mastodon server on this machine: their documented answers, and faults when asked for."""

import base64
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.collection.replay import Fault

Json = dict[str, Any]
PASSWORD = "abcd-efgh-ijkl-mnop"
TOKEN = "very-secret-0123456789"


def _jwt(seconds: int) -> str:
    parts = ({"alg": "ES256K"}, {"exp": int(time.time()) + seconds, "sub": "did:plc:me"}, "signed")
    return ".".join(base64.urlsafe_b64encode(json.dumps(p).encode()).decode().rstrip("=") for p in parts)


@dataclass
class Bluesky:
    """Newest first by createdAt; the cursor is an offset, as Bluesky's is."""

    url: str = ""
    posts: list[Json] = field(default_factory=list)  # newest last
    faults: list[Fault] = field(default_factory=list)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    logins: int = 0
    access: str = ""

    def side(self, path: str, body: Json) -> tuple[int, Any] | None:
        if not path.endswith("createSession"):
            return None
        self.logins += 1
        if body != {"identifier": "me.example.org", "password": PASSWORD}:
            return 401, {"error": "AuthenticationRequired", "message": "Invalid identifier or password"}
        self.access = _jwt(7200)
        session = {"accessJwt": self.access, "refreshJwt": _jwt(90_000), "handle": "me.example.org"}
        return 200, session | {"did": "did:plc:me", "active": True}

    def answer(self, path: str, params: dict[str, str], token: str) -> tuple[int, Any]:
        if token != self.access:
            return 403, {"error": "Forbidden", "message": "log in"}
        if path != "/xrpc/app.bsky.feed.searchPosts":
            return 501, {"error": "MethodNotImplemented"}
        since = params.get("since", "")
        found = [p for p in reversed(self.posts) if p["record"]["createdAt"] >= since]  # inclusive
        start, size = int(params.get("cursor", 0)), int(params["limit"])
        page: Json = {"posts": found[start : start + size], "hitsTotal": len(found)}
        return 200, page | ({"cursor": str(start + size)} if start + size < len(found) else {})


@dataclass
class Mastodon:
    """Newest first by id. `closed`: strangers may not read."""

    url: str = ""
    posts: list[Json] = field(default_factory=list)  # newest last
    faults: list[Fault] = field(default_factory=list)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    closed: bool = False

    def side(self, path: str, body: Json) -> tuple[int, Any] | None:
        return (200, {"version": "4.5.0"}) if path.startswith(("/api/v2/instance", "/api/v1/instance")) else None

    def answer(self, path: str, params: dict[str, str], token: str) -> tuple[int, Any]:
        if self.closed and token != TOKEN:
            return 401, {"error": "This method requires an authenticated user"}
        if path not in ("/api/v1/timelines/tag/cats", "/api/v1/timelines/public"):
            return 404, {"error": "Record not found"}
        above, below = int(params.get("since_id", 0)), int(params.get("max_id", 10**18))
        found = [p for p in reversed(self.posts) if above < int(p["id"]) < below and p["media_attachments"]]
        return 200, found[: int(params.get("limit", 20))]


@contextmanager
def serving(state: Bluesky | Mastodon) -> Iterator[None]:
    """The stand-in at `state.url` while the block lasts."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"] or 0)) or "{}")
            params = {key: values[0] for key, values in parse_qs(parts.query).items()}
            if side := state.side(parts.path, body):
                self._send(*side)
                return
            state.asked.append((parts.path, params))
            fault = state.faults.pop(0) if state.faults else None
            if fault and not fault.cut:
                self._send(fault.status, fault.body, fault.headers)
            else:
                token = (self.headers["Authorization"] or "").removeprefix("Bearer ")
                self._send(*state.answer(parts.path, params, token), cut=fault is not None)

        do_POST = do_GET

        def _send(self, status: int, body: Any, headers: dict[str, str] | None = None, cut: bool = False) -> None:
            html = isinstance(body, str)
            data = body.encode() if html else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/html" if html else "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(data)))
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data[: len(data) // 2] if cut else data)
            if cut:
                self.close_connection = True

        def log_message(self, *_args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    state.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
