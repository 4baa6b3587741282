"""`ccd duplicates`: near-duplicate pairs in groups."""

from pathlib import Path

import click

from apps.cli import contract


@click.command("duplicates")
@click.option(
    "--engine",
    type=click.Choice(["local", "ray"]),
    default="local",
    show_default=True,
    help="`ray` hashes and compares on all machines of its cluster; they must see the same disk.",
)
@contract.in_campaign
@contract.reports(
    {
        "synthetic": "true where the toolkit made the pairs itself",
        "hashed": "pictures hashed in this run",
        "flat": "pictures with too little contrast to compare",
        "unreadable": "picture files that are gone or broken",
        "pairs": "pairs in the campaign now",
        "groups": "groups of two pairs or more",
        "grouped": "pairs in these groups",
        "largest": "pairs in the largest group",
        "dropped": "pairs taken out in this run: picture and text are like those of an earlier post",
        "in_rounds": "pairs that would have been taken out, but are in a round",
        "sheet": "the page that shows the groups",
    }
)
def duplicates_command(folder: Path, engine: str) -> contract.Report:
    """Group near-duplicate pairs, and take out those whose picture and text are both alike.

    The groups stand on the page duplicates.html in the campaign's folder. The same picture with another text stays.

    \b
    Example: ccd duplicates
    """
    import dataclasses

    from apps.cli.progress import bars
    from ccd.campaign.campaign import Campaign
    from ccd.files.atomic import write_atomic
    from collection.contact_sheet import contact_sheet
    from collection.duplicates import find

    campaign = Campaign.open(folder)
    with bars() as started:
        found = find(campaign, started, engine)
    sheet = campaign.folder / "duplicates.html"
    write_atomic(sheet, contact_sheet(campaign).encode())
    synthetic = campaign.is_synthetic
    shown = [
        f"{found.pairs:,} {'synthetic ' if synthetic else ''}pairs: {found.grouped:,} in {found.groups:,} groups "
        f"of two or more, the largest of {found.largest:,}.",
        f"Taken out: {found.dropped:,} with picture and text like those of an earlier post.",
    ]
    if found.in_rounds:
        shown.append(f"{found.in_rounds:,} more stay, for they are in a round.")
    if found.unreadable:
        shown.append(f"{found.unreadable:,} pictures cannot be read and were not compared; see `ccd doctor`.")
    shown.append(f"Look at them: {sheet}")
    facts = {"synthetic": synthetic, **dataclasses.asdict(found), "sheet": str(sheet)}
    return contract.Report(facts, list(shown))
