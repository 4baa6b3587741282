"""Whatever people, servers and processes do: every valid answer of an assigned annotator counts once, and no other.

The machine does it at random and keeps a model of its own. It leaves out what nobody can know: what a task or a page
showed while it was changed and changed back between two pulls, and which came first of an answer and a change where no
pull came between.
"""

import contextlib
import itertools
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

import annotation.tasks as pushing
from annotation.client import StudioError
from annotation.desks import NEVER, known_desks
from annotation.label_config import label_config
from ccd.campaign.campaign import Campaign
from ccd.campaign.tables import schema
from ccd.campaign.tables.judgments import answered
from tests.annotation.desks import Office, choice, swapped
from tests.annotation.stand_in import ADMIN, Annotation, Dead, Task
from tests.campaigns import add_pairs

PAIRS = [f"x:{number}:0" for number in range(5)]
LABELS = ("explicit", "implicit", "irrelevant")
SAID = st.sampled_from((*LABELS, *LABELS, "cannot_judge", "nonsense"))
NUMBER = st.integers(0, 50)
ODD: list[Any] = ["x:nobody:0", "", None, 7, ["x:0:0"]]
NUMBERS = st.lists(NUMBER, min_size=2, max_size=6)
PHASES = (Phase.generate, Phase.shrink)
MEMORY = Path("/dev/shm")


class Saved(NamedTuple):
    """An annotation as it was last saved, and whether that was as it should be."""

    pair: str
    desk: str
    label: str | None  # None: no vote
    created_at: str
    is_right: bool


class Votes(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        folder = Path(tempfile.mkdtemp(dir=MEMORY if MEMORY.is_dir() else None))
        self.folder = folder
        self.saved: dict[int, Saved] = {}
        self.pulled: dict[int, Saved] = {}
        self.of_task: dict[int, set[int]] = {}  # annotations by task, as last pulled
        self.office = Office(folder / "c")
        self._set("judgments_per_pair = 3", "judgments_per_pair = 2")  # so that one may leave

    def teardown(self) -> None:
        try:
            self.pull_and_push()
            self.pull()
        finally:
            self._put_away()

    def _put_away(self) -> None:
        self.office.campaign.engine.dispose()
        shutil.rmtree(self.folder)

    @initialize()
    def begin(self) -> None:
        add_pairs(self.office.campaign, PAIRS)
        self.office.assign({"x:0:0": ("ann", "bob"), "x:1:0": ("ann", "cy")})
        self.push()

    # What the lead does.

    @rule(pairs=st.sets(st.sampled_from(PAIRS), min_size=1, max_size=3), names=st.sets(st.integers(0, 2), min_size=1))
    def assign(self, pairs: set[str], names: set[int]) -> None:
        people = [person.name for person in self.office.campaign.config.annotators]
        chosen = {people[number] for number in names if number < len(people)}
        has = self._assigned()
        if any(row.page_since for row in known_desks(self.office.campaign).values()):
            # An answer from before its pair was assigned and the page was put right is set aside, and sent again
            has |= {(one.pair, one.desk) for one in self.saved.values() if isinstance(one.pair, str)}
        orders = {p: tuple(n for n in sorted(chosen) if (p, n) not in has) for p in sorted(pairs)}
        if any(orders.values()):
            self.office.assign({pair: who for pair, who in orders.items() if who})
            self.pull()  # an answer from before counts from here on, unless its task is deleted first

    @rule()
    def push(self) -> None:
        self.office.push()
        self.office.server.wait(2)

    @rule()
    def pull_and_push(self) -> None:
        """A push sees that a task is missing by the number of tasks, unless a pull has seen which are there."""
        self.pull()
        self.push()
        self._desks_are_complete()

    @rule()
    def pull(self) -> None:
        self.office.pull()
        self._note_pull()
        self.office.server.wait(2)
        assert self.office.counts() == self._expected()

    @rule(number=st.integers(1, 12), fault=st.sampled_from(("lost", "refused", "dead")))
    def push_in_trouble(self, number: int, fault: str) -> None:
        changes = itertools.count(1)

        def nth(method: str, _path: str) -> str | None:
            return fault if method != "GET" and next(changes) == number else None

        unsure = self._is_something_changed()
        with _failing(self, nth):
            self.office.push()
        self.office.server.wait(2)
        if unsure:  # what was put right just now, and when, is not known before the next push
            self.push()

    @rule(number=st.integers(1, 25))
    def pull_killed(self, number: int) -> None:
        asked = itertools.count(1)
        with _failing(self, lambda _method, _path: "dead" if next(asked) == number else None):
            self.office.pull()
        self.pull()

    # What annotators do.

    @rule(numbers=NUMBERS, said=SAID, kind=st.sampled_from((*["vote"] * 6, "skip", "truth")), killed=st.booleans())
    def answer(self, numbers: list[int], said: str, kind: str, killed: bool) -> None:
        for number in numbers:
            if (task := self._any(self._tasks(), number)) is not None:
                self.office.server.killed = killed
                made = self._answer(task, said, skip=kind == "skip")
                made.ground_truth = kind == "truth"
                self._save(made)

    @rule(number=NUMBER, said=SAID, by=st.sampled_from(("ann", "bob", "cy", "lead")))
    def answer_on_any_desk(self, number: int, said: str, by: str) -> None:
        if (task := self._any(self._tasks(), number)) is not None:
            self._save(self.office.server.answer(task.id, self.office.server.user(by), choice(said)))

    @rule(number=NUMBER, said=SAID, own=st.sampled_from((True, True, False)), killed=st.booleans())
    def edit(self, number: int, said: str, own: bool, killed: bool) -> None:
        if (found := self._any(self._annotations(), number)) is not None:
            self.office.server.killed = killed
            self.office.server.edit(found.id, found.completed_by if own else ADMIN, result=choice(said))
            self._save(found)

    @rule(number=NUMBER, killed=st.booleans())
    def delete(self, number: int, killed: bool) -> None:
        if (found := self._any(self._annotations(), number)) is not None:
            self.office.server.killed = killed
            self.office.server.withdraw(found.id)

    # What is done to desks by hand.

    @rule(number=NUMBER)
    def double(self, number: int) -> None:
        if (task := self._any(self._tasks(), number)) is not None:
            self.office.server.add_task(task.project, dict(task.data))

    @rule(numbers=NUMBERS, text=st.sampled_from(("text", "text", "")))
    def stray(self, numbers: list[int], text: str) -> None:
        """Tasks imported by hand: mostly of pairs that the desk's annotator was not assigned."""
        for number in numbers:
            if (project := self._any(sorted(self.office.server.projects), number)) is not None:
                desk, has = self._desk(project), self._assigned()
                pair = self._any([*(p for p in PAIRS if (p, desk) not in has), "x:0:0", *ODD], number)
                data = {"pair_key": pair, "text": text, "image": _address(pair), "round": 1}
                self._answer(self.office.server.add_task(project, data), "explicit")

    @rule(number=NUMBER)
    def delete_task(self, number: int) -> None:
        if (task := self._any(self._tasks(), number)) is not None:
            self.office.server.delete_task(task.id)

    @rule(number=NUMBER)
    def delete_project(self, number: int) -> None:
        """Of somebody who is still there: a push cannot make a desk for anybody else, and says so."""
        people = {person.name for person in self.office.campaign.config.annotators}
        found = [project for project in sorted(self.office.server.projects) if self._desk(project) in people]
        if (project := self._any(found, number)) is not None:
            self.office.server.delete_project(project)

    @rule(number=NUMBER, key=st.sampled_from(("text", "image")), seen=st.booleans(), pushed=st.booleans())
    def edit_task(self, number: int, key: str, seen: bool, pushed: bool) -> None:
        self.pull()
        with self.office.campaign.read() as db:
            mine = set(db.scalars(sa.select(schema.tasks.c.task_id)))
        if (task := self._any([task for task in self._tasks() if task.id in mine], number)) is not None:
            self.office.server.show(task.id, task.data | {key: "another"})
            if seen:
                self.pull()
            self._answer(task, "explicit")
            if pushed:
                self.push()

    @rule(number=NUMBER, seen=st.booleans(), pushed=st.booleans())
    def swap_page(self, number: int, seen: bool, pushed: bool) -> None:
        self.pull()
        if (project := self._any(sorted(self.office.server.projects), number)) is not None:
            page = self.office.server.projects[project]
            page["label_config"] = swapped(label_config(self.office.campaign.protocol))
            if seen:
                self.pull()
            if (task := self._any(self.office.server.of(project), number)) is not None:
                self._answer(task, "explicit")
            if pushed:
                self.push()

    @rule()
    def page_back_by_hand(self) -> None:
        self.pull()
        for page in self.office.server.projects.values():
            page["label_config"] = label_config(self.office.campaign.protocol)
        self.pull()

    @rule(what=st.sampled_from(("rename", "leave", "title", "0.1", "11", "3600")))
    def pass_time(self, what: str) -> None:
        """Somebody goes by another name, or leaves: what they have stays. A title is changed, or time passes."""
        if what == "rename":
            self._rewrite('name = "bob"', 'name = "bobby"')
        elif what == "leave":
            self._rewrite('\n[[annotators]]\nname = "cy"\nemail = "cy@example.org"\n', "\n")
        elif what == "title":
            for project in self.office.server.projects.values():
                project["title"] = "mine"
        else:
            self.office.server.wait(float(what))

    @invariant()
    def no_answer_was_destroyed(self) -> None:
        assert self.office.server.destroyed == []

    # The model.

    def _answer(self, task: Task, said: str, *, skip: bool = False) -> Annotation:
        """The annotator whose desk it is answers a task."""
        made = self.office.server.answer(task.id, self._owner(task), choice(said), skip=skip)
        self._save(made)
        return made

    def _save(self, made: Annotation) -> None:
        """Note what an annotation is worth that was saved just now."""
        task, desk = self.office.server.tasks[made.task], self._desk(made.project)
        pair = task.was["pair_key"]
        right = made.completed_by == made.updated_by == self._owner(task) and not made.ground_truth
        right &= isinstance(pair, str) and (task.data["text"], task.data["image"]) == ("text", _address(pair))
        page = self.office.server.projects[made.project]["label_config"]
        right &= page == label_config(self.office.campaign.protocol)
        said = made.result[0]["value"]["choices"][0]
        label = said if said in LABELS and not made.was_cancelled else None
        self.saved[made.id] = Saved(pair, desk, label, made.created_at, right)

    def _note_pull(self) -> None:
        """A pull sees the annotations of every task that is there; those of deleted tasks stay as they were."""
        for task in self._tasks():
            now = {a.id for a in self.office.server.annotations.values() if a.task == task.id}
            for lost in self.of_task.get(task.id, set()) - now:
                self.pulled.pop(lost, None)
            self.of_task[task.id] = now
            self.pulled |= {number: self.saved[number] for number in now}

    def _expected(self) -> dict[tuple[str, str], str]:
        has = self._assigned()
        first: dict[tuple[str, str], str] = {}
        for one in sorted(self.pulled.values(), key=lambda one: one.created_at):
            if one.is_right and one.label and (one.pair, one.desk) in has:
                first.setdefault((one.pair, one.desk), one.label)
        return first

    def _desks_are_complete(self) -> None:
        """After a push every assigned pair that has no answer is on its desk, once in the ledger, and on the server."""
        with self.office.campaign.read() as db:
            ledger = {(row.pair_id, row.desk): row for row in db.execute(sa.select(schema.tasks))}
            for pair, name in self._assigned():
                if pair not in answered(db, name) or (pair, name) in ledger:
                    task = self.office.server.tasks[ledger[pair, name].task_id]
                    assert (task.was["pair_key"], self._desk(task.project)) == (pair, name)
            assert NEVER not in set(db.scalars(sa.select(schema.desks.c.page_since)))

    def _is_something_changed(self) -> bool:
        page = label_config(self.office.campaign.protocol)
        return any(p["label_config"] != page for p in self.office.server.projects.values()) or any(
            task.data != task.was for task in self.office.server.tasks.values()
        )

    def _assigned(self) -> set[tuple[str, str]]:
        with self.office.campaign.read() as db:
            a = schema.assignments.c
            return {(pair, name) for pair, name in db.execute(sa.select(a.pair_id, a.annotator))}

    def _tasks(self) -> list[Task]:
        return [task for _number, task in sorted(self.office.server.tasks.items())]

    def _annotations(self) -> list[Annotation]:
        return [found for _number, found in sorted(self.office.server.annotations.items())]

    def _any(self, found: list[Any], number: int) -> Any:
        return found[number % len(found)] if found else None

    def _desk(self, project: int) -> str:
        mark = str(self.office.server.projects[project]["description"])
        return mark.split(" desk ")[1].split(".")[0]

    def _owner(self, task: Task) -> int:
        name = self._desk(task.project)
        return self.office.server.user({"bobby": "bob"}.get(name, name))

    def _rewrite(self, old: str, new: str) -> None:
        """Change campaign.toml, once everybody who was assigned something has a desk."""
        there = {
            name
            for name, row in known_desks(self.office.campaign).items()
            if row.project_id in self.office.server.projects
        }
        if {name for _pair, name in self._assigned()} <= there:
            self._set(old, new)

    def _set(self, old: str, new: str) -> None:
        path = self.office.campaign.folder / "campaign.toml"
        path.write_text(path.read_text().replace(old, new))
        self.office.campaign.engine.dispose()
        self.office.campaign = Campaign.open(self.office.campaign.folder)


def _address(pair: Any) -> str:
    return f"/data/local-files/?d=images/{pair.replace(':', '-')}.jpg" if isinstance(pair, str) else ""


@contextlib.contextmanager
def _failing(machine: Votes, fault: Callable[[str, str], str | None]) -> Iterator[None]:
    """Let requests fail as `fault` says, and the command with them."""
    server, pauses = machine.office.server, pushing.PAUSES
    server.fault, pushing.PAUSES = fault, (0, 0, 0, 0)
    try:
        with contextlib.suppress(StudioError, Dead):
            yield
    finally:
        server.fault, pushing.PAUSES = lambda _method, _path: None, pauses


def run(examples: int, steps: int) -> None:
    chosen = settings(
        max_examples=examples,
        stateful_step_count=steps,
        deadline=None,
        derandomize=True,
        database=None,
        print_blob=False,
        phases=PHASES,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(Votes, settings=chosen)


@pytest.mark.slow
def test_every_vote_counts_once_and_nothing_else_does() -> None:
    run(examples=6, steps=12)


@pytest.mark.soak
def test_every_vote_counts_once_and_nothing_else_does_for_long() -> None:
    run(examples=400, steps=50)
