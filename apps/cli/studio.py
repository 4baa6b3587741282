"""`ccd studio`, `ccd push`, `ccd pull`: the way to Label Studio and back."""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from apps.cli.contract import Report, in_campaign, reports, say
from ccd.wording import number_of

if TYPE_CHECKING:
    from ccd.campaign.assist import Decided
    from ccd.campaign.campaign import Campaign
    from ccd.campaign.config import Person


@click.group("studio")
def studio_group() -> None:
    """Run a Label Studio on this machine, and make its accounts."""


@studio_group.command("install")
@reports({"version": "Label Studio's version", "folder": "its own environment"})
def studio_install() -> Report:
    """Install the pinned Label Studio into an environment of its own; nothing to do where it is there.

    \b
    Example: ccd studio install
    """
    from annotation import studio as local

    local.install(lambda line: say(line + " ..."))
    facts = {"version": local.VERSION, "folder": str(local.environment())}
    return Report(facts, [f"Label Studio {local.VERSION} is installed in {local.environment()}."])


@studio_group.command("start")
@in_campaign
@reports(
    {
        "url": "where it answers",
        "pid": "its process id",
        "admin": "the administrator's e-mail address and the file with the password",
        "accounts": "map from name to {email, password} of the accounts made just now",
    }
)
def studio_start(folder: Path) -> Report:
    """Start Label Studio on 127.0.0.1, install it first where needed, and make the annotators' accounts.

    It runs until `ccd studio stop`. First passwords are shown once and kept nowhere.

    \b
    Example: ccd studio start
    """
    from annotation import studio as local
    from annotation.accounts import create_missing
    from annotation.client import Studio
    from ccd.campaign.campaign import Campaign
    from ccd.errors import InputError

    os.umask(0o077)  # Label Studio's files hold tokens, --json holds passwords: for this user only
    campaign = Campaign.open(folder)
    if campaign.config.label_studio_url:
        raise InputError(
            f"campaign.toml names a server, {campaign.config.label_studio_url}; take it out to run a local one"
        )
    with campaign.alone("studio"):
        server = local.start(campaign.folder, lambda line: say(line + " ..."))
        people = campaign.config.annotators + campaign.config.adjudicators
        made = create_missing(Studio(server.url, server.token), people, _tell)
    accounts = {p.name: {"email": p.email, "password": made[p.name]} for p in people if p.name in made}
    admin = f"{local.ADMIN}, password in {campaign.folder / 'studio' / 'credentials.json'}"
    shown = [f"Label Studio runs at {server.url} (process {server.pid}).", f"Administrator: {admin}."]
    shown.append("Next: ccd push")
    return Report({"url": server.url, "pid": server.pid, "admin": admin, "accounts": accounts}, list(shown))


@studio_group.command("accounts")
@in_campaign
@reports({"url": "the server", "accounts": "map from name to {email, password} of the accounts made just now"})
def studio_accounts(folder: Path) -> Report:
    """Make the accounts that annotators and adjudicators of campaign.toml do not have yet, by invitation.

    \b
    Example: ccd studio accounts
    """
    from annotation.accounts import create_missing
    from annotation.connection import connect
    from ccd.campaign.campaign import Campaign

    os.umask(0o077)  # --json holds passwords: for this user only
    campaign = Campaign.open(folder)
    studio, _pictures = connect(campaign)
    people = campaign.config.annotators + campaign.config.adjudicators
    made = create_missing(studio, people, _tell)
    accounts = {p.name: {"email": p.email, "password": made[p.name]} for p in people if p.name in made}
    return Report({"url": studio.url, "accounts": accounts}, ["Everybody has an account."])


def _tell(person: "Person", password: str) -> None:
    """Show a first password at once: what fails after that must not take it away."""
    say(f"{person.name} signs in as {person.email}, first password {password} (shown only now)")


@studio_group.command("stop")
@in_campaign
@reports({"stopped": "true where one ran"})
def studio_stop(folder: Path) -> Report:
    """Stop this campaign's Label Studio. Nothing is lost; `ccd studio start` brings it back.

    \b
    Example: ccd studio stop
    """
    from annotation import studio as local
    from ccd.campaign.campaign import Campaign

    stopped = local.stop(Campaign.open(folder).folder)
    return Report({"stopped": stopped}, ["Label Studio is stopped." if stopped else "No Label Studio was running."])


@studio_group.command("status")
@in_campaign
@reports(
    {
        "url": "where Label Studio answers, or null",
        "version": "its version, or null",
        "desks": "map from desk to {project, url, tasks, annotated}",
    }
)
def studio_status(folder: Path) -> Report:
    """Say whether the campaign's Label Studio answers, and what stands on each desk.

    \b
    Example: ccd studio status
    """
    from rich.table import Table

    from annotation import studio as local
    from annotation.connection import connect
    from annotation.desks import known_desks, project_of
    from ccd.campaign.campaign import Campaign

    campaign = Campaign.open(folder)
    if not campaign.config.label_studio_url and local.status(campaign.folder) is None:
        return Report(
            {"url": None, "version": None, "desks": {}},
            ["No Label Studio runs for this campaign; start it with `ccd studio start`."],
        )
    studio, _pictures = connect(campaign)
    version = studio.release()
    desks = {}
    for name, row in known_desks(campaign).items():
        project = project_of(campaign, studio, name, row.project_id)
        desks[name] = {
            "project": row.project_id,
            "url": f"{studio.url}/projects/{row.project_id}/data",
            "tasks": project["task_number"] if project else None,
            "annotated": project["num_tasks_with_annotations"] if project else None,
        }
    table = Table("desk", "page", "tasks", "annotated", title="Desks")
    for name, desk in desks.items():
        table.add_row(
            name, desk["url"], *(str("deleted" if desk[key] is None else desk[key]) for key in ("tasks", "annotated"))
        )
    shown = [f"Label Studio {version} runs at {studio.url}.", *([table] if desks else ["No desks yet: ccd push"])]
    return Report({"url": studio.url, "version": version, "desks": desks}, shown)


@click.command("push")
@click.option(
    "--assist",
    metavar="[VERSION]",
    is_flag=False,
    flag_value="",
    help="Show annotators the predictions of this model version (the latest where it is left out), but for a blind "
    "share of pairs, on rounds that have no answer yet. Without it rounds are blind.",
)
@click.option(
    "--blind",
    metavar="SHARE",
    type=float,
    help="With --assist: the share of pairs that stays without any prediction (default: 0.2).",
)
@click.option(
    "--anyway", is_flag=True, help="With --assist: also where the network is no better than one label or text alone."
)
@in_campaign
@reports(
    {
        "url": "the server",
        "warning": "with --assist one line where the network is no better than train's most frequent label or than "
        "text alone on dev, or where that is not known; else null",
        "assisted": "list of {round, version, shown, blind, unknown}: what was decided just now, in pairs",
        "sent": "map from desk to tasks sent just now",
        "desks": "map from desk to the page its annotator opens",
        "notes": "what was found amiss and put right, a line each",
        "failed": "desks that were left as they are: why, and what to do, a line each; with any the exit code is 1",
    }
)
def push_command(folder: Path, assist: str | None, blind: float | None, anyway: bool) -> Report:
    """Put every assigned pair on its annotator's desk.

    Open ties go on the adjudicators' desk. Pushed twice is pushed once; a push that was interrupted is simply run
    again. With --assist what was decided for a round, and for each of its pairs, stays: later pushes keep to it, with
    or without the option. `ccd bias` measures what it did.

    \b
    Example: ccd push
    """
    from dataclasses import asdict

    from rich.table import Table

    from annotation.connection import connect
    from annotation.push import push
    from apps.cli.progress import bars
    from ccd.campaign.assist import BLIND_SHARE, decide
    from ccd.campaign.campaign import Campaign
    from ccd.errors import InputError

    if blind is not None and assist is None:
        raise InputError("--blind goes with --assist; without that every pair is blind: leave --blind out")
    if anyway and assist is None:
        raise InputError("--anyway goes with --assist; leave it out")
    campaign = Campaign.open(folder)
    doubt = None if assist is None else _doubt(campaign, assist, anyway)
    with campaign.alone("push"):
        studio, pictures = connect(campaign)
        decided = [] if assist is None else decide(campaign, assist or None, BLIND_SHARE if blind is None else blind)
        with bars() as started:
            done = push(campaign, studio, pictures, started)
    pages = {name: f"{studio.url}/projects/{project}/data" for name, project in done.projects.items()}
    table = Table("desk", "sent now", "page: open it and press “Label All Tasks”", title="Pushed")
    for name, page in pages.items():
        table.add_row(name, str(done.sent[name]), page)
    following = "Next: ccd pull --follow" if pages else "Nothing is assigned yet; draw a round with `ccd round new`"
    shown: list[Any] = [*done.notes, *done.failed, *([table] if pages else []), *map(_decided, decided), following]
    if assist is not None and not decided:
        shown.insert(-1, "No round is left to decide on: all have answers, or were decided before.")
    shown[:0] = [doubt] if doubt else []
    facts: dict[str, Any] = {
        "url": studio.url,
        "warning": doubt,
        "sent": done.sent,
        "desks": pages,
        "notes": done.notes,
    }
    facts |= {"failed": done.failed, "assisted": [asdict(one) for one in decided]}
    return Report(facts, shown, ok=not done.failed)


def _doubt(campaign: "Campaign", assist: str, anyway: bool) -> str | None:
    """What speaks against showing the predictions of this version ("": the latest). Raises CcdError where it is no
    better than a baseline, unless it is to be shown anyway.
    """
    from ccd.campaign import predictions
    from ccd.errors import InputError
    from model.usefulness import is_useful, read, warning

    found = read(campaign.folder / "models", assist or predictions.latest(campaign))
    doubt = warning(found)
    if is_useful(found) is False and not anyway:
        raise InputError(f"{doubt} Nothing was pushed; push without --assist, or show it anyway with --anyway.")
    return doubt


def _decided(one: "Decided") -> str:
    rest = f", {one.unknown} have none and go out without" if one.unknown else ""
    shown = number_of(one.shown, "pair shows", "pairs show")
    return f"Round {one.round}: {shown} the prediction of {one.version}, {one.blind} stay blind{rest}."


@click.command("pull")
@click.option("--follow", is_flag=True, help="Keep pulling until interrupted (Ctrl-C).")
@click.option(
    "--every", type=click.IntRange(min=1), default=10, show_default=True, help="Seconds between pulls that follow."
)
@in_campaign
@reports(
    {
        "new": "map from status (valid, cannot_judge, skipped, deleted, ...) to answers new or changed since last time",
        "answered": "assigned pairs that are answered: judged, cannot be judged, or skipped; over all annotators",
        "judged": "those of them that are judged",
        "expected": "answers that the rounds so far will give, those still to come included; nothing is expected of "
        "annotators who left campaign.toml, or on deleted posts",
        "notes": "what was found amiss, a line each",
        "failed": "desks and tasks that could not be read: where, why, and what to do, a line each; with any the exit "
        "code is 1",
    }
)
def pull_command(folder: Path, follow: bool, every: int) -> Report:
    """Bring the answers from Label Studio.

    Labels, skips, seconds and comments. Pulled ten times is pulled once. Answers that do not count (to a pair that was
    not assigned, on a task or a page that was changed by hand, by somebody else, outside the protocol) are kept and
    reported; outside the protocol exits with 2.

    \b
    Example: ccd pull --follow
    """
    from annotation.client import StudioError
    from annotation.connection import connect
    from annotation.pull import pull
    from annotation.versions import Pulled
    from apps.cli.progress import bars
    from ccd.campaign.campaign import Campaign, DatabaseUnreachable
    from ccd.campaign.status import status
    from ccd.errors import InputError
    from ccd.wording import folded

    campaign = Campaign.open(folder)
    studio, _pictures = connect(campaign)
    total = Pulled()
    try:
        while True:
            done = Pulled()
            try:
                with bars() as started:
                    pull(campaign, studio, started, done)
            except StudioError as error:
                if not follow or not error.in_doubt:
                    raise
                say(f"ccd: {error}; trying again")  # a server that comes back is followed on
            except DatabaseUnreachable as error:
                if not follow or not campaign.config.database_url:
                    raise
                say(f"ccd: the database does not answer ({str(error.orig).partition(chr(10))[0]}); trying again")
            finally:
                for note in (*done.notes, *done.failed):
                    if note not in (*total.notes, *total.failed):
                        say(note)  # at once: the next pull may not bring it again
                total.add(done)
            if follow and done.new:
                say(f"{time.strftime('%H:%M:%S')} {_counts(done.new)}")
            if not follow:
                break
            time.sleep(every)
    except KeyboardInterrupt:
        say("")
    if total.outside:
        raise InputError(
            f"{len(total.outside)} answers outside the protocol are kept and not counted, all else is pulled: "
            f"{'; '.join(folded(total.outside))}; have them answered again"
        )
    facts = status(campaign)
    kinds = ("judged", "cannot_judge", "skipped", "lost", "open")
    counts = {kind: sum(person[kind] for person in facts["annotators"]) for kind in kinds}
    answered = counts["judged"] + counts["cannot_judge"] + counts["skipped"]
    expected = answered + counts["open"]
    parts = _counts({kind: counts[kind] for kind in kinds[:3] if counts[kind]})
    shown = [
        f"Pulled: {_counts(total.new) or 'nothing new'}.",
        f"Answered: {answered:,} of {expected:,}{f' ({parts})' if parts else ''}.",
        f"Next: {facts['next']['command']}",
    ]
    if lost := counts["lost"]:
        shown[2:2] = [f"{lost:,} more will not come: their posts are deleted, or their annotator left campaign.toml."]
    told: dict[str, Any] = {"answered": answered, "judged": counts["judged"], "expected": expected}
    return Report(
        {"new": dict(total.new), **told, "notes": total.notes, "failed": total.failed}, list(shown), ok=not total.failed
    )


def _counts(new: Any) -> str:
    return ", ".join(f"{number:,} {status.replace('_', ' ')}" for status, number in sorted(new.items()))
