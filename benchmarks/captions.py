"""Networks on real photos: does a caption belong to this photo or to another one?

    python -m benchmarks.captions coco_mini/captions.jsonl --regions onnx:mobilenet.onnx --words glove:glove.txt
    python -m benchmarks.captions captions.jsonl --regions names:detections.jsonl --words glove:glove.txt ananet scan

The file has an object a line: `image` (a path beside the file) and `captions`. Each photo goes with its own captions
(explicit) and with as many of another photo of the same part (irrelevant). Five folds by photo: each is the test once,
the next one is dev. Neither side alone tells the label, as every photo and every caption comes once with each.
Printed is the area under the curve, mean of the folds, and its 95 % bootstrap interval over the photos.
"""

import argparse
import json
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.stats import rankdata

from apps.cli.train import prepare
from ccd.errors import CcdError
from model.encoding import Encoders
from model.evaluation import predict
from model.training import Settings, has_bf16, train
from model.zoo import config_of

MODELS = ("ananet", "paper", "similarity", "concatenation", "tfn", "comemory", "scan", "inception-lstm", "dcnn",
          "deep-classifier", "text", "image")  # fmt: skip
FOLDS, RESAMPLES = 5, 1000
SETTINGS = Settings(epochs=15, patience=4, bf16=has_bf16("cpu"))  # 15 trainings a model

Pair = dict[str, Any]
Scored = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]  # photo, label and score of each pair


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("captions", type=Path)
    parser.add_argument("models", nargs="*", help=", ".join(MODELS))
    parser.add_argument("--regions", default="light")
    parser.add_argument("--words", default="light")
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_intermixed_args()
    torch.set_num_threads(1)
    photos = [json.loads(line) for line in given.captions.read_text().splitlines()]
    print(f"{len(photos)} photos, {given.regions}, {given.words}, {given.seeds} seeds", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        encoders = Encoders(given.regions, given.words, Path.cwd())
        folds = write_folds(photos, given.captions.parent.resolve(), Path(folder))
        for model in given.models or MODELS:
            try:
                areas = [of_model(model, folds, encoders, Path(folder), seed) for seed in range(given.seeds)]
            except CcdError as error:  # such as a similarity profile, where regions and words share no space
                print(f"{model:16} {error}", flush=True)
                continue
            found = np.mean([area for area, _ in areas])
            low, high = np.quantile(np.mean([drawn for _, drawn in areas], axis=0), [0.025, 0.975])
            print(f"{model:16} {found:.3f} ({low:.3f} to {high:.3f})", flush=True)


def write_folds(photos: list[Pair], beside: Path, folder: Path) -> list[Path]:
    """A CCD-style folder for each fold, its photos in it."""
    order = np.random.default_rng(0).permutation(len(photos))
    parts = [pairs_of([photos[i] for i in part]) for part in np.array_split(order, FOLDS)]
    folds = []
    for fold in range(FOLDS):
        place = folder / f"fold{fold}"
        for photo in photos:
            (place / photo["image"]).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(beside / photo["image"], place / photo["image"])
        dev, test = (fold + 1) % FOLDS, fold
        rest = [pair for number, part in enumerate(parts) if number not in (dev, test) for pair in part]
        for name, pairs in (("train", rest), ("dev", parts[dev]), ("test", parts[test])):
            (place / f"{name}.jsonl").write_text("".join(json.dumps(pair) + "\n" for pair in pairs))
        folds.append(place)
    return folds


def pairs_of(photos: list[Pair]) -> list[Pair]:
    """Every photo with its own captions, and with those of the photo after it."""
    return [
        {
            "pair_id": f"{photo['image']}/{label}/{number}",
            "text": caption,
            "image": photo["image"],
            "label": ("irrelevant", "explicit")[label],
            "label_id": label,
        }
        for photo, other in zip(photos, photos[1:] + photos[:1], strict=True)
        for label, captions in enumerate((other["captions"], photo["captions"]))
        for number, caption in enumerate(captions)
    ]


def of_model(
    model: str, folds: list[Path], encoders: Encoders, folder: Path, seed: int
) -> tuple[float, NDArray[np.float64]]:
    """The mean area of the folds, and of each resample of their photos."""
    scored = [score(model, fold, encoders, folder, seed) for fold in folds]
    draw = np.random.default_rng(1)
    drawn = [np.mean([area(resampled(each, draw)) for each in scored]) for _ in range(RESAMPLES)]
    return float(np.mean([area(each) for each in scored])), np.array(drawn)


def score(model: str, fold: Path, encoders: Encoders, folder: Path, seed: int) -> Scored:
    """Train on the fold, and score its test pairs."""
    ready = prepare(folder, fold, encoders, lambda name, total: lambda number: None)
    training, dev, test = (ready.loader(split, "cpu") for split in ("train", "dev", "test"))
    config = config_of(model, ready.sizes(training))
    settings = replace(SETTINGS, seed=seed)
    done = train(model, config, (training, dev), settings, folder / "models", ready.about("train", "dev"))
    logits = predict(done.network(), test, False)
    _, photo = np.unique([pair.rsplit("/", 2)[0] for pair in test.ids], return_inverse=True)
    return photo, test.labels, logits[:, 1] - logits[:, 0]


def area(scored: Scored) -> float:
    """Area under the ROC curve: the chance that a pair that belongs together has the higher score."""
    _, labels, scores = scored
    ranks, positive = rankdata(scores), labels == 1
    above = ranks[positive].sum() - positive.sum() * (positive.sum() + 1) / 2
    return float(above / (positive.sum() * (~positive).sum()))


def resampled(scored: Scored, draw: np.random.Generator) -> Scored:
    """All pairs of as many photos, drawn with replacement."""
    photo = scored[0]
    of_photo = [np.flatnonzero(photo == number) for number in range(photo.max() + 1)]
    rows = np.concatenate([of_photo[number] for number in draw.integers(len(of_photo), size=len(of_photo))])
    return photo[rows], scored[1][rows], scored[2][rows]


if __name__ == "__main__":
    main()
