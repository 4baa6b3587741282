"""What an annotator was overruled on, and the sheet that tells them."""

from pathlib import Path

from ccd.campaign import scorecards
from ccd.campaign.gold_labels import aggregate_labels
from ccd.reports import feedback
from ccd.reports.feedback import Example
from tests.ccd.build import campaign
from tests.ccd.campaign.test_gold_labels import E, I, R


def test_overruled_are_the_judgments_that_the_label_is_not(tmp_path: Path) -> None:
    made = campaign(tmp_path, {"x:0:0": (E, E, I), "x:1:0": (E, E, E), "x:2:0": (R, I, E), "x:3:0": (I, R, R)})
    with made.read() as db:
        assert scorecards.overruled(db, made.protocol.question).empty  # nothing is settled yet
    aggregate_labels(made)
    with made.read() as db:
        found = scorecards.overruled(db, made.protocol.question)
    assert found.to_dict("records") == [
        {"pair_id": "x:0:0", "annotator": "a3", "given": I, "settled": E, "resolved_by": "majority"},
        {"pair_id": "x:3:0", "annotator": "a1", "given": I, "settled": R, "resolved_by": "majority"},
    ]


def test_a_sheet_shows_text_as_text_and_names_nobody_else(tmp_path: Path) -> None:
    made = campaign(tmp_path, {"x:0:0": (E, E, I)})
    aggregate_labels(made)
    with made.read() as db:
        card = scorecards.of_campaign(db, made.protocol.question)["a3"]
    hostile = "<script>alert(1)</script> **bold** ‮ ‎"
    example = Example("x:0:0", hostile, I, E, {I: 1, E: 2}, b"\xff\xd8")
    page = feedback.sheet("<campaign>", "A3 & co", made.protocol.question, card, [example])
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; **bold**" in page
    assert "data:image/jpeg;base64,/9g=" in page
    assert "A3 &amp; co" in page
    assert "http" not in page
    for name in ("a1", "a2"):
        assert f">{name}<" not in page
    assert "Nowhere." in feedback.sheet("t", "A3", made.protocol.question, card, [])
