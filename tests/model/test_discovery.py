"""Many replays side by side: intervals, pairs of seeds, what is kept, and the picture."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy import stats

from ccd.measures.proportions import holm
from model import discovery
from model.discovery import MEASURES, DiscoveryRow, against_random, compare, draw_curves
from model.replay import ReplayRun
from tests.model.test_replay import case


def run(found: int, pool: int = 1500) -> ReplayRun:
    return ReplayRun((200, 500, 1000), (20, 20 + found, 20 + 2 * found), 150, pool, 1.5, 0.5, (0.0, 0.1), 0.01)


def test_differences_are_of_the_same_seeds() -> None:
    a = DiscoveryRow("a", "random", tuple(run(10 + 7 * seed) for seed in range(8)))
    b = DiscoveryRow("b", "random", tuple(run(8 + 7 * seed) for seed in range(8)))
    value, ahead = a.value("recall_500"), a.ahead(b, "recall_500")
    assert value is not None
    assert ahead is not None
    assert value.low < value.value < value.high
    assert (ahead.value, ahead.low, ahead.high) == pytest.approx((2 / 150,) * 3)  # whatever the seed
    assert a.value("recall_2000") is None  # beyond what was judged


def test_intervals_over_seeds_are_student_s() -> None:
    row = DiscoveryRow("a", "random", tuple(replace(run(10), enrichment=value) for value in (1.0, 1.5, 2.6)))
    found = row.value("enrichment")
    assert found is not None
    assert (found.low, found.high) == pytest.approx(stats.t.interval(0.95, 2, 1.7, stats.sem([1.0, 1.5, 2.6])))
    alone = DiscoveryRow("a", "random", row.runs[:1]).value("enrichment")
    assert alone is not None
    assert (alone.value, alone.low) == (1, None)
    assert "one seed" in (alone.reason or "")


def test_what_is_undefined_is_no_zero() -> None:
    nothing = ReplayRun((200, 500), (0, 0), 0, 1500, None, None, (None,), 0.01)
    row = DiscoveryRow("a", "random", (nothing,))
    assert all(row.value(name) is None for name in ("recall_500", "enrichment", "area", "clusters", "f1"))
    half = DiscoveryRow("a", "random", (run(10), replace(run(10), enrichment=None)))
    found = half.value("enrichment")
    assert found is not None
    assert (found.value, found.low) == (1.5, None)


def test_p_values_are_adjusted_for_as_many_strategies() -> None:
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.9}) == pytest.approx(
        {"a": 0.04, "c": 0.09, "b": 0.09, "d": 0.9}
    )
    draw = np.random.default_rng(0)
    gains = {"random": 0, "better": 40, "same": 0}
    rows = [
        DiscoveryRow(name, "random", tuple(run(60 + gain + int(draw.integers(0, 9))) for _ in range(8)))
        for name, gain in gains.items()
    ]
    found = against_random(rows, "random")
    assert list(found) == ["better", "same"]
    assert found["better"] < 1e-4
    plain = rows[2].p_value(rows[0], "area")
    assert plain == pytest.approx(stats.ttest_rel(*([r.area() for r in rows[i].runs] for i in (2, 0))).pvalue)
    assert found["same"] == pytest.approx(plain)
    assert found["better"] == pytest.approx(2 * (rows[1].p_value(rows[0], "area") or 0))


def test_the_area_of_a_straight_line_is_that_of_chance() -> None:
    line = ReplayRun((200, 1500), (20, 150), 150, 1500, 1.0, 0.5, (0.0,), 0.01)
    best = ReplayRun((200, 330, 1500), (20, 150, 150), 150, 1500, 1.0, 0.5, (0.0,), 0.01)
    assert line.area() == pytest.approx(0)
    assert best.area() == pytest.approx(1, abs=1e-3)


def test_runs_are_kept_and_never_repeated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names, made = ["random", "stream_gap", "relabel", "oracle"], case()
    rows = compare(made, names, ["random"], 2, tmp_path, {"data": "made"})
    assert [(row.strategy, len(row.runs)) for row in rows] == [(name, 2) for name in names]
    monkeypatch.setattr(discovery, "replay", None)
    assert compare(made, names, ["random"], 2, tmp_path, {"data": "made"}) == rows
    with pytest.raises(TypeError):
        compare(made, names, ["random"], 1, tmp_path, {"data": "other"})
    for row in rows:
        assert all(row.value(name) for name in MEASURES if name != "recall_2000")
    draw_curves(rows, "made", tmp_path / "curves.png")
    with Image.open(tmp_path / "curves.png") as image:
        assert image.width >= 600


def test_a_strategy_that_needs_more_is_left_out_with_its_reason(tmp_path: Path) -> None:
    settled = replace(case(), confusion=None)
    rows = compare(settled, ["relabel", "margin"], ["random"], 1, tmp_path, {})
    assert (len(rows[0].runs), len(rows[1].runs)) == (0, 1)
    assert "settled labels" in rows[0].why
