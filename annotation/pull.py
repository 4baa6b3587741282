"""Pull: what annotators answered becomes judgments, in all its versions, once.

A first pull reads each desk whole; later ones ask for tasks changed since the last, less ten seconds, and replace the
whole set of annotations of each. Annotations that are gone from a task that lives are withdrawn; a task or a project
deleted by hand is reported and its judgments stay.
"""

import datetime
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from annotation.accounts import users
from annotation.client import Studio, StudioError
from annotation.counts import on_server, overlooked
from annotation.desks import NEVER, Desk, first_second_after, is_page_right, known_desks, project_of
from annotation.versions import Pulled, store
from ccd.campaign.campaign import ADJUDICATION_DESK, Campaign
from ccd.campaign.tables import desks as stored
from ccd.campaign.tables import tasks as ledger
from ccd.campaign.tables.notes import SERVER_CLOCK, note, noted
from ccd.errors import CcdError
from ccd.wording import folded, number_of

OVERLAP = datetime.timedelta(seconds=10)  # pulled again, as clocks and transactions do not end in order
_ROUNDING = 2.0  # seconds: the server's clock comes without its fractions, and late
BATCH = 1000  # tasks a transaction, and a request by id
FIELDS = "data"
SERVER_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"  # the only one that the server's filters take


def pull(
    campaign: Campaign, studio: Studio, started: Callable[[str, int], Callable[[int], None]], done: Pulled
) -> None:
    """Bring every judgment that is new or changed since the last pull.

    A desk or a task that cannot be read is noted in `done.failed`, and the others are pulled.

    Args:
        started: called with a desk's name and a total; gives the function that counts progress.
        done: filled as the pull goes, so that one that is interrupted can still say what it brought.

    Raises CcdError where no desk can be read, and StudioError as soon as the server does not answer at all.
    """
    known = users(studio)
    adjudicators = {known[p.email]: p.name for p in campaign.config.adjudicators if p.email in known}
    addresses = {p.name: known[p.email] for p in campaign.config.annotators if p.email in known}
    now = studio.server_time()
    ahead = (now - _our_time()).total_seconds()
    is_back = _was_set_back(campaign, ahead)
    moved, errors = [], []
    desks = known_desks(campaign)
    try:
        for name, row in desks.items():
            new = addresses.get(name)
            new = None if new == row.user_id else new
            moved += [name] if new is not None else []
            may_answer = adjudicators if name == ADJUDICATION_DESK else {row.user_id: name}
            try:
                _pull_desk(campaign, studio, row, now - OVERLAP, is_back, may_answer, new, started, done)
            except CcdError as error:
                if isinstance(error, StudioError) and error.is_of_server:
                    raise
                errors.append(error)
                done.failed.append(f"desk {name} was not pulled to the end: {error}")
    finally:
        if moved:
            done.notes.append(
                f"addresses changed in campaign.toml ({', '.join(moved)}); run `ccd push`, then `ccd pull`"
            )
        done.notes[:] = folded(done.notes)
        done.failed[:] = folded(done.failed)
    if errors and len(errors) == len(desks):
        raise errors[0]
    if not errors:
        with campaign.write() as db:
            note(db, SERVER_CLOCK, f"{ahead:.1f}")


def _our_time() -> datetime.datetime:
    return datetime.datetime.now(datetime.UTC)


def _was_set_back(campaign: Campaign, ahead: float) -> bool:
    """Whether the server's clock was set back since the last whole pull, by more than what is pulled again anyway.

    It may have passed the last pull's time since: answers of before then bear times that no later pull asks for. Where
    our own clock was set forward it looks the same, and costs a reading of all desks.
    """
    with campaign.read() as db:
        before = noted(db, SERVER_CLOCK)
    return before is not None and ahead < float(before) - OVERLAP.total_seconds() + _ROUNDING


def _pull_desk(
    campaign: Campaign,
    studio: Studio,
    row: Any,
    since: datetime.datetime,
    is_back: bool,
    may_answer: dict[int, str],
    moved: int | None,
    started: Callable[[str, int], Callable[[int], None]],
    done: Pulled,
) -> None:
    """Pull one desk; what changes from `since` on is pulled again the next time."""
    name, project = row.desk, project_of(campaign, studio, row.desk, row.project_id)
    if project is None:
        done.notes.append(f"desk {name}: project {row.project_id} was deleted by hand; `ccd push` rebuilds it")
        return
    # Where the server's clock was set back, answers since bear times before the watermark: all is read again.
    is_back = is_back or (row.watermark is not None and row.watermark > since.strftime(SERVER_FORMAT))
    desk = Desk(name, row.project_id, project["task_number"], None if is_back else row.watermark)
    page_since = _page_since(campaign, studio, row, project, done.notes)
    sick: dict[int, str] = {}
    for batch in _changed(campaign, studio, desk, sick, started):
        store(campaign, studio, desk, batch, may_answer, page_since, moved, done)
    _compare(campaign, studio, desk, done.notes)
    left = [task for task in overlooked(campaign, studio, desk, on_server(project)) if task not in sick]
    for batch in _chosen(studio, desk, left, sick, started) if left else ():
        store(campaign, studio, desk, batch, may_answer, page_since, moved, done)
    for task, why in sorted(sick.items()):
        where = f"desk {name}, {studio.url}/projects/{desk.project}/data?task={task}"
        done.failed.append(f"{where}: the task cannot be read ({why}); all others were pulled, delete its answer there")
    with campaign.write() as db:
        ledger.forget_annotations(db, desk.project, sorted(sick))
        stored.change(db, name, watermark=since.strftime(SERVER_FORMAT))


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
            stored.change(db, row.desk, page_since=since)
    return since


def _changed(
    campaign: Campaign,
    studio: Studio,
    desk: Desk,
    sick: dict[int, str],
    started: Callable[[str, int], Callable[[int], None]],
) -> Iterator[list[dict[str, Any]]]:
    """Whole tasks of a desk that changed since its last pull, in batches."""
    if desk.watermark is None:
        tick = started(desk.name, desk.task_count)
        yield from _batches(studio.tasks(desk.project, fields=FIELDS, annotations=True, sick=sick.__setitem__), tick)
        return
    item = {"filter": "filter:tasks:updated_at", "operator": "greater", "type": "Datetime", "value": desk.watermark}
    listed = {t["id"]: t["updated_at"] for t in studio.tasks(desk.project, fields="updated_at", where=(item,))}
    with campaign.read() as db:
        seen = ledger.seen(db, desk.name)
        changed = {number for number, at in listed.items() if (number, at) not in seen}
        changed |= ledger.assigned_since(db, desk.project)
    yield from _chosen(studio, desk, sorted(changed), sick, started)


def _chosen(
    studio: Studio,
    desk: Desk,
    tasks: list[int],
    sick: dict[int, str],
    started: Callable[[str, int], Callable[[int], None]],
) -> Iterator[list[dict[str, Any]]]:
    """These tasks of a desk, whole, in batches; those that are not there any more are left out."""
    tick = started(desk.name, len(tasks))
    for start in range(0, len(tasks), BATCH):
        ids = tasks[start : start + BATCH]
        chosen = {"filter": "filter:tasks:id", "operator": "in_list", "type": "Number", "value": ids}
        yield from _batches(
            studio.tasks(desk.project, fields=FIELDS, where=(chosen,), annotations=True, sick=sick.__setitem__), tick
        )


def _batches(tasks: Iterator[dict[str, Any]], tick: Callable[[int], None]) -> Iterator[list[dict[str, Any]]]:
    while batch := list(islice(tasks, BATCH)):
        yield batch
        tick(len(batch))


def _compare(campaign: Campaign, studio: Studio, desk: Desk, notes: list[str]) -> None:
    """Report tasks that were deleted by hand: no change tells of them, but the counts differ."""
    with campaign.read() as db:
        mine = {row.task_id for row in ledger.on_desk(db, desk.name).values() if row.task_id is not None}
        others = ledger.strays(db, desk.project)
    if desk.task_count == len(mine) + len(others):
        return
    there = {task["id"] for task in studio.tasks(desk.project, fields="id")}
    gone = len(mine - there)
    if gone:
        with campaign.write() as db:
            ledger.forget_annotations(db, desk.project, sorted(mine - there))
        notes.append(
            f"desk {desk.name}: {number_of(gone, 'task was', 'tasks were')} deleted by hand; judgments stay, "
            "`ccd push` sends the rest"
        )
    if others - there:
        with campaign.write() as db:
            ledger.forget_strays(db, desk.project, sorted(others - there))
