"""`ccd doctor`: is everything there that a campaign needs?"""

import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from apps.cli.contract import Report, in_campaign, reports, say

if TYPE_CHECKING:
    from apps import mending
    from ccd.campaign.campaign import Campaign

DISK_GIB = 2.0  # Label Studio's environment takes one, a campaign of 12,000 photos another


@click.command("doctor")
@click.option("--fix", is_flag=True, help="Mend what can be mended safely first, and say what was done.")
@in_campaign
@reports(
    {
        "mended": "list of {where, what, done} of --fix; done is null where only a person can mend it",
        "checks": "list of {what, ok, found, remedy}, after mending",
    }
)
def doctor_command(folder: Path, fix: bool) -> Report:
    """Check that all a campaign needs is there and whole.

    The environment, the campaign, its database, images, releases and secrets, Label Studio, the disk; and whether every
    answer on the desks was pulled, and their labeling pages are as pushed. Exits with 1 on a failure. With --fix every
    image is compared with its hash and put back from a copy or set aside in quarantine/, leftovers of killed runs are
    removed, secrets are closed to others, caches that cannot be read are set aside, and the campaign's Label Studio is
    started again. Judgments and labels are never touched.

    \b
    Example:
      ccd doctor --dir my-campaign
      ccd doctor --fix
    """
    from rich.table import Column, Table
    from rich.text import Text

    mended = list(_mended(folder)) if fix else []
    checks = [*_environment(folder), *_campaign(folder)]
    table = Table("", "check", Column("found", overflow="fold"), "remedy", title="ccd doctor")  # paths are not cut
    for what, ok, found, remedy in checks:
        table.add_row(Text("ok", "green") if ok else Text("FAILED", "red"), what, found, "" if ok else remedy)
    facts = [{"what": what, "ok": ok, "found": found, "remedy": remedy} for what, ok, found, remedy in checks]
    told: list[Any] = [f"{one['where']}: {one['what']}: {one['done'] or 'not mended'}" for one in mended]
    shown = [*told, *(["Nothing was to be mended."] if fix and not mended else []), table]
    return Report({"mended": mended, "checks": facts}, shown, ok=all(ok for _what, ok, _found, _remedy in checks))


def _mended(folder: Path) -> Iterator[dict[str, str | None]]:
    """Repair what can be repaired; what fails on the way is reported, and the rest goes on."""
    from apps import mending
    from ccd.campaign.campaign import Campaign
    from ccd.errors import CcdError

    def told(found: "Iterable[mending.Found]") -> Iterator[dict[str, str | None]]:
        for one in found:
            fact: dict[str, str | None] = {"where": str(one.where), "what": one.what, "done": None}
            try:
                fact["done"] = one.mend() if one.mend else None
            except (CcdError, OSError) as error:
                fact["what"] = f"{one.what}, and mending failed: {error}"
            yield fact

    folder = folder.resolve()
    for search in mending.IN_A_FOLDER.values():
        yield from told(search(folder))
    try:
        campaign = Campaign.open(folder)
        for look in (*mending.IN_A_CAMPAIGN.values(), mending.broken_images):
            yield from told(look(campaign))
        yield from told(mending.stopped_studio(campaign, lambda line: say(line + " ...")))
    except CcdError:
        return  # the checks that follow say it, with the remedy


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
    from annotation import studio as local
    from apps import mending
    from ccd.campaign.campaign import Campaign
    from ccd.campaign.damage import readable
    from ccd.campaign.tables.images import images
    from ccd.campaign.tables.notes import noted
    from ccd.errors import CcdError

    try:
        campaign = Campaign.open(folder)
        protocol = campaign.protocol
        with readable(folder), campaign.read() as db:
            files = images(db, shown=True)
            version = noted(db, "schema_version")
    except CcdError as error:
        what, _semicolon, remedy = str(error).rpartition("; ")
        yield "campaign.toml, protocol, database", False, what or str(error), remedy
        return
    kind = campaign.engine.dialect.name
    yield "campaign.toml, protocol, database", True, f"protocol {protocol.name}, {kind}, schema {version}", ""
    wrong = [row.file for row in files if not _has_size(campaign.folder / row.file, row.bytes)]
    found = f"{len(files) - len(wrong)} of {len(files)} whole" + (f", not {wrong[0]}" if wrong else "")
    yield "images", not wrong, found, "ccd doctor --fix, or restore them from a backup, or collect them again"
    for what, look in mending.IN_A_CAMPAIGN.items():
        yield _check(what, list(look(campaign)))
    for what, search in mending.IN_A_FOLDER.items():
        yield _check(what, list(search(campaign.folder)))
    if not campaign.config.label_studio_url:
        yield "Label Studio is installed", local.is_installed(), str(local.environment()), "ccd studio start"
    yield from _label_studio(campaign)


def _check(what: str, wrong: "list[mending.Found]") -> Check:
    """Return what was found wrong as one line, with the first of it and the remedy of that."""
    if not wrong:
        return what, True, "", ""
    first, more = wrong[0], f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
    said, _semicolon, remedy = first.what.partition("; ")
    return what, False, f"{first.where}: {said}{more}", "ccd doctor --fix" if first.mend else remedy


def _label_studio(campaign: "Campaign") -> Iterator[Check]:
    from annotation.accounts import ids_of
    from annotation.connection import connect
    from annotation.counts import amiss
    from ccd.errors import CcdError

    try:
        studio, _pictures = connect(campaign)
        release = studio.release()
        ids_of(studio, campaign.config.annotators + campaign.config.adjudicators)
        differ, changed = amiss(campaign, studio)
    except CcdError as error:
        what, _semicolon, remedy = str(error).rpartition("; ")
        yield "Label Studio answers, accounts", False, what or str(error), remedy
        return
    yield "Label Studio answers, accounts", True, f"{release} at {studio.url}", ""
    found = "; ".join(f"desk {name}: {there} in Label Studio, {here} pulled" for name, (there, here) in differ.items())
    yield "every answer on the desks was pulled", not differ, found, "ccd pull"
    yield (
        "labeling pages are as pushed",
        not changed,
        ", ".join(f"changed: desk {name}" for name in changed),
        "ccd push",
    )


def _has_size(path: Path, size: int) -> bool:
    return path.is_file() and path.stat().st_size == size
