"""The `ccd` command as a whole: light to start, and one contract for every command."""

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest
import sqlalchemy as sa
from click.testing import CliRunner

import ccd
from apps.cli import contract
from apps.cli.main import cli
from ccd.errors import CcdError

HEAVY = ("torch", "streamlit", "label_studio_sdk", "pandas", "sqlalchemy", "rich", "matplotlib", "jinja2")


@click.command("weigh")
@click.argument("weight", type=int)
@contract.reports({"weight": "in kilograms"})
def weigh(weight: int) -> contract.Report:
    """A throwaway command: more than 9 kg fails the check, less than nothing is bad input."""
    if weight < 0:
        raise CcdError(f"{weight}: weighs\nless than nothing; put something on the scales")
    return contract.Report({"weight": weight}, [f"It weighs {weight} kg."], ok=weight < 10)


@click.command("forgetful")
@contract.reports({"documented": "this one"})
def forgetful() -> contract.Report:
    """A throwaway command whose fact is not the documented one."""
    return contract.Report({"undocumented": 1})


def test_help_names_every_stage_and_the_exit_codes() -> None:
    result = CliRunner().invoke(cli, ["--help"])
    assert result.exit_code == 0
    for stage in ("init", "collect", "round", "push", "pull", "labels", "agreement", "split", "release", "verify"):
        assert f"\n  {stage} " in result.output
    assert "Exit codes: 0 done, 1 a check failed, 2 bad input or environment." in result.output


def test_version() -> None:
    result = CliRunner().invoke(cli, ["--version"])
    assert (result.exit_code, result.output) == (0, f"ccd, version {ccd.__version__}\n")


@pytest.mark.parametrize("words", [["colect"], ["round", "old"], ["pull", "--folow"], ["init"]])
def test_a_slip_of_the_pen_is_bad_input(words: list[str]) -> None:
    result = CliRunner().invoke(cli, words)
    assert result.exit_code == 2
    assert "Traceback" not in result.output


@pytest.mark.parametrize(
    "code",
    [
        "import ccd",
        "import apps.cli.main",
        "from apps.cli.main import cli; cli.main(['pull', '--help'], standalone_mode=False)",
        "from apps.cli.main import cli; cli.main(['agreement', '--help'], standalone_mode=False)",
    ],
)
def test_starting_up_loads_nothing_heavy(code: str) -> None:
    asked = f"import sys\n{code}\nprint('loaded:', *sorted(set({HEAVY!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1].split() == ["loaded:"]


def test_json_alone_goes_to_stdout() -> None:
    result = CliRunner().invoke(weigh, ["3", "--json", "-"])
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {"weight": 3}
    assert result.stderr == "It weighs 3 kg.\n"


def test_json_in_a_file_leaves_the_text_on_stdout(tmp_path: Path) -> None:
    file = tmp_path / "facts.json"
    result = CliRunner().invoke(weigh, ["3", "--json", str(file)])
    assert (result.exit_code, result.stdout, result.stderr) == (0, "It weighs 3 kg.\n", "")
    assert json.loads(file.read_text()) == {"weight": 3}


def test_a_json_file_that_cannot_be_written_is_bad_input() -> None:
    result = CliRunner().invoke(weigh, ["3", "--json", "/no/such/folder/facts.json"])
    assert result.exit_code == 2
    assert result.stderr.startswith("ccd: /no/such/folder/facts.json: cannot be written")
    assert result.stdout == ""


def test_an_error_is_one_line_on_stderr_and_2() -> None:
    result = CliRunner().invoke(weigh, ["--json", "-", "--", "-1"])
    assert result.exit_code == 2
    assert result.stderr == "ccd: -1: weighs less than nothing; put something on the scales\n"
    assert result.stdout == ""


def test_a_failed_check_still_reports_and_is_1() -> None:
    result = CliRunner().invoke(weigh, ["10", "--json", "-"])
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {"weight": 10}
    assert result.stderr == "It weighs 10 kg.\n"


def test_a_fact_that_is_not_documented_is_a_bug() -> None:
    with pytest.raises(AssertionError, match="undocumented"):
        CliRunner().invoke(forgetful, catch_exceptions=False)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            OSError(28, "No space left on device", "campaign.db"),
            "ccd: campaign.db: No space left on device; free space",
        ),
        (
            sa.exc.OperationalError("COMMIT", {}, Exception("disk I/O error")),
            "ccd: the database failed (disk I/O error)",
        ),
        (
            ModuleNotFoundError("No module named 'torch'", name="torch"),
            "ccd: the library torch is not there; pip install",
        ),
    ],
)
def test_a_surrounding_that_fails_is_one_line_and_2(error: Exception, line: str) -> None:
    @click.command()
    @contract.reports({})
    def broken() -> contract.Report:
        """Fail midway."""
        raise error

    result = CliRunner().invoke(broken, catch_exceptions=False)
    assert result.exit_code == 2
    assert result.stderr.startswith(line)
    assert result.stderr.count("\n") == 1


def test_a_bug_is_not_taken_for_the_environment() -> None:
    @click.command()
    @contract.reports({})
    def wrong() -> contract.Report:
        """Have a bug."""
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        CliRunner().invoke(wrong, catch_exceptions=False)


def test_a_notebooks_backend_of_pictures_is_not_needed(tmp_path: Path) -> None:
    (tmp_path / "votes.csv").write_text("task,worker,label\n1,a,yes\n1,b,no\n2,a,no\n2,b,no\n")
    root = str(Path(ccd.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-m", "apps.cli.main", "agreement", "--table", "votes.csv"],
        cwd=tmp_path,
        env=os.environ | {"MPLBACKEND": "module://of_another_environment", "PYTHONPATH": root},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
