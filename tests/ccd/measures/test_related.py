"""Pairs of one photo, author or post are drawn together, in a campaign and in a table."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ccd.campaign.agreement import of_campaign
from ccd.campaign.judged_groups import of_pairs
from ccd.campaign.tables import schema
from ccd.errors import CcdError
from ccd.judgment_tables.table import read_table
from ccd.measures.agreement import Agreement, agreement
from ccd.measures.estimate import ONE_GROUP
from tests.ccd import build

LABELS = ("irrelevant", "implicit", "explicit")


def in_groups(groups: int, size: int) -> pd.DataFrame:
    """Two judges of `groups` photos with `size` pairs each; they agree on every second photo."""
    rows = []
    for task in range(groups * size):
        group = task // size
        other = 1 - group % 2
        rows += [(task, "a", group // 2 % 2, group), (task, "b", (group // 2 + other) % 2, group)]
    return pd.DataFrame(rows, columns=["task", "worker", "label", "leakage_group"])


def width(found: Agreement, name: str = "percent") -> float:
    ci = found.coefficients[name].ci
    assert ci is not None
    return ci[1] - ci[0]


def test_copies_of_a_pair_add_nothing() -> None:
    one, six = in_groups(80, 1), in_groups(80, 6)
    alone = agreement(one, [0, 1], "nominal", 4000)
    together = agreement(six, [0, 1], "nominal", 4000)
    assert (alone.groups, together.groups) == (None, 80)
    for name in ("percent", "krippendorff_nominal", "fleiss"):
        assert width(together, name) == pytest.approx(width(alone, name), rel=0.08)
    apart = agreement(six.drop(columns="leakage_group"), [0, 1], "nominal", 4000)
    assert width(apart) < 0.5 * width(together)
    assert apart.coefficients["percent"].value == together.coefficients["percent"].value


def test_every_interval_draws_groups() -> None:
    six = in_groups(40, 6)
    three = pd.concat([six, six[six["worker"] == "a"].assign(worker="c")])
    found = agreement(three, [0, 1], "nominal", 1000)
    apart = agreement(three.drop(columns="leakage_group"), [0, 1], "nominal", 1000)
    for part in ("cohen", "per_class", "leave_one_out"):
        for key, each in getattr(found, part).items():
            narrow = getattr(apart, part)[key].ci
            if each.value != 1:
                assert narrow
                assert each.ci
                assert each.ci[1] - each.ci[0] > 1.8 * (narrow[1] - narrow[0])
    both = agreement(three, [0, 1], "nominal", 300, resample="both")
    assert width(both) > width(agreement(three.drop(columns="leakage_group"), [0, 1], "nominal", 300, resample="both"))


def test_the_order_of_rows_and_pairs_in_no_group_change_nothing() -> None:
    df = in_groups(30, 3)
    df["leakage_group"] = df["leakage_group"].astype(object).where(df["leakage_group"] < 20, None)
    found = agreement(df, [0, 1], "nominal", 200)
    assert found.groups == 20 + 30
    assert agreement(df.sample(frac=1, random_state=3), [0, 1], "nominal", 200) == found


def test_one_group_has_no_interval() -> None:
    found = agreement(in_groups(4, 5).assign(leakage_group="g"), [0, 1], "nominal", 50)
    assert (found.groups, found.coefficients["percent"].ci) == (1, None)
    assert found.coefficients["percent"].reason == ONE_GROUP


def test_a_campaign_has_the_groups_of_photos_authors_and_splits(tmp_path: Path) -> None:
    votes = {f"x:{number}:0": ("implicit", "implicit", "explicit") for number in range(1, 7)}
    made = build.campaign(tmp_path, votes)
    posts, pairs = schema.posts, schema.pairs
    with made.write() as db:
        images = dict(db.execute(pairs.select().with_only_columns(pairs.c.pair_id, pairs.c.image)).all())
        db.execute(posts.update().values(author_key=posts.c.post_id))
        db.execute(posts.update().where(posts.c.post_id.in_(["x:1", "x:2"])).values(author_key="same"))
        db.execute(pairs.update().where(pairs.c.pair_id == "x:4:0").values(image=images["x:3:0"]))
        for pair in ("x:5:0", "x:1:0"):
            row = {"pair_id": pair, "split": "train", "leakage_group": "x:1:0"}
            db.execute(schema.splits.insert().values(row))
    with made.read() as db:
        first, second = "x:1:0", "x:3:0"
        assert of_pairs(db) == {first: first, "x:2:0": first, "x:5:0": first, second: second, "x:4:0": second}
        assert of_campaign(db, made.protocol, n_resamples=20)["relation"].groups == 3


def test_a_table_may_name_the_groups(tmp_path: Path) -> None:
    path = tmp_path / "votes.csv"
    path.write_text("task,worker,label,leakage_group\n1,a,yes,g\n1,b,no,g\n2,a,yes,g\n2,b,yes,g\n3,a,no,\n3,b,no,\n")
    assert agreement(read_table(path).judgments, ["no", "yes"], "nominal", 20).groups == 2
    path.write_text("task,worker,label,leakage_group\n1,a,yes,g\n1,b,no,h\n")
    with pytest.raises(CcdError, match="line 3: 1 has another leakage_group"):
        read_table(path)


@pytest.mark.soak
def test_intervals_of_photos_with_several_pairs_hold() -> None:
    """400 campaigns of 120 photos with 1 to 6 pairs: a photo's pairs have one label and are easy or hard together."""
    held = {"pairs": 0, "groups": 0}
    for seed in range(400):
        df = photos(np.random.default_rng(seed))
        for name, some in (("groups", df), ("pairs", df.drop(columns="leakage_group"))):
            ci = agreement(some, [0, 1, 2], "nominal", 400).coefficients["krippendorff_nominal"].ci
            assert ci is not None
            held[name] += ci[0] <= TRUE_ALPHA <= ci[1]
    assert held["groups"] >= 0.93 * 400
    assert held["pairs"] < 0.85 * 400


SHARES, RIGHT = np.array([0.3, 0.2, 0.5]), np.array([0.95, 0.55])  # of labels; of judgments on easy and hard photos


def photos(random: np.random.Generator, number: int = 120) -> pd.DataFrame:
    """Three judges, each right or else at one of the other labels."""
    group = np.repeat(np.arange(number), random.integers(1, 7, number))
    label, right = random.choice(3, number, p=SHARES)[group], RIGHT[random.integers(0, 2, number)][group]
    rows = []
    for worker in "abc":
        wrong = (label + random.integers(1, 3, len(group))) % 3
        given = np.where(random.random(len(group)) < right, label, wrong)
        rows.append(pd.DataFrame({"task": np.arange(len(group)), "worker": worker, "label": given}))
    return pd.concat([each.assign(leakage_group=group) for each in rows])


def true_alpha() -> float:
    """1 - Do / De of the population: De from the shares of labels in the judgments."""
    same = np.mean(RIGHT**2 + (1 - RIGHT) ** 2 / 2)
    given = SHARES * RIGHT.mean() + (1 - SHARES) / 2 * (1 - RIGHT.mean())
    return float(1 - (1 - same) / (1 - (given**2).sum()))


TRUE_ALPHA = true_alpha()
