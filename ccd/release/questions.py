"""What a release says of each question of its protocol: labels by split and how they came about.

A pair is released once it has a label on any question; on the others it may have none.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from ccd.measures.prevalence import Prevalence, basis
from ccd.protocol import Category, Question

NOT_JUDGED = "not judged"
ALL = "all"


@dataclass
class Answers:
    """Counts over the released pairs on one question, taken as they pass.

    `counts`: split → label → pairs, and the sum as ALL; `resolved_by` and `unlabelled`: how pairs got their label, and
    why others have none.
    """

    question: Question
    counts: dict[str, dict[str, int]]
    resolved_by: Counter[str] = field(default_factory=Counter)
    unlabelled: Counter[str] = field(default_factory=Counter)

    @classmethod
    def of(cls, question: Question, splits: Iterable[str]) -> "Answers":
        """Nothing counted yet."""
        return cls(question, {split: dict.fromkeys((*question.labels, ALL), 0) for split in splits})

    def take(self, split: str, row: Mapping[str, Any]) -> None:
        """Count one pair, as it is in `<split>.jsonl`."""
        label, resolved_by = answer(row, self.question.name)
        if label is None:
            self.unlabelled[resolved_by or NOT_JUDGED] += 1
            return
        self.counts[split][ALL] += 1
        if self.question.labels:
            self.counts[split][str(label)] += 1
        self.resolved_by[str(resolved_by)] += 1

    def counted(self) -> dict[str, Any]:
        """Return what release.json counts of the question."""
        return {
            "counts": self.counts,
            "resolved_by": dict(sorted(self.resolved_by.items())),
            "unlabelled": dict(sorted(self.unlabelled.items())),
        }

    def facts(self, tied: int, common: Prevalence) -> dict[str, Any]:
        """Return what release.json has of the question; `tied` pairs had a tie on it."""
        about = {"title": self.question.title, "kind": self.question.kind, "level": self.question.level}
        prevalence = {
            "prevalence": common.beside_raw_shares(),
            "prevalence_basis": basis(asdict(common)) if common.known else None,
        }
        return about | self.counted() | {"tied": tied} | prevalence


def answer(row: Mapping[str, Any], question: str) -> tuple[str | float | None, str | None]:
    """Return the label of a released row on a question, and how it came about.

    >>> answer({"label": "yes", "resolved_by": "majority"}, "relation")
    ('yes', 'majority')
    >>> answer({"labels": {"a": "yes", "b": None}, "labels_resolved_by": {"a": "majority", "b": "open"}}, "b")
    (None, 'open')
    """
    if "labels" not in row:  # the protocol has one question
        return row["label"], row["resolved_by"]
    return row["labels"][question], row.get("labels_resolved_by", {}).get(question)  # older releases lack the latter


def contested(row: Mapping[str, Any]) -> bool:
    """Whether an annotator voted for another label than a released row has on the first question.

    >>> contested({"label": "yes", "votes": {"no": 1, "yes": 2}})
    True
    """
    return any(number for label, number in row["votes"].items() if label != row["label"])


def questions_of(protocol: Mapping[str, Any]) -> tuple[Question, ...]:
    """Return the questions of a protocol.json."""
    return tuple(
        Question(**{**question, "categories": tuple(_category(each) for each in question["categories"])})
        for question in protocol["questions"]
    )


def _category(each: Mapping[str, Any]) -> Category:
    return Category(**{**each, "examples": tuple(each["examples"])})
