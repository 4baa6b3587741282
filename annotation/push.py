"""Push: every assignment becomes one task on its annotator's desk, and every open pair one on the adjudicators'.

Our ledger (the table `tasks`) is written before and after each batch: a row without a task id is a task that was sent
and whose answer was not seen. Such rows, and any count that differs from the server's, are settled by asking the
server, so that pushed twice is pushed once, whatever was lost, killed, edited, deleted or doubled in between.
"""

import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import sqlalchemy as sa

from annotation import pictures as picture
from annotation.accounts import ids_of
from annotation.checks import pair_key
from annotation.client import Studio, StudioError
from annotation.counts import HOLDS_ANSWERS
from annotation.desks import Desk, forget_deleted, known_desks, open_desk
from annotation.predictions import Prediction, as_sent, check_count, reconcile
from ccd import gone, schema
from ccd.assist import to_show
from ccd.campaign import ADJUDICATION_DESK, Campaign
from ccd.errors import CcdError
from ccd.frames import batches
from ccd.judgments import answered, set_aside
from ccd.wording import number_of

BATCH = 4000  # tasks a request: a task costs Label Studio a fifth less than in thousands
ROWS = 5_000  # of the database that are held at once
ASK = 250  # pair keys a question: they travel in an address, which may have 64 KB
GONE = "(this post is gone)"
PAUSES = (0.5, 2, 5, 10)  # seconds before a batch in doubt is asked for and sent again


@dataclass
class Pushed:
    """What a push did: tasks sent a desk, the projects, and what was mended (one line each)."""

    sent: dict[str, int] = field(default_factory=dict)
    projects: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Task:
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


def push(
    campaign: Campaign,
    studio: Studio,
    pictures: picture.Pictures,
    started: Callable[[str, int], Callable[[int], None]],
) -> Pushed:
    """Bring every desk to what the campaign wants on it.

    Args:
        pictures: how the server gets at the images.
        started: called with a name and a total when a long step starts; gives the function that counts its progress.
    """
    done = Pushed()
    ids = ids_of(studio, campaign.config.annotators + campaign.config.adjudicators)
    wanted = _wanted(campaign)
    with campaign.read() as db:
        shown = {key: as_sent(campaign.protocol.question.name, said) for key, said in to_show(db).items()}
    images = _images(campaign)
    urls = pictures.urls(images, started("pictures", len(images)))
    forget_deleted(campaign, studio, done.notes)
    for name, rows in wanted.items():
        tasks = [_task(row, urls, shown.get((name, row.pair_id))) for row in rows]
        shows = any(task.prediction for task in tasks)
        user = None if name == ADJUDICATION_DESK else _user(campaign, ids, name)
        desk = open_desk(campaign, studio, name, user, done.notes, shows)
        pictures.attach(desk.project)
        picture.check(studio, [task.image for task in tasks if task.image][:1])
        done.projects[name] = desk.project
        dead = {row.pair_id for row in rows if not row.lives}
        _reconcile(campaign, studio, desk, tasks, done.notes)
        _send_again(campaign, desk, dead, done.notes)
        _mend_edited(campaign, studio, desk, tasks, done.notes)
        missing = [task for task in _missing(campaign, desk, tasks) if task.pair_id not in dead]
        done.sent[name] = len(missing)
        tick = started(name, len(missing))
        for start in range(0, len(missing), BATCH):
            _send(campaign, studio, desk, missing[start : start + BATCH])
            tick(len(missing[start : start + BATCH]))
        if missing:
            desk = open_desk(campaign, studio, name, user, done.notes, shows)
            _reconcile(campaign, studio, desk, tasks, done.notes)
        reconcile(studio, desk, _predictions(campaign, desk, tasks) if shows else {}, done.notes)
    return done


def _user(campaign: Campaign, ids: dict[str, int], name: str) -> int | None:
    """The user a desk belongs to; of somebody who has left campaign.toml, the one it always belonged to."""
    if name in ids:
        return ids[name]
    stored = known_desks(campaign).get(name)
    if stored is None:
        raise CcdError(f"{name} has assignments and is not in campaign.toml; put {name} back under [[annotators]]")
    return stored.user_id  # type: ignore[no-any-return]


class _Wanted(NamedTuple):
    """A pair that a desk is to have."""

    pair_id: str
    round: int
    image: str  # SHA-256
    text: str
    lives: bool


def _wanted(campaign: Campaign) -> dict[str, list[_Wanted]]:
    """The pairs of each desk in its order."""
    a, p, open_ = schema.assignments, schema.pairs, schema.labels
    lives = gone.lives().label("lives")
    wanted: dict[str, list[_Wanted]] = {}
    same: dict[str, str] = {}  # one object for equal texts: each pair is on several desks
    with campaign.read() as db:
        rows = db.execute(
            sa.select(a.c.annotator, a.c.pair_id, a.c.round, p.c.image, p.c.text, lives)
            .join(p, p.c.pair_id == a.c.pair_id)
            .order_by(a.c.round, a.c.position),
            execution_options={"yield_per": ROWS},
        )
        for annotator, pair, number, *texts, living in rows:
            pair, image, text = (same.setdefault(each, each) for each in (pair, *texts))
            wanted.setdefault(annotator, []).append(_Wanted(pair, number, image, text, living))
        unsettled = db.execute(
            sa.select(p.c.pair_id, schema.round_pairs.c.round, p.c.image, p.c.text, lives)
            .join(schema.round_pairs, schema.round_pairs.c.pair_id == p.c.pair_id)
            .where(p.c.pair_id.in_(sa.select(open_.c.pair_id).where(open_.c.resolved_by == "open")))
            .order_by(p.c.pair_id)
        ).all()
    if campaign.config.adjudicators and (unsettled or ADJUDICATION_DESK in known_desks(campaign)):
        wanted[ADJUDICATION_DESK] = list({row.pair_id: _Wanted(*row) for row in unsettled}.values())
    return dict(sorted(wanted.items()))


def _task(row: _Wanted, urls: dict[str, str], prediction: Prediction | None) -> _Task:
    """What a row's task shows: of a post that is gone nothing, so that Label Studio forgets it too; answers stay."""
    if row.lives:
        return _Task(row.pair_id, row.text, urls[row.image], row.round, prediction)
    return _Task(row.pair_id, GONE, "", row.round)


def _images(campaign: Campaign) -> dict[str, str]:
    """The images of all assigned pairs, but for those whose post is gone: SHA-256 to file."""
    i, p, a = schema.images, schema.pairs, schema.assignments
    with campaign.read() as db:
        rows = db.execute(
            sa.select(i.c.sha256, i.c.file)
            .where(i.c.sha256.in_(sa.select(p.c.image).join(a, a.c.pair_id == p.c.pair_id).where(gone.lives())))
            .order_by(i.c.sha256)
        )
        return dict(rows.all())


def _missing(campaign: Campaign, desk: Desk, tasks: list[_Task]) -> list[_Task]:
    """The tasks that are not on the desk and whose pair its annotator has not answered yet."""
    with campaign.read() as db:
        there = set(db.scalars(sa.select(schema.tasks.c.pair_id).where(schema.tasks.c.desk == desk.name)))
        there |= answered(db, None if desk.name == ADJUDICATION_DESK else desk.name)
    return [task for task in tasks if task.pair_id not in there]


def _predictions(campaign: Campaign, desk: Desk, tasks: list[_Task]) -> dict[int, Prediction]:
    """The predictions that the desk's tasks should carry, by task."""
    number = _tasks(campaign, desk)
    return {number[t.pair_id]: t.prediction for t in tasks if t.prediction and t.pair_id in number}


def _send(campaign: Campaign, studio: Studio, desk: Desk, batch: list[_Task]) -> None:
    """Import one batch exactly once; a task and the prediction that it shows arrive together or not at all."""
    ledger = schema.tasks
    rows = [
        {"desk": desk.name, "pair_id": task.pair_id, "project_id": desk.project, "data_sha256": digest(task.data())}
        for task in sorted(batch, key=lambda task: task.pair_id)  # in the order of its key a table takes rows faster
    ]
    with campaign.write() as db:
        db.execute(ledger.insert(), rows)
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
                _forget_unsent(campaign, desk)
                raise
            if pause is None:
                raise
            time.sleep(pause)  # a server that was cut off may still be at work
            settled = _settle_doubt(campaign, studio, desk)
            left = [task for task in left if task.pair_id not in settled]
            if not left:
                return


def _settle_doubt(campaign: Campaign, studio: Studio, desk: Desk) -> set[str]:
    """Ask the server for the tasks that were sent and not confirmed; note those that are there, name their pairs."""
    ledger, strays = schema.tasks, schema.stray_tasks.c
    with campaign.read() as db:
        doubt = db.scalars(
            sa.select(ledger.c.pair_id).where(ledger.c.desk == desk.name, ledger.c.task_id.is_(None))
        ).all()
        others = set(db.scalars(sa.select(strays.task_id).where(strays.project_id == desk.project)))
    there: dict[str, int] = {}
    for start in range(0, len(doubt), ASK):
        keys = doubt[start : start + ASK]
        item = {"filter": "filter:tasks:data.pair_key", "operator": "in_list", "type": "String", "value": keys}
        for task in studio.tasks(desk.project, fields="data", where=(item,)):
            if task["id"] not in others:
                there.setdefault(task["data"]["pair_key"], task["id"])
    _note_ids(campaign, desk, there)
    return set(there)


def _note_ids(campaign: Campaign, desk: Desk, ids: dict[str, int]) -> None:
    ledger = schema.tasks
    if not ids:
        return
    with campaign.write() as db:
        db.execute(
            ledger.update()
            .where(ledger.c.desk == desk.name, ledger.c.pair_id == sa.bindparam("pair"))
            .values(task_id=sa.bindparam("number")),
            [{"pair": pair, "number": number} for pair, number in sorted(ids.items())],
        )


def _forget_unsent(campaign: Campaign, desk: Desk) -> None:
    ledger = schema.tasks
    with campaign.write() as db:
        db.execute(ledger.delete().where(ledger.c.desk == desk.name, ledger.c.task_id.is_(None)))


def _reconcile(campaign: Campaign, studio: Studio, desk: Desk, tasks: list[_Task], notes: list[str]) -> None:
    """Make the ledger agree with the server: tasks in doubt, deleted by hand, and doubled or added by hand."""
    ledger, strays = schema.tasks, schema.stray_tasks
    _settle_doubt(campaign, studio, desk)
    _forget_unsent(campaign, desk)
    here = ledger.c.desk == desk.name
    with campaign.read() as db:
        stray = set(db.scalars(sa.select(strays.c.task_id).where(strays.c.project_id == desk.project)))
        if desk.task_count == db.scalar(sa.select(sa.func.count()).where(here)) and not stray:
            return
        mine = dict(db.execute(sa.select(ledger.c.task_id, ledger.c.pair_id).where(here)).all())
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
        for start in range(0, len(gone), 500):
            db.execute(ledger.delete().where(here, ledger.c.task_id.in_(gone[start : start + 500])))
        if adopted:
            db.execute(ledger.insert(), adopted)
        for some in batches(sorted(stray - keep.keys())):
            db.execute(strays.delete().where(strays.c.project_id == desk.project, strays.c.task_id.in_(some)))
        new = sorted(keep.keys() - stray)
        known = set(db.scalars(sa.select(schema.pairs.c.pair_id))) if new else set()
        for number in new:
            pair = keep[number] if keep[number] in known else None
            db.execute(strays.insert().values(project_id=desk.project, task_id=number, desk=desk.name, pair_id=pair))
    if new:
        which = ("task " if len(new) == 1 else "tasks ") + ", ".join(map(str, new))
        notes.append(f"desk {desk.name}: left alone, added by hand or doubled with answers: {which}")


def _send_again(campaign: Campaign, desk: Desk, dead: set[str], notes: list[str]) -> None:
    """Let go of tasks whose answers were set aside: their pairs are missing then, and are sent in new ones.

    Label Studio's queue does not offer a task again that its annotator has answered.
    """
    ledger, strays = schema.tasks, schema.stray_tasks
    with campaign.write() as db:
        numbers = set_aside(db, None if desk.name == ADJUDICATION_DESK else desk.name, desk.project)
        rows = db.execute(sa.select(ledger).where(ledger.c.desk == desk.name, ledger.c.task_id.in_(numbers))).mappings()
        let_go = [row for row in rows if row["pair_id"] not in dead]
        for row in let_go:
            db.execute(ledger.delete().where(ledger.c.desk == desk.name, ledger.c.pair_id == row["pair_id"]))
            db.execute(strays.insert().values({column.name: row[column.name] for column in strays.c}))
    if let_go:
        which = number_of(len(let_go), "pair whose answer was set aside is", "pairs whose answers were set aside are")
        notes.append(f"desk {desk.name}: {which} sent again")


def _mend_edited(campaign: Campaign, studio: Studio, desk: Desk, tasks: list[_Task], notes: list[str]) -> None:
    """Put back what a task shows where a pull saw it changed, or where the picture has a new address."""
    ledger = schema.tasks
    with campaign.read() as db:
        shown = {
            row.pair_id: row
            for row in db.execute(
                sa.select(ledger.c.pair_id, ledger.c.task_id, ledger.c.data_sha256).where(ledger.c.desk == desk.name)
            )
        }
    for task in tasks:
        row = shown.get(task.pair_id)
        if row is None or row.data_sha256 == digest(task.data()):
            continue
        one = {"filter": "filter:tasks:id", "operator": "in_list", "type": "Number", "value": [row.task_id]}
        same = any(task.is_shown_by(found["data"]) for found in studio.tasks(desk.project, fields="data", where=(one,)))
        at = studio.send("PATCH", f"/api/tasks/{row.task_id}/", {"data": task.data()})["updated_at"]
        new = {"data_sha256": digest(task.data())}
        new |= {} if same else {"shown_since": at}  # same: another round's number
        here = (ledger.c.desk == desk.name) & (ledger.c.pair_id == task.pair_id)
        with campaign.write() as db:
            db.execute(ledger.update().where(here).values(new))
        said = "did not show its pair any more; put right" if task.text != GONE else "emptied, as its post is gone"
        notes.append(f"desk {desk.name}: task {row.task_id} {said}")


def digest(data: dict[str, Any]) -> str:
    """A fingerprint of what a task shows."""
    return hashlib.sha256(json.dumps(data, sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def send_to_adjudicators(
    campaign: Campaign, studio: Studio, pictures: picture.Pictures, pairs: set[str]
) -> tuple[int, dict[str, int]]:
    """Bring these pairs to the adjudicators' desk; returns its project, and the task of each pair of a living post."""
    p = schema.pairs.c
    with campaign.read() as db:
        found = db.execute(
            sa.select(p.pair_id, p.image, p.text, schema.images.c.file, sa.func.min(schema.round_pairs.c.round))
            .join_from(schema.pairs, schema.images)
            .join(schema.round_pairs, schema.round_pairs.c.pair_id == p.pair_id)
            .where(p.pair_id.in_(pairs), gone.lives())
            .group_by(p.pair_id, p.image, p.text, schema.images.c.file)
        ).all()
    urls = pictures.urls({row.image: row.file for row in found}, lambda _number: None)
    notes: list[str] = []
    desk = open_desk(campaign, studio, ADJUDICATION_DESK, None, notes)
    pictures.attach(desk.project)
    _settle_doubt(campaign, studio, desk)
    _forget_unsent(campaign, desk)
    there = _tasks(campaign, desk)
    missing = [_Task(row[0], row.text, urls[row.image], row[4]) for row in found if row[0] not in there]
    if missing:
        _send(campaign, studio, desk, missing)
        there = _tasks(campaign, desk)
    return desk.project, {row[0]: there[row[0]] for row in found}


def _tasks(campaign: Campaign, desk: Desk) -> dict[str, int]:
    """The task of each pair on a desk."""
    ledger = schema.tasks.c
    with campaign.read() as db:
        rows = db.execute(sa.select(ledger.pair_id, ledger.task_id).where(ledger.desk == desk.name))
        return {row.pair_id: row.task_id for row in rows}
