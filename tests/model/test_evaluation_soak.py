"""Intervals and tests of networks on the photos and captions of Flickr8k's expert judgments: what they promise."""

import csv
from pathlib import Path

import numpy as np
import pytest

from model.evaluation import accuracy, confusion, macro_f1, mcnemar
from model.resampling import Ids, cells_of, interval_of, resampled

PAIRS = Path(__file__).parents[2] / "../shared/data/flickr8k_expert/pairs.csv"
RUNS, SAMPLE = 400, 120  # test sets, and groups in each

pytestmark = [pytest.mark.soak, pytest.mark.skipif(not PAIRS.is_file(), reason="needs ../shared/data/flickr8k_expert")]


def settled(by: str) -> tuple[Ids, Ids]:
    """Majority labels [N] of the pairs that have one, and the numbers of their groups: by image or by caption_id."""
    labels, groups = [], []
    with PAIRS.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            votes = [(0, 1, 2, 2)[int(row[f"score{i}"]) - 1] for i in (1, 2, 3)]
            label = max(set(votes), key=votes.count)
            if votes.count(label) > 1:
                labels.append(label)
                groups.append(row[by])
    return np.array(labels), np.unique(groups, return_inverse=True)[1]


def predicted(labels: Ids, groups: Ids, draw: np.random.Generator) -> Ids:
    """A network that is right in some groups and wrong in others: each has a chance of its own, 0.65 on average."""
    chance = draw.beta(0.65, 0.35, groups.max() + 1)[groups]
    return np.where(draw.random(len(labels)) < chance, labels, (labels + draw.integers(1, 3, len(labels))) % 3)


@pytest.mark.parametrize("by", ["image", "caption_id"])
def test_coverage_and_error_rate(by: str, capsys: pytest.CaptureFixture[str]) -> None:
    labels, groups = settled(by)
    draw = np.random.default_rng(0)
    said, other = predicted(labels, groups, draw), predicted(labels, groups, draw)
    members = [np.flatnonzero(groups == number) for number in range(groups.max() + 1)]
    truth = {measure: float(measure(confusion(labels, said, 3))) for measure in (accuracy, macro_f1)}
    held = {(measure, whole): 0 for measure in truth for whole in (False, True)}
    wrong = {False: 0, True: 0}
    for run in range(RUNS):
        chosen = draw.choice(len(members), SAMPLE)
        rows = np.concatenate([members[number] for number in chosen])
        of = np.arange(SAMPLE).repeat([len(members[number]) for number in chosen])
        # Neither network is better: in half of the groups they change places.
        swap = (draw.random(SAMPLE) < 0.5)[of]
        a, b = np.where(swap, other[rows], said[rows]), np.where(swap, said[rows], other[rows])
        for whole in (False, True):
            each = of if whole else np.arange(len(rows))
            sums = cells_of(each, labels[rows] * 3 + said[rows], 9)
            drawn = resampled(sums, run, 1000).reshape(-1, 3, 3)
            table = sums.sum(0).reshape(3, 3)
            for measure, value in truth.items():
                found = interval_of(measure(table), measure(drawn), len(sums))
                assert found.low is not None
                assert found.high is not None
                held[measure, whole] += found.low <= value <= found.high
            wrong[whole] += mcnemar(a == labels[rows], b == labels[rows], each) < 0.05
    with capsys.disabled():
        for whole in (False, True):
            shares = {measure.__name__: held[measure, whole] / RUNS for measure in truth}
            print(by, "groups" if whole else "pairs", shares, "type I", wrong[whole] / RUNS)
    error = [2 * np.sqrt(share * (1 - share) / RUNS) for share in (0.93, 0.05)]  # of so few runs
    assert all(held[measure, True] / RUNS >= 0.93 - error[0] for measure in truth)
    assert all(held[measure, False] / RUNS < 0.85 for measure in truth)
    assert wrong[True] / RUNS <= 0.05 + error[1] < 0.1 < wrong[False] / RUNS
