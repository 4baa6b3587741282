"""What a network's stored predictions are worth on labelled pairs, and which pairs they put first for a label.

Both need only the predictions in `predictions/`: no network, no torch. `ccd evaluate` measures with intervals.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from ccd.campaign import predictions
from ccd.campaign.campaign import Campaign
from ccd.campaign.predictions import uncertainty
from ccd.campaign.tables import live_posts, schema
from ccd.vocabulary import Arm

Floats = npt.NDArray[np.float64]
Ids = npt.NDArray[np.int64]

BINS = 15  # of confidence, in the reliability diagram and in every calibration error


@dataclass(frozen=True)
class Bin:
    """The predictions of one of BINS equal bins: how many, how sure they are on average, how often they are right."""

    pairs: int
    confidence: float
    accuracy: float


@dataclass(frozen=True)
class Measured:
    """What a version is worth on N labelled pairs.

    `f1` by label name, 0 where a label is never right, None where no pair has it; `macro_f1` is the mean of those that
    are defined; `confusion` [C, C] counts label by prediction; `bins` leaves empty ones out; `calibration_error` is Guo
    et al. (2017), eq. 5, over them.
    """

    pairs: int
    accuracy: float
    weighted_f1: float
    macro_f1: float
    f1: dict[str, float | None]
    confusion: Ids
    bins: tuple[Bin, ...]
    calibration_error: float


@dataclass(frozen=True)
class Candidate:
    """A pair that is not judged, by its `rank` from 1. `reason` is why it stands there, in words."""

    rank: int
    pair_id: str
    reason: str


def measure(probabilities: Floats, truth: Ids, labels: Sequence[str]) -> Measured:
    """Probabilities [N, C] against label ids [N], N > 0.

    >>> found = measure(np.array([[0.9, 0.1], [0.6, 0.4]]), np.array([0, 1]), ["no", "yes"])
    >>> found.accuracy, found.confusion.tolist(), [each.pairs for each in found.bins]
    (0.5, [[1, 0], [1, 0]], [1, 1])
    """
    best, sure = probabilities.argmax(1), probabilities.max(1).astype(float)
    size = len(labels)
    confusion = np.bincount(truth * size + best, minlength=size * size).reshape(size, size)
    support, right = confusion.sum(1), np.diagonal(confusion)
    known = support > 0
    f1 = np.divide(2.0 * right, support + confusion.sum(0), out=np.zeros(size), where=known)
    place = np.clip(np.ceil(sure * BINS).astype(int) - 1, 0, BINS - 1)  # bins are open below, closed above
    hits = best == truth
    bins = tuple(
        Bin(int(chosen.sum()), float(sure[chosen].mean()), float(hits[chosen].mean()))
        for chosen in (place == number for number in range(BINS))
        if chosen.any()
    )
    return Measured(
        pairs=len(truth),
        accuracy=float(hits.mean()),
        weighted_f1=float(f1 @ support / support.sum()),
        macro_f1=float(f1[known].mean()),
        f1={label: float(f1[i]) if known[i] else None for i, label in enumerate(labels)},
        confusion=confusion,
        bins=bins,
        calibration_error=sum(each.pairs * abs(each.accuracy - each.confidence) for each in bins) / len(truth),
    )


def on_split(campaign: Campaign, question: str, version: str, split: str) -> Measured | None:
    """Return what a version is worth on the labelled pairs of a split; None where it has predicted none of them.

    >>> on_split(campaign, "relation", predictions.latest(campaign), "dev").macro_f1  # doctest: +SKIP
    """
    t, s = schema.labels.c, schema.splits.c
    with campaign.read() as db:
        rows = db.execute(
            sa.select(t.pair_id, t.label)
            .join(schema.splits, s.pair_id == t.pair_id)
            .where(t.question == question, t.label.is_not(None), s.split == split)
        )
        label_of = {row.pair_id: row.label for row in rows}
    said = predictions.read(campaign, version, list(label_of), columns=())
    known = [place for place, pair in enumerate(said.ids) if label_of[pair] in said.labels]
    if not known:
        return None
    truth = np.array([said.labels.index(label_of[said.ids[place]]) for place in known])
    return measure(said.probabilities[known].astype(np.float64), truth, said.labels)


def candidates(campaign: Campaign, version: str, label: str, start: int, most: int) -> list[Candidate]:
    """Pairs that no round has taken yet, by the probability of `label`, highest first: `most` from rank `start` + 1.

    Pairs of posts that are gone are not among them. The newest active round has its own order: see `in_round`.
    """
    free = _free(campaign)
    said = predictions.read(campaign, version, columns=("association", "alignment"))
    if label not in said.labels:
        return []
    wanted = said.labels.index(label)
    rows = np.array([place for place, pair in enumerate(said.ids) if pair in free], np.int64)
    order = rows[np.argsort(-said.probabilities[rows, wanted], kind="stable")][start : start + most]
    return [
        Candidate(start + rank, said.ids[place], _reason(said, int(place), wanted))
        for rank, place in enumerate(order, 1)
    ]


def number_of_candidates(campaign: Campaign, version: str) -> int:
    """How many pairs `candidates` has in all."""
    return len(_free(campaign) & predictions.predicted(campaign, version))


def _free(campaign: Campaign) -> set[str]:
    """Return the pairs of living posts that no round has taken yet."""
    p = schema.pairs.c
    with campaign.read() as db:
        taken = sa.select(schema.round_pairs.c.pair_id)
        return set(db.scalars(sa.select(p.pair_id).where(p.pair_id.not_in(taken), live_posts.is_live())))


def active_rounds(campaign: Campaign) -> list[tuple[int, int]]:
    """Return the active rounds, newest first: number, and how many of its pairs are of living posts."""
    r, p = schema.round_pairs.c, schema.pairs.c
    query = (
        sa.select(r.round, sa.func.count())
        .join(schema.rounds, schema.rounds.c.round == r.round)
        .join(schema.pairs, p.pair_id == r.pair_id)
        .where(schema.rounds.c.arm == Arm.ACTIVE, live_posts.is_live())
    )
    with campaign.read() as db:
        return [(number, size) for number, size in db.execute(query.group_by(r.round).order_by(r.round.desc()))]


def in_round(campaign: Campaign, number: int, version: str, label: str, start: int, most: int) -> list[Candidate]:
    """Return the pairs of an active round in its order, with the part of the round that chose them.

    `rank` is the place in the round as it was drawn; pairs of posts that are gone are left out.
    """
    r = schema.round_pairs.c
    with campaign.read() as db:
        strategy = db.scalar(sa.select(schema.rounds.c.strategy).where(schema.rounds.c.round == number))
        living = sa.select(r.pair_id, r.part, r.place).join(schema.pairs, schema.pairs.c.pair_id == r.pair_id)
        living = living.where(r.round == number, live_posts.is_live())
        rows = db.execute(living.order_by(r.place).offset(start).limit(most)).all()
    said = predictions.read(campaign, version, [row.pair_id for row in rows], columns=("association", "alignment"))
    places = {pair: place for place, pair in enumerate(said.ids)}
    wanted = said.labels.index(label)
    chosen = {
        "strategy": f"chosen by {strategy}",
        "diverse": "chosen to be unlike the others",
        "random": "drawn at random",
    }
    found = []
    for row in rows:
        why = [chosen.get(row.part, str(row.part))]
        why += [_reason(said, places[row.pair_id], wanted)] if row.pair_id in places else []
        found.append(Candidate(row.place + 1, row.pair_id, "; ".join(why)))
    return found


def _reason(said: predictions.Predictions, place: int, wanted: int) -> str:
    """Return what speaks for the wanted label.

    Its probability, the streams where they differ, and how unsure the model is.
    """
    chances = said.probabilities[place]
    parts = [f"{said.labels[wanted]} {chances[wanted]:.2f}"]
    if said.association is not None and said.alignment is not None:
        first, second = said.association[place], said.alignment[place]
        if first.argmax() != second.argmax():
            parts.append(f"association says {said.labels[first.argmax()]} {first.max():.2f}")
            parts.append(f"alignment says {said.labels[second.argmax()]} {second.max():.2f}")
        else:
            parts.append("both streams agree")
    parts.append(f"uncertainty {uncertainty(chances[None])[0]:.2f}")
    return ", ".join(parts)
