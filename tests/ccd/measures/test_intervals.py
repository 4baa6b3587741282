"""What intervals and probabilities hold, by simulation of annotators who know a label or guess."""

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from ccd.measures.agreement import Agreement, agreement
from ccd.measures.bootstrap import interval
from ccd.measures.dawid_skene import DawidSkene
from ccd.measures.sample_size import plan
from tests.ccd.tables import crossed

SHARES = np.array([0.1, 0.3, 0.6])
LABELS = ("a", "b", "c")


def judged(pairs: int, skills: npt.NDArray[np.float64], seed: int) -> tuple[pd.DataFrame, npt.NDArray[np.int64]]:
    """Judgments of all annotators on all pairs, and the true labels; who does not know a label guesses evenly."""
    random = np.random.default_rng(seed)
    truth = random.choice(3, pairs, p=SHARES)
    knows = random.random((len(skills), pairs)) < skills[:, None]
    label = np.where(knows, truth, random.integers(0, 3, knows.shape))
    workers, tasks = np.indices(label.shape)
    columns = {"task": tasks.ravel(), "worker": workers.ravel(), "label": np.array(LABELS)[label.ravel()]}
    return pd.DataFrame(columns), truth


def both(counts: list[list[int]]) -> Agreement:
    """Agreement of two annotators from their contingency table."""
    return agreement(crossed(np.array(counts)), ["c0", "c1"], "nominal", n_resamples=200)


@pytest.mark.parametrize(
    ("counts", "reason"),
    [
        ([[1, 1], [0, 1]], "no interval: fewer than 20 pairs in common"),
        ([[9, 2], [2, 6]], "no interval: fewer than 20 pairs in common"),
        ([[22, 2], [2, 2]], "no interval: a label with fewer than 10 judgments"),
        ([[9, 2], [2, 7]], None),
        ([[22, 2], [2, 3]], None),
    ],
)
def test_a_kappa_of_two_annotators_needs_pairs_and_labels_for_an_interval(
    counts: list[list[int]], reason: str | None
) -> None:
    found = both(counts).cohen["a|b"]
    assert found.value is not None
    assert (found.ci is None, found.reason) == (reason is not None, reason)


def test_the_alpha_of_a_label_needs_judgments_of_it_for_an_interval() -> None:
    rare = both([[22, 2], [2, 2]]).per_class
    assert rare["c1"].ci is None
    assert rare["c1"].reason == "no interval: a label with fewer than 10 judgments"
    assert rare["c0"].ci is not None


def test_an_expanded_interval_is_wider_as_t_is_than_the_normal() -> None:
    drawn = np.random.default_rng(0).normal(size=200_000)
    ends = interval(drawn, 20)
    assert ends is not None
    assert ends[1] == pytest.approx(2.0930 * np.sqrt(20 / 19), abs=0.03)  # t of 19 degrees of freedom
    wide, plain = interval(drawn, 100_000), interval(drawn)
    assert wide == pytest.approx(plain, abs=1e-3)


def test_two_annotators_who_never_disagree_may_yet_do_so() -> None:
    """Of 30 pairs without a disagreement three in a hundred may be one; draws of them alone would have none."""
    kappa = both([[15, 0], [0, 15]]).cohen["a|b"]
    assert kappa.value == 1
    assert kappa.ci is not None
    assert kappa.ci[1] == 1
    assert 0.6 < kappa.ci[0] < 0.9


@pytest.mark.parametrize(("annotators", "called"), [(3, False), (19, False), (20, True)])
def test_drawing_few_annotators_gives_no_95_percent_interval(annotators: int, called: bool) -> None:
    df, _ = judged(20, np.full(annotators, 0.7), 0)
    drawn = agreement(df, LABELS, "nominal", n_resamples=20, resample="both")
    assert (drawn.interval == "95 % interval") is called
    assert agreement(df, LABELS, "nominal", n_resamples=20).interval == "95 % interval"


def test_a_plan_says_how_far_it_varies() -> None:
    small, large = (plan(judged(pairs, np.full(3, 0.7), 1)[0], LABELS, "nominal", 0.05, 500) for pairs in (40, 400))
    for found in (small, large):
        assert found.pairs_low is not None
        assert found.pairs_high is not None
        assert found.pairs is not None
        assert found.pairs_low <= found.pairs <= found.pairs_high
    assert small.pairs_high / small.pairs_low > 1.25 * large.pairs_high / large.pairs_low  # type: ignore[operator]


# --- long simulations: make soak ------------------------------------------------------------------------------------


@pytest.mark.soak
@pytest.mark.parametrize("pairs", [20, 30, 50])
def test_kappas_with_an_interval_are_covered(pairs: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Fifteen kinds of annotators; figures are in docs/estimates.md."""
    held = {}
    for shares in ((0.5, 0.5), (0.2, 0.8), (0.1, 0.3, 0.6)):
        for skills in ((0.5, 0.5), (0.8, 0.8), (0.9, 0.9), (0.95, 0.95), (0.97, 0.8)):
            chances = [np.full((len(shares),) * 2, (1 - s) / len(shares)) + s * np.eye(len(shares)) for s in skills]
            joint = np.einsum("t,ti,tj->ij", shares, *chances)
            by_chance = float(joint.sum(axis=0) @ joint.sum(axis=1))
            truth = (np.trace(joint) - by_chance) / (1 - by_chance)
            random = np.random.default_rng(pairs)
            cis = [
                agreement(crossed(table.reshape(joint.shape)), (), "nominal", n_resamples=400, seed=run).cohen["a|b"].ci
                for run, table in enumerate(random.multinomial(pairs, joint.ravel(), 150))
            ]
            some = [ci[0] <= truth <= ci[1] for ci in cis if ci is not None]
            if len(some) >= 50:
                held[shares, skills] = float(np.mean(some)), len(some)
    lowest, number = min(held.values())
    with capsys.disabled():
        print(f"{pairs} pairs: {len(held)} kinds, {lowest:.3f} to {max(held.values())[0]:.3f}")
    assert len(held) > 8
    assert lowest >= 0.93 - 2.5 * np.sqrt(0.93 * 0.07 / number)  # the lowest of so many kinds


@pytest.mark.soak
def test_drawing_annotators_covers_from_twenty_on() -> None:
    """The alpha of a pool of annotators whose skill is uniform from 0.3 to 0.95; who guesses, guesses by the shares."""
    random = np.random.default_rng(3)
    truth = 0.625**2  # both know the label; otherwise they agree by chance alone
    share = {}
    for annotators in (3, 20):
        held = []
        for seed in range(120):
            skills = random.uniform(0.3, 0.95, annotators)
            label = random.choice(3, 150, p=SHARES)
            given = np.where(
                random.random((annotators, 150)) < skills[:, None],
                label,
                random.choice(3, (annotators, 150), p=SHARES),
            )
            workers, tasks = np.indices(given.shape)
            df = pd.DataFrame({"task": tasks.ravel(), "worker": workers.ravel(), "label": given.ravel()})
            found = agreement(df, [0, 1, 2], "nominal", n_resamples=200, seed=seed, resample="both")
            ci = found.coefficients["krippendorff_nominal"].ci
            held.append(ci is not None and ci[0] <= truth <= ci[1])
        share[annotators] = np.mean(held)
    assert share[3] < 0.85
    assert share[20] > 0.88  # of 120: three standard errors below 0.95 is 0.89


@pytest.mark.soak
def test_dawid_skenes_probabilities_are_overconfident() -> None:
    """In docs/labels.md: ten annotators, three judgments a task."""
    said, right = [], []
    for seed in range(20):
        df, truth = judged(150, np.random.default_rng(seed).uniform(0.4, 0.8, 10), seed)
        df = df.sample(frac=1, random_state=seed).groupby("task").head(3)
        model = DawidSkene(labels=LABELS)
        model.fit_predict(df)
        said.append(model.probas_.max(axis=1).mean())
        right.append((model.probas_.to_numpy().argmax(axis=1) == truth).mean())
    assert np.mean(said) - np.mean(right) > 0.08


@pytest.mark.soak
def test_the_spread_of_a_plan_holds_what_a_large_pilot_asks_for() -> None:
    whole = plan(judged(20_000, np.full(3, 0.7), 99)[0], LABELS, "nominal", 0.03, 4000).pairs
    assert whole is not None
    held = 0
    for seed in range(60):
        found = plan(judged(100, np.full(3, 0.7), seed)[0], LABELS, "nominal", 0.03, 500, seed)
        held += found.pairs_low is not None and found.pairs_low <= whole <= (found.pairs_high or 0)
    assert held >= 48
