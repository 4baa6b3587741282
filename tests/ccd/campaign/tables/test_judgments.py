"""Which judgments count: the newest version of each annotation, and an annotator's first valid one on a pair."""

from pathlib import Path
from typing import Any

import pytest

from ccd.campaign.campaign import Campaign
from ccd.campaign.tables.judgments import responses_per_pair, valid_judgments
from ccd.vocabulary import REPORTED, Status
from tests.campaigns import judge, small_campaign


@pytest.fixture
def campaign(tmp_path: Path) -> Campaign:
    return small_campaign(tmp_path, pairs=3)


def labels(campaign: Campaign, **options: Any) -> dict[tuple[str, str], Any]:
    with campaign.read() as db:
        frame = valid_judgments(db, "relation", **options)
    return {(row.task, row.worker): row.label for row in frame.itertuples()}


def test_an_empty_campaign_has_the_columns(campaign: Campaign) -> None:
    with campaign.read() as db:
        columns = ["task", "worker", "label", "seconds", "prediction", "created_at", "revision"]
        assert list(valid_judgments(db, "relation").columns) == columns
        assert responses_per_pair(db) == {}


def test_what_was_judged_is_counted_as_it_was_given(campaign: Campaign) -> None:
    judge(campaign, "x:0:0", "ann", "implicit", seconds=3.5)
    judge(campaign, "x:0:0", "bob", "explicit")
    with campaign.read() as db:
        frame = valid_judgments(db, "relation")
    assert frame.to_dict("records")[0] == {
        "task": "x:0:0",
        "worker": "ann",
        "label": "implicit",
        "seconds": 3.5,
        "prediction": None,
        "created_at": "2024-01-01T00:00:00.000000Z",
        "revision": 1,
    }
    assert list(frame["label"]) == ["implicit", "explicit"]


def test_the_newest_version_speaks_for_its_annotation(campaign: Campaign) -> None:
    judge(campaign, "x:0:0", "ann", "implicit", annotation="a", version=1, created_at="2024-01-01")
    judge(campaign, "x:0:0", "ann", "explicit", annotation="a", version=3, created_at="2024-01-01")
    judge(campaign, "x:0:0", "ann", "irrelevant", annotation="a", version=2, created_at="2024-01-01")
    assert labels(campaign) == {("x:0:0", "ann"): "explicit"}


def test_the_first_valid_annotation_of_an_annotator_wins(campaign: Campaign) -> None:
    judge(campaign, "x:0:0", "ann", "explicit", annotation="late", created_at="2024-01-03")
    judge(campaign, "x:0:0", "ann", "implicit", annotation="early", created_at="2024-01-02")
    judge(campaign, "x:0:0", "ann", annotation="first", status=Status.SKIPPED, created_at="2024-01-01")
    assert labels(campaign) == {("x:0:0", "ann"): "implicit"}


def test_who_could_not_judge_was_heard_and_who_skipped_was_not(campaign: Campaign) -> None:
    judge(campaign, "x:0:0", "ann", "implicit")
    judge(campaign, "x:0:0", "ann", "explicit", annotation="again")  # one annotator
    judge(campaign, "x:0:0", "bob", status=Status.CANNOT_JUDGE)
    judge(campaign, "x:0:0", "lead", "explicit", role="adjudicator")
    judge(campaign, "x:1:0", "ann", status=Status.SKIPPED)
    with campaign.read() as db:
        assert responses_per_pair(db) == {"x:0:0": 2}


@pytest.mark.parametrize(
    "status", [Status.CANNOT_JUDGE, Status.SKIPPED, Status.DELETED, Status.OUTSIDE_PROTOCOL, *REPORTED]
)
def test_what_is_not_valid_is_no_vote(campaign: Campaign, status: str) -> None:
    judge(campaign, "x:0:0", "ann", "implicit", status=status)
    judge(campaign, "x:1:0", "ann", "explicit")
    assert labels(campaign) == {("x:1:0", "ann"): "explicit"}


def test_a_deleted_annotation_gives_way_to_the_next(campaign: Campaign) -> None:
    judge(campaign, "x:0:0", "ann", "implicit", annotation="early", created_at="2024-01-01")
    judge(
        campaign,
        "x:0:0",
        "ann",
        "implicit",
        annotation="early",
        version=2,
        status=Status.DELETED,
        created_at="2024-01-01",
    )
    assert labels(campaign) == {}
    judge(campaign, "x:0:0", "ann", "explicit", annotation="late", created_at="2024-01-02")
    assert labels(campaign) == {("x:0:0", "ann"): "explicit"}


def test_adjudicators_and_annotators_are_kept_apart(campaign: Campaign) -> None:
    judge(campaign, "x:0:0", "ann", "implicit")
    judge(campaign, "x:0:0", "lead", "explicit", role="adjudicator")
    assert labels(campaign) == {("x:0:0", "ann"): "implicit"}
    assert labels(campaign, role="adjudicator") == {("x:0:0", "lead"): "explicit"}


def test_only_the_question_asked_for_and_numbers_stay_numbers(campaign: Campaign) -> None:
    judge(campaign, "x:0:0", "ann", "implicit", answers='{"valence": 3.5, "relation": "implicit"}')
    judge(campaign, "x:1:0", "ann", "implicit", answers='{"relation": "explicit"}')
    with campaign.read() as db:
        assert list(valid_judgments(db, "valence")["label"]) == [3.5]
        assert list(valid_judgments(db, "relation")["label"]) == ["implicit", "explicit"]
