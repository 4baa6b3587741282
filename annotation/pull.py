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
from annotation.client import Studio
from annotation.desks import Desk, known_desks, project_of
from annotation.label_config import status_of
from annotation.predictions import version_of
from annotation.push import digest
from ccd import decisions, schema
from ccd.campaign import ADJUDICATION_DESK, Campaign, now
from ccd.judgments import DELETED, OUTSIDE_PROTOCOL, REPORTED

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
        for batch in _changed(campaign, studio, desk, started):
            _store(campaign, studio, desk, batch, may_answer, done)
        _compare(campaign, studio, desk, done.notes)
        with campaign.write() as db:
            db.execute(
                schema.desks.update().where(schema.desks.c.desk == name).values(watermark=since.strftime(SERVER_FORMAT))
            )


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
    changed = [number for number, at in listed.items() if (number, at) not in seen]
    tick = started(desk.name, len(changed))
    for start in range(0, len(changed), BATCH):
        ids = changed[start : start + BATCH]
        chosen = {"filter": "filter:tasks:id", "operator": "in_list", "type": "Number", "value": ids}
        yield from _batches(studio.tasks(desk.project, fields=FIELDS, where=(chosen,), annotations=True), tick)


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
    done: Pulled,
) -> None:
    """Write the versions of a batch of tasks that are not known yet, in one transaction."""
    with campaign.write() as db:
        pairs = _pairs_of(db, desk, tasks, done.notes)
        known = _known_versions(db, desk, [task["id"] for task in tasks])
        ours = decisions.reviewed(db, pairs.values()) if desk.name == ADJUDICATION_DESK else set()
        rows = []
        for task in tasks:
            pair = pairs.get(task["id"])
            if pair is None:
                continue
            old = dict(known.get(task["id"], {}))
            for annotation in task["annotations"]:
                if pair in ours and annotation.get("ground_truth"):
                    continue  # written by the review app: it is a judgment already
                row = _row(campaign, desk, task, pair, annotation, may_answer)
                version, last = old.pop(row["annotation"], (0, None))
                if last is None or last["digest"] != row["digest"]:
                    rows.append(row | {"version": version + 1})
            rows += [
                last | {"version": version + 1, "status": DELETED, "digest": DELETED, "pulled_at": now()}
                for version, last in old.values()
                # A Label Studio set up anew numbers its tasks from 1 again: the same numbers, another pair.
                if last["status"] != DELETED and last["pair_id"] == pair
            ]
        if rows:
            db.execute(schema.judgments.insert(), rows)
    for row in rows:
        done.new[row["status"]] += 1
        where = f"desk {desk.name}, {studio.url}/projects/{desk.project}/data?task={row['task_id']}"
        if row["status"] == OUTSIDE_PROTOCOL:
            answers = json.loads(row["answers"] or "{}")
            why = campaign.protocol.problem(answers) or "more than one answer to a question"
            done.outside.append(f"{where}: {why}")
        elif row["status"] in REPORTED:
            what = row["status"].replace("_", " ")
            done.notes.append(f"{where}: an answer is {what} and not counted; have {desk.name} answer it again there")


def _pairs_of(db: sa.Connection, desk: Desk, tasks: list[dict[str, Any]], notes: list[str]) -> dict[int, str]:
    """The pair each task stands for, by our ledger; a task the ledger does not know is noted as a stray.

    What the task shows and when it changed is noted too: `ccd push` puts right what was edited.
    """
    ledger, strays = schema.tasks, schema.stray_tasks
    ids = [task["id"] for task in tasks]
    # By project too: its tasks have an index, and a desk of a million would be read whole for each batch
    here = (ledger.c.desk == desk.name) & (ledger.c.project_id == desk.project)
    mine = {row.task_id: row for row in db.execute(sa.select(ledger).where(here, ledger.c.task_id.in_(ids)))}
    keys = {str(task["data"].get("pair_key")) for task in tasks if task["id"] not in mine}
    known = set(db.scalars(sa.select(schema.pairs.c.pair_id).where(schema.pairs.c.pair_id.in_(keys))))
    unconfirmed = set(
        db.scalars(
            sa.select(ledger.c.pair_id).where(
                ledger.c.desk == desk.name, ledger.c.task_id.is_(None), ledger.c.pair_id.in_(keys)
            )
        )
    )
    pairs, updates = {}, []
    for task in tasks:
        number, key = task["id"], task["data"].get("pair_key")
        state = {"number": number, "at": task["updated_at"], "shows": digest(task["data"])}
        if number in mine:
            pairs[number] = mine[number].pair_id
            updates.append(state | {"pair": pairs[number]})
            if state["shows"] != mine[number].data_sha256:
                notes.append(
                    f"desk {desk.name}, task {number}: edited by hand; `ccd push` makes it show its pair again"
                )
        elif key in unconfirmed:  # a push is at work, or was killed before it saw the answer
            pairs[number] = key
            unconfirmed.remove(key)
            updates.append(state | {"pair": key})
        else:
            if key in known:
                pairs[number] = key
            db.execute(strays.delete().where(strays.c.project_id == desk.project, strays.c.task_id == number))
            db.execute(
                strays.insert().values(
                    project_id=desk.project,
                    task_id=number,
                    desk=desk.name,
                    pair_id=pairs.get(number),
                    server_updated_at=task["updated_at"],
                )
            )
    if updates:
        db.execute(
            ledger.update()
            .where(ledger.c.desk == desk.name, ledger.c.pair_id == sa.bindparam("pair"))
            .values(
                task_id=sa.bindparam("number"),
                server_updated_at=sa.bindparam("at"),
                data_sha256=sa.bindparam("shows"),
            ),
            updates,
        )
    return pairs


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


def _row(
    campaign: Campaign,
    desk: Desk,
    task: dict[str, Any],
    pair: str,
    annotation: dict[str, Any],
    may_answer: dict[int, str],
) -> dict[str, Any]:
    """An annotation as a row of `judgments`, without its version."""
    user = annotation.get("completed_by")
    status, answers, comment = status_of(annotation, campaign.protocol, user, user not in may_answer)
    adjudication = desk.name == ADJUDICATION_DESK
    content = {
        "status": status,
        "answers": None if answers is None else json.dumps(answers, sort_keys=True, ensure_ascii=False),
        "seconds": annotation.get("lead_time"),
        "comment": comment,
        "annotator": may_answer.get(user, desk.name) if user is not None else desk.name,
    }
    return content | {
        # An id alone would come again in a Label Studio that was set up anew.
        "annotation": f"{annotation['id']}@{annotation['created_at']}",
        "project_id": desk.project,
        "task_id": task["id"],
        "pair_id": pair,
        "role": "adjudicator" if adjudication else "annotator",
        "prediction": _shown(task, annotation),
        "created_at": annotation["created_at"],
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
        notes.append(
            f"desk {desk.name}: {gone} tasks were deleted by hand; their judgments stay, `ccd push` sends the rest"
        )
    if others - there:
        with campaign.write() as db:
            db.execute(strays.delete().where(strays.c.project_id == desk.project, strays.c.task_id.in_(others - there)))
