"""The two streams' fixed rows and the regression on them."""

from pathlib import Path

import numpy as np
import pytest
import torch

from model import relation as module
from model.baselines import profile_regression
from model.baselines.profile_regression import ProfileRegression
from model.baselines.sizes import Sizes
from model.batch import Batch
from model.profile import PROFILE_WIDTH
from model.relation import SIDE, SKETCH, Sides, fit, relation, sides
from tests.model.caches import loader

WIDTH = 12


def matching(pairs: int, seed: int) -> tuple[list[Sides], np.ndarray]:
    """Image and text each show one of six things; label 1 where it is the same. Each thing alone tells nothing."""
    draw = np.random.default_rng(seed)
    things = np.eye(6, WIDTH, dtype=np.float32)
    seen, label = draw.integers(0, 6, pairs), draw.integers(0, 2, pairs)
    told = np.where(label == 1, seen, (seen + draw.integers(1, 6, pairs)) % 6)
    return [(things[[s]], things[[t, t]]) for s, t in zip(seen, told, strict=True)], label


def test_the_sketch_is_bilinear_and_keeps_each_product_whole() -> None:
    eye = np.eye(5)
    pairs = [(i, j) for i in range(5) for j in range(5)]
    whole = module._sketch(eye[[i for i, _ in pairs]], eye[[j for _, j in pairs]], np.random.default_rng(3))
    assert np.abs(whole).round(9).sum(1).tolist() == [1] * 25  # one place, one sign
    draw = np.random.default_rng(0)
    image, text = draw.normal(size=(2, 1, 5))
    found = module._sketch(image, text, np.random.default_rng(3))
    assert found == pytest.approx(sum(image[0, i] * text[0, j] * whole[[n]] for n, (i, j) in enumerate(pairs)))


def test_rows_are_standardised_and_stand_what_is_empty() -> None:
    pairs, _ = matching(50, 0)
    pairs[0] = (np.zeros((0, WIDTH), np.float32), np.zeros((0, WIDTH), np.float32))
    found = relation(pairs, one_space=True)
    assert found.alignment is not None
    assert found.fused.shape == (50, 2 * SIDE + SKETCH + PROFILE_WIDTH)
    assert np.isfinite(found.fused).all()
    spread = found.fused.std(0)
    assert found.fused.mean(0) == pytest.approx(0, abs=1e-5)
    assert spread[spread > 1e-5] == pytest.approx(1, abs=1e-4)
    assert relation(pairs, one_space=False).alignment is None


def test_the_association_stream_alone_sees_whether_both_sides_match() -> None:
    pairs, labels = matching(1200, 1)
    rows = relation(pairs, one_space=False).association
    accuracy = {}
    for name, columns in (("whole", rows), ("sides", rows[:, : 2 * SIDE])):
        said = fit(columns[:800], labels[:800], 2).predict(columns[800:]).argmax(1)
        accuracy[name] = (said == labels[800:]).mean()
    assert accuracy["whole"] > 0.9
    assert accuracy["sides"] < 0.65


def test_the_regression_is_that_of_the_baseline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PENALTY", profile_regression.PENALTY)
    draw = np.random.default_rng(0)
    labels = draw.integers(0, 3, 200)
    rows = draw.normal(size=(200, PROFILE_WIDTH)) + labels[:, None] / 2
    rows = (rows - rows.mean(0)) / rows.std(0)
    empty = torch.zeros(200, 0, 1)
    batch = Batch(
        empty, empty[..., 0].bool(), empty, torch.zeros(200), torch.from_numpy(rows).float(), torch.from_numpy(labels)
    )
    other = ProfileRegression(Sizes(1, 1, 3, PROFILE_WIDTH))
    other.fit([batch], None)
    expected = other(batch).logits.softmax(1).detach().numpy()
    found = fit(rows, labels, 3)
    assert found.predict(rows) == pytest.approx(expected, abs=5e-3)
    again = fit(rows, labels, 3, start=fit(rows[:20], labels[:20], 3))
    assert again.predict(rows) == pytest.approx(found.predict(rows), abs=5e-3)  # wherever it looks first


def test_the_pairs_of_a_loader_come_in_its_order_without_padding(tmp_path: Path) -> None:
    pairs = loader(tmp_path, 30, space="one")
    found = list(sides(pairs))
    for i, (regions, words) in enumerate(found):
        (batch,) = pairs.batches([np.array([i])])
        assert regions.tolist() == batch.regions[0].tolist()
        assert words.tolist() == batch.words[0].tolist()
    rows = relation(found, pairs.has_profile)
    assert rows.alignment is not None
