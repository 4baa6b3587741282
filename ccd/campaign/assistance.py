"""What assistance did to the judgments of a campaign."""

import numpy as np
import pandas as pd
import sqlalchemy as sa

from ccd import vocabulary
from ccd.campaign.judged_groups import of_pairs
from ccd.campaign.tables import judgments, schema
from ccd.measures.assistance import Bias, bias
from ccd.measures.related import GROUP
from ccd.protocol import Question
from ccd.vocabulary import Status


def of_campaign(db: sa.Connection, question: Question, n_resamples: int = 1000, seed: int = 0) -> tuple[Bias, int]:
    """Return what assistance did in a campaign on its primary question, and how many judgments are left out of it.

    The model's label is that of the version a round was decided with, on assisted and blind pairs alike, also where a
    newer version was shown. Left out are judgments whose task showed a prediction though the pair was to stay blind, or
    none though it was to show one: as where somebody changed a desk by hand.
    """
    a, s = schema.assignments.c, schema.assists.c
    rows = db.execute(
        sa.select(a.pair_id, a.annotator, a.round, s.label, s.shown).join_from(
            schema.assignments, schema.assists, (s.round == a.round) & (s.pair_id == a.pair_id)
        )
    )
    decided = pd.DataFrame(rows.all(), columns=["task", "worker", "round", "model", "shown"])
    df = judgments.valid_judgments(db, question.name).merge(decided, on=["task", "worker"])
    as_decided = df["prediction"].notna() == (df["shown"] == 1)
    best = judgments.best_answers()
    cannot = best.c.place == vocabulary.ANSWERED.index(Status.CANNOT_JUDGE)
    rows = db.execute(sa.select(best.c.pair_id, best.c.annotator).where(cannot))
    unable = pd.DataFrame(rows.all(), columns=["task", "worker"]).merge(decided, on=["task", "worker"])
    # A pair may be in two rounds, under another condition in each.
    df = pd.concat([df[as_decided], unable.assign(label=None, seconds=np.nan)], ignore_index=True)
    group = of_pairs(db)
    df[GROUP] = [group.get(task, task) for task in df["task"]]
    df = df.assign(task=df["task"] + " " + df["round"].astype(str), shown=df["shown"] == 1)
    return bias(df, question.labels, question.level, n_resamples, seed), int((~as_decided).sum())
