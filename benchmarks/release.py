"""A release of a large campaign, beside a plain pandas `to_json` of the same pairs.

    python -m benchmarks.release [--pairs 1000000] [--photos 12252]

Two campaigns are made: `--pairs` pairs without images, and `--photos` pairs with a photo of about 100 KB each; all with
three judgments a pair. Every row is a process of its own; memory is its peak, all in all (on Linux). pandas reads the
released columns with `read_sql` and writes `to_json(lines=True)` for each split: no Parquet, judgments, agreement,
hashes, card or check of what is read.
"""

import argparse
import hashlib
import io
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from benchmarks import hand_over, peak_memory
from ccd.campaign.tables.notes import SPLIT_PLAN

LABELS = ("irrelevant", "implicit", "explicit")
SHARES = (0.3336, 0.105, 0.5614)  # of CCD's classes
PEOPLE = ("ann", "bob", "cy")
WORDS = "rain office again tomorrow happy birthday storm street photo team best look at this new night city"
DAY = "2026-01-01T00:00:00.000000Z"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=1_000_000)
    parser.add_argument("--photos", type=int, default=12_252)
    parser.add_argument("--row", nargs=2, metavar=("ROW", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.row:
        print(json.dumps(measure(*arguments.row)))
        return

    from rich.console import Console
    from rich.table import Table

    table = Table("what", "pairs", "seconds", "peak MB", "MB written", title=f"{os.cpu_count()} cores")
    measured: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as place:
        for pairs, photos, rows in ((arguments.pairs, False, ("none", "pandas")), (arguments.photos, True, PHOTOS)):
            if not pairs:
                continue
            folder = Path(place) / str(pairs)
            build(folder, pairs, photos)
            for row in rows:
                command = [sys.executable, "-m", "benchmarks.release", "--row", row, str(folder)]
                found = measured[row] = json.loads(
                    subprocess.run(command, check=True, capture_output=True, text=True).stdout
                )
                table.add_row(ROWS[row], f"{pairs:,}", *(f"{found[k]:,.0f}" for k in ("seconds", "memory", "written")))
    if "pandas" in measured:
        for unit, name in (("s", "seconds"), ("MB at most", "memory")):
            hand_over(ROWS["none"], unit, measured["none"][name], ROWS["pandas"], measured["pandas"][name])
    Console().print(table)


ROWS = {
    "none": "ccd release --images none",
    "pandas": "pandas read_sql, to_json",
    "files": "ccd release",
    "tar": "ccd release --images tar",
    "verify": "ccd verify of it",
}
PHOTOS = ("files", "tar", "verify")


def measure(row: str, folder: str) -> dict[str, float]:
    """Seconds, peak of memory and what was written, in MB (10^6 bytes)."""
    campaign, begin = Path(folder), time.perf_counter()
    out = campaign / "releases" / ("files" if row == "verify" else row)
    if row == "pandas":
        plain(campaign, out)
    elif row == "verify":
        from ccd.release import verify

        assert verify(out) == []
    else:
        from ccd.campaign.campaign import Campaign
        from ccd.release import Form, write_release

        write_release(Campaign.open(campaign), row, Form(row))
    seconds = time.perf_counter() - begin
    written = sum(file.stat().st_size for file in out.rglob("*") if file.is_file())
    return {"seconds": seconds, "memory": peak_memory() / 1e6, "written": written / 1e6}


def plain(campaign: Path, out: Path) -> None:
    """The pairs as a person with pandas would write them."""
    import pandas as pd

    query = """SELECT pairs.pair_id, post_id, text, image, label, resolved_by, votes, split, leakage_group
               FROM pairs JOIN labels USING (pair_id) JOIN splits USING (pair_id) ORDER BY pairs.pair_id"""
    out.mkdir(parents=True)
    with sqlite3.connect(campaign / "campaign.db") as db:
        frame = pd.read_sql(query, db)
    for split, part in frame.groupby("split"):
        part.to_json(out / f"{split}.jsonl", orient="records", lines=True, force_ascii=False)


def build(folder: Path, pairs: int, photos: bool) -> None:
    """A campaign, settled and split, written straight into its database: each pair three times judged."""
    from ccd.campaign.campaign import Campaign
    from ccd.campaign.config import Person

    annotators = tuple(Person(name, f"{name}@example.org") for name in PEOPLE)
    made = Campaign.create(folder, name="benchmark", annotators=annotators, adjudicators=())
    made.engine.dispose()
    random = np.random.default_rng(0)
    truth = random.choice(3, pairs, p=SHARES)
    said = np.where(random.random((pairs, 3)) < 0.8, truth[:, None], random.integers(0, 3, (pairs, 3)))
    split = random.choice(3, pairs, p=(0.84, 0.08, 0.08))
    words = random.choice(WORDS.split(), (pairs, 12))
    ids = [f"x:{10**17 + i}" for i in range(pairs)]
    names = [_photo(folder, i) if photos else hashlib.sha256(str(i).encode()).hexdigest() for i in range(pairs)]
    rounds = [(1, "random", "random", 1, pairs, pairs, None, DAY)]
    tables: dict[str, tuple[str, Iterable[tuple[object, ...]]]] = {
        "posts": ("post_id source text", ((p, "t", "") for p in ids)),
        "images": (
            "sha256 file format width height bytes",
            ((n, f"images/{n[:2]}/{n}.jpg", "JPEG", 400, 300, 1) for n in names),
        ),
        "pairs": (
            "pair_id post_id image photo text text_sha256 collected_at",
            ((f"{p}:0", p, n, 0, f"{' '.join(w)} {p}", p, DAY) for p, n, w in zip(ids, names, words, strict=True)),
        ),
        "rounds": ("round arm strategy seed size pool model_version created_at", rounds),
        "round_pairs": ("round pair_id inclusion_probability", ((1, f"{p}:0", 1.0) for p in ids)),
        "assignments": (
            "pair_id annotator round position",
            ((f"{p}:0", name, 1, i) for i, p in enumerate(ids) for name in PEOPLE),
        ),
        "judgments": (
            "annotation version project_id task_id pair_id annotator role status answers seconds created_at digest "
            "pulled_at",
            (
                (f"{p}/{name}", 1, 1, i, f"{p}:0", name, "annotator", "valid", _answer(answer), 3.5, DAY, "", DAY)
                for i, p in enumerate(ids)
                for name, answer in zip(PEOPLE, said[i], strict=True)
            ),
        ),
        "labels": (
            "pair_id question label resolved_by votes",
            (
                (f"{p}:0", "relation", LABELS[t], "majority", json.dumps({LABELS[t]: 3}))
                for p, t in zip(ids, truth, strict=True)
            ),
        ),
        "splits": (
            "pair_id split leakage_group",
            ((f"{p}:0", ("train", "dev", "test")[s], f"{p}:0") for p, s in zip(ids, split, strict=True)),
        ),
        "meta": (
            "key value",
            [(SPLIT_PLAN, json.dumps({"wanted": {}, "like": None, "seed": 1, "ties": ["image"]}))],
        ),
    }
    with sqlite3.connect(folder / "campaign.db") as db:
        for table, (columns, rows) in tables.items():
            named = columns.split()
            marks = ", ".join("?" * len(named))
            db.executemany(f"INSERT INTO {table} ({', '.join(named)}) VALUES ({marks})", rows)


def _answer(label: int) -> str:
    return json.dumps({"relation": LABELS[label]})


def _photo(folder: Path, number: int) -> str:
    """A photo of its own for each number: one JPEG of noise, with the number at its end."""
    if not _NOISE:
        from PIL import Image

        buffer = io.BytesIO()
        noise = np.random.default_rng(0).integers(0, 256, (330, 440, 3), dtype=np.uint8)
        Image.fromarray(noise).save(buffer, "JPEG", quality=75)
        _NOISE.append(buffer.getvalue())
    data = _NOISE[0] + str(number).encode()
    name = hashlib.sha256(data).hexdigest()
    place = folder / "images" / name[:2] / f"{name}.jpg"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data)
    return name


_NOISE: list[bytes] = []

if __name__ == "__main__":
    main()
