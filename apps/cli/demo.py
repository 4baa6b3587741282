"""`ccd demo`: a whole campaign to look at, on a real Label Studio, with simulated annotators."""

import contextlib
import sys
from pathlib import Path

import click

from apps.cli.contract import Report, reports


@click.command("demo")
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where it goes (default: a new temporary folder).",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="Real pairs: a folder with a table and its images.",
)
@click.option("--size", type=click.IntRange(min=20), default=120, show_default=True, help="How many pairs are judged.")
@click.option("--seed", type=int, default=1, show_default=True, help="Makes the demo repeatable.")
@reports(
    {
        "folder": "the campaign's folder",
        "url": "the Label Studio that is left running",
        "accounts": "map from name to {email, password} of the simulated people",
        "synthetic": "true where the toolkit made the pairs itself",
    }
)
def demo_command(folder: Path | None, data: Path | None, size: int, seed: int) -> Report:
    """Run a whole campaign with simulated annotators.

    Pairs, Label Studio, three judgments each, labels, agreement, splits, release; the server is left running. Without
    --data the toolkit draws a small world of its own, and everything it makes is called synthetic.

    \b
    Example: ccd demo --data folder-with-tweets
    """
    from rich.console import RenderableType
    from rich.table import Table

    from apps.demo import run

    # Its commands print as a person would see them; stdout belongs to the facts where those were asked for there.
    to_stdout = click.get_current_context().params["json_file"] != "-"
    with contextlib.nullcontext() if to_stdout else contextlib.redirect_stdout(sys.stderr):
        done = run(click.get_current_context().find_root().command, folder, data, size, seed)
    accounts = {name: {"email": f"{name}@example.org", "password": p} for name, p in done.passwords.items()}
    table = Table("name", "sign in as", "password", title="Accounts of the demo")
    for name, account in accounts.items():
        table.add_row(name, account["email"], account["password"])
    kind = "synthetic pairs, simulated judgments" if done.synthetic else "real pairs, SIMULATED judgments"
    shown: list[RenderableType] = [
        "",
        f"Done ({kind}). Look at:",
        f"  the labeling pages   {done.url}",
        f"  the release          {done.folder / 'releases' / 'v1' / 'README.md'}",
        f"  the labels           {done.folder / 'labels.jsonl'}",
        table,
        "Try next:",
        f"  cd {done.folder}",
        "  ccd verify releases/v1",
        "  ccd doctor",
        "  ccd studio stop      (ends the server; ccd studio start brings it back)",
    ]
    facts = {"folder": str(done.folder), "url": done.url, "accounts": accounts, "synthetic": done.synthetic}
    return Report(facts, shown)
