"""Rankings: each strategy's own example, batches with their parts, and what no strategy may do."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.cli.rank import NAMES
from ccd.errors import CcdError
from model.acquisition import NEVER, STRATEGIES, Labelled, Pool, Strategy, batch, cluster
from model.acquisition.relabel import weights

TWO = np.array([[0.5, 0.3, 0.2], [0.1, 0.8, 0.1]], np.float32)
NOBODY = Labelled(np.zeros(0, np.int64), np.zeros(0, np.int64))


def pool_of(p: np.ndarray, **fields: object) -> Pool:
    rows = len(p)
    plain = Pool(
        [f"p{i}" for i in range(rows)], np.zeros((rows, 4), np.float16), np.arange(rows), np.zeros(rows, np.int64), p
    )
    return replace(plain, **fields)  # type: ignore[arg-type]


@cache
def made(pairs: int = 600, seed: int = 0) -> tuple[Pool, Labelled, np.ndarray]:
    """A pool with labels that its probabilities, profiles and embeddings know something of, and its first 60 judged."""
    draw = np.random.default_rng(seed)
    truth = draw.choice(3, pairs, p=[0.4, 0.1, 0.5])
    near = np.eye(3)[truth]
    p = draw.dirichlet([1, 1, 1], pairs) * 0.5 + near * 0.5
    known = np.concatenate([np.flatnonzero(truth == label)[:20] for label in range(3)])
    votes = np.zeros((pairs, 3), np.int64)
    votes[known] = [draw.multinomial(3, 0.7 * near[i] + 0.1) for i in known]
    embeddings = np.hstack([near * 2, np.zeros((pairs, 5))]) + draw.normal(size=(pairs, 8))
    pool = pool_of(
        p.astype(np.float32),
        embeddings=embeddings.astype(np.float16),
        clusters=cluster(embeddings, 6, seed),
        association=p.astype(np.float32),
        alignment=draw.dirichlet([1, 1, 1], pairs).astype(np.float32),
        profiles=(np.hstack([near, np.zeros((pairs, 25))]) + draw.normal(size=(pairs, 28)) / 2).astype(np.float16),
        judgments=votes,
    )
    return pool, Labelled(known, truth[known]), truth


def score(name: str, pool: Pool, labelled: Labelled = NOBODY) -> np.ndarray:
    return STRATEGIES[name](target=1).score(pool, labelled)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("margin", [-0.2, -0.7]), ("entropy", [0.94, 0.58]), ("least_confidence", [0.5, 0.2]), ("implicit", [0.3, 0.8])],
)
def test_uncertainty_as_in_the_examples(name: str, wanted: list[float]) -> None:
    assert score(name, pool_of(TWO)) == pytest.approx(wanted, abs=0.005)


def test_the_prior_is_moved_from_the_labelled_shares_to_the_pools() -> None:
    # Half of the labelled pairs are implicit, a tenth of the pool is: odds of implicit fall by nine.
    labelled = Labelled(np.arange(1000) % 2, np.repeat([1, 2], 1000))
    implicit = STRATEGIES["implicit"](target=1, prevalence=(0.0, 0.1, 0.9))
    p = np.array([[0.0, 0.5, 0.5], [0.0, 0.9, 0.1]], np.float32)
    assert implicit.score(pool_of(p), labelled) == pytest.approx([0.1, 0.5], abs=0.001)


def test_boundary_counts_places_from_the_best_threshold() -> None:
    q = np.array([0.8, 0.5, 0.1, -0.3, -0.9])
    p = np.stack([np.zeros(5), (1 + q) / 2, (1 - q) / 2], axis=1)
    labelled = Labelled(np.array([0, 4]), np.array([1, 2]))
    assert score("boundary", pool_of(p), labelled) == pytest.approx([-0.4, -0.2, 0.0, -0.2, -0.4])
    one_wrong = Labelled(np.array([0, 1, 2, 3]), np.array([1, 2, 1, 0]))  # one of four behind the first or the third
    assert score("boundary", pool_of(p), one_wrong) == pytest.approx([-0.3, -0.1, -0.1, -0.3, -0.5])
    assert score("boundary", pool_of(p)).argmax() == 0  # nothing found yet: from the top


def test_stream_gap_as_in_its_example() -> None:
    whole, parts = np.array([[0.1, 0.7, 0.2], [0.1, 0.1, 0.8]]), np.array([[0.8, 0.1, 0.1], [0.1, 0.1, 0.8]])
    assert score("stream_gap", pool_of(TWO, association=whole, alignment=parts)) == pytest.approx([1.22, 0.1], abs=0.01)


def test_anchor_prefers_what_is_unlike_the_judged_among_the_found_ones_neighbours() -> None:
    angles = np.array([0.0, 0.1, 0.6, 3.0])  # the first is found, the second is nearly it, the last is far away
    rows = np.stack([np.cos(angles), np.sin(angles), np.zeros(4)], axis=1)
    balanced = np.vstack([rows, -rows])  # so that their mean is nought
    p = np.full((8, 3), [0.2, 0.6, 0.2], np.float32)
    found = score("anchor", pool_of(p, embeddings=balanced), Labelled(np.array([0]), np.array([1])))
    assert found[2] == pytest.approx(0.6 * (1 - np.cos(0.6)) / 2, abs=1e-4)
    assert found[1] < found[2]
    with pytest.raises(CcdError, match="no pair with the label sought is known yet"):
        score("anchor", pool_of(p), Labelled(np.array([0]), np.array([2])))


def test_badge_picks_what_differs_before_a_copy() -> None:
    p = np.full((3, 3), [0.4, 0.35, 0.25], np.float32)
    pool = pool_of(p, embeddings=np.array([[1, 0], [1, 0], [0, 1]], np.float16))
    for seed in range(20):
        found = STRATEGIES["badge"](target=1, seed=seed).score(pool, NOBODY)
        assert found.argmin() != 2


def test_profile_learns_the_label_from_few_pairs_and_says_what_it_lacks() -> None:
    pool, labelled, truth = made()
    found = score("profile", pool, labelled)
    assert found[truth == 1].mean() > 2 * found[truth != 1].mean()
    with pytest.raises(CcdError, match="profile needs labelled pairs, some with the label sought"):
        score("profile", pool, Labelled(np.arange(5), np.zeros(5, np.int64)))
    with pytest.raises(CcdError, match="this ranking needs profiles, and there are none; name encoders of one space"):
        score("profile", replace(pool, profiles=None), labelled)


def test_relabel_is_activelab_with_one_weight_for_all_annotators(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model.acquisition.relabel.weights", lambda p, counts: (1.0, 1.0, 1.0))
    p = np.array([[0.9, 0.1], [0.9, 0.1]])
    assert score("relabel", pool_of(p, judgments=np.array([[0, 0], [2, 1]]))) == pytest.approx([-0.7, -0.68])


def test_weights_say_whom_to_trust() -> None:
    counts = np.array([[3, 0]] * 5 + [[0, 3]] * 5)
    right, wrong = np.eye(2)[[0] * 5 + [1] * 5], np.eye(2)[[1] * 5 + [0] * 5]
    assert weights(right, counts) == pytest.approx((1, np.sqrt(3), 1))
    assert weights(wrong, counts)[1] < 1e-4
    with pytest.raises(CcdError, match="relabel needs pairs with two judgments"):
        weights(right, np.zeros((10, 2), np.int64))


@pytest.mark.parametrize("name", sorted(STRATEGIES))
def test_every_strategy_gives_a_number_a_pair_that_the_order_of_rows_does_not_change(name: str) -> None:
    pool, labelled, _ = made()
    found = score(name, pool, labelled)
    assert found.shape == (len(pool),)
    assert np.isfinite(found).all()
    assert np.array_equal(found, score(name, pool, labelled))
    if name in ("random", "badge"):
        return  # draws
    order = np.random.default_rng(1).permutation(len(pool))
    place = np.argsort(order)
    arrays = {key: value[order] for key, value in vars(pool).items() if isinstance(value, np.ndarray)}
    turned = replace(pool, ids=[pool.ids[i] for i in order], **arrays)
    assert score(name, turned, Labelled(place[labelled.rows], labelled.labels))[place] == pytest.approx(found, abs=1e-4)


@pytest.mark.parametrize("name", ["implicit", "anchor", "profile"])
def test_rankings_that_know_something_find_more_than_chance(name: str) -> None:
    pool, labelled, truth = made(3000)
    found = score(name, pool, labelled)
    found[labelled.rows] = NEVER
    first = np.argsort(-found)[:100]
    assert (truth[first] == 1).mean() > 0.2  # of a tenth in all


def test_the_command_offers_every_strategy() -> None:
    assert set(NAMES) == set(STRATEGIES)


@given(
    size=st.integers(1, 60),
    seed=st.integers(0, 1000),
    groups=st.integers(100, 300),
    shares=st.sampled_from([(0.2, 0.2), (0.0, 1.0), (0.0, 0.0), (0.5, 0.5)]),
    name=st.sampled_from(["margin", "implicit", "relabel"]),
)
@settings(max_examples=25, deadline=None)
def test_batches_rank_each_group_once_and_nothing_judged(
    size: int, seed: int, groups: int, shares: tuple[float, float], name: str
) -> None:
    pool, labelled, _ = made()
    group = np.random.default_rng(seed).integers(groups, size=len(pool))
    pool = replace(pool, groups=group)
    diverse, random = shares
    strategy = STRATEGIES[name](target=1)
    judged = np.isin(group, group[labelled.rows])
    found = batch(strategy, pool, labelled, size, seed, diverse=diverse, random=random, beyond=7)
    assert len(set(found.rows)) == len(found.rows) == size
    at_random = found.part == "random"
    assert at_random.sum() == round(size * random)
    assert np.isnan(found.probability).tolist() == (~at_random).tolist()
    assert set(found.probability[at_random]) <= {round(size * random) / (len(pool) - len(labelled.rows) + 7)}
    assert not set(found.rows[at_random]) & set(labelled.rows)
    ranked = found.rows[~at_random]
    assert (ranked < len(pool)).all()
    assert len(set(group[ranked])) == len(ranked)
    assert not set(group[ranked]) & set(group[[row for row in found.rows[at_random] if row < len(pool)]])
    if not strategy.again:
        assert not judged[ranked].any()


def test_more_pairs_than_there_are_groups_cannot_be_ranked() -> None:
    pool = pool_of(np.tile(TWO[:1], (12, 1)), groups=np.repeat([0, 1, 2], 4))
    with pytest.raises(CcdError, match="3 pairs can be ranked, 4 were asked for; ask for fewer"):
        batch(STRATEGIES["margin"](), pool, NOBODY, 4, 0, diverse=0, random=0)
    with pytest.raises(CcdError, match="13 pairs can be drawn at random, 14 were asked for"):
        batch(STRATEGIES["margin"](), pool, NOBODY, 14, 0, diverse=0, random=1, beyond=1)


def test_the_random_part_is_drawn_from_every_pair_also_beyond_the_pool_and_of_groups() -> None:
    pool = pool_of(np.tile(TWO[:1], (12, 1)), groups=np.array([0, 0, 0, 0, *range(1, 9)]))
    judged = Labelled(np.array([0]), np.array([1]))  # one of a group of four
    times = np.zeros(15)
    for seed in range(1000):
        found = batch(STRATEGIES["margin"](), pool, judged, 6, seed, diverse=0, random=0.5, beyond=3)
        drawn = found.part == "random"
        times[found.rows[drawn]] += 1
        assert set(found.probability[drawn]) == {3 / 14}
        assert np.isnan(found.score[found.rows >= 12]).all()
    assert times[0] == 0
    assert times[1:] / 1000 == pytest.approx(np.full(14, 3 / 14), abs=4 * np.sqrt(0.17 / 1000))


class ByNumber(Strategy):
    """The first rows of a pool first."""

    name = "by_number"

    def score(self, pool: Pool, labelled: Labelled) -> np.ndarray:
        return -np.arange(len(pool), dtype=float)


def test_the_best_come_first_but_for_a_cap_a_cluster_and_the_rest_is_spread() -> None:
    pool = pool_of(np.tile(TWO[:1], (100, 1)), clusters=np.repeat([0, 1, 2, 3], 25))
    judged = Labelled(np.arange(25, 45), np.zeros(20, np.int64))
    found = batch(ByNumber(), pool, judged, 20, 0, diverse=0.2, random=0, per_cluster=10)
    ranked, spread = (found.rows[found.part == part] for part in ("strategy", "diverse"))
    assert ranked.tolist() == [*range(10), *range(45, 50), 50]  # ten of the first cluster, all of the second, one more
    assert sorted(pool.clusters[spread]) == [0, 2, 3, 3]  # where least was judged
    assert found.part[:5].tolist().count("diverse") == 1  # in every stretch of the queue


def test_clusters_are_those_of_the_directions_and_repeat_by_seed() -> None:
    draw = np.random.default_rng(0)
    truth = draw.integers(5, size=2000)
    rows = (np.eye(5)[truth] * 3 + draw.normal(size=(2000, 5)) * 0.3).astype(np.float16)
    found = cluster(rows, 5, seed=1)
    assert all(len(set(found[truth == kind])) == 1 for kind in range(5))
    assert np.array_equal(found, cluster(rows, 5, seed=1))
    assert cluster(rows[:0], 5, 0).shape == (0,)
    assert set(cluster(np.zeros((7, 0)), 5, 0)) == {0}
