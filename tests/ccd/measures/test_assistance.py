"""What assistance did: what is compared, with intervals, and when it is called a move toward the model."""

import random
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import sqlalchemy as sa

from annotation.simulated import Simulated
from ccd.campaign.assist import decide, draw_blind
from ccd.campaign.assistance import of_campaign
from ccd.campaign.rounds import new_round
from ccd.campaign.tables import schema
from ccd.measures.agreement import agreement
from ccd.measures.assistance import bias
from tests.campaigns import judge, small_campaign
from tests.ccd.campaign.test_assist import LABELS, predict

COLUMNS = ["task", "worker", "label", "seconds", "round", "model", "shown"]


def judged(
    pairs: int, seed: int, follow: float, round_: int = 1, share: float = 0.2, skill: float = 0.7
) -> pd.DataFrame:
    """Three annotators who follow a model that is right with probability `skill`."""
    draw = np.random.default_rng(seed)
    truth = draw.choice(3, pairs, p=[0.3, 0.2, 0.5])
    model = np.where(draw.random(pairs) < skill, truth, (truth + draw.integers(1, 3, pairs)) % 3)
    said, scores = [LABELS[i] for i in model], draw.random(pairs)
    blind = draw_blind(said, scores, share, draw)
    people = [Simulated("", "", 0.85, 0.55, ("implicit",), i, cannot_judge=0, follow=follow) for i in range(3)]
    rows = []
    for i in range(pairs):
        for worker, person in enumerate(people):
            chance = random.Random(f"{seed} {worker} {i}")
            answer = person.answer(LABELS[truth[i]], LABELS, chance, None if blind[i] else said[i])
            rows.append(
                (f"{round_}:{i}", worker, answer, chance.lognormvariate(1.8, 0.5), round_, said[i], not blind[i])
            )
    return pd.DataFrame(rows, columns=COLUMNS)


def even(df: pd.DataFrame) -> pd.DataFrame:
    """Of each label of the model four assisted pairs for a blind one, so that every pair weighs the same."""
    first = df.drop_duplicates("task")
    place = first.groupby(["model", "shown"]).cumcount()
    blind = first[~first["shown"]].groupby("model").size() - 1
    some = place < first["model"].map(blind) * np.where(first["shown"], 4, 1)
    kept = df[df["task"].isin(first.loc[some, "task"])].reset_index(drop=True)
    assert kept["shown"].mean() == 0.8
    return kept


def test_followers_are_found() -> None:
    found = bias(judged(600, 1, follow=0.3), LABELS, "nominal")
    assert found.toward
    assert found.model.ci is not None
    assert found.model.ci[0] > 0
    assert found.followed_ci is not None
    assert found.followed_ci[0] < 0.3 < found.followed_ci[1]
    assert found.verdict.startswith("WARNING: labels move toward the model. ")
    assert "as if annotators took its label over in" in found.verdict


def test_rates_over_seeds() -> None:
    """With nobody following the interval holds zero as often as it says; with three in ten it does not."""
    free = [bias(judged(200, seed, 0.0), LABELS, "nominal", n_resamples=300, seed=seed) for seed in range(20)]
    assert sum(found.toward for found in free) <= 2
    assert sum(found.verdict.startswith("No move") for found in free) >= 17
    following = [bias(judged(400, seed, 0.3), LABELS, "nominal", n_resamples=300, seed=seed) for seed in range(10)]
    assert sum(found.toward for found in following) >= 8


def test_measures_are_those_of_each_kind_alone() -> None:
    df = even(judged(300, 2, follow=0.3))
    found = bias(df, LABELS, "ordinal", n_resamples=50)
    for side, kind in (("assisted", df[df["shown"]]), ("blind", df[~df["shown"]])):
        assert getattr(found.model, side) == pytest.approx((kind["label"] == kind["model"]).mean())
        alone = agreement(kind, LABELS, "ordinal", n_resamples=1).coefficients["krippendorff_ordinal"]
        assert getattr(found.alpha, side) == pytest.approx(alone.value)
        assert getattr(found.seconds, side) == kind["seconds"].quantile(0.5, "lower")
        for label, share in found.shares.items():
            assert getattr(share, side) == pytest.approx((kind["label"] == label).mean())
        assert getattr(found, side).judgments == len(kind)
        assert getattr(found, side).pairs == kind["task"].nunique()


def test_rounds_are_compared_with_themselves() -> None:
    """Two rounds, in the second of which the model is hardly ever right and many pairs are blind: mixed, a shift."""
    df = pd.concat(
        [judged(500, 3, 0.0, round_=1, share=0.1, skill=0.9), judged(500, 4, 0.0, round_=2, share=0.7, skill=0.1)]
    )
    kinds = df.assign(right=df["label"] == df["model"]).groupby("shown")["right"].mean()
    assert kinds[True] - kinds[False] > 0.2
    found = bias(df, LABELS, "nominal")
    assert found.model.ci is not None
    assert found.model.ci[0] < 0 < found.model.ci[1]
    assert found.rounds == (1, 2)


def test_a_round_without_both_kinds_is_left_out() -> None:
    one, two = judged(50, 5, 0.0), judged(50, 6, 0.0, round_=2).assign(shown=True)
    both, alone = (
        bias(pd.concat([one, two]), LABELS, "nominal", n_resamples=20),
        bias(one, LABELS, "nominal", n_resamples=20),
    )
    assert both == alone
    nothing = bias(two, LABELS, "nominal", n_resamples=20)
    assert nothing.rounds == ()
    assert nothing.model.difference is None
    assert not nothing.toward
    assert "no round has judgments of both" in nothing.verdict


def test_labels_that_move_away_are_no_warning() -> None:
    df = judged(400, 7, 0.0)
    contrary = df["shown"] & (df["label"] == df["model"]) & (df.index % 2 == 0)
    df["label"] = df["label"].mask(contrary, df["label"].map(dict(zip(LABELS, LABELS[1:] + LABELS[:1], strict=True))))
    found = bias(df, LABELS, "nominal", n_resamples=200)
    assert not found.toward
    assert found.verdict.startswith("Labels move away from the model.")


def test_no_seconds_and_one_label_are_undefined_with_a_reason() -> None:
    df = judged(40, 8, 0.0).assign(seconds=None, label="explicit")
    found = bias(df, LABELS, "nominal", n_resamples=20)
    assert found.seconds.difference is None
    assert found.alpha.difference is None
    assert found.alpha.reason == "undefined on one side: no judgments, or all of one label"
    assert found.shares["explicit"].difference == 0


def test_of_campaign_takes_what_was_shown_as_decided(tmp_path: Path) -> None:
    campaign = small_campaign(tmp_path, pairs=40)
    new_round(campaign, 20, seed=1)  # blind: never compared
    new_round(campaign, 20, seed=1)
    pairs = [f"x:{i}:0" for i in range(40)]
    predict(campaign, pairs)
    with campaign.read() as db:
        first = set(db.scalars(sa.select(schema.round_pairs.c.pair_id).where(schema.round_pairs.c.round == 1)))
    for pair in first:
        judge(campaign, pair, "ann", "implicit")
    decide(campaign, blind=0.5)
    with campaign.read() as db:
        shown = dict(db.execute(sa.select(schema.assists.c.pair_id, schema.assists.c.shown)).all())
    assert shown.keys() == set(pairs) - first
    for pair, on in shown.items():
        for name in ("ann", "bob", "cy"):
            judge(
                campaign, pair, name, "implicit" if on or name == "cy" else "explicit", prediction="m1" if on else None
            )
    a_shown, a_blind = (next(pair for pair, on in shown.items() if on == wanted) for wanted in (1, 0))
    with campaign.write() as db:  # not as decided: a desk changed by hand
        j = schema.judgments
        ann = j.c.annotator == "ann"
        db.execute(j.update().where(ann, j.c.pair_id == a_shown).values(prediction=None))
        db.execute(j.update().where(ann, j.c.pair_id == a_blind).values(prediction="by hand"))
    with campaign.read() as db:
        found, left_out = of_campaign(db, campaign.protocol.question, n_resamples=100)
    assert left_out == 2
    assert found.rounds == (2,)
    assert (found.assisted.judgments, found.blind.judgments) == (29, 29)
    assert found.model.assisted == 1.0
    assert found.model.blind == pytest.approx(10 / 29)
    assert found.toward
    assert found.followed == 1.0


def test_a_campaign_s_pairs_are_drawn_by_leakage_group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    campaign = small_campaign(tmp_path, pairs=12)
    new_round(campaign, 12, seed=1)
    pairs = [f"x:{i}:0" for i in range(12)]
    predict(campaign, pairs)
    decide(campaign, blind=0.5)
    with campaign.read() as db:
        shown = dict(db.execute(sa.select(schema.assists.c.pair_id, schema.assists.c.shown)).all())
    for pair, on in shown.items():
        judge(campaign, pair, "ann", "implicit" if on else "explicit", prediction="m1" if on else None)
    with campaign.read() as db:
        assert of_campaign(db, campaign.protocol.question, n_resamples=20)[0].groups is None
    with campaign.write() as db:
        p = schema.pairs.c
        db.execute(schema.pairs.update().where(p.pair_id.in_(pairs[:4])).values(image=f"sha-{pairs[0]}"))
    with campaign.read() as db:
        assert of_campaign(db, campaign.protocol.question, n_resamples=20)[0].groups == 9


def lopsided(labels: dict[str, tuple[int, int]], of_model: dict[str, float]) -> pd.DataFrame:
    """One judge; of each label of the model (assisted, blind) pairs, of which this share gets the model's label."""
    rows = []
    for label, numbers in labels.items():
        for shown, number in zip((True, False), numbers, strict=True):
            for i in range(number):
                given = label if i < round(of_model[label] * number) else "other"
                rows.append((f"{label}{shown}{i}", "a", given, 5.0, 1, label, shown))
    return pd.DataFrame(rows, columns=COLUMNS)


def test_kinds_are_compared_within_each_label_of_the_model() -> None:
    """A model that is followed nowhere, and whose hard label is more common among the blind pairs."""
    df = lopsided({"easy": (80, 10), "hard": (20, 40)}, {"easy": 0.9, "hard": 0.2})
    found = bias(df, ["easy", "hard", "other"], "nominal")
    assert found.model.assisted == pytest.approx(0.8 * 0.9 + 0.2 * 0.2)
    assert found.model.blind == pytest.approx(found.model.assisted)
    few = lopsided({"easy": (80, 40), "rare": (4, 2), "hard": (20, 10)}, {"easy": 0.9, "rare": 0.5, "hard": 0.2})
    assert bias(few, ["easy", "rare", "hard", "other"], "nominal", n_resamples=50).model.difference == pytest.approx(0)
    alone = lopsided({"easy": (3, 2), "hard": (2, 3)}, {"easy": 1.0, "hard": 0.0})  # too few: the round is one stratum
    assert bias(alone, ["easy", "hard", "other"], "nominal", n_resamples=50).model.difference == pytest.approx(
        3 / 5 - 2 / 5
    )


def test_draws_of_few_pairs_vary_as_much_as_they_should() -> None:
    """Of 10 assisted and 10 blind pairs, half the model's: the variance is 2 s² / 10 with s² = 10/9 · 1/4."""
    df = lopsided({"one": (10, 10)}, {"one": 0.5})
    found = bias(df, ["one", "other"], "nominal", n_resamples=20_000)
    assert found.smallest == pytest.approx(2.8 * np.sqrt(2 * 10 / 9 / 4 / 10), rel=0.02)


def test_cannot_judge_is_compared() -> None:
    df = lopsided({"one": (40, 40)}, {"one": 0.5})
    df.loc[df["shown"] & (df.index % 4 == 0), "label"] = None
    found = bias(df, ["one", "other"], "nominal", n_resamples=300)
    assert (found.cannot_judge.assisted, found.cannot_judge.blind) == (0.25, 0.0)
    assert found.cannot_judge.ci is not None
    assert found.cannot_judge.ci[0] > 0
    assert (found.assisted.pairs, found.assisted.judgments) == (40, 30)


def test_the_smallest_move_that_would_have_been_seen_is_named() -> None:
    found = bias(judged(200, 3, 0.0), LABELS, "nominal", n_resamples=300)
    assert found.smallest is not None
    assert f"a move of {100 * found.smallest:.1f} points is found in four of five comparisons" in found.verdict


def in_groups(groups: int, size: int, seed: int, blind: float = 0.4) -> pd.DataFrame:
    """One judge; the label is the model's in all pairs of a group or in none, and in half of the groups if shown."""
    random = np.random.default_rng(seed)
    group = np.repeat(np.arange(groups), size)
    same, followed = (random.random(groups) < share for share in (0.4, 0.5))
    shown = random.random(len(group)) >= blind
    label = np.where(same[group] | (followed[group] & shown), "one", "other")
    columns = {"task": np.arange(len(group)), "worker": "a", "label": label, "seconds": 5.0, "round": 1}
    return pd.DataFrame(columns | {"model": "one", "shown": shown, "leakage_group": group})


TRUE_MOVE = 0.6 * 0.5  # of the labels that would be another, half


def test_pairs_of_one_photo_are_drawn_together() -> None:
    df = in_groups(60, 6, 1)
    found, apart = (bias(each, ["one", "other"], "nominal") for each in (df, df.drop(columns="leakage_group")))
    assert (found.model.difference, found.assisted) == (apart.model.difference, apart.assisted)
    widths = [each.model.ci[1] - each.model.ci[0] for each in (found, apart) if each.model.ci]
    assert widths[0] > 1.2 * widths[1]
    alone = df.assign(leakage_group=df["task"])
    assert bias(alone, ["one", "other"], "nominal", n_resamples=50) == bias(
        df.drop(columns="leakage_group"), ["one", "other"], "nominal", n_resamples=50
    )


def test_draws_of_groups_vary_as_much_as_they_should() -> None:
    """Of groups with one pair each, the variance is that of pairs."""
    df = pd.concat([in_groups(200, 1, 3), in_groups(200, 1, 4).assign(task=lambda of: of["task"] + 1000)])
    df["leakage_group"] = df["task"].where(df["task"] != 1000, 1)  # two pairs of one group, of 400
    found, apart = (
        bias(each, ["one", "other"], "nominal", n_resamples=4000) for each in (df, df.drop(columns="leakage_group"))
    )
    assert found.smallest == pytest.approx(apart.smallest, rel=0.05)


@pytest.mark.soak
def test_moves_of_photos_with_several_pairs_are_covered(capsys: pytest.CaptureFixture[str]) -> None:
    held = {"groups": 0, "pairs": 0}
    for seed in range(400):
        df = in_groups(60, 6, seed)
        for name, some in (("groups", df), ("pairs", df.drop(columns="leakage_group"))):
            ci = bias(some, ["one", "other"], "nominal", n_resamples=500, seed=seed).model.ci
            assert ci is not None
            held[name] += ci[0] <= TRUE_MOVE <= ci[1]
    with capsys.disabled():
        print({name: number / 400 for name, number in held.items()})
    assert held["groups"] >= 0.93 * 400
    assert held["pairs"] < 0.9 * 400


@pytest.mark.soak
def test_small_rounds_are_not_called_moved_too_often() -> None:
    found = [
        bias(judged(60, seed, 0.0, share=0.5), LABELS, "nominal", n_resamples=300, seed=seed) for seed in range(300)
    ]
    assert sum(each.toward for each in found) <= 0.045 * len(found)  # 2.5 % is one side


@pytest.mark.soak
def test_a_move_is_found() -> None:
    found = [
        bias(judged(600, seed, 0.3, skill=0.75), LABELS, "nominal", n_resamples=300, seed=seed) for seed in range(100)
    ]
    assert sum(each.toward for each in found) / len(found) >= 0.85  # in docs/assist.md
