"""Push and pull at CCD's size, 12,252 pairs on three desks, beside Label Studio's own bulk import and the SDK.

    python -m benchmarks.label_studio [--pairs 12252]

Everything is measured in one run on one real Label Studio that this program starts and stops.
"""

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from label_studio_sdk import LabelStudio
from PIL import Image
from rich.console import Console
from rich.table import Table

from annotation import studio as local
from annotation.accounts import create_missing, users
from annotation.client import Studio
from annotation.connection import connect
from annotation.desks import forget, known_desks, open_desk
from benchmarks import hand_over, watched
from ccd.campaign.campaign import Campaign
from ccd.campaign.config import Person

PEOPLE = tuple(Person(name, f"{name}@example.org") for name in ("ann", "bob", "cy"))
BATCH = 1000  # tasks a request of the plain bulk import
REPEATS = 3
SINGLE = 30  # tasks made one by one; the rest is extrapolated


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=12252)
    pairs = parser.parse_args().pairs
    folder = Path(tempfile.mkdtemp(prefix="ccd-bench-"))
    try:
        measure(folder, pairs)
    finally:
        local.stop(folder)
        shutil.rmtree(folder)


def measure(folder: Path, pairs: int) -> None:
    """Run the whole comparison and print it."""
    campaign = Campaign.create(folder, name="bench", annotators=PEOPLE, adjudicators=())
    ccd(folder, "collect", "table", str(make_table(folder / "source", pairs)))
    ccd(folder, "round", "new", "--size", str(pairs), "--seed", "1")
    server = local.start(campaign.folder, print)
    studio = Studio(server.url, server.token)
    create_missing(studio, PEOPLE, lambda person, password: None)
    tasks = 3 * pairs

    pushes, bulks = [], []
    for _repeat in range(REPEATS):  # in turns, so that a busy moment of the machine hits both
        empty_desks(campaign, studio)
        pushes.append(ccd(folder, "push"))
        data = shown(campaign, studio)
        bulks.append(sum(bulk_import(studio, rows) for rows in data.values()))
    push_seconds, push_mib = statistics.median(s for s, _mib in pushes), max(mib for _s, mib in pushes)
    bulk_seconds = statistics.median(bulks)
    again_seconds, _mib = ccd(folder, "push")
    sdk = LabelStudio(base_url=server.url, api_key=server.token)
    single_seconds = one_by_one(sdk, data["ann"]) * tasks

    annotate(campaign, studio, data)
    first_seconds, first_mib = ccd(folder, "pull")
    second_seconds, _mib = ccd(folder, "pull")
    nothing_seconds, nothing_mib = ccd(folder, "pull")
    project = known_desks(campaign)["ann"].project_id
    list_seconds = 3 * timed(lambda: sum(1 for _ in sdk.tasks.list(project=project, page_size=1000, fields="all")))

    table = Table("what", "seconds", "tasks/s", "ratio", "peak MiB", title=f"{pairs:,} pairs, 3 desks, {tasks:,} tasks")
    row = lambda what, s, ratio="", mib="": table.add_row(what, f"{s:.1f}", f"{tasks / s:,.0f}", ratio, mib)  # noqa: E731
    row("ccd push", push_seconds, f"{bulk_seconds / push_seconds:.2f} of bulk import's rate", f"{push_mib:.0f}")
    row(f"Label Studio's bulk import, the same JSON, batches of {BATCH}", bulk_seconds, "1.00")
    row(
        f"SDK tasks.create one by one (from {SINGLE})",
        single_seconds,
        f"{single_seconds / push_seconds:.0f} x ccd push",
    )
    row("ccd push again, nothing to send", again_seconds)
    row(f"ccd pull, first, {tasks:,} judgments", first_seconds, "", f"{first_mib:.0f}")
    row("SDK tasks.list, all fields (from one desk)", list_seconds, f"{list_seconds / first_seconds:.1f} x ccd pull")
    row("ccd pull, at once again", second_seconds)
    row("ccd pull, nothing new", nothing_seconds, "", f"{nothing_mib:.0f}")
    hand_over("ccd push", "s", push_seconds, "bulk import", bulk_seconds)
    hand_over("ccd push", "s", push_seconds, "SDK, one by one", single_seconds)
    hand_over("ccd pull", "s", first_seconds, "SDK, tasks.list", list_seconds)
    Console().print(table)


def ccd(folder: Path, *command: str) -> tuple[float, float]:
    """Run a command; its wall seconds and its peak memory in MiB."""
    cost = watched([sys.executable, "-m", "apps.cli.main", *command, "--dir", str(folder)])
    return cost.seconds, cost.memory / 2**20


def empty_desks(campaign: Campaign, studio: Studio) -> None:
    """Take everything away that a push made, pictures included."""
    for name, row in known_desks(campaign).items():
        studio.send("DELETE", f"/api/projects/{row.project_id}/", None)
        forget(campaign, name)
    shutil.rmtree(local.document_root(campaign.folder) / "images")
    (local.document_root(campaign.folder) / "images").mkdir()


def shown(campaign: Campaign, studio: Studio) -> dict[str, list[dict[str, Any]]]:
    """What the tasks of each desk show."""
    return {
        name: [task["data"] for task in studio.tasks(row.project_id, fields="data")]
        for name, row in known_desks(campaign).items()
    }


def timed(work: Callable[[], object]) -> float:
    begin = time.monotonic()
    work()
    return time.monotonic() - begin


def make_table(folder: Path, pairs: int) -> Path:
    """A JSONL table of `pairs` texts, each with a photo of its own."""
    (folder / "photos").mkdir(parents=True)
    with (folder / "pairs.jsonl").open("w") as file:
        for i in range(pairs):
            name = f"photos/{i}.jpg"
            Image.effect_noise((160, 120), 40).point(lambda v, i=i: (v + i) % 256).save(folder / name)
            text = f"Number {i}: what a day, the harbour was full of boats and the sun came out #{i % 97}"
            file.write(json.dumps({"tweet_id": str(10**17 + i), "text": text, "image_file": name}) + "\n")
    return folder / "pairs.jsonl"


def bulk_import(studio: Studio, rows: list[dict[str, Any]]) -> float:
    """Seconds of Label Studio's own import of the same tasks into a new project."""
    with studio.errors("make a project"):
        project = studio.sdk.projects.create(
            title="bulk",
            label_config='<View><Image name="image" value="$image"/><Text name="text" value="$text"/></View>',
        )

    def send() -> None:
        for start in range(0, len(rows), BATCH):
            studio.send(
                "POST", f"/api/projects/{project.id}/import", [{"data": d} for d in rows[start : start + BATCH]]
            )

    seconds = timed(send)
    studio.send("DELETE", f"/api/projects/{project.id}/", None)
    return seconds


def one_by_one(sdk: LabelStudio, rows: list[dict[str, Any]]) -> float:
    """Seconds a task of the SDK's `tasks.create`."""
    project = sdk.projects.create(title="one by one", label_config="<View></View>")

    def send() -> None:
        for row in rows[:SINGLE]:
            sdk.tasks.create(project=project.id, data=row)

    return timed(send) / SINGLE


def annotate(campaign: Campaign, studio: Studio, data: dict[str, list[dict[str, Any]]]) -> None:
    """Put an answer on every task: desks are made anew from annotated tasks, and the next push takes them over."""
    ids = users(studio)
    part = {"from_name": "relation", "to_name": "text", "type": "choices"}
    labels = campaign.protocol.labels
    for person in PEOPLE:
        studio.send("DELETE", f"/api/projects/{known_desks(campaign)[person.name].project_id}/", None)
        forget(campaign, person.name)
        desk = open_desk(campaign, studio, person.name, ids[person.email], [])
        _studio, pictures = connect(campaign)
        pictures.attach(desk.project)
        rows = data[person.name]
        for start in range(0, len(rows), BATCH):
            body = [
                {
                    "data": d,
                    "annotations": [
                        {
                            "result": [{**part, "value": {"choices": [labels[hash(d["pair_key"]) % len(labels)]]}}],
                            "completed_by": ids[person.email],
                            "ground_truth": False,
                            "lead_time": 4.2,
                        }
                    ],
                }
                for d in rows[start : start + BATCH]
            ]
            studio.send("POST", f"/api/projects/{desk.project}/import", body)
    ccd(campaign.folder, "push")


if __name__ == "__main__":
    main()
