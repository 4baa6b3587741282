"""The log of what was done: who did what to which, with what was there before and after."""

import datetime
import json
from typing import Any

import sqlalchemy as sa

from ccd.campaign.tables import schema


def record(db: sa.Connection, who: str, what: str, subject: str, before: object = None, after: object = None) -> None:
    """Append one row to `events`; `before` and `after` are stored as JSON."""
    db.execute(schema.events.insert(), [event(who, what, subject, before, after)])


def event(who: str, what: str, subject: str, before: object = None, after: object = None) -> dict[str, Any]:
    """Return a row of `events`, for whoever writes many at once; otherwise see `record`."""
    return {"at": now(), "who": who, "what": what, "subject": subject, "before": _json(before), "after": _json(after)}


def now() -> str:
    """Return the time in UTC, ISO 8601 with microseconds."""
    return datetime.datetime.now(datetime.UTC).isoformat()


def _json(value: object) -> str | None:
    return None if value is None else json.dumps(value, ensure_ascii=False, sort_keys=True)
