"""Assistance: which pairs of a round are judged beside what the model says, and which stay blind.

A round is decided once, before its first answer, pair by pair and the same on every desk: then all judgments of a pair
were given under one condition, agreement can be measured in each, and the label of a blind pair owes the model nothing.
Which pairs stay blind is drawn at random, so what differs between the two kinds is the work of the assistance.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from ccd.campaign import predictions
from ccd.campaign.campaign import Campaign
from ccd.campaign.tables import schema
from ccd.campaign.tables.events import record
from ccd.errors import InputError
from ccd.vocabulary import Role

BLIND_SHARE = 0.2  # of the pairs of an assisted round go out without a prediction
STREAM = 1  # the draw of blind pairs is another than the round's own from the same seed


@dataclass(frozen=True)
class Decided:
    """What was decided for a round: so many pairs are `shown` with a prediction, so many `blind`.

    `unknown` pairs have no prediction by this version; they go out without one, and are no part of the comparison.
    """

    round: int
    version: str
    shown: int
    blind: int
    unknown: int


@dataclass(frozen=True)
class Suggestion:
    """What a desk may show of a pair: the model's most likely label, its probability, the model's version."""

    label: str
    score: float
    version: str


def decide(campaign: Campaign, version: str | None = None, blind: float = BLIND_SHARE) -> list[Decided]:
    """Decide every round that has no answer yet and was not decided before; the rounds decided now.

    Args:
        version: whose predictions (None: the latest of the protocol's first question).
        blind: the share of pairs that stay blind. There is no assistance without them: nothing would tell its effect.

    Raises CcdError where the version has no predictions of a round, or is of another question or other labels than the
    protocol's first question, for a share outside 0 to 1, and where that question asks for a score.
    """
    if not 0 < blind < 1:
        raise InputError(f"--blind {blind:g} is no share; write one between 0 and 1, such as {BLIND_SHARE}")
    question = campaign.protocol.question
    if not question.labels:
        raise InputError(
            f"protocol {campaign.protocol.name}: {question.name} asks for a score; models predict labels only"
        )
    version = version or predictions.latest(campaign, question.name)
    if (answers := predictions.question_of(campaign, version)) != question.name:
        raise InputError(f"{version} predicts {answers}, and desks show {question.name}; name another version")
    rp, decided = schema.round_pairs.c, []
    with campaign.write() as db:
        for round_, seed in _undecided(db):
            pairs = sorted(db.scalars(sa.select(rp.pair_id).where(rp.round == round_)))
            said = predictions.read(campaign, version, pairs, columns=())
            if other := set(said.labels) - set(question.labels):
                raise InputError(
                    f"{version} predicts {', '.join(sorted(other))}, which {question.name} does not ask for; name a "
                    "version of this protocol's labels with --assist"
                )
            if not len(said):
                raise InputError(f"{version} has no prediction of round {round_}; run `ccd predict --model {version}`")
            labels, scores = [said.labels[i] for i in said.best], said.probabilities.max(axis=1)
            hidden = draw_blind(labels, scores, blind, np.random.default_rng([seed, round_, STREAM]))
            db.execute(
                schema.assists.insert(),
                [
                    {"round": round_, "pair_id": pair, "model_version": version}
                    | {"label": label, "score": float(score), "shown": int(not alone)}
                    for pair, label, score, alone in zip(said.ids, labels, scores, hidden, strict=True)
                ],
            )
            made = Decided(round_, version, int((~hidden).sum()), int(hidden.sum()), len(pairs) - len(said))
            decided.append(made)
            facts = {"version": version, "share": blind, "shown": made.shown, "blind": made.blind}
            record(db, "ccd push --assist", "assist", str(round_), after=facts)
    return decided


def draw_blind(
    labels: Sequence[str], scores: npt.NDArray[np.floating], share: float, random: np.random.Generator
) -> npt.NDArray[np.bool_]:
    """Which pairs stay blind, each with probability `share`: [pairs].

    Drawn at equal steps from a random start, along the model's labels and in each along its probability, so that both
    kinds of pairs have the same mix of what the model says; the number is `share` of them, rounded up or down.

    >>> draw_blind(["no"] * 10, np.linspace(0.5, 1, 10), 0.2, np.random.default_rng(0)).sum().item()
    2
    """
    order = np.lexsort((random.random(len(labels)), scores, np.asarray(labels)))
    steps = np.floor(random.random() + share * np.arange(len(labels) + 1))
    blind = np.zeros(len(labels), dtype=bool)
    blind[order] = np.diff(steps) > 0
    return blind


def to_show(db: sa.Connection, pairs: Collection[str] | None = None) -> dict[tuple[str, str], Suggestion]:
    """Return what desks may show of these pairs (None: of all), and nothing else: (annotator, pair) → suggestion."""
    a, s = schema.assignments.c, schema.assists.c
    query = (
        sa.select(a.annotator, a.pair_id, s.label, s.score, s.model_version)
        .join_from(schema.assignments, schema.assists, (s.round == a.round) & (s.pair_id == a.pair_id))
        .where(s.shown == 1)
    )
    rows = db.execute(query if pairs is None else query.where(s.pair_id.in_(pairs)))
    return {(row.annotator, row.pair_id): Suggestion(row.label, row.score, row.model_version) for row in rows}


def _undecided(db: sa.Connection) -> list[tuple[int, int]]:
    """(round, seed) of the rounds that were not decided and that nobody has answered anything of."""
    r, a, j, s = schema.rounds.c, schema.assignments.c, schema.judgments.c, schema.assists.c
    answered = (j.pair_id == a.pair_id) & (j.annotator == a.annotator) & (j.role == Role.ANNOTATOR)
    begun = sa.select(a.round).join_from(schema.assignments, schema.judgments, answered)
    found = sa.select(r.round, r.seed).where(r.round.not_in(begun), r.round.not_in(sa.select(s.round)))
    return [(row.round, row.seed) for row in db.execute(found.order_by(r.round))]
