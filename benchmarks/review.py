"""The review app on large campaigns: how long the server takes to draw each page, and to store a decision.

    python -m benchmarks.review [--pairs 12252 --pairs 100000] [--draws 20] [--keep FOLDER]

Every row makes a campaign with three judgments a pair, settled, split and predicted, its photos drawn by the toolkit.
A page is drawn through Streamlit's AppTest, which runs the whole script as the server does, without a browser. First:
nothing of it is kept, as after new judgments or for the first who looks. Then: the median of the draws that follow.
"""

import argparse
import hashlib
import io
import json
import os
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import hand_over
from ccd.campaign import adjudication, predictions
from ccd.campaign.campaign import Campaign
from ccd.campaign.config import Person
from ccd.campaign.gold_labels import aggregate_labels
from ccd.campaign.stored_split import split_campaign
from ccd.campaign.tables import schema

LABELS = ("irrelevant", "implicit", "explicit")
SHARES = (0.334, 0.105, 0.561)  # of the classes in CCD
PHOTOS = 400
CHUNK = 10_000
APP = Path(__file__).resolve().parent.parent / "apps" / "review" / "app.py"
PAGES = ("campaign", "disagreements", "agreement", "annotators", "model", "dataset")
WORDS = ("the", "a", "dog", "photo", "monday", "coffee", "rain", "happy", "work", "train", "sunset", "cake", "home")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, action="append", help="of a campaign; may be given again")
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--keep", type=Path, help="make or find the campaigns in this folder, and leave them there")
    arguments = parser.parse_args()

    from rich.console import Console
    from rich.table import Table

    table = Table("pairs", "what", "first, ms", "median, ms", "slowest, ms")
    with tempfile.TemporaryDirectory() as scratch:
        for pairs in arguments.pairs or [12_252, 100_000]:
            campaign = made((arguments.keep or Path(scratch)) / f"pairs{pairs}", pairs)
            os.chdir(campaign.folder)
            for what, (first, after) in measure(campaign, arguments.draws).items():
                cells = (first, statistics.median(after), max(after))
                hand_over(f"{what}, {pairs:,} pairs, median", "ms", 1000 * cells[1])
                table.add_row(f"{pairs:,}", what, *(f"{cell * 1000:,.0f}" for cell in cells))
    Console().print(f"{arguments.draws} draws, {os.cpu_count()} cores", table)


def measure(campaign: Campaign, draws: int) -> dict[str, tuple[float, list[float]]]:
    """Of each page, a decision, and a key until the next pair: seconds of the first, and of those that follow."""
    from streamlit.testing.v1 import AppTest

    found = {}
    app = AppTest.from_file(str(APP), default_timeout=120).run()
    for page in PAGES:
        app.switch_page(f"views/{page}.py")
        seconds = []
        for _ in range(draws + 1):
            begin = time.perf_counter()
            app.run()
            seconds.append(time.perf_counter() - begin)
            assert not app.exception, app.exception
            assert not app.error, app.error
        found[page] = seconds[0], seconds[1:]
    seconds = []
    for pair in _open(campaign, draws + 1):
        begin = time.perf_counter()
        adjudication.decide(campaign, pair, "relation", "lead", "implicit")
        seconds.append(time.perf_counter() - begin)
    found["a decision is stored"] = seconds[0], seconds[1:]
    app.switch_page("views/disagreements.py").run()
    seconds = []
    for _ in range(draws + 1):
        button = next(each for each in app.button if str(each.key).startswith("decide-"))
        begin = time.perf_counter()
        button.click().run()
        seconds.append(time.perf_counter() - begin)
        assert not app.exception, app.exception
    found["a key, to the next pair"] = seconds[0], seconds[1:]
    return found


def made(folder: Path, pairs: int) -> Campaign:
    """The campaign of this folder; made where it is not there."""
    if (folder / "campaign.toml").exists():
        return Campaign.open(folder)
    people = tuple(Person(name, f"{name}@example.org") for name in ("ann", "bob", "cy"))
    lead = (Person("lead", "lead@example.org"), Person("second", "second@example.org"))
    campaign = Campaign.create(folder, name="benchmark", annotators=people, adjudicators=lead)
    random = np.random.default_rng(0)
    photos = _photos(campaign)
    truth = random.choice(3, pairs, p=SHARES)
    for start in range(0, pairs, CHUNK):
        _chunk(campaign, range(start, min(start + CHUNK, pairs)), truth, photos, random)
    aggregate_labels(campaign)
    split_campaign(campaign)
    _predict(campaign, truth, random)
    return campaign


def _photos(campaign: Campaign) -> list[str]:
    from PIL import Image

    random = np.random.default_rng(1)
    rows = []
    for _ in range(PHOTOS):
        coarse = random.integers(0, 255, (9, 12, 3), dtype=np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(coarse).resize((900, 675), Image.Resampling.BICUBIC).save(buffer, "JPEG")
        sha256 = hashlib.sha256(buffer.getvalue()).hexdigest()
        file = campaign.folder / "images" / sha256[:2] / f"{sha256}.jpg"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(buffer.getvalue())
        row = {"sha256": sha256, "file": file.relative_to(campaign.folder).as_posix(), "format": "JPEG"}
        rows.append(row | {"width": 900, "height": 675, "bytes": len(buffer.getvalue())})
    with campaign.write() as db:
        db.execute(schema.images.insert(), rows)
    return [row["sha256"] for row in rows]


def _chunk(campaign: Campaign, places: range, truth: Any, photos: list[str], random: np.random.Generator) -> None:
    """A round of pairs, all judged."""
    number = places.start // CHUNK + 1
    rows: dict[str, list[dict[str, Any]]] = {"posts": [], "pairs": [], "drawn": [], "assigned": [], "judged": []}
    for place in places:
        post, pair = f"x:{10**9 + place}", f"x:{10**9 + place}:0"
        text = f"{' '.join(random.choice(WORDS, 12))} {place}"
        digest = hashlib.sha256(text.encode()).hexdigest()
        rows["posts"].append({"post_id": post, "source": "benchmark", "text": text})
        rows["pairs"].append(
            {"pair_id": pair, "post_id": post, "image": photos[place % PHOTOS], "photo": 0, "text": text}
            | {"text_sha256": digest, "collected_at": "2026-01-01"}
        )
        rows["drawn"].append({"round": number, "pair_id": pair, "inclusion_probability": 1.0})
        for worker in ("ann", "bob", "cy"):
            right = random.random() < (0.6 if truth[place] == 1 else 0.9)
            label = LABELS[truth[place] if right else random.integers(3)]
            rows["assigned"].append({"pair_id": pair, "annotator": worker, "round": number, "position": place})
            rows["judged"].append(
                {"annotation": f"{place}/{worker}", "version": 1, "project_id": 1, "task_id": place, "pair_id": pair}
                | {"annotator": worker, "role": "annotator", "status": "valid"}
                | {"answers": json.dumps({"relation": label}), "seconds": float(random.lognormal(1.8, 0.5))}
                | {"created_at": f"2026-01-{1 + place * 27 // len(truth):02d}T10:00:00.{place % 10**6:06d}Z"}
                | {"digest": "", "pulled_at": "2026-02-01"}
            )
    made = {"round": number, "arm": "random", "strategy": "random", "seed": 1, "size": len(places), "pool": len(places)}
    with campaign.write() as db:
        db.execute(schema.posts.insert(), rows["posts"])
        db.execute(schema.pairs.insert(), rows["pairs"])
        db.execute(schema.rounds.insert().values(**made, created_at="2026-01-01"))
        db.execute(schema.round_pairs.insert(), rows["drawn"])
        db.execute(schema.assignments.insert(), rows["assigned"])
        db.execute(schema.judgments.insert(), rows["judged"])


def _predict(campaign: Campaign, truth: Any, random: np.random.Generator) -> None:
    """Predictions that are mostly right, in shards of CHUNK."""
    folder = predictions.begin(campaign, "benchmark-1", {"labels": list(LABELS)})
    for start in range(0, len(truth), CHUNK):
        ids = tuple(f"x:{10**9 + place}:0" for place in range(start, min(start + CHUNK, len(truth))))
        streams = []
        for sure in (2.0, 1.5, 1.0):
            logits = random.normal(size=(len(ids), 3)) + sure * np.eye(3)[truth[start : start + len(ids)]]
            streams.append((np.exp(logits) / np.exp(logits).sum(1, keepdims=True)).astype(np.float32))
        embeddings = random.normal(size=(len(ids), 64)).astype(np.float16)
        predictions.write(folder, predictions.Predictions("benchmark-1", LABELS, ids, *streams, embeddings, None))


def _open(campaign: Campaign, most: int) -> list[str]:
    """Pairs to decide about, as the page has them."""
    from ccd.campaign.review_queue import review_queue

    with campaign.read() as db:
        return list(review_queue(db, campaign.protocol, left=True)["pair_id"][:most])


if __name__ == "__main__":
    main()
