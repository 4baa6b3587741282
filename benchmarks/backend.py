"""How long the backend takes to answer: one task a call, 200 tasks a call, and four callers at a time.

    python -m benchmarks.backend [--calls 200]

A campaign of made pairs with a small network, features cached, over HTTP on this machine.
"""

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import requests
import sqlalchemy as sa
import torch
from rich.console import Console
from rich.table import Table

from apps.server import serving
from benchmarks import hand_over
from ccd.campaign.assist import decide, to_show
from ccd.campaign.campaign import Campaign
from ccd.campaign.config import Person
from ccd.campaign.tables import schema
from collection.store import collect
from collection.synthetic.records import SOURCE, records

PEOPLE = tuple(Person(name, f"{name}@example.org") for name in ("ann", "bob", "cy"))
JUDGED, ASKED = 60, 250  # pairs
MANY = 200  # tasks a call
PASSWORD = "measured"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=200, help="calls with one task; a tenth of it with 200")
    calls = parser.parse_args().calls
    torch.set_num_threads(1)
    folder = Path(tempfile.mkdtemp(prefix="ccd-bench-"))
    try:
        measure(make(folder / "campaign"), calls)
    finally:
        shutil.rmtree(folder)


def make(folder: Path) -> Campaign:
    """A campaign with a trained network and a second round that may be shown."""
    campaign = Campaign.create(folder, name="bench", annotators=PEOPLE, adjudicators=())
    posts, truth = records(JUDGED + ASKED, 1, folder / "drawn")
    collect(campaign, posts, SOURCE)
    ccd(folder, "round", "new", "--size", str(JUDGED), "--seed", "1")
    with campaign.write() as db:
        pairs = db.scalars(sa.select(schema.round_pairs.c.pair_id)).all()
        rows = [
            {"annotation": f"{pair} {person.name}", "version": 1, "project_id": 0, "task_id": 0, "pair_id": pair}
            | {"annotator": person.name, "role": "annotator", "status": "valid", "created_at": "", "digest": ""}
            | {"pulled_at": "", "answers": json.dumps({campaign.protocol.question.name: truth[pair]})}
            for pair in pairs
            for person in PEOPLE
        ]
        db.execute(schema.judgments.insert(), rows)
        db.execute(schema.desks.insert().values(desk="ann", project_id=1))
    for command in ("labels", "split", "train --epochs 2 --threads 1", f"round new --size {ASKED} --seed 2"):
        ccd(folder, *command.split())
    ccd(folder, "predict", "--threads", "1")
    decide(campaign)
    return campaign


def ccd(folder: Path, *command: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "apps.cli.main", *command, "--dir", str(folder)], check=True, stdout=subprocess.DEVNULL
    )


def measure(campaign: Campaign, calls: int) -> None:
    """Call and print."""
    tasks = tasks_of(campaign)
    with serving(campaign, PASSWORD, print) as (server, _retraining):
        health, setup = [], []
        while True:
            setup.append(call(server.url, "setup", {"project": "1.0", "schema": "<View/>"})[0])
            seconds, found = call(server.url, "health")
            health.append(seconds)
            if found["version"]:
                break
        one = [[tasks[number % len(tasks)]] for number in range(calls)]
        many = [(tasks * 2)[:MANY]] * max(4, calls // 10)
        table = Table("call", "callers", "calls", "lost", "median ms", "95 % ms", "longest ms", title="ccd backend")
        row(table, "GET /health while the network loads", 1, len(health), 0, health)
        row(table, "POST /setup while the network loads", 1, len(setup), 0, setup)
        for name, bodies, callers in (
            ("POST /predict, 1 task", one, 1),
            ("POST /predict, 1 task", one, 4),
            (f"POST /predict, {MANY} tasks", many, 1),
            (f"POST /predict, {MANY} tasks", many, 4),
        ):
            with ThreadPoolExecutor(callers) as pool:
                found = list(pool.map(lambda body: call(server.url, "predict", {"tasks": body}), bodies))
            lost = sum(len(said["results"]) != len(body) for (_, said), body in zip(found, bodies, strict=True))
            row(table, name, callers, len(bodies), lost, [seconds for seconds, _ in found])
    Console().print(table)


def tasks_of(campaign: Campaign) -> list[dict[str, Any]]:
    """The tasks of ann's desk that may be shown, as Label Studio sends them."""
    query = sa.select(schema.pairs.c.pair_id, schema.pairs.c.text, schema.images.c.file)
    with campaign.read() as db:
        shown = {pair for name, pair in to_show(db) if name == "ann"}
        rows = db.execute(query.join_from(schema.pairs, schema.images).where(schema.pairs.c.pair_id.in_(shown))).all()
    return [
        {"id": number, "project": 1, "annotations": [], "predictions": []}
        | {"data": {"pair_key": row.pair_id, "text": row.text, "image": f"/data/local-files/?d={row.file}"}}
        for number, row in enumerate(rows)
    ]


def call(url: str, name: str, body: Any = None) -> tuple[float, dict[str, Any]]:
    """Seconds and answer, over a connection of its own, as Label Studio calls."""
    begin = time.perf_counter()
    answer = requests.request("GET" if body is None else "POST", f"{url}/{name}", json=body, auth=("ccd", PASSWORD))
    seconds = time.perf_counter() - begin
    answer.raise_for_status()
    return seconds, answer.json()


def row(table: Table, name: str, callers: int, calls: int, lost: int, seconds: list[float]) -> None:
    high = statistics.quantiles(seconds, n=20, method="inclusive")[-1] if len(seconds) > 1 else seconds[0]
    hand_over(f"{name}, {callers} at a time, median", "ms", 1000 * statistics.median(seconds))
    table.add_row(
        name,
        *map(str, (callers, calls, lost)),
        *(f"{1000 * each:.1f}" for each in (statistics.median(seconds), high, max(seconds))),
    )


if __name__ == "__main__":
    main()
