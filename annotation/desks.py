"""Desks: one Label Studio project an annotator, one for the adjudicators; found again by a mark, never by a title."""

import datetime
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from annotation.client import HOLDS_ANSWERS, ODD, Studio, StudioError
from annotation.label_config import guidelines, label_config, page_digest
from annotation.received import PROJECT, check
from ccd.campaign import revisions
from ccd.campaign.campaign import ADJUDICATION_DESK, Campaign, Connection
from ccd.campaign.tables import desks as table
from ccd.errors import CcdError, ServerError
from ccd.protocol import Protocol
from ccd.wording import number_of

TITLE_LENGTH = 50  # Label Studio's limit
NEVER = "9999-12-31T23:59:59Z"  # in `desks.page_since`: the page is wrong now


@dataclass(frozen=True)
class Desk:
    """A desk as it stands: its project, how many tasks the server counts in it, up to when it was pulled.

    Then how many predictions the server counts, and which model's it offers ("" or None: nobody's).
    """

    name: str
    project: int
    task_count: int
    watermark: str | None
    predictions: int = 0
    model_version: str | None = None


@dataclass(frozen=True)
class Asked:
    """Which revision of the protocol a desk's labeling page asked, and since when, oldest first."""

    since: tuple[tuple[str, int], ...]
    protocols: dict[int, Protocol]

    def at(self, time: str) -> int:
        """Return the revision that was on the page at a time of the server's clock."""
        when = datetime.datetime.fromisoformat(time)
        found = [number for since, number in self.since if not since or datetime.datetime.fromisoformat(since) <= when]
        return found[-1] if found else min(self.protocols)  # before schema 6 nothing else was stored


def asked(db: Connection, protocol: Protocol, desk: str) -> Asked:
    """Look up which revisions of the protocol a desk's page asked."""
    return Asked(tuple(table.pages(db, desk)), revisions.known(db, protocol))


def forget_deleted(campaign: Campaign, studio: Studio, notes: list[str]) -> None:
    """Forget the ledger of every desk whose project was deleted by hand; its judgments stay, a push makes it anew.

    All of them before any is made anew: a Label Studio that was set up anew gives old numbers to other desks.
    """
    for name, row in known_desks(campaign).items():
        try:
            found = project_of(campaign, studio, name, row.project_id)
        except CcdError as error:
            if isinstance(error, StudioError) and error.is_of_server:
                raise
            continue  # it is there, and who opens the desk will say what is amiss
        if found is None:
            notes.append(
                f"desk {name}: project {row.project_id} was deleted by hand; rebuilt with what is not judged yet"
            )
            forget(campaign, name)


def open_desk(
    campaign: Campaign, studio: Studio, name: str, user: int | None, notes: list[str], shows: bool = False
) -> Desk:
    """The desk's project: the one in our ledger, else one with its mark, else a new one.

    Answers count from `user` (None: from every adjudicator). Where that is another user than before, and on the
    adjudicators' desk always, the next pull reads the whole desk again. `shows`: whether its queue offers predictions.
    `notes` gets what was mended.
    """
    stored = known_desks(campaign).get(name)
    found = project_of(campaign, studio, name, stored.project_id) if stored else None
    same = stored is not None and found is not None and user is not None and stored.user_id == user
    watermark = stored.watermark if stored and same else None
    if found is None:
        project = find_project(studio, campaign, name)
        if project is None:
            project = create_project(
                studio,
                campaign,
                name,
                label_config=label_config(campaign.protocol),
                expert_instruction=guidelines(campaign.protocol),
                show_instruction=True,
                maximum_annotations=1,
                sampling="Sequential sampling",  # the order of import, which is this annotator's own
                show_collab_predictions=shows,
                show_annotation_history=False,
                show_skip_button=True,
                skip_queue="REQUEUE_FOR_OTHERS",
                enable_empty_annotation=False,
            )
        found = project_of(campaign, studio, name, project)
        assert found is not None
    row = {"desk": name, "project_id": found["id"], "user_id": user, "watermark": watermark}
    _keep_page(campaign, studio, row, found, stored, notes)
    _keep_blind(studio, name, found, shows, notes)
    offered = found["model_version"] if shows else None
    return Desk(name, found["id"], found["task_number"], watermark, found["total_predictions_number"], offered)


def known_desks(campaign: Campaign) -> dict[str, Any]:
    """The desks of the ledger, by name: rows of the table `desks`."""
    with campaign.read() as db:
        return table.desks(db)


def project_of(campaign: Campaign, studio: Studio, name: str, project: int) -> dict[str, Any] | None:
    """The project as the server has it; None where it is gone, or where the number now belongs to something else."""
    try:
        answer = studio.get(f"/api/projects/{project}/")
    except StudioError as error:
        if error.status == 404:
            return None
        raise
    try:
        found: dict[str, Any] = check(PROJECT, answer)
    except ValueError as error:
        raise StudioError(
            f"{studio.url}/projects/{project} comes in another shape ({error}); is it a Label Studio of another "
            "version? See `ccd doctor`",
            ODD,
        ) from None
    if found.get("description") == _mark(campaign, name):
        return found
    if found["title"] == _title(campaign, name):
        raise ServerError(
            f"{studio.url}/projects/{project}: the description of desk {name} was changed by hand; "
            f"set it to: {_mark(campaign, name)}"
        )
    return None


def find_project(studio: Studio, campaign: Campaign, name: str) -> int | None:
    """The id of the project that bears this desk's mark; the oldest, should there be two."""
    mark, found, page = _mark(campaign, name), [], 1
    while True:
        answer = studio.get("/api/projects/", include="id,description", page=page, page_size=100)
        found += [p["id"] for p in answer["results"] if p.get("description") == mark]
        if not answer.get("next"):
            return min(found, default=None)
        page += 1


def create_project(studio: Studio, campaign: Campaign, name: str, **settings: Any) -> int:
    """Make a project with a desk's mark, once: after a lost answer it is looked for before it is made again."""
    try:
        with studio.errors("make a project"):
            made = studio.sdk.projects.create(
                title=_title(campaign, name),
                description=_mark(campaign, name),
                request_options={"max_retries": 0},
                **settings,
            )
        return int(made.id)
    except StudioError as error:
        found = find_project(studio, campaign, name) if error.in_doubt else None
        if found is None:
            raise
        return found


def forget(campaign: Campaign, name: str) -> None:
    """Forget a desk's project and tasks, as after a deletion by hand; judgments stay."""
    with campaign.write() as db:
        table.forget(db, name)


def is_page_right(campaign: Campaign, found: dict[str, Any], put: str | None) -> bool:
    """True where a project's labeling page is the protocol's, or the one that `ccd push` put there (its digest)."""
    return page_digest(found["label_config"] or "") in (page_digest(label_config(campaign.protocol)), put)


def first_second_after(studio: Studio) -> str:
    """The server's next full second: what happens there from now on bears a later time."""
    return (studio.server_time() + datetime.timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _keep_page(
    campaign: Campaign, studio: Studio, row: dict[str, Any], found: dict[str, Any], stored: Any, notes: list[str]
) -> None:
    """Make the labeling page the protocol's, and store the desk's row with since when it is right."""
    wanted = label_config(campaign.protocol)
    with campaign.write() as db:
        number = revisions.current(db, campaign.protocol)
        earlier = asked(db, campaign.protocol, row["desk"]).since
    follows = bool(earlier) and earlier[-1][1] != number
    put, since = (stored.page, stored.page_since) if stored and stored.project_id == row["project_id"] else (None, None)
    if not is_page_right(campaign, found, put):
        since = NEVER
        notes.append(
            f"desk {row['desk']}: its labeling page was changed by hand; the protocol's is back. Have whoever has it "
            "open reload it"
        )
    _store(campaign, row | {"page": put, "page_since": since})  # before the page is put right, should this be killed
    if follows or page_digest(found["label_config"] or "") != page_digest(wanted):
        if since != NEVER:
            notes.append(f"desk {row['desk']}: its labeling page follows the protocol's change")
        page = {"label_config": wanted, "expert_instruction": guidelines(campaign.protocol)}
        _put_page(studio, row["project_id"], page)
    since = first_second_after(studio) if since == NEVER else since
    _store(campaign, row | {"page": page_digest(wanted), "page_since": since})
    if follows or not earlier:
        asks_since = first_second_after(studio) if stored else ""
        with campaign.write() as db:
            table.add_page(db, row["desk"], number, asks_since)


def _put_page(studio: Studio, project: int, page: dict[str, str]) -> None:
    """Set a project's labeling page. Raises StudioError that names the tasks whose answers Label Studio would lose."""
    try:
        studio.send("PATCH", f"/api/projects/{project}/", page)
    except StudioError as error:
        if error.status != 400:
            raise
        names = {part.get("name") for part in ElementTree.fromstring(page["label_config"]).iter()}
        sick: dict[int, str] = {}
        held = studio.tasks(
            project, fields="updated_at", where=(HOLDS_ANSWERS,), annotations=True, sick=sick.__setitem__
        )
        in_the_way = [
            f"{studio.url}/projects/{project}/data?task={task['id']}"
            for task in held
            if any(
                isinstance(part, dict) and part.get("from_name") not in names
                for annotation in task["annotations"]
                for part in annotation["result"]
            )
        ]
        if not in_the_way:
            raise
        which = number_of(len(in_the_way), "task has an answer", "tasks have answers")
        raise StudioError(
            f"the labeling page of {studio.url}/projects/{project} cannot be put right, as {which} to a question that "
            f"the protocol does not ask ({', '.join(in_the_way[:5])}{', ...' if len(in_the_way) > 5 else ''}); delete "
            "these answers there and run `ccd push` again",
            400,
        ) from None


def _store(campaign: Campaign, row: dict[str, Any]) -> None:
    with campaign.write() as db:
        table.store(db, row)


def _keep_blind(studio: Studio, name: str, found: dict[str, Any], shows: bool, notes: list[str]) -> None:
    if found["show_collab_predictions"] == shows:
        return
    if not shows:
        notes.append(f"desk {name}: its queue was made to offer predictions; put right, as the desk is blind")
    studio.send("PATCH", f"/api/projects/{found['id']}/", {"show_collab_predictions": shows})


def _title(campaign: Campaign, name: str) -> str:
    return f"{campaign.config.name[:28]} · {name}"[:TITLE_LENGTH]


def _mark(campaign: Campaign, name: str) -> str:
    role = "adjudication" if name == ADJUDICATION_DESK else "desk"
    return f"ccd-toolkit campaign {campaign.uid} {role} {name}. Made and kept by `ccd push`: please do not edit."
