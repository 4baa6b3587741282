"""Desks: the project of each annotator and of the adjudicators, and which labeling page it had since when."""

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from ccd.campaign.tables import schema

_D, _P = schema.desks, schema.pages


def desks(db: sa.Connection) -> dict[str, Any]:
    """Return the rows of `desks`, by name."""
    return {row.desk: row for row in db.execute(sa.select(_D).order_by(_D.c.desk))}


def store(db: sa.Connection, row: Mapping[str, Any]) -> None:
    """Store a desk, in place of the one of that name."""
    db.execute(_D.delete().where(_D.c.desk == row["desk"]))
    db.execute(_D.insert().values(row))


def change(db: sa.Connection, desk: str, **values: Any) -> None:
    """Set some columns of a desk."""
    db.execute(_D.update().where(_D.c.desk == desk).values(values))


def forget(db: sa.Connection, desk: str) -> None:
    """Forget a desk's project and tasks; its judgments stay."""
    for table in (schema.tasks, schema.stray_tasks, _D):
        db.execute(table.delete().where(table.c.desk == desk))


def pages(db: sa.Connection, desk: str) -> list[tuple[str, int]]:
    """Return since when a desk's page asked which revision of the protocol, oldest first."""
    rows = db.execute(sa.select(_P.c.since, _P.c.revision).where(_P.c.desk == desk).order_by(_P.c.since))
    return [(since, revision) for since, revision in rows]


def add_page(db: sa.Connection, desk: str, revision: int, since: str) -> None:
    """Note that a desk's page asks a revision since a time."""
    same = (_P.c.desk == desk) & (_P.c.since == since)
    db.execute(_P.delete().where(same))  # two changes in one second: nobody answered between them
    db.execute(_P.insert().values(desk=desk, revision=revision, since=since))


def uploads(db: sa.Connection, project: int) -> dict[str, str]:
    """Return the address of each picture that was uploaded to a project, by its SHA-256."""
    u = schema.uploads.c
    return dict(db.execute(sa.select(u.sha256, u.url).where(u.project_id == project)).all())


def add_uploads(db: sa.Connection, project: int, urls: Mapping[str, str]) -> None:
    """Store the address (SHA-256 → address) of pictures that were uploaded to a project."""
    u = schema.uploads
    db.execute(u.delete().where(u.c.sha256.in_(list(urls))))
    db.execute(u.insert(), [{"sha256": sha, "project_id": project, "url": url} for sha, url in urls.items()])
