"""Replays on made rows: what is found by whom, what it costs, and what must not be found."""

from dataclasses import asdict, replace

import numpy as np
import pytest

from ccd.errors import CcdError
from model import replay as module
from model.acquisition import STRATEGIES
from model.relation import Relation
from model.replay import JUDGMENTS, RANDOM_START, Case, replay

SHARES = (0.33, 0.1, 0.57)
NOISY = np.array([[0.9, 0.05, 0.05], [0.15, 0.7, 0.15], [0.05, 0.05, 0.9]])


def case(pool: int = 1500, test: int = 300, seed: int = 0, signal: float = 1.5) -> Case:
    """Rows of noise, of which the first column of each stream leans to the label."""
    draw = np.random.default_rng(seed)
    truth = draw.choice(3, pool + test, p=SHARES)
    association, alignment = (draw.normal(size=(pool + test, width)) for width in (10, 6))
    association[:, 0] += signal * (truth == 1)
    alignment[:, 0] += signal * (truth == 2)
    return Case("made", ("irrelevant", "implicit", "explicit"), 1, truth, pool, Relation(association, alignment), NOISY)


@pytest.mark.parametrize("name", list(STRATEGIES))
def test_every_strategy_is_replayed_to_the_last_budget(name: str) -> None:
    run = replay(case(), name, "random", 0)
    assert run.judged[0] == RANDOM_START
    assert 1000 <= run.judged[-1] < 1001  # a judgment on an old pair is a third
    assert list(run.found) == sorted(run.found) or STRATEGIES[name].again
    assert run.found[-1] <= run.findable
    assert len(run.f1) == 2
    assert 0 <= run.reached <= 1
    assert run.recall(500) <= run.recall(1000)


def test_the_same_seed_is_the_same_run_and_all_strategies_start_alike() -> None:
    runs = [asdict(replay(case(), name, "balanced", 3)) for name in ("margin", "margin", "implicit", "oracle")]
    for run in runs:
        del run["seconds"]
    assert runs[0] == runs[1]
    assert len({(run["judged"][0], run["found"][0], run["findable"]) for run in runs}) == 1
    assert runs[0]["judged"][:3] == (60, 100, 200)  # 20 of each label; the first batch fills a hundred
    assert runs[0]["found"][0] <= 20


def test_between_chance_and_the_oracle() -> None:
    areas = {
        name: np.mean([replay(case(), name, "random", s).area() for s in range(4)]) for name in ("random", "oracle")
    }
    assert areas["random"] == pytest.approx(0, abs=0.06)
    assert areas["oracle"] == pytest.approx(1, abs=0.03)  # the curve has corners at every batch only
    found = replay(case(), "implicit", "random", 0)
    assert 0.2 < found.area() < areas["oracle"]
    assert found.enrichment > 1.5


def test_nothing_is_found_in_permuted_labels() -> None:
    runs = [replay(case().permuted(seed), "implicit", "random", seed) for seed in range(6)]
    assert np.mean([run.enrichment for run in runs]) == pytest.approx(1, abs=0.15)


def test_annotators_err_as_the_case_says_and_ties_are_settled_by_the_truth() -> None:
    truth = np.repeat([0, 1, 2], 20_000)
    answers = module._answers(NOISY.cumsum(1), truth, np.random.default_rng(0))
    shares = np.array([np.bincount(answers[truth == label], minlength=3) / 20_000 for label in range(3)])
    assert shares == pytest.approx(NOISY, abs=0.01)
    counts = np.array([[1, 1, 1], [0, 2, 1], [2, 2, 0]])
    assert module._settled(counts, np.array([2, 2, 1])).tolist() == [2, 1, 1]


def test_without_errors_all_implicit_pairs_can_be_found() -> None:
    made = replace(case(), confusion=None)
    run = replay(made, "oracle", "random", 0)
    assert run.findable == (made.truth[:1500] == 1).sum() == run.found[-1]


def test_a_further_judgment_on_an_old_pair_costs_a_third() -> None:
    state = module._Replay(case(), "relabel", "random", 0, False, "own")
    old, new = state.order[:3], np.setdiff1d(np.arange(1500), state.order)[:2]
    before = state.spent, state.counts[old].sum()
    rows = np.concatenate([old, new])
    state.judge(module.JudgingBatch(rows, np.full(5, "strategy"), np.zeros(5), np.full(5, np.nan)))
    assert state.spent - before[0] == pytest.approx(3 / JUDGMENTS + 2)
    assert state.counts[old].sum() - before[1] == 3
    assert len(state.order) == RANDOM_START + 2


def test_controls_of_the_two_streams() -> None:
    state = module._Replay(case(), "stream_gap", "random", 0, False, "own")
    own = state.both_streams()
    state.streams = "shuffled"
    shuffled = state.both_streams()
    state.streams = "twins"
    twins = state.both_streams()
    for mine, other, twin in zip(own, shuffled, twins, strict=True):
        assert mine is not None
        assert other is not None
        assert twin is not None
        assert not np.array_equal(mine, other)
        assert np.sort(mine, axis=0) == pytest.approx(np.sort(other, axis=0), abs=1e-3)
        assert twin.sum(1) == pytest.approx(1)
    assert np.corrcoef(twins[0][:, 1], twins[1][:, 1])[0, 1] > np.corrcoef(own[0][:, 1], own[1][:, 1])[0, 1]  # type: ignore[index]


def test_f1_is_of_the_test_pairs() -> None:
    """Where a label can be read off the rows, a network that learned it from the pool is right on every test pair."""
    found = replay(case(signal=9.0), "random", "random", 0).f1
    assert min(value for value in found if value is not None) > 0.85
    assert None not in found


def test_the_f1_of_a_test_without_implicit_pairs_is_undefined() -> None:
    made = case()
    made.truth[made.pool :] = 0
    assert set(replay(made, "random", "random", 0).f1) == {None}


def test_what_cannot_be_replayed() -> None:
    nothing = case()
    nothing.truth[: nothing.pool] = 0
    with pytest.raises(CcdError, match="no pair of train and dev is implicit"):
        replay(nothing, "random", "random", 0)
    with pytest.raises(CcdError, match="needs 500"):
        replay(case(pool=400), "random", "random", 0)
    one = case()
    with pytest.raises(CcdError, match="association"):
        replay(replace(one, relation=Relation(one.relation.association, None)), "stream_gap", "random", 0)
