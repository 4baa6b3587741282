"""Formulas in CSV files, markup in pages, escape codes in messages."""

import csv
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from apps.cli.main import cli
from ccd.files.csv_cells import escape_csv

FORMULAS = ['=HYPERLINK("http://h.example")', "+1+1", "-1+cmd|' /C calc'!A0", "@SUM(1)", "\t=1", "\r=1", "＝1+1", "'=1"]


def unescaped(written: object) -> str:
    """What a reader has who takes one apostrophe off each cell that begins like a formula after it."""
    assert isinstance(written, str)
    return written[1:] if re.match(r"''*[=+\-@＝＋－＠\t\r\n]", written) else written


@pytest.mark.parametrize("cell", FORMULAS)
def test_no_cell_is_a_formula_and_none_is_lost(cell: str) -> None:
    written = escape_csv(cell)
    assert isinstance(written, str)
    assert written.startswith("'")
    assert unescaped(written) == cell


@pytest.mark.parametrize("number", ["-1", "+2.5", "-1e3", "0"])
def test_numbers_stay(number: str) -> None:
    assert escape_csv(number) == number
    assert escape_csv(-1) == -1


@given(st.text())
def test_there_and_back(text: str) -> None:
    assert unescaped(escape_csv(text)) == text


def test_ids_and_labels_of_a_table_come_out_as_they_went_in(tmp_path: Path) -> None:
    """They must join with the table; what it holds that a spreadsheet runs was in it already."""
    tasks = ["=1+1", "@a", "-3", "-t1", "b", "'=2", "'t3"]
    with (tmp_path / "votes.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("task", "worker", "label"), *((t, w, "=yes") for t in tasks for w in "abc")])
    done = CliRunner().invoke(cli, ["labels", "--table", str(tmp_path / "votes.csv"), "--out", str(tmp_path / "l.csv")])
    assert done.exit_code == 0, done.output
    written = list(csv.reader((tmp_path / "l.csv").open(newline="")))[1:]
    assert {row[0] for row in written} == set(tasks)
    assert {row[1] for row in written} == {"=yes"}


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
