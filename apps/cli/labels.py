"""`ccd labels`: from judgments to labels."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from apps.cli import contract

if TYPE_CHECKING:
    from rich.table import Table


@click.command("labels")
@contract.in_campaign
@contract.reports(
    {
        "synthetic": "true where the toolkit made the pairs itself",
        "pairs": "assigned pairs",
        "changed": "rows of the table that are new or different",
        "open": "pairs whose primary question waits for an adjudicator",
        "incomplete": "pairs whose primary question waits for annotators",
        "counts": 'map from question to label ("" where there is none) to how it was resolved to pairs',
    }
)
def labels_command(folder: Path) -> contract.Report:
    """Settle the label of every judged pair.

    Writes labels.jsonl and labels.parquet, and says what is open.

    \b
    Example: ccd labels
    """
    from ccd import ties, votes
    from ccd.campaign import Campaign
    from ccd.settle import settle

    campaign = Campaign.open(folder)
    done = settle(campaign)
    primary = campaign.protocol.question.name
    waiting, incomplete = done.number(primary, ties.OPEN), done.number(primary, votes.INCOMPLETE)
    synthetic = campaign.is_synthetic
    shown: list[Any] = [_table(question, by_label, synthetic) for question, by_label in done.counts.items()]
    shown.append(f"{done.pairs} pairs, {done.changed} rows changed; labels.jsonl and labels.parquet are written.")
    if waiting:
        shown.append(f"{waiting} pairs are open: `ccd push` puts them on the adjudicators' desk.")
    facts = {
        "synthetic": synthetic,
        "pairs": done.pairs,
        "changed": done.changed,
        "open": waiting,
        "incomplete": incomplete,
        "counts": done.counts,
    }
    return contract.Report(facts, shown)


def _table(question: str, by_label: dict[str, dict[str, int]], synthetic: bool) -> "Table":
    """Labels by how they were resolved: the usual ways, and the others that occur."""
    from rich.table import Table

    usual = ["unanimous", "majority", "adjudicated", "open", "incomplete"]
    ways = usual + sorted({way for row in by_label.values() for way in row} - set(usual))
    table = Table(title=f"{question}{' (synthetic)' if synthetic else ''}", title_justify="left")
    table.add_column("label")
    for way in (*ways, "all"):
        table.add_column(way, justify="right")
    for label, row in by_label.items():
        if label or row:
            table.add_row(label or "none yet", *(str(row.get(way, 0)) for way in ways), str(sum(row.values())))
    return table
