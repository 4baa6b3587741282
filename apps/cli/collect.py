"""`ccd collect`: posts and their photos from files into the campaign."""

import dataclasses
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from apps.cli import contract
from apps.cli.photos import photos_command
from ccd.wording import number_of

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

    from ccd.campaign.campaign import Campaign
    from collection.records import Drop, Record
    from collection.store import Counts

FACTS = {
    "source": "the files that were read, as the database names them",
    "read": "photos read; a post without a photo counts once",
    "kept": "new pairs",
    "known": "read pairs that were in the campaign already",
    "updated": "pairs that have a newer text now",
    "waiting": "photos that have an address only and wait for `ccd collect photos`",
    "dropped": "number of photos and posts not kept, by reason",
    "unused": "number of posts by what they have and cannot be used, such as a date that cannot be read",
    "pairs": "pairs in the campaign now",
}
AT_MOST = click.option(
    "--max",
    "limit",
    type=click.IntRange(min=1),
    metavar="N",
    help="Stop when N pairs of these files are in the campaign, or wait for their photo.",
)
UPDATE = click.option(
    "--update", is_flag=True, help="Give pairs that are in no round the text of this file, where theirs is another."
)


@click.group()
def collect() -> None:
    """Read posts and their photos into the campaign."""


collect.add_command(photos_command)


@collect.command("table")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--id-column", "id_column", metavar="NAME", help="Column of the post ids (default: tweet_id, post_id, id…)."
)
@click.option("--text-column", metavar="NAME", help="Column of the texts (default: text, full_text, caption…).")
@click.option(
    "--image-column", metavar="NAME", help="Column of the image files (default: image_file, image, file_name…)."
)
@click.option("--date-column", metavar="NAME", help="Column of the times (default: created_at, date…).")
@click.option("--author-column", metavar="NAME", help="Column of the authors (default: author_id, user_id, author…).")
@click.option(
    "--network",
    type=click.Choice(["x", "other"]),
    help="Whose ids these are (default: X's where columns, addresses or dates say so, else other).",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "tsv", "jsonl", "parquet"]),
    help="The kind of file (default: what its name ends with; a folder is one that `datasets` saved).",
)
@click.option(
    "--follow-links", is_flag=True, help="Follow links to photos outside the folder, as Hugging Face caches have."
)
@click.option("--repair-texts", is_flag=True, help="Put right texts that a wrong encoding spoilt (CafÃ©).")
@click.option(
    "--images",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder that the image column starts from (default: the table's folder).",
)
@AT_MOST
@UPDATE
@contract.in_campaign
@contract.reports(FACTS)
def table_command(
    folder: Path,
    file: Path,
    id_column: str | None,
    text_column: str | None,
    image_column: str | None,
    date_column: str | None,
    author_column: str | None,
    network: str | None,
    form: str | None,
    follow_links: bool,
    repair_texts: bool,
    images: Path | None,
    limit: int | None,
    update: bool,
) -> contract.Report:
    """Read FILE, a CSV, TSV, JSONL or Parquet table, one pair a row.

    \b
    Example:
      ccd collect table tweets.tsv --image-column image_file
    """
    from collection import table
    from collection.columns import Columns

    columns = Columns(id_column, text_column, image_column, date_column, author_column)
    rows = table.read(file, columns, images, network, repair_texts, form=form, follow_links=follow_links)
    return _collect(folder, [(file, rows)], limit, update)


@collect.command("archive")
@click.argument("files", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="FILE...")
@click.option(
    "--images",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder with the downloaded photos (default: each file's folder).",
)
@AT_MOST
@UPDATE
@contract.in_campaign
@contract.reports(FACTS)
def archive_command(
    folder: Path, files: tuple[Path, ...], images: Path | None, limit: int | None, update: bool
) -> contract.Report:
    """Read each FILE, archives of the X API, v2 (twarc) or v1.1, as JSON or JSON lines.

    \b
    Example:
      ccd collect archive pages.jsonl.gz --images media
    """
    from collection import archive

    return _collect(folder, [(file, archive.read(file, images)) for file in files], limit, update)


@collect.command("undo")
@click.argument("source")
@contract.in_campaign
@contract.reports(
    {
        "pairs": "pairs that were taken back",
        "waiting": "photos that waited for their download",
        "drops": "drops that are no longer counted",
        "images": "image files that no pair shows any more, erased",
        "kept": "pairs that are in a round and stay",
    }
)
def undo_command(folder: Path, source: str) -> contract.Report:
    """Take back what a run that was a mistake collected and dropped: SOURCE is its file, as `ccd collect` names it.

    Pairs that are in a round stay. Run `ccd duplicates` afterwards.

    
    Example:
      ccd collect undo tweets.tsv
    """
    from ccd.campaign.campaign import Campaign
    from collection.files import source_name
    from collection.undo import sources, undo

    campaign = Campaign.open(folder)
    name = source if source in sources(campaign) else source_name(Path(source))
    with campaign.alone("collect"):
        done = undo(campaign, name)
    shown = [
        f"{name}: {number_of(done.pairs, 'pair')}, {number_of(done.waiting, 'waiting photo')} and "
        f"{number_of(done.drops, 'drop')} taken back, {number_of(done.images, 'image file')} erased"
    ]
    if done.kept:
        shown.append(f"{number_of(done.kept, 'pair is', 'pairs are')} in a round and stay")
    return contract.Report(dataclasses.asdict(done), shown)


def _collect(
    folder: Path, sources: "list[tuple[Path, Iterator[Record | Drop]]]", limit: int | None, update: bool
) -> contract.Report:
    from ccd.campaign.campaign import Campaign
    from collection import store
    from collection.files import source_name

    campaign = Campaign.open(folder)
    counts = store.Counts()
    for file, records in sources:
        store.collect(campaign, _watched(records, file.name), source_name(file), limit, counts, update=update)
    unused = [f"Not used: {what} ({number:,} of {counts.read:,})" for what, number in sorted(counts.unused.items())]
    done = report(campaign, [source_name(file) for file, _ in sources], counts, unused)
    table, *others = done.shown
    shown = [table, f"{number_of(done.facts['pairs'], 'pair')} in the campaign", *others]
    some = counts.kept + counts.known + counts.updated + counts.waiting > 0
    if not some:
        shown.append("Nothing was kept; `ccd collect undo` takes the drops back, if the file or an option was wrong")
    return contract.Report(done.facts, shown, ok=some)


def report(campaign: "Campaign", sources: list[str], counts: "Counts", shown: list[str], **run: Any) -> contract.Report:
    """Report what was collected: FACTS and those of the `run`; the lines `shown` stand below the table."""
    from ccd.campaign.tables import pairs

    names = ("read", "kept", "known", "updated", "waiting", "dropped", "unused")
    facts: dict[str, Any] = {"source": sources} | {name: getattr(counts, name) for name in names}
    with campaign.read() as db:
        facts |= {"pairs": pairs.count(db)} | run
    lines: list[RenderableType] = [_table(counts), *shown]
    if counts.waiting:
        lines.append(f"{number_of(counts.waiting, 'photo waits', 'photos wait')} for `ccd collect photos`")
    if stopped := facts.get("stopped"):
        lines.append(f"stopped at {stopped}")
    return contract.Report(facts, lines)


def _watched(records: "Iterable[Record | Drop]", name: str) -> "Iterator[Record | Drop]":
    """Yield the same records, with their number and speed on stderr."""
    from rich.progress import Progress, TextColumn, TimeElapsedColumn

    from apps.cli.screen import Screen

    columns = (
        TextColumn("{task.description}", markup=False),
        TextColumn("{task.completed:,.0f} read"),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
    )
    screen = Screen()
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as progress:
        task = progress.add_task(name, total=None, rate="")
        for number, record in enumerate(records, 1):
            yield record
            if number % 100 == 0:
                speed = number / (progress.tasks[0].elapsed or 1)
                progress.update(task, completed=number, rate=f"{speed:,.0f}/s")


def _table(counts: "Counts") -> "Table":
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("")
    table.add_column("photos", justify="right")
    table.add_column("first example", overflow="fold")
    for name, number in (("read", counts.read), ("kept", counts.kept), ("already there", counts.known)):
        table.add_row(name, f"{number:,}", "")
    if counts.updated:
        table.add_row("with a newer text", f"{counts.updated:,}", "")
    if counts.waiting:
        table.add_row("waiting", f"{counts.waiting:,}", "")
    for reason, number in sorted(counts.dropped.items(), key=lambda reason: -reason[1]):
        example = counts.examples[reason]
        first = f"{example.item}: {example.detail}" if example.detail else example.item
        table.add_row(f"dropped: {reason}", f"{number:,}", first)
    return table
