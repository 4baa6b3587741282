"""`ccd protocol`: which questions and categories a campaign can ask, and how to write your own."""

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from apps.cli import contract

if TYPE_CHECKING:
    from rich.console import RenderableType

    from ccd.protocol import Category, Protocol, Question

_HEADER = """\
# A protocol of your own, started from {like}. Edit it, then see how it reads and what is wrong in it:
#   ccd protocol show FILE
# and name the file in campaign.toml. Once judging has begun, leave names and ids as they are.
#
# name       small letters and digits, a letter first, joined by - or _: what is stored, for the protocol as for
#            each question and category
# reference  where the scheme is published; year: when (cite yourself if it is yours)
# guideline  what annotators read; a blank line starts a new paragraph, other line breaks do not count
# kind       "choice" of categories, or "score": then minimum, maximum and step instead of categories
# level      of a choice: "nominal", or "ordinal" where the ids are an order; agreement is measured accordingly
# id         the categories' numbers in models and releases: 0, 1, 2, ...
# hotkey     a-z or 0-9, one of its own for every category of all questions; cannot_judge (top) has one too

"""


@click.group()
def protocol() -> None:
    """Show the annotation protocols that are shipped, and start your own."""


@protocol.command("list")
@contract.reports(
    {"protocols": "every shipped protocol: name, year, title, reference, and labels a question (none: a score)"}
)
def list_() -> contract.Report:
    """List the shipped protocols.

    \b
    Example: ccd protocol list
    """
    from rich.table import Table

    from ccd import protocol as protocols

    found = sorted((protocols.load(name) for name in protocols.shipped()), key=lambda p: (-p.year, p.name))
    table = Table("name", "year", "questions × categories", "reference", box=None, header_style="bold")
    for each in found:
        table.add_row(each.name, str(each.year), _shape(each), _short(each.reference))
    facts = [
        {
            "name": each.name,
            "year": each.year,
            "title": each.title,
            "reference": each.reference,
            "questions": {question.name: list(question.labels) for question in each.questions},
        }
        for each in found
    ]
    return contract.Report({"protocols": facts}, [table])


@protocol.command()
@click.argument("name")
@contract.reports(
    {
        "protocol": "all entries of the protocol, as in its TOML file",
        "fingerprint": "SHA-256 of its content",
    }
)
def show(name: str) -> contract.Report:
    """Show one protocol with its guidelines: NAME is a shipped one, or the path of a TOML file.

    \b
    Example: ccd protocol show ccd
    """
    from dataclasses import asdict

    from ccd import protocol as protocols

    found = protocols.load(name)
    shown = [_heading(found)]
    for question in found.questions:
        shown += _question(question)
    return contract.Report({"protocol": asdict(found), "fingerprint": found.fingerprint}, shown)


@protocol.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--like", default="ccd", show_default=True, help="The shipped protocol to start from.")
@contract.reports(
    {"file": "the file that was written", "name": "the new protocol's name", "like": "what it started from"}
)
def new(file: Path, like: str) -> contract.Report:
    """Write FILE, a commented protocol for you to edit; an existing file is never overwritten.

    \b
    Example: ccd protocol new mine.toml --like vempala2019
    """
    from rich.text import Text

    from ccd import protocol as protocols
    from ccd.errors import CcdError, InputError
    from ccd.files.atomic import write_atomic

    if like not in protocols.shipped():
        raise InputError(f"--like {like}: not a shipped protocol; choose one of {', '.join(protocols.shipped())}")
    if file.exists() or file.is_symlink():
        raise InputError(f"{file}: is there already; choose another name")
    if not file.parent.is_dir():
        raise InputError(f"{file}: there is no folder {file.parent}; make it first")
    name = re.sub("[^a-z0-9]+", "-", file.stem.lower()).strip("-")
    if name in protocols.shipped():
        raise InputError(f"{file}: {name} is a shipped protocol; choose another file name, it names your protocol")
    shipped, _ = protocols.source(like)
    text = _HEADER.format(like=like) + shipped.replace(f'name = "{like}"', f'name = "{name}"', 1)
    try:
        protocols.parse(text, str(file))
    except CcdError as error:
        raise InputError(f"{error}; the file name names the protocol: choose another") from None
    write_atomic(file, text.encode())
    said = Text(f"{file} written: edit it, then `ccd protocol show {file}`")
    return contract.Report({"file": str(file), "name": name, "like": like}, [said])


def _shape(protocol: "Protocol") -> str:
    """Such as `cmi × 2, sc × 3`."""
    return ", ".join(
        f"{q.name} × {len(q.labels)}" if q.labels else f"{q.name}: {_scale(q)}" for q in protocol.questions
    )


def _scale(question: "Question") -> str:
    return f"{question.minimum:g} to {question.maximum:g}, step {question.step:g}"


def _short(reference: str) -> str:
    """The authors: all before the quoted title, shortened to the first where there are more than two."""
    authors = reference.split(', "')[0]
    names = re.split(r", | and ", authors)
    return authors if len(names) < 3 else f"{names[0]} et al."


def _heading(protocol: "Protocol") -> "RenderableType":
    from rich.text import Text

    text = Text()
    text.append(f"{protocol.title}\n", style="bold")
    text.append(f"{protocol.name}, {protocol.year}. {protocol.reference}\n\n", style="dim")
    text.append(f"{protocol.guideline}\n\n")
    text.append(f"Hotkey {protocol.cannot_judge}: cannot judge\n")
    return text


def _question(question: "Question") -> "list[RenderableType]":
    from rich.text import Text

    text = Text(question.title, style="bold")
    scale = "" if question.labels else f", {_scale(question)}"
    text.append(f"  ({question.name}: {question.kind}, {question.level}{scale})\n", style="not bold dim")
    return [text, *(_category(category) for category in question.categories)]


def _category(category: "Category") -> "RenderableType":
    from rich.padding import Padding
    from rich.text import Text

    text = Text()
    text.append(f"{category.hotkey}  {category.title}", style=f"bold {category.colour}")
    text.append(f"  ({category.name} = {category.id})\n", style="dim")
    text.append(category.guideline)
    for example in category.examples:
        text.append(f"\nExample: {example}", style="italic")
    return Padding(text, (0, 0, 1, 2))
