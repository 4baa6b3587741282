"""Ties: what makes two pairs tied, the groups they make, and who leaks across splits."""

import numpy as np
import pandas as pd
import pytest

from ccd.errors import CcdError
from ccd.splitting import options
from ccd.splitting.leakage import IN_WORDS, TIES, Link, find, groups, leaking, leaks, straddling, tied

CAT = "A cat sits on the roof of our house and looks at the moon"
HASH = "00ff" * 8


def frame(**columns: list[object]) -> pd.DataFrame:
    number = len(next(iter(columns.values())))
    empty = dict.fromkeys(("image", "phash", "text", "post_id", "author_key"), [None] * number)
    return pd.DataFrame({"pair_id": [f"p{n}" for n in range(number)]} | empty | columns, dtype=object)


def grouped(pairs: pd.DataFrame, *names: str) -> list[str]:
    return list(groups(pairs, find(pairs, names)))


def test_every_tie_that_campaign_toml_knows_is_found_and_has_words() -> None:
    assert tuple(TIES) == options.LINKS == tuple(IN_WORDS)


def test_groups_are_chains_of_ties() -> None:
    pairs = frame(image=["i1", "i2", "i3", "i4"], post_id=["o1", "o1", "o3", "o4"], author_key=["a", "b", "b", None])
    assert grouped(pairs, "image", "post", "author") == ["p0", "p0", "p0", "p3"]
    assert grouped(pairs, "image", "post") == ["p0", "p0", "p2", "p3"]
    assert grouped(pairs) == ["p0", "p1", "p2", "p3"]
    assert grouped(pairs[::-1].reset_index(drop=True), "image", "post", "author") == ["p3", "p0", "p0", "p0"]


def test_a_value_of_one_column_is_no_tie_with_another_column() -> None:
    assert grouped(frame(image=["same", "i"], post_id=["o", "same"]), "image", "post") == ["p0", "p1"]


def test_nothing_is_tied_by_what_is_not_there() -> None:
    assert grouped(frame(text=["", ""]), *TIES) == ["p0", "p1"]


def test_near_images_are_tied_and_flat_ones_only_to_their_own_bytes() -> None:
    near, far = "00fe" + HASH[4:], "ff00" * 8
    pairs = frame(image=list("abcdee"), phash=[HASH, near, far, "", "", ""])
    assert grouped(pairs, "near_image") == ["p0", "p0", "p2", "p3", "p4", "p4"]


def test_near_texts_are_tied_and_short_ones_only_to_the_same() -> None:
    texts = [
        CAT,
        "RT @ann: " + CAT.upper() + "!",
        "mood",
        "mood",
        "moods",
        "A dog lies under the table and waits for us",
    ]
    assert grouped(frame(text=texts), "near_text") == ["p0", "p0", "p2", "p2", "p4", "p5"]


def test_short_texts_are_not_tied_by_their_pairs_ids() -> None:
    pairs = frame(text=[f"mood {n}" for n in range(5)])
    pairs["pair_id"] = [f"x:26304605624011571{n}:0" for n in range(5)]
    assert groups(pairs, find(pairs, ["near_text"])).nunique() == 5


@pytest.mark.parametrize("again", ["RT @ann: Mood", "rt @ann mood https://t.co/a", "“RT @bob: RT @ann: mood"])
def test_a_retweet_by_hand_is_tied_to_its_post(again: str) -> None:
    pairs = frame(post_id=["x:1", "x:2", "x:3"], text=["mood", again, "moody"])
    assert grouped(pairs, "post") == ["p0", "p0", "p2"]


def test_the_same_short_text_of_two_posts_is_no_retweet() -> None:
    assert grouped(frame(post_id=["x:1", "x:2"], text=["mood", "mood"]), "post") == ["p0", "p1"]


def test_retweets_of_nothing_are_no_chain() -> None:
    """What is left of them is empty, as is the text of a post without one."""
    texts = ["RT @ann:", "RT @bob: https://t.co/a", "", "https://t.co/b"]
    pairs = frame(post_id=["x:1", "x:2", "x:3", "x:4"], text=texts)
    assert grouped(pairs, "post") == ["p0", "p1", "p2", "p3"]


def test_a_pair_is_not_tied_to_itself() -> None:
    lone = frame(post_id=["x:1", "x:2"], text=["RT @ann: mood", "a dog"])  # the post that it repeats is not here
    assert tied(find(lone, ["post"])["post"]).tolist() == [False, False]
    assert tied(Link(np.array([0, 1]), np.array([[0, 0]]))).tolist() == [False, False]


@pytest.mark.parametrize("name", TIES)
def test_a_missing_column_and_an_unknown_tie_are_reported(name: str) -> None:
    with pytest.raises(CcdError, match=f"the pairs lack the column .*, which the tie '{name}' looks at; add it"):
        find(pd.DataFrame({"pair_id": ["p"]}), [name])
    with pytest.raises(CcdError, match="'images' is no tie; choose among image, near_image, near_text, post, author"):
        find(frame(image=["i"]), ["images"])


def test_who_is_tied_and_who_leaks() -> None:
    tie = Link(np.array([0, 0, 1, 2, 3, -1]), np.array([[1, 2]]))
    assert tied(tie).tolist() == [True, True, True, True, False, False]
    assert leaking(tie, np.array([0, 0, 0, 1, 1, 1])).tolist() == [False, False, True, True, False, False]
    assert not leaking(tie, np.array([0, 0, 1, 1, 2, 2])).any()


def test_leaks_are_counted_by_tie_and_in_all() -> None:
    pairs = frame(image=["i", "i", "j", "k", "l"], post_id=["o", "p", "p", "q", "r"])
    split = pd.Series(["train", "test", "dev", "test", "train"])
    table = leaks(find(pairs, ["image", "post"]), split, pd.Series(["train"] * 5))
    assert table == [
        {"tie": "image", "tied": 2, "before": 0, "after": 1},
        {"tie": "post", "tied": 2, "before": 0, "after": 2},
        {"tie": "any", "tied": 3, "before": 0, "after": 2},
    ]
    assert straddling(groups(pairs, find(pairs, ["image", "post"])), split) == 1
    other = leaks(find(pairs, ["image", "post"]), pd.Series(["train"] * 5), split)
    assert [row["before"] for row in other] == [1, 2, 2]  # only pairs of dev and test leak; those of train do not
