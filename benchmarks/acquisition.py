"""Replays of every strategy on data whose labels are known, with annotators who err, and the controls that must fail.

    python -m benchmarks.acquisition world --data world            # as `ccd world --out world` draws it; --leak 0.5 too
    python -m benchmarks.acquisition flickr --data flickr8k_expert_pairs.csv
    python -m benchmarks.acquisition controls --data world

"world": regions by the names of the simulated detector, words by --words (light); three judgments a pair, drawn anew
for each seed: 90 % right, 70 % on implicit pairs, ties to an adjudicator who is right. "flickr": captions judged
against photos by three experts, the majority of whom is the label; no photo is seen: a caption that was written for it
stands for it, and its words are the regions. A fifth of the photos is the test. "controls": labels permuted, where
enrichment must be 1; for what reads both streams, streams of other pairs, and two fused models in place of the two
streams. "pure": batches without the diverse and the random part. Replays are kept in --out and never repeated.
"""

import argparse
import csv
import hashlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from rich.console import Console

from apps.cli.progress import bars
from apps.cli.replay import shown_table
from apps.cli.train import prepare
from collection.synthetic.simulated import Annotators
from collection.text import model_text
from model.acquisition import STRATEGIES
from model.discovery import STARTS, DiscoveryRow, compare, draw_curves
from model.encoders import word_encoder
from model.encoding import Encoders
from model.relation import relation
from model.replay import ORACLE, Case, case_of

LABELS = ("irrelevant", "implicit", "explicit")


def main() -> None:
    parser = argparse.ArgumentParser(formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("what", choices=["world", "flickr", "controls", "pure"])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("replays"))
    parser.add_argument("--words", default="light")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--strategy", action="append", choices=list(STRATEGIES))
    given = parser.parse_args()
    torch.set_num_threads(1)
    names = ["random", *(name for name in given.strategy or STRATEGIES if name != "random"), ORACLE]
    case = (flickr if given.what == "flickr" else world)(given.data, given.out, given.words)
    out = given.out / f"{case.name}-{given.words.partition(':')[0]}"
    about = {"data": digest(case)}
    with bars() as started:
        if given.what == "controls":
            controls(case, names[:-1], given.seeds, out, about)
            return
        pure = given.what == "pure"
        rows = compare(case, names, STARTS, given.seeds, out, about, pure=pure, started=started)
    title = (
        f"{case.name}: {case.pool:,} pairs, {case.prevalence:.1%} implicit, words {given.words}; seeds: {given.seeds}"
    )
    show(rows, title)
    draw_curves(rows, title, out / f"{given.what}.png")


def world(folder: Path, out: Path, words: str) -> Case:
    encoders = Encoders(f"names:{folder.resolve()}/detections.jsonl", words)
    ready = prepare(out, folder, encoders, lambda name, total: lambda number: None)
    train, dev, test = (ready.loader(split, "cpu") for split in ("train", "dev", "test"))
    said = Annotators().confusion(LABELS)
    confusion = np.array([[said[true][answer] for answer in LABELS] for true in LABELS])
    return case_of(folder.name, ready.data, [train, dev], test, confusion)


def flickr(file: Path, out: Path, words: str) -> Case:
    """Pairs with a majority whose photo has a caption of its own in the file, other than the one that is judged."""
    with file.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    own = {row["caption_id"].partition("#")[0]: (row["caption_id"], row["caption"]) for row in rows}
    pairs, truth = [], []
    for row in rows:
        votes = Counter(row[f"label{i}"] for i in (1, 2, 3))
        label, number = votes.most_common(1)[0]
        of_photo = own.get(row["image"])
        if number > 1 and of_photo and of_photo[0] != row["caption_id"]:
            pairs.append((row["image"], of_photo[1], row["caption"]))
            truth.append(LABELS.index(label))
    photos, photo = np.unique([image for image, _, _ in pairs], return_inverse=True)
    tested = np.random.default_rng(0).permutation(len(photos)) < len(photos) // 5
    order = np.argsort(tested[photo], kind="stable")
    encoder = word_encoder(words, Path())
    texts = {text: model_text(text) for pair in pairs for text in pair[1:]}
    vectors = {text: encoder.encode([seen])[0].features for text, seen in texts.items()}
    sides = ((vectors[pairs[i][1]], vectors[pairs[i][2]]) for i in order)
    return Case(
        "flickr8k", LABELS, 1, np.array(truth)[order], int((~tested[photo]).sum()), relation(sides, one_space=True)
    )


def controls(case: Case, names: Sequence[str], seeds: int, out: Path, about: dict[str, str]) -> None:
    """Each control beside what it is a control of."""
    rows = compare(case, names, ["random"], seeds, out, about, permuted=True)
    show(rows, f"{case.name}, labels permuted")
    for streams in ("own", "shuffled", "twins"):
        rows = compare(case, ["random", "stream_gap"], ["random"], seeds, out, about, streams=streams)
        show(rows, f"{case.name}, streams: {streams}")


def digest(case: Case) -> str:
    """What runs on this case are known by."""
    told = hashlib.sha256(case.truth.tobytes() + case.relation.fused.tobytes())
    return told.hexdigest()


def show(rows: Sequence[DiscoveryRow], title: str) -> None:
    console = Console(width=220)
    for start in dict.fromkeys(row.start for row in rows):
        console.print(shown_table(rows, start, title))
    for row in rows:
        if row.why:
            console.print(f"not replayed from a {row.start} start: {row.strategy}, as {row.why}")


if __name__ == "__main__":
    main()
