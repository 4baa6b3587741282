"""Pull: what annotators answered becomes judgments, in all its versions, once.

A first pull reads each desk whole; later ones ask for tasks changed since the last, less ten seconds, and replace the
whole set of annotations of each. Annotations that are gone from a task that lives are withdrawn; a task or a project
deleted by hand is reported and its judgments stay.
"""

import datetime
import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import sqlalchemy as sa

from annotation.accounts import ids_of
from annotation.checks import Checks, Shown, checks, pair_key
from annotation.client import Studio
from annotation.counts import ids_of as noted
from annotation.counts import on_server, overlooked
from annotation.desks import NEVER, Asked, Desk, asked, first_second_after, is_page_right, known_desks, project_of
from annotation.label_config import status_of
from annotation.predictions import version_of
from annotation.tasks import digest
from ccd import decisions, schema
from ccd.campaign import ADJUDICATION_DESK, Campaign, now
from ccd.frames import batches
from ccd.judgments import (
    CHANGED_PAGE,
    CHANGED_TASK,
    DELETED,
    EDITED_BY_OTHER,
    FOREIGN,
    GROUND_TRUTH,
    OUTSIDE_PROTOCOL,
    REPORTED,
    UNASSIGNED,
)
from ccd.wording import number_of

OVERLAP = datetime.timedelta(seconds=10)  # pulled again, as clocks and transactions do not end in order
BATCH = 1000  # tasks a transaction, and a request by id
FIELDS = "data,updated_at"
SERVER_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"  # the only one that the server's filters take


@dataclass
class Pulled:
    """What a pull brought: new versions of annotations by status, what was found amiss, one line each."""

    new: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)  # answers outside the protocol: where, and what is wrong with them

    def add(self, other: "Pulled") -> None:
        """Take in what another pull brought; the same note is told once."""
        self.new.update(other.new)
        self.notes += [note for note in other.notes if note not in self.notes]
        self.outside += other.outside


def pull(
    campaign: Campaign, studio: Studio, started: Callable[[str, int], Callable[[int], None]], done: Pulled
) -> None:
    """Bring every judgment that is new or changed since the last pull.

    `started` is called with a desk's name and a total; it gives the function that counts progress. `done` is filled as
    the pull goes, so that one that is interrupted can still tell what it brought.
    """
    lead = ids_of(studio, campaign.config.adjudicators)
    adjudicators = {number: name for name, number in lead.items()}
    since = studio.server_time() - OVERLAP
    for name, row in known_desks(campaign).items():
        project = project_of(campaign, studio, name, row.project_id)
        if project is None:
            done.notes.append(f"desk {name}: project {row.project_id} was deleted by hand; `ccd push` rebuilds it")
            continue
        back = row.watermark is not None and row.watermark > since.strftime(SERVER_FORMAT)
        # Where the server's clock was set back, answers since bear times before the watermark: all is read again.
        desk = Desk(name, row.project_id, project["task_number"], None if back else row.watermark)
        may_answer = adjudicators if name == ADJUDICATION_DESK else {row.user_id: name}
        page_since = _page_since(campaign, studio, row, project, done.notes)
        for batch in _changed(campaign, studio, desk, started):
            _store(campaign, studio, desk, batch, may_answer, page_since, done)
        _compare(campaign, studio, desk, done.notes)
        left = overlooked(campaign, studio, desk, on_server(project))
        for batch in _chosen(studio, desk, left, started) if left else ():
            _store(campaign, studio, desk, batch, may_answer, page_since, done)
        with campaign.write() as db:
            db.execute(
                schema.desks.update().where(schema.desks.c.desk == name).values(watermark=since.strftime(SERVER_FORMAT))
            )


def _page_since(campaign: Campaign, studio: Studio, row: Any, project: dict[str, Any], notes: list[str]) -> str | None:
    """Since when the desk's labeling page is right (None: always), as stored and as it is found now; stored at once."""
    since: str | None = row.page_since
    if not is_page_right(campaign, project, row.page):
        since = NEVER
        notes.append(
            f"desk {row.desk}: its labeling page was changed by hand, and answers that come from it do not count; "
            "`ccd push` puts the protocol's back"
        )
    elif since == NEVER:  # put back by hand, nobody knows when
        since = first_second_after(studio)
    if since != row.page_since:
        with campaign.write() as db:
            db.execute(schema.desks.update().where(schema.desks.c.desk == row.desk).values(page_since=since))
    return since


def _changed(
    campaign: Campaign, studio: Studio, desk: Desk, started: Callable[[str, int], Callable[[int], None]]
) -> Iterator[list[dict[str, Any]]]:
    """Whole tasks of a desk that changed since its last pull, in batches."""
    if desk.watermark is None:
        tick = started(desk.name, desk.task_count)
        yield from _batches(studio.tasks(desk.project, fields=FIELDS, annotations=True), tick)
        return
    item = {"filter": "filter:tasks:updated_at", "operator": "greater", "type": "Datetime", "value": desk.watermark}
    listed = {t["id"]: t["updated_at"] for t in studio.tasks(desk.project, fields="updated_at", where=(item,))}
    with campaign.read() as db:
        seen = set(
            db.execute(
                sa.select(schema.tasks.c.task_id, schema.tasks.c.server_updated_at)
                .where(schema.tasks.c.desk == desk.name)
                .union(
                    sa.select(schema.stray_tasks.c.task_id, schema.stray_tasks.c.server_updated_at).where(
                        schema.stray_tasks.c.desk == desk.name
                    )
                )
            )
        )
        changed = {number for number, at in listed.items() if (number, at) not in seen}
        changed |= _assigned_since(db, desk)
    yield from _chosen(studio, desk, sorted(changed), started)


def _chosen(
    studio: Studio, desk: Desk, tasks: list[int], started: Callable[[str, int], Callable[[int], None]]
) -> Iterator[list[dict[str, Any]]]:
    """These tasks of a desk, whole, in batches; those that are not there any more are left out."""
    tick = started(desk.name, len(tasks))
    for start in range(0, len(tasks), BATCH):
        ids = tasks[start : start + BATCH]
        chosen = {"filter": "filter:tasks:id", "operator": "in_list", "type": "Number", "value": ids}
        yield from _batches(studio.tasks(desk.project, fields=FIELDS, where=(chosen,), annotations=True), tick)


def _assigned_since(db: sa.Connection, desk: Desk) -> set[int]:
    """The tasks with an answer that was nobody's when it was pulled, and whose pair is this annotator's now."""
    j, a = schema.judgments.c, schema.assignments.c
    newer = schema.judgments.alias("newer").c
    rows = (
        sa.select(j.task_id)
        .join_from(schema.judgments, schema.assignments, (a.pair_id == j.pair_id) & (a.annotator == j.annotator))
        .where(j.project_id == desk.project, j.status == UNASSIGNED)
        .where(~sa.exists().where(newer.annotation == j.annotation, newer.version > j.version))
    )
    return set(db.scalars(rows))


def _batches(tasks: Iterator[dict[str, Any]], tick: Callable[[int], None]) -> Iterator[list[dict[str, Any]]]:
    while batch := list(islice(tasks, BATCH)):
        yield batch
        tick(len(batch))


def _store(
    campaign: Campaign,
    studio: Studio,
    desk: Desk,
    tasks: list[dict[str, Any]],
    may_answer: dict[int, str],
    page_since: str | None,
    done: Pulled,
) -> None:
    """Write the versions of a batch of tasks that are not known yet, in one transaction."""
    with campaign.write() as db:
        shown = _shown_by(db, desk, tasks, done.notes)
        pairs = {task.pair for task in shown.values()}
        known = _known_versions(db, desk, [task["id"] for task in tasks])
        ours = decisions.reviewed(db, pairs) if desk.name == ADJUDICATION_DESK else set()
        expected = checks(db, desk.name, pairs, page_since)
        pages = asked(db, campaign.protocol, desk.name)
        rows = []
        for task in tasks:
            stands_for = shown.get(task["id"])
            if stands_for is None:
                continue
            old = dict(known.get(task["id"], {}))
            for annotation in task["annotations"]:
                if stands_for.pair in ours and annotation.get("ground_truth"):
                    continue  # written by the review app: it is a judgment already
                version, last = old.pop(_name(annotation), (0, None))
                row = _row(pages, desk, task, stands_for, annotation, may_answer, expected, last)
                if last is None or (last["digest"], last["revision"]) != (row["digest"], row["revision"]):
                    rows.append(row | {"version": version + 1})
            rows += [
                last | {"version": version + 1, "status": DELETED, "digest": DELETED, "pulled_at": now()}
                for version, last in old.values()
                # A Label Studio set up anew numbers its tasks from 1 again: the same numbers, another pair.
                if last["status"] != DELETED and last["pair_id"] == stands_for.pair
            ]
        if rows:
            db.execute(schema.judgments.insert(), rows)
    for row in rows:
        done.new[row["status"]] += 1
        where = f"desk {desk.name}, {studio.url}/projects/{desk.project}/data?task={row['task_id']}"
        if row["status"] == OUTSIDE_PROTOCOL:
            answers = json.loads(row["answers"] or "{}")
            why = pages.protocols[row["revision"]].problem(answers) or "more than one answer to a question"
            done.outside.append(f"{where}: {why}")
        elif row["status"] in REPORTED:
            done.notes.append(f"{where}: {_amiss(row['status'], desk.name)}")


_HOW = {
    FOREIGN: "was given by someone else",
    EDITED_BY_OTHER: "was edited by someone else",
    GROUND_TRUTH: "is marked as ground truth",
}


def _amiss(status: str, desk: str) -> str:
    """Why an answer does not count, and what to do."""
    name = "an adjudicator" if desk == ADJUDICATION_DESK else desk
    if status == UNASSIGNED:
        return f"an answer to a pair that was not assigned to {name}; not counted, there is nothing to do"
    if status in (CHANGED_TASK, CHANGED_PAGE):
        what = "the task showed something else than its pair" if status == CHANGED_TASK else "the page was another"
        return f"an answer was given while {what}; not counted, `ccd push` sends the pair to {name} again"
    return f"an answer {_HOW[status]}; not counted, have {name} answer it again there"


def _shown_by(db: sa.Connection, desk: Desk, tasks: list[dict[str, Any]], notes: list[str]) -> dict[int, Shown]:
    """What each task stands for, by our ledger; a task the ledger does not know is noted as a stray.

    What the task shows and when it changed is noted too: `ccd push` puts right what was edited.
    """
    ledger, strays = schema.tasks, schema.stray_tasks
    ids = [task["id"] for task in tasks]
    # By project too: its tasks have an index, and a desk of a million would be read whole for each batch
    here = (ledger.c.desk == desk.name) & (ledger.c.project_id == desk.project)
    mine = {row.task_id: row for row in db.execute(sa.select(ledger).where(here, ledger.c.task_id.in_(ids)))}
    keys = {str(pair_key(task["data"])) for task in tasks if task["id"] not in mine}
    odd = set(db.scalars(sa.select(strays.c.task_id).where(strays.c.project_id == desk.project)))
    known = set(db.scalars(sa.select(schema.pairs.c.pair_id).where(schema.pairs.c.pair_id.in_(keys))))
    unconfirmed = set(
        db.scalars(
            sa.select(ledger.c.pair_id).where(
                ledger.c.desk == desk.name, ledger.c.task_id.is_(None), ledger.c.pair_id.in_(keys)
            )
        )
    )
    found, updates, new = {}, [], 0
    for task in tasks:
        number, key = task["id"], pair_key(task["data"])
        state = {"number": number, "at": task["updated_at"], "shows": digest(task["data"])}
        state["holds"] = noted(task["annotations"])
        if number in mine:
            found[number] = Shown(mine[number].pair_id, task["data"], mine[number].shown_since)
            updates.append(state | {"pair": found[number].pair})
            if state["shows"] != mine[number].data_sha256:
                notes.append(
                    f"desk {desk.name}, task {number}: edited by hand; `ccd push` makes it show its pair again"
                )
        elif key is not None and key in unconfirmed and number not in odd:
            # A push is at work, or was killed before it saw the answer
            found[number] = Shown(key, task["data"])
            unconfirmed.remove(key)
            updates.append(state | {"pair": key})
        else:
            if key is not None and key in known:
                found[number] = Shown(key, task["data"])
            new += number not in odd
            db.execute(strays.delete().where(strays.c.project_id == desk.project, strays.c.task_id == number))
            db.execute(
                strays.insert().values(
                    project_id=desk.project,
                    task_id=number,
                    desk=desk.name,
                    pair_id=key if key in known else None,
                    server_updated_at=task["updated_at"],
                    annotations=state["holds"],
                )
            )
    if new:
        notes.append(f"desk {desk.name}: {number_of(new, 'task was', 'tasks were')} added or doubled by hand")
    if updates:
        db.execute(
            ledger.update()
            .where(ledger.c.desk == desk.name, ledger.c.pair_id == sa.bindparam("pair"))
            .values(
                task_id=sa.bindparam("number"),
                server_updated_at=sa.bindparam("at"),
                data_sha256=sa.bindparam("shows"),
                annotations=sa.bindparam("holds"),
            ),
            updates,
        )
    return found


def _known_versions(db: sa.Connection, desk: Desk, ids: list[int]) -> dict[int, dict[str, tuple[int, dict[str, Any]]]]:
    """The newest version we have of each annotation of these tasks: task → annotation → (version, row)."""
    j = schema.judgments
    known: dict[int, dict[str, tuple[int, dict[str, Any]]]] = {}
    rows = db.execute(
        sa.select(j).where(j.c.project_id == desk.project, j.c.task_id.in_(ids)).order_by(j.c.version)
    ).mappings()
    for row in rows:
        fields = {key: value for key, value in row.items() if key != "judgment_id"}
        known.setdefault(row["task_id"], {})[row["annotation"]] = (row["version"], fields)
    return known


def _name(annotation: dict[str, Any]) -> str:
    """An annotation's name in our tables: an id alone would come again in a Label Studio that was set up anew."""
    return f"{annotation['id']}@{annotation['created_at']}"


def _row(
    pages: Asked,
    desk: Desk,
    task: dict[str, Any],
    stands_for: Shown,
    annotation: dict[str, Any],
    may_answer: dict[int, str],
    expected: Checks,
    last: dict[str, Any] | None,
) -> dict[str, Any]:
    """An annotation as a row of `judgments`, without its version; `last` is its newest version so far."""
    user = annotation.get("completed_by")
    at = annotation["updated_at"]
    revision = pages.at(at)
    status, answers, comment = status_of(annotation, pages.protocols[revision], user, user not in may_answer)
    said = {
        "answers": None if answers is None else json.dumps(answers, sort_keys=True, ensure_ascii=False),
        "seconds": annotation.get("lead_time"),
        "comment": comment,
        "annotator": may_answer.get(user, desk.name) if user is not None else desk.name,
    }
    before = None
    if last and last["answered_at"] in (None, at) and said.items() <= last.items():
        before = last["status"]
    content = said | {"status": expected.status(status, stands_for, at, before)}
    return content | {
        "annotation": _name(annotation),
        "project_id": desk.project,
        "task_id": task["id"],
        "pair_id": stands_for.pair,
        "role": "adjudicator" if desk.name == ADJUDICATION_DESK else "annotator",
        "prediction": _shown(task, annotation),
        "created_at": annotation["created_at"],
        "answered_at": at,
        "revision": revision,
        "digest": hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest(),
        "pulled_at": now(),
    }


def _shown(task: dict[str, Any], annotation: dict[str, Any]) -> str | None:
    """The version of the model whose prediction the task showed when this was answered; one without result is none."""
    before = [p for p in task["predictions"] if p["result"] and p["created_at"] < annotation["created_at"]]
    return version_of(max(before, key=lambda p: p["created_at"])) if before else None


def _compare(campaign: Campaign, studio: Studio, desk: Desk, notes: list[str]) -> None:
    """Report tasks that were deleted by hand: no change tells of them, but the counts differ."""
    ledger, strays = schema.tasks, schema.stray_tasks
    with campaign.read() as db:
        mine = set(
            db.scalars(sa.select(ledger.c.task_id).where(ledger.c.desk == desk.name, ledger.c.task_id.is_not(None)))
        )
        others = set(db.scalars(sa.select(strays.c.task_id).where(strays.c.project_id == desk.project)))
    if desk.task_count == len(mine) + len(others):
        return
    there = {task["id"] for task in studio.tasks(desk.project, fields="id")}
    gone = len(mine - there)
    if gone:
        with campaign.write() as db:
            for some in batches(sorted(mine - there)):
                db.execute(
                    ledger.update()
                    .where(ledger.c.project_id == desk.project, ledger.c.task_id.in_(some))
                    .values(annotations=None)
                )
        notes.append(
            f"desk {desk.name}: {number_of(gone, 'task was', 'tasks were')} deleted by hand; judgments stay, "
            "`ccd push` sends the rest"
        )
    if others - there:
        with campaign.write() as db:
            db.execute(strays.delete().where(strays.c.project_id == desk.project, strays.c.task_id.in_(others - there)))
