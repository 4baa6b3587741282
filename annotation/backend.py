"""The machine-learning backend at the desks: Label Studio is told its address, and whom to call after an answer."""

from typing import Any

from annotation.client import Studio
from annotation.desks import known_desks, project_of
from annotation.predictions import SHOWN
from ccd.campaign.campaign import ADJUDICATION_DESK, Campaign
from ccd.campaign.tables import assignments

TITLE = "ccd backend"  # a project whose model version this is has Label Studio call for a prediction as a task opens
USER = "ccd"
ANSWERED = "ANNOTATION_CREATED"


def connect(campaign: Campaign, studio: Studio, url: str, password: str) -> dict[str, int]:
    """Register the backend at every annotator's desk, once; gives the number of pairs that each desk may show.

    `url` has the secret part of its path: Label Studio calls the webhook `<url>/webhook` without the password. A desk
    without a pair to show reports its answers and stays blind. Connected twice is connected once.
    """
    showing = _showing(campaign)
    connected = {}
    for name, project in _projects(campaign, studio).items():
        _take_away(studio, project, url)
        # Before the backend: Label Studio makes a webhook of its own, for all events, where it finds none.
        studio.send(
            "POST", "/api/webhooks/", {"project": project, "url": _webhook(url), "actions": [ANSWERED]} | _NARROW
        )
        secret = {"auth_method": "BASIC_AUTH", "basic_auth_user": USER, "basic_auth_pass": password}
        studio.send("POST", "/api/ml/", {"project": project, "url": url, "title": TITLE} | secret)
        connected[name] = showing.get(name, 0)
        if connected[name]:
            studio.send("PATCH", f"/api/projects/{project}/", {"show_collab_predictions": True, "model_version": TITLE})
    return connected


def disconnect(campaign: Campaign, studio: Studio, url: str) -> None:
    """Take back what `connect` did. Predictions that tasks carry already are shown on."""
    for project in _projects(campaign, studio).values():
        _take_away(studio, project, url)
        found = studio.get(f"/api/projects/{project}/")
        if found["show_collab_predictions"] and found["total_predictions_number"]:
            studio.send("PATCH", f"/api/projects/{project}/", {"model_version": SHOWN})


_NARROW = {"send_payload": True, "send_for_all_actions": False}


def _webhook(url: str) -> str:
    return f"{url}/webhook"


def _projects(campaign: Campaign, studio: Studio) -> dict[str, int]:
    """The annotators' desks that are there."""
    known = {name: row.project_id for name, row in known_desks(campaign).items() if name != ADJUDICATION_DESK}
    return {name: number for name, number in known.items() if project_of(campaign, studio, name, number)}


def _take_away(studio: Studio, project: int, url: str) -> None:
    """Remove our backend and its webhook, also those of a run that was killed or had another address."""
    ours: list[dict[str, Any]] = [ml for ml in studio.get("/api/ml/", project=project) if ml["title"] == TITLE]
    for ml in ours:
        studio.send("DELETE", f"/api/ml/{ml['id']}", None)
    hooks = {_webhook(url), *(_webhook(ml["url"]) for ml in ours)}
    for hook in studio.get("/api/webhooks/", project=project):
        if hook["url"] in hooks:
            studio.send("DELETE", f"/api/webhooks/{hook['id']}/", None)


def _showing(campaign: Campaign) -> dict[str, int]:
    """How many pairs each annotator's desk may show a prediction of."""
    with campaign.read() as db:
        return assignments.assisted(db)
