"""How far the judging is: by round and annotator, how fast it goes, and when it will be done."""

import datetime
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

import sqlalchemy as sa

from ccd.campaign.tables import schema
from ccd.campaign.tables.judgments import best_answers
from ccd.campaign.tables.live_posts import LIVE
from ccd.vocabulary import ANSWERED, Role, Status

WINDOW = datetime.timedelta(days=7)  # pace is that of the last week
_OPEN, _LOST = "open", "lost"  # kinds of assignments without an answer


@dataclass(frozen=True)
class Progress:
    """One annotator in one round: pairs assigned, and how many of them are judged, cannot be judged, are skipped.

    `lost` are those whose answer will never come: their post is deleted, or the annotator has left campaign.toml.
    """

    round: int
    annotator: str
    assigned: int
    judged: int
    cannot_judge: int
    skipped: int
    lost: int = 0

    @property
    def answered(self) -> int:
        """How many pairs have an answer."""
        return self.judged + self.cannot_judge + self.skipped

    @property
    def open(self) -> int:
        """How many answers are still to come."""
        return self.assigned - self.answered - self.lost


@dataclass(frozen=True)
class Pace:
    """One annotator over all rounds: pairs still open, answers a day, and the day on which none is open at that pace.

    `end` is None where nothing is open, and where nothing was answered in the last week.
    """

    annotator: str
    open: int
    a_day: float
    end: datetime.datetime | None


def progress(db: sa.Connection, annotators: Collection[str]) -> list[Progress]:
    """Every round and annotator with assignments, in order; `annotators` are those in campaign.toml.

    >>> with campaign.read() as db: progress(db, ["ann", "bob", "cy"])[0]  # doctest: +SKIP
    Progress(round=1, annotator='ann', assigned=600, judged=412, cannot_judge=3, skipped=0, lost=0)
    """
    a, best, status = schema.assignments.c, best_answers(), schema.posts.c.status
    same = (best.c.annotator == a.annotator) & (best.c.pair_id == a.pair_id)
    rows = db.execute(
        sa.select(a.round, a.annotator, best.c.place, status, sa.func.count())
        .join_from(schema.assignments, best, same, isouter=True)
        .join(schema.pairs, schema.pairs.c.pair_id == a.pair_id)
        .join(schema.posts, schema.posts.c.post_id == schema.pairs.c.post_id)
        .group_by(a.round, a.annotator, best.c.place, status)
    )
    counts: dict[tuple[int, str], Counter[str]] = {}
    for number, annotator, place, status_of_post, count in rows:
        comes = status_of_post == LIVE and annotator in annotators
        kind = ANSWERED[place] if place is not None else _OPEN if comes else _LOST
        counts.setdefault((number, annotator), Counter())[kind] += count
    kinds = (Status.VALID, Status.CANNOT_JUDGE, Status.SKIPPED, _LOST)
    return [
        Progress(number, annotator, found.total(), *(found[kind] for kind in kinds))
        for (number, annotator), found in sorted(counts.items())
    ]


def paces(db: sa.Connection, found: list[Progress], at: datetime.datetime | None = None) -> list[Pace]:
    """Return the pace of each annotator of `found` in the week before `at` (UTC; default: now), by name.

    Somebody who began less than a week ago is measured since then, and at least over one day.
    """
    at = at or datetime.datetime.now(datetime.UTC)
    j = schema.judgments.c
    mine = (j.role == Role.ANNOTATOR) & (j.version == 1) & j.status.in_(ANSWERED)
    began = sa.select(j.annotator, sa.func.min(j.created_at)).where(mine).group_by(j.annotator)
    first: dict[str, str] = dict(tuple(row) for row in db.execute(began))
    week = (at - WINDOW).strftime("%Y-%m-%dT%H:%M:%S")
    recent = sa.select(j.annotator, sa.func.count()).where(mine, j.created_at >= week).group_by(j.annotator)
    given: dict[str, int] = dict(tuple(row) for row in db.execute(recent))
    rows = []
    for name in sorted({each.annotator for each in found}):
        left = sum(each.open for each in found if each.annotator == name)
        days = 1.0
        if name in first:
            since = datetime.datetime.fromisoformat(first[name])
            days = max(1.0, min(WINDOW, at - since) / datetime.timedelta(days=1))
        rate = given.get(name, 0) / days
        end = at + datetime.timedelta(days=left / rate) if left and rate else None
        rows.append(Pace(name, left, rate, end))
    return rows
