"""The label holds by construction, the counts are CCD's, and neither side alone gives the label away."""

import functools
import re
import zlib
from collections import Counter
from collections.abc import Callable
from itertools import combinations, pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from scipy.optimize import minimize

from ccd.splitting.quotas import CCD_COUNTS
from collection.synthetic.kinds import KINDS, akin
from collection.synthetic.pairs import CCD_PAIRS, Settings, SyntheticPair, cell, synthetic_pair, unseen
from collection.synthetic.scenes import HEIGHT, WIDTH

LABELS = ("irrelevant", "implicit", "explicit")
numbers, seeds = st.integers(0, 3 * CCD_PAIRS), st.integers(0, 1000)


@given(numbers, seeds)
def test_the_label_holds(number: int, seed: int) -> None:
    pair = synthetic_pair(number, Settings(seed, typos=0))
    assert pair.name[1] in pair.text
    assert pair.association[1] in pair.text
    shown = pair.shows(pair.name[0]), pair.shows(pair.association[0])
    faces = [thing.feeling for thing in pair.things if thing.feeling]
    felt = bool(pair.feeling and pair.feeling[0] in faces)
    if pair.label == "explicit":
        assert shown[0]
    elif pair.label == "implicit":
        assert not shown[0]
        assert shown[1] or felt
    else:
        assert not shown[0]
        assert not shown[1]
        assert not felt
    if pair.label != "explicit":  # what is shown and was not asked for has nothing to do with the text
        asked = {pair.association[0]} if shown[1] else set()
        near = akin(pair.name[0]) | akin(pair.association[0])
        assert {thing.kind for thing in pair.things} & near == asked


@given(numbers, seeds)
def test_things_are_inside_and_apart(number: int, seed: int) -> None:
    pair = synthetic_pair(number, Settings(seed))
    boxes = [thing.box for thing in pair.things]
    assert 1 <= len(boxes) <= 4
    for left, top, right, bottom in boxes:
        assert 0 <= left < right <= 1
        assert 0 <= top < bottom <= 1
    for one, other in combinations(sorted(boxes), 2):
        assert one[2] <= other[0] + 0.03  # shares of the width


@pytest.mark.parametrize("seed", [1, 2])
def test_the_counts_are_those_of_table_2(seed: int) -> None:
    assert Counter(cell(number, seed) for number in range(CCD_PAIRS)) == CCD_COUNTS
    assert CCD_PAIRS == 12_252


def test_the_first_pairs_have_nearly_their_share_of_every_cell() -> None:
    found = Counter[tuple[str, str]]()
    for number in range(CCD_PAIRS):
        found[cell(number, 1)] += 1
        for each, whole in CCD_COUNTS.items():
            assert abs(found[each] - whole * (number + 1) / CCD_PAIRS) < 6  # a block of 12 is shuffled


def test_the_same_number_and_seed_are_the_same_pair() -> None:
    first, again, other = synthetic_pair(5, Settings(1)), synthetic_pair(5, Settings(1)), synthetic_pair(5, Settings(2))
    assert first == again
    assert first.draw().tobytes() == again.draw().tobytes()
    assert first.draw().size == (WIDTH, HEIGHT)
    assert first.text != other.text
    pairs = [synthetic_pair(number, Settings(1)) for number in range(300)]
    assert len({pair.text for pair in pairs}) == len(pairs)


def test_what_is_drawn_is_in_its_box() -> None:
    for number in range(20):
        pair = synthetic_pair(number, Settings(1))
        whole = np.asarray(pair.draw(), dtype=int)
        empty = SyntheticPair(**{**pair.__dict__, "things": ()})
        drawn = np.abs(whole - np.asarray(empty.draw(), dtype=int)).sum(axis=2) > 0
        covered = np.zeros_like(drawn)
        for left, top, right, bottom in (thing.box for thing in pair.things):
            rows = slice(int(top * HEIGHT) - 2, int(bottom * HEIGHT) + 3)
            covered[max(0, rows.start) : rows.stop, max(0, int(left * WIDTH) - 2) : int(right * WIDTH) + 3] = True
        assert drawn.any()
        assert not (drawn & ~covered).any(), pair


def test_unseen_associations_stay_out_of_train() -> None:
    settings = Settings(1, unseen=0.2)
    held_out = {a for kind in KINDS for a in unseen(kind, settings)}
    every = sum(len(about.associations) for about in KINDS.values())
    assert len(held_out) / every == pytest.approx(0.2, abs=0.05)
    pairs = [synthetic_pair(number, settings) for number in range(3000)]
    used = {split: {p.association[1] for p in pairs if p.split == split} for split in ("train", "dev", "test")}
    assert not used["train"] & held_out
    assert used["dev"] & held_out
    assert used["test"] & held_out
    assert all(unseen(kind, Settings(1)) == frozenset() for kind in KINDS)
    assert all(len(unseen(kind, Settings(1, unseen=1))) == len(KINDS[kind].associations) - 1 for kind in KINDS)


def test_noise_is_as_much_as_was_asked_for() -> None:
    def share(settings: Settings, sign: str) -> float:
        return sum(sign in synthetic_pair(number, settings).text for number in range(600)) / 600

    for sign in ("@", "https://", "#"):
        assert share(Settings(1, clutter=0), sign) == 0
        assert share(Settings(1, clutter=0.3), sign) == pytest.approx(0.3, abs=0.05)
    plain, rough = (synthetic_pair(3, Settings(1, typos=typos, clutter=0)).text for typos in (0, 1))
    assert plain != rough
    assert sorted(plain) == sorted(rough)


# --- one side alone ---------------------------------------------------------------------------------------------------

Floats = npt.NDArray[np.float64]


def of_text(pair: SyntheticPair) -> list[str]:
    """Words and pairs of neighbouring words."""
    found = re.findall(r"\w+|[^\w\s]", pair.text.lower())
    return found + [" ".join(two) for two in pairwise(found)]


def of_picture(pair: SyntheticPair) -> list[str]:
    """What a perfect detector sees, alone and two at a time: more than any image model has."""
    seen = [*sorted(thing.name for thing in pair.things), pair.scene, str(len(pair.things))]
    return seen + [" ".join(two) for two in combinations(seen, 2)]


def hashed(rows: list[list[str]], width: int = 2**14) -> sparse.csr_matrix:
    """Counts of hashed features, of unit length, with a constant in front."""
    columns = [[0, *(1 + zlib.crc32(each.encode()) % (width - 1) for each in row)] for row in rows]
    values = np.concatenate([[1.0, *([len(row) ** -0.5] * len(row))] for row in rows])
    starts = np.cumsum([0, *map(len, columns)])
    return sparse.csr_matrix((values, np.concatenate(columns), starts), shape=(len(rows), width))


def scores(features: sparse.csr_matrix, labels: npt.NDArray[np.int64], train: slice, penalty: float = 5e-4) -> Floats:
    """Multinomial logistic regression fitted on `train`: a score of every pair and label."""
    x, y = features[train], np.eye(len(LABELS))[labels[train]]

    def loss(flat: Floats) -> tuple[float, Floats]:
        w = flat.reshape(-1, len(LABELS))
        z = x @ w
        z -= z.max(axis=1, keepdims=True)
        log = z - np.log(np.exp(z).sum(axis=1, keepdims=True))
        slope = x.T @ (np.exp(log) - y) / len(y) + penalty * w
        return float(-(log * y).sum() / len(y) + penalty * (w**2).sum() / 2), slope.ravel()

    start = np.zeros(features.shape[1] * len(LABELS))
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 100}).x
    return np.asarray(features @ found.reshape(-1, len(LABELS)))


@functools.cache
def some(leak: float) -> list[SyntheticPair]:
    return [synthetic_pair(number, Settings(1, leak)) for number in range(6000)]


def gain(leak: float, view: Callable[[SyntheticPair], list[str]]) -> float:
    """Accuracy above the majority's, on pairs that were not trained on."""
    pairs = some(leak)
    labels = np.array([LABELS.index(pair.label) for pair in pairs])
    guess = scores(hashed(list(map(view, pairs))), labels, slice(0, 4500)).argmax(axis=1)
    return float((guess == labels)[4500:].mean() - (labels == LABELS.index("explicit"))[4500:].mean())


@pytest.mark.parametrize("view", [of_text, of_picture])
def test_one_side_alone_is_no_better_than_the_majority(view: Callable[[SyntheticPair], list[str]]) -> None:
    assert abs(gain(0, view)) < 0.03


def test_a_leak_is_found_in_the_text_alone() -> None:
    assert gain(0.5, of_text) > 0.1
