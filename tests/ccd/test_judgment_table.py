"""A CSV of judgments: what is read, and that every fault is one line with the file, the line and the remedy."""

from pathlib import Path

import pytest

from ccd.errors import CcdError
from ccd.judgment_table import labels_of, parse_labels, read_table

GOOD = "task,worker,label\np1,ann,yes\np1,bob,no\np2,ann,yes\n"


def write(folder: Path, text: str | bytes, name: str = "votes.csv") -> Path:
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_table_is_read(tmp_path: Path) -> None:
    frame = read_table(write(tmp_path, GOOD))
    assert frame.to_dict("list") == {
        "task": ["p1", "p1", "p2"],
        "worker": ["ann", "bob", "ann"],
        "label": ["yes", "no", "yes"],
    }


def test_other_columns_order_spaces_empty_lines_and_a_byte_order_mark_do_not_matter(tmp_path: Path) -> None:
    text = '\ufefflabel , text,worker,task\n\nyes,"a, ""b""\nand more",ann ,p1\n\nno,,bob, p1\nyes,é,ann,p2\n'
    assert read_table(write(tmp_path, text)).equals(read_table(write(tmp_path, GOOD, "good.csv")))


def test_tabs_where_the_name_says_so(tmp_path: Path) -> None:
    tsv = write(tmp_path, GOOD.replace(",", "\t"), "votes.tsv")
    assert read_table(tsv).equals(read_table(write(tmp_path, GOOD)))


def test_ids_stay_as_they_are_written(tmp_path: Path) -> None:
    frame = read_table(write(tmp_path, "task,worker,label\n007,1,NA\n1e3,1,nan\n"))
    assert list(frame["task"]) == ["007", "1e3"]
    assert list(frame["label"]) == ["NA", "nan"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "votes.csv: the file is empty; it must have a header line with task, worker, label"),
        ("\n\n", "votes.csv: the file is empty"),
        ("task,worker,label\n", "votes.csv: no judgments; each line after the header is one"),
        ("task,label\np1,yes\n", "votes.csv, line 1: the column 'worker' is missing among task, label; the header"),
        ("task,worker,label,task\n", "votes.csv, line 1: the column 'task' stands twice"),
        (GOOD + "p3,ann\n", "votes.csv, line 5: 2 cells where the header has 3; mend the line"),
        (GOOD + "\np3,ann,a,b\n", "votes.csv, line 6: 4 cells where the header has 3; mend the line"),
        (GOOD + "p3, ,yes\n", "votes.csv, line 5: no worker; fill it in or take the line out"),
        (GOOD + 'p3,ann,"yes\n', "votes.csv, line 5: not valid CSV"),
        (GOOD + "p3,ann,maybe\n", "votes.csv, line 5: the label 'maybe' is not one of yes, no; mend it"),
        (GOOD + "p1,ann,yes\n", "votes.csv, line 5: ann judges p1 again, first on line 2; keep one of the two"),
        (GOOD.encode() + b"p3,ren\xe9,yes\n", "votes.csv, line 5: not UTF-8; save the file as UTF-8"),
        (b"\xff\xfet\x00", "votes.csv, line 1: not UTF-8"),
    ],
)
def test_a_fault_is_one_line(tmp_path: Path, text: str | bytes, message: str) -> None:
    with pytest.raises(CcdError) as error:
        read_table(write(tmp_path, text), ["yes", "no"])
    assert str(error.value).startswith(f"{tmp_path}/{message}")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CcdError, match=r"none\.csv: cannot be read \(No such file or directory\); check"):
        read_table(tmp_path / "none.csv")


def test_repeats_are_read_where_they_are_allowed(tmp_path: Path) -> None:
    assert len(read_table(write(tmp_path, GOOD + "p1,ann,no\n"), repeats=True)) == 4


def test_labels_in_order(tmp_path: Path) -> None:
    numbers = "task,worker,label\np1,a,10\np1,b,2\np2,a,-1\n"
    assert labels_of(read_table(write(tmp_path, numbers))) == ("-1", "2", "10")
    assert labels_of(read_table(write(tmp_path, numbers + "p3,a,b\n"))) == ("-1", "10", "2", "b")


def test_labels_as_they_are_typed() -> None:
    assert parse_labels("no, yes,b c") == ("no", "yes", "b c")
    for wrong in ("", "a,,b", "a,b,a", ","):
        with pytest.raises(CcdError, match="write each label once, with commas between"):
            parse_labels(wrong)
