"""Simulated annotators: they sign in like people, take the next task of their desk, and answer with a known confusion.

For the demo and for tests only. What they give is never real data, and every output of the demo says so.
"""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import requests

from annotation.accounts import sign_in
from annotation.label_config import read_result
from ccd.errors import ServerError
from ccd.protocol import Protocol, Question
from ccd.vocabulary import Status

TRIES = 20


@dataclass(frozen=True)
class Simulated:
    """Somebody who answers: `accuracy` of the answers are the true label, the rest goes to the other labels alike.

    `hard` lists labels that are found with the lower accuracy `hard_accuracy` (people miss implicit relations). Where
    a prediction is shown, its label is taken over with probability `follow`, whatever the own answer would have been.
    """

    email: str
    password: str
    accuracy: float
    hard_accuracy: float
    hard: tuple[str, ...]
    seed: int
    cannot_judge: float = 0.01
    follow: float = 0.0

    def answer(self, true: str, labels: tuple[str, ...], chance: random.Random, shown: str | None = None) -> str:
        """One answer to a pair whose true label is known, beside the label that a model is `shown` to predict."""
        own = self._own(true, labels, chance)
        return shown if shown is not None and chance.random() < self.follow else own

    def _own(self, true: str, labels: tuple[str, ...], chance: random.Random) -> str:
        if chance.random() < self.cannot_judge:
            return Status.CANNOT_JUDGE
        right = self.hard_accuracy if true in self.hard else self.accuracy
        return true if chance.random() < right else chance.choice([label for label in labels if label != true])


def work(
    person: Simulated, url: str, project: int, protocol: Protocol, truth: Mapping[str, str], tick: Callable[[int], None]
) -> int:
    """Answer every task of a desk through Label Studio's own API, as the page does; returns how many.

    Args:
        truth: the true label of the primary question, by pair id; other questions are answered at random.
    """
    session = sign_in(url, person.email, person.password)
    done = 0
    while (task := _next_task(session, url, project)) is not None:
        pair = task["data"]["pair_key"]
        chance = random.Random(f"{person.seed}:{pair}")  # the same answer whenever it is asked again
        answers = {question.name: _any(question, chance) for question in protocol.questions}
        answers[protocol.question.name] = person.answer(truth[pair], protocol.labels, chance, _shown(task, protocol))
        body = {
            "result": [_part(name, answer) for name, answer in answers.items()],
            "lead_time": round(chance.lognormvariate(1.8, 0.5), 2),
        }
        answer = session.post(f"{url}/api/tasks/{task['id']}/annotations/?project={project}", json=body, timeout=60)
        if answer.status_code == 201:
            done += 1
            tick(1)
        elif (
            answer.status_code < 500
        ):  # else: asked for the next task again, which is this one only if it was not taken
            raise ServerError(
                f"{url} did not take the answer of {person.email} to {pair} (status {answer.status_code}); see its log"
            )
    return done


def _next_task(session: requests.Session, url: str, project: int) -> dict[str, Any] | None:
    for _attempt in range(TRIES):
        answer = session.get(f"{url}/api/projects/{project}/next", timeout=60)
        if answer.status_code == 404:  # "There are no tasks": the desk is done
            return None
        if answer.status_code == 200:
            task: dict[str, Any] = answer.json()
            return task
        time.sleep(0.5)  # on SQLite a busy Label Studio now and then answers 500, "database is locked"
    raise ServerError(f"{url} gives no next task of project {project} (status {answer.status_code}); see its log")


def _shown(task: dict[str, Any], protocol: Protocol) -> str | None:
    """The label that the page has chosen already, if Label Studio's queue offers a prediction."""
    for prediction in task["predictions"]:
        return read_result(prediction["result"], protocol)[0].get(protocol.question.name)
    return None


def _any(question: Question, chance: random.Random) -> str | float:
    if question.kind == "score":
        steps = round((question.maximum - question.minimum) / question.step)
        return float(round(question.minimum + question.step * chance.randint(0, steps), 6))
    return chance.choice(question.labels)


def _part(name: str, answer: str | float) -> dict[str, Any]:
    if isinstance(answer, str):
        return {"from_name": name, "to_name": "text", "type": "choices", "value": {"choices": [answer]}}
    return {"from_name": name, "to_name": "text", "type": "number", "value": {"number": answer}}
