"""Splits: no leakage group straddles whatever the seed, every pair has one split, and the shares are kept."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.errors import CcdError
from ccd.splits import TIES, leakage_groups, naive, split, straddling
from tests.data import SHARED

SHARES = {"train": 0.8, "dev": 0.1, "test": 0.1}


def frame(rows: list[tuple[str, str, str, str, str]]) -> pd.DataFrame:
    """Rows of label, image, post, text, arm; pair ids by place."""
    made = pd.DataFrame(rows, columns=["label", "image", "post_id", "text_sha256", "arm"])
    return made.assign(duplicate_group=None, pair_id=[f"p{i:05d}" for i in range(len(made))])


def alone(number: int, label: str = "a", arm: str = "random", first: int = 0) -> list[tuple[str, str, str, str, str]]:
    return [(label, f"i{n}", f"o{n}", f"t{n}", arm) for n in range(first, first + number)]


ROWS = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.integers(0, 20).map("i{}".format),
        st.integers(0, 20).map("o{}".format),
        st.integers(0, 40).map("t{}".format),
        st.sampled_from(["random", "random", "active"]),
    ),
    min_size=1,
    max_size=40,
)


@given(ROWS, st.integers(0, 2**31))
def test_no_group_straddles_and_every_pair_has_one_split(rows: list[tuple[str, str, str, str, str]], seed: int) -> None:
    pairs = frame(rows)
    found = split(pairs, shares=SHARES, seed=seed)
    assert list(found.table["pair_id"]) == list(pairs["pair_id"])
    assert found.left_out == ()
    both = pairs.merge(found.table, on="pair_id")
    for tie in TIES:
        assert (both.groupby(tie)["split"].nunique() == 1).all()
    assert straddling(found.table["leakage_group"], found.table["split"]) == 0
    assert set(both.loc[both["arm"] != "random", "split"]) <= {"train"}
    got = both.groupby(["split", "label"]).size()
    for row in found.counts.itertuples():
        assert row.got == got.get((row.split, row.label), 0)
    shuffled = split(pairs.sample(frac=1, random_state=1), shares=SHARES, seed=seed)
    pd.testing.assert_frame_equal(found.table, shuffled.table)


def test_groups_are_chains_of_ties() -> None:
    pairs = frame([("a", "i1", "o1", "t1", "random"), ("a", "i2", "o1", "t2", "random"),
                   ("a", "i3", "o3", "t2", "random"), ("a", "i4", "o4", "t4", "random")])  # fmt: skip
    assert list(leakage_groups(pairs)) == ["p00000", "p00000", "p00000", "p00003"]


def test_a_value_of_one_column_is_no_tie_with_another_column() -> None:
    pairs = frame([("a", "same", "o1", "t1", "random"), ("a", "i2", "same", "t2", "random")])
    assert leakage_groups(pairs).nunique() == 2


def test_lone_pairs_meet_the_shares_of_every_label_exactly() -> None:
    pairs = frame(alone(200, "a") + alone(100, "b", first=200) + alone(30, "c", first=300))
    found = split(pairs, shares=SHARES, seed=1)
    assert (found.counts["wanted"] == found.counts["got"]).all()
    by = found.counts.set_index(["split", "label"])["got"]
    assert [by["test", label] for label in "abc"] == [20, 10, 3]
    other = split(pairs, shares=SHARES, seed=2)
    assert not other.table["split"].equals(found.table["split"])


def test_dev_and_test_are_filled_from_the_random_arm_even_where_it_is_small() -> None:
    pairs = frame(alone(80, arm="active") + alone(20, first=80))
    found = split(pairs, shares=SHARES, seed=1)
    assert (found.counts["wanted"] == found.counts["got"]).all()


def test_what_was_given_up_is_told() -> None:
    pairs = frame(alone(95, arm="active") + alone(5, first=95))
    counts = split(pairs, shares=SHARES, seed=1).counts.set_index("split")
    assert list(counts["wanted"]) == [80, 10, 10]
    assert counts.loc["train", "got"] == 95
    assert counts.loc[["dev", "test"], "got"].sum() == 5


def test_a_large_group_goes_to_train() -> None:
    pairs = frame([("a", "meme", f"o{n}", f"t{n}", "random") for n in range(60)] + alone(40, first=100))
    found = split(pairs, shares=SHARES, seed=1)
    assert set(found.table["split"][:60]) == {"train"}
    assert (found.counts["wanted"] == found.counts["got"]).all()


def test_a_share_of_nothing_gets_nothing() -> None:
    pairs = frame([("a", f"i{n // 7}", f"o{n}", f"t{n}", "random") for n in range(50)])
    assert "test" not in set(split(pairs, shares={"train": 0.5, "dev": 0.5, "test": 0}, seed=1).table["split"])


def test_released_pairs_stay_and_new_ones_follow_or_are_left_out() -> None:
    old = frame(alone(100))
    first = split(old, shares=SHARES, seed=1).table
    fixed = {str(row.pair_id): str(row.split) for row in first.itertuples() if row.split != "train"}
    dev, test = ([pair for pair, name in fixed.items() if name == one] for one in ("dev", "test"))
    place = {pair: int(pair[1:]) for pair in fixed}
    new = frame(
        [
            *alone(100),
            ("a", f"i{place[dev[0]]}", "o900", "t900", "random"),  # follows its image
            ("a", f"i{place[dev[1]]}", "o901", "t901", "active"),  # another arm: may not
            ("a", f"i{place[dev[2]]}", f"o{place[test[2]]}", "t902", "random"),  # ties dev to test
        ]
    )
    new.loc[new["pair_id"] == dev[3], "label"] = None  # opened again after the release
    found = split(new, shares=SHARES, seed=99, fixed=fixed)
    chosen = found.table.set_index("pair_id")["split"]
    assert {pair: chosen[pair] for pair in fixed} == fixed
    assert chosen["p00100"] == "dev"
    assert found.left_out == ("p00101", "p00102")
    assert straddling(found.table["leakage_group"], found.table["split"]) == 0


def test_a_pair_twice_is_told() -> None:
    pairs = frame(alone(2)).assign(pair_id="p")
    with pytest.raises(CcdError, match="p stands twice"):
        split(pairs, shares=SHARES, seed=1)


def test_a_naive_split_has_the_same_sizes_and_leaks() -> None:
    pairs = frame([("a", f"i{n // 2}", f"o{n}", f"t{n}", "random") for n in range(200)])
    table = split(pairs, shares=SHARES, seed=1).table
    random = naive(table, 1)
    assert random.value_counts().to_dict() == table["split"].value_counts().to_dict()
    assert straddling(table["leakage_group"], random) > 10


@pytest.mark.skipif(SHARED is None, reason="needs ../shared/data")
def test_real_tweets_share_few_images() -> None:
    """236 images under 11,103 tweets, some texts many times: groups are huge, and the rest still fills dev and test."""
    assert SHARED is not None
    tweets = pd.read_csv(SHARED / "tweets" / "tweets.tsv", sep="\t", dtype=str, quoting=3, keep_default_na=False)
    random = np.random.default_rng(0)
    pairs = pd.DataFrame(
        {
            "pair_id": [f"x:{i}:0" for i in tweets["tweet_id"]],
            "label": random.choice(["irrelevant", "implicit", "explicit"], len(tweets), p=[0.33, 0.11, 0.56]),
            "image": tweets["image_file"],
            "post_id": tweets["tweet_id"],
            "text_sha256": tweets["text"],
            "duplicate_group": None,
            "arm": "random",
        }
    ).drop_duplicates("pair_id")
    found = split(pairs, shares={"train": 0.84, "dev": 0.08, "test": 0.08}, seed=1)
    assert straddling(found.table["leakage_group"], found.table["split"]) == 0
    assert len(found.table) == len(pairs)
    assert (found.counts["wanted"] == found.counts["got"]).all()
    assert found.table["leakage_group"].value_counts().max() > 1000


def test_near_duplicates_stay_together_and_pairs_not_looked_at_are_not_tied() -> None:
    pairs = frame(alone(5)).assign(duplicate_group=["g", None, "g", None, "h"])
    assert list(leakage_groups(pairs)) == ["p00000", "p00001", "p00000", "p00003", "p00004"]
