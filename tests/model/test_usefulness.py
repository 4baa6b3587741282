"""Whether a network is worth its predictions: against one label for every pair, and against text alone."""

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model import usefulness
from model.data import Loader
from model.usefulness import UNKNOWN, is_useful, measure, read, warning
from tests.model.caches import loader

LABELS = ("irrelevant", "explicit")


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Loader, Loader]:
    root = tmp_path_factory.mktemp("features")
    return loader(root, 300, seed=1), loader(root, 200, seed=2)


def test_one_label_for_every_pair_is_no_better_than_the_majority(pairs: tuple[Loader, Loader]) -> None:
    train, dev = pairs
    most = int(np.bincount(train.labels).argmax())
    for label in (0, 1):
        found = measure(train, dev, np.full(200, label), LABELS, balanced=False)
        assert found["recall"] == found["majority"]["recall"] == 0.5
        assert found["majority"]["difference"]["value"] == 0
        assert found["majority"]["label"] == LABELS[most]
        assert is_useful(found) is False
        assert f"no better than saying {LABELS[most]} of every pair (50.0; difference +0.0" in (warning(found) or "")
        assert "on 200 pairs of dev" in (warning(found) or "")


def test_guesses_are_no_better_either(pairs: tuple[Loader, Loader]) -> None:
    guesses = np.random.default_rng(0).integers(0, 2, 200)
    assert is_useful(measure(*pairs, guesses, LABELS, balanced=False)) is False


def test_a_network_that_sees_the_relation_is_better_than_both(pairs: tuple[Loader, Loader]) -> None:
    """Texts alone do not tell a match, so what is right in 9 of 10 pairs is ahead of both."""
    train, dev = pairs
    right = np.random.default_rng(0).random(200) < 0.9
    found = measure(train, dev, np.where(right, dev.labels, 1 - dev.labels), LABELS, balanced=False)
    assert is_useful(found) is True
    assert warning(found) is None
    assert 0 < found["text"]["difference"]["low"] < found["text"]["difference"]["value"]


def test_what_text_alone_tells_is_no_merit(pairs: tuple[Loader, Loader], monkeypatch: pytest.MonkeyPatch) -> None:
    train, dev = pairs
    good = np.where(np.random.default_rng(0).random(200) < 0.9, dev.labels, 1 - dev.labels)
    monkeypatch.setattr(usefulness, "by_text", lambda *_: dev.labels)
    found = measure(train, dev, good, LABELS, balanced=False)
    assert is_useful(found) is False
    assert (warning(found) or "").startswith("This network is no better than text alone (100.0;")


def test_text_alone_learns_what_texts_tell(pairs: tuple[Loader, Loader]) -> None:
    train, dev = pairs
    lengths = [
        np.concatenate([b.words.abs().sum((1, 2)).numpy() for b in each.batches([np.arange(len(each))])])
        for each in pairs
    ]
    cuts = [(each > np.median(lengths[0])).astype(np.int64) for each in lengths]
    told = [_relabelled(each, cut) for each, cut in zip(pairs, cuts, strict=True)]
    first = [usefulness.by_text(*told, 2, balanced) for balanced in (False, True)]
    assert all(np.mean(each == cuts[1]) > 0.6 for each in first)
    rare = _relabelled(train, (np.arange(300) % 10 == 0).astype(np.int64))  # nothing to learn, one in ten
    plain, balanced = (usefulness.by_text(rare, dev, 2, weights) for weights in (False, True))
    assert plain.sum() == 0
    assert 40 < balanced.sum() < 160


def _relabelled(of: Loader, labels: Any) -> Loader:
    other = copy.copy(of)
    other.labels = labels
    other.batches = lambda order: (replace(b, labels=None) for b in of.batches(order))  # type: ignore[method-assign]
    return other


def test_leakage_groups_make_the_interval_wider(pairs: tuple[Loader, Loader]) -> None:
    train, dev = pairs
    right = np.random.default_rng(0).random(20).repeat(10) < 0.8
    predicted = np.where(right, dev.labels, 1 - dev.labels)
    widths = []
    for groups in (None, tuple(str(i // 10) for i in range(200))):
        other = _relabelled(dev, dev.labels)
        other.groups = groups
        gain = measure(train, other, predicted, LABELS, balanced=False)["majority"]["difference"]
        widths.append(gain["high"] - gain["low"])
    assert widths[1] > 2 * widths[0]


def test_what_was_never_measured_is_not_known(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "metrics.json").write_text(json.dumps({"temperature": 1.0}))
    for version in ("old", "elsewhere"):
        assert read(tmp_path, version) is None
        assert warning(read(tmp_path, version)) == UNKNOWN
        assert is_useful(read(tmp_path, version)) is None
