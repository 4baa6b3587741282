"""A dataset of made-up features in a real feature cache, without an encoder or an image."""

from pathlib import Path
from typing import Any

import numpy as np

from model.data import Loader, Pairs
from model.encoders.protocol import Regions, Words
from model.features import Features, cache_folder, write_shard

WIDTH = 8


class Made:
    """Stands for an encoder where only its name, width and space are asked for."""

    def __init__(self, name: str, space: str | None) -> None:
        self.fingerprint: dict[str, Any] = {"encoder": name}
        self.width = WIDTH
        self.space = space

    def prepare(self, photo: Path) -> Any:
        raise AssertionError("nothing is encoded here")

    def encode(self, given: Any) -> Any:
        raise AssertionError("nothing is encoded here")


def key(kind: str, number: int) -> str:
    return f"{kind}{number:063d}"


def loader(root: Path, pairs: int, seed: int = 0, kinds: int = 3, space: str | None = None) -> Loader:
    """Match or mismatch: image and text each show one of `kinds` things; label 1 where it is the same, 0 else.

    Texts have 0 to 9 words, images 1 to 4 regions; every fifth pair shares its image with the one before.
    """
    draw = np.random.default_rng(seed)
    things = np.eye(kinds, WIDTH, dtype=np.float32) * 3
    image = np.arange(pairs) - (np.arange(pairs) % 5 == 4)
    seen, told = draw.integers(0, kinds, pairs)[image], draw.integers(0, kinds, pairs)
    told = np.where(draw.random(pairs) < 0.5, seen, told)
    regions, words = [], []
    for i in range(pairs):
        k, n = int(draw.integers(1, 5)), int(draw.integers(0, 10))
        of_image = things[seen[i]] + draw.normal(size=(k, WIDTH)).astype(np.float32) / 2
        of_text = things[told[i]] + draw.normal(size=(n, WIDTH)).astype(np.float32) / 2
        if image[i] == i:
            regions.append((key("a", i), Regions(of_image, np.zeros((k, 4), np.float32), np.ones(k, np.float32))))
        words.append((key("b", i), Words(("word",) * n, of_text)))
    caches = []
    for kind, items in (("regions", regions), ("words", words)):
        folder = cache_folder(root, kind, "made", Made(f"made{seed}", space))  # type: ignore[arg-type]
        for start in range(0, len(items), 40):
            write_shard(folder, items[start : start + 40])  # type: ignore[arg-type]
        caches.append(Features(folder))
    of = Pairs(
        tuple(f"pair:{i}" for i in range(pairs)),
        np.array([key("a", int(i)) for i in image], "S64"),
        np.array([key("b", i) for i in range(pairs)], "S64"),
        (seen == told).astype(np.int64),
    )
    return Loader(of, caches[0], caches[1])
