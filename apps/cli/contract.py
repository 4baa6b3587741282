"""What every command keeps: `--dir`, `--json`, one line for an error, and the exit codes 0, 1 and 2."""

import functools
import io
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import click

from apps.cli.harmless import harmless, harmless_json
from ccd.errors import CcdError, InputError

if TYPE_CHECKING:
    from rich.console import RenderableType

MODEL_LIBRARIES = ("safetensors", "sklearn", "starlette", "torch", "transformers", "uvicorn")  # the extra `model`


@dataclass(frozen=True)
class Report:
    """What a command found: `facts` for programs, `shown` (rich renderables) for people; `ok=False` exits with 1."""

    facts: Mapping[str, Any]
    shown: "Sequence[RenderableType]" = field(default_factory=list)
    ok: bool = True


in_campaign = click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="The campaign's folder (default: the current one).",
)

allow_repeats = click.option(
    "--allow-repeats",
    is_flag=True,
    help="With --table: where a worker judges a task again with another label, the first counts.",
)
fold = click.option(
    "--fold",
    is_flag=True,
    help="With --table: labels or workers that differ only in case, spaces, number (1, 1.0) or Unicode form are one.",
)
OF_TABLE = (
    "with --table a map: missing (lines without a label), repeated (later judgments of the same task) and left (map "
    "from rejected and golden to lines), which count as no judgment, and spellings (map from label and worker to lists "
    "of spellings that may be one name); otherwise null"
)


def reports(keys: Mapping[str, str]) -> Callable[[Callable[..., Report]], Callable[..., None]]:
    """Turn a function that returns a Report into a command body with `--json`; `keys` documents each fact.

    The keys are printed in the command reference; a fact that is not documented is a bug and fails at once.
    """

    def decorate(function: Callable[..., Report]) -> Callable[..., None]:
        @click.option(
            "--json",
            "json_file",
            metavar="FILE",
            help="Write the facts as JSON to FILE too; `-` writes them to stdout, and the text to stderr.",
        )
        @functools.wraps(function)
        def command(*args: Any, json_file: str | None, **options: Any) -> None:
            try:
                report = function(*args, **options)
                if set(report.facts) != set(keys):
                    raise AssertionError(f"facts {sorted(report.facts)} are documented as {sorted(keys)}")
                _write_json(report, json_file)
            except CcdError as error:
                _fail(str(error))
            except Exception as error:
                _fail(_environment(error))
            _show(report, json_file)
            if not report.ok:
                raise SystemExit(1)

        command.fact_keys = keys  # type: ignore[attr-defined]
        return command

    return decorate


def _write_json(report: Report, json_file: str | None) -> None:
    if json_file is None:
        return
    text = json.dumps(report.facts, ensure_ascii=False, indent=1) + "\n"
    text = harmless_json(text)
    try:
        data = text.encode("utf-8", "surrogateescape")  # a path is told as the disk has it, whatever the locale
    except UnicodeEncodeError:  # half a character of somebody's text
        data = text.encode("utf-8", "backslashreplace")
    if json_file == "-":
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    else:
        from ccd.files.atomic import write_atomic

        write_atomic(Path(json_file), data)


def _show(report: Report, json_file: str | None) -> None:
    from apps.cli.screen import Screen

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # where the locale is ASCII, or a path is not UTF-8
    screen = Screen(stderr=json_file == "-")
    for shown in report.shown:
        screen.print(shown, soft_wrap=isinstance(shown, str))


def _environment(error: Exception) -> str:
    """One line for a missing extra, or a disk or database that failed midway; anything else is a bug and is raised."""
    if isinstance(error, ModuleNotFoundError) and error.name in MODEL_LIBRARIES:
        return f"the library {error.name} is not there; pip install 'ccd-toolkit[model]'"
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror or error}; free space or check the rights, then run the command again"
    campaign = sys.modules.get("ccd.campaign.campaign")
    if campaign and isinstance(error, campaign.DatabaseError):
        reason = (str(error.orig).strip().splitlines() or ["no reason given"])[0]
        return f"the database failed ({reason}); see that it runs and has space, then run the command again"
    raise error


def check_out(out: Path) -> None:
    """Refuse to write tables into a folder that holds something else than runs of the same kind.

    `ccd replay` and `ccd reproduce` keep each run in `runs`, the network of one that was interrupted in `training`, and
    make their tables anew from all runs.
    """
    if out.exists() and not any((out / name).is_dir() for name in ("runs", "training")) and any(out.iterdir()):
        raise InputError(f"{out}: is there already and holds other files; choose another folder with --out")


def say(text: str) -> None:
    """One line on stderr, at once, whatever line ends stand in it."""
    click.echo(harmless(" ".join(text.split())), err=True)


def _fail(message: str) -> NoReturn:
    say(f"ccd: {message}")
    raise SystemExit(2)
