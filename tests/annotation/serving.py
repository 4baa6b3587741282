"""A tiny HTTP server on loopback that answers as a test says, and remembers what it was asked."""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass
class Asked:
    """A request as it came."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes


@dataclass
class Answer:
    """What to send back; a dict or list goes as JSON, text as a page."""

    content: Any = field(default_factory=dict)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False  # close the line without an answer


@dataclass
class Server:
    url: str
    asked: list[Asked]

    @property
    def calls(self) -> list[str]:
        return [f"{request.method} {request.path}" for request in self.asked]


@contextlib.contextmanager
def serving(respond: Callable[[Asked], Answer]) -> Iterator[Server]:
    asked: list[Asked] = []

    class Handler(BaseHTTPRequestHandler):
        def answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = urlsplit(self.path)
            request = Asked(self.command, parts.path, parse_qs(parts.query), dict(self.headers), body)
            asked.append(request)
            answer = respond(request)
            if answer.cut:
                return
            page = isinstance(answer.content, str)
            content = answer.content.encode() if page else json.dumps(answer.content).encode()
            headers = {"Content-Type": "text/html" if page else "application/json"} | answer.headers
            self.send_response(answer.status)
            for key, value in headers.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_DELETE = answer

        def log_message(self, *_args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield Server(f"http://127.0.0.1:{server.server_port}", asked)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
