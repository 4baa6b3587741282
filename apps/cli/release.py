"""`ccd release` and `ccd verify`: publish a dataset, and check a published one."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from apps.cli import contract

if TYPE_CHECKING:
    from rich.table import Table


@click.command("release")
@click.argument("name")
@contract.in_campaign
@contract.reports(
    {
        "name": "the release",
        "folder": "where it is",
        "synthetic": "true where the toolkit made the pairs itself",
        "counts": "map from split to label to pairs; `all` is their sum",
        "excluded": "assigned pairs that are not in it, by reason (open, incomplete, dropped, not split, post is gone)",
        "images": "number of image files",
        "manifest_sha256": "SHA-256 of MANIFEST.sha256: it names this release for ever",
    }
)
def release_command(folder: Path, name: str) -> contract.Report:
    """Write the release NAME: splits, images, protocol, card and manifest.

    A release never changes; the same campaign gives the same bytes.

    \b
    Example: ccd release v1
    """
    from contextlib import ExitStack
    from dataclasses import asdict

    from apps.cli.progress import bars
    from ccd.campaign import Campaign
    from ccd.release import write_release

    campaign = Campaign.open(folder)
    with ExitStack() as stack:  # the bar opens with the first image, not before errors
        done = write_release(campaign, name, lambda total: stack.enter_context(bars())("images", total))
    shown: list[Any] = [counts_table(done.counts, done.synthetic)]
    if done.excluded:
        left = ", ".join(f"{number} {reason}" for reason, number in done.excluded.items())
        shown.append(f"Not in it: {left}.{_remedy(done.excluded)}")
    shown.append(f"{done.folder} is written; check it with `ccd verify {done.folder}`.")
    return contract.Report(asdict(done) | {"folder": str(done.folder)}, shown)


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
        table.add_row(label, *map(str, numbers), str(sum(numbers)))
    return table


@click.command("verify")
@click.argument("release", metavar="FOLDER", type=click.Path(path_type=Path, file_okay=False))
@contract.reports({"folder": "the release's folder", "problems": "list of what is wrong; empty where all is well"})
def verify_command(release: Path) -> contract.Report:
    """Check the release in FOLDER: files, labels, splits and counts.

    Needs no campaign. Exit code 1 where something is wrong.

    \b
    Example: ccd verify releases/v1
    """
    from ccd.release import verify

    problems = verify(release)
    well = f"{release}: all files, labels, splits and counts are as released."
    return contract.Report({"folder": str(release), "problems": problems}, [*(problems or [well])], ok=not problems)
