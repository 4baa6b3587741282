"""What `ccd compliance` took out, kept for some days: a folder a run, which goes back as it was or is erased.

A platform may be wrong about a post, or an id may be another post's. The rows, photos and raw pages of a run lie in
`quarantine/<time of the run>`, which no backup and no release has.
"""

import datetime
import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ccd.campaign.campaign import Campaign
from ccd.campaign.tables import schema
from ccd.campaign.tables.events import record
from ccd.campaign.tables.live_posts import LIVE
from ccd.errors import InputError
from ccd.files.atomic import write_atomic

FOLDER = "quarantine"
_ROWS = "rows.jsonl"
_STAMP = "%Y-%m-%dT%H-%M-%S.%f"
# What `remove` empties: table → its key and the columns
_KEPT = {
    "posts": ("post_id", ("text", "author_key")),
    "pairs": ("pair_id", ("text", "model_text", "alt_text", "text_sha256")),
    "photos": ("pair_id", ("url", "text", "alt_text", "state", "reason")),
}


def folder(campaign: Campaign, at: str) -> Path:
    """The folder of the run that began at a time (ISO 8601)."""
    return campaign.folder / FOLDER / datetime.datetime.fromisoformat(at).strftime(_STAMP)


def keep_rows(campaign: Campaign, db: sa.Connection, posts: Iterable[str], at: str) -> None:
    """Write what the rows of these posts say, before they are emptied; on the disk when this returns."""
    lines = []
    for table, (key, columns) in _KEPT.items():
        c = schema.metadata.tables[table].c
        rows = db.execute(sa.select(c[key], *(c[name] for name in columns)).where(c.post_id.in_(posts))).mappings()
        lines += [json.dumps({"table": table} | dict(row), ensure_ascii=False) for row in rows if row["text"]]
    d = schema.drops.c
    for post in posts:
        about = sa.or_(d.item == post, d.item.startswith(f"{post}:", autoescape=True)) & d.detail.is_not(None)
        rows = db.execute(sa.select(d.source, d.item, d.detail).where(about)).mappings()
        lines += [json.dumps({"table": "drops"} | dict(row), ensure_ascii=False) for row in rows]
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
    """The runs that have been in quarantine for so many days, oldest first."""
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
    rows = [json.loads(line) for line in lines]
    posts = {row["post_id"] for row in rows if row["table"] == "posts"}
    files = last / "files"
    for file in sorted(path for path in files.rglob("*") if path.is_file()) if files.exists() else ():
        there = campaign.folder / file.relative_to(files)
        there.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(there, file.read_bytes())
    with campaign.write() as db:
        for row in rows:
            _put_row(db, dict(row))
        for post in sorted(posts):
            db.execute(schema.posts.update().where(schema.posts.c.post_id == post).values(status=LIVE, checked_at=None))
            db.execute(schema.tombstones.delete().where(schema.tombstones.c.post_id == post))
        record(db, "ccd compliance", "put back", last.name, after={"posts": len(posts)})
    shutil.rmtree(last)
    return len(posts)


def _put_row(db: sa.Connection, row: dict[str, Any]) -> None:
    table = schema.metadata.tables[row.pop("table")]
    keys = {name: row.pop(name) for name in (("source", "item") if table.name == "drops" else (_KEPT[table.name][0],))}
    where = sa.and_(*(table.c[name] == value for name, value in keys.items()))
    try:
        db.execute(table.update().where(where).values(row))
    except sa.exc.IntegrityError:
        raise InputError(
            f"{', '.join(keys.values())}: its text and photo came back as another pair since; nothing was put back: "
            "take that one out first with `ccd collect undo`"
        ) from None


def _runs(campaign: Campaign) -> list[Path]:
    """The runs in quarantine, oldest first; what is not named like one is not ours."""
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
