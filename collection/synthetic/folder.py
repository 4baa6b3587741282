"""Write synthetic pairs as a folder that looks like a release: drawn by many processes, all or nothing, resumable."""

import contextlib
import csv
import hashlib
import io
import json
import multiprocessing
import shutil
import signal
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

from ccd import __version__
from ccd.errors import InputError, writing
from ccd.files.atomic import write_atomic
from ccd.files.lock import folder_lock
from ccd.protocol import Protocol, load
from ccd.release.card import card
from ccd.release.pages import MANIFEST
from collection.synthetic.shards import SHARD, Plan, shard_file, write_shard

PLAN = "world.json"
TOOLKIT = f"ccd-toolkit {__version__}"  # another version may draw otherwise
SPLITS = ("train", "dev", "test")
_EXTRA = """
## Files

- `train.jsonl`, `dev.jsonl`, `test.jsonl`: one pair a line: pair_id, post_id, text, image, label, label_id,
  resolved_by, votes, arm, leakage_group.
- `images/`: named by their SHA-256.
- `protocol.json`, `release.json`: what was asked; counts, seed and agreement.
- `MANIFEST.sha256`: check with `sha256sum -c MANIFEST.sha256`, or in full with `ccd verify`.

## Made by the toolkit

Nobody posted, judged or detected any of this. The label of a pair is how it was made, whatever the votes say.

- `world.json`: the settings that give the same folder again, and the annotators' confusion matrix.
- `truth.jsonl`: what every pair was made from: scene, objects with boxes, and the slots of its text.
- `judgments.csv`: task, worker, label: three simulated judgments a pair.
- `detections.jsonl`: boxes, names and scores of a simulated detector, the highest score first. It stands in for a real
  one; its errors are known (world.json).
"""


@dataclass(frozen=True)
class Written:
    """`counts` is {split: {label: pairs, all: pairs}}; `new` is False where the folder was there already."""

    folder: Path
    counts: dict[str, dict[str, int]]
    new: bool


def write_dataset(
    folder: Path, plan: Plan, workers: int = 1, tick: Callable[[int], None] = lambda number: None
) -> Written:
    """Write `folder`; `tick` is called with the number of pairs drawn since the last call.

    Until it is complete it grows in a hidden folder beside its place, where the next run with the same plan goes on.
    The same plan gives the same bytes, whatever `workers` is. Raises CcdError where `folder` is there and is another.

    >>> write_dataset(Path("world"), Plan(pairs=12252)).counts["test"]["all"]  # doctest: +SKIP
    983
    """
    protocol = load("ccd")
    confusion = plan.annotators.confusion(protocol.labels)
    described = _pretty({"synthetic": True, "toolkit": TOOLKIT} | asdict(plan) | {"confusion": confusion})
    part, new = folder.with_name(f".{folder.name}.part"), False
    if not folder.exists():
        with folder_lock(part, f"{folder}: another `ccd world` is drawing it; wait for it to end"):
            if not folder.exists():  # another run may have ended meanwhile
                with writing(folder):
                    _grow(folder, part, plan, protocol, described, workers, tick)
                new = True
    if not _same(folder / PLAN, described):
        raise InputError(f"{folder}: is there already and is another world or none; choose another folder")
    counts = json.loads((folder / "release.json").read_bytes())["counts"]
    return Written(folder, counts, new)


def _grow(
    folder: Path,
    part: Path,
    plan: Plan,
    protocol: Protocol,
    described: str,
    workers: int,
    tick: Callable[[int], None],
) -> None:
    """Draw what is missing in `part`, and put it in its place."""
    if not _same(part / PLAN, described):
        for path in part.iterdir():  # of another plan
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for inside in ("images", "shards"):
        (part / inside).mkdir(exist_ok=True)
    write_atomic(part / PLAN, described.encode())
    with contextlib.closing(_draw(part, plan, protocol.labels, workers)) as drawn:
        for pairs in drawn:
            tick(pairs)
    _assemble(part, folder.name, plan, protocol)
    shutil.rmtree(part / "shards")
    part.rename(folder)


def _draw(part: Path, plan: Plan, labels: tuple[str, ...], workers: int) -> Generator[int, None, None]:
    """Draw every shard; yield the number of pairs of each as it is done."""
    shards = range(-(-plan.pairs // SHARD))
    if workers == 1 or len(shards) == 1:
        yield from (write_shard(part, shard, plan, labels) for shard in shards)
        return
    context = multiprocessing.get_context("spawn")  # a fork would copy the threads' locks
    workers = min(workers, len(shards))
    # On Ctrl-C this process alone stops; a worker ends the shard it is at.
    with ProcessPoolExecutor(workers, context, signal.signal, (signal.SIGINT, signal.SIG_IGN)) as pool:
        waiting = [pool.submit(write_shard, part, shard, plan, labels) for shard in shards]
        try:
            for done in as_completed(waiting):
                yield done.result()
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


def _assemble(part: Path, name: str, plan: Plan, protocol: Protocol) -> None:
    """Write the folder's files from its shards, in the order of the pairs' numbers."""
    counts = {split: dict.fromkeys((*protocol.labels, "all"), 0) for split in SPLITS}
    hashes = dict[str, str]()
    judged: list[tuple[str, str, str]] = []
    with contextlib.ExitStack() as stack:
        files = {each: _open(part / f"{each}.jsonl", stack) for each in (*SPLITS, "truth", "detections")}
        for line in _lines(part, plan):
            row = line["row"]
            for file, entry in ((line["split"], row), ("truth", line["truth"]), ("detections", line["seen"])):
                files[file].write(json.dumps(entry, ensure_ascii=False) + "\n")
            for key in (row["label"], "all"):
                counts[line["split"]][key] += 1
            hashes[row["image"]] = Path(row["image"]).stem
            judged += [(row["pair_id"], worker, label) for worker, label in line["said"].items()]
    _write_judgments(part / "judgments.csv", judged)
    facts = _facts(name, plan, protocol, counts, judged)
    for file, text in (
        ("protocol.json", _pretty(asdict(protocol))),
        ("release.json", _pretty(facts)),
        ("README.md", card(facts) + _EXTRA),
    ):
        (part / file).write_bytes(text.encode())
    for path in part.iterdir():
        if path.is_file() and path.name != MANIFEST:
            with path.open("rb") as stream:
                hashes[path.name] = hashlib.file_digest(stream, "sha256").hexdigest()
    (part / MANIFEST).write_text("".join(f"{hashes[file]}  {file}\n" for file in sorted(hashes)), encoding="utf-8")


def _open(path: Path, stack: contextlib.ExitStack) -> TextIO:
    return stack.enter_context(path.open("w", encoding="utf-8", newline="\n"))


def _lines(part: Path, plan: Plan) -> Iterator[dict[str, Any]]:
    for shard in range(-(-plan.pairs // SHARD)):
        with shard_file(part, shard).open(encoding="utf-8") as lines:
            yield from map(json.loads, lines)


def _write_judgments(path: Path, judged: list[tuple[str, str, str]]) -> None:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([("task", "worker", "label"), *judged])
    path.write_bytes(text.getvalue().encode())


def _facts(
    name: str, plan: Plan, protocol: Protocol, counts: dict[str, dict[str, int]], judged: list[tuple[str, str, str]]
) -> dict[str, Any]:
    """Return release.json, as a campaign's release has it."""
    import pandas as pd

    from ccd.measures.agreement import agreement

    question = protocol.question
    frame = pd.DataFrame(judged, columns=["task", "worker", "label"])
    return {
        "name": name,
        "campaign": "made world",
        "synthetic": True,
        "protocol": {"name": protocol.name, "fingerprint": protocol.fingerprint},
        "question": question.name,
        "toolkit": TOOLKIT,
        "split": {"shares": {each: counts[each]["all"] / plan.pairs for each in SPLITS}, "seed": plan.settings.seed}
        | {"ties": ["image", "post"]},
        "counts": counts,
        "excluded": {},
        "agreement": {question.name: agreement(frame, question.labels, question.level).to_dict(names=False)},
    }


def _same(path: Path, described: str) -> bool:
    return path.is_file() and path.read_bytes() == described.encode()


def _pretty(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1) + "\n"
