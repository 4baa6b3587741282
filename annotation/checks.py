"""What an answer must agree with to count, beside the protocol: the assignment, the pair's content, the labeling page.

Label Studio's Community edition lets everybody change all of it, so a pull compares what it finds with what was meant.
It sees what is there when it looks: what was changed and changed back between two pulls leaves no trace.
"""

import datetime
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa

from annotation.pictures import local_address
from ccd.campaign.campaign import ADJUDICATION_DESK
from ccd.campaign.tables import schema
from ccd.vocabulary import ANSWERED, SET_ASIDE, Status


class Content(NamedTuple):
    """What a task of a pair shows: its text, and the addresses at which Label Studio may have its photo."""

    text: str
    images: frozenset[str]
    deleted_at: str | None  # when the post was found to be deleted, and the pair lost its text; None: it is live

    def is_shown_by(self, data: dict[str, Any], at: str) -> bool:
        """True where a task with this data shows the pair; of a deleted post, where it still did at this time."""
        if self.deleted_at:
            return _is_before(at, self.deleted_at)
        return data.get("text") == self.text and any(data.get("image") == image for image in self.images)


class Shown(NamedTuple):
    """A task as a pull finds it: the pair it stands for, its data, and since when they agree (None: always)."""

    pair: str
    data: dict[str, Any]
    since: str | None = None
    stray: bool = False  # it was not sent by a push


@dataclass(frozen=True)
class Checks:
    """What the answers of a batch of tasks are compared with."""

    assigned: Collection[str]  # those of the batch's pairs that the desk's annotator was assigned
    content: dict[str, Content]
    page_since: str | None  # since when the labeling page is right; None: it always was

    def status(self, status: str, task: Shown, answered_at: str, before: str | None) -> str:
        """Return what an answer is worth that has this `status` by itself.

        Args:
            task: what its task stands for and shows now.
            answered_at: when it was last saved, by the server's clock.
            before: its status in an earlier pull, if it was not saved again since; that one saw the task and the page
                nearer to the time of the answer.
        """
        pair = task.pair
        if status not in (*ANSWERED, Status.OUTSIDE_PROTOCOL):
            return status
        if pair not in self.assigned:
            return Status.UNASSIGNED
        if before in SET_ASIDE:
            return before
        if before in (*ANSWERED, Status.OUTSIDE_PROTOCOL):
            return status
        if not self.content[pair].is_shown_by(task.data, answered_at) or _is_before(answered_at, task.since):
            return Status.CHANGED_TASK
        if _is_before(answered_at, self.page_since):
            return Status.CHANGED_PAGE
        return status


def pair_key(data: dict[str, Any]) -> str | None:
    """The pair that a task names; whoever imports one by hand may write anything there."""
    key = data.get("pair_key")
    return key if isinstance(key, str) else None


def checks(db: sa.Connection, desk: str, pairs: Collection[str], page_since: str | None) -> Checks:
    """Look up what the answers to these pairs on a desk are compared with."""
    return Checks(_assigned(db, desk, pairs), contents(db, pairs), page_since)


def contents(db: sa.Connection, pairs: Collection[str]) -> dict[str, Content]:
    """What each of these pairs shows."""
    p, i, u, t = schema.pairs.c, schema.images.c, schema.uploads.c, schema.tombstones.c
    rows = db.execute(
        sa.select(p.pair_id, p.text, i.file, u.url, t.at)
        .join_from(schema.pairs, schema.images)
        .outerjoin(schema.uploads, u.sha256 == i.sha256)
        .outerjoin(schema.tombstones, t.post_id == p.post_id)
        .where(p.pair_id.in_(pairs))
    )
    return {
        pair: Content(text, frozenset({local_address(file), url or local_address(file)}), at)
        for pair, text, file, url, at in rows
    }


def _assigned(db: sa.Connection, desk: str, pairs: Collection[str]) -> set[str]:
    """Those of the pairs that a desk's annotator was assigned; on the adjudicators' desk those that were sent there.

    There, a pair that is open or settled by an adjudicator counts too: its task may have been deleted by hand.
    """
    a, t, open_ = schema.assignments.c, schema.tasks.c, schema.labels.c
    if desk != ADJUDICATION_DESK:
        return set(db.scalars(sa.select(a.pair_id).where(a.annotator == desk, a.pair_id.in_(pairs))))
    sent = sa.select(t.pair_id).where(t.desk == desk, t.pair_id.in_(pairs))
    wanted = open_.pair_id.in_(pairs) & open_.resolved_by.in_(("open", "adjudicated"))
    return set(db.scalars(sent.union(sa.select(open_.pair_id).where(wanted))))


def _is_before(time: str, since: str | None) -> bool:
    return since is not None and datetime.datetime.fromisoformat(time) < datetime.datetime.fromisoformat(since)
