"""What predictions are worth on labelled pairs, and the order that they give."""

from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from ccd.campaign import model_quality, predictions
from ccd.campaign.campaign import Campaign
from ccd.campaign.gold_labels import aggregate_labels
from ccd.campaign.tables import schema
from tests.ccd.build import add_pairs, campaign
from tests.ccd.campaign.test_gold_labels import E, I, R

LABELS = (R, I, E)


def predict(made: Campaign, chances: dict[str, tuple[float, float, float]], streams: bool = True) -> None:
    folder = predictions.begin(made, "v1", {"labels": list(LABELS)})
    p = np.array(list(chances.values()), np.float32)
    flipped = p[:, ::-1].copy() if streams else None
    shard = predictions.Predictions(
        "v1", LABELS, tuple(chances), p, p if streams else None, flipped, p.astype("f2"), None
    )
    predictions.write(folder, shard)


def test_measures_are_those_of_the_definitions() -> None:
    chances = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.1, 0.7, 0.2], [0.3, 0.3, 0.4]])
    found = model_quality.measure(chances, np.array([0, 1, 2, 2]), LABELS)
    assert found.accuracy == 0.75
    assert found.confusion.tolist() == [[1, 0, 0], [0, 1, 0], [0, 1, 1]]
    assert found.f1 == pytest.approx({R: 1.0, I: 2 / 3, E: 2 / 3})
    assert found.weighted_f1 == pytest.approx((1 + 2 / 3 + 2 * 2 / 3) / 4)
    assert [each.pairs for each in found.bins] == [1, 2, 1]
    assert found.calibration_error == pytest.approx((0.6 + 2 * 0.2 + 0.2) / 4)


def test_the_f1_of_a_label_that_no_pair_has_is_undefined_and_no_part_of_the_mean() -> None:
    """Implicit is predicted once and on no pair; explicit is on a pair and never predicted."""
    chances = np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.8, 0.1, 0.1]])
    found = model_quality.measure(chances, np.array([0, 0, 2]), LABELS)
    assert found.f1 == {R: pytest.approx(2 / 4), I: None, E: 0}
    assert found.macro_f1 == pytest.approx(0.25)


def test_on_a_split(tmp_path: Path) -> None:
    made = campaign(tmp_path, {f"x:{n}:0": (E, E, E) for n in range(4)})
    aggregate_labels(made)
    with made.write() as db:
        rows = [{"pair_id": f"x:{n}:0", "split": "dev" if n else "train", "leakage_group": str(n)} for n in range(4)]
        db.execute(schema.splits.insert(), rows)
    predict(made, {"x:1:0": (0.1, 0.1, 0.8), "x:2:0": (0.6, 0.2, 0.2), "x:0:0": (0.1, 0.1, 0.8)})
    found = model_quality.on_split(made, "relation", "v1", "dev")
    assert found is not None
    assert (found.pairs, found.accuracy) == (2, 0.5)
    assert model_quality.on_split(made, "relation", "v1", "test") is None


def test_candidates_are_the_free_pairs_by_probability_with_reasons(tmp_path: Path) -> None:
    made = campaign(tmp_path, {"x:0:0": (E, E, E)})
    add_pairs(made, ["x:1:0", "x:2:0", "x:3:0"], number=2)
    with made.write() as db:
        db.execute(schema.round_pairs.delete().where(schema.round_pairs.c.round == 2))
    chances = {"x:0:0": (0, 1, 0), "x:1:0": (0.5, 0.2, 0.3), "x:2:0": (0.1, 0.3, 0.6), "x:3:0": (0.2, 0.6, 0.2)}
    predict(made, chances)
    found = model_quality.candidates(made, "v1", I, 0, 2)
    assert [(each.rank, each.pair_id) for each in found] == [(1, "x:3:0"), (2, "x:2:0")]
    assert found[0].reason.startswith("implicit 0.60, both streams agree")
    assert "association says explicit 0.60, alignment says irrelevant 0.60" in found[1].reason
    assert [each.rank for each in model_quality.candidates(made, "v1", I, 2, 2)] == [3]
    assert model_quality.candidates(made, "v1", "funny", 0, 2) == []


def test_pairs_of_deleted_posts_and_without_a_prediction_are_no_candidates_and_are_not_counted(tmp_path: Path) -> None:
    made = campaign(tmp_path, {"x:0:0": (E, E, E)})
    add_pairs(made, [f"x:{n}:0" for n in range(1, 5)], number=2)
    add_pairs(made, ["y:1:0", "y:2:0"], number=3, arm="active")
    with made.write() as db:
        db.execute(schema.round_pairs.delete().where(schema.round_pairs.c.round == 2))
        db.execute(schema.posts.update().where(schema.posts.c.post_id.in_(("x:1", "y:1"))).values(status="deleted"))
        place = schema.round_pairs.update().where(schema.round_pairs.c.round == 3)
        db.execute(place.values(place=sa.cast(sa.func.substr(schema.round_pairs.c.pair_id, 3, 1), sa.Integer)))
    assert model_quality.active_rounds(made) == [(3, 1)]
    predict(made, {f"x:{n}:0": (0.2, 0.6, 0.2) for n in range(4)})
    assert [each.pair_id for each in model_quality.candidates(made, "v1", I, 0, 9)] == ["x:2:0", "x:3:0"]
    assert model_quality.number_of_candidates(made, "v1") == 2
    assert [each.pair_id for each in model_quality.in_round(made, 3, "v1", I, 0, 9)] == ["y:2:0"]


def test_an_active_round_keeps_its_order_and_says_which_part_chose(tmp_path: Path) -> None:
    made = campaign(tmp_path, {})
    add_pairs(made, ["x:1:0", "x:2:0", "x:3:0"], number=2, arm="active")
    parts = {"x:3:0": "strategy", "x:1:0": "random", "x:2:0": "diverse"}
    r = schema.round_pairs.c
    with made.write() as db:
        for place, (pair, part) in enumerate(parts.items()):
            db.execute(schema.round_pairs.update().where(r.pair_id == pair).values(part=part, place=place))
        db.execute(schema.rounds.update().values(strategy="boundary"))
    predict(made, {"x:3:0": (0.2, 0.6, 0.2)}, streams=False)
    found = model_quality.in_round(made, 2, "v1", I, 0, 5)
    assert [each.pair_id for each in found] == list(parts)
    assert found[0].reason.startswith("chosen by boundary; implicit 0.60, uncertainty")
    assert [each.reason for each in found[1:]] == ["drawn at random", "chosen to be unlike the others"]
