"""`ccd reproduce`: the paper's tables, measured again on any CCD-style release."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from apps.cli import contract
from apps.cli.evaluate import MEASURE_NAMES
from apps.cli.train import threads_option

if TYPE_CHECKING:
    from rich.table import Table as Shown

    from apps.cli.train import Ready
    from model.reproduce import Measured, Source
    from model.resampling import Interval


@click.command("reproduce")
@click.argument("table", type=click.Choice(["table3", "table4", "table5", "table6", "fig4", "ablation"]))
@click.option(
    "--data",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="A release, or another folder with train, dev and test.jsonl.",
)
@click.option("--seeds", type=click.IntRange(min=1), default=3, show_default=True, help="Trainings of each row.")
@click.option("--preset", type=click.Choice(["fast", "paper"]), default="fast", show_default=True, help="See below.")
@click.option("--epochs", type=click.IntRange(min=1), help="At most so many (default: the preset's).")
@click.option("--regions", metavar="LINE", help="Encoder of images (default: as campaign.toml says).")
@click.option("--words", metavar="LINE", help="Encoder of texts; of two, a+b, rows without BERT use the first alone.")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="For tables (default: reproduced/ and data's name)."
)
@threads_option
@contract.in_campaign
@contract.reports(
    {
        "table": "which one",
        "data": "name of the data, `pairs` of train, dev and test, and `synthetic`: true where the toolkit made it",
        "setting": "regions, words, preset, seeds, device",
        "rows": "list of rows: name, model, words, paper and measured (by measure: mean, half the 95 % interval over "
        "seeds, and the value of each seed), ananet_ahead (points of weighted F1: value, low, high), why not",
        "gain": "of table3: for paper and ananet, points of weighted F1 over the best row that sees one side",
        "notes": "what is odd about the paper's figures",
        "files": "CSV and, of fig4, PNG",
    }
)
def reproduce_command(
    folder: Path,
    table: str,
    data: Path,
    seeds: int,
    preset: str,
    epochs: int | None,
    regions: str | None,
    words: str | None,
    out: Path | None,
    threads: int | None,
) -> contract.Report:
    """Measure the paper's TABLE on your data, its own figures beside.

    Every row is trained with several seeds and measured on test. The preset `fast` has the paper's network at width
    256, and fewer epochs; `paper` has its full size, in fp32. `ablation` is what each part of ananet is worth.
    Finished runs are kept: interrupted, the same command goes on, and tables share their runs.

    \b
    Example: ccd reproduce table4 --data releases/v1 --words glove+bert
    """
    from dataclasses import asdict, replace

    from apps.cli.progress import bars
    from apps.cli.train import encoders_of, prepare, set_device
    from model.reproduce import draw_grid, measure
    from model.tables import TABLES
    from model.training import PRESETS, has_bf16

    device = set_device(threads)
    settings = PRESETS[preset][1]
    bf16 = preset == "fast" and has_bf16(device)
    settings = replace(settings, epochs=epochs or settings.epochs, bf16=bf16)
    out = out or folder / "reproduced" / data.resolve().name
    contract.check_out(out)
    encoders = encoders_of(folder, regions, words)
    first = encoders.words.partition("+")[0].strip()
    chosen = TABLES[table]
    with bars() as started:
        ready = prepare(folder, data, encoders, started)
        ready.check_labels()
        full = _source(ready, device)
        plain = None
        if first != encoders.words:
            plain = _source(prepare(folder, data, replace(encoders, words=first), started), device)
        found = measure(chosen, full, plain, settings, seeds, out, small=preset == "fast", started=started)
    about = {
        "name": data.resolve().name,
        "pairs": {"train": len(full.train), "dev": len(full.dev), "test": len(full.test)},
        "synthetic": full.about["synthetic"],
    }
    setting = {"regions": encoders.regions, "words": encoders.words, "preset": preset, "seeds": seeds, "device": device}
    columns = tuple(reversed(full.about["labels"])) if chosen.by_label else tuple(MEASURE_NAMES)
    leads = _ahead(found, full) if table in ("table3", "ablation") else {}
    gain = _gain(found, full) if table == "table3" else {}
    title = f"{chosen.title}, measured on {_where(about)}; seeds: {seeds}, preset: {preset}"
    rows = [_row(each, columns, leads.get(each.row.name)) for each in found]
    files = [_write_csv(out / f"{table}.csv", rows, columns, about, setting)]
    if table == "fig4":
        files.append(out / "fig4.png")
        draw_grid(found, title, files[1])
    facts = {
        "table": table,
        "data": about,
        "setting": setting,
        "rows": rows,
        "gain": {name: asdict(interval) for name, (interval, _) in gain.items()},
        "notes": list(chosen.notes),
        "files": [str(file) for file in files],
    }
    shown: list[Any] = [_shown(title, rows, columns, bool(leads))]
    shown += [
        f"Cross-modal gain of {name} over {over}, the best row that sees one side, in points of weighted F1: "
        f"{_lead_cell(asdict(interval))}."
        for name, (interval, over) in gain.items()
    ]
    shown += _absent(full, columns)
    shown += _not_measured(rows)
    shown += [f"Note: {note}" for note in chosen.notes]
    shown += [f"{', '.join(map(str, files))} written."]
    return contract.Report(facts, shown)


def _source(ready: "Ready", device: str) -> "Source":
    from model.reproduce import Source

    train, dev, test = (ready.loader(split, device) for split in ("train", "dev", "test"))
    about = ready.about("train", "dev", "test") | {"device": device}
    sizes = ready.sizes(train)
    return Source(train, dev, test, sizes, str(ready.words.manifest["line"]), about)


def _ahead(found: "Sequence[Measured]", source: "Source") -> dict[str, "Interval"]:
    """By how much ananet is ahead of each other row."""
    ours = next(each for each in found if each.row.model == "ananet")
    others = [each for each in found if each.values and each is not ours]
    return {each.row.name: _lead(ours, each, source) for each in others}


def _lead(a: "Measured", b: "Measured", source: "Source") -> "Interval":
    from model.reproduce import ahead

    return ahead(a, b, source.test.labels, source.sizes.labels, source.test.groups)


def _gain(found: "Sequence[Measured]", source: "Source") -> dict[str, tuple["Interval", str]]:
    """Of the paper's network and ananet: how far ahead of the best row that sees one side, and which that is."""
    from model.reproduce import best_one_sided

    over = best_one_sided(found)
    assert over is not None  # random is always measured
    both = [each for each in found if each.row.model in ("paper", "ananet") and each.values]
    return {each.row.name: (_lead(each, over, source), over.row.name) for each in both}


def _row(found: "Measured", columns: Sequence[str], lead: "Interval | None") -> dict[str, Any]:
    from dataclasses import asdict

    measured = {
        name: {**asdict(found.spread(name)), "values": list(found.values.get(name, ()))}
        for name in columns
        if found.values
    }
    return {
        "name": found.row.name,
        "model": found.row.model,
        "words": found.words,
        "paper": {name: value for name, value in found.row.paper.items() if name in columns},
        "measured": measured,
        "ananet_ahead": asdict(lead) if lead else None,
        "why": found.why,
    }


def _where(about: Mapping[str, Any]) -> str:
    made = "synthetic " if about["synthetic"] else ""
    return f"{about['name']}, {about['pairs']['test']:,} {made}test pairs"


def _shown(title: str, rows: Sequence[Mapping[str, Any]], columns: Sequence[str], leads: bool) -> "Shown":
    from rich.table import Table

    table = Table(title=title, title_justify="left", caption_justify="left")
    table.caption = (
        "In percent; ± is half the 95 % interval over seeds. The paper's figures are on CCD, 983 test pairs."
    )
    printed = [name for name in columns if any(name in row["paper"] for row in rows)]
    table.add_column("")
    if printed:
        table.add_column("paper: " + " / ".join(MEASURE_NAMES.get(name, name) for name in printed), justify="right")
    for name in columns:
        table.add_column(MEASURE_NAMES.get(name, name), justify="right")
    if leads:
        table.add_column("ananet is ahead by", justify="right")
    for row in rows:
        cells = [row["name"]]
        if printed:
            cells.append(" / ".join(f"{row['paper'][name]:.2f}" for name in printed if row["paper"]))
        cells += [_spread(row["measured"][name]) if row["measured"] else "–" for name in columns]
        if lead := row["ananet_ahead"]:
            cells.append(_lead_cell(lead))
        table.add_row(*cells)
    return table


def _absent(source: "Source", columns: Sequence[str]) -> list[str]:
    """What macro F1 leaves out: labels that no test pair has."""
    names = source.about["labels"]
    counts = [int((source.test.labels == number).sum()) for number in range(len(names))]
    absent = [name for name, count in zip(names, counts, strict=True) if not count]
    if not absent or "macro_f1" not in columns:
        return []
    return [f"No test pair is {' or '.join(absent)}: F1 is undefined there, and macro F1 is the mean of the others."]


def _not_measured(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return [f"Not measured: {row['name']}, which {row['why']}." for row in rows if row["why"]]


def _spread(told: Mapping[str, Any]) -> str:
    if told["mean"] is None:
        return f"undefined: {told['reason']}"
    return f"{told['mean']:.1f}" + ("" if told["half"] is None else f" ±{told['half']:.1f}")


def _lead_cell(lead: Mapping[str, Any]) -> str:
    if lead["low"] is None:
        return f"{lead['value']:+.1f} (no interval: {lead['reason']})"
    return f"{lead['value']:+.1f} ({lead['low']:+.1f} to {lead['high']:+.1f})"


def _write_csv(
    file: Path,
    rows: Sequence[Mapping[str, Any]],
    columns: Sequence[str],
    about: Mapping[str, Any],
    setting: Mapping[str, Any],
) -> Path:
    """One line a row and measure; each line says what it was measured on."""
    import pandas as pd

    from ccd.files.atomic import write_atomic
    from ccd.files.csv_cells import escape_csv

    lines = [
        {
            "row": row["name"],
            "model": row["model"],
            "measure": name,
            "paper": row["paper"].get(name),
            "mean": row["measured"].get(name, {}).get("mean"),
            "undefined": row["measured"].get(name, {}).get("reason"),
            "half_interval": row["measured"].get(name, {}).get("half"),
            "by_seed": " ".join(f"{value:.4f}" for value in row["measured"].get(name, {}).get("values", [])),
            "not_measured": row["why"],
            "regions": setting["regions"],
            "words": row["words"],
            "preset": setting["preset"],
            "data": about["name"],
            "synthetic": about["synthetic"],
            **{f"{split}_pairs": number for split, number in about["pairs"].items()},
        }
        for row in rows
        for name in columns
    ]
    file.parent.mkdir(parents=True, exist_ok=True)
    table = pd.DataFrame(lines).map(escape_csv)
    write_atomic(file, table.to_csv(index=False, float_format="%.4f", lineterminator="\n").encode())
    return file
