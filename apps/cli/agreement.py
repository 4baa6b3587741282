"""`ccd agreement`: how far the annotators agree, in a campaign or in any table of judgments."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from apps.cli import contract
from ccd.wording import number_of

if TYPE_CHECKING:
    from rich.table import Table

    from ccd.judgment_tables.table import JudgmentTable
    from ccd.reports.report import Wanted

MOST_SHOWN = 12  # annotators in the terminal; the report has them all


@click.command("agreement")
@contract.in_campaign
@click.option("--folds", type=click.IntRange(1), default=1000, show_default=True, help="Draws of the bootstrap.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Makes the draws repeatable.")
@click.option(
    "--resample",
    type=click.Choice(["pairs", "both"]),
    default="pairs",
    show_default=True,
    help="What is drawn: pairs, or pairs and annotators (wider: other annotators would differ too).",
)
@click.option(
    "--plan",
    "half_width",
    metavar="[WIDTH]",
    type=float,
    is_flag=False,
    flag_value=0.03,
    help="Say how many pairs give alpha to plus or minus WIDTH (0.03 where it is left out).",
)
@click.option(
    "--table",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Take the judgments from a CSV, TSV or Parquet file with the columns task, worker, label; "
    "no campaign is needed.",
)
@click.option("--task-column", metavar="NAME", help="With --table: the column of the tasks (default: task, item, id…).")
@click.option("--worker-column", metavar="NAME", help="With --table: the column of the workers (default: worker…).")
@click.option(
    "--label-column",
    multiple=True,
    metavar="NAME",
    help="With --table: the column of the labels (default: label…); again for each worker's column of a wide table.",
)
@click.option("--labels", metavar="A,B,...", help="With --table: the labels, in order (default: those found).")
@contract.allow_repeats
@contract.fold
@click.option(
    "--out",
    metavar="FOLDER",
    type=click.Path(path_type=Path),
    help="With --table: write the report to this folder (default: it is only printed).",
)
@contract.reports(
    {
        "synthetic": "true where the toolkit made the pairs itself",
        "question": "the primary question, which all that follows is about, but for `questions`",
        "level": "its level of measurement: nominal, ordinal or interval",
        "labels": "its labels, in order; none for scores",
        "n_pairs": "pairs with a judgment; only those with two or more carry agreement",
        "n_judgments": "judgments of annotators; adjudicators are not in it",
        "annotators": "number of annotators",
        "bootstrap": "map with folds, seed, resample (what is resampled), groups (leakage groups that are drawn; null "
        "where every pair is one) and interval (what every ci is)",
        "coefficients": "map from name to {value, ci: [low, high], reason}; value null where undefined. "
        "cohen (`A|B`), per_class (label) and leave_one_out (annotator) are maps of these",
        "by_revision": "where the categories changed: map from the revisions of the protocol (`1`, `2, 3`) to the "
        "agreement under them; otherwise empty",
        "confusions": "a row a label: how often, where one annotator said it, another said each label",
        "scorecards": "map from annotator to judgments, cannot_judge, skipped, others, precision, recall, confusion, "
        "seconds, fast, drift, others_ci (Wilson), trend {z, p, changes} (Cochran-Armitage, p by Holm) or null",
        "subsets": "map with arm, round and, where one was shown, prediction, each a map from its name to that part's "
        "agreement; empty for a table",
        "plan": "with --plan a map: half_width, pairs, reached, pilot_pairs and more; otherwise null",
        "mixed": "what to know of judgments that were given under several revisions of the protocol; null for one",
        "questions": "map from every question to its own level, labels, n_pairs … plan",
        "table": contract.OF_TABLE,
    }
)
def agreement_command(
    folder: Path,
    folds: int,
    seed: int,
    resample: Any,
    half_width: float | None,
    table: Path | None,
    task_column: str | None,
    worker_column: str | None,
    label_column: tuple[str, ...],
    labels: str | None,
    allow_repeats: bool,
    fold: bool,
    out: Path | None,
) -> contract.Report:
    """Measure agreement, with 95 % bootstrap intervals.

    Pairs of one photo, post or author are drawn together; a table says which with a column leakage_group.

    Writes agreement.json (all numbers), agreement.html (one page) and its pictures as PNG. They name annotators: they
    are for the campaign's lead, and not for publishing.

    \b
    Example: ccd agreement --plan
    """
    from ccd.errors import InputError
    from ccd.judgment_tables.columns import Named
    from ccd.judgment_tables.table import parse_labels, read_table
    from ccd.reports.report import Wanted

    wanted = Wanted(folds, seed, resample, half_width)
    if table is not None:
        names = () if labels is None else parse_labels(labels)
        columns = Named(task_column, worker_column, label_column)
        read = read_table(table, names, columns=columns, repeats=allow_repeats, folded=fold)
        return _of_table(table.name, read, names, out, wanted)
    columns_named = task_column or worker_column or label_column
    if labels is not None or allow_repeats or fold or out is not None or columns_named:
        what = "--labels, --allow-repeats, --fold, --out and names of columns"
        raise InputError(f"{what} go with --table; name the file with --table FILE")
    return _of_campaign(folder, wanted)


def _of_campaign(folder: Path, wanted: "Wanted") -> contract.Report:
    from ccd.campaign.campaign import Campaign
    from ccd.campaign.scorecards import labels_are_old
    from ccd.reports import report

    campaign = Campaign.open(folder)
    found = report.of_campaign(campaign, wanted) | {"table": None}
    report.write(campaign.folder, campaign.config.name, found)
    shown = [*_shown(found), "agreement.json, agreement.html and pictures (agreement-*.png) are written."]
    if found["mixed"]:
        shown.append(found["mixed"])
    with campaign.read() as db:
        if labels_are_old(db):
            shown.append("Judgments came since the last `ccd labels`: precision and recall wait for it.")
    return contract.Report(found, shown)


def _of_table(
    name: str, read: "JudgmentTable", labels: tuple[str, ...], out: Path | None, wanted: "Wanted"
) -> contract.Report:
    from ccd.judgment_tables.table import labels_of
    from ccd.reports import report

    found = report.of_table(read.judgments, labels or labels_of(read.judgments), wanted) | {"table": read.facts()}
    if out is None:
        last = "Nothing is written; --out FOLDER writes a report."
    else:
        report.write(out, name, found, new=True)
        last = f"{out / 'agreement.html'}, agreement.json and pictures are written."
    return contract.Report(found, [*read.notes(name), *_shown(found), last])


def _shown(found: dict[str, Any]) -> list[Any]:
    shown: list[Any] = []
    for question, each in found["questions"].items():
        shown += [
            _coefficients(question, each, found["synthetic"]),
            _annotators(each["scorecards"]),
            *_drifts(each["scorecards"]),
        ]
        if each["plan"] is not None:
            shown.append(_plan(each["plan"], each["level"]))
    return shown


def _coefficients(question: str, found: dict[str, Any], synthetic: bool) -> "Table":
    """The coefficients that fit the question, then each label's alpha; what is of two annotators is for the report."""
    from rich.table import Table

    from ccd.measures.agreement import LEVELS

    table = Table(title=f"{question}{' (synthetic)' if synthetic else ''}", title_justify="left")
    for head in ("coefficient", "value", found["bootstrap"]["interval"], "note"):
        table.add_column(head)
    alphas = [f"krippendorff_{level}" for level in LEVELS[: LEVELS.index(found["level"]) + 1]]
    names = ["percent", *alphas, "fleiss", *(["scott"] if found["annotators"] == 2 else []), "gwet_ac1"]
    coefficients = found["coefficients"]
    rows = {name: coefficients[name] for name in names}
    rows |= {f"alpha of {label}": each for label, each in coefficients["per_class"].items()}
    for name, each in rows.items():
        value = "undefined" if each["value"] is None else f"{each['value']:.4f}"
        interval = "" if each["ci"] is None else f"{each['ci'][0]:.4f} to {each['ci'][1]:.4f}"
        table.add_row(name, value, interval, each["reason"] or "")
    groups = found["bootstrap"]["groups"]
    draws = "pairs" if groups is None else f"the {groups:,} leakage groups"
    if found["bootstrap"]["resample"] == "both":
        draws += " and annotators"
    table.caption = (
        f"{number_of(found['n_pairs'], 'pair')}, {number_of(found['n_judgments'], 'judgment')}, "
        f"{number_of(found['annotators'], 'annotator')}; "
        f"{found['bootstrap']['folds']:,} draws of {draws}, seed {found['bootstrap']['seed']}"
    )
    return table


def _annotators(cards: dict[str, Any]) -> "Table":
    """The annotators, without what was never recorded; of many, those who agree least with the others."""
    from rich.table import Table

    columns: dict[str, Callable[[dict[str, Any]], str]] = {
        "judgments": lambda card: str(card["judgments"]),
        "cannot judge": lambda card: str(card["cannot_judge"] or ""),
        "skipped": lambda card: str(card["skipped"] or ""),
        "as the others": lambda card: _percent(card["others"]["value"]),
        "95 %": lambda card: "–".join(f"{100 * end:.0f}" for end in card["others_ci"] or ()),
        "median s": lambda card: "" if card["seconds"] is None else f"{card['seconds']:.1f}",
        "too fast": lambda card: _percent(card["fast"]["value"]),
    }
    columns = {head: cell for head, cell in columns.items() if any(map(cell, cards.values()))}
    table = Table()
    table.add_column("annotator", overflow="fold")
    for head in columns:
        table.add_column(head, justify="right")
    shown = list(cards)
    if len(cards) > MOST_SHOWN:
        table.caption = f"the {MOST_SHOWN} of {len(cards)} who agree least with the others; --json gives all"
        share = {name: card["others"]["value"] for name, card in cards.items()}
        shown = sorted(shown, key=lambda name: (share[name] is None, share[name]))[:MOST_SHOWN]
    for name in shown:
        table.add_row(name, *(cell(cards[name]) for cell in columns.values()))
    return table


def _drifts(cards: dict[str, Any]) -> list[str]:
    """A line for each annotator whose agreement with the others changes over their own time."""
    changing = {name: card["trend"] for name, card in cards.items() if card["trend"] and card["trend"]["changes"]}
    return [
        f"{name}: agreement with the others {'falls' if each['z'] < 0 else 'rises'} over their own judgments "
        f"(Cochran-Armitage test, p = {each['p']:.2g}, adjusted by Holm's method)."
        for name, each in changing.items()
    ]


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.1%}"


def _plan(plan: dict[str, Any], level: str) -> str:
    if plan["pairs"] is None:
        return f"No plan: {plan['reason']}."
    groups = f" in {plan['groups']:,} leakage groups" if plan["groups"] else ""
    return (
        f"{plan['pairs']:,} pairs with {plan['judgments_per_pair']:.3g} judgments each give {level} alpha to "
        f"± {plan['half_width']:g}; {plan['pilot_pairs']:,} pairs{groups} gave {plan['alpha']:.3f} "
        f"± {plan['pilot_half_width']:.3f}. {_plan_spread(plan)}"
    )


def _plan_spread(plan: dict[str, Any]) -> str:
    if plan["pairs_low"] is None:
        return "The pilot is too small to say how far another one's answer may differ."
    return f"Of pilots like this one, 90 % would ask for {plan['pairs_low']:,} to {plan['pairs_high']:,} pairs."
