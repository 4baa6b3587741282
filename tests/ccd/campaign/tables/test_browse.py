"""Pairs filtered and paged in the database, and all that is known of one."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from ccd.campaign.campaign import Campaign
from ccd.campaign.gold_labels import aggregate_labels
from ccd.campaign.tables import browse, schema
from ccd.campaign.tables.browse import NONE, Filters
from ccd.errors import CcdError
from tests.ccd.build import add_pairs, campaign, judge
from tests.ccd.campaign.test_gold_labels import E, I, R


@pytest.fixture
def made(tmp_path: Path) -> Campaign:
    found = campaign(tmp_path, {"x:0:0": (R, I, E), "x:1:0": (E, E, I), "x:2:0": (E, E, E), "x:3:0": (R, R, None)})
    add_pairs(found, ["x:4:0"], number=2, arm="active")
    with found.write() as db:
        db.execute(schema.pairs.update().where(schema.pairs.c.pair_id == "x:2:0").values(text="100% _Cake_ <b>\n😀"))
        for pair, split, group in (("x:1:0", "train", "g"), ("x:2:0", "dev", "h")):
            db.execute(schema.splits.insert().values(pair_id=pair, split=split, leakage_group=group))
    aggregate_labels(found)
    return found


@pytest.mark.parametrize(
    ("filters", "numbers"),
    [
        (Filters(), "01234"),
        (Filters(text="text of x:1"), "1"),
        (Filters(text="CAKE"), "2"),
        (Filters(text="0%"), "2"),
        (Filters(text="%"), "2"),  # a sign, no wildcard
        (Filters(text="_C"), "2"),
        (Filters(text="x:3:0"), "3"),
        (Filters(text="😀"), "2"),
        (Filters(label=E), "12"),
        (Filters(label=NONE), "034"),
        (Filters(resolved_by="open"), "0"),
        (Filters(split="dev"), "2"),
        (Filters(split=NONE), "034"),
        (Filters(round=2), "4"),
        (Filters(arm="random"), "0123"),
        (Filters(round=1, arm="active"), ""),
        (Filters(annotator="a3"), "012"),
        (Filters(label=E, split="train", annotator="a1"), "1"),
    ],
)
def test_filters(made: Campaign, filters: Filters, numbers: str) -> None:
    question = made.protocol.question
    with made.read() as db:
        found = [row["pair_id"] for row in browse.page(db, filters, question, 1, 50)]
        assert browse.count(db, filters, question) == len(numbers)
    assert found == [f"x:{number}:0" for number in numbers]


def test_pages_follow_each_other(made: Campaign) -> None:
    with made.read() as db:
        pages = [browse.page(db, Filters(), made.protocol.question, number, 2) for number in (1, 2, 3, 4)]
    assert [[row["pair_id"][2] for row in page] for page in pages] == [["0", "1"], ["2", "3"], ["4"], []]


def test_one_pair(made: Campaign) -> None:
    judge(made, "x:1:0", "a3", R, version=2)  # changed: the newest version counts
    with made.read() as db:
        found = browse.pair(db, "x:1:0")
        with pytest.raises(CcdError, match="no such pair"):
            browse.pair(db, "x:9:0")
    assert (found.rounds, found.split, found.lives) == (((1, "random"),), "train", True)
    assert found.labels == {"relation": (E, "majority", {I: 1, E: 2})}
    assert [each.answers and each.answers["relation"] for each in found.judgments] == [E, E, R]


def test_choices_and_splits(made: Campaign) -> None:
    with made.read() as db:
        there = browse.choices(db)
        assert browse.split_table(db, "relation") == [
            {"label": E, "dev": 1, "train": 1, "all": 2},
            {"label": "all", "dev": 1, "train": 1, "all": 2},
        ]
        assert browse.straddling(db) == 0
    assert (there["round"], there["arm"], there["split"]) == ([1, 2], ["active", "random"], ["dev", "train"])
    with made.write() as db:
        db.execute(sa.update(schema.splits).values(leakage_group="g"))
        assert browse.straddling(db) == 1
