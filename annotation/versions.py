"""What a pull finds on tasks becomes judgments: each version of an annotation once, with what it is worth."""

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from annotation.checks import Checks, Shown, checks, pair_key
from annotation.client import Studio
from annotation.counts import ids_of as noted
from annotation.desks import Asked, Desk, asked
from annotation.label_config import status_of
from annotation.predictions import version_of
from annotation.tasks import digest
from ccd.campaign import adjudication
from ccd.campaign.campaign import ADJUDICATION_DESK, Campaign, Connection
from ccd.campaign.tables import judgments, known_pairs
from ccd.campaign.tables import tasks as ledger
from ccd.campaign.tables.events import now
from ccd.vocabulary import REPORTED, Role, Status
from ccd.wording import number_of


@dataclass
class Pulled:
    """What a pull brought: new versions of annotations by status, what was found amiss, one line each."""

    new: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)  # answers outside the protocol: where, and what is wrong with them
    failed: list[str] = field(default_factory=list)  # desks and tasks that could not be read: where, why, what to do

    def add(self, other: "Pulled") -> None:
        """Take in what another pull brought; the same note is kept once."""
        self.new.update(other.new)
        self.notes += [note for note in other.notes if note not in self.notes]
        self.failed += [line for line in other.failed if line not in self.failed]
        self.outside += other.outside


def store(
    campaign: Campaign,
    studio: Studio,
    desk: Desk,
    tasks: list[dict[str, Any]],
    may_answer: dict[int, str],
    page_since: str | None,
    moved: int | None,
    done: Pulled,
) -> None:
    """Write the versions of a batch of tasks that are not known yet, in one transaction.

    `moved` is the user whose the desk will be after the next push; what they answered is not reported one by one.
    """
    with campaign.write() as db:
        shown = _shown_by(db, desk, tasks, done.notes)
        pairs = {task.pair for task in shown.values()}
        known = judgments.newest_rows(db, desk.project, [task["id"] for task in tasks])
        ours = adjudication.reviewed(db, pairs) if desk.name == ADJUDICATION_DESK else set()
        expected = checks(db, desk.name, pairs, page_since)
        pages = asked(db, campaign.protocol, desk.name)
        rows, awaited = [], set()
        strays = {number for number, task in shown.items() if task.stray}
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
                if moved is not None and annotation.get("completed_by") == moved:
                    awaited.add(row["annotation"])
                if last is None or (last["digest"], last["revision"]) != (row["digest"], row["revision"]):
                    rows.append(row | {"version": version + 1})
            rows += [
                last | {"version": version + 1, "status": Status.DELETED, "digest": Status.DELETED, "pulled_at": now()}
                for version, last in old.values()
                # A Label Studio set up anew numbers its tasks from 1 again: the same numbers, another pair.
                if last["status"] != Status.DELETED and last["pair_id"] == stands_for.pair
            ]
        judgments.add(db, rows)
    for row in rows:
        done.new[row["status"]] += 1
        where = f"desk {desk.name}, {studio.url}/projects/{desk.project}/data?task={row['task_id']}"
        if row["status"] == Status.OUTSIDE_PROTOCOL:
            answers = json.loads(row["answers"] or "{}")
            why = pages.protocols[row["revision"]].problem(answers) or "more than one answer to a question"
            done.outside.append(f"{where}: {why}")
        elif row["status"] in REPORTED and row["annotation"] not in awaited:
            again = row["task_id"] not in strays
            done.notes.append(f"{where}: {_amiss(row['status'], desk.name, again)}")


_HOW: dict[str, str] = {
    Status.FOREIGN: "was given by someone else",
    Status.EDITED_BY_OTHER: "was edited by someone else",
    Status.GROUND_TRUTH: "is marked as ground truth",
}


def _amiss(status: str, desk: str, again: bool) -> str:
    """Why an answer does not count, and what to do; `again`: whether a push lets go of its task."""
    name = "an adjudicator" if desk == ADJUDICATION_DESK else desk
    if status == Status.UNASSIGNED:
        return f"an answer to a pair that was not assigned to {name}; not counted, there is nothing to do"
    if status in (Status.CHANGED_TASK, Status.CHANGED_PAGE):
        what = (
            "the task showed something else than its pair" if status == Status.CHANGED_TASK else "the page was another"
        )
        if not again:
            return f"an answer was given while {what}; not counted, the pair has a task of its own"
        return f"an answer was given while {what}; not counted, `ccd push` sends the pair to {name} again"
    return f"an answer {_HOW[status]}; not counted, have {name} answer it again there"


def _shown_by(db: Connection, desk: Desk, tasks: list[dict[str, Any]], notes: list[str]) -> dict[int, Shown]:
    """What each task stands for, by our ledger; a task the ledger does not know is noted as a stray.

    What the task shows and when it changed is noted too: `ccd push` puts right what was edited.
    """
    mine = ledger.by_number(db, desk.name, desk.project, [task["id"] for task in tasks])
    keys = {str(pair_key(task["data"])) for task in tasks if task["id"] not in mine}
    odd, known = ledger.strays(db, desk.project), known_pairs.known(db, keys)
    unconfirmed = keys & set(ledger.unconfirmed(db, desk.name))
    found, updates, new = {}, [], 0
    for task in tasks:
        number, key = task["id"], pair_key(task["data"])
        state = {"task_id": number, "server_updated_at": task["updated_at"], "data_sha256": digest(task["data"])}
        state["annotations"] = noted(task["annotations"])
        if number in mine:
            found[number] = Shown(mine[number].pair_id, task["data"], mine[number].shown_since)
            updates.append(state | {"of": found[number].pair})
            if state["data_sha256"] != mine[number].data_sha256:
                notes.append(
                    f"desk {desk.name}, task {number}: edited by hand; `ccd push` makes it show its pair again"
                )
        elif key is not None and key in unconfirmed and number not in odd:
            # A push is at work, or was killed before it saw the answer
            found[number] = Shown(key, task["data"])
            unconfirmed.remove(key)
            updates.append(state | {"of": key})
        else:
            if key is not None and key in known:
                found[number] = Shown(key, task["data"], stray=True)
            new += number not in odd
            row = {"project_id": desk.project, "desk": desk.name, "pair_id": key if key in known else None}
            ledger.add_stray(db, state | row)
    if new:
        notes.append(f"desk {desk.name}: {number_of(new, 'task was', 'tasks were')} added or doubled by hand")
    ledger.pulled(db, desk.name, updates)
    return found


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
    worth = expected.status(status, stands_for, at, before)
    if user is None and before is not None:
        worth = before  # its user was deleted, and the answer is what it was
    content = said | {"status": worth}
    return content | {
        "annotation": _name(annotation),
        "project_id": desk.project,
        "task_id": task["id"],
        "pair_id": stands_for.pair,
        "role": Role.ADJUDICATOR if desk.name == ADJUDICATION_DESK else Role.ANNOTATOR,
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
