"""A whole campaign in one go: the commands a person would type, and simulated annotators on a real Label Studio."""

import contextlib
import functools
import random
import tempfile
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import click

from annotation import studio as local
from annotation.accounts import create_missing
from annotation.client import Studio
from annotation.desks import known_desks
from annotation.simulated import Simulated, work
from apps.cli.harmless import harmless
from apps.cli.progress import bars
from ccd.campaign.campaign import ADJUDICATION_DESK, Campaign
from ccd.campaign.config import Person
from ccd.campaign.tables import known_pairs
from ccd.campaign.tables.tasks import per_desk
from ccd.errors import InputError
from collection.store import collect
from collection.synthetic.records import SOURCE, records

PEOPLE = tuple(Person(name, f"{name}@example.org") for name in ("ann", "bob", "cy"))
LEAD = (Person("lead", "lead@example.org"),)
ACCURACY = {"ann": (0.94, 0.75), "bob": (0.91, 0.65), "cy": (0.88, 0.55), "lead": (1.0, 1.0)}
CCD_SHARES = {"irrelevant": 4087, "implicit": 1286, "explicit": 6879}  # the paper's Table II, all


@dataclass(frozen=True)
class Demo:
    """What a demo left behind: its folder, the running server, and who may sign in with which password."""

    folder: Path
    url: str
    passwords: Mapping[str, str]
    synthetic: bool


def run(cli: click.Command, folder: Path | None, data: Path | None, size: int, seed: int) -> Demo:
    """Run a campaign of `size` pairs from end to end; Label Studio is left running for a look.

    Args:
        cli: the `ccd` command.
        folder: where the campaign goes; a new temporary folder where None.
        data: a folder of real pairs (one table and its images); the toolkit's own synthetic pairs where None.
    """
    folder = folder or Path(tempfile.mkdtemp(prefix="ccd-demo-"))
    campaign = Campaign.create(folder, name="demo", annotators=PEOPLE, adjudicators=LEAD)
    say(
        f"A whole campaign in {folder}. The annotators are simulated"
        + (", the pairs are SYNTHETIC." if data is None else ".")
    )
    typed = functools.partial(_type, cli, campaign.folder)
    truth = _collect(campaign, typed, data, size, seed)
    if not truth:
        raise InputError(f"{data}: no pair of its table can be used, for the reasons above; name other data")

    say("\n$ ccd studio start")
    server = local.start(campaign.folder, say)
    try:
        passwords = _annotate(campaign, typed, server, truth, size, seed)
    except BaseException:
        local.stop(campaign.folder)  # nobody was told of it
        raise
    return Demo(campaign.folder, server.url, passwords, data is None)


def _annotate(
    campaign: Campaign, typed: Callable[..., None], server: local.Server, truth: Mapping[str, str], size: int, seed: int
) -> Mapping[str, str]:
    """Judge, settle, split and release; give the passwords of the simulated people."""
    passwords = create_missing(Studio(server.url, server.token), PEOPLE + LEAD, lambda person, password: None)
    say(f"Label Studio runs at {server.url}, with accounts for {', '.join(passwords)}.")

    typed("round", "new", "--size", str(min(size, len(truth))), "--seed", str(seed))
    typed("push")
    _judge(campaign, server.url, passwords, truth, [p.name for p in PEOPLE], seed)
    typed("pull")
    typed("labels")
    typed("push")
    if ADJUDICATION_DESK in known_desks(campaign):
        _judge(campaign, server.url, passwords, truth, ["lead"], seed)
        typed("pull")
        typed("labels")
    typed("agreement")
    typed("split")
    typed("release", "v1")
    typed("status")
    return passwords


def say(line: str) -> None:
    """One line for the person who watches."""
    click.echo(harmless(line))


def _collect(campaign: Campaign, typed: Callable[..., None], data: Path | None, size: int, seed: int) -> dict[str, str]:
    """Fill the campaign; give each pair a "true" label: known of synthetic pairs, drawn by CCD's shares for others."""
    if data is None:
        say(f"\nDrawing {size} synthetic pairs ...")
        with tempfile.TemporaryDirectory() as drawn:
            posts, truth = records(size, seed, Path(drawn))
            collect(campaign, posts, SOURCE)
        return truth
    tables = sorted(path for path in data.iterdir() if path.suffix in (".tsv", ".csv", ".jsonl", ".parquet"))
    if not tables:
        raise InputError(f"{data} holds no .tsv, .csv, .jsonl or .parquet table of pairs; name a folder that does")
    with contextlib.suppress(SystemExit):  # it kept nothing and said so; the check below stops
        typed("collect", "table", str(tables[0]))
    chance = random.Random(seed)
    with campaign.read() as db:
        pairs = known_pairs.ids(db)
    labels, weights = list(CCD_SHARES), list(CCD_SHARES.values())
    return dict(zip(pairs, chance.choices(labels, weights, k=len(pairs)), strict=True))


def _type(cli: click.Command, folder: Path, *command: str) -> None:
    """Run a command as a person would type it in the campaign's folder."""
    say("\n$ ccd " + " ".join(command))
    cli.main([*command, "--dir", str(folder)], prog_name="ccd", standalone_mode=False)


def _judge(
    campaign: Campaign, url: str, passwords: Mapping[str, str], truth: Mapping[str, str], names: list[str], seed: int
) -> None:
    """Let simulated people answer all tasks of their desks, at the same time, through Label Studio's API."""
    projects = {name: row.project_id for name, row in known_desks(campaign).items()}
    with campaign.read() as db:
        tasks = per_desk(db)
    say(f"\n{', '.join(names)} (simulated) answer in Label Studio ...")
    failures: list[BaseException] = []

    def one(name: str, desk: str, tick: Callable[[int], None]) -> None:
        right, implicit_right = ACCURACY[name]
        person = Simulated(
            email=f"{name}@example.org",
            password=passwords[name],
            accuracy=right,
            hard_accuracy=implicit_right,
            hard=("implicit",),
            seed=seed * 31 + names.index(name),
            cannot_judge=0.0 if name == "lead" else 0.01,
        )
        try:
            work(person, url, projects[desk], campaign.protocol, truth, tick)
        except BaseException as error:
            failures.append(error)

    with bars() as started:
        threads = []
        for name in names:
            desk = ADJUDICATION_DESK if name == "lead" else name
            threads.append(threading.Thread(target=one, args=(name, desk, started(name, tasks[desk]))))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    if failures:
        raise failures[0]
