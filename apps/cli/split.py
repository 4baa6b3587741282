"""`ccd split`: train, dev and test without leaks, and a look for leaks in any folder."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from apps.cli import contract

if TYPE_CHECKING:
    from rich.table import Table

    from ccd.splitting.nearest import Neighbour


@click.command("split")
@contract.in_campaign
@click.option(
    "--question", metavar="NAME", help="Whose labels dev and test are balanced by (default: the protocol's first)."
)
@click.option("--like", type=click.Choice(["ccd"]), help="Divide each label as the paper's Table II does.")
@click.option(
    "--check",
    metavar="FOLDER",
    type=click.Path(path_type=Path, file_okay=False),
    help="Look for leaks in a folder with train.jsonl, dev.jsonl, test.jsonl and images; needs no campaign.",
)
@contract.reports(
    {
        "synthetic": "true where the toolkit made the pairs itself",
        "question": "the question by whose labels sizes are; null with --check",
        "pairs": "pairs that have a split now",
        "groups": "leakage groups of two pairs or more",
        "straddling": "leakage groups in two splits or more",
        "straddling_naive": "the same, had pairs been split at random one by one",
        "counts": "list of {split, label, wanted, got}; wanted is null with --check",
        "questions": "map from every question to a list of {split, label, got}; empty with --check",
        "given_up": "where what was wanted could not be had, in words",
        "large": "leakage groups too large for dev and test, or null: {groups, pairs, smallest, shares}; shares "
        "is a map from label to its share in the pairs that may be there, with these groups and without",
        "left_out": "pairs without a split, because they are tied to a published pair and may not follow it",
        "ties": "list of {tie, tied, before, after}: pairs with such a tie, and pairs of dev and test with one across "
        "splits, had pairs been split at random one by one and now",
        "nearest": "list of {kind, pair, split, other, other_split, likeness}: the nearest pairs across splits",
        "looked_at": "pairs of dev and test whose nearest were looked for",
        "prevalence": "list of {label, pairs, share, prevalence, low, high}: of all labelled pairs, and of all "
        "pairs as estimated from those drawn at random, with a 95 % interval; null where too little is known",
        "problems": "with --check: the leaks, one line each",
    }
)
def split_command(folder: Path, question: str | None, like: str | None, check: Path | None) -> contract.Report:
    """Split the labelled pairs into train, dev and test.

    Pairs that have a label on any question get a split; sizes are balanced by the labels of one. Pairs that are tied
    (the same or nearly the same image or text, post, author) stay together; dev and test take only pairs chosen at
    random; what is published stays. Sizes, ties and the seed stand in campaign.toml.

    With --check, exit code 1 where pairs are tied across splits.

    \b
    Example:
      ccd split
      ccd split --like ccd
      ccd split --question sc
      ccd split --check releases/v1
    """
    return _split(folder, question, like) if check is None else _check(check)


def _split(folder: Path, question: str | None, like: str | None) -> contract.Report:
    import dataclasses

    from apps.cli.progress import bars
    from ccd.campaign.campaign import Campaign
    from ccd.campaign.prevalence import of_campaign
    from ccd.campaign.stored_split import by_question, split_campaign
    from ccd.splitting.leakage import leaks, straddling
    from ccd.splitting.nearest import nearest
    from ccd.splitting.split import UNLABELLED, naive
    from collection.duplicates import hash_pictures

    campaign = Campaign.open(folder)
    of = campaign.protocol.by_name(question or campaign.protocol.question.name)
    if "near_image" in campaign.config.split_ties:
        with campaign.alone("duplicates", by="split"), bars() as started:
            hash_pictures(campaign, started)
    with campaign.read() as db:
        common = of_campaign(db, of).beside_raw_shares()
    result = split_campaign(campaign, like, of.name)
    with campaign.read() as db:
        questions = by_question(db, campaign.protocol.questions)
    group, of_pair = result.table["leakage_group"], result.table["split"]
    other = naive(result.table, campaign.config.split_seed)
    neighbours, looked_at = nearest(result.pairs, of_pair, campaign.config.split_seed)
    facts = {
        "synthetic": campaign.is_synthetic,
        "question": of.name,
        "pairs": len(result.table),
        "groups": int((group.value_counts() > 1).sum()),
        "straddling": straddling(group, of_pair),
        "straddling_naive": straddling(group, other),
        "counts": result.counts.to_dict("records"),
        "questions": questions,
        "given_up": list(result.given_up),
        "large": None if result.large is None else dataclasses.asdict(result.large),
        "left_out": list(result.left_out),
        "ties": leaks(result.ties, of_pair, other),
        "nearest": [dataclasses.asdict(each) for each in neighbours],
        "looked_at": looked_at,
        "prevalence": common,
        "problems": [],
    }
    shown = _shown(facts, [*of.labels, UNLABELLED], neighbours)
    others = [
        _counts(rows, list(dict.fromkeys(row["label"] for row in rows)), f", question {name}")
        for name, rows in questions.items()
        if name != of.name
    ]
    shown[1:1] = [*(f"Given up: {line}." for line in result.given_up), *others]
    if result.left_out:
        shown.append(
            f"{len(result.left_out):,} pairs have no split: they are tied to a published pair and may not follow."
        )
    if facts["straddling"]:
        shown.append("They are published on both sides, and what is published stays.")
    return contract.Report(facts, shown)


def _check(folder: Path) -> contract.Report:
    import dataclasses

    from apps.cli.progress import bars
    from ccd.release.leaks import check, is_synthetic

    with bars() as started:
        found = check(folder, started)
    counts: list[dict[str, Any]] = [
        {"split": split, "label": label, "wanted": None, "got": number}
        for split, by_label in found.counts.items()
        for label, number in by_label.items()
    ]
    facts = {
        "synthetic": is_synthetic(folder),
        "question": None,
        "pairs": sum(row["got"] for row in counts),
        "groups": found.groups,
        "straddling": found.straddling,
        "straddling_naive": found.straddling_naive,
        "counts": counts,
        "questions": {},
        "given_up": [],
        "large": None,
        "left_out": [],
        "ties": found.ties,
        "nearest": [dataclasses.asdict(each) for each in found.nearest],
        "looked_at": found.looked_at,
        "prevalence": [],
        "problems": list(found.problems),
    }
    shown = _shown(facts, sorted({str(row["label"]) for row in counts}), found.nearest)
    if found.unreadable:
        shown.append(f"{found.unreadable:,} pictures are not there or cannot be read, and were not compared.")
    shown += found.problems or [f"{folder}: no leak found."]
    return contract.Report(facts, shown, ok=not found.problems)


def _shown(facts: Mapping[str, Any], labels: Sequence[str], neighbours: "Sequence[Neighbour]") -> list[Any]:
    """Table II, prevalence, ties across splits, groups, and the nearest pairs."""
    synthetic = " (synthetic)" if facts["synthetic"] else ""
    asked = f", question {facts['question']}" if len(facts["questions"]) > 1 else ""
    shown: list[Any] = [_counts(facts["counts"], labels, synthetic + asked)]
    if facts["prevalence"]:
        shown.append(_prevalence(facts["prevalence"]))
    shown.append(_ties(facts["ties"]))
    shown.append(
        f"{facts['groups']:,} leakage groups of two pairs or more; in two splits: {facts['straddling']:,} "
        f"(a random split of pairs: {facts['straddling_naive']:,})."
    )
    if neighbours:
        shown.append(_nearest(neighbours, facts["looked_at"]))
    return shown


def _counts(counts: Sequence[Mapping[str, Any]], labels: Sequence[str], of: str) -> "Table":
    """Class x split, as in Table II of the paper; what was wanted stands in brackets where it differs."""
    splits = list(dict.fromkeys(row["split"] for row in counts))
    table = _table(f"Pairs by label and split{of}", "", *splits, "all")
    found = {(row["label"], row["split"]): (row["got"], row.get("wanted")) for row in counts}
    known = [label for label in labels if (label, splits[0]) in found] or sorted({label for label, _ in found})
    for name, some in (*((label, [label]) for label in known), ("all", known)):
        cells = [[found.get((label, split), (0, None)) for label in some] for split in splits]
        got = [sum(number for number, _ in cell) for cell in cells]
        wanted = [sum(asked or 0 for _, asked in cell) for cell in cells]
        plain = all(asked is None for cell in cells for _, asked in cell)
        both = zip(got, wanted, strict=True)
        table.add_row(name, *(f"{g:,}" if plain or g == w else f"{g:,} ({w:,})" for g, w in both), f"{sum(got):,}")
    return table


def _prevalence(rows: Sequence[Mapping[str, Any]]) -> "Table":
    from ccd.measures.prevalence import interval

    table = _table("How often each label occurs", "", "labelled pairs", "raw share", "of all pairs", "95 %")
    for row in rows:
        known = row["prevalence"] is not None
        estimate = (f"{row['prevalence']:.1%}", interval(row)) if known else ("unknown", "")
        table.add_row(row["label"], f"{row['pairs']:,}", f"{row['share']:.1%}", *estimate)
    return table


def _ties(rows: Sequence[Mapping[str, Any]]) -> "Table":
    from ccd.splitting.leakage import IN_WORDS

    table = _table("Ties", "", "pairs with one", "across splits, at random", "across splits, now")
    table.caption = "across splits: pairs of dev and test that are tied to a pair of another split"
    for row in rows:
        numbers = (f"{row[key]:,}" for key in ("tied", "before", "after"))
        table.add_row(IN_WORDS.get(row["tie"], "any of these"), *numbers)
    return table


def _nearest(neighbours: "Sequence[Neighbour]", looked_at: int) -> "Table":
    table = _table(f"Nearest across splits (of {looked_at:,} pairs of dev and test)", "", "likeness", "pair", "nearest")
    for each in neighbours:
        pair, other = f"{each.pair} ({each.split})", f"{each.other} ({each.other_split})"
        table.add_row(each.kind, f"{each.likeness:.2f}", pair, other)
    return table


def _table(title: str, *columns: str) -> "Table":
    from rich.table import Table

    table = Table(title=title, title_justify="left", caption_justify="left")
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left")
    return table
