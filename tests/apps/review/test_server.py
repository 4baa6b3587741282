"""The review app's server, as a process: the owner gets in beside who guesses, and a signal ends it at once."""

import base64
import os
import socket
import threading
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from benchmarks.guesses import PASSWORD, app, guess, sign_in
from tests.campaigns import small_campaign

pytestmark = pytest.mark.slow


def test_the_owner_signs_in_beside_100_guesses_a_second_and_sigterm_ends_it(tmp_path: Path) -> None:
    folder = small_campaign(tmp_path / "c").folder
    with app(folder) as (url, process), ExitStack() as opened:
        found: list[Counter[int]] = []
        stranger = threading.Thread(target=lambda: found.append(guess(url, 3, 100)))
        stranger.start()
        time.sleep(0.5)
        signed = [sign_in(url, PASSWORD) for _ in range(20)]
        stranger.join()
        assert [status for _, status in signed] == [303] * 20
        assert max(seconds for seconds, _ in signed) < 1
        assert found[0][429] == found[0].total() - 5  # five were looked at, in three seconds
        assert found[0].total() > 200
        for start in (b"", b"GET / HTTP/1.1\r\nX: ", form(b"Content-Length: 100\r\n\r\npass"), upgrade(url)):
            for _ in range(5):
                line = opened.enter_context(socket.create_connection(("127.0.0.1", urlsplit(url).port)))
                line.sendall(start)
        assert b"101 Switching Protocols" in line.recv(4096)
        assert sign_in(url, PASSWORD)[1] == 303
        begin = time.monotonic()
        process.terminate()
        assert process.wait(15) == 0
        assert time.monotonic() - begin < 10


def form(rest: bytes) -> bytes:
    return b"POST /sign-in HTTP/1.1\r\nHost: b\r\n" + rest


def upgrade(url: str) -> bytes:
    """The request for a page's socket, with the cookie of who has signed in."""
    cookie = requests.post(f"{url}/sign-in", data={"password": PASSWORD}, allow_redirects=False, timeout=30).cookies
    key = base64.b64encode(os.urandom(16)).decode()
    lines = [
        "GET /_stcore/stream HTTP/1.1",
        f"Host: {urlsplit(url).netloc}",
        f"Origin: {url}",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {key}",
        f"Cookie: ccd-review={cookie['ccd-review']}",
    ]
    return "\r\n".join([*lines, "", ""]).encode()
