"""How far the judging is: by round and annotator, how fast it goes, and when it will be done."""

import datetime
from dataclasses import dataclass

import sqlalchemy as sa

from ccd import schema
from ccd.judgments import ANSWERED, CANNOT_JUDGE, SKIPPED, VALID, best_answers

WINDOW = datetime.timedelta(days=7)  # pace is that of the last week


@dataclass(frozen=True)
class Progress:
    """One annotator in one round: pairs assigned, and how many of them are judged, cannot be judged, are skipped."""

    round: int
    annotator: str
    assigned: int
    judged: int
    cannot_judge: int
    skipped: int

    @property
    def open(self) -> int:
        return self.assigned - self.judged - self.cannot_judge - self.skipped


@dataclass(frozen=True)
class Pace:
    """One annotator over all rounds: pairs still open, answers a day, and the day on which none is open at that pace.

    `end` is None where nothing is open, and where nothing was answered in the last week.
    """

    annotator: str
    open: int
    a_day: float
    end: datetime.datetime | None


def progress(db: sa.Connection) -> list[Progress]:
    """Every round and annotator with assignments, in order.

    >>> with campaign.read() as db: progress(db)[0]  # doctest: +SKIP
    Progress(round=1, annotator='ann', assigned=600, judged=412, cannot_judge=3, skipped=0)
    """
    a, best = schema.assignments.c, best_answers()
    same = (best.c.annotator == a.annotator) & (best.c.pair_id == a.pair_id)
    rows = db.execute(
        sa.select(a.round, a.annotator, best.c.place, sa.func.count())
        .join_from(schema.assignments, best, same, isouter=True)
        .group_by(a.round, a.annotator, best.c.place)
    )
    counts: dict[tuple[int, str], dict[str | None, int]] = {}
    for number, annotator, place, count in rows:
        counts.setdefault((number, annotator), {})[None if place is None else ANSWERED[place]] = count
    return [
        Progress(number, annotator, sum(found.values()), *(found.get(s, 0) for s in (VALID, CANNOT_JUDGE, SKIPPED)))
        for (number, annotator), found in sorted(counts.items())
    ]


def paces(db: sa.Connection, found: list[Progress], at: datetime.datetime | None = None) -> list[Pace]:
    """The pace of each annotator of `found` in the week before `at` (UTC; default: now), by name.

    Somebody who began less than a week ago is measured since then, and at least over one day.
    """
    at = at or datetime.datetime.now(datetime.UTC)
    j = schema.judgments.c
    mine = (j.role == "annotator") & (j.version == 1) & j.status.in_(ANSWERED)
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
