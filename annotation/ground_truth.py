"""Decisions of reviewers on their way to Label Studio: a ground truth of each on the adjudicators' desk.

They are written oldest first. What was written is noted with each, so an interrupted or refused write-back is simply
run again; the decision's own id goes with it, and Label Studio answers 409 to the second of one id.
"""

import uuid
from collections.abc import Mapping
from typing import Any

from annotation.accounts import ids_of
from annotation.client import Studio, StudioError
from annotation.label_config import COMMENT
from annotation.pictures import Pictures
from annotation.push import send_to_adjudicators
from ccd.campaign import adjudication
from ccd.campaign.campaign import Campaign
from ccd.errors import InputError
from ccd.protocol import Protocol
from ccd.vocabulary import Status


def write_back(campaign: Campaign, studio: Studio, pictures: Pictures) -> int:
    """Write every decision that waits; returns how many versions. Those of posts that are gone have no task to go to.

    Raises CcdError where Label Studio cannot be reached or refuses one; what was written until then is noted.
    """
    with campaign.read() as db:
        waiting = adjudication.waiting(db)
    if not waiting:
        return 0
    users = ids_of(studio, campaign.config.adjudicators)
    gone = {each.reviewer for each in waiting} - users.keys()
    if gone:
        raise InputError(f"{min(gone)} decided and is not in campaign.toml; put them back under [[adjudicators]]")
    project, tasks = send_to_adjudicators(campaign, studio, pictures, {each.pair_id for each in waiting})
    for each in waiting:
        task = tasks.get(each.pair_id, 0)
        if task:
            _withdraw(studio, task, users[each.reviewer])
            if each.status != Status.DELETED:
                _write(studio, campaign.protocol, task, users[each.reviewer], each)
        with campaign.write() as db:
            adjudication.written(db, each, project, task)
    return len(waiting)


def result_of(protocol: Protocol, answers: Mapping[str, Any] | None, comment: str | None) -> list[dict[str, Any]]:
    """What Label Studio stores for these answers, None for `cannot judge`; `label_config.read_result` reads it."""
    parts = []
    for question in protocol.questions:
        answer = Status.CANNOT_JUDGE if answers is None else answers.get(question.name)
        if answer == Status.CANNOT_JUDGE and question.kind == "score":
            parts.append(_part(f"{question.name}-{Status.CANNOT_JUDGE}", "choices", [Status.CANNOT_JUDGE]))
        elif isinstance(answer, str):
            parts.append(_part(question.name, "choices", [answer]))
        elif answer is not None:
            parts.append(_part(question.name, "number", answer))
    return [*parts, _part(COMMENT, "textarea", [comment], "text")] if comment else parts


def _write(studio: Studio, protocol: Protocol, task: int, user: int, decision: adjudication.Decision) -> None:
    body = {
        "result": result_of(protocol, decision.answers, decision.comment),
        "completed_by": user,
        "ground_truth": True,
        "lead_time": decision.seconds or 0,
        "unique_id": str(uuid.uuid5(uuid.NAMESPACE_URL, decision.subject)),
    }
    try:
        studio.send("POST", f"/api/tasks/{task}/annotations/", body)
    except StudioError as error:
        if error.status != 409:  # it is there already: the answer to the first was not seen
            raise


def _withdraw(studio: Studio, task: int, user: int) -> None:
    """Delete the reviewer's earlier ground truth on the task: a decision that was taken back or said anew."""
    for annotation in studio.get(f"/api/tasks/{task}/")["annotations"]:
        by = annotation["completed_by"]
        if annotation["ground_truth"] and (by["id"] if isinstance(by, dict) else by) == user:
            studio.send("DELETE", f"/api/annotations/{annotation['id']}/", None)


def _part(name: str, kind: str, value: Any, key: str | None = None) -> dict[str, Any]:
    return {"from_name": name, "to_name": "text", "type": kind, "value": {key or kind: value}}
