"""A proxy before a real Label Studio that loses answers on purpose: after the work was done."""

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import requests


class Proxy:
    """Passes requests on to `target`; `fault` says what to do with the answers of requests that change something.

    Faults: None, "502" (the work is done, the answer is 502), "cut" (the work is done, the line is cut), "500" (nothing
    is passed on), "slow" (an answer takes `delay` seconds). `times` is how many requests are hit; later ones pass.
    """

    def __init__(self, target: str) -> None:
        self.target = target
        self.fault: str | None = None
        self.times = 0
        self.only = ""  # hit only paths that hold this text
        self.delay = 0.0
        self.hits = 0
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _pass(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                hit = proxy._is_hit(self.command, self.path)
                if hit == "500":
                    self._answer(500, {"Content-Type": "application/json"}, b'{"detail": "broken on purpose"}')
                    return
                if hit == "slow":
                    time.sleep(proxy.delay)
                headers = {k: v for k, v in self.headers.items() if k.lower() not in ("host", "accept-encoding")}
                with requests.Session() as session:
                    session.trust_env = False
                    answer = session.request(
                        self.command, proxy.target + self.path, headers=headers, data=body, allow_redirects=False
                    )
                if hit == "502":
                    self._answer(502, {"Content-Type": "text/html"}, b"<html>Bad Gateway</html>")
                elif hit == "cut":
                    self.close_connection = True
                    self.connection.close()
                else:
                    self._answer(answer.status_code, dict(answer.headers), answer.content)

            do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = _pass

            def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
                self.send_response(status)
                for key, value in headers.items():
                    if key.lower() in ("content-type", "location", "set-cookie", "date"):
                        self.send_header(key, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                """Stay quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def break_(self, fault: str, *, times: int, only: str = "", delay: float = 0.0) -> None:
        """From now on, hit the next `times` requests."""
        self.fault, self.times, self.only, self.delay, self.hits = fault, times, only, delay, 0

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _is_hit(self, method: str, path: str) -> str | None:
        if self.fault is None or self.hits >= self.times or self.only not in path:
            return None
        if self.fault in ("502", "cut") and method == "GET":
            return None
        self.hits += 1
        return self.fault
