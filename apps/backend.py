"""The machine-learning backend of a campaign, as Label Studio calls it: health, setup, predict, webhook.

A pair is predicted only where assistance was decided for it (`ccd.campaign.assist`): blind pairs get nothing here
either. Its text and photo come from the campaign, never from the request.
"""

import hashlib
import re
import threading
import time
from pathlib import Path
from typing import Any, TypeGuard
from urllib.parse import parse_qs, urlsplit

from annotation.backend import ANSWERED
from annotation.predictions import SHOWN, prediction_json
from apps.connections import RefusedError
from apps.retraining import Retraining
from ccd.campaign.assist import to_show
from ccd.campaign.campaign import Campaign
from ccd.campaign.tables import known_pairs
from ccd.campaign.tables.desks import desks
from collection.text import model_text
from model.serving import Content, Ready, Serving

ANSWER_SECONDS = 60  # after which the tasks left get no prediction; Label Studio waits for 100
AT_ONCE = 64  # tasks between two looks at the clock


class Backend:
    """The five calls, JSON in and JSON out. `predicted` and `without` count tasks."""

    def __init__(self, campaign: Campaign, serving: Serving, retraining: Retraining) -> None:
        self.predicted = 0
        self.without = 0
        self._campaign = campaign
        self._serving = serving
        self._retraining = retraining
        self._lock = threading.Lock()
        self._stopped = False

    def stop(self) -> None:
        """Let what is being answered end soon: the tasks left get no prediction."""
        self._stopped = True

    @property
    def version(self) -> str | None:
        """Of the network that answers."""
        return self._serving.ready.version if self._serving.ready else None

    def health(self, _asked: object) -> dict[str, Any]:
        """It runs; `version` is null while no network is loaded."""
        return {"status": "UP", "version": self.version, "retrained": self._retraining.done}

    def versions(self, _asked: object) -> dict[str, Any]:
        """All predictions bear one name in Label Studio; their true version goes along in their result."""
        return {"versions": [SHOWN]}

    def setup(self, _asked: object) -> dict[str, Any]:
        """What Label Studio takes for the version: it does not ask for a task that has a prediction of it."""
        return {"model_version": SHOWN, "version": self.version}

    def predict(self, asked: dict[str, Any]) -> dict[str, Any]:
        """A prediction of each task, in order: an empty list where there is none, and in `without` the reason."""
        tasks, ready = asked.get("tasks"), self._serving.ready
        if not isinstance(tasks, list):
            raise RefusedError(400, "the request has no list of tasks")
        if ready is None:
            raise RefusedError(
                503, "no network is loaded yet; try again in a few seconds, or see what the backend says"
            )
        question = self._campaign.protocol.question.name
        until = time.monotonic() + ANSWER_SECONDS
        results: list[Any] = []
        without = []
        for start in range(0, len(tasks), AT_ONCE):
            part = tasks[start : start + AT_ONCE]
            late = [f"not within {ANSWER_SECONDS} s; ask again, or run `ccd encode` first"] * len(part)
            is_late = self._stopped or time.monotonic() > until
            for task, said in zip(part, late if is_late else self._said(ready, part), strict=True):
                if isinstance(said, str):
                    results.append([])  # Label Studio then stores nothing: a result without choices would be stored
                    without.append({"task": _number(task), "reason": said})
                else:
                    made = prediction_json(question, said.label, said.score, ready.version)
                    results.append(made | {"model_version": SHOWN})
        with self._lock:
            self.predicted += len(tasks) - len(without)
            self.without += len(without)
        return {"results": results, "without": without}

    def webhook(self, asked: dict[str, Any]) -> dict[str, Any]:
        """Count an answer; or begin a retraining, where somebody pressed “Start Training”."""
        if asked.get("action") == "START_TRAINING":
            if not self._retraining.every:
                raise RefusedError(409, "this backend does not train; start it with --retrain-after")
            return {"begun": self._retraining.begin()}
        annotation = asked.get("annotation")
        if asked.get("action") == ANSWERED and isinstance(annotation, dict) and not annotation.get("was_cancelled"):
            self._retraining.answered()
        return {"answers": self._retraining.answers}

    def _said(self, ready: Ready, tasks: list[Any]) -> list[Any]:
        """Of each task the network's answer, or why there is none."""
        found = self._contents(tasks)
        answers = iter(ready.answer([content for content in found if isinstance(content, Content)]))
        return [
            content if isinstance(content, str) else next(answers) or f"{content.photo}: the photo cannot be read"
            for content in found
        ]

    def _contents(self, tasks: list[Any]) -> list[Content | str]:
        """Of each task the content of its pair, or why it is not predicted."""
        data = [task["data"] if isinstance(task, dict) and isinstance(task.get("data"), dict) else {} for task in tasks]
        keys = [each["pair_key"] for each in data if _is_key(each.get("pair_key"))]
        with self._campaign.read() as db:
            rows = known_pairs.content(db, keys)
            desk = {row.project_id: name for name, row in desks(db).items()}
            shown = to_show(db, keys)
        contents: list[Content | str] = []
        for task, each in zip(tasks, data, strict=True):
            pair, image = each.get("pair_key"), each.get("image")
            row = rows.get(pair) if _is_key(pair) else None
            project = task.get("project") if isinstance(task, dict) else None
            if row is None:
                contents.append(f"{_short(pair)} is no pair of this campaign, or its post is gone")
            elif not image:
                contents.append("the task has no image")
            elif not _is_of(str(image), row.file):
                contents.append(
                    f"{_short(image)} is not the photo of {pair}; `ccd pull` and `ccd push` put the task right"
                )
            elif (desk.get(project) if isinstance(project, int) else None, pair) not in shown:
                contents.append("blind: no prediction is shown of this pair on this desk")
            else:
                text = row.model_text or model_text(row.text)
                contents.append(Content(text, row.image, self._campaign.folder / row.file))
        return contents


def _is_key(value: Any) -> TypeGuard[str]:
    """Whether a database can be asked for it."""
    return isinstance(value, str) and len(value) < 1000 and not re.search("[\0\ud800-\udfff]", value)


def _number(task: Any) -> int | None:
    number = task.get("id") if isinstance(task, dict) else None
    return number if isinstance(number, int) else None


def _short(value: object) -> str:
    return repr(value)[:200]


def _is_of(address: str, file: str) -> bool:
    """Whether a task's image is this file of the campaign: as the local server shows it, or as it was uploaded.

    >>> _is_of("/data/local-files/?d=images/ab/ab12.jpg", "images/ab/ab12.jpg")
    True
    >>> _is_of("/data/local-files/?d=../../secret/ab12.jpg", "images/ab/ab12.jpg")
    False
    """
    try:
        parts = urlsplit(address)
        asked = parse_qs(parts.query, max_num_fields=10).get("d")
    except ValueError:  # no address
        return False
    if parts.path == "/data/local-files/":
        return asked == [file]
    return re.fullmatch(rf"/data/upload/\d+/[0-9a-f]+-{re.escape(Path(file).name)}", parts.path) is not None


def secret_of(campaign: Campaign, password: str) -> str:
    """The secret part of the address: Label Studio calls the webhook without the password.

    The same after a restart, and stored nowhere; who reads it in Label Studio cannot tell the password by it.
    """
    return hashlib.scrypt(password.encode(), salt=campaign.uid.encode(), n=1 << 14, r=8, p=1, dklen=16).hex()
