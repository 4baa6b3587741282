"""Revisions of a campaign's protocol: what annotators were asked, in every form that was in use.

A protocol may change while judging goes on, so every judgment knows the revision it was given under. A revision is what
an annotator reads and can answer: the questions with their names, titles and kinds, the categories with their names,
titles, guidelines and examples, the scales, the general guideline. Hotkeys, colours, ids, the level of measurement and
the citation make no new one. Two revisions differ in their *answers* where a question or a category was added, removed
or renamed, or a scale changed; where neither did, they differ in *wording* only.
"""

import datetime
import hashlib
import itertools
import json
from dataclasses import asdict, dataclass, replace
from typing import Any

import sqlalchemy as sa

from ccd.campaign.tables import judgments, schema
from ccd.errors import InputError
from ccd.protocol import Protocol, Question, of_dict
from ccd.wording import number_of


@dataclass(frozen=True)
class Revision:
    """A revision that judgments were given under, and how many of them count (annotators' and adjudicators')."""

    number: int
    protocol: Protocol
    judgments: int
    first_used: str

    def asks(self, question: str) -> bool:
        """Return whether a question was asked, under whatever title and with whatever answers."""
        return any(each.name == question for each in self.protocol.questions)

    def to_dict(self) -> dict[str, Any]:
        """For protocol.json: revision, first_used, judgments, and the complete protocol."""
        return {
            "revision": self.number,
            "first_used": self.first_used,
            "judgments": self.judgments,
            "protocol": asdict(self.protocol),
        }


def digest(protocol: Protocol) -> str:
    """Return the SHA-256 (hex) of what annotators read and can answer; equal digests are one revision.

    >>> from ccd.protocol import load
    >>> digest(load("ccd")) == digest(load("ccd"))
    True
    """
    asked = [protocol.guideline, *(_asked(question) for question in protocol.questions)]
    return hashlib.sha256(json.dumps(asked, ensure_ascii=False).encode()).hexdigest()


def answers_of(question: Question) -> tuple[Any, ...]:
    """Return what can be answered: the categories' names sorted, or the ends and the step of the scale."""
    if question.kind == "score":
        return (question.minimum, question.maximum, question.step)
    return tuple(sorted(question.labels))


def current(db: sa.Connection, protocol: Protocol) -> int:
    """Return the number of the protocol's revision, which is stored with its time when it is new."""
    r, found = schema.revisions, digest(protocol)
    number = db.scalar(sa.select(r.c.revision).where(r.c.digest == found))
    if number is not None:
        return int(number)
    number = (db.scalar(sa.select(sa.func.max(r.c.revision))) or 0) + 1
    content = json.dumps(asdict(protocol), ensure_ascii=False)
    at = datetime.datetime.now(datetime.UTC).isoformat()
    db.execute(r.insert().values(revision=number, digest=found, protocol=content, first_used=at))
    return number


def adopt(db: sa.Connection, protocol: Protocol) -> None:
    """Give what an older toolkit sent out or pulled the protocol as it is when the database is brought forward."""
    if any(db.execute(sa.select(sa.literal(1)).select_from(t).limit(1)).first() for t in (_DESKS, _JUDGMENTS)):
        current(db, protocol)


def known(db: sa.Connection, protocol: Protocol) -> dict[int, Protocol]:
    """Return every revision by number. Where none is stored yet, the protocol is number 1."""
    r = schema.revisions.c
    rows = db.execute(sa.select(r.revision, r.protocol).order_by(r.revision))
    return {number: of_dict(json.loads(content)) for number, content in rows} or {1: protocol}


def used(db: sa.Connection, protocol: Protocol) -> list[Revision]:
    """Return the revisions of the judgments that count, oldest first."""
    r = schema.revisions.c
    at: dict[int, str] = dict(db.execute(sa.select(r.revision, r.first_used)).all())
    protocols = known(db, protocol)
    counts = judgments.by_revision(db)
    return [Revision(number, protocols[number], counts[number], at.get(number, "")) for number in sorted(counts)]


def as_judged(question: Question, found: list[Revision]) -> Question:
    """Return a question with the categories that the judges could choose among, in the order of their ids.

    Those that only some could choose are all in it; those that nobody could are not. Without judgments, and for a
    score, it is the question itself.
    """
    asked = [each.protocol.by_name(question.name) for each in found if each.asks(question.name)]
    choices = [each for each in (question, *reversed(asked)) if each.kind == question.kind == "choice"]
    offered = {label for each in asked for label in each.labels} if asked else set(question.labels)
    named = {category.name: category for each in reversed(choices) for category in each.categories}
    order = dict.fromkeys(label for each in choices for label in each.labels if label in offered)
    return replace(question, categories=tuple(replace(named[label], id=n) for n, label in enumerate(order)))


def mixed(found: list[Revision]) -> str | None:
    """Return one sentence that names the revisions, their judgments and what differs; None where there is one only."""
    if len(found) < 2:
        return None
    each = "; ".join(f"revision {one.number}, {number_of(one.judgments, 'judgment')}" for one in found)
    steps = "; ".join(
        f"{b.number} against {a.number}: {difference(a.protocol, b.protocol)}" for a, b in itertools.pairwise(found)
    )
    return f"The judgments were given under {len(found)} revisions of the protocol ({each}): {steps}."


def difference(old: Protocol, new: Protocol) -> str:
    """Return in words what annotators were asked otherwise."""
    before, after = ({question.name: question for question in each.questions} for each in (old, new))
    found = [f"question {name} added" for name in after if name not in before]
    found += [f"question {name} removed" for name in before if name not in after]
    for name in before.keys() & after.keys():
        found += _changes(before[name], after[name])
    return ", ".join(sorted(found)) if found else "another wording only"


def check_answers(db: sa.Connection, protocol: Protocol) -> None:
    """Raise CcdError where judgments that count have an answer that the protocol lacks: it would be lost otherwise."""
    if problem := lost_answers(db, protocol):
        raise InputError(f"{problem}; nothing was written")


def lost_answers(db: sa.Connection, protocol: Protocol) -> str | None:
    """Return what is wrong where judgments that count have an answer that the protocol lacks; None where all have one.

    An answer to a question that the protocol no longer asks is not looked at; `mixed` names the question.
    """
    lost: dict[str, dict[Any, int]] = {}  # by question
    asked = {question.name: question for question in protocol.questions}
    for answers, number in judgments.different_answers(db):
        for name, answer in answers.items():
            if name in asked and asked[name].problem(answer) is not None:
                of = lost.setdefault(name, {})
                of[answer] = of.get(answer, 0) + number
    for name, of in sorted(lost.items()):
        where = f"protocol {protocol.name}, question {name!r}"
        return f"{where}: {_lost(asked[name], of)}"
    return None


def _lost(question: Question, answers: dict[Any, int]) -> str:
    """Return what is wrong with answers (each with its judgments) that a question does not allow, and what to do."""
    labels = sorted(answer for answer in answers if isinstance(answer, str))
    scores = sorted(answer for answer in answers if not isinstance(answer, str))
    number = number_of(sum(answers.values()), "judgment")
    if question.kind == "choice" and labels:
        others = f" ({len(labels) - 1} more {'answer is' if len(labels) == 2 else 'answers are'} missing too)"
        what = number_of(answers[labels[0]], "judgment")
        what += f" with the answer {labels[0]!r}, which the protocol no longer has"
        return f"{what}{others if len(labels) > 1 else ''}. Put it back under that name (its title may change)"
    if question.kind == "choice":
        return (
            f"{number} with a score, such as {scores[0]:g}, and it asks for a label now. Ask for that under a new name"
        )
    if labels:
        return (
            f"{number} with a label, such as {labels[0]!r}, and it asks for a score now. Ask for that under a new name"
        )
    found = f"{scores[0]:g}" if len(scores) == 1 else f"{scores[0]:g} to {scores[-1]:g}"
    scale = f"{question.minimum:g} to {question.maximum:g}"
    return (
        f"{number} with scores outside its scale of {scale} ({found}). Set minimum and maximum so that they hold them"
    )


_DESKS, _JUDGMENTS = schema.desks, schema.judgments


def _asked(question: Question) -> list[Any]:
    """Return what is shown of a question, whatever the order of its ids."""
    categories = [[c.name, c.title, c.guideline, list(c.examples)] for c in question.categories]
    return [question.name, question.title, question.kind, list(answers_of(question)), sorted(categories)]


def _changes(old: Question, new: Question) -> list[str]:
    if old.kind != new.kind or (new.kind == "score" and answers_of(old) != answers_of(new)):
        return [f"{new.name}: another scale"]
    added = [f"{new.name}: {label} added" for label in new.labels if label not in old.labels]
    removed = [f"{new.name}: {label} removed" for label in old.labels if label not in new.labels]
    return added + removed
