"""`ccd collect photos`: the photos that came as addresses."""

import os
from pathlib import Path

import click

from apps.cli import contract

PRIVATE_HOSTS = "CCD_ALLOW_PRIVATE_HOSTS"  # for tests only: "127.0.0.1:8000,127.0.0.1:8001"
FACTS = {
    "tried": "photos that this run settled or put off",
    "kept": "new pairs",
    "dropped": "number of photos of this run that became no pair, by reason",
    "put_off": "number of photos left waiting, by host that does not answer",
    "states": "photos of the campaign by state: todo, done, failed, gone",
    "pairs": "pairs in the campaign now",
}


@click.command("photos")
@click.option("--retry-failed", is_flag=True, help="Try the failed photos again too.")
@click.option("--max", "limit", type=click.IntRange(min=1), metavar="N", help="Stop after N photos.")
@contract.in_campaign
@contract.reports(FACTS)
def photos_command(folder: Path, retry_failed: bool, limit: int | None) -> contract.Report:
    """Download the photos that wait, and make pairs of them.

    Interrupt it at any time and run it again: it goes on where it was.

    \b
    Example:
      ccd collect photos --max 1000
    """
    from apps.cli.progress import bars
    from ccd.campaign.campaign import Campaign
    from ccd.campaign.tables import pairs
    from collection import photos

    campaign = Campaign.open(folder)
    if retry_failed:
        photos.retry_failed(campaign)
    private = [name.strip() for name in os.environ.get(PRIVATE_HOSTS, "").split(",") if name.strip()]
    waiting = photos.count(campaign)["todo"]
    try:
        with bars() as started:
            progress = started("photos", min(waiting, limit or waiting))
            counts = photos.download(campaign, limit=limit, private_hosts=private, progress=progress)
    except KeyboardInterrupt:
        click.echo(f"\n{photos.count(campaign)['todo']:,} photos still wait; run again to go on", err=True, nl=False)
        raise
    states = photos.count(campaign)
    with campaign.read() as db:
        n_pairs = pairs.count(db)
    facts = {"tried": counts.read, "kept": counts.kept, "dropped": counts.dropped}
    facts |= {"put_off": counts.put_off, "states": states, "pairs": n_pairs}
    lines = [f"{counts.read:,} photos tried, {counts.kept:,} new pairs, {n_pairs:,} in the campaign"]
    for reason, number in sorted(counts.dropped.items(), key=lambda item: -item[1]):
        lines.append(
            f"  dropped: {reason} {number:,}, as {counts.examples[reason].item}: {counts.examples[reason].detail}"
        )
    for host, number in sorted(counts.put_off.items(), key=lambda item: -item[1]):
        lines.append(f"{number:,} photos put off: {host} does not answer")
    if states["todo"]:
        lines.append(f"{states['todo']:,} photos still wait; run again to go on")
    if states["failed"]:
        lines.append(f"{states['failed']:,} failed; `ccd collect photos --retry-failed` tries them again")
    return contract.Report(facts, lines)
