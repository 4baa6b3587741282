"""`ccd release` and `ccd verify`: publish a dataset, and check a published one."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from apps.cli import contract
from ccd.wording import number_of

if TYPE_CHECKING:
    from rich.table import Table


@click.command("release")
@click.argument("name")
@click.option(
    "--images",
    type=click.Choice(["files", "tar", "none"]),
    default="files",
    show_default=True,
    help="Write images as files, as WebDataset shards (tar), or not at all.",
)
@click.option("--dehydrate", is_flag=True, help="Write ids, labels and splits only: no text, no image.")
@click.option(
    "--format",
    "also",
    type=click.Choice(["vempala"]),
    help="Also write CSV with the columns of Vempala and Preotiuc-Pietro's data (protocol vempala2019).",
)
@contract.in_campaign
@contract.reports(
    {
        "name": "the release",
        "folder": "where it is",
        "synthetic": "true where the toolkit made the pairs itself",
        "dehydrated": "true where it has ids, labels and splits only",
        "counts": "map from split to label to pairs; `all` is their sum",
        "excluded": "assigned pairs in no split, by reason (open, incomplete, dropped, not split, post is gone)",
        "images": "number of image files",
        "unchecked": "posts of X of which nobody asked in the last 24 hours whether they are gone",
        "manifest_sha256": "SHA-256 of MANIFEST.sha256: it names this release for ever",
    }
)
def release_command(folder: Path, name: str, images: str, dehydrate: bool, also: str | None) -> contract.Report:
    """Write the release NAME: splits, images, judgments, protocol, card, metadata and manifest.

    A release never changes; the same campaign gives the same bytes. Posts that are gone are left out as far as
    `ccd compliance` found them: run it first.

    \b
    Example:
      ccd release v1
      ccd release v1-ids --dehydrate
    """
    from dataclasses import asdict

    from apps.cli.progress import bars
    from ccd.campaign.campaign import Campaign
    from ccd.errors import InputError
    from ccd.release import Form, write_release
    from collection.compliance import due

    if dehydrate and images == "tar":
        raise InputError("--dehydrate writes no images; leave out --images tar, or --dehydrate")
    campaign = Campaign.open(folder)
    vempala = also == "vempala"
    with bars() as started:
        form = Form.dry(vempala) if dehydrate else Form(images, False, vempala)
        done = write_release(campaign, name, form, started)
    shown: list[Any] = [counts_table(done.counts, done.synthetic)]
    if done.excluded:
        left = ", ".join(f"{number:,} {reason}" for reason, number in done.excluded.items())
        shown.append(f"In no split: {left}.{_remedy(done.excluded)}")
    unchecked = len(due(campaign))
    if unchecked:
        shown.append(
            f"{number_of(unchecked, 'post of X was', 'posts of X were')} not looked up in the last 24 hours: before "
            "you publish, `ccd compliance`."
        )
    shown.append(f"{done.folder} is written; check it with `ccd verify {done.folder}`.")
    return contract.Report(asdict(done) | {"folder": str(done.folder), "unchecked": unchecked}, shown)


def _remedy(excluded: dict[str, int]) -> str:
    from ccd.release.content import UNSPLIT

    return " Run `ccd split` before the next release to have those with a label in." if UNSPLIT in excluded else ""


def counts_table(counts: dict[str, dict[str, int]], synthetic: bool) -> "Table":
    """Pairs by label and split, with sums."""
    from rich.table import Table

    table = Table(title=f"Pairs by label and split{' (synthetic)' if synthetic else ''}", title_justify="left")
    table.add_column("")
    for split in (*counts, "all"):
        table.add_column(split, justify="right")
    for label in next(iter(counts.values())):
        numbers = [by_label[label] for by_label in counts.values()]
        table.add_row(label, *(f"{number:,}" for number in (*numbers, sum(numbers))))
    return table


@click.command("verify")
@click.argument("release", metavar="FOLDER", type=click.Path(path_type=Path, file_okay=False))
@contract.reports({"folder": "the release's folder", "problems": "list of what is wrong; empty where all is well"})
def verify_command(release: Path) -> contract.Report:
    """Check the release in FOLDER: files, images, labels, leaks between splits, numbers and pages.

    Needs no campaign. Exit code 1 where something is wrong.

    \b
    Example: ccd verify releases/v1
    """
    from apps.cli.progress import bars
    from ccd.release import verify

    with bars() as started:
        problems = verify(release, started)
    well = f"{release}: all files, images, labels, splits and counts are as released."
    return contract.Report({"folder": str(release), "problems": problems}, [*(problems or [well])], ok=not problems)
