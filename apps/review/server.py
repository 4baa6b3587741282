"""The server of the review app: one process, loopback unless told otherwise, no call to the outside."""

import contextlib
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import uvicorn
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import HTMLResponse
from starlette.routing import Route
from streamlit import config
from streamlit.file_util import get_static_dir
from streamlit.starlette import App

from apps.connections import HEAD_SECONDS, Connection
from apps.review.gate import Gate, SameOrigin
from apps.review.state import FIRST_LOOK
from apps.review.writer import Writer
from ccd.campaign.campaign import Campaign
from ccd.errors import EnvironmentFailure
from ccd.templates import render

LOOPBACK = "127.0.0.1"
ADDRESSES = ("/", *(f"/{name}" for name in ("disagreements", "agreement", "annotators", "model", "dataset")))
PING_SECONDS = 30.0  # between two signs of life that a browser is asked for, and for its answer
END_SECONDS = 2  # for callers that are connected when the server ends
POLICY = (
    "default-src 'self' data: blob: 'unsafe-inline' 'unsafe-eval'; connect-src 'self' data: blob:; "
    "frame-ancestors 'none'; object-src 'none'; base-uri 'self'; form-action 'self'"
)
"""What the browser may load for a page, whatever a page were to ask for: nothing from elsewhere."""
SETTINGS: dict[str, Any] = {
    "browser.gatherUsageStats": False,
    "server.showEmailPrompt": False,
    "server.headless": True,
    "server.fileWatcherType": "none",
    "server.enableStaticServing": False,
    "server.maxUploadSize": 1,
    "client.toolbarMode": "minimal",
    "client.showErrorDetails": "type",
    "client.showErrorLinks": False,
    "logger.hideWelcomeMessage": True,
    "runner.magicEnabled": False,
    "global.developmentMode": False,
    "theme.light.primaryColor": "#2a6db0",
    "theme.dark.primaryColor": "#3776c0",
}


def serve(folder: Path, host: str, port: int | None, password: str | None, started: Callable[[str], None]) -> None:
    """Serve the campaign in `folder` until interrupted; `started` is called with the address once it answers.

    With a `password` nothing is served to who has not given it. Raises CcdError where there is no campaign, or where
    the address cannot be used.
    """
    campaign = Campaign.open(folder)
    writer = Writer(campaign)
    with _listening(host, port) as listening:
        port = int(listening.getsockname()[1])

        @contextlib.asynccontextmanager
        async def running(_app: App) -> AsyncIterator[None]:
            writer.start()
            started(f"http://{f'[{host}]' if ':' in host else host}:{port}")
            yield

        os.chdir(campaign.folder)  # the pages show the campaign of the current folder
        settings = SETTINGS | {"server.address": host, "server.port": port}
        if host == LOOPBACK:
            settings["server.allowedHosts"] = [
                LOOPBACK,
                "localhost",
            ]  # no stranger's page reads it by a name of its own
        config.get_config_options(force_reparse=True, options_from_flags=settings)
        gate = [Middleware(Gate, password=password, salt=campaign.uid)] if password else []
        app = App(
            Path(__file__).with_name("app.py"),
            routes=_pages(),
            middleware=[Middleware(SameOrigin), *gate],
            lifespan=running,
        )
        try:
            _run(app, listening)
        finally:
            writer.stop()


def _run(app: App, listening: socket.socket) -> None:
    """Answer on this socket until SIGINT or SIGTERM; callers that are still connected then have END_SECONDS."""
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            http=Connection,
            ws="websockets-sansio",
            ws_ping_interval=PING_SECONDS,
            ws_ping_timeout=PING_SECONDS,
            ws_per_message_deflate=False,
            log_config=None,
            log_level="error",
            access_log=False,
            timeout_keep_alive=int(HEAD_SECONDS),
            timeout_graceful_shutdown=END_SECONDS,
        )
    )
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # uvicorn sends itself the signal that ended it once more
    with contextlib.suppress(KeyboardInterrupt):
        server.run(sockets=[listening])


def _pages() -> list[Route]:
    """Streamlit's own page at every page's address, with page.js, and told where the server is instead of guessing."""
    ours = Path(__file__).with_name("page.js").read_text(encoding="utf-8")
    head = render("apps.review", "head.html", {"first_look": 1000 * FIRST_LOOK, "script": ours})
    page = (Path(get_static_dir()) / "index.html").read_text(encoding="utf-8").replace("<head>", head, 1)
    headers = {"Content-Security-Policy": POLICY, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}

    async def answer(_request: Request) -> HTMLResponse:
        return HTMLResponse(page, headers=headers)

    return [Route(address, answer) for address in ADDRESSES]


def _listening(host: str, port: int | None) -> socket.socket:
    """A socket on the port, or on a free one. Raises CcdError where it cannot be had."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port or 0), family=family, backlog=1024)
    except OSError as error:
        where = f"{host}:{port}" if port else host
        raise EnvironmentFailure(
            f"{where}: cannot be used ({error.strerror}); choose another --host or --port"
        ) from None
