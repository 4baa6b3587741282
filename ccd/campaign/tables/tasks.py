"""The ledger of tasks: which task of which desk shows which pair, as far as pushes and pulls have seen."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from ccd.campaign.tables import schema
from ccd.campaign.tables.frames import batches
from ccd.campaign.tables.judgments import is_newest
from ccd.vocabulary import Status

_T, _S = schema.tasks, schema.stray_tasks
_LEDGERS = (_T, _S)


def on_desk(db: sa.Connection, desk: str) -> dict[str, Any]:
    """Return the tasks of a desk: pair → (pair_id, task_id, data_sha256); the task is None until its reply was seen."""
    rows = db.execute(sa.select(_T.c.pair_id, _T.c.task_id, _T.c.data_sha256).where(_T.c.desk == desk))
    return {row.pair_id: row for row in rows}


def unconfirmed(db: sa.Connection, desk: str) -> list[str]:
    """Return the pairs of a desk that were sent and whose reply was not seen."""
    return list(db.scalars(sa.select(_T.c.pair_id).where(_T.c.desk == desk, _T.c.task_id.is_(None))))


def strays(db: sa.Connection, project: int) -> set[int]:
    """Return the tasks of a project that somebody made or doubled there by hand."""
    return set(db.scalars(sa.select(_S.c.task_id).where(_S.c.project_id == project)))


def add(db: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Note tasks: desk, pair_id, project_id, data_sha256, and task_id where it is known."""
    db.execute(_T.insert(), rows)


def confirm(db: sa.Connection, desk: str, ids: Mapping[str, int]) -> None:
    """Note the task of each pair (pair → task) of a desk."""
    _update(db, desk, ("task_id",), [{"of": pair, "task_id": number} for pair, number in sorted(ids.items())])


def pulled(db: sa.Connection, desk: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Note what a pull saw of tasks: `of` (the pair), task_id, server_updated_at, data_sha256, annotations."""
    _update(db, desk, ("task_id", "server_updated_at", "data_sha256", "annotations"), rows)


def _update(db: sa.Connection, desk: str, columns: Iterable[str], rows: Sequence[Mapping[str, Any]]) -> None:
    here = (_T.c.desk == desk) & (_T.c.pair_id == sa.bindparam("of"))
    if rows:
        db.execute(_T.update().where(here).values({name: sa.bindparam(name) for name in columns}), rows)


def correct(db: sa.Connection, desk: str, pair: str, values: Mapping[str, Any]) -> None:
    """Store what the task of a pair shows now, and since when."""
    db.execute(_T.update().where(_T.c.desk == desk, _T.c.pair_id == pair).values(values))


def forget_unconfirmed(db: sa.Connection, desk: str) -> None:
    """Forget the tasks of a desk whose reply was not seen: they are not there."""
    db.execute(_T.delete().where(_T.c.desk == desk, _T.c.task_id.is_(None)))


def forget(db: sa.Connection, desk: str, tasks: Iterable[int]) -> None:
    """Forget these tasks of a desk."""
    for some in batches(tasks):
        db.execute(_T.delete().where(_T.c.desk == desk, _T.c.task_id.in_(some)))


def forget_strays(db: sa.Connection, project: int, tasks: Iterable[int]) -> None:
    """Forget these tasks of a project that nobody pushed."""
    for some in batches(tasks):
        db.execute(_S.delete().where(_S.c.project_id == project, _S.c.task_id.in_(some)))


def add_stray(db: sa.Connection, row: Mapping[str, Any]) -> None:
    """Note a task that nobody pushed, in place of what was noted of it: the columns of `stray_tasks`."""
    forget_strays(db, row["project_id"], [row["task_id"]])
    db.execute(_S.insert().values({column.name: row.get(column.name) for column in _S.c}))


def by_number(db: sa.Connection, desk: str, project: int, tasks: Collection[int]) -> dict[int, Any]:
    """Return the rows of these tasks of a desk, by task."""
    # By project too: its tasks have an index, and a desk of a million would be read completely for each batch
    here = (_T.c.desk == desk) & (_T.c.project_id == project) & _T.c.task_id.in_(tasks)
    return {row.task_id: row for row in db.execute(sa.select(_T).where(here))}


def set_stray(db: sa.Connection, rows: Iterable[Any]) -> None:
    """Make strays of tasks of a desk (rows of `by_number`): the ledger lets go of them."""
    for row in rows:
        forget(db, row.desk, [row.task_id])
        add_stray(db, row._asdict())


def state(db: sa.Connection, desk: str) -> tuple[dict[int | None, str], int | None]:
    """Return the pair of each task of a desk, and the task with the highest number (None: there is none)."""
    pairs = dict(db.execute(sa.select(_T.c.task_id, _T.c.pair_id).where(_T.c.desk == desk)).all())
    return pairs, max((number for number in pairs if number is not None), default=None)


def seen(db: sa.Connection, desk: str) -> set[tuple[int, str | None]]:
    """Return (task, server_updated_at) of all tasks of a desk, strays included, as last pulled."""
    mine, others = (
        sa.select(table.c.task_id, table.c.server_updated_at).where(table.c.desk == desk) for table in _LEDGERS
    )
    return {(task, at) for task, at in db.execute(mine.union(others))}


def annotations(db: sa.Connection, project: int) -> dict[int, str]:
    """Return the ids of the annotations that pulls have seen on each task of a project, each after a blank."""
    known: dict[int, str] = {}
    for table in _LEDGERS:
        rows = db.execute(sa.select(table.c.task_id, table.c.annotations).where(table.c.project_id == project))
        known |= {number: ids or "" for number, ids in rows if number is not None}
    return known


def count_annotations(db: sa.Connection, project: int) -> int:
    """Return how many annotations pulls have seen in a project."""
    total = 0
    for table in _LEDGERS:
        ids = table.c.annotations
        number = sa.func.length(ids) - sa.func.length(sa.func.replace(ids, " ", ""))
        total += db.scalar(sa.select(sa.func.sum(number)).where(table.c.project_id == project)) or 0
    return total


def forget_annotations(db: sa.Connection, project: int, tasks: Iterable[int]) -> None:
    """Note that no annotation was seen on these tasks: the next pull reads them again."""
    for some in batches(tasks):
        for table in _LEDGERS:
            here = (table.c.project_id == project) & table.c.task_id.in_(some)
            db.execute(table.update().where(here).values(annotations=None))


def assigned_since(db: sa.Connection, project: int) -> set[int]:
    """Return the tasks with an answer that was nobody's when it was pulled, and whose pair is its annotator's now."""
    j, a = schema.judgments.c, schema.assignments.c
    rows = (
        sa.select(j.task_id)
        .join_from(schema.judgments, schema.assignments, (a.pair_id == j.pair_id) & (a.annotator == j.annotator))
        .where(j.project_id == project, j.status == Status.UNASSIGNED, is_newest())
    )
    return set(db.scalars(rows))


def per_desk(db: sa.Connection) -> dict[str, int]:
    """Return how many tasks each desk has."""
    return dict(db.execute(sa.select(_T.c.desk, sa.func.count()).group_by(_T.c.desk)).all())
