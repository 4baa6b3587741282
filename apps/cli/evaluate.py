"""`ccd evaluate`: what a trained network is worth on test, and whether it is better than another."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from apps.cli import contract, scores
from apps.cli.train import data_option, network_question_option, prepare, set_device, threads_option
from ccd.wording import number_of

if TYPE_CHECKING:
    import numpy as np
    from rich.table import Table

    from apps.cli.progress import Started
    from model.calibration import Calibration
    from model.checkpoint import Checkpoint
    from model.evaluation import Comparison, Evaluation
    from model.resampling import Interval

MEASURE_NAMES = {"accuracy": "accuracy", "weighted_f1": "weighted F1", "macro_f1": "macro F1"}


@click.command("evaluate")
@click.argument("model", required=False)
@click.option("--against", metavar="MODEL", help="Another network: test whether the first is better on the same pairs.")
@data_option
@network_question_option
@click.option(
    "--split", type=click.Choice(["test", "dev", "train"]), default="test", show_default=True, help="Which pairs."
)
@threads_option
@contract.in_campaign
@contract.reports(
    {
        "folder": "the network's folder",
        "question": "the question whose labels it learned; null where its pairs did not name it",
        "split": "the pairs it was measured on",
        "synthetic": "true where the toolkit made these pairs itself",
        "missing": "pairs without features, left out",
        "evaluation": "pairs and groups (leakage groups); accuracy, weighted_f1, macro_f1, f1_by_label (value, low, "
        "high: 95 % bootstrap over groups; null where undefined, with the reason); macro_over: labels whose mean "
        "macro_f1 is; support, confusion (rows are labels, columns predictions); temperature; calibration and "
        "calibrated, before and after it: error, perfect and perfect_high (what a perfectly calibrated network gets on "
        "average, and in one of 20 test sets), debiased, log_loss, brier; of scores pairs; mse, mse_of_mean (of saying "
        "train's mean of every pair), spearman",
        "against": "with --against: the other's folder; the differences to it (value, low, high: paired bootstrap); "
        "macro_over; only_a, only_b: pairs that one alone has right; test: mcnemar (exact) or, where leakage groups "
        "have several pairs, durkalski; p_value; of scores the differences of mse and spearman; else null",
    }
)
def evaluate_command(
    folder: Path,
    model: str | None,
    against: str | None,
    data: Path | None,
    question: str | None,
    split: str,
    threads: int | None,
) -> contract.Report:
    """Measure a trained network on test.

    MODEL is a folder in models, or a path; without it the network that was trained last. Intervals are 95 % bootstrap
    intervals over leakage groups, as pairs of one photo, author or caption are not independent. The F1 of a label that
    no pair has is undefined, and no part of macro F1. The calibration error is how far probabilities are from the share
    that is right, before and after the temperature that dev gives. Predicted scores are measured by mean squared error
    and Spearman's rank correlation.

    \b
    Example: ccd evaluate ananet-4fd1a2c09b3e --against tfn-0c1d2e3f4a5b
    """
    from dataclasses import asdict

    from apps.cli.progress import bars
    from ccd.errors import InputError
    from model.checkpoint import chosen
    from model.evaluation import evaluate

    device = set_device(threads)
    models = folder / "models"
    checkpoints = [chosen(models, model, question), *([chosen(models, against)] if against else [])]
    if len({checkpoint.question for checkpoint in checkpoints}) > 1:
        names = " and ".join(checkpoint.question or "one without a name" for checkpoint in checkpoints)
        raise InputError(f"the networks answer different questions, {names}; compare networks of one question")
    with bars() as started:
        told = [_told(folder, data, split, checkpoint, device, started) for checkpoint in checkpoints]
    one, first = told[0], checkpoints[0]
    made = "synthetic " if one.synthetic else ""
    title = f"{first.folder.name} on {len(one.ids):,} {made}pairs of {split}"
    if first.is_score:
        predicted = first.scores(one.logits)
        evaluation, shown = scores.evaluated(predicted, one.labels, first.mean, one.groups, title)
    else:
        found = evaluate(one.logits, one.labels, first.labels, first.temperature, groups=one.groups)
        evaluation, shown = asdict(found), _measured(title, found)
    if one.missing:
        lack, were = number_of(one.missing, "pair has", "pairs have"), "was" if one.missing == 1 else "were"
        shown.append(f"{lack} no features and {were} left out; `ccd encode` says why.")
    if split != "test":
        shown.append("The weights were chosen by these pairs; only test is a fair measure.")
    facts = {
        "folder": str(first.folder),
        "question": first.question,
        "split": split,
        "synthetic": one.synthetic,
        "missing": one.missing,
        "evaluation": evaluation,
        "against": None,
    }
    if against:
        difference, lines = _compared(told, checkpoints)
        facts["against"] = {"folder": str(checkpoints[1].folder), **difference}
        shown += lines
    return contract.Report(facts, shown)


@dataclass(frozen=True)
class _Told:
    """What a network says of a split: `ids` of N pairs, label ids or scores [N], leakage groups and logits [N, C]."""

    ids: tuple[str, ...]
    labels: "np.ndarray[Any, Any]"
    groups: tuple[str, ...] | None
    logits: "np.ndarray[Any, Any]"
    missing: int
    synthetic: bool


def _told(
    folder: Path, data: Path | None, split: str, checkpoint: "Checkpoint", device: str, started: "Started"
) -> _Told:
    from ccd.errors import InputError
    from model.encoding import Encoders
    from model.evaluation import predict

    made_with = checkpoint.config["features"]
    encoders = Encoders(made_with["regions"]["line"], made_with["words"]["line"], folder)
    caches = made_with["regions"]["cache"], made_with["words"]["cache"]
    ready = prepare(folder, data, encoders, started, caches, checkpoint.question)
    if ready.data.labels != checkpoint.labels[: len(ready.data.labels)]:
        raise InputError(
            f"{checkpoint.folder}: knows the labels {', '.join(checkpoint.labels)}, the pairs have "
            f"{', '.join(ready.data.labels)}; choose a network of this protocol"
        )
    loader = ready.loader(split, device)
    if not len(loader):
        raise InputError(f"{split} has no pair with features; choose another --split or --data")
    logits = predict(checkpoint.network().to(device), loader, checkpoint.config["training"]["bf16"])
    return _Told(loader.ids, loader.labels, loader.groups, logits, loader.missing, ready.data.synthetic)


def _compared(told: list[_Told], checkpoints: list["Checkpoint"]) -> tuple[dict[str, Any], list[str]]:
    """The first against the second, over the pairs that both have features of: facts, and lines to show."""
    from dataclasses import asdict

    import numpy as np

    from model.evaluation import compare

    _, of_a, of_b = np.intersect1d(told[0].ids, told[1].ids, return_indices=True)
    first, second = checkpoints
    a, b, labels = told[0].logits[of_a], told[1].logits[of_b], told[0].labels[of_a]
    names = first.folder.name, second.folder.name
    groups = None if told[0].groups is None else [told[0].groups[row] for row in of_a]
    if first.is_score:
        return scores.compared(first.scores(a), second.scores(b), labels, groups, names)
    found = compare(a.argmax(1), b.argmax(1), labels, first.labels, groups=groups)
    return asdict(found), _difference(*names, found, first.labels)


def _percent(found: "Interval", sign: str = "") -> tuple[str, str]:
    """The value and its interval, or why there is none."""
    if found.value is None:
        return "undefined", found.reason or ""
    if found.low is None or found.high is None:
        return f"{100 * found.value:{sign}.1f}", f"no interval: {found.reason}"
    return f"{100 * found.value:{sign}.1f}", f"{100 * found.low:{sign}.1f} to {100 * found.high:{sign}.1f}"


def _measured(title: str, found: "Evaluation") -> list[Any]:
    from model.calibration import at_bound

    groups = number_of(found.groups, "leakage group")
    return [
        f"{title} in {groups}, in percent:",
        _table(found),
        _confusion(found),
        _calibrations(found),
        *filter(None, [at_bound(found.temperature)]),
    ]


def macro_name(over: Sequence[str], labels: Sequence[str]) -> str:
    """What macro F1 is called, with the labels it is over where these are not all."""
    return "macro F1" if len(over) == len(labels) else f"macro F1 of {', '.join(over)}"


def _table(found: "Evaluation") -> "Table":
    from rich.table import Table

    table = Table("", "", "95 % interval", "pairs")
    names = MEASURE_NAMES | {"macro_f1": macro_name(found.macro_over, list(found.support))}
    for key, name in names.items():
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


def _calibrations(found: "Evaluation") -> "Table":
    """Before and after the temperature; a calibration error beside that of a perfectly calibrated network."""
    from rich.table import Table

    table = Table("", "as it is", "95 % interval", title="How far probabilities are off", title_justify="left")
    table.add_column(f"at temperature {found.temperature:.2f}")
    table.add_column("95 % interval")
    both: tuple[Calibration, Calibration] = found.calibration, found.calibrated
    table.add_row("calibration error", *(cell for one in both for cell in (f"{100 * one.error:.1f}", "")))
    chance = [(f"{100 * one.perfect:.1f}", f"up to {100 * one.perfect_high:.1f}") for one in both]
    table.add_row("  if perfectly calibrated", *(cell for cells in chance for cell in cells))
    table.add_row("debiased error", *(cell for one in both for cell in _percent(one.debiased)))
    for key, name in (("log_loss", "log loss, nats"), ("brier", "Brier score")):
        table.add_row(name, *(cell for one in both for cell in _decimal(getattr(one, key))))
    return table


def _decimal(found: "Interval") -> tuple[str, str]:
    if found.low is None or found.high is None:
        return f"{found.value:.3f}", f"no interval: {found.reason}"
    return f"{found.value:.3f}", f"{found.low:.3f} to {found.high:.3f}"


def _difference(first: str, second: str, found: "Comparison", labels: Sequence[str]) -> list[str]:
    names = MEASURE_NAMES | {"macro_f1": macro_name(found.macro_over, labels)}
    points = [f"{name} {' ('.join(_percent(getattr(found, key), '+'))})" for key, name in names.items()]
    test = "McNemar's exact test" if found.test == "mcnemar" else "the test of Durkalski et al. over leakage groups"
    return [
        f"{first} against {second} on {number_of(found.pairs, 'pair')}, in points: {', '.join(points)}.",
        f"Right alone: {found.only_a:,} against {number_of(found.only_b, 'pair')}; {test}: p = {found.p_value:.2g}.",
    ]
