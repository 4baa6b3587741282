"""Near-duplicates: hashes a second, and grouping a million hashes and 100,000 texts, beside peers.

    python -m benchmarks.duplicates            # the peers: pip install datasketch

Each row is a process of its own, so that its peak memory is its own. One hash in a hundred and one text in ten is a
changed copy; "found" is the share of these that end in a group with their original: for texts at most the share, near
0.7, whose similarity is 0.6 or more. imagededup is left out: it needs torch, and its search among hashes is a tree or
all pairs in Python, which no million hashes pass.
"""

import importlib.util
import io
import json
import random
import resource
import subprocess
import sys
import time
from collections.abc import Callable

import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table

from collection.near import TEXT_SIMILARITY, components, near_hashes, near_texts, picture_hash, similarity

PICTURES, HASHES, TEXTS = 300, 1_000_000, 100_000


def main() -> None:
    if len(sys.argv) > 1:
        print(json.dumps(ROWS[sys.argv[1]]()))
        return
    table = Table("", "seconds", "items/s", "peak MB", "found")
    for name in ROWS:
        if "datasketch" in name and importlib.util.find_spec("datasketch") is None:
            table.add_row(name, "not installed")
            continue
        command = [sys.executable, "-m", "benchmarks.duplicates", name]
        seconds, items, memory, found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        table.add_row(name, f"{seconds:.1f}", f"{items / seconds:,.0f}", f"{memory:.0f}", f"{found:.3f}")
    Console().print(table)


def measured(items: int, work: Callable[[], float]) -> tuple[float, int, float, float]:
    """CPU seconds, items, peak memory in MB, and the share found that `work` returns."""
    begin = time.process_time()
    found = work()
    return time.process_time() - begin, items, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, found


def pictures(hashed: Callable[[bytes], object]) -> tuple[float, int, float, float]:
    noise = np.random.default_rng(1).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noise).resize((1200, 900), Image.Resampling.BICUBIC).save(stream, "JPEG", quality=60)
    return measured(PICTURES, lambda: sum(bool(hashed(stream.getvalue())) for _ in range(PICTURES)) / PICTURES)


def full_hash(data: bytes) -> object:
    import imagehash

    return str(imagehash.phash(Image.open(io.BytesIO(data))))


def hashes() -> tuple[float, int, float, float]:
    chance = np.random.default_rng(1)
    values = chance.integers(2**64, size=HASHES, dtype=np.uint64)
    copies = HASHES // 100
    values[-copies:] = values[:copies]
    for _ in range(6):  # bits changed; one changed twice is back
        values[-copies:] ^= np.uint64(1) << chance.integers(64, size=copies, dtype=np.uint64)

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


def our_texts() -> tuple[float, int, float, float]:
    made = texts()
    return measured(TEXTS, lambda: together(components(len(made), [near_texts(made)]).tolist()))


def datasketch_texts(**options: object) -> tuple[float, int, float, float]:
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


ROWS: dict[str, Callable[[], tuple[float, int, float, float]]] = {
    "hash 1200 x 900 JPEGs, ours": lambda: pictures(picture_hash),
    "hash 1200 x 900 JPEGs, plain imagehash": lambda: pictures(full_hash),
    "group 1,000,000 hashes, ours": hashes,
    "group 100,000 texts, ours": our_texts,
    "group 100,000 texts, datasketch threshold=.6": lambda: datasketch_texts(threshold=0.6),
    "group 100,000 texts, datasketch params=(16, 4)": lambda: datasketch_texts(params=(16, 4)),
}


if __name__ == "__main__":
    main()
