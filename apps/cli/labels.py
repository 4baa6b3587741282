"""`ccd labels`: from judgments to labels."""

import csv
import io
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from apps.cli import contract
from ccd.errors import InputError
from ccd.wording import number_of

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table

    from ccd.campaign.gold_labels import Conflict

SHOWN = 10  # conflicts; all are in the facts


@click.command("labels")
@contract.in_campaign
@click.option(
    "--table",
    type=click.Path(path_type=Path),
    help="Settle the judgments of this CSV, TSV or Parquet file instead of a campaign's.",
)
@click.option("--task-column", metavar="NAME", help="With --table: the column of the tasks (default: task, item, id…).")
@click.option("--worker-column", metavar="NAME", help="With --table: the column of the workers (default: worker…).")
@click.option(
    "--label-column",
    multiple=True,
    metavar="NAME",
    help="With --table: the column of the labels (default: label…); again for each worker's column of a wide table.",
)
@click.option("--out", type=click.Path(path_type=Path), help="With --table: write the labels to this CSV.")
@click.option(
    "--labels", "named", metavar="A,B,C", help="With --table: all labels there may be (default: those found)."
)
@click.option(
    "--required", type=click.IntRange(1), metavar="N", help="With --table: judgments that a task needs (default: 3)."
)
@click.option(
    "--tie-rule",
    metavar="RULE",
    help="With --table: adjudicate (the default), drop, or rule:A,B,C (the first that ties).",
)
@click.option(
    "--method",
    type=click.Choice(["majority", "weighted", "dawid-skene"]),
    help="With --table: whose votes weigh what (default: majority).",
)
@contract.allow_repeats
@contract.fold
@contract.reports(
    {
        "synthetic": "true where the toolkit made the pairs itself",
        "pairs": "assigned pairs; with --table, tasks",
        "changed": "rows of the campaign's table that are new or different; with --table, rows written",
        "open": "pairs with a question that waits for an adjudicator",
        "incomplete": "pairs with a question that waits for annotators",
        "counts": 'map from question to label ("" where there is none) to how it was resolved to pairs',
        "conflicts": "adjudicated pairs whose votes do not bear the label out: pair_id, question, label, says (the "
        "label that the votes settle on, or null), votes, changed (since the adjudication)",
        "review": "map from why a pair deserves a second look (tie, minority, split; first things first) to pairs",
        "differ": "with --table: tasks whose label has no majority of the votes; null for a campaign",
        "mixed": "what to know of judgments that were given under several revisions of the protocol; null for one",
        "converged": "with --method dawid-skene, whether EM converged; otherwise null",
        "table": contract.OF_TABLE,
    }
)
def labels_command(folder: Path, table: Path | None, **options: Any) -> contract.Report:
    """Settle the label of every judged pair.

    Writes labels.jsonl and labels.parquet, and says what is open. It needs no campaign where --table names a CSV,
    TSV or Parquet file with the columns task, worker and label, as in `ccd labels --table votes.csv --out labels.csv`.

    \b
    Example: ccd labels
    """
    if table is not None:
        return _of_table(table, **options)
    given = [name for name, value in options.items() if value not in (None, False, ())]
    if given:
        option = "labels" if given[0] == "named" else given[0].replace("_", "-")
        raise InputError(f"--{option} goes with --table; a campaign has its rules in campaign.toml and its protocol")
    return _of_campaign(folder)


def _of_campaign(folder: Path) -> contract.Report:
    from dataclasses import asdict

    from ccd.campaign import review_queue
    from ccd.campaign.adjudication import ADJUDICATED
    from ccd.campaign.campaign import Campaign
    from ccd.campaign.gold_labels import aggregate_labels
    from ccd.measures import aggregation, ties

    campaign = Campaign.open(folder)
    done = aggregate_labels(campaign)
    with campaign.read() as db:
        queue = Counter(review_queue.review_queue(db, campaign.protocol)["why"])
        left = review_queue.review_queue(db, campaign.protocol, left=True)
    to_settle = left.loc[left["why"] == review_queue.TIE, "pair_id"].nunique() if campaign.config.adjudicators else 0
    synthetic = campaign.is_synthetic
    facts = {
        "synthetic": synthetic,
        "pairs": done.pairs,
        "changed": done.changed,
        "open": done.open,
        "incomplete": done.incomplete,
        "counts": done.counts,
        "conflicts": [asdict(conflict) for conflict in done.conflicts],
        "review": {why: queue[why] for why in (review_queue.TIE, review_queue.MINORITY, review_queue.SPLIT)},
        "differ": None,
        "mixed": done.mixed,
        "converged": None,
        "table": None,
    }
    ways = [aggregation.UNANIMOUS, aggregation.MAJORITY, ADJUDICATED, ties.OPEN, aggregation.INCOMPLETE]
    shown: list[Any] = [
        _counts(f"{question} (synthetic)" if synthetic else question, by_label, ways)
        for question, by_label in done.counts.items()
    ]
    shown.append(
        f"{number_of(done.pairs, 'pair')}, {number_of(done.changed, 'row')} changed; "
        "labels.jsonl and labels.parquet are written."
    )
    if done.open:
        shown.append(_open(done.open, to_settle))
    if done.mixed:
        shown.append(done.mixed)
    return contract.Report(facts, shown + _conflicts(done.conflicts))


def _open(pairs: int, to_settle: int) -> str:
    """What becomes of open pairs, of which adjudicators have not answered some."""
    said, them = f"{number_of(pairs, 'pair is', 'pairs are')} open", "it" if pairs == 1 else "them"
    if not to_settle:
        return f"{said}, and nobody is left to settle {them}."
    some = "" if to_settle == pairs else f"{to_settle:,} of "
    return f"{said}: `ccd push` puts {some}{them} on the adjudicators' desk."


def _of_table(
    table: Path,
    task_column: str | None,
    worker_column: str | None,
    label_column: tuple[str, ...],
    out: Path | None,
    named: str | None,
    required: int | None,
    tie_rule: str | None,
    method: str | None,
    allow_repeats: bool,
    fold: bool,
) -> contract.Report:
    import pandas as pd

    from ccd.judgment_tables.columns import Named
    from ccd.judgment_tables.table import labels_of, parse_labels, read_table
    from ccd.measures import aggregation, ties
    from ccd.measures.aggregate import aggregator as aggregator_of

    required, tie_rule, method = required or 3, tie_rule or ties.ADJUDICATE, method or "majority"
    if tie_rule == ties.EXPERT:
        raise InputError(
            "--tie-rule expert needs a campaign, which names its experts; write adjudicate, drop or rule:A,B,C"
        )
    if out is not None and out.resolve() == table.resolve():
        raise InputError(f"--out {out} is the table itself; name another file")
    wanted = parse_labels(named) if named is not None else ()
    columns = Named(task_column, worker_column, label_column)
    read = read_table(table, wanted, columns=columns, repeats=allow_repeats, folded=fold)
    df = read.judgments
    labels = wanted or labels_of(df)
    aggregator: Any = aggregator_of(method, labels, tie_rule=tie_rule, required=required)
    aggregator.fit_predict(df)
    unjudged = pd.DataFrame(
        dict.fromkeys(labels, 0) | {"resolved_by": aggregation.INCOMPLETE}, index=list(read.unjudged)
    )
    counted = pd.concat([aggregator.table_, unjudged]).sort_index()
    found = aggregator.labels_.reindex(counted.index).astype(object).where(lambda label: label.notna(), None)
    resolved = counted["resolved_by"]
    if out is not None:
        _write(out, counted, found)
    counts: dict[str, dict[str, int]] = {label: {} for label in (*labels, "")}
    for (label, by), number in Counter(zip(found, resolved, strict=True)).items():
        counts[label or ""][by] = number
    lead = ties.winner(counted[list(labels)].to_numpy())
    differ = sum(
        label not in (None, labels[first] if first >= 0 else "") for label, first in zip(found, lead, strict=True)
    )
    facts: dict[str, Any] = {
        "synthetic": False,
        "pairs": len(found),
        "changed": 0 if out is None else len(found),
        "open": int((resolved == ties.OPEN).sum()),
        "incomplete": int((resolved == aggregation.INCOMPLETE).sum()),
        "counts": {"label": counts},
        "conflicts": [],
        "review": {},
        "differ": differ,
        "mixed": None,
        "converged": getattr(aggregator, "converged_", None),
        "table": read.facts(),
    }
    shown: list[Any] = read.notes(table.name)
    ways = [aggregation.UNANIMOUS, aggregation.MAJORITY] if method == "majority" else [method]
    shown.append(_counts(f"{table.name}, {method}", counts, [*ways, ties.OPEN, aggregation.INCOMPLETE]))
    shown.append(number_of(len(found), "task") + (f"; {out} is written." if out else "; --out FILE writes the labels."))
    if facts["incomplete"]:
        shown.append(
            f"{number_of(facts['incomplete'], 'task has', 'tasks have')} fewer than {required} judgments (--required)."
        )
    if method != "majority":
        which = number_of(differ, "label is", "labels are")
        shown.append(f"{which} not the majority's" + (": check some by hand before you adopt them." if differ else "."))
    if facts["converged"] is False:
        shown.append(f"Warning: Dawid-Skene did not converge in {aggregator.n_iter} rounds; its labels may change.")
    return contract.Report(facts, shown)


def _write(out: Path, votes: "pd.DataFrame", labels: "pd.Series[Any]") -> None:
    """A CSV of task, label (empty where there is none), resolved_by and votes (JSON), whole or not at all.

    Tasks and labels are written as the table has them, so that the two can be joined; free text is in neither.
    """
    from ccd.files.atomic import write_new

    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["task", "label", "resolved_by", "votes"])
    resolved = votes["resolved_by"]
    counts = votes.drop(columns="resolved_by").to_dict("records")
    for task, label, by, count in zip(labels.index, labels, resolved, counts, strict=True):
        given = {name: number for name, number in count.items() if number}
        rows.writerow([task, label, by, json.dumps(given, ensure_ascii=False)])
    write_new(out, text.getvalue().encode())


def _counts(title: str, by_label: dict[str, dict[str, int]], usual: list[str]) -> "Table":
    """Labels by how they were resolved: the usual ways, and the others that occur."""
    from rich.table import Table

    ways = usual + sorted({way for row in by_label.values() for way in row} - set(usual))
    table = Table(title=title, title_justify="left")
    table.add_column("label")
    for way in (*ways, "all"):
        table.add_column(way, justify="right")
    for label, row in by_label.items():
        if label or row:
            table.add_row(label or "none yet", *(str(row.get(way, 0)) for way in ways), str(sum(row.values())))
    return table


def _conflicts(conflicts: "Sequence[Conflict]") -> list[str]:
    """A line for each of the first, for people."""
    if not conflicts:
        return []
    which, stay = number_of(len(conflicts), "adjudicated label is", "adjudicated labels are"), "labels stay"
    lines = [f"{which} not what the votes say; the {stay if len(conflicts) > 1 else 'label stays'}:"]
    for each in conflicts[:SHOWN]:
        given = ", ".join(f"{number} {label}" for label, number in each.votes.items()) or "none"
        since = ", changed since" if each.changed else ""
        lines.append(f"  {each.pair_id}, {each.question}: adjudicated {each.label}, votes {given}{since}")
    if len(conflicts) > SHOWN:
        lines.append(f"  and {len(conflicts) - SHOWN} more; --json FILE has them all")
    return ["\n".join(lines)]
