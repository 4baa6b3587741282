"""Formulas in CSV files, markup in pages, escape codes in messages."""

import csv
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from apps.cli.main import cli
from ccd.cells import plain, safe
from ccd.judgment_table import read_table

FORMULAS = ['=HYPERLINK("http://h.example")', "+1+1", "-1+cmd|' /C calc'!A0", "@SUM(1)", "\t=1", "\r=1", "＝1+1", "'=1"]


@pytest.mark.parametrize("cell", FORMULAS)
def test_no_cell_is_a_formula_and_none_is_lost(cell: str) -> None:
    written = safe(cell)
    assert isinstance(written, str)
    assert written.startswith("'")
    assert plain(written) == cell


@pytest.mark.parametrize("number", ["-1", "+2.5", "-1e3", "0"])
def test_numbers_stay(number: str) -> None:
    assert safe(number) == number
    assert safe(-1) == -1


@given(st.text())
def test_there_and_back(text: str) -> None:
    written = safe(text)
    assert isinstance(written, str)
    assert plain(written) == text


def test_labels_of_a_table(tmp_path: Path) -> None:
    tasks = ["=1+1", "@a", "-3", "b", "'=2"]
    with (tmp_path / "votes.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("task", "worker", "label"), *((t, w, "=yes") for t in tasks for w in "abc")])
    done = CliRunner().invoke(cli, ["labels", "--table", str(tmp_path / "votes.csv"), "--out", str(tmp_path / "l.csv")])
    assert done.exit_code == 0, done.output
    written = list(csv.reader((tmp_path / "l.csv").open(newline="")))[1:]
    assert {row[0] for row in written} == {"'=1+1", "'@a", "-3", "b", "'=2"}
    assert {row[1] for row in written} == {"'=yes"}


def test_a_marked_table_is_read_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "v.csv").write_text("task,worker,label\n'=1+1,a,x\n'tis,a,x\n")
    assert list(read_table(tmp_path / "v.csv")["task"]) == ["=1+1", "'tis"]


def test_pages_show_what_was_written_as_text(tmp_path: Path) -> None:
    evil = "<script>alert(1)</script>"
    rows = "".join(f"{t},{w}{evil},{evil}\n" for t in "ab" for w in "xyz")
    (tmp_path / "v.csv").write_text("task,worker,label\n" + rows)
    done = CliRunner().invoke(cli, ["agreement", "--table", str(tmp_path / "v.csv"), "--out", str(tmp_path / "report")])
    assert done.exit_code == 0, done.output
    pages = list(tmp_path.rglob("*.html"))
    assert pages
    assert all("<script>alert" not in page.read_text() for page in pages)


def test_an_error_holds_no_escape_codes(tmp_path: Path) -> None:
    (tmp_path / "v.csv").write_bytes(b"task,worker,label\nt,w,\x1b]0;owned\x07\nt,w,b\n")
    command = [
        sys.executable,
        "-c",
        "from apps.cli.main import cli; cli()",
        "labels",
        "--table",
        str(tmp_path / "v.csv"),
    ]
    done = subprocess.run([*command, "--labels", "a,b"], capture_output=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(b"ccd: ")
    assert b"\x1b" not in done.stdout + done.stderr
    assert b"Traceback" not in done.stderr
