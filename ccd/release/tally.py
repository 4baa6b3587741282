"""What is counted of the pairs of a release as they pass, from a campaign or from the release's own files."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from ccd.campaign.adjudication import ADJUDICATED
from ccd.campaign.tables import schema
from ccd.measures.ties import DROPPED, OPEN
from ccd.protocol import Question
from ccd.release.content import ReleasedPair
from ccd.release.questions import ALL, Answers, answer, contested
from ccd.splitting.split import UNLABELLED
from ccd.vocabulary import Arm

SPLITS = ("train", "dev", "test")
UNSETTLED = ""  # of pairs without a label
EXAMPLES = 4  # of each label, in a picture
_SPARE = 12  # candidates, as some may be sensitive


@dataclass
class Tally:
    """Counts over the pairs of a release, taken as they pass."""

    answers: dict[str, Answers]  # by question; a pair that is released has a label on one at least
    pairs: Counter[str] = field(default_factory=Counter)  # by split, with or without a label on the first question
    excluded: Counter[str] = field(default_factory=Counter)
    arms: Counter[str] = field(default_factory=Counter)
    networks: Counter[str] = field(default_factory=Counter)
    sampled: Counter[str] = field(default_factory=Counter)  # pairs of random rounds by label; without one: UNSETTLED
    groups: Counter[str] = field(default_factory=Counter)  # released pairs by leakage group
    tied: Counter[str] = field(default_factory=Counter)  # pairs on whose question two labels lead; see _tie
    adjudicated: int = 0  # pairs with a question on which an adjudicator's answer is the label
    weight: Counter[str] = field(default_factory=Counter)  # sum of the weights by label; sums of floats
    contested: int = 0  # labels of the first question against which an annotator voted
    chosen: dict[str, list[tuple[str, ReleasedPair]]] = field(default_factory=dict)

    @classmethod
    def of(cls, questions: Iterable[Question]) -> "Tally":
        """Nothing counted yet."""
        return cls({question.name: Answers.of(question, SPLITS) for question in questions})

    @property
    def first(self) -> Answers:
        """On the first question."""
        return next(iter(self.answers.values()))

    def take(self, pair: ReleasedPair) -> None:
        """Count one pair."""
        row = pair.row
        if pair.left_out:
            self.excluded[pair.left_out] += 1
            if pair.unsettled:
                self.sampled[UNSETTLED] += row["arm"] == Arm.RANDOM
                self.tied[self.first.question.name] += len(leading(row["votes"])) > 1
            return
        self._tie(row)
        self.pairs[pair.split] += 1
        label = row["label"]
        if row["arm"] == Arm.RANDOM and (label is not None or row["resolved_by"] in (OPEN, DROPPED)):
            self.sampled[UNSETTLED if label is None else label] += 1
        for answers in self.answers.values():
            answers.take(pair.split, row)
        self.arms[row["arm"]] += 1
        self.groups.update(filter(None, (row["leakage_group"],)))
        self.networks[row["pair_id"].partition(":")[0]] += 1
        if label is None:
            return
        self.contested += contested(row)
        self.weight[str(label)] += row.get("weight") or 0
        if pair.split == "train" and self.first.question.labels:
            self._choose(pair)

    def _tie(self, row: Mapping[str, Any]) -> None:
        """Count ties by question, of released pairs, and on the first of unsettled ones too; and adjudicated pairs."""
        votes = row.get("labels_votes") or {self.first.question.name: row["votes"]}
        for name, of_question in votes.items():
            if self.answers[name].question.labels:
                self.tied[name] += len(leading(of_question)) > 1
        self.adjudicated += any(answer(row, name)[1] == ADJUDICATED for name in self.answers)

    def facts(self) -> dict[str, Any]:
        """Return what release.json counts of the pairs: the same from a campaign and from the files of a release."""
        first = self.first
        return {
            "counts": self.counts(),
            "groups": sum(number > 1 for number in self.groups.values()),
            "arms": dict(sorted(self.arms.items())),
            "bounds": self.bounds(),
            "contested": self.contested if first.question.labels else None,
            "resolved_by": dict(sorted(first.resolved_by.items())),
        }

    def counts(self) -> dict[str, dict[str, int]]:
        """Return split → label of the first question → pairs, UNLABELLED where any pair has none on it, and ALL."""
        found = {}
        for split, counts in self.first.counts.items():
            labelled = {label: number for label, number in counts.items() if label != ALL}
            left = {UNLABELLED: self.pairs[split] - counts[ALL]} if self.first.unlabelled else {}
            found[split] = labelled | left | {ALL: self.pairs[split]}
        return found

    def parts(self) -> dict[str, dict[str, Any]]:
        """Return what is counted inside the maps of release.json that hold more than counts."""
        return {
            "judgments": {"tied": self.tied[self.first.question.name], "adjudicated": self.adjudicated},
            "collected": {"networks": dict(sorted(self.networks.items()))},
            "questions": {name: each.counted() | {"tied": self.tied[name]} for name, each in self.answers.items()},
        }

    def correct(self, facts: dict[str, Any]) -> None:
        """Put what was counted in the place of what `facts` say; what an older toolkit did not say stays away."""
        parts = self.parts()
        found = [(facts, self.facts()), *((facts[name], parts[name]) for name in ("judgments", "collected"))]
        found += [(about, parts["questions"][name]) for name, about in facts.get("questions", {}).items()]
        for said, counted in found:
            said |= {name: value for name, value in counted.items() if name in said}

    def bounds(self) -> dict[str, Any] | None:
        """Return what unsettled pairs leave unknown of each label's share in the pairs of random rounds; None: nothing.

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

    def _choose(self, pair: ReleasedPair) -> None:
        """Keep the pairs of each label whose hash of label and image is smallest: a draw that is the same each time."""
        of_label = self.chosen.setdefault(pair.row["label"], [])
        drawn = hashlib.sha256(f"{pair.row['label']} {pair.sha256}".encode()).hexdigest()
        if len(of_label) == _SPARE and drawn >= of_label[-1][0]:
            return
        if all(drawn != other for other, _ in of_label):  # one photo, many tweets
            of_label.append((drawn, pair))
            of_label.sort(key=lambda each: each[0])
            del of_label[_SPARE:]

    def examples(self, db: sa.Connection) -> dict[str, list[ReleasedPair]]:
        """Label → at most EXAMPLES pairs of train to show; none that the platform calls sensitive."""
        posts = [pair.row["post_id"] for chosen in self.chosen.values() for _, pair in chosen]
        p = schema.posts.c
        hidden = set(db.scalars(sa.select(p.post_id).where(p.post_id.in_(posts), p.sensitive == 1)))
        shown = {
            label: [pair for _, pair in self.chosen.get(label, []) if pair.row["post_id"] not in hidden]
            for label in self.first.question.labels
        }
        return {label: some[:EXAMPLES] for label, some in shown.items()}


def leading(votes: Mapping[str, int]) -> list[str]:
    """Return the labels with the most votes: two or more are a tie, none are of a pair without votes.

    >>> leading({"no": 1, "yes": 1, "maybe": 0})
    ['no', 'yes']
    """
    most = max(votes.values(), default=0)
    return [label for label, number in votes.items() if number == most > 0]
