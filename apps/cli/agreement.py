"""`ccd agreement`: how far the annotators agree."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from apps.cli import contract

if TYPE_CHECKING:
    from rich.table import Table


@click.command("agreement")
@contract.in_campaign
@contract.reports(
    {
        "synthetic": "true where the toolkit made the pairs itself",
        "question": "the primary question, which the next five are about",
        "n_pairs": "pairs with a judgment; only those with two or more carry agreement",
        "n_judgments": "judgments of annotators; adjudicators are not in it",
        "annotators": "number of annotators",
        "bootstrap": "map with folds, seed and resample (what is resampled)",
        "coefficients": "map from name to {value, ci: [low, high], reason}; value null where undefined",
        "questions": "map from every question to the same five",
    }
)
def agreement_command(folder: Path) -> contract.Report:
    """Measure agreement, with 95 % bootstrap intervals.

    Writes agreement.json.

    \b
    Example: ccd agreement --json -
    """
    import json

    from ccd.agreement import of_campaign
    from ccd.campaign import Campaign, write_atomic
    from ccd.errors import CcdError

    campaign = Campaign.open(folder)
    with campaign.read() as db:
        found = {question: each.to_dict() for question, each in of_campaign(db, campaign.protocol).items()}
    primary = campaign.protocol.question.name
    if not found[primary]["n_judgments"]:
        raise CcdError("no judgments yet; run `ccd pull` once annotators have judged some pairs")
    synthetic = campaign.is_synthetic
    facts = {"synthetic": synthetic, "question": primary, **found[primary], "questions": found}
    write_atomic(campaign.folder / "agreement.json", (json.dumps(facts, ensure_ascii=False, indent=1) + "\n").encode())
    shown: list[Any] = [_table(question, each, synthetic) for question, each in found.items()]
    return contract.Report(facts, [*shown, "agreement.json is written."])


def _table(question: str, found: dict[str, Any], synthetic: bool) -> "Table":
    from rich.table import Table

    table = Table(title=f"{question}{' (synthetic)' if synthetic else ''}", title_justify="left")
    for head in ("coefficient", "value", "95 % interval", "note"):
        table.add_column(head)
    for name, each in found["coefficients"].items():
        value = "undefined" if each["value"] is None else f"{each['value']:.4f}"
        interval = "" if each["ci"] is None else f"{each['ci'][0]:.4f} to {each['ci'][1]:.4f}"
        table.add_row(name, value, interval, each["reason"] or "")
    table.caption = (
        f"{found['n_pairs']} pairs, {found['n_judgments']} judgments, {found['annotators']} annotators; "
        f"{found['bootstrap']['folds']} draws of pairs, seed {found['bootstrap']['seed']}"
    )
    return table
