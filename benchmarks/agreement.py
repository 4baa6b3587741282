"""Labels and agreement of 1,000,000 pairs with three judgments each, beside their peers.

    python -m benchmarks.agreement [--pairs 1000000] [--peers PYTHON]

Every row is a process of its own: it makes the same votes, warms up on a few of them, and then measures the median CPU
of some repeats and the peak of memory over what is held before (on Linux). crowd-kit is in the development environment;
`--peers` names the Python of an environment with statsmodels and cleanlab (`pip install pandas statsmodels cleanlab`).

The bootstrap with the `krippendorff` package is a loop of few draws, extrapolated to 1,000.
"""

import argparse
import ctypes
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

LABELS = ("irrelevant", "implicit", "explicit")
FOLDS = 1000
LOOPED = 3  # draws of the loop that is extrapolated
FEW = 1000  # pairs to warm up on
Votes = npt.NDArray[np.int8]
Work = Callable[[], object]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=1_000_000)
    parser.add_argument("--peers", type=Path, default=Path(sys.executable), help="a Python with statsmodels, cleanlab")
    parser.add_argument("--row", choices=ROWS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.row:
        print(json.dumps(measure(*ROWS[arguments.row][1:], arguments.pairs)))
        return

    from rich.console import Console
    from rich.table import Table

    from benchmarks import hand_over

    found = {}
    for name, (environment, *_) in ROWS.items():
        python = arguments.peers if environment == "peers" else sys.executable
        command = [str(python), __file__, "--row", name, "--pairs", str(arguments.pairs)]
        run = subprocess.run(command, env=os.environ | PYTHONPATH, capture_output=True, text=True)
        found[name] = json.loads(run.stdout) if run.returncode == 0 else run.stderr.strip().splitlines()[-1]
    table = Table("what", "CPU ms", "wall ms", "peak MB over input", "times ours")
    for name, each in found.items():
        if isinstance(each, str):
            table.add_row(name, f"left out: {each}")
            continue
        ours = found.get(BESIDE.get(name, ""))
        ratio = f"{each['cpu'] / ours['cpu']:,.0f}" if ours else ""
        if ours:
            hand_over(BESIDE[name], "CPU ms", ours["cpu"], name, each["cpu"])
        table.add_row(name, f"{each['cpu']:,.1f}", f"{each['wall']:,.1f}", f"{each['memory']:,.0f}", ratio)
    Console().print(f"{arguments.pairs:,} pairs x 3 judgments, {FOLDS:,} draws, {os.cpu_count()} cores", table)


def measure(make: Callable[[Votes], Work], repeats: int, times: float, pairs: int) -> dict[str, float]:
    """Median CPU and wall time in ms, `times` what one run took, and the peak of memory in MB over what was held."""
    make(votes(min(pairs, FEW)))()
    work = make(votes(pairs))
    cpu, wall = [], []
    ctypes.CDLL(None).malloc_trim(0)  # what was freed and kept would hide what is taken anew
    held = memory("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    for _ in range(repeats):
        begin = time.process_time(), time.perf_counter()
        work()
        cpu.append(time.process_time() - begin[0])
        wall.append(time.perf_counter() - begin[1])
    peak = memory("VmHWM")
    return {
        "cpu": statistics.median(cpu) * times * 1000,
        "wall": statistics.median(wall) * times * 1000,
        "memory": peak - held,
    }


def memory(entry: str) -> float:
    """An entry of this process's status, in MB."""
    lines = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(lines[entry].split()[0]) * 1024 / 1e6


def votes(pairs: int) -> Votes:
    """Each pair's three votes [pairs, 3]: right with a chance of 0.7, a guess otherwise."""
    random = np.random.default_rng(0)
    truth = random.integers(0, 3, (pairs, 1), dtype=np.int8)
    guess = random.integers(0, 3, (pairs, 3), dtype=np.int8)
    return np.where(random.random((pairs, 3), dtype=np.float32) < 0.7, truth, guess)


def frame(votes: Votes) -> Any:
    """The same as a frame of text: task, worker, label; a row a judgment, annotator by annotator."""
    import pandas as pd

    pairs = len(votes)
    return pd.DataFrame(
        {
            "task": [f"x:{10**17 + i}:0" for i in range(pairs)] * 3,
            "worker": np.repeat(["ann", "bob", "cy"], pairs),
            "label": np.array(LABELS)[votes.T.ravel()],
        }
    )


def counts(votes: Votes) -> npt.NDArray[np.int64]:
    return np.stack([(votes == label).sum(axis=1) for label in range(3)], axis=1)


# --- ours -------------------------------------------------------------------------------------------------------------


def coded(votes: Votes) -> Any:
    import pandas as pd

    from ccd.measures.vote_matrix import VoteMatrix

    worker = np.asfortranarray(np.tile(np.arange(3, dtype=np.int32), (len(votes), 1)))
    return VoteMatrix(
        np.asfortranarray(votes), worker, pd.RangeIndex(len(votes)), pd.Index(["ann", "bob", "cy"]), LABELS
    )


def everything(votes: Votes) -> Work:
    from ccd.measures.aggregation import majority
    from ccd.measures.agreement import of_coded

    judged = coded(votes)
    return lambda: (majority(judged), of_coded(judged, "nominal", n_resamples=FOLDS))


def labels(votes: Votes) -> Work:
    from ccd.measures.aggregation import majority

    judged = coded(votes)
    return lambda: majority(judged)


def drawn_too(votes: Votes) -> Work:
    from ccd.measures.agreement import of_coded

    judged = coded(votes)
    return lambda: of_coded(judged, "nominal", n_resamples=FOLDS, resample="both")


def from_frame(votes: Votes) -> Work:
    from ccd.measures.aggregation import majority
    from ccd.measures.agreement import of_coded
    from ccd.measures.vote_matrix import code

    df = frame(votes)

    def work() -> None:
        judged = code(df, LABELS)
        majority(judged)
        of_coded(judged, "nominal", n_resamples=FOLDS)

    return work


def dawid_skene(votes: Votes) -> Work:
    from ccd.measures.dawid_skene import fit
    from ccd.measures.patterns import distinct

    judged = coded(votes)
    return lambda: fit(distinct(judged), 3, 3)


def dawid_skene_of_frame(votes: Votes) -> Work:
    from ccd.measures.dawid_skene import DawidSkene

    df = frame(votes)
    return lambda: DawidSkene(labels=LABELS).fit_predict(df)


def majority_of_frame(votes: Votes) -> Work:
    from ccd.measures.aggregation import MajorityVote

    df = frame(votes)
    return lambda: MajorityVote(labels=LABELS).fit_predict(df)


# --- peers ------------------------------------------------------------------------------------------------------------


def krippendorff_loop(votes: Votes) -> Work:
    import krippendorff

    counted, random = counts(votes), np.random.default_rng(0)

    def work() -> None:
        for _ in range(LOOPED):
            drawn = counted[random.integers(0, len(counted), len(counted))]
            krippendorff.alpha(value_counts=drawn, level_of_measurement="nominal")

    return work


def crowd_kit_majority(votes: Votes) -> Work:
    from crowdkit.aggregation import MajorityVote

    df = frame(votes)
    return lambda: MajorityVote().fit_predict(df)


def crowd_kit_dawid_skene(votes: Votes) -> Work:
    from crowdkit.aggregation import DawidSkene

    df = frame(votes)
    return lambda: DawidSkene(n_iter=100).fit_predict(df)


def statsmodels_fleiss(votes: Votes) -> Work:
    from statsmodels.stats.inter_rater import aggregate_raters, fleiss_kappa

    return lambda: fleiss_kappa(aggregate_raters(votes)[0])


def cleanlab_majority(votes: Votes) -> Work:
    from cleanlab.multiannotator import get_majority_vote_label

    judged = votes.astype(np.int64)
    return lambda: get_majority_vote_label(judged)


OURS = "labels and all coefficients with intervals"
MAJORITY, FITTED = "majority labels", "Dawid-Skene"
MAJORITY_FRAME, FITTED_FRAME = "majority labels, from the frame", "Dawid-Skene, from the frame"
ROWS: dict[str, tuple[str, Callable[[Votes], Work], int, float]] = {  # environment, work, repeats, extrapolated by
    OURS: ("ours", everything, 7, 1),
    "all coefficients, annotators drawn too": ("ours", drawn_too, 7, 1),
    f"{OURS}, from a frame of text": ("ours", from_frame, 3, 1),
    MAJORITY: ("ours", labels, 7, 1),
    FITTED: ("ours", dawid_skene, 7, 1),
    MAJORITY_FRAME: ("ours", majority_of_frame, 3, 1),
    FITTED_FRAME: ("ours", dawid_skene_of_frame, 3, 1),
    "krippendorff, nominal alpha in a loop of draws": ("ours", krippendorff_loop, 1, FOLDS / LOOPED),
    "crowd-kit MajorityVote, from the frame": ("ours", crowd_kit_majority, 1, 1),
    "crowd-kit DawidSkene, from the frame": ("ours", crowd_kit_dawid_skene, 1, 1),
    "statsmodels fleiss_kappa, no interval": ("peers", statsmodels_fleiss, 3, 1),
    "cleanlab get_majority_vote_label": ("peers", cleanlab_majority, 3, 1),
}
BESIDE = {  # what each peer's time is divided by
    "krippendorff, nominal alpha in a loop of draws": OURS,
    "crowd-kit MajorityVote, from the frame": MAJORITY_FRAME,
    "crowd-kit DawidSkene, from the frame": FITTED_FRAME,
    "statsmodels fleiss_kappa, no interval": OURS,
    "cleanlab get_majority_vote_label": MAJORITY,
}
PYTHONPATH = {"PYTHONPATH": str(Path(__file__).resolve().parents[1])}

if __name__ == "__main__":
    main()
