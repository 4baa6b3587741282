"""A million cached embeddings ranked by each strategy: processor seconds and memory, beside small-text and cleanlab.

    python -m benchmarks.scoring [--pairs 1000000] [--peers PYTHON]

Each strategy runs in a process of its own. Seconds are the processor's, of all threads, so that a busy machine does not
change them much. Memory is that of the whole process with the pool in it. PYTHON is the
interpreter of an environment that has small-text and cleanlab; without it there are no peers.
"""

import argparse
import json
import subprocess
import sys
import time

from benchmarks import hand_over, peak_memory

WIDTH, LABELS, JUDGED = 64, 3, 2000

POOL = """
import numpy as np
draw = np.random.default_rng(0)
p = draw.dirichlet([1, 1, 1], {pairs}).astype(np.float32)
embeddings = draw.standard_normal(({pairs}, 64), dtype=np.float32).astype(np.float16)
votes = np.zeros(({pairs}, 3), np.int64)
votes[:2000] = draw.multinomial(3, [0.35, 0.1, 0.55], 2000)
"""

SMALL_TEXT = """
import warnings; warnings.filterwarnings("ignore")
from small_text.query_strategies import {name}
class Fitted:
    def predict_proba(self, dataset): return p[: len(dataset)] if len(dataset) == len(p) else p[2000:]
    def embed(self, dataset, **options): return embeddings.astype(np.float32)
class Data(list):
    def __getitem__(self, rows): return Data(np.zeros(len(rows))) if isinstance(rows, np.ndarray) else 0
data, known = Data(np.zeros(len(p))), np.arange(2000)
strategy = {name}()
def run(): strategy.query(Fitted(), data, np.arange(2000, len(p)), known, votes[:2000].argmax(1), n=200)
"""

CLEANLAB = """
from cleanlab.multiannotator import get_active_learning_scores
given = np.full((2000, 3), np.nan)
for row, counts in enumerate(votes[:2000]): given[row] = np.repeat(np.arange(3), counts)
def run(): get_active_learning_scores(given, p[:2000], p[2000:])
"""

TIMED = """
import json, time
from benchmarks import peak_memory
start = time.process_time(); run()
print(json.dumps([time.process_time() - start, peak_memory() / 2**30]))
"""

PEERS = {
    "small-text BreakingTies (margin)": SMALL_TEXT.format(name="BreakingTies"),
    "small-text PredictionEntropy": SMALL_TEXT.format(name="PredictionEntropy"),
    "small-text LeastConfidence": SMALL_TEXT.format(name="LeastConfidence"),
    "cleanlab ActiveLab (relabel)": CLEANLAB,
}

BESIDE = {  # what of ours each peer is beside
    "small-text BreakingTies (margin)": "margin",
    "small-text PredictionEntropy": "entropy",
    "small-text LeastConfidence": "least_confidence",
    "cleanlab ActiveLab (relabel)": "relabel",
}


def measured(name: str, pairs: int) -> tuple[float, float, float]:
    """Seconds to score, seconds to make the batch from the scores, and GiB of this process; "cluster" only clusters."""
    import numpy as np

    from model.acquisition import STRATEGIES, Labelled, Pool, Strategy, batch, cluster

    made: dict[str, np.ndarray] = {}
    exec(POOL.format(pairs=pairs), made)
    draw, p, embeddings = np.random.default_rng(1), made["p"], made["embeddings"]
    start = time.process_time()
    clusters = cluster(embeddings, 256, 0) if name == "cluster" else draw.integers(256, size=pairs)
    seconds = time.process_time() - start
    pool = Pool(
        ids=[str(i) for i in range(pairs)],
        embeddings=embeddings,
        groups=np.arange(pairs),
        clusters=clusters,
        probabilities=p,
        association=p[::-1],
        alignment=p,
        profiles=embeddings[:, :28],
        judgments=made["votes"] if name == "relabel" else None,
    )
    labelled = Labelled(np.arange(JUDGED), draw.choice(LABELS, JUDGED, p=[0.35, 0.1, 0.55]))
    together = 0.0
    if name != "cluster":
        strategy = STRATEGIES[name](target=1)
        start = time.process_time()
        score = strategy.score(pool, labelled)
        seconds = time.process_time() - start

        class Scored(Strategy):
            again = strategy.again

            def score(self, pool: Pool, labelled: Labelled) -> np.ndarray:
                return score

        start = time.process_time()
        batch(Scored(), pool, labelled, 200, seed=0)
        together = time.process_time() - start
    return seconds, together, peak_memory() / 2**30


def main() -> None:
    """Print one line a strategy."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--pairs", type=int, default=1_000_000)
    asked.add_argument("--peers", metavar="PYTHON")
    asked.add_argument("--one", metavar="STRATEGY", help=argparse.SUPPRESS)
    chosen = asked.parse_args()
    if chosen.one:
        print(json.dumps(measured(chosen.one, chosen.pairs)))
        return
    from model.acquisition import STRATEGIES

    ours: dict[str, float] = {}
    print(f"{chosen.pairs:,} pairs, {WIDTH} numbers each, {JUDGED:,} labelled; score, batch of 200, memory")
    for name in ("cluster", *STRATEGIES):
        command = [sys.executable, "-m", "benchmarks.scoring", "--pairs", str(chosen.pairs), "--one", name]
        seconds, together, memory = json.loads(subprocess.check_output(command))
        ours[name] = seconds
        print(f"{name:<34} {seconds:6.2f} s {together:6.2f} s {memory:5.2f} GiB", flush=True)
    for name, code in PEERS.items() if chosen.peers else ():
        found = subprocess.run(
            [chosen.peers, "-c", POOL.format(pairs=chosen.pairs) + code + TIMED], capture_output=True, text=True
        )
        if found.returncode:
            print(f"{name:<34} did not run: {(found.stderr.strip().splitlines() or ['killed'])[-1]}")
            continue
        seconds, memory = json.loads(found.stdout.strip().splitlines()[-1])
        hand_over(BESIDE[name], "CPU s", ours[BESIDE[name]], name, seconds)
        print(f"{name:<34} {seconds:6.2f} s          {memory:5.2f} GiB", flush=True)


if __name__ == "__main__":
    main()
