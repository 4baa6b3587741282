"""Splits: no leakage group straddles whatever the seed, sizes are met within one group, what is published stays."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from ccd.campaign.gold_labels import aggregate_labels
from ccd.campaign.stored_split import plan, publish, split_campaign
from ccd.campaign.tables import schema
from ccd.errors import CcdError
from ccd.splitting.leakage import straddling
from ccd.splitting.options import SPLITS, Quotas
from ccd.splitting.quotas import CCD_COUNTS
from ccd.splitting.split import Split, naive, split
from tests.ccd.build import add_pairs, campaign, judge
from tests.data import SHARED

SHARES = Quotas({"train": 0.8, "dev": 0.1, "test": 0.1})
TIED_BY = ("image", "post", "author")
Rows = list[tuple[str, str, str, str, str]]


def frame(rows: Rows) -> pd.DataFrame:
    """Rows of label, image, post, author, arm; pair ids by place. No two texts are alike."""
    made = pd.DataFrame(rows, columns=["label", "image", "post_id", "author_key", "arm"])
    return made.assign(pair_id=[f"p{i:05d}" for i in range(len(made))], text="", phash=None)


def alone(number: int, label: str = "a", arm: str = "random", first: int = 0) -> Rows:
    return [(label, f"i{n}", f"o{n}", f"w{n}", arm) for n in range(first, first + number)]


def split_of(found: Split) -> dict[str, str]:
    return dict(zip(found.table["pair_id"], found.table["split"], strict=True))


ROWS = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.integers(0, 20).map("i{}".format),
        st.integers(0, 20).map("o{}".format),
        st.integers(0, 40).map("w{}".format),
        st.sampled_from(["random", "random", "active"]),
    ),
    min_size=1,
    max_size=60,
)


@pytest.mark.slow
@settings(max_examples=50, deadline=None)
@given(ROWS, st.integers(0, 2**31), st.sets(st.sampled_from(TIED_BY)))
def test_no_group_straddles_and_every_pair_has_one_split(rows: Rows, seed: int, ties: set[str]) -> None:
    pairs = frame(rows)
    found = split(pairs, quotas=SHARES, seed=seed, ties=ties)
    assert list(found.table["pair_id"]) == list(pairs["pair_id"])
    assert found.left_out == ()
    both = pairs.merge(found.table, on="pair_id")
    for tie, column in zip(TIED_BY, ("image", "post_id", "author_key"), strict=True):
        if tie in ties:
            assert (both.groupby(column)["split"].nunique() == 1).all()
    assert straddling(found.table["leakage_group"], found.table["split"]) == 0
    assert set(both.loc[both["arm"] != "random", "split"]) <= {"train"}
    got = both.groupby(["split", "label"]).size()
    for row in found.counts.itertuples():
        assert row.got == got.get((row.split, row.label), 0)
    shuffled = split(pairs.sample(frac=1, random_state=1), quotas=SHARES, seed=seed, ties=ties)
    pd.testing.assert_frame_equal(found.table, shuffled.table)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 40), st.sampled_from("abc")), min_size=3, max_size=80), st.integers(0, 2**31))
def test_sizes_are_met_within_one_group(groups: list[tuple[int, str]], seed: int) -> None:
    """Between a split that is short and one that has too many, no group could move and bring both nearer."""
    sized = [(n, k, label) for n, (size, label) in enumerate(groups) for k in range(size)]
    rows = [(label, f"i{n}", f"o{n}-{k}", f"w{n}-{k}", "random") for n, k, label in sized]
    found = split(frame(rows), quotas=SHARES, seed=seed, ties=["image"])
    sizes = found.counts.groupby("split")[["wanted", "got"]].sum()
    missing = sizes["wanted"] - sizes["got"]
    group_sizes = found.table["leakage_group"].map(found.table["leakage_group"].value_counts())
    smallest = group_sizes.groupby(found.table["split"]).min()
    for many in smallest.index:
        for short in SPLITS:
            assert smallest[many] >= missing[short] - missing[many]
    assert (missing.abs() <= group_sizes.max()).all()


def test_lone_pairs_meet_the_shares_of_every_label_exactly() -> None:
    pairs = frame(alone(200, "a") + alone(100, "b", first=200) + alone(30, "c", first=300))
    found = split(pairs, quotas=SHARES, seed=1, ties=TIED_BY)
    assert (found.counts["wanted"] == found.counts["got"]).all()
    assert found.given_up == ()
    by = found.counts.set_index(["split", "label"])["got"]
    assert [by["test", label] for label in "abc"] == [20, 10, 3]
    assert split_of(split(pairs, quotas=SHARES, seed=2, ties=TIED_BY)) != split_of(found)


def test_numbers_of_pairs_are_met() -> None:
    pairs = frame(alone(200, "a") + alone(100, "b", first=200))
    found = split(pairs, quotas=Quotas({}, {"dev": 17, "test": 25}), seed=1, ties=TIED_BY)
    assert Counter(found.table["split"]) == {"train": 258, "dev": 17, "test": 25}
    assert found.given_up == ()


def test_groups_of_all_sizes_are_held_out() -> None:
    """Dev and test are no set of loners: they have about their share of the pairs in groups of two and three."""
    rows = [("a", f"i{n}-{k // 3 if n % 3 else k}", f"o{n}-{k}", "w", "random") for n in range(300) for k in range(3)]
    share = []
    for seed in range(20):
        found = split(frame(rows), quotas=SHARES, seed=seed, ties=["image"]).table
        grouped = found["leakage_group"].duplicated(keep=False)
        share.append(grouped[found["split"] == "test"].mean())
    assert abs(np.mean(share) - 2 / 3) < 0.05


def test_dev_and_test_look_like_the_random_arm() -> None:
    """The active arm brought in many b: test has b as often as they were collected, not as often as they were found."""
    pairs = frame(alone(180, "a") + alone(20, "b", first=180) + alone(100, "b", "active", first=200))
    found = split(pairs, quotas=SHARES, seed=1, ties=TIED_BY)
    by = found.counts.set_index(["split", "label"])["got"]
    assert [by["test", label] for label in "ab"] == [27, 3]
    assert found.given_up == ()


def test_what_was_given_up_is_told() -> None:
    pairs = frame(alone(95, arm="active") + alone(5, first=95))
    found = split(pairs, quotas=SHARES, seed=1, ties=TIED_BY)
    counts = found.counts.set_index("split")
    assert list(counts["wanted"]) == [80, 10, 10]
    assert counts.loc["train", "got"] == 95
    assert counts.loc[["dev", "test"], "got"].sum() == 5
    assert found.given_up[0].startswith("dev and test want 20 pairs and 5 may be there; the others are not of the")
    assert len(found.given_up) == 3


def test_random_pairs_that_are_tied_to_active_ones_are_told_as_given_up() -> None:
    meme = [("a", "meme", f"o{n}", f"w{n}", "active" if n == 0 else "random") for n in range(95)]
    found = split(frame(meme + alone(5, first=95)), quotas=SHARES, seed=1, ties=["image"])
    assert found.given_up[0].startswith("dev and test want 20 pairs and 5 may be there;")


def test_a_random_pair_tied_to_an_active_one_goes_to_train() -> None:
    pairs = frame([("a", "same", "o", "w", "random"), ("a", "same", "p", "v", "active"), *alone(100)])
    for seed in range(20):
        assert split_of(split(pairs, quotas=SHARES, seed=seed, ties=["image"]))["p00000"] == "train"


def test_a_large_group_goes_to_train() -> None:
    pairs = frame([("a", "meme", f"o{n}", f"w{n}", "random") for n in range(60)] + alone(40, first=100))
    for seed in range(20):
        found = split(pairs, quotas=SHARES, seed=seed, ties=["image"])
        assert set(found.table["split"][:60]) == {"train"}
        assert (found.counts["wanted"] == found.counts["got"]).all()


def test_a_share_of_nothing_gets_nothing() -> None:
    pairs = frame([("a", f"i{n // 7}", f"o{n}", f"w{n}", "random") for n in range(50)])
    found = split(pairs, quotas=Quotas({"train": 0.5, "dev": 0.5, "test": 0}), seed=1, ties=["image"])
    assert "test" not in set(found.table["split"])


def test_what_is_published_stays_and_new_pairs_follow_or_are_left_out() -> None:
    published = split_of(split(frame(alone(100)), quotas=SHARES, seed=1, ties=TIED_BY))
    train, dev, test = ([int(pair[1:]) for pair, name in published.items() if name == one] for one in SPLITS)
    new = frame(
        [
            *alone(100),
            ("a", f"i{dev[0]}", "o900", "w900", "random"),  # follows its image
            ("a", f"i{dev[1]}", "o901", "w901", "active"),  # another arm: may not
            ("a", f"i{dev[2]}", f"o{test[2]}", "w902", "random"),  # ties dev to test
            ("a", f"i{train[0]}", "o903", "w903", "active"),
            ("a", f"i{train[1]}", f"o{test[3]}", "w904", "random"),  # ties published train to test: that one goes
        ]
    )
    new.loc[new["pair_id"] == f"p{dev[3]:05d}", "label"] = None  # opened again after the release
    found = split(new, quotas=SHARES, seed=99, ties=TIED_BY, published=published)
    chosen = split_of(found)
    assert {pair: chosen[pair] for pair, name in published.items() if name != "train"} == {
        pair: name for pair, name in published.items() if name != "train"
    }
    assert (chosen["p00100"], chosen["p00103"], chosen["p00104"]) == ("dev", "train", "test")
    assert set(found.left_out) == {"p00101", "p00102", f"p{train[1]:05d}"}
    assert {chosen[f"p{n:05d}"] for n in train if n != train[1]} == {"train"}
    assert straddling(found.table["leakage_group"], found.table["split"]) == 0


@pytest.mark.slow
@settings(max_examples=50, deadline=None)
@given(ROWS, ROWS, st.integers(0, 2**31))
def test_later_pairs_never_move_a_published_one(rows: Rows, more: Rows, seed: int) -> None:
    published = split_of(split(frame(rows), quotas=SHARES, seed=seed, ties=TIED_BY))
    both = frame(rows + more)
    found = split(both, quotas=SHARES, seed=seed + 1, ties=TIED_BY, published=published)
    chosen = split_of(found)
    for pair, name in published.items():
        assert chosen.get(pair, "left out") == name or (name == "train" and pair in found.left_out)
    assert set(both.loc[both["arm"] != "random", "pair_id"]) & {p for p, s in chosen.items() if s != "train"} == set()
    assert straddling(found.table["leakage_group"], found.table["split"]) == 0
    assert len(chosen) + len(found.left_out) == len(both)


def test_published_pairs_that_a_new_tie_binds_stay() -> None:
    pairs = frame([("a", "i", "o1", "w", "random"), ("a", "i", "o2", "v", "random"), *alone(20)])
    found = split(pairs, quotas=SHARES, seed=1, ties=["image"], published={"p00000": "dev", "p00001": "test"})
    assert [split_of(found)[pair] for pair in ("p00000", "p00001")] == ["dev", "test"]
    assert straddling(found.table["leakage_group"], found.table["split"]) == 1


def test_a_pair_twice_is_told() -> None:
    pairs = frame(alone(2)).assign(pair_id="p")
    with pytest.raises(CcdError, match="p is there twice"):
        split(pairs, quotas=SHARES, seed=1, ties=[])


@pytest.mark.parametrize("column", ["pair_id", "label", "arm"])
def test_a_missing_column_is_reported(column: str) -> None:
    with pytest.raises(CcdError, match=f"the pairs lack the column '{column}'"):
        split(frame(alone(2)).drop(columns=column), quotas=SHARES, seed=1, ties=[])


@pytest.mark.parametrize("arm", ["Random", "", None, float("nan")])
def test_an_unknown_arm_is_reported(arm: object) -> None:
    pairs = frame(alone(3)).astype(object)
    pairs.loc[1, "arm"] = arm
    with pytest.raises(
        CcdError, match=r"p00001: the arm .* is unknown; it must be one of random, active, gold, imported"
    ):
        split(pairs, quotas=SHARES, seed=1, ties=[])


def test_a_published_split_that_is_none_is_reported() -> None:
    with pytest.raises(CcdError, match="p00000: published in 'Train'; the splits are train, dev, test"):
        split(frame(alone(3)), quotas=SHARES, seed=1, ties=[], published={"p00000": "Train"})


@pytest.mark.parametrize(
    ("shares", "reported"),
    [
        ({"train": 0.8, "dev": 0.8, "test": 0.8}, "which add up to 2.4; make that 1"),
        ({"train": 1.2, "dev": -0.1, "test": -0.1}, "write a share from 0 to 1 for each of train, dev, test"),
        ({"train": float("nan"), "dev": 0.5, "test": 0.5}, "write a share from 0 to 1"),
        ({"train": 0.5, "test": 0.5}, "write a share from 0 to 1"),
        ({"train": 0.5, "valid": 0.5, "test": 0}, "write a share from 0 to 1"),
        ({"train": "0.8", "dev": 0.1, "test": 0.1}, "write a share from 0 to 1"),
        ([0.8, 0.1, 0.1], "write a number for each split"),
        (0.8, "write a number for each split"),
        (None, "write a number for each split"),
    ],
)
def test_shares_that_cannot_be_are_reported(shares: Any, reported: str) -> None:
    with pytest.raises(CcdError, match=reported):
        Quotas(shares)
    with pytest.raises(CcdError, match=reported):
        split(frame(alone(9)), quotas=shares, seed=1, ties=[])


def test_quotas_may_be_a_plain_map_of_shares() -> None:
    found = split(frame(alone(40)), quotas=SHARES.shares, seed=1, ties=[])
    assert found.table.equals(split(frame(alone(40)), quotas=SHARES, seed=1, ties=[]).table)


def test_pairs_that_are_no_frame_are_reported() -> None:
    with pytest.raises(CcdError, match="the pairs are a list; make a DataFrame"):
        split([{"pair_id": "a"}], quotas=SHARES, seed=1)  # type: ignore[arg-type]


def test_numbers_and_likenesses_that_cannot_be_are_reported() -> None:
    for counts in ({"dev": 1}, {"dev": 1, "test": -1}, {"dev": 0.5, "test": 2}, {"dev": 1, "test": 1, "more": 1}):
        with pytest.raises(CcdError, match="write whole numbers of pairs for dev and test"):
            Quotas({}, counts)  # type: ignore[arg-type]
    with pytest.raises(CcdError, match="quotas like 'CCD'; write 'ccd' or None"):
        Quotas({}, like="CCD")


def test_a_naive_split_has_the_same_sizes_and_leaks() -> None:
    pairs = frame([("a", f"i{n // 2}", f"o{n}", f"w{n}", "random") for n in range(200)])
    table = split(pairs, quotas=SHARES, seed=1, ties=["image"]).table
    random = naive(table, 1)
    assert random.value_counts().to_dict() == table["split"].value_counts().to_dict()
    assert straddling(table["leakage_group"], random) > 10


# --- the paper's, and real tweets -----------------------------------------------------------------------------------


def ccd_like() -> pd.DataFrame:
    """12,252 pairs with the paper's labels, one in ten of them on the picture of another."""
    rows: Rows = []
    for (_, label), number in CCD_COUNTS.items():
        first = len(rows)
        rows += [(label, f"i{n - (n % 10 == 1)}", f"o{n}", f"w{n}", "random") for n in range(first, first + number)]
    return frame(rows)


@pytest.mark.parametrize("seed", range(3))
def test_like_ccd_gives_table_2_exactly(seed: int) -> None:
    found = split(ccd_like(), quotas=Quotas({}, like="ccd"), seed=seed, ties=["image"])
    got = {(row.split, row.label): row.got for row in found.counts.itertuples()}
    assert got == CCD_COUNTS
    assert found.given_up == ()
    assert straddling(found.table["leakage_group"], found.table["split"]) == 0


def test_like_ccd_on_another_size_is_in_proportion() -> None:
    pairs = ccd_like().sample(1000, random_state=1)
    found = split(pairs, quotas=Quotas({}, like="ccd"), seed=1, ties=["image"])
    totals = pairs["label"].value_counts()
    whole = Counter[str]()
    for (_, label), number in CCD_COUNTS.items():
        whole[label] += number
    for row in found.counts.itertuples():
        assert abs(row.wanted - CCD_COUNTS[row.split, row.label] * totals[row.label] / whole[row.label]) < 1


def test_like_ccd_with_other_labels_is_told() -> None:
    with pytest.raises(CcdError, match="the paper's labels are explicit, implicit, irrelevant, here are a"):
        split(frame(alone(9)), quotas=Quotas({}, like="ccd"), seed=1, ties=[])


@pytest.fixture(scope="module")
def tweets() -> pd.DataFrame:
    """11,103 real tweets on 236 pictures, as pairs with made labels."""
    if SHARED is None:
        pytest.skip("needs ../shared/data")
    table = pd.read_csv(SHARED / "tweets" / "tweets.tsv", sep="\t", dtype=str, quoting=3, keep_default_na=False)
    table = table.drop_duplicates("tweet_id").reset_index(drop=True)
    labels = np.random.default_rng(0).choice(["irrelevant", "implicit", "explicit"], len(table), p=[0.33, 0.11, 0.56])
    ids = "x:" + table["tweet_id"]
    columns = {"pair_id": ids + ":0", "label": labels, "image": table["image_file"], "post_id": ids}
    return pd.DataFrame(columns | {"text": table["text"], "arm": "random", "phash": None, "author_key": None})


@pytest.mark.slow
@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**31))
def test_no_group_of_real_tweets_straddles_whatever_the_seed(tweets: pd.DataFrame, seed: int) -> None:
    found = split(tweets, quotas=Quotas({"train": 0.84, "dev": 0.08, "test": 0.08}), seed=seed, ties=["image", "post"])
    assert len(found.table) == len(tweets)
    both = tweets.assign(split=found.table.set_index("pair_id")["split"].reindex(tweets["pair_id"]).to_numpy())
    assert (both.groupby("image")["split"].nunique() == 1).all()
    assert (both.groupby("post_id")["split"].nunique() == 1).all()
    assert straddling(found.table["leakage_group"], found.table["split"]) == 0
    sizes = found.counts.groupby("split")[["wanted", "got"]].sum()
    smallest = found.table["leakage_group"].value_counts().min()
    assert ((sizes["wanted"] - sizes["got"]).abs()[["dev", "test"]] <= smallest + 5).all()


# --- a campaign -----------------------------------------------------------------------------------------------------

EXPLICIT, IMPLICIT = "explicit", "implicit"


def test_a_campaign_stores_its_split_and_what_it_was_made_with(tmp_path: Path) -> None:
    made = campaign(
        tmp_path, {f"x:{n}:0": ((EXPLICIT,) * 3, (IMPLICIT, IMPLICIT, EXPLICIT))[n % 2] for n in range(100)}
    )
    aggregate_labels(made)
    with made.read() as db:
        assert plan(db) is None
    split_campaign(made)
    with made.read() as db:
        assert plan(db) == {
            "question": "relation", "wanted": {"train": 84, "dev": 8, "test": 8}, "like": None, "seed": 1,
            "ties": ["image", "near_image", "near_text", "post", "author"], "left_out": 0, "large": None,
        }  # fmt: skip
        first = dict(db.execute(sa.select(schema.splits.c.pair_id, schema.splits.c.split)).all())
    with made.write() as db:
        publish(db, "v1", first.items())
        publish(db, "v2", first.items())
    with made.read() as db:
        assert set(db.scalars(sa.select(schema.published.c.release))) == {"v1"}
    more = [f"x:{n}:0" for n in range(100, 160)]
    add_pairs(made, more, number=2)
    for pair in more:
        for annotator in ("a1", "a2", "a3"):
            judge(made, pair, annotator, EXPLICIT)
    aggregate_labels(made)
    split_campaign(made)
    with made.read() as db:
        second = dict(db.execute(sa.select(schema.splits.c.pair_id, schema.splits.c.split)).all())
    assert {pair: second[pair] for pair in first} == first
    assert Counter(second.values()) == {"train": 134, "dev": 13, "test": 13}


def test_a_published_pair_of_a_deleted_post_counts_for_no_label(tmp_path: Path) -> None:
    made = campaign(tmp_path, {f"x:{n}:0": (EXPLICIT,) * 3 for n in range(40)})
    aggregate_labels(made)
    with made.write() as db:
        publish(db, "v1", [("x:0:0", "test"), ("x:1:0", "train")])
        gone = schema.posts.c.post_id.in_(["x:0", "x:1", "x:2"])
        db.execute(schema.posts.update().where(gone).values(status="deleted"))
    found = split_campaign(made)
    assert found.counts["got"].sum() == found.counts["wanted"].sum() == 37
    assert split_of(found)["x:0:0"] == "test"  # it holds its place
    assert "x:2:0" not in split_of(found)
    labels = found.pairs.set_index("pair_id")["label"]
    assert labels[["x:0:0", "x:1:0"]].isna().all()


@pytest.mark.parametrize(("arms", "expected"), [(("random", "active"), "random"), (("active", "random"), "active")])
def test_the_arm_of_a_pair_is_that_of_its_first_round(tmp_path: Path, arms: tuple[str, str], expected: str) -> None:
    """A pair that is sent out again, to be labelled anew, was chosen as it was chosen first."""
    made = campaign(tmp_path, {})
    add_pairs(made, ["x:1:0"], number=2, arm=arms[0])
    add_pairs(made, ["x:2:0"], number=3, arm=arms[1])
    with made.write() as db:
        again = {"pair_id": "x:1:0", "annotator": "a4", "round": 3, "position": 1}
        db.execute(schema.assignments.insert().values(again))
    for pair in ("x:1:0", "x:2:0"):
        for annotator in ("a1", "a2", "a3"):
            judge(made, pair, annotator, EXPLICIT)
    aggregate_labels(made)
    assert split_campaign(made).pairs.set_index("pair_id")["arm"].to_dict() == {"x:1:0": expected, "x:2:0": arms[1]}


def test_authors_tie_and_a_switch_lets_them_go(tmp_path: Path) -> None:
    made = campaign(tmp_path, {f"x:{n}:0": (EXPLICIT,) * 3 for n in range(40)})
    with made.write() as db:
        db.execute(schema.posts.update().values(author_key="one and the same"))
    aggregate_labels(made)
    assert set(split_campaign(made).table["split"]) == {"train"}
    toml = tmp_path / "campaign.toml"
    toml.write_text(toml.read_text().replace("seed = 1", 'seed = 1\nties = ["image", "post"]', 1))
    again = split_campaign(type(made).open(tmp_path))
    assert set(again.table["split"]) == set(SPLITS)


def with_large(groups: int = 5, size: int = 20) -> pd.DataFrame:
    """900 pairs of which every tenth is b, and groups of b alone: each has one photo."""
    rows = alone(810) + alone(90, "b", first=810)
    for group in range(groups):
        rows += [("b", f"large{group}", f"g{group}-{i}", f"g{group}-{i}", "random") for i in range(size)]
    return frame(rows)


def test_groups_too_large_for_dev_and_test_are_reported_with_what_they_do_to_the_shares() -> None:
    pairs = with_large()
    for seed in range(3):
        found = split(pairs, quotas=SHARES, seed=seed, ties=["image"])
        in_group = pairs["image"].str.startswith("large").to_numpy()
        assert set(found.table["split"][in_group]) == {"train"}
    large = found.large
    assert large is not None
    assert (large.groups, large.pairs, large.smallest) == (5, 100, 20)
    assert large.shares == {"a": (0.81, 0.9), "b": (0.19, 0.1)}
    (said,) = [line for line in found.given_up if "too large" in line]
    assert "5 leakage groups are too large for dev and test (100 pairs, 20 or more in a group)" in said
    assert "a 90.0% for 81.0%, b 10.0% for 19.0%" in said


def test_small_groups_and_those_held_in_train_are_not_reported_as_large() -> None:
    assert split(with_large(5, 4), quotas=SHARES, seed=1, ties=["image"]).large is None
    active = with_large()
    active.loc[active["image"].str.startswith("large"), "arm"] = "active"
    assert split(active, quotas=SHARES, seed=1, ties=["image"]).large is None


@pytest.mark.soak
def test_large_groups_are_in_train_whatever_the_seed() -> None:
    pairs = with_large()
    large = pairs["image"].str.startswith("large").to_numpy()
    for seed in range(40):
        found = split(pairs, quotas=SHARES, seed=seed, ties=["image"])
        assert set(found.table["split"][large]) == {"train"}
        assert found.large is not None
