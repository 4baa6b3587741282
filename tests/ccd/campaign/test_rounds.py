"""Rounds: uniform draws without repetition, balanced and shuffled assignments."""

from collections import Counter
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from ccd.campaign.campaign import Campaign
from ccd.campaign.rounds import Ranked, assign, new_round, ranked_round, spread
from ccd.campaign.tables import schema
from ccd.errors import CcdError
from tests.campaigns import add_pairs, small_campaign


def drawn(campaign: Campaign, number: int) -> list[str]:
    t = schema.round_pairs
    with campaign.read() as db:
        return list(db.scalars(sa.select(t.c.pair_id).where(t.c.round == number).order_by(t.c.pair_id)))


def orders(campaign: Campaign, number: int) -> dict[str, list[str]]:
    t = schema.assignments
    with campaign.read() as db:
        rows = db.execute(sa.select(t).where(t.c.round == number).order_by(t.c.annotator, t.c.position)).all()
    found: dict[str, list[str]] = {}
    for row in rows:
        assert row.position == len(found.setdefault(row.annotator, []))  # 0, 1, 2 … for each annotator
        found[row.annotator].append(row.pair_id)
    return found


@given(
    pairs=st.integers(1, 60),
    annotators=st.integers(2, 7),
    per_pair=st.integers(2, 7),
    seed=st.integers(0, 2**31 - 1),
)
@settings(max_examples=150, deadline=None)
def test_every_pair_gets_its_judges_and_loads_are_even(pairs: int, annotators: int, per_pair: int, seed: int) -> None:
    per_pair = min(per_pair, annotators)
    names, ids = [f"a{n}" for n in range(annotators)], [f"p{n}" for n in range(pairs)]
    given_out = assign(ids, names, per_pair, np.random.default_rng(seed))
    assert list(given_out) == names
    assert all(len(order) == len(set(order)) for order in given_out.values())  # nobody twice on one pair
    assert Counter(pair for order in given_out.values() for pair in order) == dict.fromkeys(ids, per_pair)
    loads = [len(order) for order in given_out.values()]
    assert max(loads) - min(loads) <= 1
    assert given_out == assign(ids, names, per_pair, np.random.default_rng(seed))


def test_orders_are_shuffled_and_differ_between_annotators() -> None:
    ids = [f"p{n:02d}" for n in range(50)]
    given_out = assign(ids, ["a", "b", "c"], 3, np.random.default_rng(1))
    assert len({tuple(order) for order in (ids, *given_out.values())}) == 4


def test_everybody_meets_everybody() -> None:
    given_out = assign([f"p{n}" for n in range(200)], list("abcde"), 2, np.random.default_rng(1))
    assert all(set(given_out[one]) & set(given_out[two]) for one, two in combinations("abcde", 2))


def test_a_round_is_stored_as_it_was_drawn(tmp_path: Path) -> None:
    campaign = small_campaign(tmp_path, pairs=10, annotators="ann bob cy dee")
    made = new_round(campaign, size=4, seed=7)
    assert (made.round, made.arm, made.seed, made.size, made.pool) == (1, "random", 7, 4, 10)
    assert made.inclusion_probability == 0.4
    with campaign.read() as db:
        row = db.execute(sa.select(schema.rounds)).one()
        chances = set(db.scalars(sa.select(schema.round_pairs.c.inclusion_probability)))
        event = db.execute(sa.select(schema.events)).one()
    assert (row.round, row.arm, row.strategy, row.seed, row.size, row.pool) == (1, "random", "random", 7, 4, 10)
    assert chances == {0.4}
    assert (event.who, event.what, event.subject) == ("ccd round new", "round", "1")
    found = orders(campaign, 1)
    assert sorted(len(order) for order in found.values()) == [3, 3, 3, 3]
    assert Counter(pair for order in found.values() for pair in order) == dict.fromkeys(drawn(campaign, 1), 3)


def test_no_pair_is_in_two_rounds_and_the_pool_shrinks(tmp_path: Path) -> None:
    campaign = small_campaign(tmp_path, pairs=10)
    made = [new_round(campaign, size=size, seed=1) for size in (4, 5, 1)]
    assert [(m.round, m.pool, m.inclusion_probability) for m in made] == [(1, 10, 0.4), (2, 6, 5 / 6), (3, 1, 1.0)]
    everything = [pair for number in (1, 2, 3) for pair in drawn(campaign, number)]
    assert sorted(everything) == sorted(f"x:{n}:0" for n in range(10))


@pytest.mark.parametrize("size", [0, -1, 7, 10**9])
def test_a_size_that_cannot_be_drawn_changes_nothing(tmp_path: Path, size: int) -> None:
    campaign = small_campaign(tmp_path, pairs=6)
    with pytest.raises(CcdError, match=f"--size {size}: 6 pairs are in no round yet"):
        new_round(campaign, size=size, seed=1)
    with campaign.read() as db:
        assert db.scalar(sa.select(sa.func.count()).select_from(schema.rounds)) == 0


@pytest.mark.parametrize("seed", [-1, 2**31])
def test_a_seed_that_cannot_be_stored_is_refused(tmp_path: Path, seed: int) -> None:
    campaign = small_campaign(tmp_path, pairs=6)
    with pytest.raises(CcdError, match=f"--seed {seed}: out of range; write a number"):
        new_round(campaign, size=2, seed=seed)
    assert new_round(campaign, size=2, seed=2**31 - 1).round == 1


def test_the_same_seed_draws_the_same_whatever_the_order_of_collecting(tmp_path: Path) -> None:
    ids = [f"x:{n}:0" for n in range(40)]
    found = []
    for name, collected, seed in (("a", ids, 5), ("b", ids[::-1], 5), ("c", ids, 6)):
        campaign = small_campaign(tmp_path / name)
        add_pairs(campaign, collected)
        new_round(campaign, size=12, seed=seed)
        found.append((drawn(campaign, 1), orders(campaign, 1)))
    assert found[0] == found[1]
    assert found[0][0] != found[2][0]


def test_each_pair_is_as_likely_as_any_other(tmp_path: Path) -> None:
    campaign = small_campaign(tmp_path, pairs=8)
    times: Counter[str] = Counter()
    for seed in range(120):
        new_round(campaign, size=2, seed=seed)
        times.update(drawn(campaign, 1))
        with campaign.write() as db:
            for table in (schema.assignments, schema.round_pairs, schema.rounds):
                db.execute(table.delete())
    # 120 x 2/8 = 30 expected each, standard deviation 4.7.
    assert len(times) == 8
    assert all(10 < number < 50 for number in times.values())


@given(
    group_of=st.dictionaries(st.text(min_size=1, max_size=3), st.sampled_from("abc") | st.none(), min_size=1),
    most=st.integers(1, 4),
    share=st.floats(0, 1),
    seed=st.integers(0, 99),
)
def test_spreading_takes_as_many_as_asked_and_few_of_each_group_and_its_weights_add_up(
    group_of: dict[str, str | None], most: int, share: float, seed: int
) -> None:
    sizes = Counter(group for group in group_of.values() if group)
    can = sum(min(most, size) for size in sizes.values()) + list(group_of.values()).count(None)
    size = max(1, round(share * can))
    chances = spread(group_of, size, most, np.random.default_rng(seed))
    assert len(chances) == size
    assert all(number <= most for number in Counter(group_of[pair] for pair in chances if group_of[pair]).values())
    assert sum(1 / chance for chance in chances.values()) == pytest.approx(len(group_of))
    with pytest.raises(CcdError, match=f"{can} pairs? can be drawn with max_per_group = {most}"):
        spread(group_of, can + 1, most, np.random.default_rng(seed))


def grouped(folder: Path, most: int) -> Campaign:
    """Ten pairs, of which six are one group and two another; a round takes at most `most` of each."""
    campaign = small_campaign(folder, pairs=10)
    with campaign.write() as db:
        for first, after in ((0, 6), (6, 8)):
            ids = [f"x:{n}:0" for n in range(first, after)]
            db.execute(schema.pairs.update().where(schema.pairs.c.pair_id.in_(ids)).values(duplicate_group=ids[0]))
    path = folder / "campaign.toml"
    path.write_text(path.read_text().replace("# max_per_group = 1", f"max_per_group = {most}"))
    return Campaign.open(folder)


def test_a_round_takes_few_of_a_group_with_the_probability_it_says(tmp_path: Path) -> None:
    campaign = grouped(tmp_path, 1)
    times: Counter[str] = Counter()
    for seed in range(300):
        made = new_round(campaign, size=2, seed=seed)
        pairs = drawn(campaign, 1)
        times.update(pairs)
        assert sum(int(pair[2]) < 6 for pair in pairs) <= 1
        t = schema.round_pairs.c
        with campaign.write() as db:
            said = {row.pair_id: row.inclusion_probability for row in db.execute(sa.select(t.pair_id, t[2]))}
            for table in (schema.assignments, schema.round_pairs, schema.rounds):
                db.execute(table.delete())
        # One of the six is taken for certain, and one of the other four.
        assert said == {p: pytest.approx(1 / 6 if int(p[2]) < 6 else 1 / 4) for p in pairs}
        assert made.inclusion_probability == 0.2  # the mean over the pool
    # expected 50 each of six (sd 6.5), 75 each of four (7.5)
    for numbers, expected, sd in ((range(6), 50, 6.5), (range(6, 10), 75, 7.5)):
        assert all(abs(times[f"x:{n}:0"] - expected) < 4 * sd for n in numbers)


def test_a_round_that_the_groups_cannot_fill_is_refused(tmp_path: Path) -> None:
    campaign = grouped(tmp_path, 2)
    with pytest.raises(CcdError, match="--size 7: 6 pairs can be drawn with max_per_group = 2"):
        new_round(campaign, size=7, seed=1)
    assert new_round(campaign, size=6, seed=1).round == 1


def test_a_pair_that_is_judged_again_gets_one_more_judgment(tmp_path: Path) -> None:
    campaign = small_campaign(tmp_path, pairs=1, annotators="ann bob cy dee eve")
    new_round(campaign, size=1, seed=1)
    had = orders(campaign, 1)
    add_pairs(campaign, ["x:9:0"])
    queue = [Ranked("x:0:0", "strategy", None), Ranked("x:9:0", "strategy", None)]
    ranked_round(campaign, queue, strategy="margin", seed=1, pool=2, model_version=None)
    later = orders(campaign, 2)
    judges = {pair: {name for name, own in later.items() if pair in own} for pair in ("x:0:0", "x:9:0")}
    assert len(judges["x:9:0"]) == 3
    assert len(judges["x:0:0"]) == 1
    assert not judges["x:0:0"] & had.keys()
