"""A small campaign with desks on the stand-in: people are assigned pairs, answer, and are pulled."""

from pathlib import Path
from typing import Any

import sqlalchemy as sa

from annotation.desks import known_desks
from annotation.pull import pull
from annotation.push import Pushed, push
from annotation.versions import Pulled
from ccd.campaign.tables import schema
from ccd.campaign.tables.judgments import valid_judgments
from tests.annotation.stand_in import Annotation, StandIn, Task
from tests.campaigns import add_pairs, small_campaign

PEOPLE = ("ann", "bob", "cy", "lead")


class Pictures:
    """The images lie on the server's own disk."""

    def urls(self, images: dict[str, str], tick: Any) -> dict[str, str]:
        return {sha: f"/data/local-files/?d={file}" for sha, file in images.items()}

    def attach(self, project: int) -> None:
        """They are shown in every project."""


class Office:
    """A campaign, its server, and what happens between them."""

    def __init__(self, folder: Path, pairs: int = 0) -> None:
        self.campaign = small_campaign(folder)
        self.server = StandIn(PEOPLE)
        self.studio = self.server.studio()
        if pairs:
            self.assign({f"x:{number}:0": ("ann", "bob", "cy") for number in range(pairs)})

    def assign(self, orders: dict[str, tuple[str, ...]]) -> None:
        """A round of these pairs, made where they are new, each to the named annotators."""
        with self.campaign.read() as db:
            known = set(db.scalars(sa.select(schema.pairs.c.pair_id)))
            number = 1 + (db.scalar(sa.select(sa.func.max(schema.rounds.c.round))) or 0)
        if new := [pair for pair in orders if pair not in known]:
            add_pairs(self.campaign, new)
        with self.campaign.write() as db:
            row = {"round": number, "arm": "random", "strategy": "random", "seed": 1, "size": len(orders)}
            db.execute(schema.rounds.insert().values(row | {"pool": len(orders), "created_at": "2026-01-01"}))
            for position, (pair, names) in enumerate(orders.items()):
                db.execute(schema.round_pairs.insert().values(round=number, pair_id=pair, inclusion_probability=1.0))
                for name in names:
                    row = {"pair_id": pair, "annotator": name, "round": number, "position": position}
                    db.execute(schema.assignments.insert().values(row))

    def push(self) -> Pushed:
        return push(self.campaign, self.studio, Pictures(), lambda _name, _total: lambda _number: None)

    def pull(self) -> Pulled:
        done = Pulled()
        pull(self.campaign, self.studio, lambda _name, _total: lambda _number: None, done)
        return done

    def project(self, name: str) -> int:
        return int(known_desks(self.campaign)[name].project_id)

    def tasks(self, name: str) -> list[Task]:
        return self.server.of(self.project(name))

    def task(self, name: str, pair: str) -> Task:
        """The first task of a pair on a desk."""
        return next(task for task in self.tasks(name) if task.data["pair_key"] == pair)

    def answer(self, name: str, task: Task, label: str, **more: Any) -> Annotation:
        return self.server.answer(task.id, self.server.user(name), choice(label), **more)

    def counts(self) -> dict[tuple[str, str], str]:
        """What counts: (pair, annotator) to label."""
        with self.campaign.read() as db:
            frame = valid_judgments(db, self.campaign.protocol.question.name)
        return dict(zip(zip(frame["task"], frame["worker"], strict=True), frame["label"], strict=True))


def choice(label: str) -> list[dict[str, Any]]:
    """The result of an annotation: one choice of the primary question."""
    return [{"from_name": "relation", "to_name": "text", "type": "choices", "value": {"choices": [label]}}]


def swapped(config: str) -> str:
    """The page with the aliases of two choices swapped: what is shown as the one is stored as the other."""
    one, other = 'alias="explicit"', 'alias="irrelevant"'
    return config.replace(one, "@").replace(other, one).replace("@", other)
