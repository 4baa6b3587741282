"""Judgments that were given elsewhere: each counts once, in the arm `imported`."""

import hashlib
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from ccd.campaign import revisions
from ccd.campaign.tables import judgments, known_pairs
from ccd.campaign.tables.assignments import assign_imported
from ccd.campaign.tables.events import now, record
from ccd.campaign.tables.frames import batches
from ccd.campaign.tables.judgments import IMPORTED
from ccd.errors import InputError
from ccd.protocol import Protocol, Question
from ccd.vocabulary import Role, Status

if TYPE_CHECKING:
    import pandas as pd

Answers = Mapping[tuple[str, str], Mapping[str, Any]]
"""(pair, annotator) → status, answers (JSON), seconds and at (when it was given); the last two may be None."""


@dataclass
class Stored:
    """What was stored: judgments that are new or changed, by status, and how many were known."""

    new: Counter[str] = field(default_factory=Counter)
    known: int = 0


def store(db: sa.Connection, protocol: Protocol, answers: Answers, source: str) -> Stored:
    """Store answers as judgments; those given in Label Studio, and those that are there already, stay as they are.

    The people are counted as assigned to their pairs; pairs that are in no round yet make one. `source` says where the
    answers are from.
    """
    last: dict[tuple[str, str], Any] = {}
    for some in batches(sorted({pair for pair, _name in answers})):
        for row in judgments.of_pairs(db, some, Role.ANNOTATOR):
            if (before := last.get((row.pair_id, row.annotator))) is None or before.project_id == IMPORTED:
                last[row.pair_id, row.annotator] = row
    done, fresh, revision = Stored(), [], revisions.current(db, protocol)
    for (pair, name), said in answers.items():
        before = last.get((pair, name))
        same = before and (before.status, before.answers) == (said["status"], said["answers"])
        if before and (before.project_id != IMPORTED or same):
            done.known += 1
            continue
        done.new[said["status"]] += 1
        digest = hashlib.sha256(json.dumps([pair, name, said["status"], said["answers"]]).encode()).hexdigest()
        fresh.append(
            {key: said[key] for key in ("status", "answers", "seconds")}
            | {"annotation": before.annotation if before else f"import:{source}:{digest[:16]}"}
            | {"version": before.version + 1 if before else 1, "project_id": IMPORTED, "task_id": 0, "pair_id": pair}
            | {"annotator": name, "role": Role.ANNOTATOR, "comment": None, "prediction": None, "revision": revision}
            | {"created_at": said["at"] or now(), "answered_at": said["at"], "digest": digest, "pulled_at": now()}
        )
    if fresh:
        assign_imported(db, ((row["pair_id"], row["annotator"]) for row in fresh), f"import:{source}")
        judgments.add(db, fresh)
        after = {"judgments": len(fresh), "pairs": len({row["pair_id"] for row in fresh})}
        record(db, "ccd import", "import", source, after=after)
    return done


def of_frame(db: sa.Connection, df: "pd.DataFrame", protocol: Protocol, question: Question) -> dict[Any, Any]:
    """Return the judgments of a frame (task, worker, label), checked, as `store` takes them.

    Raises InputError for a missing column, a pair or a label that is unknown, and for somebody who judges a pair twice.
    """
    if len(protocol.questions) > 1:
        raise InputError(
            f"protocol {protocol.name} asks {len(protocol.questions)} questions, and a frame answers one; bring "
            "judgments of all with `ccd import`"
        )
    from ccd.measures.vote_matrix import code

    code(df if question.labels or "label" not in df else df.assign(label="score"), question.labels)  # which checks them
    there = {pair for some in batches(df["task"].unique()) for pair in known_pairs.known(db, some)}
    found = {}
    for pair, worker, label in df[["task", "worker", "label"]].itertuples(index=False, name=None):
        if pair not in there:
            raise InputError(f"{pair}: no such pair in this campaign; task must be a pair_id of `Campaign.pairs`")
        if problem := question.problem(label):
            raise InputError(f"{pair}, {worker}: {problem}; write an answer of the protocol")
        answers = json.dumps({question.name: label}, ensure_ascii=False)
        found[pair, str(worker)] = {"status": Status.VALID, "answers": answers, "seconds": None, "at": None}
    return found
