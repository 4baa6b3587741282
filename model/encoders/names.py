"""Regions by what a detector called them: each box has the vector of its class name, from the word encoder.

So regions and words share a space by construction: a declared stand-in for OWLv2 or CLIP where their weights are out of
reach. The file is JSON Lines as `ccd world` writes it, one image a line: `image` (its path, file name or SHA-256) and
`detections`, each a `box` (left, top, right, bottom in shares), a `name` and a `score`. A name of several words is
their mean.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ccd.errors import InputError
from ccd.files.regular import read_rows
from model.encoders.digest import file_digest
from model.encoders.photo import UnreadableImage
from model.encoders.protocol import Floats, Regions, WordEncoder, best_first

Detection = tuple[str, list[float], float]  # name, box and score


def _detection(each: Mapping[str, Any]) -> Detection:
    """One detection, checked. Raises ValueError, KeyError or TypeError."""
    box, score = [float(side) for side in each["box"]], float(each["score"])
    if len(box) != 4 or not all(map(math.isfinite, (*box, score))) or not isinstance(each["name"], str):
        raise ValueError("a detection has a name, a box of four sides and a score")
    return each["name"], box, score


class Names:
    """`names:detections.jsonl`: found by the image's file name without its ending; an image may have no box."""

    def __init__(self, file: Path, words: WordEncoder) -> None:
        self._file, self._words = file, words
        self._found: dict[str, list[Detection]] = {}
        place = str(file)
        try:
            for number, found in read_rows(file):
                place = f"{file}, line {number}"
                seen = [_detection(each) for each in found["detections"]]
                self._found[Path(found["image"]).stem] = seen
        except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            raise InputError(f"{place}: not an image and its detections ({error}); see docs/world.md") from None
        self.width = words.width
        self.space = words.space
        self.fingerprint = {"encoder": "names", "version": 1, "detections": file_digest(file)}
        self.fingerprint |= {"words": dict(words.fingerprint)}

    def prepare(self, photo: Path) -> list[Detection]:
        """Return what was detected. Raises UnreadableImage where the file has no line of the image."""
        try:
            return self._found[photo.stem]
        except KeyError:
            raise UnreadableImage(f"{photo}: no line in {self._file}") from None

    def encode(self, prepared: Sequence[list[Detection]]) -> list[Regions]:
        """Return the boxes of each image, at most 36."""
        return [
            best_first(
                self._vectors([name for name, _, _ in found]),
                np.array([box for _, box, _ in found], np.float32).reshape(-1, 4),
                np.array([score for _, _, score in found], np.float32),
            )
            for found in prepared
        ]

    def _vectors(self, names: list[str]) -> Floats:
        means = [words.features.sum(0) / max(len(words.tokens), 1) for words in self._words.encode(names)]
        return np.array(means, np.float32).reshape(-1, self.width)
