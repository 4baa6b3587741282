"""The pages through Streamlit's AppTest: what they say, what they store, and what they say where nothing is there."""

import resource
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from streamlit.testing.v1 import AppTest

from apps.review import state
from ccd.campaign import adjudication, predictions
from ccd.campaign.campaign import Campaign
from ccd.campaign.gold_labels import aggregate_labels
from ccd.campaign.tables import schema
from tests.campaigns import small_campaign
from tests.ccd.build import add_pairs, campaign, judge
from tests.ccd.campaign.test_gold_labels import E, I, R

APP = Path(__file__).resolve().parents[3] / "apps" / "review" / "app.py"
PAGES = ("campaign", "disagreements", "agreement", "annotators", "model", "dataset")
TIE, MINOR, SPLIT = "x:0:0", "x:1:0", "x:2:0"
VOTES = {TIE: (R, I, E), MINOR: (E, E, I), SPLIT: (R, R, E), "x:3:0": (E, E, E), "x:4:0": (R, R, R)}
HOSTILE = "<script>alert(1)</script> **bold** [link](http://x.example) :100: $x^2$ ‏עברית​ 👩‍👩‍👧 " + "long " * 2000
EVIL = "<img src=x onerror=alert(1)> **b** [go](javascript:alert(1))"


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Campaign:
    found = campaign(tmp_path, VOTES)
    aggregate_labels(found)
    monkeypatch.chdir(found.folder)
    monkeypatch.setattr(state, "FIRST_LOOK", 0.0)
    return found


def opened(page: str) -> AppTest:
    app = AppTest.from_file(str(APP), default_timeout=120).run()
    app.switch_page(f"views/{page}.py").run()
    assert not app.exception, app.exception
    return app


def shown(app: AppTest) -> str:
    """All that the page says in words."""
    kinds = (app.text, app.caption, app.info, app.warning, app.error, app.code, app.title, app.subheader)
    return "\n".join(str(each.value) for kind in kinds for each in kind)


def predict(made: Campaign, version: str = "net-1") -> None:
    folder = predictions.begin(made, version, {"labels": [R, I, E], "question": "relation"})
    p = np.tile(np.array([[0.1, 0.7, 0.2]], np.float32), (len(VOTES), 1))
    predictions.write(
        folder, predictions.Predictions(version, (R, I, E), tuple(VOTES), p, p, p[:, ::-1].copy(), p.astype("f2"), None)
    )


@pytest.mark.parametrize("page", PAGES)
def test_a_new_campaign_says_what_to_do_next(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(small_campaign(tmp_path / "new").folder)
    app = opened(page)
    assert not app.error
    assert "ccd " in shown(app)


@pytest.mark.parametrize("page", PAGES)
def test_a_judged_campaign_is_drawn_whatever_its_texts_are(page: str, made: Campaign) -> None:
    with made.write() as db:
        db.execute(schema.pairs.update().values(text=sa.literal(HOSTILE) + schema.pairs.c.pair_id))
        db.execute(schema.judgments.update().values(comment=EVIL))
        db.execute(schema.events.update().values(who=EVIL))
    adjudication.decide(made, MINOR, "relation", "lead", E, note=EVIL)
    predict(made, EVIL)
    app = opened(page)
    for toggle in [each for each in app.toggle if each.label == "Show the model"]:
        toggle.set_value(True).run()
    assert not app.error
    assert not app.exception
    written = [each.value for kind in (app.markdown, app.caption, app.subheader, app.title) for each in kind]
    written += [each.label for kind in (app.button, app.selectbox, app.toggle) for each in kind]
    assert not [text for text in written if "alert(1)" in text]  # where markup is read, none of it arrives
    if page == "disagreements":
        assert f"{HOSTILE}{TIE}" in [each.value for each in app.text]


def test_a_decision_that_finds_the_disk_full_is_one_sentence_and_is_not_lost_in_silence(made: Campaign) -> None:
    app = opened("disagreements")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        app.button(key=f"decide-{TIE}-{E}").click().run()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not app.exception
    assert "free space" in " ".join(str(each.value) for each in [*app.warning, *app.error])
    with made.read() as db:
        assert adjudication.last(db, "lead", "relation") is None
    app.run()
    app.button(key=f"decide-{TIE}-{E}").click().run()
    assert not app.exception
    with made.read() as db:
        assert adjudication.last(db, "lead", "relation") == TIE


def test_no_campaign_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    app = AppTest.from_file(str(APP), default_timeout=120).run()
    assert not app.exception
    assert "no campaign here" in app.error[0].value


def decide(app: AppTest, pair: str, answer: str) -> None:
    app.button(key=f"decide-{pair}-{answer}").click().run()
    assert not app.exception


def current(app: AppTest) -> str:
    (key,) = [each.key for each in app.button if str(each.key).startswith("later-")]
    return str(key).removeprefix("later-")


def test_decisions_follow_each_other_and_are_taken_back(made: Campaign) -> None:
    app = opened("disagreements")
    assert "3 left: 1 ties, 1 against a vote for implicit, 1 other splits" in shown(app)
    assert current(app) == TIE
    app.selectbox(key=f"reason-{TIE}").select("context")
    app.text_input(key=f"note-{TIE}").input("look at the sign")
    decide(app, TIE, I)
    assert current(app) == MINOR
    decide(app, MINOR, E)
    assert current(app) == SPLIT
    app.button(key="undo").click().run()
    assert current(app) == MINOR
    assert "is open again" in shown(app)
    with made.read() as db:
        standing = [(each.pair_id, each.status, each.comment) for each in adjudication.waiting(db)]
    assert standing == [
        (TIE, "valid", "context: look at the sign"),
        (MINOR, "valid", None),
        (MINOR, "deleted", None),
    ]


def test_a_decision_that_comes_too_early_settles_nothing_and_loses_nothing(
    made: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = opened("disagreements")
    app.selectbox(key=f"reason-{TIE}").select("context")
    app.text_input(key=f"note-{TIE}").input("look at the sign").run()
    monkeypatch.setattr(state, "FIRST_LOOK", 3600.0)
    decide(app, TIE, I)
    assert current(app) == TIE
    assert "so nothing is settled" in app.warning[0].value.replace("\\", "")
    assert app.text_input(key=f"note-{TIE}").value == "look at the sign"
    with made.read() as db:
        assert adjudication.waiting(db) == []
    monkeypatch.setattr(state, "FIRST_LOOK", 0.0)
    decide(app, TIE, I)
    assert current(app) == MINOR
    with made.read() as db:
        assert [each.comment for each in adjudication.waiting(db)] == ["context: look at the sign"]


def test_a_decision_on_a_pair_that_is_no_longer_on_screen_settles_nothing(made: Campaign) -> None:
    app = opened("disagreements")
    app.session_state["since"] = MINOR, 0.0
    decide(app, TIE, I)
    assert current(app) == TIE
    assert "was not on screen" in app.warning[0].value
    with made.read() as db:
        assert adjudication.waiting(db) == []


def test_the_keys_are_those_of_label_studio(made: Campaign) -> None:
    app = opened("disagreements")
    keys = {each.label: each.proto.shortcut for each in app.button}
    assert keys == {
        "Explicit relevant": "1",
        "Implicit relevant": "2",
        "Irrelevant": "3",
        "Cannot judge": "0",
        "Undo": "u",
        "Later": "s",
    }


def test_later_puts_a_pair_at_the_end(made: Campaign) -> None:
    app = opened("disagreements")
    for following in (MINOR, SPLIT, TIE):
        app.button(key=f"later-{current(app)}").click().run()
        assert current(app) == following


def test_the_later_of_two_reviewers_is_told(made: Campaign) -> None:
    first, second = opened("disagreements"), opened("disagreements")
    decide(first, TIE, I)
    decide(second, TIE, E)
    assert "lead was first and said implicit" in second.warning[0].value.replace("\\", "")
    assert current(second) == MINOR
    with made.read() as db:
        assert len(adjudication.waiting(db)) == 1


def test_the_model_is_hidden_until_asked_for_and_the_decision_says_so(made: Campaign) -> None:
    predict(made)
    app = opened("disagreements")
    assert "net-1" not in shown(app)
    app.toggle(key=f"model-{TIE}").set_value(True).run()
    assert "Model net-1" in shown(app)
    decide(app, TIE, I)
    assert "net-1" not in shown(app)  # off again for the next
    decide(app, MINOR, I)
    j = schema.judgments.c
    with made.read() as db:
        rows = db.execute(sa.select(j.pair_id, j.prediction).where(j.role == "adjudicator").order_by(j.judgment_id))
        assert rows.all() == [(TIE, "net-1"), (MINOR, None)]


def test_filters(made: Campaign) -> None:
    predict(made)
    app = opened("disagreements")
    app.text_input(key="q-text").input("x:2").run()
    assert current(app) == SPLIT
    app.text_input(key="q-text").input("").run()
    app.selectbox(key="q-votes").select("1 implicit, 2 explicit").run()
    assert current(app) == MINOR
    app.selectbox(key="q-votes").select("all").run()
    app.toggle(key="q-model").set_value(True).run()
    assert "2 left: 0 ties" in shown(app)  # ties have no majority that the model could be against


def test_new_judgments_show_without_a_restart(made: Campaign) -> None:
    app = opened("campaign")
    assert {each.label: each.value for each in app.metric}["Answers, of 15"] == "15"
    add_pairs(made, ["x:9:0"], number=2)
    judge(made, "x:9:0", "a1", E)
    app.run()
    assert {each.label: each.value for each in app.metric}["Answers, of 18"] == "16"


def test_names_are_behind_a_switch(made: Campaign) -> None:
    app = opened("annotators")
    assert app.selectbox(key="a-name").options == ["A1", "A2", "A3"]
    app.sidebar.toggle(key="names").set_value(True).run()
    assert app.selectbox(key="a-name").options == ["a1", "a2", "a3"]


def test_a_broken_photo_is_a_placeholder_with_the_reason(made: Campaign) -> None:
    with made.read() as db:
        file = db.scalar(
            sa.select(schema.images.c.file)
            .join(schema.pairs, schema.pairs.c.image == schema.images.c.sha256)
            .where(schema.pairs.c.pair_id == TIE)
        )
    (made.folder / str(file)).write_bytes(b"broken")
    app = opened("disagreements")
    assert "No photo." in shown(app)
    assert "its hash differs" in shown(app)


def test_the_dataset_is_searched_and_paged(made: Campaign) -> None:
    app = opened("dataset")
    assert "5 pairs" in shown(app)
    app.text_input(key="d-text").input("x:3").run()
    assert "1 pairs" in shown(app)
    app.text_input(key="d-text").input("nowhere").run()
    assert "No pair is like that" in shown(app)


def test_the_models_candidates_have_reasons(made: Campaign) -> None:
    predict(made)
    r = schema.round_pairs.c
    with made.write() as db:
        db.execute(schema.round_pairs.delete().where(r.pair_id == "x:4:0"))
        db.execute(schema.splits.insert().values(pair_id="x:3:0", split="dev", leakage_group="g"))
    app = opened("model")
    assert {each.label: each.value for each in app.metric}["Accuracy"] == "0.000"
    app.session_state["m-tab"] = "Candidates"
    app.run()
    assert not app.exception
    assert any("1. implicit 0.70" in each.value for each in app.text)


def tables(app: AppTest) -> list[dict[str, list[object]]]:
    return [each.value.to_dict("list") for each in app.dataframe]


def test_the_campaign_says_how_far_it_is_and_what_comes_next(made: Campaign) -> None:
    app = opened("campaign")
    assert {each.label: each.value for each in app.metric} == {
        "Pairs": "5",
        "Answers, of 15": "15",
        "Settled pairs": "4",
        "Open ties": "1",
    }
    progress, shares, settled = tables(app)
    assert (progress["annotator"], progress["judged"], progress["done"]) == (["A1", "A2", "A3"], [5] * 3, [100.0] * 3)
    assert (shares["label"], shares["found"]) == ([R, I, E], [2, 0, 2])
    assert dict(zip(settled["settled by"], settled["pairs"], strict=True)) == {"majority": 2, "open": 1, "unanimous": 2}
    assert "Next: 1 tie is not on the adjudicators' desk yet" in shown(app)
    add_pairs(made, ["x:9:0"], number=2)
    judge(made, "x:9:0", "a1", E)
    app.run()
    assert "at the pace of the last week" in shown(app)


def test_agreement_is_what_the_command_says(made: Campaign) -> None:
    from ccd.reports.report import Wanted, of_campaign
    from ccd.wording import number

    found = of_campaign(made, Wanted())["coefficients"]
    app = opened("agreement")
    (alpha,) = app.metric
    assert (alpha.label, alpha.value) == (
        "Krippendorff’s alpha, nominal",
        number(found["krippendorff_nominal"]["value"]),
    )
    by = {next(iter(table)): table for table in tables(app)}
    assert by["label against the rest"]["label against the rest"] == [R, I, E]
    assert by["Cohen’s kappa"]["Cohen’s kappa"] == ["A1 and A2", "A1 and A3", "A2 and A3"]
    assert by["Cohen’s kappa"]["value"][1] == number(found["cohen"]["a1|a3"]["value"])
    assert by["part"]["part"] == ["arm random", "round 1"]
    drawn = [each.value for each in app.subheader]
    assert drawn[:2] == ["By label", "Who is confused with whom"]
    assert "Over time" not in drawn  # nobody's agreement is seen to change


def test_a_scorecard_shows_what_somebody_was_overruled_on(made: Campaign) -> None:
    app = opened("annotators")
    app.selectbox(key="a-name").select("a3").run()
    everybody, confusion = tables(app)
    assert everybody["annotator"] == ["A1", "A2", "A3"]
    place = confusion["given"].index(E)
    assert (confusion[R][place], confusion[E][place]) == (1, 1)  # the split, and the unanimous pair
    assert "gave explicit, settled irrelevant (majority)" in shown(app)
    assert "gave implicit, settled explicit (majority)" in shown(app)
    decide(opened("disagreements"), TIE, I)
    app.run()
    assert "gave explicit, settled implicit (adjudicated)" in shown(app)
    assert "ccd labels" not in shown(app)  # a decision makes no label old


def test_the_splits_leaks_and_releases(made: Campaign) -> None:
    with made.write() as db:
        rows = [{"pair_id": pair, "split": "train", "leakage_group": "g"} for pair in (MINOR, SPLIT)]
        db.execute(schema.splits.insert(), rows)
    app = opened("dataset")
    app.session_state["d-tab"] = "Splits and releases"
    app.run()
    assert tables(app)[0] == {"label": [E, R, "all"], "train": [1, 1, 2], "all": [1, 1, 2]}
    assert [each.value for each in app.success] == ["No leakage group has pairs in more than one split."]
    assert "Nothing is released yet." in shown(app)
    with made.write() as db:
        db.execute(schema.splits.update().where(schema.splits.c.pair_id == SPLIT).values(split="test"))
    app.run()
    assert "1 leakage groups have pairs in more than one split" in shown(app)


def test_a_candidate_is_looked_at(made: Campaign) -> None:
    predict(made)
    r = schema.round_pairs.c
    with made.write() as db:
        db.execute(schema.round_pairs.delete().where(r.pair_id == "x:4:0"))
    app = opened("model")
    app.session_state["m-tab"] = "Candidates"
    app.run()
    app.button(key="m-look-x:4:0").click().run()
    assert not app.exception
    assert app.text_input(key="m-pair").value == "x:4:0"
    assert "is not in models" in shown(app)  # predictions came, and their network did not
