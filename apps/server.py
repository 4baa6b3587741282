"""The backend over HTTP: find the call, check who asks and how much, answer. It runs on uvicorn with our own limits."""

import asyncio
import base64
import contextlib
import hmac
import json
import os
import re
import socket
import threading
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from annotation.backend import USER
from apps.backend import Backend, secret_of
from apps.connections import HEAD_SECONDS, REASON, TAKE_SECONDS, Connection, RefusedError
from apps.retraining import Retraining
from ccd.campaign.campaign import Campaign
from ccd.errors import CcdError, EnvironmentFailure, InputError
from model.serving import Serving

PASSWORD = "CCD_BACKEND_PASSWORD"
MOST_BYTES = 32 << 20  # of a request: Label Studio's “Retrieve predictions” sends 12,000 tasks in about 10 MB
CALLS = {"GET": ("health", "versions"), "POST": ("setup", "predict", "webhook")}
END_SECONDS = 2  # for calls that are being answered when the server ends


class Server:
    """Serve a backend over HTTP, in a thread of its own. `url` is what Label Studio is given, with the secret part.

    Every call but the webhook wants the password; the webhook wants the secret part. Raises CcdError where the address
    is taken.
    """

    def __init__(self, backend: Backend, host: str, port: int, password: str, secret: str) -> None:
        self.backend = backend
        self.secret = secret
        self.authorization = "Basic " + base64.b64encode(f"{USER}:{password}".encode()).decode()
        try:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            self._socket = socket.create_server((host, port), family=family, backlog=1024)
        except OSError as error:
            raise EnvironmentFailure(
                f"{host}:{port}: cannot be listened on ({error.strerror}); choose another --port"
            ) from None
        self.server_port = int(self._socket.getsockname()[1])
        self.url = f"http://{f'[{host}]' if ':' in host else host}:{self.server_port}/{secret}"
        config = uvicorn.Config(
            self._answer,
            http=Connection,
            loop="asyncio",
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            log_level="critical",  # an address holds the secret part
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=1024,
            timeout_keep_alive=int(HEAD_SECONDS),
            timeout_graceful_shutdown=END_SECONDS,
        )
        self._uvicorn = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._uvicorn.run, args=([self._socket],), name="listen", daemon=True)

    @property
    def connections(self) -> set[Any]:
        """The connections that are open."""
        return self._uvicorn.server_state.connections

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Answer no more; what is being answered has END_SECONDS."""
        self.backend.stop()
        self._uvicorn.should_exit = True
        self._thread.join()
        self._socket.close()

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = _Body(receive)
        request = Request(scope, body)
        try:
            call = self._allowed(request)
            content = await _content(request)  # of a GET too: what is left would be taken for the next request
            answer = await run_in_threadpool(self._called, call, request.method, content)
        except ClientDisconnect:
            pass
        except RefusedError as refused:
            await _refuse(refused, body, send)
        except CcdError as error:
            await _refuse(RefusedError(500, str(error)), body, send)
        except Exception:
            traceback.print_exc()
            await _refuse(RefusedError(500, "the backend failed; see what it printed"), body, send)
        else:
            await Response(answer, media_type="application/json")(scope, receive, send)

    def _called(self, call: str, method: str, content: bytes) -> str:
        return json.dumps(getattr(self.backend, call)(_object(content) if method == "POST" else {}))

    def _allowed(self, request: Request) -> str:
        """The name of the call. Raises RefusedError where there is none, or who asks may not."""
        path = request.url.path.rstrip("/")
        secret = hmac.compare_digest(path.encode()[: len(self.secret) + 1], f"/{self.secret}".encode())
        call = (path[len(self.secret) + 1 :] if secret else path).removeprefix("/")
        if call == "webhook" and not secret:
            raise RefusedError(404, "the webhook's address has a secret part; `ccd backend` says it")
        if call not in CALLS.get(request.method, ()):
            known = " and ".join(f"{method} {', '.join(calls)}" for method, calls in CALLS.items())
            raise RefusedError(404, f"no such call; there are {known}")
        given = request.headers.get("authorization", "")
        if call != "webhook" and not hmac.compare_digest(given.encode(), self.authorization.encode()):
            raise RefusedError(401, f"wrong user or password; the user is {USER}, the password that of {PASSWORD}")
        return call


class _Body:
    """What a caller sends; `is_read` once nothing of it is left."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self.is_read = False

    async def __call__(self) -> Message:
        message = await self._receive()
        self.is_read = not message.get("more_body")
        return message


async def _content(request: Request) -> bytes:
    """What was sent. Raises RefusedError where it is too large, or nobody can tell where it ends."""
    lengths = request.headers.getlist("content-length") or (["0"] if request.method == "GET" else [])
    if len(lengths) != 1 or not re.fullmatch(r"[0-9]{1,15}", lengths[0]) or "transfer-encoding" in request.headers:
        raise RefusedError(411, "the request must say its length, once and in digits, and not come in chunks")
    if int(lengths[0]) > MOST_BYTES:
        raise RefusedError(
            413, f"the request has {int(lengths[0]):,} bytes, {MOST_BYTES:,} are taken; send fewer tasks"
        )
    return await request.body()


def _object(content: bytes) -> dict[str, Any]:
    """The JSON object in a request. Raises RefusedError where it is none."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        raise RefusedError(400, "the request is no JSON") from None
    if not isinstance(found, dict):
        raise RefusedError(400, "the request is no JSON object")
    return found


async def _refuse(refused: RefusedError, body: _Body, send: Send) -> None:
    """Answer with the reason, in the status line too, and end the connection once what was sent has been read.

    A connection that is closed on bytes that were not read takes the answer with it.
    """
    told = {b"content-type": b"application/json", b"content-length": b"%d" % len(refused.content)}
    told |= {b"connection": b"close", REASON: refused.reason}
    if refused.status == 401:
        told[b"www-authenticate"] = b'Basic realm="ccd backend"'
    await send({"type": "http.response.start", "status": refused.status, "headers": list(told.items())})
    await send({"type": "http.response.body", "body": refused.content, "more_body": True})
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(TAKE_SECONDS):
            while not body.is_read:
                await body()
    await send({"type": "http.response.body", "body": b"", "more_body": False})


@contextlib.contextmanager
def serving(
    campaign: Campaign,
    password: str,
    say: Callable[[str], None],
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    retrain_after: int | None = None,
    device: str = "cpu",
) -> Iterator[tuple[Server, Retraining]]:
    """Open a backend that listens at once and loads the newest network beside; all of it ends with the block.

    >>> with serving(campaign, "a password", print) as (server, retraining):  # doctest: +SKIP
    ...     print(server.url)
    """
    if not campaign.protocol.labels:
        raise InputError(
            f"protocol {campaign.protocol.name}: {campaign.protocol.question.name} asks for a score; desks show "
            "predicted labels only"
        )
    network = Serving(campaign.folder, campaign.protocol, device, say)
    retraining = Retraining(
        campaign.folder, retrain_after, lambda: network.ready.model if network.ready else "ananet", say
    )
    server = Server(Backend(campaign, network, retraining), host, port, password, secret_of(campaign, password))
    server.start()
    network.start()
    try:
        yield server, retraining
    finally:
        server.stop()
        retraining.stop()
        network.stop()


def password_of_environment() -> str:
    """Return the password in CCD_BACKEND_PASSWORD. Raises CcdError where there is none that a request can bear."""
    found = os.environ.get(PASSWORD, "")
    if not re.fullmatch(r"[!-~]+", found):
        raise EnvironmentFailure(f"{PASSWORD} is not set, or has spaces or letters beyond ASCII; put a password there")
    return found
