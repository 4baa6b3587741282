"""What `ccd compliance` took out, kept for some days: a folder a run, which goes back as it was or is erased.

A platform may be wrong about a post, or an id may be another post's. The rows, photos and raw pages of a run lie in
`quarantine/<time of the run>`, which no backup and no release has.
"""

import datetime
import json
import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ccd.campaign.campaign import Campaign
from ccd.campaign.tables import deleted_posts
from ccd.campaign.tables.events import record
from ccd.errors import InputError
from ccd.files.atomic import write_atomic

FOLDER = "quarantine"
_ROWS = "rows.jsonl"
_STAMP = "%Y-%m-%dT%H-%M-%S.%f"


def folder(campaign: Campaign, at: str) -> Path:
    """Return the folder of the run that began at a time (ISO 8601)."""
    return campaign.folder / FOLDER / datetime.datetime.fromisoformat(at).strftime(_STAMP)


def keep_rows(campaign: Campaign, rows: Iterable[Mapping[str, Any]], at: str) -> None:
    """Write what rows say, before they are emptied; on the disk when this returns."""
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    file = folder(campaign, at) / _ROWS
    file.parent.mkdir(parents=True, exist_ok=True)
    before = file.read_text(encoding="utf-8") if file.exists() else ""
    write_atomic(file, "".join([before, *(f"{line}\n" for line in lines)]).encode())


def keep_file(campaign: Campaign, file: Path, at: str) -> None:
    """Copy a file of the campaign into the quarantine, whole or not at all; what is there already stays."""
    copy = folder(campaign, at) / "files" / file.relative_to(campaign.folder)
    if file.exists() and not copy.exists():
        copy.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(copy, file.read_bytes())


def erase(campaign: Campaign, days: float) -> int:
    """Erase what has been in quarantine for so many days; returns how many runs."""
    old = overdue(campaign, days)
    for path in old:
        shutil.rmtree(path)
    return len(old)


def overdue(campaign: Campaign, days: float) -> list[Path]:
    """Return the runs that have been in quarantine for so many days, oldest first."""
    latest = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=days)
    return [path for path in _runs(campaign) if _time(path) <= latest]


def put_back(campaign: Campaign) -> int:
    """Put back what the last run in quarantine took out: its posts live again; returns how many.

    Raises CcdError where nothing is in quarantine, or where a post's text and photo came back as another pair.
    """
    runs = _runs(campaign)
    if not runs:
        raise InputError(f"{campaign.folder / FOLDER}: nothing is in quarantine; what was taken out is gone")
    last = runs[-1]
    lines = (last / _ROWS).read_text(encoding="utf-8").splitlines() if (last / _ROWS).exists() else []
    files = last / "files"
    for file in sorted(path for path in files.rglob("*") if path.is_file()) if files.exists() else ():
        there = campaign.folder / file.relative_to(files)
        there.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(there, file.read_bytes())
    with campaign.write() as db:
        posts = deleted_posts.put_back(db, map(json.loads, lines))
        record(db, "ccd compliance", "put back", last.name, after={"posts": posts})
    shutil.rmtree(last)
    return posts


def _runs(campaign: Campaign) -> list[Path]:
    """Return the runs in quarantine, oldest first; what is not named like one is not ours."""
    home = campaign.folder / FOLDER
    names = sorted(os.listdir(home)) if home.is_dir() else []
    return [home / name for name in names if _is_run(name)]


def _is_run(name: str) -> bool:
    try:
        datetime.datetime.strptime(name, _STAMP)
    except ValueError:
        return False
    return True


def _time(path: Path) -> datetime.datetime:
    return datetime.datetime.strptime(path.name, _STAMP).replace(tzinfo=datetime.UTC)
