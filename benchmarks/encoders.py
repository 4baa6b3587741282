"""`ccd encode` beside the bare network: what reading files, cutting words and writing the cache cost on top.

    python -m benchmarks.encoders [--photos 64] [--texts 256] [--threads 1]

Networks of the size of CLIP ViT-B/32 and of BERT-base with random weights, as speed does not depend on them; photos of
800 x 600 and texts of 18 words, made up. "bare" is the network alone on batches of 32 that are ready in memory; "ours"
is all of `ccd encode`, from files to shards, its network loaded before. Both take turns, three times, and the median
counts: of the clock where the machine is quiet, else of the processor.
"""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from transformers import AutoModel, AutoTokenizer, BertConfig, BertModel, BertTokenizer, CLIPConfig, CLIPModel

from benchmarks import hand_over
from model.encoders.pixels import Pixels
from model.encoding import BATCH, Encoders, encode, make
from model.features import Kind

TURNS, LENGTH = 3, 18


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=int, default=64)
    parser.add_argument("--texts", type=int, default=256)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    print(f"{given.threads} threads, load {os.getloadavg()[0]:.1f}", flush=True)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        encoders = Encoders(f"patches:{clip(folder / 'clip')}", f"bert:{bert(folder / 'bert')}", folder)
        photos, texts = draw_photos(folder, given.photos), draw_texts(given.texts)
        compare("regions", photos, encoders, folder, bare_clip(folder / "clip", list(photos.values())))
        compare("words", texts, encoders, folder, bare_bert(folder / "bert", list(texts.values())))


def compare(kind: Kind, items: dict[str, str], encoders: Encoders, folder: Path, bare: Callable[[], None]) -> None:
    make(encoders, kind)
    bare()  # to warm up
    found: dict[str, list[tuple[float, float]]] = {"bare": [], "ours": []}
    for turn in range(TURNS):
        found["bare"].append(timed(bare))
        found["ours"].append(timed(lambda turn=turn: encode(encoders, kind, items, folder / f"{kind}{turn}")))
    for number, what in enumerate(("s", "processor s")):
        alone, whole = (statistics.median(each[number] for each in found[name]) for name in ("bare", "ours"))
        hand_over(f"{kind} of {len(items)} items", what, whole, "the network alone", alone)
        print(f"{kind:8} {what:12} bare {alone:7.2f}, ours {whole:7.2f}: {alone / whole:.0%} of the rate", flush=True)


def timed(work: Callable[[], object]) -> tuple[float, float]:
    clock, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - clock, time.process_time() - processor


def clip(folder: Path) -> Path:
    CLIPModel(CLIPConfig()).save_pretrained(folder)
    (folder / "preprocessor_config.json").write_text(
        '{"size": {"height": 224, "width": 224}, "image_mean": [0.5, 0.5, 0.5], "image_std": [0.5, 0.5, 0.5]}'
    )
    return folder


def bert(folder: Path) -> Path:
    BertModel(BertConfig()).save_pretrained(folder)
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(word(number) for number in range(1000))]
    (folder / "vocab.txt").write_text("\n".join(vocabulary))
    BertTokenizer(vocab=str(folder / "vocab.txt")).save_pretrained(folder)
    return folder


def word(number: int) -> str:
    return "".join(chr(ord("a") + int(digit)) for digit in f"{number:03d}")


def draw_photos(folder: Path, number: int) -> dict[str, str]:
    draw = np.random.default_rng(0)
    for i in range(number):
        coarse = Image.fromarray(draw.integers(0, 256, (60, 80, 3), dtype=np.uint8))
        coarse.resize((800, 600), Image.Resampling.BICUBIC).save(folder / f"{i}.jpg", quality=88)
    return {f"photo{i}": str(folder / f"{i}.jpg") for i in range(number)}


def draw_texts(number: int) -> dict[str, str]:
    draw = np.random.default_rng(1)
    return {f"text{i}": " ".join(map(word, draw.integers(0, 1000, LENGTH))) for i in range(number)}


def bare_clip(where: Path, photos: list[str]) -> Callable[[], None]:
    network = AutoModel.from_pretrained(where).vision_model
    pixels = Pixels.of(str(where))
    ready = torch.stack([pixels.read(Path(photo)) for photo in photos]).split(BATCH)

    @torch.inference_mode()
    def run() -> None:
        for batch in ready:
            network(batch)

    return run


def bare_bert(where: Path, texts: list[str]) -> Callable[[], None]:
    network, tokenizer = AutoModel.from_pretrained(where), AutoTokenizer.from_pretrained(where)
    parts = [texts[start : start + BATCH] for start in range(0, len(texts), BATCH)]
    ready = [tokenizer(part, padding=True, return_tensors="pt") for part in parts]

    @torch.inference_mode()
    def run() -> None:
        for batch in ready:
            network(**batch)

    return run


if __name__ == "__main__":
    main()
