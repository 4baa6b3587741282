"""What a release says of itself: the facts of release.json, from which every page of it is written."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from ccd import __version__, bias, schema
from ccd.campaign import Campaign
from ccd.draws import RANDOM
from ccd.gone import LIVE, lives
from ccd.judgments import CANNOT_JUDGE, SKIPPED
from ccd.prevalence import of_campaign
from ccd.protocol import Question
from ccd.release.content import Pair
from ccd.release.images import FILES, NONE
from ccd.release.judged import Judged
from ccd.release.questions import Answers, contested
from ccd.revisions import mixed
from ccd.splits import plan
from ccd.subsets import by_subset

Facts = Mapping[str, Any]
SPLITS = ("train", "dev", "test")
UNSETTLED = ""  # of pairs without a label
EXAMPLES = 4  # of each label, in a picture
_SPARE = 12  # candidates, as some may be sensitive


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


@dataclass
class Tally:
    """Counts over the pairs of a release, taken as they pass."""

    answers: dict[str, Answers]  # by question; a pair that is released has a label on the first
    excluded: Counter[str] = field(default_factory=Counter)
    arms: Counter[str] = field(default_factory=Counter)
    networks: Counter[str] = field(default_factory=Counter)
    sampled: Counter[str] = field(default_factory=Counter)  # pairs of random rounds by label; without one: UNSETTLED
    contested: int = 0  # labels of the first question against which an annotator voted
    chosen: dict[str, list[tuple[str, Pair]]] = field(default_factory=dict)

    @classmethod
    def of(cls, questions: Iterable[Question]) -> "Tally":
        """Nothing counted yet."""
        return cls({question.name: Answers.of(question, SPLITS) for question in questions})

    @property
    def first(self) -> Answers:
        """On the first question."""
        return next(iter(self.answers.values()))

    def take(self, pair: Pair) -> None:
        """Count one pair."""
        if pair.left_out:
            self.excluded[pair.left_out] += 1
            if pair.unsettled and pair.row["arm"] == RANDOM:
                self.sampled[UNSETTLED] += 1
            return
        row = pair.row
        if row["arm"] == RANDOM:
            self.sampled[row["label"]] += 1
        for answers in self.answers.values():
            answers.take(pair.split, row)
        self.arms[row["arm"]] += 1
        self.contested += contested(row)
        self.networks[row["pair_id"].partition(":")[0]] += 1
        if pair.split == "train" and self.first.question.labels:
            self._choose(pair)

    def bounds(self) -> dict[str, Any] | None:
        """What unsettled pairs leave unknown of each label's share in the pairs of random rounds; None: nothing.

        Of `pairs` with a label or `unsettled`, a label's share is between `labels`' two ends: with none of the
        unsettled pairs having the label, and with all. Manski (1989), "Anatomy of the selection problem", Journal of
        Human Resources 24(3), 343-360.
        """
        pairs, unsettled = self.sampled.total(), self.sampled[UNSETTLED]
        if not unsettled or not self.first.question.labels:
            return None
        ends = {name: (self.sampled[name], self.sampled[name] + unsettled) for name in self.first.question.labels}
        shares = {name: [low / pairs, high / pairs] for name, (low, high) in ends.items()}
        return {"pairs": pairs, "unsettled": unsettled, "labels": shares}

    def _choose(self, pair: Pair) -> None:
        """Keep the pairs of each label whose hash of label and image is smallest: a draw that is the same each time."""
        of_label = self.chosen.setdefault(pair.row["label"], [])
        drawn = hashlib.sha256(f"{pair.row['label']} {pair.sha256}".encode()).hexdigest()
        if len(of_label) == _SPARE and drawn >= of_label[-1][0]:
            return
        if all(drawn != other for other, _ in of_label):  # one photo, many tweets
            of_label.append((drawn, pair))
            of_label.sort(key=lambda each: each[0])
            del of_label[_SPARE:]

    def examples(self, db: sa.Connection) -> dict[str, list[Pair]]:
        """Label → at most EXAMPLES pairs of train to show; none that the platform calls sensitive."""
        posts = [pair.row["post_id"] for chosen in self.chosen.values() for _, pair in chosen]
        p = schema.posts.c
        hidden = set(db.scalars(sa.select(p.post_id).where(p.post_id.in_(posts), p.sensitive == 1)))
        shown = {
            label: [pair for _, pair in self.chosen.get(label, []) if pair.row["post_id"] not in hidden]
            for label in self.first.question.labels
        }
        return {label: some[:EXAMPLES] for label, some in shown.items()}


def collect(db: sa.Connection, campaign: Campaign, name: str, form: Form, tally: Tally, judged: Judged) -> Facts:
    """The facts of release.json, of one state of the database; nothing in it depends on when or where it is run."""
    config, protocol = campaign.config, campaign.protocol
    questions = {
        each.name: tally.answers[each.name].facts(judged.tied[each.name], of_campaign(db, each))
        for each in protocol.questions
    }
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
        "collected": _collected(db, tally.networks),
        "rounds": _rounds(db),
        "judgments": {
            "annotators": len(config.annotators),
            "per_pair": config.judgments_per_pair,
            "pairs": judged.pairs,
            "cannot_judge": judged.answered[CANNOT_JUDGE],
            "skipped": judged.answered[SKIPPED],
            "tied": judged.tied[protocol.question.name],
            "adjudicated": judged.adjudicated,
            "reviewed": dict(judged.reviewed),
            "assisted": judged.assisted,
            "tie_rule": config.tie_rule,
        },
        "split": plan(db) or {"seed": None, "ties": []},  # of an older toolkit: not noted
        "counts": tally.first.counts,
        "groups": _groups(db, protocol.question.name),
        "arms": dict(sorted(tally.arms.items())),
        **{key: questions[protocol.question.name][key] for key in ("prevalence", "prevalence_basis")},
        "bounds": tally.bounds(),
        "contested": tally.contested if protocol.question.labels else None,
        "resolved_by": dict(sorted(tally.first.resolved_by.items())),
        "excluded": dict(sorted(tally.excluded.items())),
        "questions": questions,
        "agreement": {question: found.to_dict(names=False) for question, found in judged.agreement().items()},
        "agreement_by_arm": _by_arm(db, protocol.question, judged),
        "assistance": _assistance(db, protocol.question) if judged.assisted and protocol.question.labels else None,
    }


def _by_arm(db: sa.Connection, question: Question, judged: Judged) -> dict[str, Any]:
    """Agreement on the question of the pairs of each arm; nothing where all are of one."""
    if len(set(db.scalars(sa.select(schema.rounds.c.arm)))) < 2:
        return {}
    arms = by_subset(db, question, judged.revisions)["arm"]
    return {arm: found.to_dict(names=False) for arm, found in arms.items()}


def _assistance(db: sa.Connection, question: Question) -> dict[str, Any]:
    """What the predictions that were shown did to the judgments on the question (ccd/bias.py), as far as it is known.

    `model` has the share of judgments that are the model's label, of assisted and of blind pairs, and the difference;
    `smallest` is the difference that such a comparison finds in four of five cases.
    """
    found, _ = bias.of_campaign(db, question)
    return {key: found.to_dict()[key] for key in ("rounds", "assisted", "blind", "model", "smallest")}


def _collected(db: sa.Connection, networks: Mapping[str, int]) -> dict[str, Any]:
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
        "networks": dict(sorted(networks.items())),  # of the released pairs
        "sources": sorted({pair.partition(":")[0] for pair in db.scalars(sa.select(schema.pairs.c.pair_id))}),
        "dropped": dict(sorted((reason, count) for reason, count in db.execute(dropped))),
        "gone": dict(sorted((status, count) for status, count in db.execute(gone))),
    }


def _groups(db: sa.Connection, question: str) -> int:
    """How many leakage groups have two released pairs or more; a pair that is tied to no other is not a group."""
    p, s, t = schema.pairs.c, schema.splits.c, schema.labels.c
    released = (
        sa.select(s.leakage_group)
        .join(schema.pairs, p.pair_id == s.pair_id)
        .join(schema.labels, (t.pair_id == s.pair_id) & (t.question == question) & t.label.is_not(None))
        .where(lives())
        .group_by(s.leakage_group)
        .having(sa.func.count() > 1)
    )
    return db.scalar(sa.select(sa.func.count()).select_from(released.subquery())) or 0


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
        found[name]["probability"] = [low, high] if found[name]["arm"] == "random" and low is not None else None
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
