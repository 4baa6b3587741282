"""Near-duplicates: hashes a second, and grouping a million hashes and 100,000 texts, beside peers.

    python -m benchmarks.duplicates [--imagededup PYTHON]            # and: pip install datasketch

Each row is a process of its own, so that its peak memory is its own. One hash in a hundred and one text in ten is a
changed copy; "found" is the share of these that end in a group with their original: for texts at most the share, near
0.7, whose similarity is 0.6 or more.

imagededup is measured where the Python of an environment of its own is given (`pip install imagededup`; it brings
torch, which its hashes do not use, and which counts in its memory; its child processes count in its seconds). It
compares one pHash of 64 bits, we two of 64. Its searches, a tree in Python and all pairs with a loop in C, take time
that grows with about the square of the hashes, so they run on two small numbers and the seconds for a million are
computed from these, by the exponent that is printed.
"""

import argparse
import importlib.util
import io
import json
import math
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from rich.console import Console
from rich.table import Table

from benchmarks import hand_over, peak_memory
from ccd.splitting.near_duplicates import TEXT_SIMILARITY, components, near_hashes, near_texts, picture_hash, similarity

PICTURES, HASHES, TEXTS = 300, 1_000_000, 100_000
SEARCHES = {"bktree": (250, 1_000), "brute_force_cython": (2_000, 8_000)}  # imagededup's, and what each can bear
Measured = tuple[float, int, float, float]  # CPU seconds, items, peak memory in MB, share found
IMAGEDEDUP = """
import json, resource, sys
from benchmarks import peak_memory
from imagededup.methods import PHash
what, file, number = sys.argv[1], sys.argv[2], int(sys.argv[3])
hasher = PHash(verbose=False)
if what == "hash":
    def work():
        return sum(bool(hasher.encode_image(image_file=file)) for _ in range(number)) / number
else:
    hashes = {str(i): line for i, line in enumerate(open(file).read().split())}
    copies = number // 100
    def work():
        options = {"max_distance_threshold": 6, "search_method": what, "num_dist_workers": 0}
        found = hasher.find_duplicates(encoding_map=hashes, **options)
        return sum(str(number - copies + i) in found[str(i)] for i in range(copies)) / copies
def used():
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in both), max(peak_memory(), both[1].ru_maxrss * 1024) / 2**20
before, _ = used()
found = work()
after, memory = used()
print(json.dumps([after - before, number, memory, found]))
"""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("row", nargs="?", choices=ROWS, help="measure one row of ours, and print it as JSON")
    parser.add_argument("--imagededup", type=Path, help="the Python of an environment that has it")
    arguments = parser.parse_args()
    if arguments.row:
        print(json.dumps(ROWS[arguments.row]()))
        return
    found: dict[str, float] = {}
    table = Table("", "seconds", "items/s", "peak MB", "found")
    for name in ROWS:
        if "datasketch" in name and importlib.util.find_spec("datasketch") is None:
            table.add_row(name, "not installed")
        else:
            row = ran([sys.executable, "-m", "benchmarks.duplicates", name])
            found[name] = row[0]
            add(table, name, row)
    if arguments.imagededup:
        imagededup(table, arguments.imagededup)
    for peer, ours in BESIDE.items():
        if peer in found:
            hand_over(ours, "CPU s", found[ours], peer, found[peer])
    hand_over("group 1,000,000 hashes, ours", "CPU s", found["group 1,000,000 hashes, ours"])
    Console().print(table)
    if arguments.imagededup is None:
        Console().print("imagededup was left out: name the Python that has it with --imagededup")


def ran(command: list[str]) -> Measured:
    out = subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    seconds, items, memory, found = json.loads(out.splitlines()[-1])
    return seconds, items, memory, found


def add(table: Table, name: str, row: Measured) -> None:
    seconds, items, memory, found = row
    table.add_row(name, f"{seconds:.1f}", f"{items / seconds:,.0f}", f"{memory:.0f}", f"{found:.3f}")


def imagededup(table: Table, python: Path) -> None:
    """Its hashes a second; its two searches on two numbers of hashes each, and what that makes for a million."""
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "items"
        command = [str(python), "-c", IMAGEDEDUP]
        file.write_bytes(jpeg())
        add(table, "hash 1200 x 900 JPEGs, imagededup", ran([*command, "hash", str(file), str(PICTURES)]))
        for search, numbers in SEARCHES.items():
            seconds = []
            for number in numbers:
                file.write_text("".join(f"{value:016x}\n" for value in changed_copies(number)[:, 0].tolist()))
                row = ran([*command, search, str(file), str(number)])
                add(table, f"group {number:,} hashes, imagededup {search}", row)
                seconds.append(row[0])
            exponent = math.log(seconds[1] / seconds[0]) / math.log(numbers[1] / numbers[0])
            million = seconds[1] * (HASHES / numbers[1]) ** exponent
            what = f"group {HASHES:,} hashes, imagededup {search}, computed by exponent {exponent:.2f}"
            table.add_row(what, f"{million:,.0f}")


def measured(items: int, work: Callable[[], float]) -> Measured:
    """CPU seconds, items, peak memory in MB, and the share found that `work` returns."""
    begin = time.process_time()
    found = work()
    return time.process_time() - begin, items, peak_memory() / 2**20, found


def jpeg() -> bytes:
    noise = np.random.default_rng(1).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noise).resize((1200, 900), Image.Resampling.BICUBIC).save(stream, "JPEG", quality=60)
    return stream.getvalue()


def pictures(hashed: Callable[[bytes], object]) -> Measured:
    data = jpeg()
    return measured(PICTURES, lambda: sum(bool(hashed(data)) for _ in range(PICTURES)) / PICTURES)


def full_hash(data: bytes) -> object:
    import imagehash

    return str(imagehash.phash(Image.open(io.BytesIO(data))))


def changed_copies(number: int) -> npt.NDArray[np.uint64]:
    """Hashes [number, 2]; the last hundredth are the first, with up to 6 bits of either half changed."""
    chance = np.random.default_rng(1)
    values = chance.integers(2**64, size=(number, 2), dtype=np.uint64)
    copies = number // 100
    values[-copies:] = values[:copies]
    for _ in range(6):  # bits changed; one changed twice is back
        values[-copies:] ^= np.uint64(1) << chance.integers(64, size=(copies, 2), dtype=np.uint64)
    return values


def hashes() -> Measured:
    values, copies = changed_copies(HASHES), HASHES // 100

    def work() -> float:
        group = components(HASHES, [near_hashes(values)])
        return float((group[:copies] == group[-copies:]).mean())

    return measured(HASHES, work)


def texts() -> list[str]:
    """TEXTS texts of ten made-up words; the second of each pair at the end has one or two words changed."""
    chance = random.Random(1)
    words = [a + b + c for a in "bdfgkmnprstvz" for b in ("a", "e", "i", "o", "u", "ai", "ou") for c in "lnrstkm"]
    made = [" ".join(chance.choices(words, k=14)) for _ in range(TEXTS * 9 // 10)]
    for text in made[: TEXTS - len(made)]:
        changed = text.split()
        for _ in range(chance.randint(1, 2)):
            changed[chance.randrange(14)] = "changed"
        made.append(" ".join(changed))
    return made


def together(group: list[int]) -> float:
    """The share of the changed texts that are in a group with their original."""
    copies = TEXTS // 10
    return sum(a == b for a, b in zip(group[:copies], group[-copies:], strict=True)) / copies


def our_texts() -> Measured:
    made = texts()
    return measured(TEXTS, lambda: together(components(len(made), [near_texts(made)]).tolist()))


def datasketch_texts(**options: object) -> Measured:
    from datasketch import MinHash, MinHashLSH

    made = texts()

    def work() -> float:
        index = MinHashLSH(num_perm=64, **options)
        parent = list(range(TEXTS))
        for i, text in enumerate(made):
            sketch = MinHash(num_perm=64)
            sketch.update_batch([text[j : j + 5].encode() for j in range(len(text) - 4)])
            for other in index.query(sketch):
                if similarity(text, made[other]) < TEXT_SIMILARITY:  # as ours: proposals are verified
                    continue
                parent[i] = min(parent[i], parent[other])
            index.insert(i, sketch)
        return together(parent)

    return measured(TEXTS, work)


ROWS: dict[str, Callable[[], Measured]] = {
    "hash 1200 x 900 JPEGs, ours": lambda: pictures(picture_hash),
    "hash 1200 x 900 JPEGs, plain imagehash": lambda: pictures(full_hash),
    "group 1,000,000 hashes, ours": hashes,
    "group 100,000 texts, ours": our_texts,
    "group 100,000 texts, datasketch threshold=.6": lambda: datasketch_texts(threshold=0.6),
    "group 100,000 texts, datasketch params=(16, 4)": lambda: datasketch_texts(params=(16, 4)),
}
BESIDE = {  # peers, and what of ours each is beside
    "hash 1200 x 900 JPEGs, plain imagehash": "hash 1200 x 900 JPEGs, ours",
    "group 100,000 texts, datasketch threshold=.6": "group 100,000 texts, ours",
    "group 100,000 texts, datasketch params=(16, 4)": "group 100,000 texts, ours",
}

if __name__ == "__main__":
    main()
