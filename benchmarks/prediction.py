"""`ccd predict` over cached features: pairs a second, and whether memory stays flat as a campaign grows.

    python -m benchmarks.prediction                    # 10,000 and 100,000 pairs, and both again
    python -m benchmarks.prediction 20000 --engine ray --threads 1

A made campaign whose pairs have 36 regions and 16.5 words of 64 numbers on average, and the network that we recommend.
Each size is a process of its own, as is the making of its features. "plain" is the network alone on the same batches,
with nothing read from a database, embedded or written. Processor time is this process's: with Ray it is not the work's.
"again" is the same command run twice: nothing is left to do.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import hand_over, peak_memory
from ccd.campaign.campaign import Campaign
from ccd.campaign.config import Person
from ccd.campaign.tables import schema
from model.baselines.sizes import Sizes
from model.checkpoint import TrainingRun, latest
from model.data import Loader, Pairs
from model.encoders.protocol import Regions, Words
from model.evaluation import predict as plain_logits
from model.features import Features, Kind, cache_folder, text_key, write_shard
from model.prediction import KINDS, predict
from model.zoo import config_of, make

REGIONS, WIDTH, SHARD = 36, 64, 2048
LABELS = ("irrelevant", "implicit", "explicit")
PLAIN = 4096  # pairs of "plain"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("pairs", nargs="*", type=int, default=[10_000, 100_000])
    parser.add_argument("--engine", default="local")
    parser.add_argument("--model", default="ananet", help="majority: all but the network's own work")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--make", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--score", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.make:
        made(given.make, given.pairs[0], given.model)
    elif given.score:
        print(json.dumps(scored(given.score, given.engine, given.threads)))
    else:
        for pairs in given.pairs:
            measured(pairs, given.model, given.engine, given.threads)


def measured(pairs: int, model: str, engine: str, threads: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "benchmarks.prediction", str(pairs), "--model", model]
        subprocess.run([*command, "--make", folder], check=True)
        command += ["--engine", engine, "--threads", str(threads), "--score", folder]
        for row in (f"{pairs:,} pairs, {model}, {engine}, {threads} threads", f"{pairs:,} pairs again"):
            told = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
            print(f"{row}: " + ", ".join(f"{value} {what}" for what, value in told.items()), flush=True)


def scored(folder: Path, engine: str, threads: int) -> dict[str, str]:
    torch.set_num_threads(threads)
    campaign, checkpoint = Campaign.open(folder), latest(folder / "models")
    of_processor = time.process_time()
    done = predict(campaign, checkpoint, str, engine=engine, threads=threads)
    of_processor = time.process_time() - of_processor
    told = {"s": f"{done.seconds:,.1f}", "GB at most": f"{peak_memory() / 1e9:.2f}"}
    if not done.new:
        return told
    caches = [Features(next((folder / "features" / kind).iterdir())) for kind in KINDS]
    keys = [np.array([key_of(kind, i) for i in range(PLAIN)], "S64") for kind in KINDS]
    loader = Loader(Pairs(tuple(map(str, range(PLAIN))), keys[0], keys[1], np.zeros(PLAIN, np.int64)), *caches)
    begin = time.process_time()
    plain_logits(checkpoint.network(), loader)
    plain = (time.process_time() - begin) / PLAIN
    size = sum(file.stat().st_size for file in done.folder.iterdir())
    each = of_processor / done.new
    hand_over(f"a pair of {done.new:,}", "CPU ms", 1000 * each, "the network alone", 1000 * plain)
    return told | {
        "pairs/s": f"{done.new / done.seconds:,.0f}",
        "processor ms a pair": f"{1000 * each:.2f}",
        "times the plain network's": f"{each / plain:.2f}",
        "bytes a pair on disk": f"{size / done.new:,.0f}",
    }


class _Made:
    """Stands for an encoder, of which a cache keeps the name and the width."""

    fingerprint: dict[str, Any] = {"encoder": "made"}  # noqa: RUF012
    width = WIDTH
    space = None


def made(folder: Path, pairs: int, model: str) -> None:
    """A campaign of so many pairs, their features, and a network that nobody has trained."""
    people = tuple(Person(name, f"{name}@example.org") for name in ("ann", "bob", "cy"))
    campaign = Campaign.create(folder, name="made", annotators=people, adjudicators=())
    with campaign.write() as db:
        for start in range(0, pairs, SHARD):
            for table, rows in _rows(range(start, min(start + SHARD, pairs))).items():
                db.execute(schema.metadata.tables[table].insert(), rows)
    draw = np.random.default_rng(0)
    caches = {}
    for kind in KINDS:
        cache = cache_folder(folder / "features", kind, "made", _Made())  # type: ignore[arg-type]
        caches[kind] = {"line": "made", "cache": cache.name}
        for start in range(0, pairs, SHARD):
            write_shard(cache, list(_items(kind, range(start, min(start + SHARD, pairs)), draw)))
    torch.manual_seed(0)
    config = config_of(model, Sizes(WIDTH, WIDTH))
    told = {"model": model, "network": asdict(config), "labels": LABELS, "training": {"bf16": False}, "data": ""}
    run = TrainingRun(folder / "models", told | {"features": caches})
    with run.alone():
        run.finish(make(model, config).state_dict(), {"temperature": 1.0}, [])


def key_of(kind: Kind, number: int) -> str:
    return f"image {number}" if kind == "regions" else text_key(f"text {number}")


def _rows(numbers: range) -> dict[str, list[dict[str, Any]]]:
    image = {"format": "JPEG", "width": 1, "height": 1, "bytes": 1}
    return {
        "posts": [{"post_id": f"x:{i}", "source": "made", "text": ""} for i in numbers],
        "images": [{"sha256": key_of("regions", i), "file": f"images/{i}.jpg", **image} for i in numbers],
        "pairs": [
            {
                "pair_id": f"x:{i}:0",
                "post_id": f"x:{i}",
                "image": key_of("regions", i),
                "photo": 0,
                "text": f"text {i}",
                "text_sha256": str(i),
                "collected_at": "",
            }
            for i in numbers
        ],
    }


def _items(kind: Kind, numbers: range, draw: np.random.Generator) -> Iterator[tuple[str, Regions | Words]]:
    for number in numbers:
        size = REGIONS if kind == "regions" else int(np.clip(draw.gamma(5, 3.3), 1, 100))
        rows = draw.standard_normal((size, WIDTH), np.float32)
        if kind == "regions":
            yield key_of(kind, number), Regions(rows, np.zeros((size, 4), np.float32), np.ones(size, np.float32))
        else:
            yield key_of(kind, number), Words(("",) * size, rows)


if __name__ == "__main__":
    main()
