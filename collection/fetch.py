"""One address into bytes, whatever the server does: size, time and the peer's address are bounded."""

import contextlib
import datetime
import email.utils
import http.client
import http.cookiejar
import io
import ipaddress
import socket
import threading
import time
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from ccd import __version__
from collection import images

CHUNK = 65_536
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_NAT64_LOCAL = ipaddress.ip_network("64:ff9b:1::/48")
_HEADERS = {
    "User-Agent": f"ccd-toolkit/{__version__}",
    "Accept": "image/*,*/*;q=0.5",
    "Accept-Encoding": "identity",  # a photo is packed already; what unpacks to more than was asked for is refused
}


@dataclass(frozen=True)
class Limits:
    """What one download may cost, and how often it is tried."""

    bytes: int = images.MAX_BYTES
    seconds: float = 60.0  # one answer, from the request to its last byte
    connect: float = 5.0  # seconds
    silence: float = 15.0  # seconds without a byte
    redirects: int = 5
    tries: int = 5
    pause: float = 1.0  # seconds before the second try; doubles with each
    longest_pause: float = 900.0


USUAL = Limits()


@dataclass(frozen=True)
class Redirect:
    """The server says that the photo is elsewhere."""

    url: str


class Failure(Exception):
    """Why there are no bytes. `again`: a later try may do; `gone`: the server says that the photo is no more."""

    def __init__(
        self,
        reason: str,
        *,
        again: bool = False,
        silent: bool = False,
        gone: bool = False,
        moving: bool = False,
        wait: float | None = None,
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.again = again
        self.silent = silent  # the host did not answer
        self.gone = gone
        self.moving = moving
        self.wait = wait  # seconds that the server asks for


class Refused(Exception):
    """The peer is no public address. Not an OSError: urllib3 would try it again."""


def is_public(address: str) -> bool:
    """Return whether an IP address is on the public internet, also one packed into IPv6.

    >>> is_public("93.184.215.14"), is_public("169.254.169.254"), is_public("::ffff:10.0.0.1")
    (True, False, False)
    """
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    odd = isinstance(ip, ipaddress.IPv6Address) and (ip.is_site_local or ip in _NAT64_LOCAL)
    return ip.is_global and not ip.is_multicast and not ip.is_reserved and not odd


def is_loopback(url: str) -> bool:
    """Return whether an address leads to this machine.

    >>> is_loopback("http://127.0.0.1:80"), is_loopback("http://[::1]"), is_loopback("https://api.x.com")
    (True, True, False)
    """
    name = urlsplit(url).hostname or ""
    try:
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


class Fetcher:
    """Downloads from public hosts; safe to share between threads.

    `private_hosts` ("127.0.0.1:8000") are addresses that may be asked although they are not public: for tests only.

    >>> Fetcher(workers=1).get("https://pbs.twimg.com/media/AbC.jpg")  # doctest: +SKIP
    """

    def __init__(self, limits: Limits = USUAL, workers: int = 32, private_hosts: Collection[str] = ()) -> None:
        self.limits = limits
        self.session = requests.Session()
        self.session.trust_env = False  # through a proxy the peer's address would be the proxy's
        self.session.headers.clear()
        self.session.headers.update(_HEADERS)
        self.session.cookies.set_policy(http.cookiejar.DefaultCookiePolicy(allowed_domains=[]))
        adapter = _Adapter(frozenset(private_hosts), workers)
        for scheme in ("https://", "http://"):
            self.session.mount(scheme, adapter)

    def get(self, url: str) -> bytes | Redirect:
        """Return the bytes of one answer, or where it redirects to. Raises Failure."""
        _clock.deadline = time.monotonic() + self.limits.seconds
        try:
            with self.session.get(
                url, stream=True, allow_redirects=False, timeout=(self.limits.connect, self.limits.silence)
            ) as answer:
                return self._read(answer)
        except Refused as error:
            raise Failure("private address", again=False) from error
        except (requests.exceptions.InvalidURL, requests.exceptions.InvalidSchema, ValueError) as error:
            raise Failure("not an address") from error
        except (requests.Timeout, urllib3.exceptions.TimeoutError, TimeoutError) as error:
            raise Failure("too slow", again=True, silent=True) from error
        except (requests.exceptions.SSLError, urllib3.exceptions.SSLError) as error:
            raise Failure("no secure connection", again=True, silent=True) from error
        except requests.ConnectionError as error:
            slow = "timed out" in str(error)
            raise Failure("too slow" if slow else "no connection", again=True, silent=True) from error
        except (requests.RequestException, urllib3.exceptions.HTTPError, http.client.HTTPException, OSError) as error:
            raise Failure("cut off", again=True) from error

    def _read(self, answer: requests.Response) -> bytes | Redirect:
        status, headers = answer.status_code, answer.headers
        if status in (301, 302, 303, 307, 308) and "location" in headers:
            return Redirect(urljoin(answer.url, headers["location"]))
        if status != 200:
            raise Failure(
                f"HTTP {status}",
                again=status in (408, 425, 429) or status >= 500,
                gone=status in (404, 410),
                wait=_seconds(headers.get("retry-after")),
            )
        if headers.get("content-encoding", "identity").lower() not in ("", "identity"):
            raise Failure("packed answer")
        if headers.get("content-type", "").lower().startswith("video/"):
            raise Failure("video", moving=True)
        length = headers.get("content-length", "")
        promised = int(length) if length.isdecimal() and "transfer-encoding" not in headers else None
        if promised is not None and promised > self.limits.bytes:
            raise Failure(f"more than {self.limits.bytes:,} bytes")
        data = io.BytesIO()
        while part := answer.raw.read1(CHUNK, decode_content=False):
            data.write(part)
            if data.tell() > self.limits.bytes:
                raise Failure(f"more than {self.limits.bytes:,} bytes")
        if promised is not None and data.tell() < promised:
            raise Failure("cut off", again=True)
        return data.getvalue()


def host(url: str) -> str:
    """Return host and port of an address, which share a limit. Raises Failure for what cannot be asked for.

    >>> host("https://pbs.twimg.com/media/AbC.jpg")
    'pbs.twimg.com:443'
    """
    try:
        parts = urlsplit(url)
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        raise Failure("not an address") from None
    if parts.scheme not in ("http", "https"):
        raise Failure("not http or https")
    if not parts.hostname:
        raise Failure("not an address")
    return f"{parts.hostname}:{port}"


def _seconds(value: str | None) -> float | None:
    """Return Retry-After in seconds from now; it is a number or a date."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    with contextlib.suppress(TypeError, ValueError):
        when = email.utils.parsedate_to_datetime(value)
        return max(0.0, (when - datetime.datetime.now(when.tzinfo)).total_seconds())
    return None


# --- connections that look at their peer and at the clock ------------------------------------------------------------


class _Clock(threading.local):
    """When the answer that this thread waits for must be complete."""

    deadline = 0.0


_clock = _Clock()


class _Timed(io.RawIOBase):
    """A socket's bytes until the deadline: a timeout alone starts anew with every byte of a drip feed."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket) -> None:
        self.raw, self.sock, self.deadline = raw, sock, _clock.deadline
        self.silence = sock.gettimeout()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self.sock.settimeout(left if self.silence is None else min(left, self.silence))
        return self.raw.readinto(buffer)

    def close(self) -> None:
        self.raw.close()
        super().close()


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self.fp = io.BufferedReader(_Timed(self.fp.detach(), sock))


class _Guarded:
    """The peer is judged after the connection is made: whatever a name resolved to, and at every redirect."""

    private_hosts: frozenset[str]
    host: str
    port: int

    def _new_conn(self) -> socket.socket:
        with contextlib.suppress(ValueError):  # a name, not an address
            self._judge(str(ipaddress.ip_address(self.host.strip("[]"))), self.port)
        sock: socket.socket = super()._new_conn()  # type: ignore[misc]
        try:
            self._judge(*sock.getpeername()[:2])
        except Refused:
            sock.close()
            raise
        return sock

    def _judge(self, address: str, port: int) -> None:
        if f"{address}:{port}" not in self.private_hosts and not is_public(address):
            raise Refused(address)


class _Adapter(HTTPAdapter):
    def __init__(self, private_hosts: frozenset[str], workers: int) -> None:
        self.private_hosts = private_hosts
        super().__init__(pool_connections=2 * workers, pool_maxsize=workers)

    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options)

        class Plain(_Guarded, urllib3.connection.HTTPConnection):
            private_hosts = self.private_hosts
            response_class = _Response

        class Secure(_Guarded, urllib3.connection.HTTPSConnection):
            private_hosts = self.private_hosts
            response_class = _Response

        class PlainPool(urllib3.HTTPConnectionPool):
            ConnectionCls = Plain

        class SecurePool(urllib3.HTTPSConnectionPool):
            ConnectionCls = Secure

        self.poolmanager.pool_classes_by_scheme = {"http": PlainPool, "https": SecurePool}
