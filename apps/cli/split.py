"""`ccd split`: train, dev and test without leaks."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from apps.cli import contract

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table


@click.command("split")
@contract.in_campaign
@contract.reports(
    {
        "synthetic": "true where the toolkit made the pairs itself",
        "pairs": "pairs that have a split now",
        "groups": "leakage groups of two pairs or more",
        "straddling": "leakage groups in two splits or more: 0",
        "straddling_naive": "the same, had pairs been split at random one by one",
        "counts": "list of {split, label, wanted, got}",
        "left_out": "pairs without a split, because they are tied to a released dev or test pair",
    }
)
def split_command(folder: Path) -> contract.Report:
    """Split the labelled pairs into train, dev and test.

    Pairs with the same image, post or text stay together; dev and test take only pairs chosen at random. The shares and
    the seed stand in campaign.toml.

    \b
    Example: ccd split
    """
    from ccd.campaign import Campaign
    from ccd.splits import naive, split_campaign, straddling

    campaign = Campaign.open(folder)
    result = split_campaign(campaign)
    table, synthetic = result.table, campaign.is_synthetic
    group = table["leakage_group"]
    now = straddling(group, table["split"])
    before = straddling(group, naive(table, campaign.config.split_seed))
    groups = int((group.value_counts() > 1).sum())
    shown: list[Any] = [
        _table(result.counts, campaign.protocol.labels, dict(campaign.config.split_shares), synthetic),
        f"{groups} leakage groups of two pairs or more; in two splits: {now} (a random split of pairs: {before}).",
    ]
    if result.left_out:
        shown.append(f"{len(result.left_out)} pairs have no split: they are tied to a released dev or test pair.")
    facts = {
        "synthetic": synthetic,
        "pairs": len(table),
        "groups": groups,
        "straddling": now,
        "straddling_naive": before,
        "counts": result.counts.to_dict("records"),
        "left_out": list(result.left_out),
    }
    return contract.Report(facts, shown)


def _table(counts: "pd.DataFrame", labels: tuple[str, ...], shares: dict[str, float], synthetic: bool) -> "Table":
    """Class x split, as in Table II of the paper; what was wanted stands in brackets where it differs."""
    from rich.table import Table

    table = Table(title=f"Pairs by label and split{' (synthetic)' if synthetic else ''}", title_justify="left")
    table.add_column("")
    for split in (*shares, "all"):
        table.add_column(split, justify="right")
    by_label = counts.pivot(index="label", columns="split", values=["got", "wanted"])
    by_label = by_label.reindex([label for label in labels if label in by_label.index] or by_label.index)
    for label, row in (*by_label.iterrows(), ("all", by_label.sum())):
        cells = [_cell(row["got", split], row["wanted", split]) for split in shares]
        table.add_row(str(label), *cells, str(int(row["got"].sum())))
    table.add_row("wanted", *(f"{share:.0%}" for share in shares.values()), "")
    return table


def _cell(got: int, wanted: int) -> str:
    return f"{got:g}" if got == wanted else f"{got:g} ({wanted:g})"
