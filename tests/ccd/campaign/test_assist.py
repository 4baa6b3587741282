"""Which pairs of a round are judged beside a prediction and which stay blind."""

from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from ccd.campaign.assist import decide, draw_blind, to_show
from ccd.campaign.campaign import Campaign
from ccd.campaign.predictions import Predictions, begin, write
from ccd.campaign.rounds import new_round
from ccd.campaign.tables import schema
from ccd.errors import CcdError
from tests.campaigns import judge, small_campaign

LABELS = ("irrelevant", "implicit", "explicit")


def predict(
    campaign: Campaign, pairs: list[str], version: str = "m1", best: int = 1, labels: tuple[str, ...] = LABELS
) -> None:
    p = np.full((len(pairs), len(labels)), 0.2, np.float32)
    p[:, best] = np.linspace(0.5, 0.9, len(pairs))
    said = Predictions(version, labels, tuple(pairs), p, None, None, np.zeros((len(pairs), 1), np.float16), None)
    write(begin(campaign, version, {"labels": list(labels)}), said)


def stored(campaign: Campaign) -> dict[tuple[int, str], int]:
    s = schema.assists.c
    with campaign.read() as db:
        return {(row.round, row.pair_id): row.shown for row in db.execute(sa.select(s.round, s.pair_id, s.shown))}


def test_a_round_is_decided_once_and_for_every_desk(tmp_path: Path) -> None:
    campaign = small_campaign(tmp_path, pairs=60)
    new_round(campaign, 40, seed=1)
    predict(campaign, [f"x:{i}:0" for i in range(60)])
    made = decide(campaign)
    assert [(d.round, d.version, d.shown, d.blind, d.unknown) for d in made] == [(1, "m1", 32, 8, 0)]
    first = stored(campaign)
    with campaign.read() as db:
        shown = to_show(db)
        some = to_show(db, ["x:1:0", "x:2:0"])
    assert shown.keys() == {(name, pair) for (_, pair), on in first.items() if on for name in ("ann", "bob", "cy")}
    assert {(suggestion.label, suggestion.version) for suggestion in shown.values()} == {("implicit", "m1")}
    assert all(0.5 <= suggestion.score <= 0.9 for suggestion in shown.values())
    assert some == {key: value for key, value in shown.items() if key[1] in ("x:1:0", "x:2:0")}

    predict(campaign, [f"x:{i}:0" for i in range(60)], "m2", best=2)
    assert decide(campaign) == []  # whatever comes later
    assert stored(campaign) == first
    new_round(campaign, 20, seed=1)
    assert [(d.round, d.version) for d in decide(campaign)] == [(2, "m2")]
    with campaign.read() as db:
        events = db.scalars(sa.select(schema.events.c.subject).where(schema.events.c.what == "assist")).all()
    assert events == ["1", "2"]


def test_the_same_seed_draws_the_same_pairs(tmp_path: Path) -> None:
    twins = []
    for name in ("one", "two"):
        campaign = small_campaign(tmp_path / name, pairs=50)
        new_round(campaign, 50, seed=7)
        predict(campaign, [f"x:{i}:0" for i in range(50)])
        decide(campaign, blind=0.3)
        twins.append(stored(campaign))
    assert twins[0] == twins[1]
    assert sum(twins[0].values()) == 35


def test_a_round_with_an_answer_stays_as_it_went_out(tmp_path: Path) -> None:
    campaign = small_campaign(tmp_path, pairs=10)
    new_round(campaign, 5, seed=1)
    pairs = [f"x:{i}:0" for i in range(10)]
    predict(campaign, pairs)
    with campaign.read() as db:
        begun = db.scalars(sa.select(schema.round_pairs.c.pair_id)).first()
    judge(campaign, str(begun), "bob", None, status="skipped")
    assert decide(campaign) == []
    new_round(campaign, 5, seed=1)
    assert [made.round for made in decide(campaign)] == [2]


def test_an_adjudication_does_not_begin_a_round(tmp_path: Path) -> None:
    campaign = small_campaign(tmp_path, pairs=5)
    new_round(campaign, 5, seed=1)
    predict(campaign, [f"x:{i}:0" for i in range(5)])
    judge(campaign, "x:1:0", "bob", "explicit", role="adjudicator")  # bob was an annotator before
    assert [made.round for made in decide(campaign)] == [1]


def test_blind_pairs_are_drawn_from_another_stream_than_their_round(tmp_path: Path) -> None:
    campaign = small_campaign(tmp_path, pairs=20)
    new_round(campaign, 20, seed=7)
    pairs = sorted(f"x:{i}:0" for i in range(20))
    for pair in pairs:  # one by one: of one probability, so that chance alone decides
        predict(campaign, [pair])
    decide(campaign, blind=0.5)
    like_the_round = draw_blind(["implicit"] * 20, np.full(20, 0.5), 0.5, np.random.default_rng([7, 1]))
    assert [not stored(campaign)[1, pair] for pair in pairs] != like_the_round.tolist()


def test_pairs_without_a_prediction_are_neither(tmp_path: Path) -> None:
    campaign = small_campaign(tmp_path, pairs=10)
    new_round(campaign, 10, seed=1)
    predict(campaign, ["x:1:0", "x:2:0", "x:3:0", "x:4:0"])
    (made,) = decide(campaign, blind=0.5)
    assert (made.shown, made.blind, made.unknown) == (2, 2, 6)
    assert {pair for _, pair in stored(campaign)} == {"x:1:0", "x:2:0", "x:3:0", "x:4:0"}


@pytest.mark.parametrize("share", [0, 1, -0.2, 20, float("nan")])
def test_without_blind_pairs_there_is_no_assistance(tmp_path: Path, share: float) -> None:
    campaign = small_campaign(tmp_path, pairs=5)
    with pytest.raises(CcdError, match=r"write one between 0 and 1, such as 0\.2"):
        decide(campaign, blind=share)


def test_what_cannot_be_shown_is_one_line(tmp_path: Path) -> None:
    campaign = small_campaign(tmp_path / "a", pairs=5)
    new_round(campaign, 5, seed=1)
    with pytest.raises(CcdError, match="no predictions"):
        decide(campaign)
    predict(campaign, ["y:1:0"])
    with pytest.raises(CcdError, match="m1 has no prediction of round 1; run `ccd predict --model m1`"):
        decide(campaign)
    predict(campaign, ["x:1:0"], "other", labels=("irrelevant", "sarcastic"))
    with pytest.raises(CcdError, match="other predicts sarcastic, which relation does not ask for"):
        decide(campaign, "other")
    assert stored(campaign) == {}
    scores = small_campaign(tmp_path / "b", protocol="jas2015")
    with pytest.raises(CcdError, match="asks for a score"):
        decide(scores)


@given(
    said=st.lists(st.tuples(st.sampled_from(LABELS), st.floats(0.34, 1)), min_size=1, max_size=200),
    share=st.floats(0.01, 0.99),
    seed=st.integers(0, 2**31),
)
def test_the_blind_share_is_kept_overall_and_in_every_label(
    said: list[tuple[str, float]], share: float, seed: int
) -> None:
    labels, scores = [label for label, _ in said], np.array([score for _, score in said])
    blind = draw_blind(labels, scores, share, np.random.default_rng(seed))
    assert abs(blind.sum() - share * len(said)) < 1
    for label in set(labels):
        mine = np.array(labels) == label
        assert abs(blind[mine].sum() - share * mine.sum()) < 1 + 1e-9


def test_every_pair_is_as_likely_to_stay_blind() -> None:
    labels, scores = ["a"] * 7 + ["b"] * 6, np.linspace(0.4, 0.9, 13)
    drawn = [draw_blind(labels, scores, 0.2, np.random.default_rng(seed)) for seed in range(4000)]
    assert np.abs(np.mean(drawn, axis=0) - 0.2).max() < 0.025  # four standard errors
