"""Write a stretch of the pairs, all or none: pictures, and one line a pair with all that is known of it."""

import hashlib
import io
import json
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ccd.files.atomic import write_atomic
from collection.synthetic.pairs import Settings, SyntheticPair, synthetic_pair, unseen
from collection.synthetic.simulated import Annotators, Detector, detect, judge

SHARD = 256  # pairs
_QUALITY = 88  # of the JPEGs


@dataclass(frozen=True)
class Plan:
    """What a folder holds: so many `pairs`, with a detector and annotators that err."""

    pairs: int
    settings: Settings = field(default_factory=Settings)
    detector: Detector = field(default_factory=Detector)
    annotators: Annotators = field(default_factory=Annotators)


def write_shard(folder: Path, shard: int, plan: Plan, labels: tuple[str, ...]) -> int:
    """Write `images/<sha256>.jpg` of the shard's pairs and, last, `shards/<number>.jsonl`; return how many pairs.

    A pure function of its arguments: whoever runs it, and however often, writes the same bytes. `labels` are the
    protocol's, in the order of their ids.
    """
    numbers = range(shard * SHARD, min(plan.pairs, (shard + 1) * SHARD))
    file = shard_file(folder, shard)
    if not file.exists():
        pairs = (synthetic_pair(number, plan.settings) for number in numbers)
        lines = [json.dumps(_write(folder, pair, plan, labels)) + "\n" for pair in pairs]
        write_atomic(file, "".join(lines).encode())
    return len(numbers)


def shard_file(folder: Path, shard: int) -> Path:
    """Return the file with the lines of a shard."""
    return folder / "shards" / f"{shard:06}.jsonl"


def picture(pair: SyntheticPair) -> bytes:
    """Return the pair's picture as a JPEG."""
    data = io.BytesIO()
    pair.draw().save(data, "JPEG", quality=_QUALITY)
    return data.getvalue()


def _write(folder: Path, pair: SyntheticPair, plan: Plan, labels: tuple[str, ...]) -> dict[str, Any]:
    data = picture(pair)
    image = f"images/{hashlib.sha256(data).hexdigest()}.jpg"
    (folder / image).write_bytes(data)
    rng = random.Random(f"{pair.seed}/{pair.number}/simulated")
    answers = judge(pair.label, plan.annotators.confusion(labels), rng)
    pair_id = f"{pair.post_id}:0"
    votes = list(answers.values())
    row = {
        "pair_id": pair_id,
        "post_id": pair.post_id,
        "text": pair.text,
        "image": image,
        "label": pair.label,
        "label_id": labels.index(pair.label),
        "resolved_by": "rule:made",
        "votes": {label: votes.count(label) for label in labels if label in votes},
        "arm": "random",
        "leakage_group": pair_id,
    }
    detections = {"pair_id": pair_id, "image": image, "detections": detect(pair.things, plan.detector, rng)}
    return {"split": pair.split, "row": row, "truth": _truth(pair, plan.settings), "seen": detections, "said": answers}


def _truth(pair: SyntheticPair, settings: Settings) -> dict[str, Any]:
    """Return what the pair was drawn from: its scene and things, and what each slot of the text holds."""
    faces = [thing.feeling for thing in pair.things if thing.feeling]
    kind, words = pair.association
    slots = {
        "name": {"kind": pair.name[0], "words": pair.name[1], "shown": pair.shows(pair.name[0])},
        "association": {
            "kind": kind, "words": words, "shown": pair.shows(kind), "unseen": words in unseen(kind, settings)
        },
        "feeling": None,
        "typical": pair.typical,
    }  # fmt: skip
    if pair.feeling:
        slots["feeling"] = {"feeling": pair.feeling[0], "words": pair.feeling[1], "shown": pair.feeling[0] in faces}
    objects = [
        {"kind": thing.kind, "name": thing.name, "colour": thing.colour, "box": thing.box} for thing in pair.things
    ]
    return {
        "pair_id": f"{pair.post_id}:0", "split": pair.split, "label": pair.label, "scene": pair.scene,
        "objects": objects, "slots": slots,
    }  # fmt: skip
