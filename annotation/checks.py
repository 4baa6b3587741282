"""What an answer must agree with to count, beside the protocol: the assignment, the pair's content, the labeling page.

Label Studio's Community edition lets everybody change all of it, so a pull compares what it finds with what was meant.
It sees what is there when it looks: what was changed and changed back between two pulls leaves no trace.
"""

import datetime
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, NamedTuple

from annotation.pictures import local_address
from ccd.campaign.campaign import ADJUDICATION_DESK, Connection
from ccd.campaign.tables import assignments
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


def checks(db: Connection, desk: str, pairs: Collection[str], page_since: str | None) -> Checks:
    """Look up what the answers to these pairs on a desk are compared with."""
    look = assignments.for_adjudicators if desk == ADJUDICATION_DESK else assignments.assigned
    return Checks(look(db, desk, pairs), contents(db, pairs), page_since)


def contents(db: Connection, pairs: Collection[str]) -> dict[str, Content]:
    """Return what each of these pairs shows."""
    return {
        row.pair_id: Content(row.text, frozenset({local_address(row.file), row.url or local_address(row.file)}), row.at)
        for row in assignments.contents(db, pairs)
    }


def _is_before(time: str, since: str | None) -> bool:
    return since is not None and datetime.datetime.fromisoformat(time) < datetime.datetime.fromisoformat(since)
