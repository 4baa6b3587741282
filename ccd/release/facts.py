"""What a release says of itself: the facts of release.json, from which every page of it is written."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from ccd import __version__
from ccd.campaign import assistance, prevalence
from ccd.campaign.campaign import Campaign
from ccd.campaign.prevalence import of_campaign
from ccd.campaign.revisions import mixed
from ccd.campaign.stored_split import plan
from ccd.campaign.tables import schema
from ccd.campaign.tables.live_posts import LIVE
from ccd.protocol import Question
from ccd.release.images import FILES, NONE
from ccd.release.judged import Judged
from ccd.release.tally import Tally
from ccd.vocabulary import Arm, Status

Facts = Mapping[str, Any]


@dataclass(frozen=True)
class Form:
    """How a release is written: `images` is files, tar or none; `dehydrated` leaves text and pixels out."""

    images: str = FILES
    dehydrated: bool = False
    vempala: bool = False

    @classmethod
    def dry(cls, vempala: bool = False) -> "Form":
        """Ids, labels and splits only."""
        return cls(NONE, True, vempala)


def collect(db: sa.Connection, campaign: Campaign, name: str, form: Form, tally: Tally, judged: Judged) -> Facts:
    """Return the facts of release.json, of one state of the database.

    Nothing in it depends on when or where it is run.
    """
    config, protocol = campaign.config, campaign.protocol
    questions = {
        each.name: tally.answers[each.name].facts(tally.tied[each.name], of_campaign(db, each))
        for each in protocol.questions
    }
    parts = tally.parts()
    return {
        "name": name,
        "campaign": config.name,
        "synthetic": campaign.is_synthetic,
        "date": judged.last[:10] or None,  # of the last judgment
        "license": config.license,
        "authors": list(config.authors),
        "protocol": {
            "name": protocol.name,
            "title": protocol.title,
            "reference": " ".join(protocol.reference.split()),
            "fingerprint": protocol.fingerprint,
            "mixed": mixed(judged.revisions),
        },
        "question": protocol.question.name,
        "toolkit": f"ccd-toolkit {__version__}",
        "images": form.images,
        "dehydrated": form.dehydrated,
        "collected": _collected(db) | parts["collected"],
        "rounds": _rounds(db),
        "judgments": {
            "annotators": len(config.annotators),
            "per_pair": config.judgments_per_pair,
            "pairs": judged.pairs,
            "cannot_judge": judged.answered[Status.CANNOT_JUDGE],
            "skipped": judged.answered[Status.SKIPPED],
            **parts["judgments"],
            "reviewed": dict(judged.reviewed),
            "assisted": judged.assisted,
            "imported": judged.imported,
            "tie_rule": config.tie_rule,
        },
        "split": plan(db) or {"seed": None, "ties": []},  # of an older toolkit: not noted
        **tally.facts(),
        "population_bounds": _bounds(db, protocol.question),
        **{key: questions[protocol.question.name][key] for key in ("prevalence", "prevalence_basis")},
        "excluded": dict(sorted(tally.excluded.items())),
        "questions": questions,
        "agreement": judged.voted.agreement(),
        "agreement_by_arm": judged.voted.by_arm(),
        "assistance": _assistance(db, protocol.question) if judged.assisted and protocol.question.labels else None,
    }


def _assistance(db: sa.Connection, question: Question) -> dict[str, Any]:
    """Return what the predictions that were shown did to the judgments on the question, as far as it is known.

    `model` has the share of judgments that are the model's label, of assisted and of blind pairs, and the difference;
    `smallest` is the difference that such a comparison finds in four of five cases.
    """
    found, _ = assistance.of_campaign(db, question)
    return {key: found.to_dict()[key] for key in ("rounds", "assisted", "blind", "model", "smallest")}


def _bounds(db: sa.Connection, question: Question) -> dict[str, dict[str, float]] | None:
    """Of each label what pairs without one leave unknown of its share in all pairs (ccd/measures/unsettled.py)."""
    found = prevalence.bounds(db, question)
    return None if found is None else {label: asdict(each) for label, each in found.items()}


def _collected(db: sa.Connection) -> dict[str, Any]:
    """How many posts and pairs there are, from where and when, and what was not kept, by reason. No file, no name."""
    posts, d = schema.posts.c, schema.drops.c
    number = sa.func.count()
    first, last = db.execute(sa.select(sa.func.min(posts.created_at), sa.func.max(posts.created_at))).one()
    gone = sa.select(posts.status, number).where(posts.status != LIVE).group_by(posts.status)
    dropped = sa.select(d.reason, number).group_by(d.reason)
    return {
        "posts": db.scalar(sa.select(number).select_from(schema.posts)),
        "pairs": db.scalar(sa.select(number).select_from(schema.pairs)),
        "images": db.scalar(sa.select(number).select_from(schema.images)),
        "first": first and first[:10],
        "last": last and last[:10],
        "sources": sorted({pair.partition(":")[0] for pair in db.scalars(sa.select(schema.pairs.c.pair_id))}),
        "dropped": dict(sorted((reason, count) for reason, count in db.execute(dropped))),
        "gone": dict(sorted((status, count) for status, count in db.execute(gone))),
    }


def _rounds(db: sa.Connection) -> list[dict[str, Any]]:
    """Each round as it was drawn and handed out.

    `parts` {part: pairs} of an active round; `probability` [lowest, highest] of a random one; `order`: "ranked" where
    every annotator had the pairs in the round's order, "same" where all had one order, "own" where orders differ.
    """
    r, b = schema.rounds.c, schema.round_pairs.c
    columns = r.round, r.arm, r.strategy, r.seed, r.size, r.pool, r.model_version, r.question
    found = {row["round"]: dict(row) for row in db.execute(sa.select(*columns).order_by(r.round)).mappings()}
    number = sa.func.count()
    for each in found.values():
        each["parts"], each["probability"], each["order"] = {}, None, "same"
    parts = sa.select(b.round, b.part, number).where(b.part.is_not(None)).group_by(b.round, b.part)
    for name, part, pairs in db.execute(parts):
        found[name]["parts"][part] = pairs
    chances = sa.select(b.round, sa.func.min(b.inclusion_probability), sa.func.max(b.inclusion_probability))
    for name, low, high in db.execute(chances.group_by(b.round)):
        found[name]["probability"] = [low, high] if found[name]["arm"] == Arm.RANDOM and low is not None else None
    for name, order in _orders(db).items():
        found[name]["order"] = order
    return list(found.values())


def _orders(db: sa.Connection) -> dict[int, str]:
    """Round → "ranked" or "own", for rounds that are not in one order for another reason."""
    a, b = schema.assignments.c, schema.round_pairs.c
    same = (b.round == a.round) & (b.pair_id == a.pair_id)
    before = sa.func.lag(b.place).over(partition_by=(a.round, a.annotator), order_by=a.position)
    in_turn = sa.select(a.round, b.place, before.label("before")).join(schema.round_pairs, same).subquery().c
    wrong = sa.func.sum(sa.case((in_turn.place.is_(None) | (in_turn.place < in_turn.before), 1), else_=0))
    ranked = {
        name for name, number in db.execute(sa.select(in_turn.round, wrong).group_by(in_turn.round)) if not number
    }
    spread = sa.func.max(a.position) != sa.func.min(a.position)
    differ = sa.select(a.round, a.pair_id).group_by(a.round, a.pair_id).having(spread).subquery().c.round
    own = set(db.scalars(sa.select(differ).distinct()))
    return dict.fromkeys(own, "own") | dict.fromkeys(ranked, "ranked")
