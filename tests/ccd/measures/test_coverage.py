"""Coverage of the 95 % intervals of shares, on photos and texts of real tweets: the long form of test_prevalence.py."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest

from benchmarks.prevalence import DESIGNS, LEAST, collected, run
from tests.data import SHARED

TABLES = ("tweets/tweets.tsv", "tweets_photos/tweets.csv")
RUNS = 400


@cache
def pairs_of(table: str) -> tuple[np.ndarray, list[str]]:
    assert SHARED is not None
    with TemporaryDirectory() as folder:
        return collected(SHARED / table, Path(folder) / "campaign")


@pytest.mark.soak
@pytest.mark.skipif(SHARED is None, reason="needs the real tweets in ../shared/data")
@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("design", DESIGNS)
def test_intervals_hold_the_truth_on_real_photos(table: str, design: str) -> None:
    reported, held = run(*pairs_of(table), DESIGNS[design], RUNS)
    assert reported > RUNS / 2, "or nothing was tried"
    for label in held:
        assert min(label.shares, label.unfound) >= LEAST * reported


@pytest.mark.parametrize("design", DESIGNS)
def test_every_design_runs_on_few_photos(design: str) -> None:
    photo = np.arange(600) // 3
    reported, held = run(photo, [f"g{number}" for number in photo], DESIGNS[design], 4)
    assert sum(label.shares for label in held) >= 2 * reported
