"""`ccd import`: judgments that were made in other tools."""

import base64
import binascii
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, unquote, urlsplit

import click

from apps.cli import contract
from ccd.wording import number_of

if TYPE_CHECKING:
    from annotation.exported import Answer
    from annotation.imports import Imported
    from ccd.campaign.campaign import Campaign

_TOOLS = ("label-studio", "label-studio-min", "doccano", "prodigy", "argilla", "potato", "mturk", "toloka", "table")
_UPLOADED = re.compile(r"[0-9a-f]{8}-(.+)")  # Label Studio's name of an uploaded file
_DATA = re.compile(r"data:image/[\w.+-]+;base64,(.+)", re.DOTALL)


@click.command("import")
@click.argument("files", type=click.Path(path_type=Path), nargs=-1, required=True, metavar="FILE...")
@click.option("--format", "tool", type=click.Choice(_TOOLS), help="Whose files these are (default: recognised).")
@click.option("--task-column", metavar="NAME", help="Of a table: the column of the items (default: task, item, id…).")
@click.option("--worker-column", metavar="NAME", help="Of a table: the column of the people (default: worker…).")
@click.option(
    "--label-column",
    multiple=True,
    metavar="NAME",
    help="The field of the labels (default: the question's name); again for each further question, or for each "
    "person's column of a wide table.",
)
@click.option(
    "--images",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    help="Folder of the images that the files name (default: each file's folder).",
)
@contract.in_campaign
@contract.reports(
    {
        "source": "the files that were read, each with its tool",
        "read": "answers, and records that are none",
        "new": "map from status to judgments that are new or changed",
        "known": "answers that are judgments of the campaign already",
        "left": "map from why to records that are no judgment",
        "unknown": "map from label to answers with a label that the protocol lacks",
        "pairs": "pairs that the answers are to",
        "collected": "pairs that were made of the files' texts and images",
        "annotators": "people who gave the answers",
    }
)
def import_command(
    folder: Path,
    files: tuple[Path, ...],
    tool: str | None,
    task_column: str | None,
    worker_column: str | None,
    label_column: tuple[str, ...],
    images: Path | None,
) -> contract.Report:
    """Bring the judgments in each FILE of another tool into the campaign.

    Reads exports of Label Studio (JSON, JSON_MIN, CSV), doccano, Prodigy, Argilla, Potato, MTurk and Toloka, and tables
    with a row a judgment or a column a person. Items are found by pair id, post id or content; those with text and
    image become new pairs. What labels are called elsewhere stands in [import.labels] of campaign.toml.

    \b
    Example:
      ccd import project-1.json project-2.json --images media
    """
    from annotation import imports
    from annotation.exported import Left
    from ccd.campaign.campaign import Campaign
    from ccd.judgment_tables.columns import Named
    from collection.files import source_name

    campaign = Campaign.open(folder)
    named = Named(task_column, worker_column, label_column)
    done, collected, sources = imports.Imported(), 0, []
    for file, (found_tool, found) in [(file, imports.read(file, tool, named)) for file in files]:
        source = f"{found_tool}:{source_name(file)}"
        answers = [each for each in found if not isinstance(each, Left)]
        for each in found:
            if isinstance(each, Left):
                done.leave(each.place, each.why)
        wide = found_tool == "table" and worker_column is None and len(label_column) > 1
        mapped, columns = campaign.config.imported_labels, () if wide else label_column
        of = imports.meaning(str(file), answers, campaign.protocol, mapped, columns)
        pairs, made = _pairs(campaign, answers, file, images, source)
        imports.store(campaign, list(zip(answers, pairs, strict=True)), of, source, done)
        done.read += len(found)
        collected += made
        sources.append(source)
    facts = {
        "source": sources,
        "read": done.read,
        "new": dict(done.new),
        "known": done.known,
        "left": dict(done.left),
        "unknown": dict(done.unknown),
        "pairs": len(done.pairs),
        "collected": collected,
        "annotators": len(done.annotators),
    }
    return contract.Report(
        facts, list(_said(done, collected)), ok=not done.unknown and imports.NO_PAIR not in done.left
    )


def _said(done: "Imported", collected: int) -> Iterator[str]:
    new = sum(done.new.values())
    yield (
        f"{number_of(done.read, 'record')} read: {number_of(new, 'new judgment')} and {done.known:,} known, of "
        f"{number_of(len(done.annotators), 'person', 'people')} on {number_of(len(done.pairs), 'pair')}"
        + (f", {collected:,} of them new" if collected else "")
    )
    for why, number in sorted(done.left.items()):
        yield f"Not a judgment: {number:,} {why} (first: {done.first[why]})"
    if done.unknown:
        labels = ", ".join(f"{label!r} ({number:,})" for label, number in done.unknown.most_common(10))
        yield f"Labels that the protocol lacks: {labels}; write what each means under [import.labels] in campaign.toml"
    if new:
        yield "Next: `ccd labels`"


def _pairs(
    campaign: "Campaign", answers: "list[Answer]", file: Path, images: Path | None, source: str
) -> tuple[list[str | None], int]:
    """Return each answer's pair, and how many pairs are new: items with text and image that the campaign lacks."""
    from annotation import imports
    from collection import store
    from collection.records import Photo, Reason, Record

    named = imports.named_pairs(campaign, answers)
    folder = (images or file.parent).resolve()
    with tempfile.TemporaryDirectory() as inside:
        records: dict[tuple[str | None, str | None], Record] = {}
        for answer in answers:
            key = answer.text, answer.image
            if answer.item not in named and answer.text and answer.image and key not in records:
                photo = Photo(0, _photo(answer.image, folder, Path(inside) / str(len(records))))
                records[key] = Record(None, answer.text, None, None, (photo,), answer.place)
        counts = store.collect(campaign, records.values(), f"import:{source}") if records else store.Counts()
        of_content = dict(zip(records, store.found(campaign, records.values()), strict=True))
    for drop in counts.examples.values():
        if drop.reason == Reason.DUPLICATE:
            continue  # the pair that is there is meant
        contract.say(f"{drop.item}: {drop.reason}{f' ({drop.detail})' if drop.detail else ''}")
    if counts.waiting:
        wait = number_of(counts.waiting, "photo waits", "photos wait")
        contract.say(f"{wait} for `ccd collect photos`; run this again afterwards")
    alone = [answer.text for answer in answers if answer.item not in named and answer.text and not answer.image]
    of_text = imports.pairs_of_text(campaign, alone)
    found = [named.get(a.item) or of_content.get((a.text, a.image)) or of_text.get(a.text or "") for a in answers]
    return found, counts.kept


def _photo(image: str, folder: Path, made: Path) -> Path | str:
    """Return the file of an image that an export names, `made` where the export has its bytes; or its address.

    Never a file outside the folder.
    """
    from collection.files import is_in

    if inside := _DATA.fullmatch(image):
        try:
            made.write_bytes(base64.b64decode(inside[1], validate=True))
        except binascii.Error:
            return image[:40]
        return made
    if image.startswith(("http://", "https://")):
        return image
    parts = urlsplit(image)
    path = (parse_qs(parts.query).get("d") or [unquote(parts.path)])[0].replace("\\", "/").lstrip("/")
    last = path.rpartition("/")[2]
    uploaded = _UPLOADED.fullmatch(last)
    for name in (path, last, *([uploaded[1]] if uploaded else [])):
        if name and (folder / name).is_file() and is_in(folder, folder / name):
            return folder / name
    return image
