"""What intervals and tests of replays and of calibration promise, by simulation; figures are in docs/estimates.md."""

import numpy as np
import pytest
from scipy.special import softmax

from model.calibration import calibration
from model.discovery import DiscoveryRow, against_random
from model.replay import ReplayRun, replay
from model.resampling import Floats, Ids, Interval
from tests.model.test_replay import case

pytestmark = pytest.mark.soak

REPLAYS, RUNS = 300, 2_000
STRATEGIES = 10  # that are compared with chance


@pytest.fixture(scope="module")
def population() -> tuple[ReplayRun, ...]:
    """Replays of one strategy on pools of their own: what a seed may give."""
    return tuple(replay(case(pool=600, test=100, seed=seed), "implicit", "random", seed) for seed in range(REPLAYS))


def held(found: Interval | None, truth: float) -> bool:
    assert found is not None
    assert found.low is not None
    assert found.high is not None
    return found.low <= truth <= found.high


@pytest.mark.parametrize(("seeds", "percentiles"), [(3, 0.80), (5, 0.88), (10, 0.93)])
def test_t_intervals_over_few_seeds_hold(
    population: tuple[ReplayRun, ...], seeds: int, percentiles: float, capsys: pytest.CaptureFixture[str]
) -> None:
    """Percentiles of a bootstrap over so few seeds hold less."""
    draw = np.random.default_rng(seeds)
    areas = np.array([run.area() for run in population], float)
    by_t, by_bootstrap = [], []
    for _ in range(RUNS):
        some = draw.choice(REPLAYS, seeds)
        by_t.append(
            held(DiscoveryRow("implicit", "random", tuple(population[i] for i in some)).value("area"), areas.mean())
        )
        low, high = np.quantile(areas[draw.choice(some, (500, seeds))].mean(1), [0.025, 0.975])
        by_bootstrap.append(low <= areas.mean() <= high)
    with capsys.disabled():
        print(f"area of {seeds} seeds: t {np.mean(by_t):.3f}, percentiles {np.mean(by_bootstrap):.3f}")
    assert np.mean(by_t) >= 0.93
    assert np.mean(by_bootstrap) < percentiles


@pytest.mark.parametrize("seeds", [3, 5, 10])
def test_no_strategy_is_ahead_of_chance_by_chance(
    population: tuple[ReplayRun, ...], seeds: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ten strategies that are as good as chance: how often any is called different, by Holm and without."""
    draw = np.random.default_rng(seeds)
    adjusted, plain = [], []
    for _ in range(RUNS // 4):
        rows = [
            DiscoveryRow(name, "random", tuple(population[i] for i in draw.choice(REPLAYS, seeds)))
            for name in ("random", *(f"s{number}" for number in range(STRATEGIES)))
        ]
        adjusted.append(min(against_random(rows, "random").values()) < 0.05)
        plain.append(min(row.p_value(rows[0], "area") or 1 for row in rows[1:]) < 0.05)
    with capsys.disabled():
        print(f"{STRATEGIES} strategies, {seeds} seeds: by Holm {np.mean(adjusted):.3f}, without {np.mean(plain):.3f}")
    assert np.mean(adjusted) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / len(adjusted))
    assert np.mean(plain) > 0.15


def drawn(pairs: int, sharpness: float, size: int, draw: np.random.Generator) -> tuple[Floats, Ids, list[str]]:
    """Logits [N, 3] said, labels [N], groups of `size` pairs: what is said is `sharpness` times the true logits.

    Pairs of a group have the same true logits but for a little, so that they are easy or hard together.
    """
    groups = np.arange(pairs) // size
    true = 1.5 * (draw.normal(size=(groups.max() + 1, 3))[groups] + 0.3 * draw.normal(size=(pairs, 3)))
    labels = (true + draw.gumbel(size=true.shape)).argmax(1)
    return sharpness * true, labels, [str(group) for group in groups]


@pytest.mark.parametrize(("pairs", "size"), [(300, 1), (300, 4), (1_000, 1)])
def test_a_perfectly_calibrated_network_is_not_called_another(
    pairs: int, size: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its plain error is far from 0; that it is beyond what chance gives is said in one of 20 test sets."""
    found = [calibration(*drawn(pairs, 1, size, np.random.default_rng(run)), seed=run) for run in range(300)]
    plain = np.mean([each.error for each in found])
    beyond = np.mean([each.error > each.perfect_high for each in found])
    reached = np.mean([each.debiased.low == 0 for each in found])
    with capsys.disabled():
        print(f"{pairs} pairs in groups of {size}: error {plain:.3f}, beyond {beyond:.3f}, debiased at 0 {reached:.3f}")
    assert plain == pytest.approx(np.mean([each.perfect for each in found]), rel=0.1)
    assert beyond <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / len(found))
    assert reached >= 0.93


@pytest.mark.parametrize(("pairs", "size"), [(300, 1), (300, 4), (1_000, 1)])
def test_intervals_of_calibration_hold(pairs: int, size: int, capsys: pytest.CaptureFixture[str]) -> None:
    """A network whose logits are twice what they should be."""
    logits, labels, _ = drawn(400_000, 2, 1, np.random.default_rng(9))
    chances = softmax(logits, axis=1)
    sure, right = chances.max(1), chances.argmax(1) == labels
    order = np.argsort(sure).reshape(1_000, -1)
    truth = {
        "debiased": float(np.sqrt(((sure[order].mean(1) - right[order].mean(1)) ** 2).mean())),
        "log_loss": float(-np.log(chances[np.arange(len(labels)), labels]).mean()),
        "brier": float(((chances - np.eye(3)[labels]) ** 2).sum(1).mean()),
    }
    found = [calibration(*drawn(pairs, 2, size, np.random.default_rng(run)), seed=run) for run in range(300)]
    shares = {name: float(np.mean([held(getattr(each, name), of) for each in found])) for name, of in truth.items()}
    with capsys.disabled():
        print(f"{pairs} pairs in groups of {size}: {shares}")
    assert min(shares.values()) >= 0.93 - 2 * np.sqrt(0.93 * 0.07 / len(found))
