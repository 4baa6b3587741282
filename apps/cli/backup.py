"""`ccd backup` and `ccd restore`: a campaign as one file, and back."""

from pathlib import Path

import click

from apps.cli.contract import Report, in_campaign, reports


@click.command("backup")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@in_campaign
@reports(
    {
        "file": "the backup",
        "bytes": "its size",
        "files": "files in it, the database among them",
        "rows": "map from table to rows in it",
    }
)
def backup_command(file: Path, folder: Path) -> Report:
    """Save the campaign in FILE, a tar file, while other commands may be at work.

    In it are the database in one consistent state, images, raw pages, models, predictions, releases, campaign.toml,
    secret.key and whatever else lies in the folder. Not in it: the folder of the local Label Studio with its passwords
    (pull first), and features, which `ccd encode` makes again. An existing FILE is never overwritten.

    \b
    Example: ccd backup ../monday.tar
    """
    from apps.cli.progress import bars
    from ccd.campaign.backup import backup
    from ccd.campaign.campaign import Campaign

    campaign = Campaign.open(folder)
    with bars() as started:
        saved = backup(campaign, file, started)
    rows = saved.rows
    shown = [
        f"{file}: {saved.files:,} files, {saved.bytes:,} bytes; {rows['pairs']:,} pairs, "
        f"{rows['judgments']:,} judgments, {rows['labels']:,} labels.",
        "It holds texts, photos and secret.key: keep it as private as the campaign.",
        f"Back: ccd restore {file} --dir FOLDER",
    ]
    return Report({"file": str(file), "bytes": saved.bytes, "files": saved.files, "rows": dict(rows)}, shown)


@click.command("restore")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--dir", "folder", type=click.Path(path_type=Path), required=True, help="The folder to make; empty or not there."
)
@reports(
    {
        "folder": "the campaign's folder",
        "campaign": "its name",
        "files": "files put back",
        "database": "restored, or kept where database_url holds this very campaign already",
    }
)
def restore_command(file: Path, folder: Path) -> Report:
    """Put a campaign back from FILE, which `ccd backup` wrote, each file checked by its SHA-256.

    The folder appears whole or not at all, and nothing is overwritten: neither a folder that is there, nor the database
    of database_url where it holds this campaign already.

    \b
    Example: ccd restore monday.tar --dir my-campaign
    """
    from apps.cli.progress import bars
    from ccd.campaign.backup import restore

    with bars() as started:
        done = restore(file, folder, started)
    kept = " The database of database_url holds it already and was kept as it is." if done.database == "kept" else ""
    shown = [
        f"{folder}: the campaign {done.campaign} is back, {done.files:,} files, each as it was saved.{kept}",
        "Next: ccd status, and `ccd studio start`, then `ccd push`, where it had a Label Studio of its own",
    ]
    facts = {"folder": str(folder.absolute()), "campaign": done.campaign}
    return Report(facts | {"files": done.files, "database": done.database}, shown)
