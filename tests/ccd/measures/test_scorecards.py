"""Scorecards of annotators against numbers counted by hand, and against a row-by-row count."""

from collections import Counter
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.campaign.gold_labels import aggregate_labels
from ccd.campaign.scorecards import of_campaign
from ccd.errors import CcdError
from ccd.measures.scorecards import Scorecard, Share, confusions, scorecards
from tests.ccd.build import campaign, judge

LABELS = ("no", "maybe", "yes")
# What a, b and c said of each pair, and its settled label.
SAID = {
    "p1": ("yes", "yes", "yes", "yes"),
    "p2": ("yes", "yes", "no", "yes"),
    "p3": ("no", "no", "yes", "no"),
    "p4": ("no", "yes", "maybe", None),
    "p5": ("maybe", "no", "no", "no"),
}
VOTES = pd.DataFrame(
    [(pair, worker, said[i]) for pair, said in SAID.items() for i, worker in enumerate("abc")],
    columns=["task", "worker", "label"],
)
SETTLED = pd.Series({pair: said[3] for pair, said in SAID.items()})


def test_a_small_table_by_hand() -> None:
    cards = scorecards(VOTES, LABELS, SETTLED)
    assert list(cards) == ["a", "b", "c"]
    # The others of a: yes-yes, yes-no (tie), no-yes (tie), yes-maybe (tie), no-no.
    assert cards["a"].others == Share(0.5, 1, 2)
    assert cards["b"].others == Share(1.0, 1, 1)  # p1 yes; p5 is maybe-no, the rest ties too
    assert cards["c"].others == Share(1 / 3, 1, 3)  # p1 yes, p2 yes, p3 no
    assert cards["a"].confusion == [[1, 0, 0], [1, 0, 0], [0, 0, 2]]  # given no, maybe, yes by settled no, maybe, yes
    assert cards["a"].recall["no"] == Share(0.5, 1, 2)
    assert cards["a"].precision["no"] == Share(1.0, 1, 1)
    assert cards["a"].precision["maybe"] == Share(0.0, 0, 1)
    assert cards["c"].precision["yes"] == Share(0.5, 1, 2)
    assert cards["b"].recall["maybe"] == Share(None, 0, 0, "no settled pair of it judged")
    assert cards["b"].precision["maybe"] == Share(None, 0, 0, "never given to a settled pair")


def test_what_was_not_recorded_has_a_reason() -> None:
    card = scorecards(VOTES, LABELS, SETTLED)["a"]
    assert (card.seconds, card.fast, card.drift) == (None, Share(None, 0, 0, "no seconds recorded"), [])
    assert card.to_dict()["others"] == {"value": 0.5, "part": 1, "of": 2, "reason": None}


def test_the_median_and_the_speeders() -> None:
    timed = VOTES.assign(seconds=[1.0, 9.0, None] * 3 + [2.0, 9.0, None] + [30.0, 1.9, None])
    cards = scorecards(timed, LABELS, SETTLED, fastest=2.0)
    assert (cards["a"].seconds, cards["a"].fast) == (1.0, Share(0.6, 3, 5))
    assert (cards["b"].seconds, cards["b"].fast) == (9.0, Share(0.2, 1, 5))
    assert cards["c"].fast.reason == "no seconds recorded"


def test_drift_is_by_tenths_of_ones_own_time_and_not_by_the_rows() -> None:
    # 20 pairs; a agrees with the two others in the first half of their time, and never after.
    rows = []
    for place in range(20):
        said = "yes" if place < 10 else "no"
        rows += [
            (f"p{place}", "a", said, f"2024-01-01T00:00:{place:02d}Z"),
            (f"p{place}", "b", "yes", "2024-01-01T00:00:00.5+00:00"),
            (f"p{place}", "c", "yes", "2024-01-01T00:00:00Z"),
        ]
    df = pd.DataFrame(rows, columns=["task", "worker", "label", "created_at"]).sample(frac=1, random_state=3)
    cards = scorecards(df, LABELS, SETTLED)
    assert [share.value for share in cards["a"].drift] == [1.0] * 5 + [0.0] * 5
    assert {share.of for share in cards["a"].drift} == {2}
    assert sum(share.of for share in cards["b"].drift) == 10  # where a and c tie, b is not compared


def test_few_judgments_leave_tenths_empty() -> None:
    df = VOTES.assign(created_at="2024-01-01T00:00:00Z")
    drift = scorecards(df, LABELS, SETTLED)["a"].drift
    assert len(drift) == 10
    assert sum(share.of for share in drift) == 2
    assert drift[1] == Share(None, 0, 0, "the others tie or are not there")


def test_a_lone_annotator_and_no_judgments_at_all() -> None:
    alone = scorecards(VOTES[VOTES["worker"] == "a"], LABELS, SETTLED)
    assert alone["a"].others == Share(None, 0, 0, "the others tie or are not there")
    assert scorecards(VOTES.iloc[:0], LABELS, SETTLED) == {}
    (skipper,) = scorecards(VOTES.iloc[:0], LABELS, SETTLED, answered={("d", "skipped"): 4}).values()
    assert (skipper.judgments, skipper.skipped, skipper.confusion) == (0, 4, [[0] * 3] * 3)


def test_scores_have_no_majority() -> None:
    scores = pd.DataFrame({"task": ["p", "p"], "worker": ["a", "b"], "label": [1.5, 2.0], "seconds": [1.0, 3.0]})
    card = scorecards(scores, (), pd.Series(dtype=object))["b"]
    assert (card.others.reason, card.precision, card.seconds) == ("scores have no majority", {}, 3.0)


def test_confusions_by_hand() -> None:
    # p1 3 yes; p2 2 yes 1 no; p3 2 no 1 yes; p4 one each; p5 2 no 1 maybe
    assert confusions(VOTES, LABELS).tolist() == [[4, 3, 5], [3, 0, 1], [5, 1, 8]]


def test_a_label_outside_is_told() -> None:
    with pytest.raises(CcdError, match="'yes' is not one of no, maybe"):
        scorecards(VOTES, ("no", "maybe"), SETTLED)


def test_a_campaign_counts_skips_and_leaves_adjudicators_out(tmp_path: Path) -> None:
    e, i, r = "explicit", "implicit", "irrelevant"
    votes = {"x:1:0": (e, e, e), "x:2:0": (e, i, r), "x:3:0": (r, r, e), "x:4:0": (i, i, "cannot_judge")}
    made = campaign(tmp_path, votes)
    judge(made, "x:2:0", "lead", i, role="adjudicator")
    aggregate_labels(made)
    with made.read() as db:
        cards = of_campaign(db, made.protocol.question)
    assert list(cards) == ["a1", "a2", "a3"]
    assert (cards["a3"].judgments, cards["a3"].cannot_judge) == (3, 1)
    assert cards["a2"].precision[i] == Share(1.0, 2, 2)  # x:2:0 is adjudicated, x:4:0 has two of two
    assert cards["a1"].recall[i] == Share(0.5, 1, 2)


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.sampled_from("abcd"), st.sampled_from(LABELS)),
        max_size=24,
        unique_by=lambda row: row[:2],
    )
)
def test_the_count_is_that_of_a_slow_loop(rows: list[tuple[int, str, str]]) -> None:
    df = pd.DataFrame(rows, columns=["task", "worker", "label"])
    cards: dict[str, Scorecard] = scorecards(df, LABELS, pd.Series(dtype=object))
    for worker, card in cards.items():
        right = compared = 0
        for task, _, label in (row for row in rows if row[1] == worker):
            others = Counter(row[2] for row in rows if row[0] == task and row[1] != worker).most_common()
            if others and (len(others) == 1 or others[0][1] > others[1][1]):
                compared += 1
                right += others[0][0] == label
        assert (card.others.part, card.others.of) == (right, compared)
