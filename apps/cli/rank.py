"""`ccd rank`: a round of the pairs that are most worth judging, in that order."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from apps.cli import contract
from ccd.wording import number_of

if TYPE_CHECKING:
    from ccd.campaign.campaign import Campaign
    from ccd.protocol import Question
    from model.acquisition import JudgingBatch
    from model.acquisition.campaign import Candidates

DEFAULT = "implicit"
WITHOUT_PREDICTIONS = ("random", "profile")
NAMES = (
    *("random", "margin", "entropy", "least_confidence", "implicit", "boundary"),
    *("anchor", "stream_gap", "badge", "profile", "relabel"),
)  # of model.acquisition.STRATEGIES, which is not imported for the help
SHOWN = 10


@click.command("rank")
@click.option(
    "--strategy",
    type=click.Choice(NAMES),
    default=DEFAULT,
    show_default=True,
    help="What puts one pair before another.",
)
@click.option("--size", type=click.IntRange(min=1), required=True, help="How many pairs.")
@click.option(
    "--question", metavar="NAME", help="The question whose label is looked for (default: the protocol's first)."
)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=1, show_default=True, help="Repeats the draws.")
@contract.in_campaign
@contract.reports(
    {
        "round": "the round's number",
        "strategy": "the strategy",
        "question": "the question",
        "label": "the label of it that is looked for",
        "model_version": "the network whose predictions were used; null for none",
        "warning": "one line where the network is no better than train's most frequent label or than text alone on "
        "dev, or where that is not known; null also without a network",
        "seed": "the seed",
        "size": "pairs in the round",
        "pool": "pairs that could be drawn",
        "labelled": "labelled pairs that the strategy could learn from",
        "unpredicted": "pairs that are not ranked, as this network has no prediction of them",
        "linked": "ranked pairs that are linked to pairs drawn at random, as too few others are left; else 0",
        "parts": "map from part to pairs: strategy, diverse, random",
        "mixed": "what to know of judgments that were given under several revisions of the protocol; null for one",
        "again": "pairs that were judged before and get one more judgment",
        "assigned": "map from annotator to pairs assigned in this round",
        "top": "the first ten pairs: list of {pair_id, part, score, why}; score is null where a pair cannot be ranked",
    }
)
def rank_command(folder: Path, strategy: str, size: int, question: str | None, seed: int) -> contract.Report:
    """Make a round of the pairs most worth judging; annotators get them in its order.

    Of the round's pairs 60 % are the strategy's first, 20 % are spread over what was judged least, and 20 % are drawn
    at random, with a known probability: from these `ccd status` knows the labels' shares. Pairs whose picture and text
    are both alike count as one. The newest predictions of the question are used; `random` and `profile` do without. A
    question that asks for a score has no label to look for: `ccd round new` draws its pairs at random.

    \b
    Example:
      ccd rank --size 200
      ccd rank --size 50 --strategy relabel
    """
    from ccd.campaign import predictions, revisions
    from ccd.campaign.campaign import Campaign
    from ccd.campaign.rounds import Ranked, ranked_round
    from ccd.errors import InputError
    from collection.text import model_text
    from model.acquisition import STRATEGIES, batch
    from model.acquisition.campaign import candidates
    from model.usefulness import read, warning

    campaign = Campaign.open(folder)
    kind = STRATEGIES[strategy]
    of = campaign.protocol.by_name(question) if question else campaign.protocol.question
    if not of.labels:
        raise InputError(
            f"question {of.name!r} asks for a score, so there is no label to look for; draw pairs at random with "
            "`ccd round new`"
        )
    versions = predictions.versions(campaign, of.name)
    if not versions and strategy not in WITHOUT_PREDICTIONS:
        raise InputError(
            f"--strategy {strategy} ranks by predictions, and there are none{_of(campaign, of)}; run `ccd train` and "
            f"`ccd predict`, or choose {' or '.join(WITHOUT_PREDICTIONS)}"
        )
    found = candidates(
        campaign,
        versions[-1] if versions else None,
        model_text,
        question=of.name,
        again=kind.again,
        seed=seed,
        size=size,
    )
    with campaign.read() as db:
        revisions.check_answers(db, campaign.protocol)
        mixed = revisions.mixed(revisions.used(db, campaign.protocol))
    label, shares = _sought(campaign, of)
    target = of.labels.index(label)
    if size > found.could_be_drawn:
        raise InputError(f"--size {size}: {number_of(found.could_be_drawn, 'pair')} can be ranked; ask for fewer")
    diverse, random = (0.0, 1.0) if strategy == "random" else (0.2, 0.2)
    ranking = kind(target, seed, shares)
    beyond = len(found.beyond)
    chosen = batch(ranking, found.pool, found.labelled, size, seed, diverse=diverse, random=random, beyond=beyond)
    queue = [
        Ranked(found.pair(row), str(part), float(chance) if part == "random" else None)
        for row, part, chance in zip(chosen.rows, chosen.part, chosen.probability, strict=True)
    ]
    pool = found.could_be_drawn
    made = ranked_round(
        campaign,
        queue,
        strategy=strategy,
        question=of.name,
        seed=seed,
        pool=pool,
        model_version=found.version,
        at=found.at,
    )
    facts = {
        "round": made.round,
        "strategy": strategy,
        "question": of.name,
        "label": label,
        "model_version": found.version,
        "warning": warning(read(folder / "models", found.version)) if found.version else None,
        "seed": seed,
        "size": made.size,
        "pool": pool,
        "labelled": len(found.labelled.rows),
        "unpredicted": found.unpredicted,
        "linked": found.linked,
        "parts": {name: int((chosen.part == name).sum()) for name in ("strategy", "diverse", "random")},
        "mixed": mixed,
        "again": _again(found, chosen),
        "assigned": _assigned(campaign, made.round),
        "top": _top(of, found, chosen),
    }
    return contract.Report(facts, _shown(facts))


def _of(campaign: "Campaign", question: "Question") -> str:
    """Which question is meant, where the protocol has several."""
    return f" of question {question.name}" if len(campaign.protocol.questions) > 1 else ""


def _sought(campaign: "Campaign", question: "Question") -> tuple[str, tuple[float, ...] | None]:
    """The label that is looked for, and the shares of all labels where a random part tells them."""
    from ccd.campaign.prevalence import of_campaign
    from ccd.measures.watched import watched

    with campaign.read() as db:
        known = of_campaign(db, question)
    label = watched(question, {(question.name, one.label): one.found for one in known.labels})
    assert label is not None  # a score has been refused before
    shares = tuple(one.share for one in known.labels if one.share is not None)
    return label, shares or None


def _assigned(campaign: "Campaign", number: int) -> dict[str, int]:
    from ccd.campaign.tables.rounds import loads

    with campaign.read() as db:
        return loads(db, number)


def _again(found: "Candidates", chosen: "JudgingBatch") -> int:
    if found.pool.judgments is None:
        return 0
    return int(found.pool.judgments[chosen.rows[chosen.rows < len(found.pool)]].any(axis=1).sum())


def _top(question: "Question", found: "Candidates", chosen: "JudgingBatch") -> list[dict[str, Any]]:
    """The first pairs of the queue, and in words why each is there."""
    labels, pool = question.labels, found.pool
    rows = []
    for row, part, score, chance in list(zip(chosen.rows, chosen.part, chosen.score, chosen.probability, strict=True))[
        :SHOWN
    ]:
        if part == "random":
            why = f"drawn at random with probability {chance:.3g}"
        elif part == "diverse":
            own = pool.clusters == pool.clusters[row]
            judged = int(own[found.labelled.rows].sum())
            why = f"of its {int(own.sum()):,} neighbours {judged} are judged"
        elif pool.probabilities is None:
            why = "first by the profiles of labelled pairs"
        else:
            why = ", ".join(f"{name} {p:.2f}" for name, p in zip(labels, pool.probabilities[row], strict=True))
        if row < len(pool) and pool.judgments is not None and pool.judgments[row].any():
            given = ", ".join(f"{n} {name}" for name, n in zip(labels, pool.judgments[row], strict=True) if n)
            why += f"; judged {given}"
        ranked = None if math.isnan(score) else round(float(score), 4)
        rows.append({"pair_id": found.pair(row), "part": str(part), "score": ranked, "why": why})
    return rows


def _shown(facts: dict[str, Any]) -> list[Any]:
    from rich.table import Table

    told = f"by the predictions of {facts['model_version']}" if facts["model_version"] else "without predictions"
    parts = ", ".join(f"{number} {part}" for part, number in facts["parts"].items())
    shown: list[Any] = [
        f"Round {facts['round']}: {facts['size']} of {facts['pool']:,} pairs, to find {facts['label']} "
        f"({facts['strategy']}, {told}, {facts['labelled']:,} labelled pairs, seed {facts['seed']}).",
        f"Parts: {parts}.",
    ]
    if facts["warning"]:
        shown.append(facts["warning"])
    if facts["mixed"]:
        shown.append(facts["mixed"])
    if facts["again"]:
        shown.append(f"{facts['again']} of them were judged before and get one more judgment.")
    if facts["linked"]:
        shown.append(
            f"Too few pairs are left that are not linked to pairs drawn at random: {facts['linked']:,} linked ones "
            "were ranked too, and `ccd split` keeps the random pairs that they are linked to out of dev and test."
        )
    if facts["unpredicted"]:
        shown.append(f"{facts['unpredicted']:,} pairs have no prediction of this network; `ccd predict` makes them.")
    table = Table("place", "pair", "part", "score", "why", title="First in every queue")
    for place, row in enumerate(facts["top"], 1):
        score = "" if row["score"] is None else f"{row['score']:.3g}"
        table.add_row(str(place), row["pair_id"], row["part"], score, row["why"])
    loads = ", ".join(f"{name} {number}" for name, number in facts["assigned"].items())
    return [*shown, table, f"Assigned: {loads}.", "Next: ccd push"]
