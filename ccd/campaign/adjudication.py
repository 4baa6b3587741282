"""Decisions: what a reviewer settles in the review app, stored so that nobody's is ever overwritten.

A decision is a judgment with the role of an adjudicator, whose annotation is `review:<uuid>` and not one of Label
Studio; `ccd labels` counts it as any other adjudication. Taken back, it gets a newer version with the status `deleted`.
The table `labels` follows at once, and each step is an event. Decisions wait until `annotation.ground_truth` has
written them to Label Studio; that they were is an event too, so that nothing is lost when the server is down.
"""

import hashlib
import json
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from ccd.campaign import revisions
from ccd.campaign.campaign import Campaign
from ccd.campaign.tables import schema
from ccd.campaign.tables.events import now, record
from ccd.campaign.tables.judgments import IN_APP
from ccd.errors import InputError
from ccd.vocabulary import ANSWERED, Role, Status

# What `resolved_by` of the table `labels` says; ccd/campaign/gold_labels.py, which loads pandas, has them from the
# aggregators
OPEN, INCOMPLETE, ADJUDICATED = "open", "incomplete", "adjudicated"

MARK = "review:"
DECIDED, UNDONE, WRITTEN = "decision", "decision undone", "ground truth"  # what of the events
REASONS = {
    "overlooked": "The majority overlooked something",
    "guideline": "The guideline settles it",
    "ambiguous": "Ambiguous: more than one label fits",
    "context": "It takes context that is not shown",
    "text_in_image": "It hangs on writing in the image",
}
"""Reason codes of a decision, and what they say."""


class Taken(InputError):
    """Another adjudicator was first: their answer stands, and nothing was stored."""


@dataclass(frozen=True)
class Decision:
    """A version of a decision. `answers` is {question: label or score}; None where nobody could judge, or undone."""

    annotation: str
    version: int
    pair_id: str
    reviewer: str
    status: str
    answers: dict[str, Any] | None
    comment: str | None
    seconds: float | None
    revision: int  # of the protocol it was given under

    @property
    def subject(self) -> str:
        """What the event of its being written to Label Studio is about."""
        return f"{self.annotation} {self.version}"


def decide(
    campaign: Campaign,
    pair_id: str,
    question: str,
    reviewer: str,
    answer: str | float,
    *,
    reason: str | None = None,
    note: str | None = None,
    seconds: float | None = None,
    prediction: str | None = None,
) -> None:
    """Settle a pair on one question as `reviewer`, an adjudicator of campaign.toml.

    `answer` is a label, a score, or CANNOT_JUDGE, which leaves the pair as it is and out of the queue. `reason` is one
    of REASONS; `prediction` the version of the model that the reviewer was shown. Raises Taken where an adjudicator
    has answered already, and CcdError for an answer, a reason, a pair or a reviewer that there is not.

    >>> decide(campaign, "x:7:0", "relation", "lead", "implicit", reason="context")  # doctest: +SKIP
    """
    cannot = answer == Status.CANNOT_JUDGE
    problem = None if cannot else campaign.protocol.by_name(question).problem(answer)
    if problem or (reason is not None and reason not in REASONS):
        raise InputError(f"{pair_id}: {problem or f'{reason!r} is no reason; known: ' + ', '.join(REASONS)}")
    if reviewer not in {person.name for person in campaign.config.adjudicators}:
        raise InputError(f"{reviewer!r} is no adjudicator; add them under [[adjudicators]] in campaign.toml")
    with campaign.write() as db:
        label = _label(db, pair_id, question)
        if label is None:
            raise InputError(f"{pair_id}: has no votes to decide about; run `ccd labels`")
        standing = _standing(db, pair_id, question)
        if standing is not None:
            raise Taken(f"{pair_id}: {standing.reviewer} was first and said {_said(standing, question)}; that stands")
        mine = [] if cannot else _decided(db, pair_id, reviewer)
        revision = revisions.current(db, campaign.protocol)
        before = mine[0] if mine else _nothing(pair_id, reviewer)
        said = ": ".join(filter(None, (reason, note))) or None
        answers = None if cannot else {**(before.answers or {}), question: answer}
        status = Status.CANNOT_JUDGE if cannot else Status.VALID
        _store(db, replace(before, revision=revision), status, answers, said, seconds, prediction)
        after = {"question": question, "label": None if cannot else _text(answer), "resolved_by": ADJUDICATED}
        after |= {"reason": reason, "note": note, "annotation": before.annotation}
        record(db, reviewer, DECIDED, pair_id, {"question": question, **label}, after)
        if not cannot:
            _set_label(db, pair_id, question, _text(answer), ADJUDICATED)


def undo(campaign: Campaign, pair_id: str, question: str, reviewer: str) -> None:
    """Take back the reviewer's own decision on a pair; its label is what it was before.

    Raises CcdError where the reviewer has none, as where it was taken back already.
    """
    with campaign.write() as db:
        standing = _standing(db, pair_id, question)
        if standing is None or standing.reviewer != reviewer or not standing.annotation.startswith(MARK):
            raise InputError(f"{pair_id}: {reviewer} has no decision here to take back; look at the pair again")
        answers = {name: said for name, said in (standing.answers or {}).items() if name != question}
        _store(
            db,
            standing,
            Status.VALID if answers else Status.DELETED,
            answers or None,
            standing.comment,
            standing.seconds,
            None,
        )
        before = _before(db, pair_id, question, reviewer)
        assert before is not None  # the decision was recorded with it
        record(db, reviewer, UNDONE, pair_id, after=before)
        _set_label(db, pair_id, question, before["label"], before["resolved_by"])


def last(db: sa.Connection, reviewer: str, question: str) -> str | None:
    """Return the pair of the newest decision of the reviewer on this question that stands.

    What `undo` takes back first.
    """
    e = schema.events.c
    rows = db.execute(
        sa.select(e.subject, e.after).where(e.what == DECIDED, e.who == reviewer).order_by(e.event_id.desc())
    )
    for pair, after in rows:
        if json.loads(after)["question"] == question:
            standing = _standing(db, pair, question)
            if standing is not None and standing.annotation == json.loads(after)["annotation"]:
                return str(pair)
    return None


def waiting(db: sa.Connection) -> list[Decision]:
    """Return the versions that are not in Label Studio yet, oldest first."""
    e = schema.events.c
    written = set(db.scalars(sa.select(e.subject).where(e.what == WRITTEN)))
    rows = db.execute(_rows().where(_J.annotation.startswith(MARK)).order_by(_J.judgment_id))
    return [each for each in map(_decision, rows) if each.subject not in written]


def written(db: sa.Connection, decision: Decision, project: int, task: int) -> None:
    """Note that a version is in Label Studio now."""
    record(db, decision.reviewer, WRITTEN, decision.subject, after={"project": project, "task": task})


def reviewed(db: sa.Connection, pairs: Iterable[str]) -> set[str]:
    """Those of the pairs that ever had a decision: a ground truth in Label Studio on one of them is ours."""
    chosen = _J.pair_id.in_(set(pairs)) & _J.annotation.startswith(MARK)
    return set(db.scalars(sa.select(_J.pair_id).where(chosen)))


_J = schema.judgments.c


def _rows() -> "sa.Select[Any]":
    named = (_J.annotation, _J.version, _J.pair_id, _J.annotator, _J.status, _J.answers, _J.comment, _J.seconds)
    return sa.select(*named, _J.revision)


def _decision(row: Any) -> Decision:
    annotation, version, pair, reviewer, status, answers, *rest = row
    return Decision(
        annotation, version, pair, reviewer, status, None if answers is None else json.loads(answers), *rest
    )


def _nothing(pair_id: str, reviewer: str) -> Decision:
    """Return what a reviewer's first decision on a pair follows."""
    return Decision(f"{MARK}{uuid.uuid4()}", 0, pair_id, reviewer, Status.DELETED, None, None, None, 0)


def _of_pair(db: sa.Connection, pair_id: str) -> list[Decision]:
    """Return the newest versions of all adjudications of a pair, from the app or from Label Studio, oldest first."""
    rows = db.execute(
        _rows().where(_J.pair_id == pair_id, _J.role == Role.ADJUDICATOR).order_by(_J.created_at, _J.judgment_id)
    )
    newest: dict[str, Decision] = {}
    for each in map(_decision, rows):
        if each.annotation not in newest or each.version > newest[each.annotation].version:
            newest[each.annotation] = each
    return list(newest.values())


def _decided(db: sa.Connection, pair_id: str, reviewer: str) -> list[Decision]:
    """Return what the reviewer has settled of a pair in the review app.

    One decision, whatever the number of questions.
    """
    mine = (each for each in _of_pair(db, pair_id) if each.reviewer == reviewer and each.annotation.startswith(MARK))
    return [each for each in mine if each.status == Status.VALID]


def _standing(db: sa.Connection, pair_id: str, question: str) -> Decision | None:
    """Return the adjudication of a pair that stands on this question: the first.

    One from the adjudicators' desk is of the whole page: on a question that the votes had settled it does not stand.
    """
    found = [
        each
        for each in _of_pair(db, pair_id)
        if each.status == Status.CANNOT_JUDGE or (each.status in ANSWERED and question in (each.answers or {}))
    ]
    ours = next((each for each in found if each.annotation.startswith(MARK)), None)
    before = _label(db, pair_id, question) if ours is None else _before(db, pair_id, question, ours.reviewer)
    if before is not None and before["resolved_by"] not in (OPEN, INCOMPLETE, ADJUDICATED):
        return ours
    return found[0] if found else None


def _before(db: sa.Connection, pair_id: str, question: str, reviewer: str) -> dict[str, Any] | None:
    """Return the label of a pair before the reviewer's newest decision on this question; None where there is none."""
    e = schema.events.c
    mine = (e.what == DECIDED) & (e.subject == pair_id) & (e.who == reviewer)
    past = map(json.loads, db.scalars(sa.select(e.before).where(mine).order_by(e.event_id.desc())))
    return next((found for found in past if found["question"] == question), None)


def _said(decision: Decision, question: str) -> str:
    return "that it cannot be judged" if decision.answers is None else str(decision.answers[question])


def _store(
    db: sa.Connection,
    before: Decision,
    status: str,
    answers: dict[str, Any] | None,
    comment: str | None,
    seconds: float | None,
    prediction: str | None,
) -> None:
    """Append the next version of a decision; the first is version 1."""
    content = {
        "annotation": before.annotation,
        "version": before.version + 1,
        "pair_id": before.pair_id,
        "annotator": before.reviewer,
        "status": status,
        "answers": None if answers is None else json.dumps(answers, sort_keys=True, ensure_ascii=False),
        "seconds": seconds,
        "comment": comment,
        "prediction": prediction,
    }
    at = now()
    db.execute(
        schema.judgments.insert().values(
            **content,
            revision=before.revision,
            project_id=IN_APP,
            task_id=0,
            role=Role.ADJUDICATOR,
            created_at=at.replace("+00:00", "Z"),  # as Label Studio writes it, as the two are sorted together
            digest=hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest(),
            pulled_at=at,
        )
    )


def _label(db: sa.Connection, pair_id: str, question: str) -> dict[str, Any] | None:
    t = schema.labels.c
    found = db.execute(sa.select(t.label, t.resolved_by).where(t.pair_id == pair_id, t.question == question)).first()
    return None if found is None else {"label": found.label, "resolved_by": found.resolved_by}


def _set_label(db: sa.Connection, pair_id: str, question: str, label: str | None, resolved_by: str) -> None:
    t = schema.labels
    db.execute(
        t.update().where(t.c.pair_id == pair_id, t.c.question == question).values(label=label, resolved_by=resolved_by)
    )


def _text(answer: str | float) -> str:
    return answer if isinstance(answer, str) else format(answer, ".15g")
