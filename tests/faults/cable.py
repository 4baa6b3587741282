"""A network cable between a command and a server, which can be cut after so many bytes and plugged in again."""

import contextlib
import socket
import threading
from urllib.parse import urlsplit


class Cable:
    """Passes TCP on to a server under an address of its own: `url`.

    `cut_after(n)`: n bytes of answers still pass, then every connection breaks off and new ones are refused;
    `plug()`: all passes again.
    """

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self._target = (parts.hostname, parts.port)
        self._left: int | None = None
        self._lock = threading.Lock()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def cut_after(self, number: int) -> None:
        self._left = number

    def plug(self) -> None:
        self._left = None

    def close(self) -> None:
        self._server.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                near, _ = self._server.accept()
                if self._left is not None and self._left <= 0:
                    near.close()
                    continue
                far = socket.create_connection(self._target)
                for ends in ((near, far, False), (far, near, True)):
                    threading.Thread(target=self._pass, args=ends, daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, answers: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if answers and self._left is not None:
                    with self._lock:
                        data, self._left = data[: max(self._left, 0)], self._left - len(data)
                    if data:
                        target.sendall(data)
                    if self._left <= 0:
                        break
                else:
                    target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
