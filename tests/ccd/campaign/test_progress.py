"""Progress by round and annotator, and the day on which it will be done."""

import datetime
from pathlib import Path

from ccd.campaign.progress import Pace, Progress, paces, progress
from ccd.campaign.rounds import new_round
from ccd.campaign.tables import schema
from tests.campaigns import judge, small_campaign

NAMES = ("ann", "bob", "cy")
NOW = datetime.datetime(2024, 1, 8, tzinfo=datetime.UTC)


def test_by_round_and_annotator(tmp_path: Path) -> None:
    made = small_campaign(tmp_path / "c", 4)
    new_round(made, 2, 1)
    new_round(made, 2, 1)
    with made.read() as db:
        first = progress(db, NAMES)
    assert [(each.round, each.annotator, each.assigned, each.open) for each in first[:3]] == [
        (1, "ann", 2, 2),
        (1, "bob", 2, 2),
        (1, "cy", 2, 2),
    ]
    for pair in ("x:0:0", "x:1:0", "x:2:0", "x:3:0"):
        judge(made, pair, "ann", "explicit")
    judge(made, "x:0:0", "bob", status="skipped")
    judge(made, "x:0:0", "bob", "explicit", annotation="again")  # a skip that was answered later is no skip
    judge(made, "x:1:0", "bob", status="cannot_judge")
    with made.read() as db:
        found = progress(db, NAMES)
    assert {(e.round, e.judged, e.open) for e in found if e.annotator == "ann"} == {(1, 2, 0), (2, 2, 0)}
    bob = [e for e in found if e.annotator == "bob"]
    assert (sum(e.judged for e in bob), sum(e.cannot_judge for e in bob), sum(e.skipped for e in bob)) == (1, 1, 0)


def test_what_will_not_come_is_not_open(tmp_path: Path) -> None:
    """cy has left, and one post is deleted; what was answered before is answered."""
    made = small_campaign(tmp_path / "c", 3)
    new_round(made, 3, 1)
    judge(made, "x:0:0", "ann", "explicit")
    judge(made, "x:0:0", "cy", "explicit")
    with made.write() as db:
        db.execute(schema.posts.update().where(schema.posts.c.post_id.in_(("x:0", "x:1"))).values(status="deleted"))
        found = progress(db, ("ann", "bob"))
    counts = {each.annotator: (each.assigned, each.answered, each.lost, each.open) for each in found}
    assert counts == {"ann": (3, 1, 1, 1), "bob": (3, 0, 2, 1), "cy": (3, 1, 2, 0)}


def test_the_end_follows_the_pace_of_the_last_week(tmp_path: Path) -> None:
    made = small_campaign(tmp_path / "c", 60)
    for number in range(28):  # four a day, on the first of January, a week before
        judge(made, f"x:{number}:0", "ann", "explicit", created_at=f"2024-01-0{1 + number // 4}T10:00:00.000000Z")
    judge(made, "x:0:0", "bob", "explicit", created_at="2023-11-01T10:00:00.000000Z")
    rows = [Progress(1, "ann", 60, 28, 0, 0), Progress(1, "bob", 60, 1, 0, 0), Progress(1, "cy", 4, 4, 0, 0)]
    with made.read() as db:
        ann, bob, cy = paces(db, rows, NOW)
    assert round(ann.a_day, 1) == 4.3  # 28 since her first, 6.6 days ago
    assert ann.end is not None
    assert (ann.end - NOW).days == 7
    assert bob == Pace("bob", 59, 0.0, None)
    assert cy == Pace("cy", 0, 0.0, None)


def test_the_pace_is_of_answers_and_over_a_day_at_least(tmp_path: Path) -> None:
    made = small_campaign(tmp_path / "c", 10)
    for number in range(10):
        judge(made, f"x:{number}:0", "ann", "explicit", created_at=f"2024-01-07T23:0{number}:00.000000Z")
    for version in (2, 3):  # an answer that was edited twice is one
        edit = {"annotation": "x:0:0 by ann", "created_at": "2024-01-07T23:30:00.000000Z"}
        judge(made, "x:0:0", "ann", "implicit", version=version, **edit)
    with made.read() as db:
        (ann,) = paces(db, [Progress(1, "ann", 30, 10, 0, 0)], NOW)
    assert ann == Pace("ann", 20, 10.0, NOW + datetime.timedelta(days=2))
