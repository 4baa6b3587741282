"""Agreement on one question by arm, by round, and with and without the pairs that were shown a prediction."""

from collections.abc import Sequence

import pandas as pd
import sqlalchemy as sa

from ccd.campaign.judged_groups import with_groups
from ccd.campaign.revisions import Revision
from ccd.campaign.tables import judgments, schema
from ccd.campaign.tables.frames import frame_of
from ccd.measures.agreement import Agreement, Resample, of_judged
from ccd.protocol import Question


def by_subset(
    db: sa.Connection,
    question: Question,
    asked: Sequence[Revision],
    folds: int = 1000,
    seed: int = 0,
    resample: Resample = "pairs",
) -> dict[str, dict[str, Agreement]]:
    """Agreement of the judgments that count: {"arm": {arm: …}, "round": {number: …}}.

    A judgment belongs to the round in which its pair was assigned to its annotator. Where any annotator was shown a
    prediction, "prediction" has the pairs of which one was "shown", to whomever, and those "not shown". `asked` are the
    revisions of the protocol that the judgments were given under.
    """
    df = with_groups(db, judgments.counted(db, question.name))
    df = df.merge(_rounds(db), how="left", on=["task", "worker"])
    df["round"] = df["round"].astype("Int64")  # a judgment outside the rounds makes no 1.0 of 1
    assisted = df.loc[df["prediction"].notna(), "task"]
    df["prediction"] = df["task"].isin(assisted).map({True: "shown", False: "not shown"})
    return {
        name: {str(key): of_judged(part, question, asked, folds, seed, resample) for key, part in df.groupby(name)}
        for name in (["arm", "round", "prediction"] if len(assisted) else ["arm", "round"])
    }


def _rounds(db: sa.Connection) -> pd.DataFrame:
    """Which round, and so which arm, each annotator got each pair in: task, worker, round, arm."""
    a, r = schema.assignments.c, schema.rounds.c
    query = sa.select(a.pair_id.label("task"), a.annotator.label("worker"), r.round, r.arm)
    return frame_of(db, query.join_from(schema.assignments, schema.rounds, r.round == a.round))
