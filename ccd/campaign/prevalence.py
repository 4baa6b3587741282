"""How common each label is among a campaign's pairs, from its random rounds."""

from collections import Counter
from dataclasses import replace

import sqlalchemy as sa

from ccd.campaign import draws
from ccd.campaign.draws import read
from ccd.campaign.tables import schema
from ccd.measures.draws import Design
from ccd.measures.prevalence import TOO_WIDE, LabelShare, Prevalence, payoff, shares
from ccd.measures.unsettled import Bounds, of_strata
from ccd.measures.watched import watched
from ccd.protocol import Question


def of_campaign(db: sa.Connection, question: Question) -> Prevalence:
    """Prevalence of the labels of one question, as they are settled; open pairs have no label yet.

    Nothing is known where pairs are settled on a label that the question no longer has.
    """
    design, names = read(db, question), question.labels
    strata = tuple(design.strata.values())
    numbers = Counter(pair.label for pair in design.pairs)
    found = {name: numbers[place] for place, name in enumerate(names)}
    sought = watched(question, {(question.name, name): number for name, number in found.items()})
    labels, paid = shares(strata, names), None
    if (
        not _lacks(db, question)
        and all((one.high or 0) - (one.low or 0) <= TOO_WIDE for one in labels)
        and strata
        and sought
    ):
        labels = tuple(replace(one, found=found[one.label]) for one in labels)
        ranked = _ranked(design, names.index(sought), _for_others(db, question))
        paid = payoff(ranked, strata, names.index(sought))
    else:
        labels = tuple(LabelShare(name, number) for name, number in found.items())
    return Prevalence(
        pairs=sum(stratum.pairs for stratum in strata),
        left=sum(stratum.left for stratum in strata),
        drawn=design.settled,
        sent=design.sent,
        uncovered=design.uncovered,
        labels=labels,
        sought=sought,
        payoff=paid,
    )


def bounds(db: sa.Connection, question: Question) -> dict[str, Bounds] | None:
    """Return the bounds of each label of a question; None where every pair has a label, or nothing was drawn."""
    strata = draws.read(db, question, unsettled=True).strata.values()
    if not question.labels or not sum(float(stratum.known[-1]) for stratum in strata):
        return None
    return of_strata(tuple(strata), question.labels) or None


def _lacks(db: sa.Connection, question: Question) -> bool:
    """Whether pairs are settled on a label that the question no longer has: shares of the others would be too high."""
    t = schema.labels.c
    other = (t.question == question.name) & t.label.not_in(question.labels)
    return bool(db.scalar(sa.select(sa.exists().where(other))))


def _for_others(db: sa.Connection, question: Question) -> set[int]:
    """Return the rounds that were ranked for a label of another question.

    They say nothing of ranking for one of this.
    """
    r = schema.rounds.c
    return set(db.scalars(sa.select(r.round).where(r.question != question.name)))


def _ranked(design: Design, label: int, but: set[int]) -> dict[int, tuple[int, int]]:
    """Of each active round, `but` some, with a judged ranked pair: how many of these have the label or are judged."""
    judged, hits = Counter[int](), Counter[int]()
    for pair in design.pairs:
        if pair.ranked and pair.round not in but and pair.label is not None and pair.stratum in design.strata:
            judged[pair.round] += 1
            hits[pair.round] += pair.label == label
    return {number: (hits[number], judged[number]) for number in sorted(judged)}
