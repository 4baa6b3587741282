"""The gate before the review app where it is open to a network: one password, and patience with wrong ones."""

import asyncio
import hmac
import html
import secrets
from http.cookies import SimpleCookie
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

COOKIE = "ccd-review"
PATH = "/sign-in"
SLOWEST = 30.0  # seconds
MOST_BYTES = 4096  # of a form that is sent

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Review</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><style>
:root {{ color-scheme: light dark }} body {{ font: 16px/1.5 system-ui, sans-serif; display: grid; place-content: center;
min-height: 90vh; margin: 0 }} input, button {{ font: inherit; padding: .5rem .8rem }} p {{ min-height: 1.5em }}
</style></head><body><form method="post" action="{path}"><h1>Review</h1><label>Password<br>
<input type="password" name="password" autofocus autocomplete="current-password"></label> <button>Open</button>
<p role="alert">{problem}</p></form></body></html>"""


class Gate:
    """Lets a request pass with the cookie that the right password gives; every other one gets the form.

    Each wrong password doubles the wait before the next is looked at, from one second to SLOWEST, for everybody: there
    is one password, so guessing from many places is no faster. The right one sets the wait back.
    """

    def __init__(self, app: ASGIApp, password: str) -> None:
        self._app = app
        self._password = password.encode()
        self._token = secrets.token_urlsafe(32)  # of this run of the server
        self._wrong = 0
        self._one_by_one = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or self._may_pass(scope):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        elif scope["method"] == "POST" and scope["path"] == PATH:
            await (await self._asked(Request(scope, receive)))(scope, receive, send)
        else:
            await _form("", 401)(scope, receive, send)

    def _may_pass(self, scope: Scope) -> bool:
        cookies: SimpleCookie = SimpleCookie()
        for name, value in scope["headers"]:
            if name == b"cookie":
                cookies.load(value.decode("latin-1"))
        return COOKIE in cookies and hmac.compare_digest(cookies[COOKIE].value.encode(), self._token.encode())

    async def _asked(self, request: Request) -> Response:
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > MOST_BYTES:
                return _form("That is no password.", 413)
        given = parse_qs(body.decode("utf-8", "replace")).get("password", [""])[0].encode()
        async with self._one_by_one:
            if self._wrong:
                await asyncio.sleep(min(2.0 ** (self._wrong - 1), SLOWEST))
            if not hmac.compare_digest(given, self._password):
                self._wrong += 1
                return _form("Wrong password. The next try takes longer.", 401)
            self._wrong = 0
        answer = RedirectResponse("/", 303)
        answer.set_cookie(COOKIE, self._token, httponly=True, samesite="strict")
        return answer


def _form(problem: str, status: int) -> Response:
    return HTMLResponse(PAGE.format(path=PATH, problem=html.escape(problem)), status)
