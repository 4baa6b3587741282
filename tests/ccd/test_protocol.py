import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccd.errors import CcdError
from ccd.protocol import Protocol, load, parse, shipped, source

# Table I of Xu et al. 2021: how many categories each question has; None is a score.
TABLE_I = {
    "mccloud1998": [2],
    "marsh2003": [3],
    "martinec2005": [2, 2],
    "chen2013": [2],
    "wu2014": [4],
    "wang2014": [4],
    "chen2015": [3],
    "jas2015": [None],
    "henning2017": [5, 5],
    "zhang2018": [2],
    "kruk2019-contextual": [3],
    "kruk2019-semiotic": [3],
    "vempala2019": [4],
    "otto2020": [2, 3, 3],
    "ccd": [3],
}

SMALL = """\
name = "small"
title = "Small"
year = 2024
reference = "Nobody, 2024"
cannot_judge = "0"
guideline = "Look."

[[questions]]
name = "mood"
title = "Which mood?"
kind = "choice"
level = "ordinal"

[[questions.categories]]
name = "sad"
id = 0
title = "Sad"
hotkey = "1"
colour = "#0072B2"
guideline = "Tears."
examples = ["A tear."]

[[questions.categories]]
name = "glad"
id = 1
title = "Glad"
hotkey = "2"
colour = "#e69f00"
guideline = "Smiles."

[[questions]]
name = "strength"
title = "How strong?"
kind = "score"
minimum = 0
maximum = 10
step = 0.5
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "small.toml"
    path.write_text(text, encoding="utf-8")
    return path


def small() -> Protocol:
    return parse(SMALL, "small.toml")


def test_every_scheme_of_table_i_is_shipped() -> None:
    found = {name: [len(q.labels) or None for q in load(name).questions] for name in shipped()}
    assert found == TABLE_I


@pytest.mark.parametrize("name", shipped())
def test_a_shipped_protocol_is_complete(name: str) -> None:
    protocol = load(name)
    assert protocol.name == name
    assert str(protocol.year) in protocol.reference
    assert str(protocol.year) in name or name == "ccd"
    for question in protocol.questions:
        assert [category.id for category in question.categories] == list(range(len(question.labels)))
        assert all(category.examples for category in question.categories)


def test_ccd_has_the_papers_ids() -> None:
    ccd = load("ccd")
    assert ccd.labels == ("irrelevant", "implicit", "explicit")
    assert [(c.hotkey, c.id) for c in ccd.question.categories] == [("3", 0), ("2", 1), ("1", 2)]
    assert ccd.cannot_judge == "0"
    assert ccd.question.level == "nominal"


def test_specificity_is_a_score() -> None:
    question = load("jas2015").question
    assert (question.kind, question.level, question.labels) == ("score", "interval", ())
    assert (question.minimum, question.maximum, question.step) == (0, 1, 0.01)


def test_own_file_relative_to_a_folder(tmp_path: Path) -> None:
    write(tmp_path, SMALL)
    protocol = load("small.toml", tmp_path)
    assert protocol == load(str(tmp_path / "small.toml"))
    mood, strength = protocol.questions
    assert (mood.level, strength.level) == ("ordinal", "interval")
    assert mood.category("sad").colour == "#0072b2"
    assert mood.category("glad").examples == ()
    assert protocol.by_name("strength") == strength
    assert protocol.question == mood


def test_prose_keeps_paragraphs_only() -> None:
    text = SMALL.replace('"Look."', '"""\nLook\n  well.\n\n  \nTwice."""')
    assert parse(text, "x").guideline == "Look well.\n\nTwice."


def test_a_byte_order_mark_and_windows_line_ends_are_read(tmp_path: Path) -> None:
    path = tmp_path / "small.toml"
    path.write_bytes(b"\xef\xbb\xbf" + SMALL.replace("\n", "\r\n").encode())
    assert load(str(path)) == small()


def test_unknown_names_say_what_there_is() -> None:
    with pytest.raises(CcdError, match="no question 'colour'; it has mood, strength"):
        small().by_name("colour")
    with pytest.raises(CcdError, match="no category 'angry'; it has sad, glad"):
        small().question.category("angry")


# --- answers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("score", [0, 10, 2.5, 2.5000001])
def test_right_answers_are_no_problem(score: float) -> None:
    assert small().problem({"mood": "glad", "strength": score}) is None


@pytest.mark.parametrize(
    ("answers", "problem"),
    [
        ({}, "mood: not answered"),
        ({"mood": "sad"}, "strength: not answered"),
        ({"mood": "sad", "strength": 1, "taste": "sweet"}, "taste: not a question of protocol small"),
        ({"mood": "Sad", "strength": 1}, "mood: 'Sad' is none of sad, glad"),
        ({"mood": 0, "strength": 1}, "mood: 0 is none of sad, glad"),
        ({"mood": None, "strength": 1}, "mood: None is none of sad, glad"),
        ({"mood": ["sad"], "strength": 1}, "mood: ['sad'] is none of sad, glad"),
        ({"mood": "cannot_judge", "strength": 1}, "mood: 'cannot_judge' is none of sad, glad"),
        ({"mood": "sad", "strength": 10.01}, "strength: 10.01 is not from 0 to 10"),
        ({"mood": "sad", "strength": -1}, "strength: -1 is not from 0 to 10"),
        ({"mood": "sad", "strength": "5"}, "strength: '5' is not a number"),
        ({"mood": "sad", "strength": True}, "strength: True is not a number"),
        ({"mood": "sad", "strength": None}, "strength: None is not a number"),
        ({"mood": "sad", "strength": math.nan}, "strength: nan is not from 0 to 10"),
        ({"mood": "sad", "strength": math.inf}, "strength: inf is not from 0 to 10"),
        ({"mood": "sad", "strength": 10**400}, f"strength: 1{'0' * 58}… is not from 0 to 10"),
    ],
)
def test_wrong_answers_say_why(answers: dict[str, object], problem: str) -> None:
    assert small().problem(answers) == problem


@given(st.sampled_from(shipped()).map(load), st.data())
def test_answers_drawn_from_a_protocol_are_its_own(protocol: Protocol, data: st.DataObject) -> None:
    answers = {
        q.name: data.draw(st.sampled_from(q.labels) if q.labels else st.floats(q.minimum, q.maximum))
        for q in protocol.questions
    }
    assert protocol.problem(answers) is None
    del answers[data.draw(st.sampled_from(sorted(answers)))]
    assert protocol.problem(answers) is not None


# --- fingerprint ----------------------------------------------------------------------------------------------------


def test_the_fingerprint_is_of_the_content_not_of_the_layout() -> None:
    assert len(small().fingerprint) == 64
    laid_out = "# a comment\n" + SMALL.replace("minimum = 0\n", "minimum   = 0.0\n").replace('kind = "choice"\n', "")
    assert parse(laid_out, "elsewhere.toml").fingerprint == small().fingerprint
    assert parse(SMALL.replace("Tears.", "Tears!"), "x").fingerprint != small().fingerprint
    assert len({load(name).fingerprint for name in shipped()}) == len(shipped())


# --- wrong files ----------------------------------------------------------------------------------------------------

GLAD = "question 'mood', category 'glad': "
WRONG = [
    # what is replaced in SMALL, by what, what the error says after "protocol <file>"
    ('title = "Small"', "title = ", ": not valid TOML (Invalid value (at line 2, column 9)); mend"),
    ('title = "Small"\n', "", ": title is missing; add it (a text in quotes)"),
    ('"Small"', '"  "', ": title is '  '; write a text that is not empty"),
    ('name = "small"', 'name = "Small one"', ": name is 'Small one'; write small letters"),
    ("year = 2024", 'year = "2024"', ": year is '2024'; it must be a whole number"),
    ("year = 2024", "year = 24", ": year is 24; write its four digits"),
    ('"Nobody, 2024"', "[]", ": reference is []; it must be a text in quotes"),
    ('cannot_judge = "0"', 'cannot_judge = "00"', ": cannot_judge is '00'; write one small letter a-z or one digit"),
    ('guideline = "Look."', 'guidelines = "Look."', ": unknown entry 'guidelines'; did you mean `guideline`?"),
    ('guideline = "Look."\n', "", ": guideline is missing; add it (a text in quotes)"),
    ("year = 2024", "since = 1\nyear = 2024", ": unknown entry 'since'; known here: name, title, reference, year"),
    ("[[questions]]\nname = \"mood\"", '[questions]\nname = "mood"', ": not valid TOML"),
    ('name = "mood"\n', "", ", question 1: name is missing"),
    ('name = "strength"', 'name = "mood"', ": question 'mood' is there twice; give each its own"),
    ('"How strong?"', '"Which mood?"', ": question title 'Which mood?' is there twice"),
    ('kind = "score"', 'kind = "slider"', ", question 'strength': kind is 'slider'; write one of choice, score"),
    ('level = "ordinal"', 'level = "interval"', ", question 'mood': level is 'interval'; write one of nominal,"),
    ("step = 0.5", 'step = 0.5\nlevel = "ordinal"', ", question 'strength': level is 'ordinal'; a score is always"),
    ("step = 0.5\n", "", ", question 'strength': step is missing; add it (a number"),
    ("step = 0.5", "step = 0", ", question 'strength': step is 0; write a number above 0 and at most 10"),
    ("step = 0.5", "step = 11", ", question 'strength': step is 11; write a number above 0 and at most 10"),
    ("minimum = 0", "minimum = 10", ", question 'strength': minimum 10 is not below maximum 10; swap or change"),
    ("maximum = 10", "maximum = inf", ", question 'strength': maximum is inf; it must be a number from -1e9 to 1e9"),
    ("maximum = 10", "maximum = nan", ", question 'strength': maximum is nan; it must be a number"),
    ("maximum = 10", "maximum = true", ", question 'strength': maximum is True; it must be a number"),
    ("maximum = 10", "maximum = 1" + "0" * 400, ", question 'strength': maximum is 10000000"),
    ('name = "glad"', 'name = "sad"', ", question 'mood': category 'sad' is there twice"),
    ('"Glad"', '"Sad"', ", question 'mood': category title 'Sad' is there twice"),
    ('"glad"', '"cannot_judge"', "name 'cannot_judge' is the answer that every protocol has already; choose another"),
    ('"glad"', '"null"', "name 'null' is no label to programs that read tables; choose another"),
    ("id = 1", "id = 2", ", question 'mood': category ids are 0, 2; number them 0 to 1, each once"),
    ("id = 1", "id = 0", ", question 'mood': category ids are 0, 0; number them"),
    ("id = 0", "id = 0.0", "category 'sad': id is 0.0; it must be a whole number"),
    ("id = 0", "id = false", "category 'sad': id is False; it must be a whole number"),
    ('hotkey = "2"', 'hotkey = "1"', GLAD + "hotkey '1' is also that of question 'mood', category 'sad'; choose"),
    ('hotkey = "2"', 'hotkey = "0"', GLAD + "hotkey '0' is also that of cannot_judge; choose another"),
    ('hotkey = "2"', 'hotkey = "G"', GLAD + "hotkey is 'G'; write one small letter"),
    ('"#e69f00"', '"orange"', GLAD + "colour is 'orange'; write a colour such as"),
    ("#e69f00", "#e69f0", GLAD + "colour is '#e69f0'; write a colour"),
    ('["A tear."]', '"A tear."', "category 'sad': examples is 'A tear.'; it must be a list"),
    ('"A tear."', "1", "category 'sad': examples holds 1; every entry must be a text"),
    ('"Small"', r'"Sm\u0001all"', ": title holds the control character U+0001; take it out"),
    ('"Look."', r'"Look\u001b[2J."', ": guideline holds the control character U+001B; take it out"),
    ('"A tear."', r'"A \uFFFF tear."', "category 'sad': examples holds the control character U+FFFF; take it out"),
    ('"Glad"', r'"Gl\u0000ad"', GLAD + "title holds the control character U+0000; take it out"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "said"), WRONG, ids=range(len(WRONG)))
def test_wrong_toml_is_told_in_one_line(old: str, new: str, said: str, tmp_path: Path) -> None:
    assert old in SMALL
    path = write(tmp_path, SMALL.replace(old, new, 1))
    with pytest.raises(CcdError) as raised:
        load(str(path))
    message = str(raised.value)
    assert message.startswith(f"protocol {path}")
    assert said in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "name is missing"),
        (SMALL.split("[[questions]]")[0], "questions is missing"),
        (SMALL.split("[[questions]]")[0] + "questions = []", "start each question with its own [[questions]] line"),
        (SMALL.split("[[questions]]")[0] + "questions = [1]", "start each question with its own [[questions]] line"),
        (SMALL.split("[[questions.categories]]")[0], "question 'mood': categories is missing"),
        ("[[questions.categories]]".join(SMALL.split("[[questions.categories]]")[:2]), "one category only; a choice"),
        (SMALL + 'categories = "none"', "question 'strength': unknown entry 'categories'; known here: name"),
        ("a = " + "[" * 5000, "not valid TOML"),
    ],
)
def test_missing_parts_are_told(text: str, said: str) -> None:
    with pytest.raises(CcdError) as raised:
        parse(text, "protocol small.toml")
    assert str(raised.value).startswith("protocol small.toml")
    assert said in str(raised.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "latin.toml").write_bytes(SMALL.replace("Nobody", "Ørsted").encode("latin-1"))
    (tmp_path / "folder").mkdir()
    for name, said in {
        "latin.toml": r"latin.toml: not UTF-8 text \(byte \d+\); save the file as UTF-8",
        "folder": "folder: a folder; name the TOML file in it",
        "missing.toml": "missing.toml: no such file; name a TOML file or a shipped protocol: ccd, chen2013",
        "latin.toml/x": "cannot be read",
        "a\0b": "which is not a path",
    }.items():
        with pytest.raises(CcdError, match=said):
            load(name, tmp_path)


LINES = source("martinec2005")[0].splitlines()
VALUES = st.sampled_from(
    ['""', '"x"', "1", "-1", "true", "nan", "[]", "[1]", "{}", "{a = 1}", "1979-05-27", '"0"', "'"]
)


@given(st.integers(0, len(LINES) - 1), st.one_of(st.none(), VALUES, st.text(max_size=20)))
def test_whatever_one_line_becomes_the_answer_is_a_protocol_or_one_line(place: int, value: str | None) -> None:
    key = LINES[place].split("=")[0]
    changed = [] if value is None else [f"{key}= {value}"]
    text = "\n".join(LINES[:place] + changed + LINES[place + 1 :])
    said = None
    try:
        parse(text, "x.toml")
    except CcdError as error:
        said = str(error)
    assert said is None or (said.startswith("x.toml") and "\n" not in said)
