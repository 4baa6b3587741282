"""Agreement in a campaign: on each question, by arm, by round, and with and without predictions shown."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pandas as pd
import sqlalchemy as sa

from ccd.campaign import revisions
from ccd.campaign.judged_groups import with_groups
from ccd.campaign.revisions import Revision
from ccd.campaign.tables import judgments, schema
from ccd.campaign.tables.frames import frame_of
from ccd.measures.agreement import Agreement, Resample, agreement
from ccd.measures.estimate import Coefficient
from ccd.protocol import Protocol, Question


def of_campaign(
    db: sa.Connection, protocol: Protocol, n_resamples: int = 1000, seed: int = 0, resample: Resample = "pairs"
) -> dict[str, Agreement]:
    """Agreement on each question of the protocol, from the annotators' judgments that count."""
    asked = revisions.used(db, protocol)
    return {
        question.name: of_judged(
            with_groups(db, judgments.valid_judgments(db, question.name)), question, asked, n_resamples, seed, resample
        )
        for question in protocol.questions
    }


def of_judged(
    df: pd.DataFrame,
    question: Question,
    asked: Sequence[Revision],
    n_resamples: int = 1000,
    seed: int = 0,
    resample: Resample = "pairs",
) -> Agreement:
    """Agreement on a question, with the categories that its judges could choose among.

    `df` is `ccd.campaign.tables.judgments.valid_judgments`, with or without leakage groups
    (`ccd.campaign.judged_groups`), `asked` the revisions of the protocol that its judgments were given under. Where
    the categories changed in between, Gwet's AC1, whose chance agreement depends on their number (Gwet 2008, Eq. 5
    with 1/(K - 1)), has no value for all judgments together: it is undefined, with the value under each set of
    categories.
    """
    under = set(df["revision"])
    sets: dict[tuple[Any, ...], list[Revision]] = {}
    for each in asked:
        if each.number in under and each.asks(question.name):
            sets.setdefault(revisions.answers_of(each.protocol.by_name(question.name)), []).append(each)
    judged = revisions.as_judged(question, [each for some in sets.values() for each in some])
    found = agreement(df, judged.labels, question.level, n_resamples, seed, resample)
    if len(sets) < 2 or question.kind == "score":
        return found
    parts = {}
    for some in sets.values():
        part = df[df["revision"].isin([each.number for each in some])]
        labels = revisions.as_judged(question, some).labels
        parts[", ".join(str(each.number) for each in some)] = agreement(
            part, labels, question.level, n_resamples, seed, resample
        )
    values = {numbers: each.coefficients["gwet_ac1"].value for numbers, each in parts.items()}
    told = (f"{'undefined' if ac1 is None else f'{ac1:.3f}'} under {numbers}" for numbers, ac1 in values.items())
    reason = f"the categories changed between revisions of the protocol: {', '.join(told)}"
    return replace(
        found, coefficients=found.coefficients | {"gwet_ac1": Coefficient(None, None, reason)}, by_revision=parts
    )


def by_subset(
    db: sa.Connection,
    question: Question,
    asked: Sequence[Revision],
    n_resamples: int = 1000,
    seed: int = 0,
    resample: Resample = "pairs",
) -> dict[str, dict[str, Agreement]]:
    """Agreement of the judgments that count: {"arm": {arm: …}, "round": {number: …}}.

    A judgment belongs to the round in which its pair was assigned to its annotator. Where any annotator was shown a
    prediction, "prediction" has the pairs of which one was "shown", to whomever, and those "not shown". `asked` are the
    revisions of the protocol that the judgments were given under.
    """
    df = with_groups(db, judgments.valid_judgments(db, question.name))
    df = df.merge(_rounds(db), how="left", on=["task", "worker"])
    df["round"] = df["round"].astype("Int64")  # a judgment outside the rounds makes no 1.0 of 1
    assisted = df.loc[df["prediction"].notna(), "task"]
    df["prediction"] = df["task"].isin(assisted).map({True: "shown", False: "not shown"})
    return {
        name: {
            str(key): of_judged(part, question, asked, n_resamples, seed, resample) for key, part in df.groupby(name)
        }
        for name in (["arm", "round", "prediction"] if len(assisted) else ["arm", "round"])
    }


def _rounds(db: sa.Connection) -> pd.DataFrame:
    """Which round, and so which arm, each annotator got each pair in: task, worker, round, arm."""
    a, r = schema.assignments.c, schema.rounds.c
    query = sa.select(a.pair_id.label("task"), a.annotator.label("worker"), r.round, r.arm)
    return frame_of(db, query.join_from(schema.assignments, schema.rounds, r.round == a.round))
