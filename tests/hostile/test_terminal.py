"""What strangers wrote reaches the terminal harmless: posts, names of files and people, labels, answers of servers."""

import csv
import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from rich.progress import Progress, TextColumn
from rich.table import Table
from rich.text import Text

from apps.cli.contract import say
from apps.cli.harmless import harmless
from apps.cli.main import cli
from apps.cli.screen import Screen
from ccd import protocol
from tests.campaigns import small_campaign

EVIL = {
    "title": "\x1b]0;owned\x07",
    "clear": "\x1b[2J",
    "link": "\x1b]8;;http://h.example\x1b\\here\x1b]8;;\x1b\\",
    "colour": "\x1b[35;44mred\x1b[0m",
    "C1": "\x9b31m\x9d0;owned\x9c\x90",
    "bidi": "gpj.\u202egnp\u202c\u2066x\u2069",
    "return": "refused\rtaken",
    "half": "\ud800",
    "others": "\x00\x08\x0b\x0c\x7f\x85",
}
ALL = "".join(EVIL.values())
MARKUP = "[red]x[/red][link=http://h.example]y[/link]:skull:[/none]"
NAME = "\x1b]0;owned\x07\x1b[35;44m\x9b2J\u202e\r" + MARKUP.replace("/", "")  # what a file can be called
# Styles, and a bar that moves.
OWN = re.compile(
    r"(?<=\x1b\[\?25h)\r|\r(?=\x1b\[(?:2K|1A|\?25)|$)|\x1b\[(?!35;44)[0-9;]*m|\x1b\[\?25[hl]|\x1b\[2K|\x1b\[1A"
)
OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def is_harmless(shown: str) -> None:
    """Nothing but what rich puts in of itself."""
    assert OBEYED.findall(OWN.sub("", shown)) == []


@pytest.fixture(autouse=True)
def on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """So rich takes it for one: it sends styles and links."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")


def run(*command: str) -> Result:
    done = CliRunner().invoke(cli, command)
    is_harmless(done.output)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


@pytest.mark.parametrize("kind", EVIL)
def test_tables_and_texts(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    evil = EVIL[kind]
    table = Table("plain", evil, title=evil, caption=evil)
    table.add_row(evil, Text(evil, style="bold"))
    Screen(stderr=False).print(table, evil, Text(evil), f"[b]{evil}")
    shown = capsys.readouterr().out
    is_harmless(shown)
    assert "\x1b[1m" in shown
    assert "[b]" in shown


def test_a_table_with_codes_keeps_its_columns(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table("text", "number")
    table.add_row(EVIL["title"], "1")
    table.add_row("a cat", "2")
    Screen(stderr=False).print(table)
    lines = OWN.sub("", capsys.readouterr().out).splitlines()
    assert len({len(line) for line in lines}) == 1


def test_markup_is_shown_as_it_was_written(capsys: pytest.CaptureFixture[str]) -> None:
    table = Table(title=MARKUP)
    table.add_row(MARKUP)
    Screen(stderr=False).print(table, MARKUP)
    assert capsys.readouterr().out.count(MARKUP) == 3


def test_a_bar(capsys: pytest.CaptureFixture[str]) -> None:
    """And what is said while it moves, which rich reads for links and colours."""
    with Progress(TextColumn("{task.description}", markup=False), console=Screen()) as progress:
        progress.add_task(NAME)
        say(ALL)
    shown = capsys.readouterr()
    is_harmless((shown.out + shown.err).replace("\r\x1b", "\x1b"))
    assert "[red]x" in shown.err


def test_a_line_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    say(f"desk ann: {ALL}\nccd: all is well\x85\u2028ccd: all is well")
    shown = capsys.readouterr().err
    is_harmless(shown)
    assert len(shown.splitlines()) == 1


def test_other_languages_stay() -> None:
    for text in ("ein Fuß", "שלום\u200f", "한국어", "👩‍👩‍👧 é", "a\tb\nc"):
        assert harmless(text) == text


def test_labels_of_a_table(tmp_path: Path) -> None:
    file = tmp_path / f"{NAME}.csv"
    rows = [(f"t{ALL}", f"{worker}{ALL}", f"yes{ALL}") for worker in "abc"]
    with file.open("w", newline="", encoding="utf-8", errors="surrogatepass") as opened:
        csv.writer(opened).writerows([("task", "worker", "label"), *rows])
    assert run("labels", "--table", str(file)).exit_code == 2  # half a character is no UTF-8
    file.write_bytes(file.read_bytes().replace(b"\xed\xa0\x80", b"").replace(b"\0", b""))
    done = run("labels", "--table", str(file), "--json", "-")
    assert done.exit_code == 0
    assert "owned" in done.stderr
    assert ("yes" + ALL.replace("\ud800", "").replace("\0", "")).strip() in json.loads(done.stdout)["counts"]["label"]
    assert run("agreement", "--table", str(file), "--out", str(tmp_path / "report")).exit_code == 0


def test_posts_and_their_file(tmp_path: Path) -> None:
    campaign = small_campaign(tmp_path / "c").folder
    file = tmp_path / f"{NAME}.jsonl"
    post = {"tweet_id": "1", "text": ALL, "image_file": f"../{ALL}.jpg"}
    file.write_text("".join(json.dumps(each) + "\n" for each in (post, post | {"tweet_id": f"1{ALL}"})))
    done = run("collect", "table", str(file), "--dir", str(campaign))
    assert done.exit_code == 1
    assert "owned" in done.stdout
    for told in (["--id-column", ALL.replace("\0", "")], ["--images", str(tmp_path / NAME)]):
        run("collect", "table", str(file), "--dir", str(campaign), *told)


def test_a_protocol_and_names_that_are_none(tmp_path: Path) -> None:
    shipped, _ = protocol.source("ccd")
    evil = json.dumps(ALL.replace("\ud800", "").replace("\x7f", ""))[1:-1]
    file = tmp_path / f"{NAME}.toml"
    file.write_text(re.sub(r'^title = "', lambda found: found[0] + evil, shipped, flags=re.M))
    for command in (
        ("protocol", "show", str(file)),
        ("protocol", "show", NAME),
        ("verify", str(tmp_path / NAME)),
        ("labels", NAME, ALL),
        (NAME,),
    ):
        done = run(*command)
        assert done.exit_code == 2
        assert "owned" in done.stderr


def test_files_of_a_release(tmp_path: Path) -> None:
    (tmp_path / "MANIFEST.sha256").write_text(f"{'0' * 64}  {NAME.replace(chr(13), '')}.jpg\n")
    (tmp_path / f"more{NAME}").touch()
    done = run("verify", str(tmp_path))
    assert done.exit_code == 1
    assert done.stdout.count("owned") == 2


def test_a_real_terminal(tmp_path: Path) -> None:
    """With the bar, whose name is that of the file."""
    campaign = small_campaign(tmp_path / "c").folder
    file = tmp_path / f"{NAME}.csv"
    file.write_text("tweet_id,text,image_file\n1,a cat,none.jpg\n")
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "apps.cli.main", "collect", "table", str(file), "--dir", str(campaign)]
    with subprocess.Popen(command, stdout=theirs, stderr=theirs, stdin=theirs) as process:
        os.close(theirs)
        shown = b""
        try:
            while data := os.read(ours, 1 << 16):
                shown += data
        except OSError:  # its end, on Linux
            pass
    os.close(ours)
    assert process.returncode == 1, shown
    text = shown.decode().replace("\r\n", "\n")
    is_harmless(text)
    assert "]0;owned" in text
