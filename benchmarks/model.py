"""Training and prediction of the paper's network at its own size, beside the plain loop that pads every text to 100.

    python -m benchmarks.model                   # every row
    python -m benchmarks.model plain loader      # some; --steps 20, --threads 2

10,294 cached pairs, as train of CCD: 36 regions of 1024 numbers, texts of 16.5 words of 968 on average, made up. Each
row is a process of its own. An epoch is the mean step, after one to warm up, times the 161 steps of an epoch; all rows
take the same pairs. "plain" is what a first program does: every pair's features in memory as fp32, every text padded to
100 words, shuffled, and Adam as it comes. Where the processor does not compute in bf16 those rows say so and are left
out. "memory" trains a small network on every pair of a million with small features, and gives the peak of its memory.
"""

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import hand_over, peak_memory
from model.baselines.sizes import Sizes
from model.batch import Batch
from model.criterion import loss_terms
from model.data import Loader, Pairs
from model.encoders.protocol import Regions, Words
from model.features import Features, cache_folder, write_shard
from model.training import has_bf16
from model.zoo import config_of, make

EPOCH = "processor s an epoch"
PAIRS, REGIONS, REGION_WIDTH, WORD_WIDTH, SIZE, SLOTS = 10_294, 36, 1024, 968, 64, 100
MILLION, SMALL = 1_000_000, 32  # pairs and width, where memory is measured


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("rows", nargs="*", help=", ".join(ROWS))
    parser.add_argument("--steps", type=int, default=161)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--row", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if unknown := set(given.rows) - ROWS.keys():
        parser.error(f"no row {', '.join(sorted(unknown))}; there are {', '.join(ROWS)}")
    torch.set_num_threads(given.threads)
    if given.row:
        print(json.dumps(ROWS[given.row](given.steps)))
        return
    print(f"{given.threads} threads, {given.steps} steps a row", flush=True)
    peer: dict[str, str] = {}
    for name in given.rows or ROWS:
        command = [sys.executable, "-m", "benchmarks.model", "--row", name]
        command += ["--steps", str(given.steps), "--threads", str(given.threads)]
        told = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
        print(f"{name:10}", ", ".join(f"{value} {what}" for what, value in told.items()), flush=True)
        if name == "plain":
            peer = told
        elif EPOCH in peer and EPOCH in told:
            hand_over(f"an epoch of training, {name}", "CPU s", float(told[EPOCH]), "plain", float(peer[EPOCH]))


class _Made:
    """Stands for an encoder, of which a cache keeps the name and the width."""

    def __init__(self, width: int) -> None:
        self.fingerprint: dict[str, Any] = {"encoder": "made"}
        self.width = width
        self.space = None


def cached(root: Path, pairs: int, widths: tuple[int, int], regions: int) -> None:
    """Write the features of so many pairs to a real cache; texts as long as tweets are."""
    lengths = np.clip(np.random.default_rng(0).gamma(5, 3.3, pairs).round().astype(int), 1, SLOTS)  # mean 16.5
    draw = np.random.default_rng(1)
    for kind, width in (("regions", widths[0]), ("words", widths[1])):
        folder = cache_folder(root, kind, "made", _Made(width))  # type: ignore[arg-type]
        for start in range(0, pairs, 2048):
            numbers = range(start, min(start + 2048, pairs))
            write_shard(folder, [_item(kind, i, width, regions, lengths[i], draw) for i in numbers])


def opened(root: Path, pairs: int) -> Loader:
    """All pairs of such a cache, with labels in the shares of CCD."""
    caches = [Features.latest(root, kind, "made") for kind in ("regions", "words")]
    keys = [np.array([f"{kind}:{i}" for i in range(pairs)], "S64") for kind in ("regions", "words")]
    labels = np.random.default_rng(2).choice(3, pairs, p=[0.32, 0.11, 0.57])
    return Loader(Pairs(tuple(map(str, range(pairs))), *keys, labels), *caches)


@contextlib.contextmanager
def train_of_ccd() -> Iterator[tuple[Loader, Path]]:
    """PAIRS pairs of the paper's widths, and the folder of their cache."""
    with tempfile.TemporaryDirectory() as folder:
        cached(Path(folder), PAIRS, (REGION_WIDTH, WORD_WIDTH), REGIONS)
        yield opened(Path(folder), PAIRS), Path(folder)


def _item(kind: str, i: int, width: int, regions: int, length: int, draw: np.random.Generator) -> tuple[str, Any]:
    if kind == "regions":
        features = draw.standard_normal((regions, width), np.float32)
        return f"{kind}:{i}", Regions(features, np.zeros((regions, 4), np.float32), np.zeros(regions, np.float32))
    return f"{kind}:{i}", Words(("",) * length, draw.standard_normal((length, width), np.float32))


def network() -> torch.nn.Module:
    torch.manual_seed(0)
    return make("paper", config_of("paper", Sizes(REGION_WIDTH, WORD_WIDTH)))


def step(net: torch.nn.Module, optimiser: torch.optim.Optimizer, batch: Batch, bf16: bool = False) -> None:
    assert batch.labels is not None
    with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
        verdict = net(batch)
    loss = torch.stack(list(loss_terms(verdict, batch.labels).values())).sum()
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()


def seconds_a_step(batches: Iterator[Batch], steps: int, fused: bool, bf16: bool) -> tuple[float, float]:
    """Mean of the steps by the clock and by the processor, reading included, after one to warm up."""
    net = network()
    optimiser = torch.optim.Adam(net.parameters(), fused=fused)
    step(net, optimiser, next(batches), bf16)
    begin, of_processor = time.perf_counter(), time.process_time()
    for _ in range(steps):
        step(net, optimiser, next(batches), bf16)
    return (time.perf_counter() - begin) / steps, (time.process_time() - of_processor) / steps


def ours(steps: int, bf16: bool) -> dict[str, str]:
    if bf16 and not has_bf16("cpu"):
        return {"": "this processor does not compute in bf16"}
    with train_of_ccd() as (loader, _):
        return told(seconds_a_step(forever(loader), steps, fused=True, bf16=bf16))


def plain(steps: int) -> dict[str, str]:
    """As many pairs as the steps need, in memory, padded to SLOTS words."""
    with train_of_ccd() as (loader, _):
        order = np.random.default_rng(0).permutation(PAIRS)[: (steps + 1) * SIZE]
        (whole,) = loader.batches([order])
    words = torch.zeros(len(order), SLOTS, WORD_WIDTH)
    words[:, : whole.words.shape[1]] = whole.words
    lengths = torch.full((SIZE,), SLOTS)

    def batches() -> Iterator[Batch]:
        assert whole.labels is not None
        for rows in torch.arange(len(order)).split(SIZE):
            yield Batch(
                whole.regions[rows],
                whole.region_mask[rows],
                words[rows],
                lengths[: len(rows)],
                None,
                whole.labels[rows],
            )

    return told(seconds_a_step(batches(), steps, fused=False, bf16=False))


def loading(steps: int) -> dict[str, str]:
    """The loader alone, beside a step of ours in fp32; by the processor's time."""
    with train_of_ccd() as (loader, folder):
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        batches = forever(loader)
        begin = time.process_time()
        for _ in range(steps):
            next(batches)
        each = (time.process_time() - begin) / steps
        _, whole = seconds_a_step(batches, steps, fused=True, bf16=False)
    return {
        "ms a batch": f"{1000 * each:.2f}",
        "share of a step in fp32": f"{each / whole:.1%}",
        "cache, bytes a pair": f"{size / PAIRS:,.0f}",
    }


def inference(steps: int) -> dict[str, str]:
    with train_of_ccd() as (loader, _), torch.inference_mode():
        net = network().eval()
        batches = forever(loader)
        for _ in range(2):
            net(next(batches))
        begin = time.perf_counter()
        for _ in range(steps):
            net(next(batches))
        return {"pairs/s": f"{steps * SIZE / (time.perf_counter() - begin):,.0f}"}


def memory(steps: int) -> dict[str, str]:
    """A whole epoch of a million pairs with 36 regions of SMALL numbers."""
    with tempfile.TemporaryDirectory() as folder:
        maker = get_context("spawn").Process(target=cached, args=(Path(folder), MILLION, (SMALL, SMALL), REGIONS))
        maker.start()  # a process of its own, as its memory is not the training's
        maker.join()
        loader = opened(Path(folder), MILLION)
        torch.manual_seed(0)
        net = make("tfn", config_of("tfn", Sizes(SMALL, SMALL)))
        optimiser = torch.optim.Adam(net.parameters(), fused=True)
        for batch in loader.batches(loader.shuffled(SIZE, 0, 0)):
            step(net, optimiser, batch)
        size = sum(file.stat().st_size for file in Path(folder).rglob("*") if file.is_file())
    return {"pairs": f"{MILLION:,}", "cache, GB": f"{size / 1e9:.2f}", "peak memory, GB": f"{peak_memory() / 1e9:.2f}"}


def forever(loader: Loader) -> Iterator[Batch]:
    epoch = 0
    while True:
        yield from loader.batches(loader.shuffled(SIZE, 0, epoch))
        epoch += 1


def told(seconds: tuple[float, float]) -> dict[str, str]:
    epoch = PAIRS / SIZE
    clock, processor = seconds
    return {
        "ms a step": f"{1000 * clock:.0f}",
        "s an epoch of 10,294": f"{clock * epoch:.1f}",
        EPOCH: f"{processor * epoch:.1f}",
    }


ROWS: dict[str, Callable[[int], dict[str, str]]] = {
    "plain": plain,
    "ours": lambda steps: ours(steps, False),
    "ours-bf16": lambda steps: ours(steps, True),
    "loader": loading,
    "inference": inference,
    "memory": memory,
}


if __name__ == "__main__":
    main()
