"""A photo server on loopback that misbehaves on demand: what it does is named by the path.

python -m tests.collection.photo_server FOLDER    # serves photos and faults, prints its port
"""

import collections
import contextlib
import functools
import gzip
import http.server
import io
import socket
import socketserver
import struct
import sys
import threading
import time
import urllib.parse
import zlib
from collections.abc import Iterator

from PIL import Image


def photo(number: int = 0, kind: str = "JPEG", size: tuple[int, int] = (40, 30)) -> bytes:
    """A small picture; each number below 32,768 has its own, written in black and white squares."""
    data = io.BytesIO()
    image = Image.new("RGB", size, "grey")
    for bit in range(15):
        left, top = 8 * (bit % 5), 8 * (bit // 5)
        image.paste("white" if number >> bit & 1 else "black", (left, top, left + 8, top + 8))
    image.save(data, kind)
    return data.getvalue()


@functools.cache
def bomb(side: int = 40_000) -> bytes:
    """A PNG of side x side black pixels in some hundred kilobytes."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    size = (side // 8 + 1) * side
    packer = zlib.compressobj(9, wbits=-15)
    block = packer.compress(bytes(1_000_000)) + packer.flush(zlib.Z_FULL_FLUSH)  # can be repeated as it is
    end = packer.compress(bytes(size % 1_000_000)) + packer.flush()
    checksum = struct.pack(">HH", size % 65_521, 1)  # Adler-32 of so many zeros
    data = b"\x78\xda" + block * (size // 1_000_000) + end + checksum
    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@functools.cache
def gzip_bomb() -> bytes:
    """Fifty million zeros, in parts that unpack one after the other."""
    return gzip.compress(bytes(1_000_000)) * 50


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.asked = collections.Counter[str]()  # path -> requests
        self.at_once = 0
        self.most_at_once = 0
        self.lock = threading.Lock()
        self.closing = threading.Event()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    def url(self, path: str) -> str:
        return f"http://{self.address}/{path}"

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that hang up are what this server is for."""


@contextlib.contextmanager
def serving(port: int = 0) -> Iterator[Server]:
    server = Server(port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.closing.set()
        server.shutdown()
        server.server_close()


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def log_message(self, format: str, *arguments: object) -> None:
        pass

    def do_GET(self) -> None:
        server = self.server
        with server.lock:
            server.asked[self.path] += 1
            server.at_once += 1
            server.most_at_once = max(server.most_at_once, server.at_once)
        try:
            name, _, rest = self.path.strip("/").partition("/")
            getattr(self, f"do_{name.replace('-', '_')}")(rest)
        finally:
            with server.lock:
                server.at_once -= 1

    def answer(self, data: bytes, status: int = 200, kind: str = "image/jpeg", **headers: object) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        for key, value in ({"Content-Length": len(data)} | headers).items():
            self.send_header(key.replace("_", "-"), str(value))
        self.end_headers()
        self.wfile.write(data)

    def times(self) -> int:
        return self.server.asked[self.path]

    def hang_up(self) -> None:
        self.close_connection = True
        self.wfile.flush()
        with contextlib.suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    # --- what a path does ---

    def do_photo(self, rest: str) -> None:
        time.sleep(0.002)
        self.answer(photo(int(rest)))

    def do_large(self, rest: str) -> None:
        data = io.BytesIO()
        Image.effect_noise((900, 700), 90).save(data, "PNG")
        self.answer(data.getvalue())

    def do_slow(self, rest: str) -> None:
        time.sleep(0.05)
        self.answer(photo(int(rest)))

    def do_slower(self, rest: str) -> None:
        time.sleep(0.2)
        self.answer(photo(int(rest)))

    def do_status(self, rest: str) -> None:
        self.answer(b"no", int(rest.partition("/")[0]))

    def do_then(self, rest: str) -> None:
        """then/503: 503 twice, then the photo; then/429 asks for a pause of a second."""
        status = int(rest.partition("/")[0])
        if self.times() <= (2 if status != 429 else 1):
            self.answer(b"", status, **({"Retry_After": 1} if status == 429 else {}))
        else:
            self.answer(photo(status))

    def do_stall(self, rest: str) -> None:
        self.server.closing.wait(3)

    def do_hang_once(self, rest: str) -> None:
        """Nothing, for longer than anybody waits; asked again, the photo."""
        if self.times() == 1:
            self.server.closing.wait(60)
        else:
            self.answer(photo(int(rest)))

    def do_stall_half(self, rest: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"\xff\xd8")
        self.wfile.flush()
        self.server.closing.wait(3)

    def do_drip(self, rest: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.drip()

    def do_drip_headers(self, rest: str) -> None:
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Long: ")
        self.drip()

    def drip(self) -> None:
        with contextlib.suppress(OSError):
            for _ in range(100):
                self.wfile.write(b"x")
                self.wfile.flush()
                time.sleep(0.05)

    def do_cut(self, rest: str) -> None:
        data = photo(7)
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[: len(data) // 2])
        self.hang_up()

    def do_cut_once(self, rest: str) -> None:
        if self.times() == 1:
            self.do_cut(rest)
        else:
            self.answer(photo(8))

    def do_cut_chunked(self, rest: str) -> None:
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"40\r\n" + photo(7)[:64] + b"\r\n")
        self.hang_up()

    def do_chunked(self, rest: str) -> None:
        data = photo(9)
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for start in range(0, len(data), 100):
            part = data[start : start + 100]
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
        self.wfile.write(b"0\r\n\r\n")

    def do_long_promise(self, rest: str) -> None:
        self.send_response(200)
        self.send_header("Content-Length", str(10_000_000_000))
        self.end_headers()
        self.hang_up()

    def do_short_promise(self, rest: str) -> None:
        data = photo(7)
        self.send_response(200)
        self.send_header("Content-Length", str(len(data) - 10))
        self.end_headers()
        self.wfile.write(data)
        self.hang_up()

    def do_endless(self, rest: str) -> None:
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        with contextlib.suppress(OSError):
            while True:
                self.wfile.write(bytes(65_536))

    def do_bomb(self, rest: str) -> None:
        self.answer(bomb(), kind="image/png")

    def do_gzip_bomb(self, rest: str) -> None:
        self.answer(gzip_bomb(), Content_Encoding="gzip")

    def do_html(self, rest: str) -> None:
        self.answer(b"<html><body>Log in to see this</body></html>")

    def do_wrong_type(self, rest: str) -> None:
        self.answer(photo(11), kind="text/html")

    def do_video(self, rest: str) -> None:
        self.answer(b"\0\0\0\x20ftypisom" + bytes(100), kind="video/mp4" if rest == "said" else "image/jpeg")

    def do_gif(self, rest: str) -> None:
        data = io.BytesIO()
        frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
        frames[0].save(data, "GIF", save_all=True, append_images=frames[1:])
        self.answer(data.getvalue(), kind="image/gif")

    def do_to(self, rest: str) -> None:
        """to/<address>: redirects there."""
        self.answer(b"x" * 100, 302, Location=urllib.parse.unquote(rest))

    def do_itself(self, rest: str) -> None:
        self.answer(b"", 302, Location=self.path)

    def do_hops(self, rest: str) -> None:
        left = int(rest)
        self.answer(b"", 302, Location=f"/hops/{left - 1}" if left > 1 else "/photo/12")

    def do_moved(self, rest: str) -> None:
        """Leads to a server that fails, and when asked again to another one."""
        self.answer(b"", 302, Location="/status/503/moved" if self.times() == 1 else "/photo/13")


if __name__ == "__main__":
    with serving() as running:
        print(running.address, flush=True)
        sys.stdin.read()
