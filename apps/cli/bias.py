"""`ccd bias`: what showing predictions did to the judgments, assisted pairs against blind ones."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from apps.cli.contract import Report, in_campaign, reports
from ccd.wording import number_of

if TYPE_CHECKING:
    from rich.table import Table

    from ccd.measures.assistance import Bias, Measure


@click.command("bias")
@in_campaign
@click.option("--folds", type=click.IntRange(1), default=1000, show_default=True, help="Draws of the bootstrap.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Makes the draws repeatable.")
@reports(
    {
        "question": "the protocol's first question, which predictions are shown of and which is compared",
        "rounds": "the assisted rounds that are compared",
        "assisted": "{pairs, judgments} given beside a prediction",
        "blind": "{pairs, judgments} of the same rounds, given without",
        "left_out": "judgments of assisted rounds whose task did not show what was decided for it",
        "model": "share of judgments that are the model's label: {assisted, blind, difference, ci, reason}",
        "alpha": "Krippendorff's alpha on the question's level, likewise",
        "seconds": "median seconds a judgment, likewise",
        "cannot_judge": "share of the answers that are `cannot judge`, likewise",
        "shares": "map from label to its share in the judgments, likewise",
        "smallest": "the move of `model` that four of five such comparisons would find, or null",
        "followed": "(assisted - blind) / (1 - blind) of `model`: in what share of the judgments that would have been "
        "another label the model's was given; null where undefined",
        "followed_ci": "its 95 % interval, or null",
        "folds": "draws of the bootstrap",
        "groups": "how many leakage groups it draws; null where it draws pairs",
        "seed": "their seed",
        "toward": "true where labels move toward the model: the interval of `model` lies above zero",
        "mixed": "what to know of judgments that were given under several revisions of the protocol; null for one",
        "verdict": "what was found, in words",
    }
)
def bias_command(folder: Path, folds: int, seed: int) -> Report:
    """Measure what assistance did: judgments given beside a prediction against blind ones.

    Only the blind pairs of assisted rounds are compared, which were drawn at random for it (`ccd push --assist`), and
    only on the protocol's first question, as desks show no predictions of others. All differences have 95 % bootstrap
    intervals, drawn by pair within each label of the model, or by leakage group where pairs share one.

    \b
    Example: ccd bias
    """
    from ccd.campaign import revisions
    from ccd.campaign.assistance import of_campaign
    from ccd.campaign.campaign import Campaign
    from ccd.errors import InputError

    campaign = Campaign.open(folder)
    with campaign.read() as db:
        found, left_out = of_campaign(db, campaign.protocol.question, folds, seed)
        mixed = revisions.mixed(revisions.used(db, campaign.protocol))
    if not found.rounds:
        raise InputError(
            "no judgments of both assisted and blind pairs yet; send a round out with `ccd push --assist`, "
            "have it judged, then `ccd pull`"
        )
    shown: list[Any] = [_table(found), found.verdict]
    if left_out:
        which, its = number_of(left_out, "judgment is", "judgments are"), "its" if left_out == 1 else "their"
        shown.append(f"{which} left out: {its} task did not show what was decided for it.")
    if mixed:
        shown.append(mixed)
    asked = campaign.protocol.question.name
    if len(campaign.protocol.questions) > 1:
        shown.append(
            f"All of this is of question {asked}, the only one that predictions are shown of; what they do to answers "
            "to the other questions is not measured."
        )
    return Report({"question": asked, **found.to_dict(), "left_out": left_out, "mixed": mixed}, shown)


def _table(found: "Bias") -> "Table":
    from rich.table import Table

    table = Table(title="Assisted against blind", title_justify="left")
    for head in ("measure", "assisted", "blind", "difference", "95 % interval"):
        table.add_column(head, justify="left" if head == "measure" else "right")
    rows = {
        "the model's label": (found.model, 100, "%"),
        "alpha": (found.alpha, 1, ""),
        "seconds (median)": (found.seconds, 1, ""),
        "cannot judge": (found.cannot_judge, 100, "%"),
        **{f"share of {label}": (each, 100, "%") for label, each in found.shares.items()},
    }
    for name, (each, factor, unit) in rows.items():
        table.add_row(name, *_cells(each, factor, unit))
    rounds = ", ".join(str(number) for number in found.rounds)
    draws = "pairs" if found.groups is None else f"the {found.groups:,} leakage groups"
    table.caption = (
        f"rounds {rounds}: {number_of(found.assisted.pairs, 'assisted pair')} with "
        f"{number_of(found.assisted.judgments, 'judgment')}, "
        f"{found.blind.pairs:,} blind with {found.blind.judgments:,}; "
        f"{found.n_resamples:,} draws of {draws}, seed {found.seed}"
    )
    return table


def _cells(each: "Measure", factor: int, unit: str) -> list[str]:
    digits = 1 if factor == 100 else 3
    one, other = (
        "undefined" if value is None else f"{factor * value:.{digits}f}{unit}" for value in (each.assisted, each.blind)
    )
    difference = "" if each.difference is None else f"{factor * each.difference:+.{digits}f}"
    interval = "" if each.ci is None else " to ".join(f"{factor * end:+.{digits}f}" for end in each.ci)
    return [one, other, difference, interval]
