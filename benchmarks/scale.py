"""A campaign that grows to 1,000,000 pairs with three judgments each: what each command costs, and how that grows.

    python -m benchmarks.scale [--pairs 10000 --pairs 100000 --pairs 1000000] [--on FOLDER] [--database-url URL]

Every command is a process of its own: its seconds, its CPU seconds, and its largest memory, start-up and libraries
included. The exponent is that of CPU seconds from the size before: 1 is linear, 1.08 is n log n from 100,000 on.

Made up are: texts of 12 words out of 50,000, one in a hundred a changed copy of another under the same photo; 400 small
photos that all pairs share, as a disk holds them and folders are made by content; answers that are right in 8 of 10
cases. Photos of one file would tie all pairs of it, so that ties by photo are off in `ccd split`. Push and pull are
bound by Label Studio; here a stand-in that answers at once takes and gives the tasks, so that what is measured is our
own work and the database's. The network is one that says the majority's label, so that `ccd predict` is all but its own
arithmetic, which benchmarks/model.py measures.
"""

import argparse
import datetime
import json
import math
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from benchmarks import Cost, hand_over, watched

SIZES = (10_000, 100_000, 1_000_000)
PEOPLE = ("ann", "bob", "cy")
LABELS, SHARES = ("irrelevant", "implicit", "explicit"), (0.334, 0.105, 0.561)
PHOTOS, WORDS, LENGTH = 400, 50_000, 12
DAY = datetime.datetime(2026, 1, 1)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, action="append", help="of a campaign; may be given again")
    parser.add_argument("--on", type=Path, help="make the campaigns in this folder, and keep them")
    parser.add_argument("--database-url", help="of an empty database for each size, {pairs} in its name; else SQLite")
    parser.add_argument("--row", nargs=2, metavar=("ROW", "FOLDER"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.row:
        ROWS[given.row[0]](Path(given.row[1]))
        return
    before: tuple[int, dict[str, Cost]] | None = None
    with nullcontext(given.on) if given.on else tempfile.TemporaryDirectory() as place:
        for pairs in given.pairs or SIZES:
            folder = Path(place) / str(pairs)
            made(folder, pairs, (given.database_url or "").format(pairs=pairs))
            costs: dict[str, Cost] = {}
            print(f"\n{pairs:,} pairs\n{'s':>9}{'CPU s':>9}{'MB':>8}{'exponent':>10}", flush=True)
            for what, command in commands(folder / "c"):
                costs[what] = cost = watched(command, (0, 2) if "bias" in command else (0,))
                hand_over(f"{what}, {pairs:,} pairs", "CPU s", cost.cpu)
                grown = exponent(before, what, pairs, cost.cpu)
                figures = f"{cost.seconds:9.1f}{cost.cpu:9.1f}{cost.memory / 1e6:8.0f}{grown:>10}"
                print(f"{figures}  {what}", flush=True)
            before = pairs, costs


def exponent(before: tuple[int, dict[str, Cost]] | None, what: str, pairs: int, cpu: float) -> str:
    if before is None or what not in before[1] or pairs == before[0]:
        return ""
    return f"{math.log(cpu / before[1][what].cpu) / math.log(pairs / before[0]):.2f}"


def commands(folder: Path) -> Iterator[tuple[str, list[str]]]:
    """Every command that touches all pairs, in the order of a campaign."""
    this = [sys.executable, "-m", "benchmarks.scale", "--row"]
    ccd = [sys.executable, "-m", "apps.cli.main"]

    def command(line: str) -> tuple[str, list[str]]:
        words = line.split()
        shown = " ".join(word for word in words if not word.startswith("/"))
        return f"ccd {shown}", [*ccd, *words, *([] if words[0] == "verify" else ["--dir", str(folder)])]

    def row(name: str, what: str) -> tuple[str, list[str]]:
        return what, [*this, name, str(folder)]

    yield command(f"collect table {folder.parent / 'pairs.jsonl'}")
    yield command("duplicates")
    yield command("encode")
    watched(row("network", "")[1])
    yield command("predict")
    yield command("rank --size 200")
    left = json.loads(subprocess.run(row("left", "")[1], check=True, stdout=subprocess.PIPE).stdout)
    _, words = command(f"round new --size {left} --seed 1")
    yield "ccd round new, all that are left", words
    yield row("push", "ccd push, our side")
    yield row("pull", "ccd pull, our side")
    yield row("pull", "ccd pull again, nothing new")
    for line in ("status", "labels", "agreement", "bias", "split", "status"):
        yield command(line)
    yield command("release v1 --images none")
    yield command("release v2 --dehydrate")
    yield "ccd verify", [*ccd, "verify", str(folder / "releases" / "v1")]
    yield row("browse", "review app, queries of its pages")
    if "backup" in subprocess.run([*ccd, "--help"], check=True, capture_output=True, text=True).stdout:
        yield command(f"backup {folder.parent / 'backup'}")


# --- what is made up --------------------------------------------------------------------------------------------------


def made(folder: Path, pairs: int, database_url: str) -> None:
    """An empty campaign, and a table of pairs beside it."""
    ccd = [sys.executable, "-m", "apps.cli.main"]
    people = [f"--annotator={name}={name}@example.org" for name in PEOPLE]
    folder.mkdir(parents=True)
    lead = "--adjudicator=lead=lead@example.org"
    subprocess.run([*ccd, "init", str(folder / "c"), *people, lead], check=True, stdout=subprocess.DEVNULL)
    settings = folder / "c" / "campaign.toml"
    text = settings.read_text().replace("# ties = [", 'ties = ["near_text", "post", "author"]  # [')
    if database_url:
        text = text.replace("\n[splits]", f'\ndatabase_url = "{database_url}"\n[splits]', 1)
    settings.write_text(text)
    subprocess.run([sys.executable, "-m", "benchmarks.scale", "--row", "photos", str(folder)], check=True)
    draw = random.Random(0)
    words = ["".join(draw.choices("abcdefghijklmnoprstuvwy", k=draw.randint(2, 9))) for _ in range(WORDS)]
    last: tuple[list[str], int] = ([], 0)
    with (folder / "pairs.jsonl").open("w") as file:
        for number in range(pairs):
            said, photo = draw.choices(words, k=LENGTH), draw.randrange(PHOTOS)
            if number % 100 == 99:
                said, photo = [*last[0], "again"], last[1]
            last = said, photo
            day = datetime.datetime(2020, 1, 1) + datetime.timedelta(seconds=number)
            row = {"id": str(10**17 + number), "text": " ".join(said), "image": f"{photo}.jpg"}
            file.write(json.dumps(row | {"created_at": f"{day.isoformat()}Z", "lang": "en"}) + "\n")


def photos(folder: Path) -> None:
    import numpy as np
    from PIL import Image

    draw = np.random.default_rng(0)
    for number in range(PHOTOS):
        coarse = Image.fromarray(draw.integers(0, 256, (6, 8, 3), dtype=np.uint8))
        coarse.resize((64, 48), Image.Resampling.BICUBIC).save(folder / f"{number}.jpg", "JPEG")


def network(folder: Path) -> None:
    """A network that says the majority's label, on the campaign's features."""
    from dataclasses import asdict

    from benchmarks.prediction import KINDS
    from model.baselines.sizes import Sizes
    from model.checkpoint import TrainingRun
    from model.zoo import config_of, make

    caches = {kind: next((folder / "features" / kind).iterdir()).name for kind in KINDS}
    config = config_of("majority", Sizes(256, 256))
    told: dict[str, Any] = {"model": "majority", "network": asdict(config), "labels": LABELS, "data": ""}
    told |= {"training": {"bf16": False}, "features": {k: {"line": "light", "cache": c} for k, c in caches.items()}}
    run = TrainingRun(folder / "models", told)
    with run.alone():
        run.finish(make("majority", config).state_dict(), {"temperature": 1.0}, [])


def left(folder: Path) -> None:
    from ccd.campaign.campaign import Campaign
    from ccd.campaign.rounds import drawable

    with Campaign.open(folder).read() as db:
        print(drawable(db, None))


# --- the stand-in for Label Studio ------------------------------------------------------------------------------------


class AtOnce:
    """Takes and gives tasks without any work of its own: as a Label Studio that answers at once.

    Task and pair are tied by the ledger alone, as in the real one; each annotator is right in 8 of 10 answers.
    """

    url = "http://127.0.0.1"

    def __init__(self, campaign: Any) -> None:
        self.campaign = campaign
        self.next_task = 1

    def get(self, path: str, **_asked: Any) -> Any:
        from annotation.desks import _mark
        from annotation.label_config import label_config

        if path == "/api/users/":
            people = self.campaign.config.annotators + self.campaign.config.adjudicators
            return [{"email": person.email, "id": number} for number, person in enumerate(people, 1)]
        number = int(path.strip("/").rpartition("/")[2])
        mark = _mark(self.campaign, PEOPLE[number - 1])
        config = label_config(self.campaign.protocol)
        offered = {"show_collab_predictions": False, "total_predictions_number": 0, "model_version": ""}
        size = self._tasks_of(number)
        return {"id": number, "description": mark, "task_number": size, "label_config": config, **offered}

    def read(self, _path: str) -> Any:
        from types import SimpleNamespace

        return SimpleNamespace(headers={"Content-Type": "image/jpeg"})

    def send(self, _method: str, _path: str, body: list[Any]) -> Any:
        first, self.next_task = self.next_task, self.next_task + len(body)
        return {"task_ids": list(range(first, self.next_task)), "prediction_count": 0}

    def server_time(self) -> datetime.datetime:
        return datetime.datetime(2026, 1, 2)

    def tasks(self, project: int, *, fields: str, where: tuple[Any, ...] = (), annotations: bool = False) -> Any:
        import sqlalchemy as sa

        from ccd.campaign.tables import schema

        if where:
            return  # nothing has changed since the last pull
        t, p, a = schema.tasks.c, schema.pairs.c, schema.assignments
        query = sa.select(t.task_id, t.pair_id, p.text, p.image, a.c.round).join_from(schema.tasks, schema.pairs)
        query = query.join(a, (a.c.pair_id == t.pair_id) & (a.c.annotator == t.desk))
        last = -1
        while True:  # pages, as the server gives them
            some = query.where(t.project_id == project, t.task_id > last).order_by(t.task_id).limit(1000)
            with self.campaign.read() as db:
                rows = db.execute(some).all()
            if not rows:
                return
            last = rows[-1].task_id
            yield from (self._answered(row, project) for row in rows)

    def _tasks_of(self, project: int) -> int:
        import sqlalchemy as sa

        from ccd.campaign.tables import schema

        mine = schema.tasks.c.desk == PEOPLE[project - 1]
        with self.campaign.read() as db:
            return db.scalar(sa.select(sa.func.count()).select_from(schema.tasks).where(mine)) or 0

    def _answered(self, row: Any, project: int) -> dict[str, Any]:
        draw = random.Random(row.pair_id)
        truth = draw.choices(LABELS, SHARES)[0]
        draw.seed(f"{row.pair_id} {project}")
        label = truth if draw.random() < 0.8 else draw.choice(LABELS)
        said = {"from_name": "relation", "to_name": "pair", "type": "choices", "value": {"choices": [label]}}
        when = (DAY + datetime.timedelta(seconds=draw.random() * 10**7)).isoformat() + "Z"
        answer = {"id": 10 * row.task_id, "completed_by": project, "created_at": when, "updated_at": when}
        answer |= {"result": [said], "lead_time": 2 + 6 * draw.random(), "was_cancelled": False, "ground_truth": False}
        data = {"pair_key": row.pair_id, "text": row.text, "image": f"/{row.image}", "round": row.round}
        return {"id": row.task_id, "data": data, "updated_at": when, "predictions": [], "annotations": [answer]}


class Shared:
    """Pictures that the server gets by their hash."""

    def urls(self, images: dict[str, str], tick: Callable[[int], None]) -> dict[str, str]:
        return {sha: f"/{sha}" for sha in images}

    def attach(self, project: int) -> None:
        pass


def push_all(folder: Path) -> None:
    from annotation.push import push
    from apps.cli.main import collect_garbage_rarely
    from ccd.campaign.campaign import Campaign
    from ccd.campaign.tables import schema

    collect_garbage_rarely()
    campaign = Campaign.open(folder)
    with campaign.write() as db:
        rows = [{"desk": name, "project_id": number, "user_id": number} for number, name in enumerate(PEOPLE, 1)]
        db.execute(schema.desks.insert(), rows)
    done = push(campaign, AtOnce(campaign), Shared(), lambda name, total: lambda number: None)  # type: ignore[arg-type]
    assert sum(done.sent.values()), done


def pull_all(folder: Path) -> None:
    from annotation.pull import pull
    from annotation.versions import Pulled
    from apps.cli.main import collect_garbage_rarely
    from ccd.campaign.campaign import Campaign

    collect_garbage_rarely()
    campaign, done = Campaign.open(folder), Pulled()
    pull(campaign, AtOnce(campaign), lambda name, total: lambda number: None, done)  # type: ignore[arg-type]
    assert not [*done.notes, *done.outside]


def browse(folder: Path) -> None:
    """What the review app asks the database for: pages of pairs by several filters, counts, one pair, and the queue."""
    from ccd.campaign.campaign import Campaign
    from ccd.campaign.review_queue import review_queue
    from ccd.campaign.tables import browse as b

    campaign = Campaign.open(folder)
    question = campaign.protocol.question
    with campaign.read() as db:
        for filters in (b.Filters(), b.Filters(text="cat"), b.Filters(label="implicit", split="test")):
            assert b.count(db, filters, question)
            for number in (1, 100):
                b.page(db, filters, question, number, 50)
        b.choices(db)
        b.pair(db, b.page(db, b.Filters(), question, 1, 1)[0]["pair_id"])
        b.split_table(db, question.name)
        b.straddling(db)
        review_queue(db, campaign.protocol, left=True)


ROWS: dict[str, Callable[[Path], None]] = {
    "photos": photos,
    "network": network,
    "left": left,
    "push": push_all,
    "pull": pull_all,
    "browse": browse,
}

if __name__ == "__main__":
    main()
