"""`ccd evaluate`: what a trained network is worth on test, and whether it is better than another."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from apps.cli import contract
from apps.cli.train import data_option, prepare, set_device, threads_option

if TYPE_CHECKING:
    import numpy as np
    from rich.table import Table

    from apps.cli.progress import Started
    from model.checkpoint import Checkpoint
    from model.evaluation import Comparison, Evaluation, Interval

MEASURE_NAMES = {"accuracy": "accuracy", "weighted_f1": "weighted F1", "macro_f1": "macro F1"}


@click.command("evaluate")
@click.argument("model", required=False)
@click.option("--against", metavar="MODEL", help="Another network: test whether the first is better on the same pairs.")
@data_option
@click.option(
    "--split", type=click.Choice(["test", "dev", "train"]), default="test", show_default=True, help="Which pairs."
)
@threads_option
@contract.in_campaign
@contract.reports(
    {
        "folder": "the network's folder",
        "split": "the pairs it was measured on",
        "synthetic": "true where the toolkit made these pairs itself",
        "missing": "pairs without features, left out",
        "evaluation": "pairs; accuracy, weighted_f1, macro_f1, f1_by_label (value, low, high: 95 % bootstrap); "
        "support, confusion (rows are labels, columns predictions), calibration_error, calibrated_error, temperature",
        "against": "with --against: the other's folder; the differences to it (value, low, high: paired bootstrap); "
        "only_a, only_b: pairs that one alone has right; p_value: McNemar's exact test; else null",
    }
)
def evaluate_command(
    folder: Path, model: str | None, against: str | None, data: Path | None, split: str, threads: int | None
) -> contract.Report:
    """Measure a trained network on test.

    MODEL is a folder in models, or a path; without it the network that was trained last. Intervals are 95 % bootstrap
    intervals over the pairs. The calibration error is how far probabilities are from the share that is right, before
    and after they are set by dev.

    \b
    Example: ccd evaluate ananet-4fd1a2c09b3e --against tfn-0c1d2e3f4a5b
    """
    from dataclasses import asdict

    from apps.cli.progress import bars
    from model.evaluation import evaluate

    device = set_device(threads)
    checkpoints = [_checkpoint(folder, model), *([_checkpoint(folder, against)] if against else [])]
    with bars() as started:
        told = [_told(folder, data, split, checkpoint, device, started) for checkpoint in checkpoints]
    one, first = told[0], checkpoints[0]
    found = evaluate(one.logits, one.labels, first.labels, first.temperature)
    made = "synthetic " if one.synthetic else ""
    shown: list[Any] = [
        f"{first.folder.name} on {found.pairs:,} {made}pairs of {split}, in percent:",
        _table(found),
        _confusion(found),
        f"Calibration error {100 * found.calibration_error:.1f}, and {100 * found.calibrated_error:.1f} at the "
        f"temperature {found.temperature:.2f} that dev gives.",
    ]
    if one.missing:
        shown.append(f"{one.missing:,} pairs have no features and were left out; `ccd encode` says why.")
    if split != "test":
        shown.append("The weights were chosen by these pairs; only test is a fair measure.")
    facts = {
        "folder": str(first.folder),
        "split": split,
        "synthetic": one.synthetic,
        "missing": one.missing,
        "evaluation": asdict(found),
        "against": None,
    }
    if against:
        difference = _compared(told[0], told[1], len(first.labels))
        facts["against"] = {"folder": str(checkpoints[1].folder), **asdict(difference)}
        shown += _difference(first.folder.name, checkpoints[1].folder.name, difference)
    return contract.Report(facts, shown)


@dataclass(frozen=True)
class _Told:
    """What a network says of a split: `ids` of N pairs, label ids [N] and logits [N, C]."""

    ids: tuple[str, ...]
    labels: "np.ndarray[Any, Any]"
    logits: "np.ndarray[Any, Any]"
    missing: int
    synthetic: bool


def _told(
    folder: Path, data: Path | None, split: str, checkpoint: "Checkpoint", device: str, started: "Started"
) -> _Told:
    from ccd.errors import CcdError
    from model.encoding import Encoders
    from model.evaluation import predict

    made_with = checkpoint.config["features"]
    encoders = Encoders(made_with["regions"]["line"], made_with["words"]["line"], folder)
    caches = made_with["regions"]["cache"], made_with["words"]["cache"]
    ready = prepare(folder, data, encoders, started, caches)
    if ready.data.labels != checkpoint.labels[: len(ready.data.labels)]:
        raise CcdError(
            f"{checkpoint.folder}: knows the labels {', '.join(checkpoint.labels)}, the pairs have "
            f"{', '.join(ready.data.labels)}; choose a network of this protocol"
        )
    loader = ready.loader(split, device)
    if not len(loader):
        raise CcdError(f"{split} has no pair with features; choose another --split or --data")
    logits = predict(checkpoint.network().to(device), loader, checkpoint.config["training"]["bf16"])
    return _Told(loader.ids, loader.labels, logits, loader.missing, ready.data.synthetic)


def _compared(a: _Told, b: _Told, size: int) -> "Comparison":
    """Over the pairs that both have features of."""
    import numpy as np

    from model.evaluation import compare

    _, of_a, of_b = np.intersect1d(a.ids, b.ids, return_indices=True)
    return compare(a.logits[of_a].argmax(1), b.logits[of_b].argmax(1), a.labels[of_a], size)


def _checkpoint(folder: Path, model: str | None) -> "Checkpoint":
    from model.checkpoint import latest, load

    models = folder / "models"
    if model is None:
        return latest(models)
    return load(models / model if (models / model).is_dir() else Path(model))


def _percent(found: "Interval", sign: str = "") -> tuple[str, str]:
    return f"{100 * found.value:{sign}.1f}", f"{100 * found.low:{sign}.1f} to {100 * found.high:{sign}.1f}"


def _table(found: "Evaluation") -> "Table":
    from rich.table import Table

    table = Table("", "", "95 % interval", "pairs")
    for key, name in MEASURE_NAMES.items():
        table.add_row(name, *_percent(getattr(found, key)), f"{found.pairs:,}")
    for name, interval in found.f1_by_label.items():
        table.add_row(f"F1 {name}", *_percent(interval), f"{found.support[name]:,}")
    return table


def _confusion(found: "Evaluation") -> "Table":
    from rich.table import Table

    table = Table("label", title="How many were taken for what", title_justify="left")
    for name in found.support:
        table.add_column(f"→ {name}", justify="right")
    for name, row in zip(found.support, found.confusion, strict=True):
        table.add_row(name, *map(str, row))
    return table


def _difference(first: str, second: str, found: "Comparison") -> list[str]:
    points = [f"{name} {' ('.join(_percent(getattr(found, key), '+'))})" for key, name in MEASURE_NAMES.items()]
    return [
        f"{first} against {second} on {found.pairs:,} pairs, in points: {', '.join(points)}.",
        f"Right alone: {found.only_a:,} against {found.only_b:,} pairs; McNemar's exact test: p = {found.p_value:.2g}.",
    ]
