"""The paper's tables measured again: every row of `tables.py` trained with several seeds on the data at hand.

CCD is not public: what is measured here is measured on other data, and is never a figure on CCD.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from ccd import __version__
from ccd.errors import InputError
from ccd.files.atomic import write_atomic
from ccd.reports.plots import png
from model.baselines.sizes import Sizes
from model.data import Loader, Started
from model.evaluation import ABSENT, MEASURES, confusion, f1, predict, weighted_f1
from model.resampling import Interval, cells_of, interval_of, numbered, resampled
from model.tables import GRID, Table, TableRow
from model.training import Settings, train
from model.zoo import Config, config_of

ONE_SIDED = ("random", "stratified", "majority", "text", "image")  # networks that see one side at most
SMALL = {"width": 256, "subspace": 50}  # of the paper's 1024 and 200
RESAMPLES = 2000

Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Source:
    """A dataset as one pair of encoders sees it. `about` goes into what a run is known by; `words` is their line."""

    train: Loader
    dev: Loader
    test: Loader
    sizes: Sizes
    words: str
    about: Mapping[str, Any]


@dataclass(frozen=True)
class Spread:
    """A mean over seeds, and half the width of its 95 % interval (Student's t); None of one seed.

    An undefined mean is None too, and `reason` says why.
    """

    mean: float | None
    half: float | None
    reason: str | None = None


@dataclass(frozen=True)
class Measured:
    """A row as it came out.

    `values` [S] of each measure by seed, in percent; `predicted` [S, N]; `dev` is the mean weighted F1 on dev. Without
    `values` it was not measured, and `why` says why.
    """

    row: TableRow
    words: str = ""
    values: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    predicted: Ids = field(default_factory=lambda: np.zeros((0, 0), np.int64))
    dev: float = 0.0
    why: str = ""

    def spread(self, measure: str) -> Spread:
        """Return the mean over seeds of one measure or of one label's F1.

        Undefined where no test pair has the label.
        """
        if measure not in self.values:
            return Spread(None, None, ABSENT)
        values = np.array(self.values[measure])
        if len(values) < 2:
            return Spread(float(values.mean()), None)
        half = student.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
        return Spread(float(values.mean()), float(half))


def measure(
    table: Table,
    full: Source,
    plain: Source | None,
    settings: Settings,
    seeds: int,
    out: Path,
    *,
    small: bool,
    started: Started = lambda name, total: lambda number: None,
) -> list[Measured]:
    """Train and test every row with seeds 0, 1, …; `plain` is the source without BERT, where there is one.

    `small`: the paper's network at width 256, not 1024. Finished runs are kept in `out`/runs and never repeated; an
    interrupted one goes on where it was. Raises CcdError where the data has no test pair.
    """
    if not len(full.test):
        raise InputError("test has no pair with features; nothing can be measured")
    plan = [(row, *_source(row, full, plain)) for row in table.rows]
    told = started("runs", seeds * sum(not why for _, _, why in plan))
    found = []
    for row, source, why in plan:
        if why:
            found.append(Measured(row, why=why))
            continue
        runs = []
        for seed in range(seeds):
            runs.append(_run(row, source, replace(settings, seed=seed), out, small, started))
            told(1)
        found.append(_measured(row, source, runs))
    return found


def ahead(a: Measured, b: Measured, labels: Ids, size: int, groups: Sequence[str] | None = None) -> Interval:
    """By how many points of weighted F1 a is ahead of b: mean over seeds, 95 % bootstrap interval over test pairs.

    Both are resampled together, as they share their pairs, and leakage `groups` [N] whole.

    >>> ahead(ananet, text_only, loader.labels, 3, loader.groups).low > 0  # doctest: +SKIP
    True
    """
    of, sides = numbered(groups, len(labels)), (a.predicted, b.predicted)
    cells = [cells_of(of, labels * size + predicted, size**2) for side in sides for predicted in side]
    sums = np.concatenate(cells, axis=1)  # [G, runs of both x size²]
    scores = [
        weighted_f1(each.reshape(-1, len(cells), size, size)) for each in (sums.sum(0), resampled(sums, 0, RESAMPLES))
    ]
    runs = len(a.predicted)
    gain, drawn = (100 * (each[:, :runs].mean(1) - each[:, runs:].mean(1)) for each in scores)
    return interval_of(gain[0], drawn, len(sums))


def best_one_sided(found: Sequence[Measured]) -> Measured | None:
    """Return the row that sees one side at most and is best on dev: what comparing both sides must beat."""
    rows = [each for each in found if each.values and each.row.model in ONE_SIDED]
    return max(rows, key=lambda each: each.dev) if rows else None


def draw_grid(found: Sequence[Measured], title: str, file: Path) -> None:
    """Fig. 4: accuracy and weighted F1 over both stream weights, as PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 6), layout="constrained")
    figure.suptitle(title, fontsize=10)
    for place, (name, heading) in enumerate((("accuracy", "accuracy"), ("weighted_f1", "weighted F1"))):
        means = np.array([each.spread(name).mean for each in found], np.float64).reshape(len(GRID), len(GRID))
        axes = figure.add_subplot(1, 2, place + 1)
        shown = axes.imshow(means, origin="lower", cmap="viridis")
        for (row, column), mean in np.ndenumerate(means):
            dark = mean < (means.min() + means.max()) / 2
            axes.text(column, row, f"{mean:.1f}", ha="center", va="center", color="white" if dark else "black")
        axes.set(xticks=range(len(GRID)), yticks=range(len(GRID)), title=f"{heading}, %")
        axes.set_xticklabels(map(str, GRID))
        axes.set_yticklabels(map(str, GRID))
        axes.set(xlabel="weight of alignment (η)", ylabel="weight of association (λ)")
        figure.colorbar(shown, ax=axes, shrink=0.8)
    write_atomic(file, png(figure))


def _source(row: TableRow, full: Source, plain: Source | None) -> tuple[Source, str]:
    """Return what a row is measured on, and why it cannot be."""
    if row.plain and row.twin and plain is None:
        return full, "needs two word encoders, such as glove+bert"
    source = plain if row.plain and plain else full
    if (row.model == "similarity" or "shared_space" in row.switches) and not source.sizes.profile_width:
        return source, "needs encoders of one space"
    return source, ""


def _run(row: TableRow, source: Source, settings: Settings, out: Path, small: bool, started: Started) -> dict[str, Any]:
    """Return the outcome of one training: read where it is there, else trained, tested and stored."""
    config = _config(row, source.sizes, small)
    told = {"toolkit": __version__, "model": row.model, "network": asdict(config), "training": asdict(settings)}
    digest = hashlib.sha256(json.dumps(told | {"about": source.about}, sort_keys=True).encode()).hexdigest()[:16]
    file, work = out / "runs" / f"{row.model}-{digest}.json", out / "training" / digest
    if file.is_file():
        shutil.rmtree(work, ignore_errors=True)  # there only where a kill came between the outcome and its removal
        stored: dict[str, Any] = json.loads(file.read_bytes())
        return stored
    done = train(row.model, config, (source.train, source.dev), settings, work, source.about, started)
    logits = predict(done.network().to(source.test.device), source.test, settings.bf16)
    outcome = told | {"about": source.about, "row": row.name, "dev": done.metrics["dev"]["weighted_f1"]}
    outcome |= {"predicted": logits.argmax(1).tolist(), "seconds": done.metrics["seconds"]}
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(file, json.dumps(outcome).encode())
    shutil.rmtree(work, ignore_errors=True)  # hundreds of networks of 25 MB each would stay
    return outcome


def _config(row: TableRow, sizes: Sizes, small: bool) -> Config:
    config, switches = config_of(row.model, sizes), dict(row.switches)
    if small and row.model in ("paper", "concatenation"):
        switches = SMALL | switches
    return replace(config, **switches)


def _measured(row: TableRow, source: Source, runs: Sequence[Mapping[str, Any]]) -> Measured:
    labels, names = source.test.labels, source.about["labels"]
    values: dict[str, list[float]] = {}
    for run in runs:
        table = confusion(labels, np.array(run["predicted"]), len(names))
        of_run = {name: float(measured(table)) for name, measured in MEASURES.items()}
        of_run |= dict(zip(names, f1(table).tolist(), strict=True))
        for name, value in of_run.items():
            if not np.isnan(value):  # no test pair has the label, in any run
                values.setdefault(name, []).append(100 * value)
    predicted = np.array([run["predicted"] for run in runs], np.int64)
    dev = float(np.mean([run["dev"] for run in runs]))
    return Measured(row, source.words, {name: tuple(each) for name, each in values.items()}, predicted, dev)
