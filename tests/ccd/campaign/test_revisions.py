"""A protocol that changes after judgments exist: which revision is which, and what is said, counted and refused."""

import json
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa

from ccd.campaign import revisions
from ccd.campaign.agreement import of_campaign
from ccd.campaign.campaign import Campaign
from ccd.campaign.gold_labels import aggregate_labels
from ccd.campaign.status import status
from ccd.campaign.stored_split import split_campaign
from ccd.campaign.tables import migrations, schema
from ccd.campaign.tables.judgments import valid_judgments
from ccd.campaign.tables.notes import note
from ccd.errors import CcdError
from ccd.measures.agreement import agreement
from ccd.protocol import load, parse, source
from ccd.release.verify import verify
from ccd.release.write import write_release
from ccd.reports.report import Wanted
from ccd.reports.report import of_campaign as report_of
from tests.ccd.build import ANNOTATORS, campaign, judge

pytestmark = pytest.mark.usefixtures("undrawn")

E, I, R = "explicit", "implicit", "irrelevant"  # noqa: E741
CCD = source("ccd")[0]
VAGUE = """
[[questions.categories]]
name = "vague"
id = 3
title = "Vague"
hotkey = "v"
colour = "#111111"
guideline = "Neither can be said."
"""
TONE = """
[[questions]]
name = "tone"
title = "Tone?"
[[questions.categories]]
name = "light"
id = 0
title = "Light"
hotkey = "l"
colour = "#009e73"
guideline = "Light."
[[questions.categories]]
name = "dark"
id = 1
title = "Dark"
hotkey = "d"
colour = "#000000"
guideline = "Dark."
"""
VOTES = {"x:1:0": (E, E, E), "x:2:0": (E, I, E), "x:3:0": (R, I, E), "x:4:0": (R, R, R), "x:5:0": (I, R, I)}


@pytest.fixture
def made(tmp_path: Path) -> Campaign:
    (tmp_path / "mine.toml").write_text(CCD)
    found = campaign(tmp_path, VOTES, protocol="mine.toml")
    with found.write() as db:
        assert revisions.current(db, found.protocol) == 1
    return found


def changed(made: Campaign, text: str) -> Campaign:
    """The campaign with this protocol, which is used from now on."""
    (made.folder / "mine.toml").write_text(text)
    found = Campaign.open(made.folder)
    with found.write() as db:
        revisions.current(db, found.protocol)
    return found


def ac1(made: Campaign) -> tuple[float | None, str | None]:
    with made.read() as db:
        found = of_campaign(db, made.protocol, n_resamples=20)["relation"].coefficients["gwet_ac1"]
    return found.value, found.reason


@pytest.mark.parametrize(
    ("old", "new", "same"),
    [
        ('title = "Implicit', 'title = "Quite implicit', False),
        ('name = "implicit"', 'name = "hidden"', False),
        ('hotkey = "1"', 'hotkey = "9"', True),
        ("year = 2021", "year = 2022", True),
    ],
)
def test_what_annotators_read_and_can_answer_makes_a_revision(old: str, new: str, same: bool) -> None:
    assert old in CCD
    assert (revisions.digest(parse(CCD.replace(old, new), "x")) == revisions.digest(load("ccd"))) == same


def test_a_category_added_later_changes_no_agreement_on_what_was_judged_without_it(made: Campaign) -> None:
    before = ac1(made)
    assert ac1(changed(made, CCD + VAGUE)) == before
    assert of_report(changed(made, CCD + VAGUE))["labels"] == [R, I, E]


def of_report(made: Campaign) -> dict[str, object]:
    return report_of(made, Wanted(n_resamples=20))


def test_mixed_revisions_are_named_and_each_is_measured_with_its_own_categories(made: Campaign) -> None:
    made = changed(made, CCD + VAGUE)
    assert aggregate_labels(made).mixed is None
    for pair, votes in {"x:1:0": ("vague", E, E), "x:2:0": ("vague", I, I)}.items():
        for worker, label in zip(ANNOTATORS, votes, strict=True):
            judge(made, pair, worker, label, version=2, revision=2)
    said = (
        "The judgments were given under 2 revisions of the protocol "
        "(revision 1, 9 judgments; revision 2, 6 judgments): 2 against 1: relation: vague added."
    )
    assert aggregate_labels(made).mixed == said
    with made.read() as db:
        found, df = of_campaign(db, made.protocol, n_resamples=20)["relation"], valid_judgments(db, "relation")
    value, reason = ac1(made)
    assert value is None
    assert reason is not None
    assert "the categories changed between revisions of the protocol" in reason
    for number, labels in (("1", (R, I, E)), ("2", (R, I, E, "vague"))):
        alone = agreement(df[df["revision"] == int(number)], labels, "nominal", n_resamples=20)
        assert found.by_revision[number].coefficients == alone.coefficients
        assert f"{alone.coefficients['gwet_ac1'].value:.3f} under {number}" in reason
    assert of_report(made)["mixed"] == said


def test_another_wording_is_named_and_measured_together(made: Campaign) -> None:
    before = ac1(made)
    made = changed(made, CCD.replace('title = "Implicit', 'title = "Quite implicit'))
    judge(made, "x:1:0", "a1", E, version=2, revision=2)
    assert aggregate_labels(made).mixed is not None
    assert "2 against 1: another wording only." in str(aggregate_labels(made).mixed)
    assert ac1(made) == before


def test_labels_that_the_protocol_lacks_are_refused_and_nothing_is_lost(made: Campaign) -> None:
    aggregate_labels(made)
    judge(made, "x:3:0", "lead", I, role="adjudicator")
    aggregate_labels(made)
    before = (made.folder / "labels.jsonl").read_bytes()
    assert b"adjudicated" in before
    made = changed(made, CCD.replace('name = "implicit"', 'name = "hidden"'))
    with pytest.raises(CcdError, match=r"question 'relation': 5 judgments with the answer 'implicit'.*Put it back"):
        aggregate_labels(made)
    assert (made.folder / "labels.jsonl").read_bytes() == before
    with made.read() as db:
        assert db.scalar(sa.select(sa.func.count()).where(schema.labels.c.resolved_by == "adjudicated")) == 1
    split_campaign(changed(made, CCD))
    made = changed(made, CCD.replace('name = "implicit"', 'name = "hidden"'))
    with pytest.raises(CcdError, match="no longer has"):
        write_release(made, "v1")
    assert not (made.folder / "releases" / "v1").exists()
    made = changed(made, CCD)
    assert aggregate_labels(made).changed == 0
    assert (made.folder / "labels.jsonl").read_bytes() == before
    with made.read() as db:
        assert sorted(revisions.known(db, made.protocol)) == [1, 2]


FIT = """
[[questions]]
name = "fit"
title = "How well do they fit?"
kind = "score"
minimum = 0
maximum = 10
step = 1
"""


@pytest.mark.parametrize(
    ("before", "after", "answers", "said"),
    [
        (FIT, FIT.replace("maximum = 10", "maximum = 5"), (7, 9, 3), "2 judgments with scores outside its "
         r"scale of 0 to 5 \(7 to 9\)\. Set minimum and maximum so that they hold them; nothing was written"),
        (FIT, FIT.replace("minimum = 0", "minimum = 1"), (0, 9, 3), r"1 judgment with scores outside .* 1 to 10 \(0\)"),
        (FIT, TONE.replace("tone", "fit"), (7, 9, 3), "3 judgments with a score, such as 3, and it asks for a label"),
        (TONE, FIT.replace('"fit"', '"tone"'), ("dark", "light", "dark"), "3 judgments with a label, such as 'dark'"),
    ],
)  # fmt: skip
def test_what_is_said_of_an_answer_fits_its_kind(
    tmp_path: Path, before: str, after: str, answers: tuple[str | float, ...], said: str
) -> None:
    (tmp_path / "mine.toml").write_text(CCD + before)
    made = campaign(tmp_path, {"x:1:0": (None, None, None)}, protocol="mine.toml")
    name = made.protocol.questions[1].name
    for worker, answer in zip(ANNOTATORS, answers, strict=True):
        judge(made, "x:1:0", worker, {"relation": E, name: answer})
    aggregate_labels(made)
    with pytest.raises(CcdError, match=f"question '{name}': {said}"):
        aggregate_labels(changed(made, CCD + after))


def test_no_share_and_no_split_without_a_label_that_the_protocol_lacks(made: Campaign) -> None:
    aggregate_labels(made)
    facts = status(made)
    assert facts["prevalence"]["labels"][0]["share"] is not None
    assert facts["mixed"] is None
    made = changed(made, CCD.replace('name = "implicit"', 'name = "hidden"'))
    facts = status(made)
    assert [one["share"] for one in facts["prevalence"]["labels"]] == [None] * 3
    assert "with the answer 'implicit', which the protocol no longer has" in facts["mixed"]
    with pytest.raises(CcdError, match="no longer has"):
        split_campaign(made)
    made = changed(made, CCD + VAGUE)
    judge(made, "x:3:0", "lead", I, role="adjudicator", revision=2)
    assert status(made)["mixed"].startswith("The judgments were given under 2 revisions of the protocol")


def test_a_question_added_later_waits_for_judgments_and_not_for_an_adjudicator(made: Campaign) -> None:
    made = changed(made, CCD + TONE)
    done = aggregate_labels(made)
    assert done.number("tone", "incomplete") == len(VOTES)
    assert done.number("relation", "open") == 1
    for worker in ANNOTATORS:
        judge(made, "x:1:0", worker, {"relation": E, "tone": "dark"}, version=2, revision=2)
    done = aggregate_labels(made)
    assert (done.number("tone", "unanimous"), done.number("tone", "incomplete")) == (1, len(VOTES) - 1)
    assert "2 against 1: question tone added" in str(done.mixed)


def test_a_release_has_every_revision_and_each_judgment_its_own(made: Campaign) -> None:
    made = changed(made, CCD + VAGUE)
    judge(made, "x:1:0", "a1", "vague", version=2, revision=2)
    aggregate_labels(made)
    split_campaign(made)
    folder = write_release(made, "v1").folder
    assert verify(folder) == []
    protocol = json.loads((folder / "protocol.json").read_text())
    assert [(each["revision"], each["judgments"]) for each in protocol["revisions"]] == [(1, 14), (2, 1)]
    asked = [[c["name"] for c in each["protocol"]["questions"][0]["categories"]] for each in protocol["revisions"]]
    assert ["vague" in names for names in asked] == [False, True]
    frame = pd.read_parquet(folder / "judgments.parquet")
    assert frame[frame["revision"] == 2][["task", "label"]].to_numpy().tolist() == [["x:1:0", "vague"]]
    assert "revision 1, 14 judgments; revision 2, 1 judgment)" in (folder / "methods.md").read_text()


def test_judgments_of_an_older_toolkit_are_of_the_protocol_at_that_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine.toml").write_text(CCD)
    made = campaign(tmp_path, VOTES, protocol="mine.toml")
    before = ac1(made)
    for version in (5, 6):
        monkeypatch.setitem(migrations.MIGRATIONS, version, lambda _db: None)  # the columns are there already
    with made.write() as db:
        note(db, "schema_version", 5)
    Campaign.open(tmp_path)
    made = changed(made, CCD + VAGUE)
    assert ac1(made) == before
    with made.read() as db:
        assert [(each.number, each.judgments) for each in revisions.used(db, made.protocol)] == [(1, 15)]
