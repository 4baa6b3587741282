"""Predictions on desks: what the model says of a pair, where the campaign wants it shown, and nowhere else.

Label Studio offers an annotator the predictions of one model version a project, and hides the others only from its
queue, not from the quick view. So all of ours bear one name there, and their true version goes along in the result; and
a blind task carries no prediction at all.
"""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from annotation.client import Studio, StudioError
from annotation.desks import Desk
from ccd.campaign.assist import Suggestion

SHOWN = "ccd"  # what Label Studio takes for the model's version
PAUSES = (0.5, 2, 5, 10)  # seconds before a desk in doubt is looked at again

Prediction = dict[str, Any]


def prediction_json(question: str, label: str, score: float, version: str) -> Prediction:
    """A prediction as Label Studio's API takes it: one choice of a question, with its probability.

    >>> prediction_json("relation", "implicit", 0.7, "ananet-1")["result"][0]["value"]
    {'choices': ['implicit']}
    """
    part = {
        "from_name": question,
        "to_name": "text",
        "type": "choices",
        "value": {"choices": [label]},
        "meta": {"version": version},
    }
    return {"model_version": version, "score": score, "result": [part]}


def as_sent(question: str, said: Suggestion) -> Prediction:
    """What `ccd push` puts on a task: under the one name that Label Studio shows, its true version in the result."""
    return prediction_json(question, said.label, said.score, said.version) | {"model_version": SHOWN}


def version_of(prediction: Prediction) -> str:
    """Which model a prediction of Label Studio's is by; one that we sent says it in its result."""
    part = prediction["result"][0] if prediction["result"] else None
    meta = part.get("meta") if isinstance(part, dict) else None
    version = meta.get("version") if isinstance(meta, dict) else None
    return str(version or prediction["model_version"])


def send(studio: Studio, project: int, predictions: Sequence[Prediction]) -> None:
    """Import predictions, each with its `task`, in one call, and check the count: what is bad is dropped silently.

    Raises StudioError with one clear line where Label Studio stored fewer or more.
    """
    answer = studio.send("POST", f"/api/projects/{project}/import/predictions", list(predictions))
    check_count(studio, project, len(predictions), answer.get("created") if isinstance(answer, dict) else None)


def check_count(studio: Studio, project: int, sent: int, stored: int | None) -> None:
    """Raise StudioError where Label Studio stored another number of predictions than it was sent."""
    if stored != sent:
        raise StudioError(
            f"{studio.url}/projects/{project}: {sent} predictions were sent and {stored} are stored; see Label "
            "Studio's log, then run `ccd push` again: it sends those that are missing",
            200,
        )


def reconcile(studio: Studio, desk: Desk, wanted: Mapping[int, Prediction], notes: list[str]) -> None:
    """Bring a desk's predictions to those that are `wanted`, by task; where the counts agree, nothing is to be done.

    Only tasks without an answer are touched: what an answered one showed is part of its judgment.
    """
    if desk.predictions != len(wanted):
        _mend(studio, desk, wanted, notes)
    if wanted and not desk.model_version:
        studio.send("PATCH", f"/api/projects/{desk.project}/", {"model_version": SHOWN})


def _mend(studio: Studio, desk: Desk, wanted: Mapping[int, Prediction], notes: list[str]) -> None:
    """Send what is missing, remove what should not be there; after a lost answer look before sending again."""
    for pause in (*PAUSES, None):
        missing, unwanted = _compare(studio, desk, wanted)
        for number in unwanted:
            studio.send("DELETE", f"/api/predictions/{number}/", None)
        if unwanted:
            notes.append(f"desk {desk.name}: predictions added by hand to blind tasks, {len(unwanted)} removed")
        if not missing:
            return
        try:
            send(studio, desk.project, [wanted[task] | {"task": task} for task in missing])
            return
        except StudioError as error:
            if pause is None or not error.in_doubt:
                raise
            time.sleep(pause)


def _compare(studio: Studio, desk: Desk, wanted: Mapping[int, Prediction]) -> tuple[list[int], list[int]]:
    """Of the tasks without an answer: those that lack their prediction, and the predictions that should not be there.

    One without a result shows nothing, and is left.
    """
    missing, unwanted = [], []
    answered: dict[int, str] = {}  # a task that cannot be read holds an answer: what was sent can be read
    for task in studio.tasks(desk.project, fields="total_annotations", annotations=True, sick=answered.__setitem__):
        showing = [prediction for prediction in task["predictions"] if prediction["result"]]
        if task["annotations"]:
            continue
        if task["id"] not in wanted:
            unwanted += [prediction["id"] for prediction in showing]
        elif not showing:
            missing.append(task["id"])
    return missing, unwanted
