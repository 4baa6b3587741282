"""Published tables with known coefficients, typed in, and judgments made from tables."""

import numpy as np
import numpy.typing as npt
import pandas as pd

R1 = """1 2 3 3 2 1 4 1 2 . . .
        1 2 3 3 2 2 4 1 2 5 . 3
        . 3 3 3 2 3 4 2 2 5 1 .
        1 2 3 3 2 4 4 1 2 5 1 ."""  # Krippendorff 2011: observers x units
R2 = """. . . . . 3 4 1 2 1 1 3 3 . 3
        1 . 2 1 3 3 4 3 . . . . . . .
        . . 2 1 3 4 4 . 2 1 1 3 3 . 4"""
R4 = """a a b b d c c c e d d a
        b a b b b c c c e d d d"""
R5 = """0 0 0 6 0, 0 3 0 0 3, 0 1 4 0 1, 0 0 0 0 6, 0 3 0 3 0, 2 0 4 0 0, 0 0 4 0 2, 2 0 3 1 0, 2 0 0 4 0, 0 0 0 0 6,
        1 0 0 5 0, 1 1 0 4 0, 0 3 3 0 0, 1 0 0 5 0, 0 2 0 3 1, 0 0 5 0 1, 3 0 0 1 2, 5 1 0 0 0, 0 2 0 4 0, 1 0 2 0 3,
        0 0 0 0 6, 0 1 0 5 0, 0 2 0 1 3, 2 0 0 4 0, 1 0 0 4 1, 0 5 0 1 0, 4 0 0 0 2, 0 2 0 4 0, 1 0 5 0 0, 0 0 0 0 6"""
"""Fleiss 1971: 30 patients x 6 raters, how many raters said each category"""
R6 = """0 0 0 0 14, 0 2 6 4 2, 0 0 3 5 6, 0 3 9 2 0, 2 2 8 1 1, 7 7 0 0 0, 3 2 6 3 0, 2 5 3 2 2, 6 5 2 1 0, 0 2 2 3 7"""
R7 = {"20 5, 10 15": 0.4, "45 15, 25 15": 0.130435, "25 35, 5 35": 0.259259}
"""Cohen's kappa of contingency tables of two raters"""
R9 = "13 0 0, 0 20 7, 0 4 56"


def observed(text: str) -> pd.DataFrame:
    """Judgments from a matrix of observers x units, `.` where there is none."""
    rows = [
        (unit, f"w{worker}", label)
        for worker, line in enumerate(text.splitlines())
        for unit, label in enumerate(line.split())
        if label != "."
    ]
    return pd.DataFrame(rows, columns=["task", "worker", "label"])


def matrix(text: str) -> npt.NDArray[np.int64]:
    """A matrix of numbers, rows parted by commas."""
    return np.array([row.split() for row in text.split(",")], dtype=np.int64)


def voted(counts: npt.NDArray[np.int64]) -> pd.DataFrame:
    """Judgments from numbers of votes [units, categories] c0, c1, …; who gave them is of no account."""
    rows = [
        (unit, f"w{i}", label)
        for unit, row in enumerate(counts)
        for i, label in enumerate(np.repeat(names(len(row)), row))
    ]
    return pd.DataFrame(rows, columns=["task", "worker", "label"])


def crossed(counts: npt.NDArray[np.int64]) -> pd.DataFrame:
    """Judgments of two annotators, a and b, from their contingency table."""
    first, second = np.repeat(np.argwhere(counts >= 0), counts.ravel(), axis=0).T
    both = zip(np.array(names(len(counts)))[first], np.array(names(len(counts)))[second], strict=True)
    rows = [(unit, worker, label) for unit, said in enumerate(both) for worker, label in zip("ab", said, strict=True)]
    return pd.DataFrame(rows, columns=["task", "worker", "label"])


def names(number: int) -> list[str]:
    return [f"c{i}" for i in range(number)]


def simulated(pairs: int, seed: int, skill: tuple[float, ...] = (0.7, 0.7, 0.7)) -> pd.DataFrame:
    """Three labels; each annotator knows the right one with that chance and guesses otherwise."""
    random = np.random.default_rng(seed)
    truth = random.integers(0, 3, pairs)
    shape = len(skill), pairs
    labels = np.where(random.random(shape) < np.array(skill)[:, None], truth, random.integers(0, 3, shape))
    return pd.DataFrame(
        {
            "task": np.tile(np.arange(pairs), len(skill)),
            "worker": np.repeat(np.arange(len(skill)), pairs),
            "label": np.array(["a", "b", "c"])[labels].ravel(),
        }
    )
