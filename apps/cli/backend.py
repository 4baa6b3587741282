"""`ccd backend`: predictions as tasks open, and a retraining once enough answers have come."""

import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click

from apps.cli import contract
from apps.cli.train import set_device, threads_option

if TYPE_CHECKING:
    from annotation.client import Studio
    from ccd.campaign.campaign import Campaign


@click.command("backend")
@click.option("--connect", is_flag=True, help="Register at every annotator's desk; taken back when it ends.")
@click.option(
    "--retrain-after",
    type=click.IntRange(min=1),
    metavar="N",
    help="Pull, train and predict anew whenever N answers have come (default: never).",
)
@click.option("--host", default="127.0.0.1", show_default=True, help="The address at which Label Studio reaches it.")
@click.option("--port", type=click.IntRange(0, 65535), default=9090, show_default=True, help="0 takes a free one.")
@threads_option
@contract.in_campaign
@contract.reports(
    {
        "url": "where it listened, without the secret part",
        "version": "the network that answered last; null where none was ever whole",
        "desks": "with --connect: map from desk to the number of pairs that it may show a prediction of; else empty",
        "predicted": "tasks that got a prediction",
        "without": "tasks that were asked for and got none: blind ones, and those that are told with the reason",
        "answers": "answers that Label Studio told of",
        "retrained": "retrainings that were done",
    }
)
def backend_command(
    folder: Path, connect: bool, retrain_after: int | None, host: str, port: int, threads: int | None
) -> contract.Report:
    """Give Label Studio predictions as tasks open, until interrupted (Ctrl-C).

    It answers with the campaign's newest network, and takes a newer one as soon as that is whole. Nobody sees a
    prediction by this alone: with --connect it is registered at the desks, and rounds that nobody has begun are
    assisted, as by `ccd push --assist`; blind pairs get nothing here either. Its password is CCD_BACKEND_PASSWORD.

    \b
    Example: ccd backend --connect --retrain-after 200
    """
    from annotation.connection import connect as studio_of
    from apps.server import password_of_environment, serving
    from ccd.campaign.campaign import Campaign
    from ccd.errors import InputError

    campaign = Campaign.open(folder)
    password = password_of_environment()
    if connect and host in ("0.0.0.0", "::", ""):
        raise InputError(
            f"--host {host} is no address to call; name the one at which Label Studio reaches this machine"
        )
    device = set_device(threads)  # imports torch, which keeps everything waiting, before anybody is answered
    desks: dict[str, int] = {}
    with (
        campaign.alone("backend"),
        serving(campaign, password, _say, host=host, port=port, retrain_after=retrain_after, device=device) as running,
    ):
        server, retraining = running
        base = server.url.removesuffix(f"/{server.secret}")
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        studio = studio_of(campaign)[0] if connect else None
        try:
            if studio:
                desks = _connect(campaign, studio, server.url, password)
                told = ", ".join(f"{name} ({shown} pairs with predictions)" for name, shown in desks.items())
                _say(f"listening at {base}; connected: {told or 'no desk; run `ccd push`'}")
            else:
                _say(f"listening at {base}; to connect a project by hand, the address is {server.url}")
            threading.Event().wait()
        except KeyboardInterrupt:
            _say("ending")
        finally:
            if studio:
                _disconnect(campaign, studio, server.url)
    facts = {
        "url": base,
        "version": server.backend.version,
        "desks": desks,
        "predicted": server.backend.predicted,
        "without": server.backend.without,
        "answers": retraining.answers,
        "retrained": retraining.done,
    }
    shown = (
        f"{facts['predicted']:,} tasks were predicted, {facts['without']:,} got no prediction; "
        f"{facts['answers']:,} answers, {facts['retrained']:,} retrainings."
    )
    return contract.Report(facts, [shown])


def _connect(campaign: "Campaign", studio: "Studio", url: str, password: str) -> dict[str, int]:
    """Decide what may be shown, by what Label Studio knows now, and connect the desks."""
    from annotation import backend
    from annotation.pull import pull
    from annotation.versions import Pulled
    from apps.cli.progress import bars
    from ccd.campaign.assist import decide

    pulled = Pulled()
    with bars() as started:
        pull(campaign, studio, started, pulled)  # a round that somebody has begun stays as it is
    for note in (*pulled.notes, *pulled.failed, *pulled.outside):
        _say(note)  # the next pull does not bring it again
    for each in decide(campaign):
        _say(f"round {each.round}: {each.shown} pairs get predictions, {each.blind} stay blind")
    return backend.connect(campaign, studio, url, password)


def _disconnect(campaign: "Campaign", studio: "Studio", url: str) -> None:
    from annotation import backend
    from annotation.client import StudioError

    try:
        backend.disconnect(campaign, studio, url)
    except StudioError as error:
        _say(f"{error}; the desks are still connected: `ccd backend --connect` and Ctrl-C take it back")


def _say(line: str) -> None:
    contract.say(f"ccd backend: {line}")
