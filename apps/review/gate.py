"""The gate before the review app: a password where it is open to a network, and no socket for pages of others."""

import hashlib
import hmac
import ipaddress
import math
import secrets
import time
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ccd.templates import render

COOKIE = "ccd-review"  # of who has signed in to this run of the server
DEVICE = "ccd-review-device"  # of a browser that has signed in once
PATH = "/sign-in"
GUESSES = 5  # wrong passwords of one client at once
REGAINED = 30.0  # seconds after which a client has one more
MOST_CLIENTS = 10_000  # that are remembered
MOST_BYTES = 4096  # of a form that is sent
PORTS = {"http": 80, "https": 443}


class SameOrigin:
    """Refuse a websocket that the page of another origin opens: the scheme, the host and the port of ours must agree.

    Streamlit compares hosts alone, so a page of another server on this machine would pass. A program that is no
    browser names no origin, and passes.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket" and not _is_ours(Headers(scope=scope), scope["scheme"]):
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        else:
            await self._app(scope, receive, send)


def _is_ours(headers: Headers, scheme: str) -> bool:
    origin, host = headers.get("origin"), headers.get("host", "")
    if origin is None:
        return True
    try:
        theirs, ours = urlsplit(origin), urlsplit(f"{scheme}://{host}")
        port = theirs.port or PORTS[theirs.scheme]
        # A proxy that ends TLS leaves no scheme of its own: there, the port that is not named is that of the page.
        return theirs.hostname == ours.hostname and port == (ours.port or PORTS[theirs.scheme])
    except (ValueError, KeyError):
        return False


class Guesses:
    """How many wrong passwords each client may still try: GUESSES, and one more each REGAINED seconds.

    >>> guesses = Guesses()
    >>> [guesses.wait("a", now=0.0) for _ in range(6)]
    [0.0, 0.0, 0.0, 0.0, 0.0, 30.0]
    >>> guesses.wait("b", now=0.0)
    0.0
    """

    def __init__(self) -> None:
        self._full: dict[str, float] = {}  # when each client has all of its guesses again; in the order of use

    def wait(self, client: str, now: float) -> float:
        """Take one guess of this client; or return the seconds until there is one."""
        full = max(self._full.pop(client, now), now)
        wait = max(full - now - (GUESSES - 1) * REGAINED, 0.0)
        self._full[client] = full if wait else full + REGAINED
        if len(self._full) > MOST_CLIENTS:
            del self._full[next(iter(self._full))]
        return wait

    def forgive(self, client: str) -> None:
        """Give this client all of its guesses again."""
        self._full.pop(client, None)


class Gate:
    """Let a request pass with the cookie that the right password gives; every other one gets the form.

    A client that has no guess left gets 429 at once, before its password is looked at; nobody waits for anybody. A
    client is an address (of IPv6 a network of 64 bits), or a browser that has signed in before: its owner gets in while
    somebody guesses from the same address (OWASP, "Slow Down Online Guessing Attacks with Device Cookies"). `salt` is
    the campaign's, so that such a browser is known after a restart too.
    """

    def __init__(self, app: ASGIApp, password: str, salt: str = "") -> None:
        self._app = app
        self._password = password.encode()
        self._token = secrets.token_urlsafe(32)  # of this run of the server
        self._key = hashlib.scrypt(self._password, salt=salt.encode(), n=1 << 14, r=8, p=1, dklen=32)
        self._guesses = Guesses()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or self._may_pass(scope):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        elif scope["method"] == "POST" and scope["path"] == PATH:
            try:
                answer = await self._signed_in(Request(scope, receive))
            except ClientDisconnect:
                return
            await answer(scope, receive, send)
        else:
            await _form("", 401)(scope, receive, send)

    def _may_pass(self, scope: Scope) -> bool:
        return hmac.compare_digest(_cookie(scope, COOKIE).encode(), self._token.encode())

    async def _signed_in(self, request: Request) -> Response:
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > MOST_BYTES:
                return _form("That is no password.", 413, {"Connection": "close"})
        client = self._client(request.scope)
        if wait := self._guesses.wait(client, time.monotonic()):
            shown = f"Too many wrong passwords. Try again in {math.ceil(wait)} s."
            return _form(shown, 429, {"Retry-After": str(math.ceil(wait))})
        given = parse_qs(body.decode("utf-8", "replace")).get("password", [""])[0].encode()
        if not self._is_right(given):
            return _form("Wrong password.", 401)
        self._guesses.forgive(client)
        answer = RedirectResponse("/", 303)
        answer.set_cookie(COOKIE, self._token, httponly=True, samesite="strict")
        device = secrets.token_urlsafe(16)
        answer.set_cookie(DEVICE, f"{device}.{self._signature(device)}", 365 * 86400, httponly=True, samesite="strict")
        return answer

    def _is_right(self, given: bytes) -> bool:
        return hmac.compare_digest(given, self._password)

    def _client(self, scope: Scope) -> str:
        """Whose guesses count together."""
        device, _, signature = _cookie(scope, DEVICE).partition(".")
        if hmac.compare_digest(signature.encode(), self._signature(device).encode()):
            return device
        address = scope["client"][0] if scope.get("client") else ""
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return str(address)
        return str(found if found.version == 4 else ipaddress.ip_network((int(found) >> 64 << 64, 64)))

    def _signature(self, device: str) -> str:
        return hmac.digest(self._key, device.encode(), "sha256").hex()


def _cookie(scope: Scope, name: str) -> str:
    """The cookie of this name; "" where there is none."""
    cookies: SimpleCookie = SimpleCookie()
    for value in Headers(scope=scope).getlist("cookie"):
        try:
            cookies.load(value)
        except CookieError:
            continue
    return cookies[name].value if name in cookies else ""


def _form(problem: str, status: int, headers: dict[str, str] | None = None) -> Response:
    page = render("apps.review", "sign_in.html", {"path": PATH, "problem": problem})
    return HTMLResponse(page, status, headers)
