"""Push: every assignment becomes one task on its annotator's desk, and every open pair one on the adjudicators'.

Pushed twice is pushed once, whatever was lost, killed, edited, deleted or doubled in between (`annotation.tasks`).
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from annotation import pictures as picture
from annotation.accounts import ids_of, users
from annotation.client import Studio, StudioError
from annotation.desks import Desk, forget_deleted, known_desks, open_desk
from annotation.predictions import Prediction, as_sent, reconcile
from annotation.tasks import (
    GONE,
    Task,
    forget_unsent,
    let_go_of_set_aside,
    missing_from,
    numbers,
    put_right,
    send,
    settle_doubt,
)
from annotation.tasks import reconcile as reconcile_tasks
from ccd.campaign.assist import to_show
from ccd.campaign.campaign import ADJUDICATION_DESK, Campaign
from ccd.campaign.tables import assignments
from ccd.campaign.tables.assignments import Wanted
from ccd.errors import CcdError
from ccd.wording import folded

BATCH = 4000  # tasks a request: a task costs Label Studio a fifth less than in thousands


@dataclass
class Pushed:
    """What a push did: tasks sent a desk, the projects, what was put right and which desks were left out, and why."""

    sent: dict[str, int] = field(default_factory=dict)
    projects: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def push(
    campaign: Campaign,
    studio: Studio,
    pictures: picture.Pictures,
    started: Callable[[str, int], Callable[[int], None]],
) -> Pushed:
    """Bring every desk to what the campaign wants on it.

    A desk that cannot be brought there is noted in `failed`, and the others are.

    Args:
        pictures: how the server gets at the images.
        started: called with a name and a total when a long step starts; gives the function that counts its progress.

    Raises CcdError where no desk can, and StudioError as soon as the server does not answer at all.
    """
    done = Pushed()
    known = users(studio)
    wanted = _wanted(campaign)
    with campaign.read() as db:
        shown = {key: as_sent(campaign.protocol.question.name, said) for key, said in to_show(db).items()}
        images = assignments.images(db)
    urls = pictures.urls(images, started("pictures", len(images)))
    forget_deleted(campaign, studio, done.notes)
    errors, tried = [], 0
    for name, rows in wanted.items():
        if _has_left(campaign, name):
            done.notes.append(
                f"desk {name}: there is none, and {name} is no longer in campaign.toml, so nothing is sent; put {name} "
                "back under [[annotators]] to make it"
            )
            continue
        tried += 1
        tasks = [_task(row, urls, shown.get((name, row.pair_id))) for row in rows]
        dead = {row.pair_id for row in rows if not row.is_live}
        try:
            user = _user(campaign, studio, known, name)
            _bring(campaign, studio, pictures, name, user, tasks, dead, started, done)
        except CcdError as error:
            if isinstance(error, StudioError) and error.is_of_server:
                raise
            errors.append(error)
            done.failed.append(f"desk {name} was left as it is: {error}")
    if errors and len(errors) == tried:
        raise errors[0]
    done.notes = folded(done.notes)
    return done


def _bring(
    campaign: Campaign,
    studio: Studio,
    pictures: picture.Pictures,
    name: str,
    user: int | None,
    tasks: list[Task],
    dead: set[str],
    started: Callable[[str, int], Callable[[int], None]],
    done: Pushed,
) -> None:
    """Bring one desk to these tasks; those of `dead` pairs are emptied where they are, and not sent."""
    shows = any(task.prediction for task in tasks)
    desk = open_desk(campaign, studio, name, user, done.notes, shows)
    pictures.attach(desk.project)
    picture.check(studio, [task.image for task in tasks if task.image][:1])
    reconcile_tasks(campaign, studio, desk, tasks, done.notes)
    let_go_of_set_aside(campaign, desk, dead, done.notes)
    put_right(campaign, studio, desk, tasks, done.notes)
    missing = [task for task in missing_from(campaign, desk, tasks) if task.pair_id not in dead]
    tick = started(name, len(missing))
    for start in range(0, len(missing), BATCH):
        send(campaign, studio, desk, missing[start : start + BATCH])
        tick(len(missing[start : start + BATCH]))
    if missing:
        desk = open_desk(campaign, studio, name, user, done.notes, shows)
        reconcile_tasks(campaign, studio, desk, tasks, done.notes)
    done.sent[name], done.projects[name] = len(missing), desk.project
    reconcile(studio, desk, _predictions(campaign, desk, tasks) if shows else {}, done.notes)


def _has_left(campaign: Campaign, name: str) -> bool:
    """True for somebody who is no longer in campaign.toml, and whose desk is not there either."""
    names = {person.name for person in campaign.config.annotators} | {ADJUDICATION_DESK}
    return name not in names and name not in known_desks(campaign)


def _user(campaign: Campaign, studio: Studio, known: dict[str, int], name: str) -> int | None:
    """The user a desk belongs to; of somebody who has left campaign.toml, the one it always belonged to."""
    config = campaign.config
    people = config.adjudicators if name == ADJUDICATION_DESK else config.annotators
    mine = [person for person in people if name in (ADJUDICATION_DESK, person.name)]
    if not mine:
        return known_desks(campaign)[name].user_id  # type: ignore[no-any-return]
    ids = ids_of(studio, tuple(mine), known)
    return None if name == ADJUDICATION_DESK else ids[name]


def _wanted(campaign: Campaign) -> dict[str, list[Wanted]]:
    """Return the pairs of each desk in its order."""
    wanted: dict[str, list[Wanted]] = {}
    with campaign.read() as db:
        for annotator, pair in assignments.wanted(db):
            wanted.setdefault(annotator, []).append(pair)
        unsettled = assignments.unsettled(db)
    if campaign.config.adjudicators and (unsettled or ADJUDICATION_DESK in known_desks(campaign)):
        wanted[ADJUDICATION_DESK] = unsettled
    return dict(sorted(wanted.items()))


def _task(row: Wanted, urls: dict[str, str], prediction: Prediction | None) -> Task:
    """What a row's task shows: of a post that is gone nothing, so that Label Studio forgets it too; answers stay."""
    if row.is_live:
        return Task(row.pair_id, row.text, urls[row.image], row.round, prediction)
    return Task(row.pair_id, GONE, "", row.round)


def _predictions(campaign: Campaign, desk: Desk, tasks: list[Task]) -> dict[int, Prediction]:
    """The predictions that the desk's tasks should carry, by task."""
    number = numbers(campaign, desk)
    return {number[t.pair_id]: t.prediction for t in tasks if t.prediction and t.pair_id in number}


def send_to_adjudicators(
    campaign: Campaign, studio: Studio, pictures: picture.Pictures, pairs: set[str]
) -> tuple[int, dict[str, int]]:
    """Bring these pairs to the adjudicators' desk; returns its project, and the task of each pair of a living post."""
    with campaign.read() as db:
        found = assignments.to_show(db, pairs)
    urls = pictures.urls({row.image: row.file for row in found}, lambda _number: None)
    notes: list[str] = []
    desk = open_desk(campaign, studio, ADJUDICATION_DESK, None, notes)
    pictures.attach(desk.project)
    settle_doubt(campaign, studio, desk)
    forget_unsent(campaign, desk)
    there = numbers(campaign, desk)
    missing = [Task(row.pair_id, row.text, urls[row.image], row.round) for row in found if row.pair_id not in there]
    if missing:
        send(campaign, studio, desk, missing)
        there = numbers(campaign, desk)
    return desk.project, {row.pair_id: there[row.pair_id] for row in found}
