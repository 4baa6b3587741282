"""Where a campaign stands, in counts, and the next sensible command."""

from typing import Any

import sqlalchemy as sa

from ccd import schema
from ccd.campaign import Campaign
from ccd.judgments import ANSWERED, CANNOT_JUDGE, SKIPPED, VALID, tally
from ccd.schema import SETTLED_UP_TO


def status(campaign: Campaign) -> dict[str, Any]:
    """Counts of every stage, and `next`: {"command", "why"}.

    Keys: name, protocol, synthetic, pairs, posts, images, dropped {reason: n}, rounds [{round, arm, size, pool, seed,
    inclusion_probability}], annotators [{name, assigned, pushed, judged, cannot_judge, skipped, open}], labels
    {question: {resolved_by: n}}, splits {split: n}, releases [name], next.
    """
    config = campaign.config
    with campaign.read() as db:
        counts = {
            name: db.scalar(sa.select(sa.func.count()).select_from(table))
            for name, table in (("pairs", schema.pairs), ("posts", schema.posts), ("images", schema.images))
        }
        dropped = _tally(db, schema.drops.c.reason)
        rounds = [
            {
                "round": row.round,
                "arm": row.arm,
                "size": row.size,
                "pool": row.pool,
                "seed": row.seed,
                "inclusion_probability": row.size / row.pool,
            }
            for row in db.execute(sa.select(schema.rounds).order_by(schema.rounds.c.round))
        ]
        annotators = _annotators(db, [person.name for person in config.annotators])
        labels: dict[str, dict[str, int]] = {}
        t = schema.labels
        for question, by, number in db.execute(
            sa.select(t.c.question, t.c.resolved_by, sa.func.count()).group_by(t.c.question, t.c.resolved_by)
        ):
            labels.setdefault(question, {})[by] = number
        facts: dict[str, Any] = {
            "name": config.name,
            "protocol": config.protocol,
            "synthetic": campaign.is_synthetic,
            **counts,
            "dropped": dropped,
            "rounds": rounds,
            "annotators": annotators,
            "labels": labels,
            "splits": _tally(db, schema.splits.c.split),
            "releases": list(db.scalars(sa.select(schema.releases.c.name).order_by(schema.releases.c.created_at))),
        }
        last = db.scalar(sa.select(sa.func.max(schema.judgments.c.judgment_id)))
        settled = db.scalar(sa.select(schema.meta.c.value).where(schema.meta.c.key == SETTLED_UP_TO))
    facts["next"] = _next(facts, str(last or 0) != (settled or "0"))
    return facts


def _annotators(db: sa.Connection, names: list[str]) -> list[dict[str, Any]]:
    assigned, pushed = _tally(db, schema.assignments.c.annotator), _tally(db, schema.tasks.c.desk)
    given = tally(db)
    rows = []
    for name in names + sorted(assigned.keys() - set(names)):
        done = {status: given.get((name, status), 0) for status in ANSWERED}
        row = {
            "name": name,
            "assigned": assigned.get(name, 0),
            "pushed": pushed.get(name, 0),
            "judged": done[VALID],
            "cannot_judge": done[CANNOT_JUDGE],
            "skipped": done[SKIPPED],
            "open": assigned.get(name, 0) - sum(done.values()),
        }
        rows.append(row)
    return rows


def _tally(db: sa.Connection, column: "sa.Column[str]") -> dict[str, int]:
    rows = db.execute(sa.select(column, sa.func.count()).group_by(column).order_by(column))
    return {row[0]: row[1] for row in rows}


def _next(facts: dict[str, Any], unsettled_judgments: bool) -> dict[str, str]:
    """The first stage that has something left to do."""
    people = facts["annotators"]
    waiting = sum(person["open"] for person in people)
    unsettled = sum(counts.get("open", 0) for counts in facts["labels"].values())
    steps = [
        (not facts["pairs"], "ccd collect table FILE", "there are no pairs yet"),
        (not facts["rounds"], f"ccd round new --size {facts['pairs']} --seed 1", "no pairs were drawn yet"),
        (any(p["assigned"] > p["pushed"] and p["open"] for p in people), "ccd push", "tasks are not on the desks yet"),
        (waiting > 0, "ccd pull --follow", f"{waiting} judgments are still to come"),
        (unsettled_judgments, "ccd labels", "judgments came or changed since labels were settled"),
        (unsettled > 0, "ccd push", f"{unsettled} ties wait for an adjudicator (push, answer, pull, labels)"),
        (not facts["splits"], "ccd split", "labels are settled and not split yet"),
        (not facts["releases"], "ccd release v1", "nothing is released yet"),
    ]
    for due, command, why in steps:
        if due:
            return {"command": command, "why": why}
    return {
        "command": f"ccd verify releases/{facts['releases'][-1]}",
        "why": "everything collected and drawn is released",
    }
