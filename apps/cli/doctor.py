"""`ccd doctor`: is everything there that a campaign needs?"""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from apps.cli.contract import Report, in_campaign, reports

DISK_GIB = 2.0  # Label Studio's environment takes one, a campaign of 12,000 photos another


@click.command("doctor")
@in_campaign
@reports({"checks": "list of {what, ok, found, remedy}"})
def doctor_command(folder: Path) -> Report:
    """Check that all a campaign needs is there and whole.

    The environment, the campaign, its database and images, Label Studio, the disk. Exits with 1 on a failure.

    \b
    Example: ccd doctor --dir my-campaign
    """
    from rich.table import Table
    from rich.text import Text

    checks = [*_environment(folder), *_campaign(folder)]
    table = Table("", "check", "found", "remedy", title="ccd doctor")
    for what, ok, found, remedy in checks:
        table.add_row(Text("ok", "green") if ok else Text("FAILED", "red"), what, found, "" if ok else remedy)
    facts = [{"what": what, "ok": ok, "found": found, "remedy": remedy} for what, ok, found, remedy in checks]
    return Report({"checks": facts}, [table], ok=all(ok for _what, ok, _found, _remedy in checks))


Check = tuple[str, bool, str, str]


def _environment(folder: Path) -> Iterator[Check]:
    from importlib.metadata import PackageNotFoundError, version

    python = ".".join(map(str, sys.version_info[:3]))
    yield "Python 3.11 or newer", sys.version_info >= (3, 11), python, "install Python 3.11"
    for name in ("sqlalchemy", "pandas", "pyarrow", "krippendorff", "label-studio-sdk", "pillow"):
        try:
            yield f"package {name}", True, version(name), ""
        except PackageNotFoundError:
            yield f"package {name}", False, "missing", "install the toolkit again: pip install ccd-toolkit"
    there = next(path for path in (folder.resolve(), *folder.resolve().parents) if path.exists())
    free = shutil.disk_usage(there).free / 2**30
    yield f"disk: {DISK_GIB:g} GiB free", free > DISK_GIB, f"{free:.1f} GiB", "free some space"


def _campaign(folder: Path) -> Iterator[Check]:
    import sqlalchemy as sa

    from annotation import studio as local
    from ccd import gone, schema
    from ccd.campaign import Campaign
    from ccd.errors import CcdError

    try:
        campaign = Campaign.open(folder)
        protocol = campaign.protocol
    except CcdError as error:
        what, _semicolon, remedy = str(error).rpartition("; ")
        yield "campaign.toml, protocol, database", False, what or str(error), remedy
        return
    with campaign.read() as db:
        files = db.execute(gone.images(shown=True)).all()
        version = db.scalar(sa.select(schema.meta.c.value).where(schema.meta.c.key == "schema_version"))
    kind = campaign.engine.dialect.name
    yield "campaign.toml, protocol, database", True, f"protocol {protocol.name}, {kind}, schema {version}", ""
    wrong = [row.file for row in files if not _has_size(campaign.folder / row.file, row.bytes)]
    found = f"{len(files) - len(wrong)} of {len(files)} whole" + (f", not {wrong[0]}" if wrong else "")
    yield "images", not wrong, found, "restore them from a backup, or collect them again"
    if not campaign.config.label_studio_url:
        yield "Label Studio is installed", local.is_installed(), str(local.environment()), "ccd studio start"
    yield _label_studio(campaign)


def _label_studio(campaign: "Campaign") -> Check:  # type: ignore[name-defined]  # noqa: F821
    from annotation.accounts import ids_of
    from annotation.connection import connect
    from ccd.errors import CcdError

    try:
        studio, _pictures = connect(campaign)
        release = studio.release()
        ids_of(studio, campaign.config.annotators + campaign.config.adjudicators)
    except CcdError as error:
        what, _semicolon, remedy = str(error).rpartition("; ")
        return "Label Studio answers, accounts", False, what or str(error), remedy
    return "Label Studio answers, accounts", True, f"{release} at {studio.url}", ""


def _has_size(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size
