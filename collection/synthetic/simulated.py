"""Stand-ins for a detector and for annotators, with known errors. What they give is never real data."""

import functools
import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from collection.synthetic.faces import FEELINGS
from collection.synthetic.kinds import KINDS
from collection.synthetic.scenes import Placed

WORKERS = ("worker-1", "worker-2", "worker-3")
HARD = "implicit"  # the label that annotators miss more often


@dataclass(frozen=True)
class Detector:
    """How well objects are found: `accuracy` share of right names among the boxes of things, `missed` share of things
    without a box, `false` mean number of boxes around nothing (at most 3)."""

    accuracy: float = 0.8
    missed: float = 0.1
    false: float = 0.6


@dataclass(frozen=True)
class Annotators:
    """How well labels are found: share of right answers, and the lower one on implicit pairs. The rest goes to the
    other labels alike."""

    accuracy: float = 0.9
    implicit_accuracy: float = 0.7

    def confusion(self, labels: tuple[str, ...]) -> dict[str, dict[str, float]]:
        """Return {true label: {answer: probability}}.

        >>> Annotators(0.9, 0.7).confusion(("no", "implicit"))["implicit"]["implicit"]
        0.7
        """
        found = {}
        for true in labels:
            right = self.implicit_accuracy if true == HARD else self.accuracy
            wrong = round((1 - right) / (len(labels) - 1), 6)
            found[true] = {label: right if label == true else wrong for label in labels}
        return found


def detect(things: tuple[Placed, ...], detector: Detector, rng: random.Random) -> list[dict[str, Any]]:
    """Return boxes (left, top, right, bottom as shares of the picture), names and scores, the highest score first."""
    found = []
    for thing in things:
        if rng.random() < detector.missed:
            continue
        right = rng.random() < detector.accuracy
        name = thing.name if right else rng.choice([each for each in _names() if each != thing.name])
        score = rng.betavariate(8, 2) if right else rng.betavariate(4, 4)
        found.append(_detection([side + rng.gauss(0, 0.012) for side in thing.box], name, score))
    for _ in range(3):
        if rng.random() < detector.false / 3:
            x, y, w, h = rng.uniform(0, 0.75), rng.uniform(0, 0.7), rng.uniform(0.08, 0.25), rng.uniform(0.1, 0.3)
            found.append(_detection([x, y, x + w, y + h], rng.choice(_names()), rng.betavariate(2, 6)))
    return sorted(found, key=lambda each: -each["score"])


def judge(true: str, confusion: Mapping[str, Mapping[str, float]], rng: random.Random) -> dict[str, str]:
    """Return one answer of each of WORKERS: {worker: label}."""
    chances = confusion[true]
    return {worker: rng.choices(list(chances), list(chances.values()))[0] for worker in WORKERS}


def _detection(box: list[float], name: str, score: float) -> dict[str, Any]:
    return {"box": [round(min(1.0, max(0.0, side)), 4) for side in box], "name": name, "score": round(score, 4)}


@functools.cache
def _names() -> list[str]:
    return [about.names[0] for about in KINDS.values()] + [f"{feeling} face" for feeling in FEELINGS]
