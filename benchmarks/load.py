"""Ten annotators submit as fast as Label Studio takes it, while `ccd pull --follow` runs and the review app is open.

    python -m benchmarks.load [--seconds 120] [--annotators 10]

Three runs, each on a Label Studio of its own: everything on SQLite; the toolkit's tables on PostgreSQL; Label Studio's
on PostgreSQL too. At the end every answer that Label Studio holds is compared with what was pulled: none may be lost,
doubled or changed.
"""

import argparse
import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from rich.console import Console
from rich.table import Table

from annotation import studio as local
from annotation.accounts import create_missing
from annotation.client import Studio
from annotation.desks import known_desks
from annotation.label_config import read_result
from annotation.simulated import Simulated, work
from ccd.campaign.campaign import Campaign
from ccd.campaign.config import Person
from ccd.campaign.tables import schema
from collection.store import collect
from collection.synthetic.records import SOURCE, records
from tests.e2e import postgres

PAGES = ("", "disagreements", "agreement", "annotators", "dataset")
EVERY = 2  # seconds between two pulls
LEAD = (Person("lead", "lead@example.org"),)


@dataclass(frozen=True)
class Held:
    """What came of a run. `taken`: answers that Label Studio confirmed; `stored`: those that it holds at the end;
    `followed`: judgments there when `ccd pull --follow` was stopped; `pages`: pages of the review app that were opened.
    """

    seconds: float
    taken: int
    stored: int
    followed: int
    lost: int
    doubled: int
    changed: int
    refused: list[str]
    pages: int
    said: str  # what `ccd pull --follow` had to complain about

    @property
    def is_whole(self) -> bool:
        return self.taken == self.stored and not (self.lost or self.doubled or self.changed or self.refused)


class _Over(Exception):
    """The time is over."""


def campaign_for(
    folder: Path, names: list[str], pairs: int, database_url: str | None = None, server: str | None = None
) -> Campaign:
    """A campaign whose every pair goes to everybody, its round drawn; on a Label Studio of its own without `server`."""
    people = tuple(Person(name, f"{name}@example.org") for name in names)
    Campaign.create(folder, name="load", annotators=people, adjudicators=LEAD).engine.dispose()
    file = folder / "campaign.toml"
    text = file.read_text().replace("judgments_per_pair = 3", f"judgments_per_pair = {len(names)}")
    if database_url:
        text = re.sub("(?m)^# database_url.*", f"database_url = {json.dumps(database_url)}", text)
    if server:
        text = text.replace('# url = "http://127.0.0.1:8080"', f'url = "{server}"')
    file.write_text(text)
    campaign = Campaign.open(folder)
    posts, _truth = records(pairs, 1, folder.with_name("drawn"))
    collect(campaign, posts, SOURCE)
    ccd(folder, "round", "new", "--size", str(pairs), "--seed", "1")
    return campaign


def load(campaign: Campaign, studio: Studio, passwords: dict[str, str], seconds: float) -> Held:
    """Let everybody answer for so many seconds, and compare both sides afterwards."""
    ccd(campaign.folder, "push")
    taken, refused, pages = Counter[str](), list[str](), list[str]()
    over = threading.Event()

    def answer(person: Person) -> None:
        def tick(number: int) -> None:
            taken[person.name] += number
            if over.is_set():
                raise _Over

        who = Simulated(person.email, passwords[person.name], 0.9, 0.7, ("implicit",), seed=len(person.name))
        try:
            work(who, studio.url, known_desks(campaign)[person.name].project_id, campaign.protocol, truth, tick)
        except _Over:
            pass
        except Exception as error:
            refused.append(f"{person.name}: {error}")

    with campaign.read() as db:
        truth = dict.fromkeys(db.scalars(sa.select(schema.pairs.c.pair_id)), "explicit")
    threads = [threading.Thread(target=answer, args=(person,)) for person in campaign.config.annotators]
    with following(campaign.folder) as said, reviewing(campaign.folder) as url:
        reader = threading.Thread(target=_read, args=(url, over, pages))
        begin = time.monotonic()
        for thread in [*threads, reader]:
            thread.start()
        over.wait(seconds)
        over.set()
        for thread in threads:
            thread.join()
        spent = time.monotonic() - begin
        reader.join()
        time.sleep(2 * EVERY)
    with campaign.read() as db:
        followed = db.scalar(sa.select(sa.func.count()).select_from(schema.judgments)) or 0
    ccd(campaign.folder, "pull")
    lost, doubled, changed, stored = compare(campaign, studio)
    complaints = [line for line in said.read_text().splitlines() if line.startswith("ccd:") or "Traceback" in line]
    return Held(
        spent, sum(taken.values()), stored, followed, lost, doubled, changed, refused, len(pages), "; ".join(complaints)
    )


def compare(campaign: Campaign, studio: Studio) -> tuple[int, int, int, int]:
    """Answers of Label Studio that are lost, doubled and changed here, and how many it holds."""
    held: dict[str, tuple[str, str, str]] = {}
    for name, desk in known_desks(campaign).items():
        for task in studio.tasks(desk.project_id, fields="data", annotations=True):
            for found in task["annotations"]:
                said = json.dumps(read_result(found["result"], campaign.protocol)[0])
                held[f"{found['id']}@{found['created_at']}"] = name, task["data"]["pair_key"], said
    j = schema.judgments.c
    with campaign.read() as db:
        rows = db.execute(sa.select(j.annotation, j.annotator, j.pair_id, j.answers)).all()
    here = Counter(row.annotation for row in rows)
    same = {row.annotation: (row.annotator, row.pair_id, row.answers or "{}") for row in rows}
    lost = sum(annotation not in here for annotation in held)
    doubled = sum(number - 1 for number in here.values()) + sum(annotation not in held for annotation in here)
    each = Counter((row.annotator, row.pair_id) for row in rows)
    doubled += sum(number - 1 for number in each.values())
    changed = sum(found in same and _plain(same[found]) != _plain(told) for found, told in held.items())
    return lost, doubled, changed, len(held)


def _plain(said: tuple[str, str, str]) -> tuple[str, str, object]:
    answers = {key: value for key, value in json.loads(said[2]).items() if value != "cannot_judge"}
    return said[0], said[1], answers


@contextlib.contextmanager
def following(folder: Path) -> Iterator[Path]:
    """`ccd pull --follow` at work, ended with Ctrl-C; gives the file with what it says."""
    said = folder / ".follow.log"
    with said.open("w") as file:
        process = subprocess.Popen([*_COMMAND, "pull", "--follow", "--every", str(EVERY), "--dir", folder], stderr=file)
        try:
            yield said
        finally:
            process.send_signal(signal.SIGINT)
            code = process.wait()
    assert code == 0, said.read_text()


@contextlib.contextmanager
def reviewing(folder: Path) -> Iterator[str]:
    """`ccd review` at work; gives its address."""
    log = folder / ".review.log"
    with log.open("w") as file:
        process = subprocess.Popen([*_COMMAND, "review", "--dir", folder], stdout=file, stderr=file)
        try:
            while not (found := re.search(r"http://\S+:\d+", log.read_text())):
                assert process.poll() is None, log.read_text()
                time.sleep(0.2)
            yield found[0]
        finally:
            process.send_signal(signal.SIGINT)
            process.wait()
    assert "Traceback" not in log.read_text(), log.read_text()


def _read(url: str, over: threading.Event, pages: list[str]) -> None:
    """A reader of the review app, in a real browser, who goes from page to page until the time is over."""
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    from tests.e2e.browser import chromium

    with chromium() as browser:
        while not over.is_set():
            page = PAGES[len(pages) % len(PAGES)]
            browser.get(f"{url}/{page}")
            WebDriverWait(browser, 60).until(lambda b: b.find_elements(By.CSS_SELECTOR, "h1, h2, h3"))
            pages.append(page)
            over.wait(1)


_COMMAND = (sys.executable, "-m", "apps.cli.main")


def ccd(folder: Path, *command: str) -> None:
    """Run a command as a person would."""
    subprocess.run([*_COMMAND, *command, "--dir", folder], check=True, stdout=subprocess.DEVNULL)


def main() -> None:
    # A run that was started in the background ignores Ctrl-C, and so would `ccd pull --follow` for ever.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--annotators", type=int, default=10)
    parser.add_argument("--pairs", type=int, default=400)
    given = parser.parse_args()
    table = Table(
        "tables of ccd",
        "Label Studio",
        "submits/s",
        "taken",
        "held",
        "followed",
        "lost",
        "doubled",
        "changed",
        "errors",
        "pages",
    )
    names = [f"ann{number}" for number in range(given.annotators)]
    with tempfile.TemporaryDirectory() as base, postgres.running() as socket:
        for number, (ours, theirs) in enumerate((("SQLite", "SQLite"), ("PostgreSQL", "SQLite"), ("PostgreSQL",) * 2)):
            place = f"postgresql+psycopg://ccd@/postgres?host={socket}"
            url = make_database(place, f"ccd{number}") if ours == "PostgreSQL" else None
            campaign = campaign_for(Path(base) / f"{number}" / "c", names, given.pairs, url)
            if theirs == "PostgreSQL":
                make_database(place, f"studio{number}")
                os.environ |= {"DJANGO_DB": "default", "POSTGRE_HOST": str(socket), "POSTGRE_NAME": f"studio{number}"}
                os.environ |= {"POSTGRE_USER": "ccd", "POSTGRE_PASSWORD": ""}
            server = local.start(campaign.folder, print)
            try:
                studio = Studio(server.url, server.token)
                people = campaign.config.annotators + campaign.config.adjudicators
                passwords = create_missing(studio, people, lambda person, password: None)
                held = load(campaign, studio, passwords, given.seconds)
            finally:
                local.stop(campaign.folder)
                campaign.engine.dispose()
            counts = (held.taken, held.stored, held.followed, held.lost, held.doubled, held.changed)
            table.add_row(
                ours,
                theirs,
                f"{held.taken / held.seconds:.1f}",
                *map(str, counts),
                str(len(held.refused)),
                str(held.pages),
            )
            print(f"{ours}, {theirs}: {held}", flush=True)
    Console(width=150).print(
        f"{given.annotators} annotators, load {os.getloadavg()[0]:.1f}, {os.cpu_count()} cores", table
    )


def make_database(server: str, name: str) -> str:
    """An empty database beside the one of `server`; gives its database_url."""
    admin = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as db:
        db.exec_driver_sql(f"CREATE DATABASE {name}")
    admin.dispose()
    return server.replace("/postgres?", f"/{name}?")


if __name__ == "__main__":
    main()
