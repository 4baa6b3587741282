"""Write docs/commands.md, the reference of every command, from the command line itself: `python -m docs.reference`.

The text is made from the click tree, not from what `--help` prints: it is the same at every width of a terminal.
"""

import inspect
from collections.abc import Iterator
from pathlib import Path

import click

from ccd.files.atomic import write_atomic

PAGE = Path(__file__).with_name("commands.md")

INTRODUCTION = """\
# Commands

This page is generated from the command line by `make docs`; do not edit it. `ccd COMMAND --help` says the same.

Every command keeps one contract:

- `--dir` names the campaign's folder, where a command needs one. Without it, it is the current folder.
- `--json FILE` writes the facts listed below to FILE as one JSON object. With `--json -` they alone go to stdout, and
  the text goes to stderr.
- Exit code 0: done. 1: a check failed, or you interrupted it. 2: bad input or environment, told in one line on stderr.
- Progress goes to stderr.
"""


def reference(cli: click.Group) -> str:
    """The page, as Markdown: each command's usage, help, options and facts, in the order of registration."""
    root = click.Context(cli, info_name="ccd")
    contents = [
        f"- [`{' '.join(path)}`](#{'-'.join(path)}): {_summary(command)}" for path, command in leaves(cli, ("ccd",))
    ]
    parts = [INTRODUCTION, _help(cli), "\n".join(contents)]
    parts += [section for command in cli.commands.values() for section in _sections(command, root, 2)]
    return "\n\n".join(part.strip("\n") for part in parts) + "\n"


def leaves(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command below a group that is no group itself, with its words: (("round", "new"), …)."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from leaves(command, (*path, name))
        else:
            yield (*path, name), command


def _sections(command: click.Command, parent: click.Context, depth: int) -> Iterator[str]:
    context = click.Context(command, info_name=command.name, parent=parent)
    yield f"{'#' * depth} {context.command_path}"
    if isinstance(command, click.Group):
        yield _help(command)
        for each in command.commands.values():
            yield from _sections(each, context, depth + 1)
        return
    pieces = " ".join(command.collect_usage_pieces(context))
    yield f"```text\n{context.command_path} {pieces}\n```"
    yield _help(command)
    yield _options(command, context)
    facts = getattr(command.callback, "fact_keys", {})
    yield "Facts of `--json`:\n\n" + "\n".join(f"- `{key}`: {_plain(meaning)}" for key, meaning in facts.items())


def _help(command: click.Command) -> str:
    r"""A command's docstring: paragraphs joined to lines, a `\b` block that starts with "Example:" as code."""
    paragraphs = []
    for block in inspect.cleandoc(command.help or "").split("\n\n"):
        verbatim = block.startswith("\b\n")
        text = block.removeprefix("\b\n")
        if verbatim and text.startswith("Example:"):
            lines = [line.strip() for line in text.removeprefix("Example:").strip().splitlines()]
            code = [lines[0], *("    " + line for line in lines[1:])]  # what follows is a continuation
            paragraphs.append("```bash\n" + "\n".join(code) + "\n```")
        else:
            paragraphs.append(_plain(" ".join(text.split())))
    return "\n\n".join(paragraphs)


def _options(command: click.Command, context: click.Context) -> str:
    options = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
    records = [option.get_help_record(context) for option in options]
    return "Options:\n\n" + "\n".join(
        f"- `{record[0]}`: {_plain(' '.join(record[1].split()))}" for record in records if record
    )


def _summary(command: click.Command) -> str:
    return _plain(command.get_short_help_str(limit=200))


def _plain(text: str) -> str:
    """Text that Markdown shows as it is: outside of `code`, an angle bracket would start a tag."""
    return "`".join(part if i % 2 else part.replace("<", r"\<") for i, part in enumerate(text.split("`")))


def main() -> None:
    """Write the page."""
    from apps.cli.main import cli

    write_atomic(PAGE, reference(cli).encode())


if __name__ == "__main__":
    main()
