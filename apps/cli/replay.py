"""`ccd replay`: which strategy of `ccd rank` would have found the implicit pairs of your labelled ones first."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from apps.cli import contract
from apps.cli.train import data_option, encoders_of, prepare, set_device, threads_option

if TYPE_CHECKING:
    from rich.table import Table

    from model.discovery import DiscoveryRow
    from model.resampling import Interval


@click.command("replay")
@data_option
@click.option("--strategy", "strategies", multiple=True, metavar="NAME", help="Give it again for more (default: all).")
@click.option("--seeds", type=click.IntRange(min=1), default=10, show_default=True, help="Replays of each row.")
@click.option("--regions", metavar="LINE", help="Encoder of images (default: as campaign.toml says).")
@click.option("--words", metavar="LINE", help="Encoder of texts (default: as campaign.toml says).")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="For tables (default: replays/ and data's name)."
)
@threads_option
@contract.in_campaign
@contract.reports(
    {
        "data": "name of the data; `pool` and `test`: pairs; `prevalence` of implicit in the pool; `synthetic`: true "
        "where the toolkit made it",
        "seeds": "replays of each row",
        "rows": "list of rows: strategy, start, measured (by measure: value, low, high: 95 % interval over seeds by "
        "Student's t; null where undefined), ahead (area over that of random: value, low, high; p_value, adjusted by "
        "Holm's method for the strategies of this start), why not",
        "best": "map from start to the strategy with the largest area",
        "files": "CSV and PNG",
    }
)
def replay_command(
    folder: Path,
    data: Path | None,
    strategies: tuple[str, ...],
    seeds: int,
    regions: str | None,
    words: str | None,
    out: Path | None,
    threads: int | None,
) -> contract.Report:
    """Replay the labelling of pairs whose labels are known, once for each strategy.

    The labels of train and dev are hidden and shown in batches of 100, as the strategy asks for them; test is what the
    model is measured on. Finished replays are kept: interrupted, the same command goes on.

    \b
    Example: ccd replay --data releases/v1 --strategy implicit --strategy margin
    """
    from apps.cli.progress import bars
    from ccd.errors import InputError
    from model.acquisition import STRATEGIES
    from model.discovery import STARTS, compare, draw_curves
    from model.replay import ORACLE, case_of

    if unknown := [name for name in strategies if name not in STRATEGIES]:
        raise InputError(f"{unknown[0]!r} is no strategy; known: {', '.join(STRATEGIES)}")
    device = set_device(threads)
    name = (data or folder).resolve().name
    out = out or folder / "replays" / name
    contract.check_out(out)
    with bars() as started:
        ready = prepare(folder, data, encoders_of(folder, regions, words), started)
        ready.check_labels()
        loaders = [ready.loader(split, device) for split in ("train", "dev", "test")]
        case = case_of(name, ready.data, loaders[:2], loaders[2])
        names = ["random", *(name for name in strategies or STRATEGIES if name != "random"), ORACLE]
        rows = compare(case, names, STARTS, seeds, out, ready.about("train", "dev", "test"), started=started)
    about = {
        "name": name,
        "pool": case.pool,
        "test": len(case.truth) - case.pool,
        "prevalence": case.prevalence,
        "synthetic": case.synthetic,
    }
    made = "synthetic " if case.synthetic else ""
    title = f"{case.pool:,} {made}pairs of {name}, {case.prevalence:.1%} implicit; seeds: {seeds}"
    told = [_told(row, rows) for row in rows]
    files = [out / "replay.csv", out / "curves.png"]
    _write_csv(files[0], told, about)
    draw_curves(rows, title, files[1])
    best = [best_of(rows, start) for start in STARTS]
    facts = {
        "data": about,
        "seeds": seeds,
        "rows": told,
        "best": {row.start: row.strategy for row in best if row},
        "files": [str(file) for file in files],
    }
    shown: list[Any] = [shown_table(rows, start, title) for start in STARTS]
    shown += [f"From a {row.start} start {row.strategy} has the largest area." for row in best if row]
    shown += [f"Not replayed: {row.strategy}, as {row.why}." for row in rows if row.why and row.start == STARTS[0]]
    shown += [f"{files[0]} and {files[1]} are written."]
    return contract.Report(facts, shown)


def best_of(rows: "Sequence[DiscoveryRow]", start: str) -> "DiscoveryRow | None":
    """The strategy with the largest area from this start; None where none could be replayed."""
    from model.discovery import mean_area
    from model.replay import ORACLE

    ranked = [row for row in rows if row.start == start and row.runs and row.strategy not in ("random", ORACLE)]
    return max(ranked, key=mean_area, default=None)


def shown_table(rows: "Sequence[DiscoveryRow]", start: str, title: str) -> "Table":
    """What was measured from one start, the largest area first."""
    from rich.table import Table

    from model.discovery import MEASURES, against_random, mean_area

    table = Table(title=f"{title}; start: {start}", title_justify="left", caption_justify="left")
    table.caption = (
        "Means over seeds. recall: share of implicit pairs found when so many are judged; enrichment: of what was "
        "chosen, over chance; area: 0 is random order, 1 an oracle, in brackets the 95 % interval of the difference "
        "(Student's t over seeds) and p, adjusted by Holm's method for as many strategies; seconds a round"
    )
    for name in ("", *MEASURES, "area ahead of random"):
        table.add_column(name.replace("_", " "), justify="right" if name else "left")
    chance = next((row for row in rows if row.start == start and row.strategy == "random" and row.runs), None)
    measured = [row for row in rows if row.start == start and row.runs]
    p_values = against_random(rows, chance.start) if chance else {}
    for row in sorted(measured, key=lambda row: -mean_area(row)):
        means = [row.value(name) for name in MEASURES]
        lead = row.ahead(chance, "area") if chance else None
        cells = [f"{mean.value:.2f}" if mean else "–" for mean in means]
        table.add_row(row.strategy, *cells, _lead(lead, p_values.get(row.strategy)))
    return table


def _lead(lead: "Interval | None", p_value: float | None) -> str:
    if lead is None or lead.low is None or lead.high is None:
        return "" if lead is None else f"{lead.value:+.3f}"
    p = "" if p_value is None else f", p = {p_value:.2g}"
    return f"{lead.value:+.3f} ({lead.low:+.3f} to {lead.high:+.3f}{p})"


def _told(row: "DiscoveryRow", rows: "Sequence[DiscoveryRow]") -> dict[str, Any]:
    from dataclasses import asdict

    from model.discovery import MEASURES, against_random

    chance = next(each for each in rows if (each.strategy, each.start) == ("random", row.start))
    found = {name: row.value(name) for name in MEASURES} if row.runs else {}
    ahead = row.ahead(chance, "area") if row.runs else None
    return {
        "strategy": row.strategy,
        "start": row.start,
        "measured": {name: asdict(interval) if interval else None for name, interval in found.items()},
        "ahead": asdict(ahead) | {"p_value": against_random(rows, row.start).get(row.strategy)} if ahead else None,
        "why": row.why,
    }


def _write_csv(file: Path, rows: Sequence[Mapping[str, Any]], about: Mapping[str, Any]) -> None:
    """One line a row and measure; each line says what it was measured on."""
    import pandas as pd

    from ccd.files.atomic import write_atomic
    from ccd.files.csv_cells import escape_csv

    lines = [
        {"strategy": row["strategy"], "start": row["start"], "measure": name, **interval, **about}
        for row in rows
        for name, interval in row["measured"].items()
        if interval
    ]
    file.parent.mkdir(parents=True, exist_ok=True)
    table = pd.DataFrame(lines).map(escape_csv)
    write_atomic(file, table.to_csv(index=False, float_format="%.4f", lineterminator="\n").encode())
