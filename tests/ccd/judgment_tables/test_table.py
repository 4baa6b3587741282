"""A CSV of judgments: what is read, and that every fault is one line with the file, the line and the remedy."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ccd.errors import CcdError
from ccd.judgment_tables.columns import Named
from ccd.judgment_tables.table import labels_of, parse_labels, read_table
from ccd.measures.aggregation import MajorityVote
from ccd.measures.agreement import agreement
from tests.ccd.tables import R5, R6, R9, crossed, matrix, names, voted
from tests.data import SHARED

GOOD = "task,worker,label\np1,ann,yes\np1,bob,no\np2,ann,yes\n"


def write(folder: Path, text: str | bytes, name: str = "votes.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_table_is_read(tmp_path: Path) -> None:
    frame = read_table(write(tmp_path, GOOD)).judgments
    assert frame.to_dict("list") == {
        "task": ["p1", "p1", "p2"],
        "worker": ["ann", "bob", "ann"],
        "label": ["yes", "no", "yes"],
    }


def test_other_columns_order_spaces_empty_lines_and_a_byte_order_mark_do_not_matter(tmp_path: Path) -> None:
    text = '\ufefflabel , text,worker,task\n\nyes,"a, ""b""\nand more",ann ,p1\n\nno,,bob, p1\nyes,é,ann,p2\n'
    found, good = read_table(write(tmp_path, text)), read_table(write(tmp_path, GOOD, "good.csv"))
    assert found.judgments.equals(good.judgments)


def test_tabs_where_the_name_says_so(tmp_path: Path) -> None:
    tsv = write(tmp_path, GOOD.replace(",", "\t"), "votes.tsv")
    assert read_table(tsv).judgments.equals(read_table(write(tmp_path, GOOD)).judgments)


def test_ids_stay_as_they_are_written(tmp_path: Path) -> None:
    table = "task,worker,label\n007,1,-1\n1e3,1,=no()\n-t1,1,'=x\n't3,@ann,0\n"
    frame = read_table(write(tmp_path, table)).judgments
    assert list(frame["task"]) == ["007", "1e3", "-t1", "'t3"]
    assert list(frame["worker"]) == ["1", "1", "1", "@ann"]
    assert list(frame["label"]) == ["-1", "=no()", "'=x", "0"]


def test_null_words_are_no_judgments(tmp_path: Path) -> None:
    words = ["nan", "NaN", "None", "N/A", "NULL", "<NA>", "null", "NA", "", " "]
    lines = "".join(f"p{n},cy,{word}\n" for n, word in enumerate(words))
    found = read_table(write(tmp_path, GOOD + lines))
    assert found.judgments.equals(read_table(write(tmp_path, GOOD)).judgments)
    assert (found.missing, found.unjudged) == (10, ("p0", *(f"p{n}" for n in range(3, 10))))
    assert found.notes("votes.csv") == [
        "votes.csv: 10 lines without a label are not counted (an empty cell, nan, None, N/A, NULL or the like)."
    ]
    one = read_table(write(tmp_path, GOOD + "p1,cy,nan\n"))
    assert one.notes("v")[0].startswith("v: 1 line without a label is not counted")
    assert one.unjudged == ()


def test_null_words_in_another_case_are_no_judgments_either(tmp_path: Path) -> None:
    words = ["NAN", "Nan", "Null", "N/a", "none", "NONE", "na"]
    text = "task,worker,label\n" + "".join(f"p{n},ann,{word}\n" for n, word in enumerate(words))
    assert list(read_table(write(tmp_path, text)).judgments["label"]) == ["none", "NONE", "na"]


def test_a_null_word_that_is_named_is_a_label(tmp_path: Path) -> None:
    found = read_table(write(tmp_path, "task,worker,label\np1,ann,None\np1,bob,nan\n"), ["None", "some"])
    assert list(found.judgments["label"]) == ["None"]
    assert found.missing == 1


@pytest.mark.parametrize(
    "spellings",
    [
        ("explicit", "Explicit", "EXPLICIT"),
        ("True", "TRUE", "true"),
        ("1", "1.0", "+1.", "1.00"),
        ("-0", "0", "0.0"),
        ("caf\u00e9", "cafe\u0301", "CAF\u00c9"),
        ("very good", "very  good", "Very\u00a0good"),
    ],
)
def test_spellings_of_one_name_are_reported_and_folded(tmp_path: Path, spellings: tuple[str, ...]) -> None:
    lines = [f"t{n},w{n},{name}" for n, name in enumerate(spellings)]
    lines += [f"u,{name},{spellings[0]}" for name in spellings]
    text = "task,worker,label\n" + "\n".join(lines) + "\n"
    found = read_table(write(tmp_path, text))
    assert found.spellings == {"label": [spellings], "worker": [spellings]}
    (note,) = found.notes("votes.csv")
    assert note.startswith("Warning: votes.csv has spellings that count as different: labels ")
    assert all(repr(name) in note for name in spellings)
    assert note.endswith("--fold counts the spellings of one name as one.")
    folded = read_table(write(tmp_path, text), repeats=True, folded=True)
    assert set(folded.judgments["label"]) == {spellings[0]}  # the most frequent
    assert list(folded.judgments["worker"])[-1] == spellings[0]
    assert folded.repeated == len(spellings) - 1
    assert folded.spellings == {"label": [], "worker": []}
    named = read_table(write(tmp_path, text), [spellings[1]], repeats=True, folded=True)
    assert set(named.judgments["label"]) == {spellings[1]}


@pytest.mark.parametrize("names", [("1", "01"), ("1", "10"), ("0.5", "5"), ("a b", "ab"), ("e", "é"), ("1e3", "1000")])
def test_other_names_are_different(tmp_path: Path, names: tuple[str, str]) -> None:
    text = "task,worker,label\n" + "".join(f"t,{name},{name}\n" for name in names)
    found = read_table(write(tmp_path, text), folded=True)
    assert list(found.judgments["label"]) == list(names)
    assert read_table(write(tmp_path, text)).spellings == {"label": [], "worker": []}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "votes.csv: the file is empty; it must have a header line with task, worker, label"),
        ("\n\n", "votes.csv: the file is empty"),
        ("task,worker,label\n", "votes.csv: no judgments; each line after the header is one"),
        ("task,label\np1,yes\n", "votes.csv, line 1: the column 'worker' is missing among task, label; the header"),
        ("task,worker,label,task\n", "votes.csv, line 1: the column 'task' is there twice"),
        (GOOD + "p3,ann\n", "votes.csv, line 5: 2 cells where the header has 3; correct the line"),
        (GOOD + "\np3,ann,a,b\n", "votes.csv, line 6: 4 cells where the header has 3; correct the line"),
        (GOOD + "p3, ,yes\n", "votes.csv, line 5: no worker; fill it in or take the line out"),
        (GOOD + 'p3,ann,"yes\n', "votes.csv, line 5: not valid CSV"),
        (GOOD + "p3,ann,maybe\n", "votes.csv, line 5: the label 'maybe' is not one of yes, no; correct it"),
        (GOOD + "p1,ann,no\n", "votes.csv, line 5: ann judges p1 again, first on line 2; keep one of the two"),
        (GOOD + "p3,ann,YES\n", "votes.csv, line 5: the label 'YES' is not one of yes, no; correct it, or let --fold"),
        (GOOD + "p3,NaN,yes\n", "votes.csv, line 5: no worker (NaN); fill it in or take the line out"),
        (GOOD + "<NA>,ann,yes\n", "votes.csv, line 5: no task (<NA>); fill it in"),
        ("task,worker,label\np1,ann,nan\n", "votes.csv: no judgments; each line after the header is one"),
        (GOOD.encode() + "é,ann,yes\n".encode() + b"p3,ren\xe9,yes\n", "votes.csv, line 6: not UTF-8; save the file"),
        (GOOD.encode() + b"p3,ren\x81,yes\n", "votes.csv, line 5: not UTF-8; save the file as UTF-8"),
        ('[{"id": 1}]', "votes.csv: JSON, not a table; bring it into a campaign with `ccd import`"),
        ('[\n  {"id": 1}\n]', "votes.csv: JSON, not a table"),
        ('{"id": 1}\n', "votes.csv: JSON, not a table"),
        (b"\xff\xfet\x00\x00", "votes.csv, line 1: not UTF-8"),
    ],
)
def test_a_fault_is_one_line(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(CcdError) as error:
        read_table(write(tmp_path, text), ["yes", "no"])
    assert str(error.value).startswith(f"{tmp_path}/{message}")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CcdError, match=r"none\.csv: cannot be read \(No such file or directory\); check"):
        read_table(tmp_path / "none.csv")


def test_the_first_of_repeated_judgments_counts(tmp_path: Path) -> None:
    found = read_table(write(tmp_path, GOOD + "p1,ann,no\n"), repeats=True)
    assert found.judgments.equals(read_table(write(tmp_path, GOOD)).judgments)
    assert found.repeated == 1
    assert found.notes("v") == ["v: 1 judgment repeats a worker's judgment of the same task; the first counts."]


def test_labels_in_order(tmp_path: Path) -> None:
    numbers = "task,worker,label\np1,a,10\np1,b,2\np2,a,-1\n"
    assert labels_of(read_table(write(tmp_path, numbers)).judgments) == ("-1", "2", "10")
    assert labels_of(read_table(write(tmp_path, numbers + "p3,a,b\n")).judgments) == ("-1", "10", "2", "b")


def test_labels_as_they_are_typed() -> None:
    assert parse_labels("no, yes,b c") == ("no", "yes", "b c")
    for wrong in ("", "a,,b", "a,b,a", ","):
        with pytest.raises(CcdError, match="write each label once, with commas between"):
            parse_labels(wrong)


def test_parquet_is_read_like_text(tmp_path: Path) -> None:
    path = tmp_path / "votes.parquet"
    frame = pd.DataFrame({"task": [7, 7, 8, 9], "worker": ["ann", "Ann", "ann", "bob"], "other": None})
    frame.assign(label=[1.0, None, 2.5, float("nan")]).to_parquet(path)
    found = read_table(path)
    assert found.judgments.to_numpy().tolist() == [["7", "ann", "1.0"], ["8", "ann", "2.5"]]
    assert (found.missing, found.unjudged) == (2, ("9",))
    frame.assign(label=["Yes", "yes ", "None", "NULL"]).to_parquet(path)
    assert read_table(path).spellings["label"] == [("Yes", "yes")]
    frame.assign(label=[True, False, None, True]).to_parquet(path)
    assert list(read_table(path).judgments["label"]) == ["True", "False", "True"]


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"task": ["a", "a"], "worker": ["w", "w"], "label": [1, 2]}, ", row 2: w judges a again, first on row 1; "),
        ({"task": ["a", None], "worker": ["w", "w"], "label": [1, 1]}, ", row 2: no task; fill it in or take the row"),
        ({"task": ["a"], "worker": ["w"], "said": [1]}, ": the column 'label' is missing among task, worker, said; "),
        ({"task": ["a"], "worker": ["w"], "label": [["x"]]}, ": cannot be read as Parquet (label.list.element is in"),
    ],
)
def test_a_fault_in_parquet_is_one_line(tmp_path: Path, columns: dict[str, list[object]], message: str) -> None:
    path = tmp_path / "votes.parquet"
    pd.DataFrame(columns).to_parquet(path)
    with pytest.raises(CcdError, match=re.escape(f"votes.parquet{message}")):
        read_table(path)


def test_what_is_no_parquet_and_a_long_header_are_one_short_line(tmp_path: Path) -> None:
    path = tmp_path / "votes.parquet"
    path.write_text("task,worker,label\n")
    with pytest.raises(CcdError, match=r"votes\.parquet: cannot be read as Parquet"):
        read_table(path)
    with pytest.raises(CcdError) as fault:
        read_table(write(tmp_path, ",".join(f"column {n}" for n in range(1000)) + "\n"))
    assert len(str(fault.value)) < 500 + len(str(tmp_path))


LONG = [("1", "ann", "yes"), ("1", "bob", "yes"), ("1", "cy", "no"), ("2", "ann", "no"), ("2", "bob", "no")]


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("item;annotator;answer\n1;ann;yes\n1;bob;yes\n1;cy;no\n2;ann;no\n2;bob;no\n", Named()),
        ("item\tannotator\tanswer\n1\tann\tyes\n1\tbob\tyes\n1\tcy\tno\n2\tann\tno\n2\tbob\tno\n", Named()),
        ("id,ann,bob,cy\n1,yes,yes,no\n2,no,no,\n", Named()),
        ("photo,ann,bob,cy\n1,yes,yes,no\n2,no,no,\n", Named("photo")),
        ("n,photo,ann,bob,cy\n9,1,yes,yes,no\n9,2,no,no,\n", Named("photo", None, ("ann", "bob", "cy"))),
        ("who,what,said\nann,1,yes\nbob,1,yes\ncy,1,no\nann,2,no\nbob,2,no\n", Named("what", "who", ("said",))),
        ("ann,1,yes\nbob,1,yes\ncy,1,no\nann,2,no\nbob,2,no\n", Named("2", "1", ("3",))),
        (
            '"HITId","WorkerId","AssignmentStatus","Input.text","Answer.relation.label"\n'
            '"1","ann","Approved","a","yes"\n"1","bob","Approved","a","yes"\n"1","cy","Submitted","a","no"\n'
            '"2","ann","Approved","b","no"\n"2","cy","Rejected","b","yes"\n"2","bob","Approved","b","no"\n',
            Named(),
        ),
    ],
    ids=["semicolons", "tabs", "wide", "wide, task named", "wide, all named", "named", "numbered", "MTurk"],
)
def test_tables_of_other_forms(tmp_path: Path, text: str, columns: Named) -> None:
    found = read_table(write(tmp_path, text), columns=columns).judgments
    assert sorted(found[["task", "worker", "label"]].itertuples(index=False, name=None)) == sorted(LONG)


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (Named("no such"), "the column 'no such' is missing among task, worker, label"),
        (Named("1", "2", ("9",)), "3 cells and no column 9"),
        (Named("1", "2"), "a file without a header"),
    ],
)
def test_a_column_that_is_not_there_is_said(tmp_path: Path, columns: Named, said: str) -> None:
    with pytest.raises(CcdError, match=re.escape(said)):
        read_table(write(tmp_path, GOOD), columns=columns)


def test_equal_repeats_count_once_and_are_said(tmp_path: Path) -> None:
    found = read_table(write(tmp_path, GOOD + "p1,ann,yes\n"))
    assert found.judgments.equals(read_table(write(tmp_path, GOOD)).judgments)
    assert found.notes("v") == [
        "v: 1 judgment repeats a worker's judgment of the same task; the labels are the same, and one counts."
    ]


def test_utf_16_is_read_where_it_says_so(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD.replace("ann", "renée").encode("utf-16"))
    assert set(read_table(path).judgments["worker"]) == {"renée", "bob"}


def test_windows_1252_is_read_and_reported(tmp_path: Path) -> None:
    found = read_table(write(tmp_path, GOOD.replace("ann", "renée").encode("cp1252")))
    assert set(found.judgments["worker"]) == {"renée", "bob"}
    assert found.notes("t.csv") == ["t.csv: not UTF-8, so it is read as Windows-1252; see that its accents are right."]
    assert read_table(write(tmp_path, GOOD)).notes("t.csv") == []


MTURK = "HITId,WorkerId,AssignmentStatus,Input.gold,Answer.label\n"
TOLOKA = "INPUT:text\tOUTPUT:label\tGOLDEN:label\tASSIGNMENT:task_id\tASSIGNMENT:worker_id\tASSIGNMENT:status\n"


@pytest.mark.parametrize(
    "text",
    [
        MTURK + "1,a,Approved,,yes\n1,b,Submitted,,no\n1,c,Rejected,,no\n9,a,Approved,yes,yes\n",
        TOLOKA.replace("\t", ",")
        + "x,yes,,1,a,APPROVED\nx,no,,1,b,APPROVED\nx,no,,1,c,REJECTED\ny,yes,yes,9,a,APPROVED\n",
        "item,user,vote,is_gold,AssignmentStatus\n1,a,yes,false,\n1,b,no,0,\n1,c,no,0,rejected\n9,a,yes,true,\n",
        "item,user,vote,is_gold,AssignmentStatus\n1,a,yes,<NA>,\n1,b,no,#N/A,\n1,c,no,,rejected\n9,a,yes,true,\n",
    ],
    ids=["MTurk", "Toloka", "plain", "missing values"],
)
def test_rejected_and_golden_rows_are_left_out_and_counted(tmp_path: Path, text: str) -> None:
    found = read_table(write(tmp_path, text))
    assert found.judgments.values.tolist() == [["1", "a", "yes"], ["1", "b", "no"]]
    assert found.notes("v") == [
        "v: 1 line of rejected work not counted.",
        "v: 1 line of questions with a known answer not counted.",
    ]


def test_a_column_that_has_the_truth_of_every_task_marks_none(tmp_path: Path) -> None:
    text = "task,worker,label,gold\n1,a,yes,yes\n1,b,no,yes\n"
    assert len(read_table(write(tmp_path, text)).judgments) == 2


def test_columns_of_several_questions_are_refused_until_one_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, "id,text1,image1,text2,image2\n1,yes,no,yes,no\n2,no,no,no,no\n")
    told = "2 questions (text, image) for each of 2 workers; name those of one question: --label-column text1 "
    with pytest.raises(CcdError, match=re.escape(told)):
        read_table(path)
    assert (
        read_table(path, columns=Named(labels=("text1", "text2"))).judgments["worker"].tolist()
        == ["text1", "text2"] * 2
    )


def test_questions_whose_columns_have_no_numbers_are_refused_until_one_is_named(tmp_path: Path) -> None:
    path = write(tmp_path, "id,ann_text,ann_image,bob_text,bob_image\n1,yes,no,yes,no\n2,no,no,no,no\n")
    with pytest.raises(
        CcdError, match="a column for each of ann, bob with each of text, image, so they answer several"
    ):
        read_table(path)
    of_text = read_table(path, columns=Named(labels=("ann_text", "bob_text"))).judgments
    assert of_text["worker"].tolist() == ["ann_text", "bob_text"] * 2
    people = write(tmp_path, "id,ann_smith,bob_jones,cy_smith\n1,yes,no,yes\n")
    assert len(read_table(people).judgments) == 3, "no grid: three people"


def test_a_column_that_can_be_no_workers_is_refused(tmp_path: Path) -> None:
    rows = "".join(f"{n},a text of {n},yes,no\n" for n in range(5))
    with pytest.raises(CcdError, match="the column 'caption' has no label in common with another"):
        read_table(write(tmp_path, "id,caption,ann,bob\n" + rows))


@pytest.mark.parametrize("text", [R5, R6])
def test_counts_of_raters_become_judgments(tmp_path: Path, text: str) -> None:
    counts = matrix(text)
    lines = ["subject," + ",".join(names(counts.shape[1]))]
    lines += [f"s{n}," + ",".join(map(str, row)) for n, row in enumerate(counts)]
    found = read_table(write(tmp_path, "\n".join(lines)))
    expected = voted(counts)
    assert found.judgments.groupby("task")["label"].apply(sorted).tolist() == [
        sorted(of)
        for _task, of in sorted(expected.groupby("task")["label"].apply(list).items(), key=lambda e: f"s{e[0]}")
    ]
    (note,) = found.notes("v")
    assert note.startswith(f"v: each line adds up to {counts.sum(axis=1)[0]}, so it is read as how many of")


def test_ratings_that_do_not_add_up_alike_stay_ratings(tmp_path: Path) -> None:
    text = "subject,r1,r2,r3\n1,1,2,1\n2,1,1,2\n3,2,2,1\n4,1,1,2\n"
    found = read_table(write(tmp_path, text))
    assert (len(found.judgments), found.counted) == (12, None)


def test_a_contingency_table_becomes_judgments_of_two(tmp_path: Path) -> None:
    counts = matrix(R9)
    lines = ["ann\\bob,c0,c1,c2", *(f"c{n}," + ",".join(map(str, row)) for n, row in enumerate(counts))]
    found = read_table(write(tmp_path, "\n".join(lines)), columns=Named("ann\\bob")).judgments
    assert found["worker"].unique().tolist() == ["ann", "bob"]
    assert found.groupby("worker")["label"].apply(list).tolist() == [
        crossed(counts).groupby("worker")["label"].apply(list)[name] for name in "ab"
    ]


@pytest.mark.skipif(SHARED is None, reason="needs ../shared/data")
@pytest.mark.parametrize(
    ("name", "columns", "judgments", "tasks"),
    [
        ("product_answer.csv", Named(), 24_945, 8_315),
        ("weather_sentiment_amt.csv", Named("2", "1", ("4",)), 6_025, 300),
        ("fleiss1971_30patients_6raters.csv", Named(), 180, 30),
        ("krippendorff2011_4obs_12units.csv", Named(), 41, 12),
        ("wikipedia_fleiss_10subjects_14raters_counts.csv", Named(), 140, 10),
        ("gwet_abstractors_3x3.csv", Named("rater1\\rater2"), 200, 100),
        ("bluebird_crowd.txt", Named("1", "2", ("3",)), 4_212, 108),
        ("flickr8k_expert_pairs.csv", Named("pair_id", None, ("label1", "label2", "label3")), 17_466, 5_822),
        ("mvsa_multiple_3x2.csv", Named("id", None, ("text1", "text2", "text3")), 58_800, 19_600),
    ],
)
def test_published_judgments_are_read_untouched(name: str, columns: Named, judgments: int, tasks: int) -> None:
    assert SHARED is not None
    found = read_table(SHARED / "judgments" / name, columns=columns, repeats=True).judgments
    assert (len(found), found["task"].nunique()) == (judgments, tasks)


@pytest.mark.skipif(SHARED is None, reason="needs ../shared/data")
@pytest.mark.parametrize(
    ("name", "columns", "level", "published"),
    [
        ("fleiss1971_30patients_6raters.csv", Named(), "nominal", {"fleiss": 0.430}),
        ("krippendorff2011_4obs_12units.csv", Named(), "nominal", {"krippendorff_nominal": 0.743}),
        ("krippendorff2011_4obs_12units.csv", Named(), "ordinal", {"krippendorff_ordinal": 0.815}),
        ("krippendorff2011_4obs_12units.csv", Named(), "interval", {"krippendorff_interval": 0.849}),
        ("wikipedia_fleiss_10subjects_14raters_counts.csv", Named(), "nominal", {"fleiss": 0.210}),
        (
            "gwet_abstractors_3x3.csv",
            Named("rater1\\rater2"),
            "nominal",
            {"scott": 0.796, "gwet_ac1": 0.849, "krippendorff_nominal": 0.797, "percent": 0.89},
        ),
        ("mvsa_multiple_3x2.csv", Named(labels=("text1", "text2", "text3")), "nominal", {"fleiss": 0.19}),
        ("mvsa_multiple_3x2.csv", Named(labels=("image1", "image2", "image3")), "nominal", {"fleiss": 0.20}),
    ],
)
def test_published_coefficients_with_column_options_only(
    name: str, columns: Named, level: Any, published: dict[str, float]
) -> None:
    assert SHARED is not None
    frame = read_table(SHARED / "judgments" / name, columns=columns).judgments
    if level == "interval":
        frame["label"] = frame["label"].astype(float)
    found = agreement(frame, () if level == "interval" else labels_of(frame), level, n_resamples=0).coefficients
    for coefficient, value in published.items():
        assert found[coefficient].value == pytest.approx(value, abs=10 ** -len(str(value).partition(".")[2]) / 1.9)


@pytest.mark.skipif(SHARED is None, reason="needs ../shared/data")
def test_published_majorities_with_column_options_only() -> None:
    assert SHARED is not None
    folder = SHARED / "judgments"
    bluebird = read_table(folder / "bluebird_crowd.txt", columns=Named("1", "2", ("3",))).judgments
    truth = dict(line.split() for line in (folder / "bluebird_truth.txt").read_text().splitlines())
    said = MajorityVote(labels_of(bluebird)).fit_predict(bluebird)
    assert np.mean([said[task] != label for task, label in truth.items()]) == pytest.approx(0.2407, abs=5e-5)
    product = read_table(folder / "product_answer.csv").judgments
    known = pd.read_csv(folder / "product_truth.csv", dtype=str).set_index("question")["truth"]
    said = MajorityVote(labels_of(product)).fit_predict(product)
    assert np.mean(said.reindex(known.index) == known) == pytest.approx(0.8966, abs=5e-5)
