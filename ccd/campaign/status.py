"""Where a campaign stands, in counts, and the next sensible command."""

from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from ccd.campaign import revisions
from ccd.campaign.campaign import ADJUDICATION_DESK, Campaign
from ccd.campaign.prevalence import of_campaign
from ccd.campaign.progress import progress
from ccd.campaign.rounds import drawable
from ccd.campaign.tables import schema
from ccd.campaign.tables.judgments import answer_counts, answered, set_aside
from ccd.campaign.tables.live_posts import is_live
from ccd.campaign.tables.notes import RELEASED_OF, SETTLED_UP_TO, SPLIT_OF
from ccd.vocabulary import Arm, Role, Status
from ccd.wording import number_of


def status(campaign: Campaign) -> dict[str, Any]:
    """Return counts of every stage, and `next`: {"command", "why"}.

    Keys: name, protocol, synthetic, pairs, posts, images, dropped {reason: n}, rounds [{round, arm, size, pool, seed,
    inclusion_probability}], annotators [{name, assigned, pushed, judged, cannot_judge, skipped, lost, open}],
    adjudicators [{name, pushed, judged, cannot_judge, skipped, open}], labels {question: {resolved_by: n}}, splits
    {split: n}, releases [name], prevalence (ccd.measures.prevalence.Prevalence) of the first question and prevalences
    {question: the same} of every question that has labels, mixed (what to know of
    judgments given under another protocol than the current one; None for nothing), next. An active round has no
    inclusion_probability; `lost` is as in ccd.campaign.progress.
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
                "inclusion_probability": row.size / row.pool if row.arm == Arm.RANDOM and row.pool else None,
            }
            for row in db.execute(sa.select(schema.rounds).order_by(schema.rounds.c.round))
        ]
        annotators = _annotators(db, [person.name for person in config.annotators])
        ties = _ties(db, campaign)
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
            "adjudicators": _adjudicators(db, [person.name for person in config.adjudicators], ties),
            "labels": labels,
            "splits": _tally(db, schema.splits.c.split),
            "releases": list(db.scalars(sa.select(schema.releases.c.name).order_by(schema.releases.c.created_at))),
            "prevalences": {
                each.name: asdict(of_campaign(db, each)) for each in campaign.protocol.questions if each.labels
            },
        }
        first = campaign.protocol.question
        facts["prevalence"] = facts["prevalences"].get(first.name) or asdict(of_campaign(db, first))
        last = db.scalar(sa.select(sa.func.max(schema.judgments.c.judgment_id))) or 0
        noted = dict.fromkeys((SETTLED_UP_TO, SPLIT_OF, RELEASED_OF), "0")
        noted |= {row.key: row.value for row in db.execute(sa.select(schema.meta))} | {"last_judgment": str(last)}
        labelled = sa.select(sa.func.count(t.c.pair_id.distinct())).where(t.c.label.is_not(None))
        noted["labelled"] = str(db.scalar(labelled))
        left = drawable(db, config.max_per_group)
        used = revisions.used(db, campaign.protocol)
        facts["mixed"] = revisions.lost_answers(db, campaign.protocol) or revisions.mixed(used)
        facts["next"] = _next(facts, _unsent(db), ties, left, noted)
    return facts


def _annotators(db: sa.Connection, names: list[str]) -> list[dict[str, Any]]:
    """Everybody in campaign.toml, then who left and has assignments; assigned = answers + lost + open."""
    counts = ("assigned", "judged", "cannot_judge", "skipped", "lost", "open")
    rows = {name: dict.fromkeys(counts, 0) for name in names}
    for part in progress(db, names):
        row = rows.setdefault(part.annotator, dict.fromkeys(counts, 0))
        for count in counts:
            row[count] += getattr(part, count)
    pushed = _tally(db, schema.tasks.c.desk)
    order = names + sorted(rows.keys() - set(names))
    return [
        {"name": name, "assigned": rows[name]["assigned"], "pushed": pushed.get(name, 0)} | rows[name] for name in order
    ]


def _adjudicators(db: sa.Connection, names: list[str], ties: "Ties") -> list[dict[str, Any]]:
    """Everybody in campaign.toml, then who left and has decided. Their desk is one: `pushed` and `open` are its own."""
    given = answer_counts(db, Role.ADJUDICATOR)
    pushed = _tally(db, schema.tasks.c.desk).get(ADJUDICATION_DESK, 0)
    done = {"judged": Status.VALID, "cannot_judge": Status.CANNOT_JUDGE, "skipped": Status.SKIPPED}
    return [
        {"name": name, "pushed": pushed}
        | {key: given.get((name, status), 0) for key, status in done.items()}
        | {"open": ties.on_desk}
        for name in names + sorted({name for name, _status in given} - set(names))
    ]


def _tally(db: sa.Connection, column: "sa.Column[str]") -> dict[str, int]:
    rows = db.execute(sa.select(column, sa.func.count()).group_by(column).order_by(column))
    return {row[0]: row[1] for row in rows}


@dataclass(frozen=True)
class Ties:
    """Open pairs that an adjudicator could settle and has not answered: how many are on their desk, and to be sent."""

    on_desk: int
    unsent: int


def _ties(db: sa.Connection, campaign: Campaign) -> Ties:
    if not campaign.config.adjudicators:
        return Ties(0, 0)
    t, p, tasks = schema.labels.c, schema.pairs.c, schema.tasks.c
    living = sa.select(t.pair_id).join(schema.pairs, p.pair_id == t.pair_id).where(t.resolved_by == "open", is_live())
    ties = set(db.scalars(living)) - answered(db, None)
    on_desk = ties.intersection(db.scalars(sa.select(tasks.pair_id).where(tasks.desk == ADJUDICATION_DESK)))
    again = _to_send_again(db, ADJUDICATION_DESK) & on_desk
    return Ties(len(on_desk) - len(again), len(ties) - len(on_desk) + len(again))


def _unsent(db: sa.Connection) -> int:
    """Return how many assignments to pairs of living posts are neither sent nor answered, or go out again."""
    a, t, p = schema.assignments, schema.tasks, schema.pairs
    missing = db.execute(
        sa.select(a.c.annotator, a.c.pair_id)
        .join(p, p.c.pair_id == a.c.pair_id)
        .outerjoin(t, (t.c.desk == a.c.annotator) & (t.c.pair_id == a.c.pair_id))
        .where(t.c.pair_id.is_(None), is_live())
    ).all()
    done = {annotator: answered(db, annotator) for annotator in {row.annotator for row in missing}}
    desks = db.scalars(sa.select(schema.desks.c.desk).where(schema.desks.c.desk != ADJUDICATION_DESK)).all()
    again = sum(len(_to_send_again(db, desk)) for desk in desks)
    return again + sum(row.pair_id not in done[row.annotator] for row in missing)


def _to_send_again(db: sa.Connection, desk: str) -> set[str]:
    """Return the pairs of living posts on a desk whose answers were set aside: `ccd push` sends them in new tasks."""
    t, p = schema.tasks, schema.pairs
    project = db.scalar(sa.select(schema.desks.c.project_id).where(schema.desks.c.desk == desk))
    numbers = set() if project is None else set_aside(db, None if desk == ADJUDICATION_DESK else desk, project)
    living = sa.select(t.c.pair_id).join(p, p.c.pair_id == t.c.pair_id).where(t.c.desk == desk, is_live())
    return set(db.scalars(living.where(t.c.task_id.in_(numbers)))) if numbers else set()


def _next(facts: dict[str, Any], unsent: int, ties: Ties, left: int, noted: dict[str, str]) -> dict[str, str]:
    """Return the first stage that has something to do; `left` pairs can be drawn, `noted` is `meta` and more."""
    waiting = sum(person["open"] for person in facts["annotators"])
    split = sum(facts["splits"].values())
    draw = f"ccd round new --size {left} --seed 1"
    again = f"v{len(facts['releases']) + 1}"
    steps = [
        (not facts["pairs"], "ccd collect table FILE", "there are no pairs yet"),
        (not facts["rounds"] and left > 0, draw, "no pairs were drawn yet"),
        (unsent > 0, "ccd push", f"{number_of(unsent, 'task is', 'tasks are')} not on the desks yet"),
        (waiting > 0, "ccd pull --follow", f"{number_of(waiting, 'answer is', 'answers are')} still to come"),
        (
            noted[SETTLED_UP_TO] != noted["last_judgment"],
            "ccd labels",
            "judgments came or changed since labels were settled",
        ),
        (
            ties.unsent > 0,
            "ccd push",
            f"{number_of(ties.unsent, 'tie is', 'ties are')} not on the adjudicators' desk yet",
        ),
        (
            ties.on_desk > 0,
            "ccd pull --follow",
            f"{number_of(ties.on_desk, 'tie waits', 'ties wait')} on the adjudicators' desk, or in ccd review",
        ),
        (
            noted[SPLIT_OF] != noted["labelled"],
            "ccd split",
            f"{number_of(int(noted['labelled']), 'pair has', 'pairs have')} a label",
        ),
        (
            noted[RELEASED_OF] != str(split),
            f"ccd release {again}",
            f"{number_of(split, 'pair is', 'pairs are')} ready for {again}",
        ),
        (left > 0, draw, f"{number_of(left, 'pair')} can be drawn"),
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
