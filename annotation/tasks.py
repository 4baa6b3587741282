"""The tasks of a desk: sent exactly once, found again, and put right.

Our ledger (the table `tasks`) is written before and after each batch: a row without a task id is a task that was sent
and whose answer was not seen. Such rows, and any count that differs from the server's, are settled by asking the
server.
"""

import hashlib
import json
import time
from dataclasses import dataclass
from typing import Any

from annotation.checks import pair_key
from annotation.client import HOLDS_ANSWERS, Studio, StudioError
from annotation.desks import Desk
from annotation.predictions import Prediction, check_count
from ccd.campaign.campaign import ADJUDICATION_DESK, Campaign
from ccd.campaign.tables import known_pairs
from ccd.campaign.tables import tasks as ledger
from ccd.campaign.tables.judgments import answered, set_aside
from ccd.wording import number_of

ASK = 250  # pair keys a question: they travel in an address, which may have 64 KB
GONE = "(this post is gone)"
PAUSES = (0.5, 2, 5, 10)  # seconds before a batch in doubt is asked for and sent again


@dataclass(frozen=True)
class Task:
    """A pair as a task shows it: nothing but this reaches the annotator's browser."""

    pair_id: str
    text: str
    image: str
    round: int
    prediction: Prediction | None = None  # where this desk shows it

    def data(self) -> dict[str, Any]:
        return {"pair_key": self.pair_id, "text": self.text, "image": self.image, "round": self.round}

    def is_shown_by(self, data: dict[str, Any]) -> bool:
        """True where a task with this data shows the same text and photo."""
        return (data.get("text"), data.get("image")) == (self.text, self.image)

    def to_import(self) -> dict[str, Any]:
        return {"data": self.data()} | ({"predictions": [self.prediction]} if self.prediction else {})


def missing_from(campaign: Campaign, desk: Desk, tasks: list[Task]) -> list[Task]:
    """Return the tasks that are not on the desk and whose pair its annotator has not answered yet."""
    with campaign.read() as db:
        there = ledger.on_desk(db, desk.name).keys() | answered(
            db, None if desk.name == ADJUDICATION_DESK else desk.name
        )
    return [task for task in tasks if task.pair_id not in there]


def send(campaign: Campaign, studio: Studio, desk: Desk, batch: list[Task]) -> None:
    """Import one batch exactly once; a task and the prediction that it shows arrive together or not at all."""
    rows = [
        {"desk": desk.name, "pair_id": task.pair_id, "project_id": desk.project, "data_sha256": digest(task.data())}
        for task in sorted(batch, key=lambda task: task.pair_id)  # in the order of its key a table takes rows faster
    ]
    with campaign.write() as db:
        ledger.add(db, rows)
    left = batch
    for pause in (*PAUSES, None):
        try:
            # Plain HTTP: the SDK looks at every value again, which costs a tenth of the whole push.
            answer = studio.send(
                "POST",
                f"/api/projects/{desk.project}/import?return_task_ids=true",
                [task.to_import() for task in left],
            )
            _note_ids(campaign, desk, dict(zip([t.pair_id for t in left], answer["task_ids"], strict=True)))
            shown = sum(task.prediction is not None for task in left)
            check_count(studio, desk.project, shown, answer.get("prediction_count"))
            return
        except StudioError as error:
            if not error.in_doubt:
                forget_unsent(campaign, desk)
                raise
            if pause is None:
                raise
            time.sleep(pause)  # a server that was cut off may still be at work
            settled = settle_doubt(campaign, studio, desk)
            left = [task for task in left if task.pair_id not in settled]
            if not left:
                return


def settle_doubt(campaign: Campaign, studio: Studio, desk: Desk) -> set[str]:
    """Ask the server for the tasks that were sent and not confirmed; note those that are there, name their pairs."""
    with campaign.read() as db:
        doubt = ledger.unconfirmed(db, desk.name)
        others = ledger.strays(db, desk.project)
    there: dict[str, int] = {}
    for start in range(0, len(doubt), ASK):
        keys = doubt[start : start + ASK]
        item = {"filter": "filter:tasks:data.pair_key", "operator": "in_list", "type": "String", "value": keys}
        for task in studio.tasks(desk.project, fields="data", where=(item,)):
            if task["id"] not in others:
                there.setdefault(str(pair_key(task["data"])), task["id"])
    _note_ids(campaign, desk, there)
    return set(there)


def _note_ids(campaign: Campaign, desk: Desk, ids: dict[str, int]) -> None:
    if not ids:
        return
    with campaign.write() as db:
        ledger.confirm(db, desk.name, ids)


def forget_unsent(campaign: Campaign, desk: Desk) -> None:
    """Forget the tasks of a desk that were sent and are not there."""
    with campaign.write() as db:
        ledger.forget_unconfirmed(db, desk.name)


def reconcile(campaign: Campaign, studio: Studio, desk: Desk, tasks: list[Task], notes: list[str]) -> None:
    """Make the ledger agree with the server: tasks in doubt, deleted by hand, and doubled or added by hand."""
    settle_doubt(campaign, studio, desk)
    forget_unsent(campaign, desk)
    with campaign.read() as db:
        stray = ledger.strays(db, desk.project)
        mine = {row.task_id: pair for pair, row in ledger.on_desk(db, desk.name).items()}
    newest = max(mine, default=None)
    if desk.task_count == len(mine) and not stray and not _has_newer(studio, desk, newest):
        return
    listed = {task["id"]: task["data"] for task in studio.tasks(desk.project, fields="data")}
    judged = {task["id"] for task in studio.tasks(desk.project, fields="id", where=(HOLDS_ANSWERS,))}
    gone = [number for number in mine if number not in listed]
    if gone:
        which = number_of(len(gone), "task was", "tasks were")
        notes.append(f"desk {desk.name}: {which} deleted by hand; what is not judged yet is sent again")
    lost = {task.pair_id: task for task in tasks}
    for number in mine.keys() & listed.keys():
        lost.pop(mine[number], None)
    adopted, keep, ours = [], {}, set(mine.values())
    for number in sorted(listed.keys() - mine.keys()):
        data, key = listed[number], pair_key(listed[number])
        if key in lost and lost[key].is_shown_by(data):
            # Ours, and the ledger was lost: as after a database put back from an older copy
            del lost[key]
            adopted.append(
                {"desk": desk.name, "pair_id": key, "project_id": desk.project, "task_id": number}
                | {"data_sha256": digest(data)}
            )
        elif key in ours and number not in judged:
            studio.send("DELETE", f"/api/tasks/{number}/", None)
            notes.append(f"desk {desk.name}: task {number} doubled {key} and held no answer; deleted")
        else:
            keep[number] = key
    with campaign.write() as db:
        ledger.forget(db, desk.name, gone)
        if adopted:
            ledger.add(db, adopted)
        ledger.forget_strays(db, desk.project, sorted(stray - keep.keys()))
        new = sorted(keep.keys() - stray)
        known = known_pairs.known(db, {str(keep[number]) for number in new})
        for number in new:
            pair = keep[number] if keep[number] in known else None
            row = {"project_id": desk.project, "task_id": number, "desk": desk.name, "pair_id": pair}
            ledger.add_stray(db, row)
    if new:
        which = ("task " if len(new) == 1 else "tasks ") + ", ".join(map(str, new))
        notes.append(f"desk {desk.name}: left alone, added by hand or doubled with answers: {which}")


def _has_newer(studio: Studio, desk: Desk, newest: int | None) -> bool:
    """True where a desk has a task that came after all of ours: one added by hand hides that another was deleted."""
    after = {"filter": "filter:tasks:id", "operator": "greater", "type": "Number", "value": newest}
    return newest is not None and any(studio.tasks(desk.project, fields="id", where=(after,)))


def let_go_of_set_aside(campaign: Campaign, desk: Desk, dead: set[str], notes: list[str]) -> None:
    """Let go of tasks whose answers were set aside: their pairs are missing then, and are sent in new ones.

    Label Studio's queue does not offer a task again that its annotator has answered.
    """
    with campaign.write() as db:
        numbers = set_aside(db, None if desk.name == ADJUDICATION_DESK else desk.name, desk.project)
        rows = ledger.by_number(db, desk.name, desk.project, numbers).values()
        let_go = [row for row in rows if row.pair_id not in dead]
        ledger.set_stray(db, let_go)
    if let_go:
        which = number_of(len(let_go), "pair whose answer was set aside is", "pairs whose answers were set aside are")
        notes.append(f"desk {desk.name}: {which} sent again")


def put_right(campaign: Campaign, studio: Studio, desk: Desk, tasks: list[Task], notes: list[str]) -> None:
    """Put back what a task shows where a pull saw it changed, or where the picture has a new address."""
    with campaign.read() as db:
        shown = ledger.on_desk(db, desk.name)
    for task in tasks:
        row = shown.get(task.pair_id)
        if row is None or row.data_sha256 == digest(task.data()):
            continue
        one = {"filter": "filter:tasks:id", "operator": "in_list", "type": "Number", "value": [row.task_id]}
        same = any(task.is_shown_by(found["data"]) for found in studio.tasks(desk.project, fields="data", where=(one,)))
        at = studio.send("PATCH", f"/api/tasks/{row.task_id}/", {"data": task.data()})["updated_at"]
        new = {"data_sha256": digest(task.data())}
        new |= {} if same else {"shown_since": at}  # same: another round's number
        with campaign.write() as db:
            ledger.correct(db, desk.name, task.pair_id, new)
        said = "did not show its pair any more; put right" if task.text != GONE else "emptied, as its post is gone"
        notes.append(f"desk {desk.name}: task {row.task_id} {said}")


def digest(data: dict[str, Any]) -> str:
    """A fingerprint of what a task shows."""
    return hashlib.sha256(json.dumps(data, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def numbers(campaign: Campaign, desk: Desk) -> dict[str, int]:
    """Return the task of each pair on a desk."""
    with campaign.read() as db:
        return {pair: row.task_id for pair, row in ledger.on_desk(db, desk.name).items()}
