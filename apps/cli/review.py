"""`ccd review`: the review app in a browser."""

import os
from pathlib import Path

import click

from apps.cli.contract import Report, in_campaign, reports, say

PASSWORD = "CCD_REVIEW_PASSWORD"


@click.command("review")
@click.option(
    "--host", default="127.0.0.1", show_default=True, help=f"The address to listen on; others need {PASSWORD}."
)
@click.option("--port", type=click.IntRange(1, 65535), help="The port (default: a free one).")
@in_campaign
@reports({"url": "where it was", "protected": "true where it asked for a password"})
def review_command(folder: Path, host: str, port: int | None) -> Report:
    """Open the review app: progress, disagreements to settle, agreement, annotators, the model, the dataset.

    It runs until interrupted (Ctrl-C), reads the same database as the other commands while they run, and writes
    decisions to Label Studio. It listens on this machine alone; for a network name an address with --host and put a
    password into CCD_REVIEW_PASSWORD.

    \b
    Example: ccd review
    """
    from ccd.errors import EnvironmentFailure, InputError

    password = os.environ.get(PASSWORD, "")
    if host not in ("127.0.0.1", "localhost", "::1") and not password:
        raise InputError(f"--host {host} opens the app to others; put a password for them into {PASSWORD}")
    try:
        from apps.review.server import serve
    except ModuleNotFoundError as error:
        if error.name not in ("streamlit", "starlette", "uvicorn"):
            raise
        raise EnvironmentFailure("the library streamlit is not there; pip install 'ccd-toolkit[review]'") from None
    urls: list[str] = []

    def started(url: str) -> None:
        urls.append(url)
        say(f"The review app runs at {url}; Ctrl-C ends it.")

    serve(folder, host, port, password or None, started)
    return Report({"url": urls[-1] if urls else None, "protected": bool(password)}, ["The review app has ended."])
