"""`ccd completion`: real shells are asked what comes after the words typed so far."""

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from apps.cli.main import cli

BIN = str(Path(sys.executable).parent)  # where `ccd` is
ENVIRON = os.environ | {"PATH": f"{BIN}:{os.environ['PATH']}"}


def bash(*words: str) -> list[str]:
    """What bash, with the script of `ccd completion bash`, offers in place of the last word."""
    asked = """
        source <(ccd completion bash)
        complete -p ccd >/dev/null || exit 3
        COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
        _ccd_completion ccd 2>/dev/null
        printf '%s\\n' "${COMPREPLY[@]}"
    """
    done = subprocess.run(
        ["bash", "--norc", "-c", asked, "bash", *words], env=ENVIRON, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "offered"),
    [
        (["ccd", "st"], ["studio", "status"]),
        (["ccd", "round", ""], ["new"]),
        (["ccd", "studio", "st"], ["start", "status", "stop"]),
        (["ccd", "rank", "--strategy", "ra"], ["random"]),
        (["ccd", "doctor", "--f"], ["--fix"]),
        (["ccd", "completion", ""], ["bash", "zsh", "fish"]),
    ],
    ids=" ".join,
)
def test_bash_completes_commands_options_and_values(words: list[str], offered: list[str]) -> None:
    assert bash(*words) == offered


def test_tab_in_an_interactive_bash_finishes_the_word(tmp_path: Path) -> None:
    script = tmp_path / "completion.sh"
    script.write_text(CliRunner().invoke(cli, ["completion", "bash"]).stdout + "\nPS1='ready> '\n")
    process, terminal = pty.fork()
    if process == 0:
        os.execvpe("bash", ["bash", "--noprofile", "--rcfile", str(script), "-i"], ENVIRON)

    def until(text: str) -> str:
        seen, end = "", time.monotonic() + 60
        while text not in seen and time.monotonic() < end:
            if select.select([terminal], [], [], 1)[0]:
                seen += os.read(terminal, 4096).decode(errors="replace")
        return seen

    try:
        assert "ready> " in until("ready> ")
        os.write(terminal, b"ccd agreem\t")
        assert "ccd agreement " in until("ccd agreement ")
    finally:
        os.write(terminal, b"\x15exit\n")
        os.close(terminal)
        os.waitpid(process, 0)


@pytest.mark.parametrize(("shell", "mark"), [("zsh", "#compdef ccd"), ("fish", "complete --no-files --command ccd")])
def test_the_other_shells_have_a_script(shell: str, mark: str) -> None:
    done = CliRunner().invoke(cli, ["completion", shell])
    assert done.exit_code == 0
    assert mark in done.stdout
    assert f"_CCD_COMPLETE={shell}_complete" in done.stdout


def test_an_unknown_shell_is_bad_input() -> None:
    assert CliRunner().invoke(cli, ["completion", "tcsh"]).exit_code == 2
