"""What a release holds of pairs that were judged more than once, and whom its pictures and pseudonyms show."""

from pathlib import Path

from ccd.campaign.campaign import Campaign
from ccd.campaign.tables import schema
from ccd.campaign.tables.events import now
from ccd.protocol import load
from ccd.release import content
from ccd.release.content import ReleasedPair
from ccd.release.judged import Judged, pseudonyms
from ccd.release.tally import Tally
from tests.ccd.build import campaign, judge
from tests.ccd.campaign.test_gold_labels import E, I


def released(made: Campaign, pair: str) -> None:
    """Give the pair a label and a split, as `ccd labels` and `ccd split` would."""
    label = {"question": made.protocol.question.name, "label": E, "resolved_by": "unanimous", "votes": "{}"}
    with made.write() as db:
        db.execute(schema.labels.insert().values(pair_id=pair, **label))
        db.execute(schema.splits.insert().values(pair_id=pair, split="train", leakage_group=pair))


def test_a_pair_of_two_rounds_is_released_with_the_arm_and_the_chance_of_its_first(tmp_path: Path) -> None:
    made = campaign(tmp_path, {"x:1:0": (E, E, E)})
    released(made, "x:1:0")
    later = {"arm": "active", "strategy": "margin", "seed": 1, "size": 1, "pool": 1, "created_at": now()}
    with made.write() as db:
        db.execute(schema.rounds.insert().values(round=2, **later))
        db.execute(schema.round_pairs.insert().values(round=2, pair_id="x:1:0"))
    with made.read() as db:
        (pair,) = content.pairs(db, made)
    assert (pair.row["arm"], pair.row["inclusion_probability"]) == ("random", 1.0)


def test_of_two_answers_of_an_annotator_the_first_is_released(tmp_path: Path) -> None:
    made = campaign(tmp_path, {"x:1:0": (E, E, E)})
    with made.write() as db:
        first = dict(db.execute(schema.judgments.select()).mappings().first() or {})
        answers = f'{{"{made.protocol.question.name}": "{I}"}}'
        again = {"judgment_id": 99, "annotation": "again", "answers": answers, "created_at": "2999-01-01"}
        db.execute(schema.judgments.insert().values(first | again))
    with made.read() as db:
        judged = list(Judged(made.protocol).rows(db))
    assert [row["label"] for row in judged] == [E, E, E]


def test_pseudonyms_are_numbered_by_first_judgments_and_not_by_names(tmp_path: Path) -> None:
    made = campaign(tmp_path, {"x:1:0": (None, None, E), "x:2:0": (E, E, E)})
    judge(made, "x:1:0", "lead", I, role="adjudicator")
    with made.read() as db:
        assert pseudonyms(db) == {
            ("annotator", "a3"): "A1",
            ("annotator", "a1"): "A2",
            ("annotator", "a2"): "A3",
            ("adjudicator", "lead"): "R1",
        }


def test_examples_show_each_photo_once() -> None:
    tally = Tally.of(load("ccd").questions)
    for number in range(20):
        row = {"pair_id": f"x:{number}:0", "label": E, "resolved_by": "unanimous", "votes": {E: 3}}
        row |= {"arm": "random", "leakage_group": row["pair_id"]}
        tally.take(ReleasedPair("", "train", row, sha256=f"photo {number % 5}"))
    chosen = [pair.sha256 for _, pair in tally.chosen[E]]
    assert sorted(chosen) == [f"photo {number}" for number in range(5)]
