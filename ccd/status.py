"""Where a campaign stands, in counts, and the next sensible command."""

from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from ccd import schema
from ccd.campaign import Campaign
from ccd.judgments import ANSWERED, CANNOT_JUDGE, SKIPPED, VALID, answered, tally
from ccd.prevalence import of_campaign
from ccd.rounds import drawable


def status(campaign: Campaign) -> dict[str, Any]:
    """Counts of every stage, and `next`: {"command", "why"}.

    Keys: name, protocol, synthetic, pairs, posts, images, dropped {reason: n}, rounds [{round, arm, size, pool, seed,
    inclusion_probability}], annotators [{name, assigned, pushed, judged, cannot_judge, skipped, open}], labels
    {question: {resolved_by: n}}, splits {split: n}, releases [name], prevalence (ccd.prevalence.Prevalence), next. An
    active round has no inclusion_probability.
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
                "inclusion_probability": row.size / row.pool if row.arm == "random" and row.pool else None,
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
            "prevalence": asdict(of_campaign(db, campaign.protocol.question)),
        }
        last = db.scalar(sa.select(sa.func.max(schema.judgments.c.judgment_id))) or 0
        noted = dict.fromkeys((schema.SETTLED_UP_TO, schema.SPLIT_OF, schema.RELEASED_OF), "0")
        noted |= {row.key: row.value for row in db.execute(sa.select(schema.meta))} | {"last_judgment": str(last)}
        has_label = (t.c.question == campaign.protocol.question.name) & t.c.label.is_not(None)
        noted["labelled"] = str(db.scalar(sa.select(sa.func.count()).select_from(t).where(has_label)))
        left = drawable(db, config.max_per_group)
        facts["next"] = _next(facts, _unsent(db), _unsettled(db, campaign), left, noted)
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


def _unsettled(db: sa.Connection, campaign: Campaign) -> int:
    """Open pairs that an adjudicator could settle and has not answered."""
    if not campaign.config.adjudicators:
        return 0
    t = schema.labels.c
    return len(set(db.scalars(sa.select(t.pair_id).where(t.resolved_by == "open"))) - answered(db, None))


def _unsent(db: sa.Connection) -> int:
    """Assignments that are neither on their annotator's desk nor answered."""
    a, t = schema.assignments, schema.tasks
    missing = db.execute(
        sa.select(a.c.annotator, a.c.pair_id)
        .outerjoin(t, (t.c.desk == a.c.annotator) & (t.c.pair_id == a.c.pair_id))
        .where(t.c.pair_id.is_(None))
    ).all()
    done = {annotator: answered(db, annotator) for annotator in {row.annotator for row in missing}}
    return sum(row.pair_id not in done[row.annotator] for row in missing)


def _next(facts: dict[str, Any], unsent: int, unsettled: int, left: int, noted: dict[str, str]) -> dict[str, str]:
    """The first stage that has something to do; `left` pairs can be drawn, `noted` is `meta` and more."""
    waiting = sum(person["open"] for person in facts["annotators"])
    split = sum(facts["splits"].values())
    draw = f"ccd round new --size {left} --seed 1"
    again = f"v{len(facts['releases']) + 1}"
    steps = [
        (not facts["pairs"], "ccd collect table FILE", "there are no pairs yet"),
        (not facts["rounds"] and left > 0, draw, "no pairs were drawn yet"),
        (unsent > 0, "ccd push", f"{unsent:,} tasks are not on the desks yet"),
        (waiting > 0, "ccd pull --follow", f"{waiting:,} judgments are still to come"),
        (
            noted[schema.SETTLED_UP_TO] != noted["last_judgment"],
            "ccd labels",
            "judgments came or changed since labels were settled",
        ),
        (unsettled > 0, "ccd push", f"{unsettled:,} ties wait for an adjudicator (push, answer, pull, labels)"),
        (noted[schema.SPLIT_OF] != noted["labelled"], "ccd split", f"{noted['labelled']} pairs have a label by now"),
        (noted[schema.RELEASED_OF] != str(split), f"ccd release {again}", f"{split:,} pairs are ready for {again}"),
        (left > 0, draw, f"{left:,} pairs can be drawn"),
    ]
    for due, command, why in steps:
        if due:
            return {"command": command, "why": why}
    if not facts["releases"]:
        return {"command": "ccd labels", "why": "no pair has a label yet, and nobody is left to settle what is open"}
    return {
        "command": f"ccd verify releases/{facts['releases'][-1]}",
        "why": "everything collected is drawn and released",
    }
