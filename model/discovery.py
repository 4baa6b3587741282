"""Replays side by side: every strategy from every start with the same seeds, what they find, and how sure that is."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from ccd import __version__
from ccd.campaign import write_atomic
from ccd.errors import CcdError
from ccd.plots import png
from model.data import Started
from model.evaluation import Interval
from model.replay import BUDGETS, ORACLE, Case, Run, Start, Streams, budgets, replay

STARTS: tuple[Start, ...] = get_args(Start)
RESAMPLES = 10_000

MEASURES: dict[str, Callable[[Run], float]] = {
    **{f"recall_{budget}": lambda run, budget=budget: run.recall(budget) for budget in BUDGETS},  # type: ignore[misc]
    "enrichment": lambda run: run.enrichment,
    "area": Run.area,
    "clusters": lambda run: run.reached,
    "f1": lambda run: run.f1[-1],
    "seconds": lambda run: run.seconds,
}
"""What is told of a run, by name; `f1` is that after the last budget."""


@dataclass(frozen=True)
class Row:
    """A strategy from one start: its runs by seed, none where it cannot be replayed, and `why`."""

    strategy: str
    start: Start
    runs: tuple[Run, ...]
    why: str = ""

    def mean(self, measure: str) -> float:
        """The mean over seeds."""
        return float(self._values(measure).mean())

    def value(self, measure: str) -> Interval | None:
        """The mean over seeds, with a 95 % bootstrap interval over them; None beyond the last budget."""
        return _interval(self._values(measure))

    def ahead(self, other: "Row", measure: str) -> Interval | None:
        """The mean difference to another row with the same seeds; both are resampled together."""
        return _interval(self._values(measure) - other._values(measure))

    def _values(self, measure: str) -> NDArray[np.float64]:
        if measure.startswith("recall_") and not self.runs[0].spans(int(measure.removeprefix("recall_"))):
            return np.zeros(0)
        return np.array([MEASURES[measure](run) for run in self.runs])


def compare(
    case: Case,
    strategies: Sequence[str],
    starts: Sequence[Start],
    seeds: int,
    out: Path,
    about: Mapping[str, Any],
    *,
    pure: bool = False,
    streams: Streams = "own",
    permuted: bool = False,
    started: Started = lambda name, total: lambda number: None,
) -> list[Row]:
    """Replay every strategy from every start with seeds 0, 1, …; a row each, in this order.

    `about` says what the case is made of: runs are kept in `out`/runs by it and never repeated, so that an interrupted
    comparison goes on. `pure` and `streams` as of `replay`; `permuted` is the control without anything to find. What a
    strategy needs and the case does not have makes its row's `why`. Raises CcdError where the pool is too small.
    """
    budgets(case)
    plan = [(strategy, start) for start in starts for strategy in strategies]
    runs: dict[tuple[str, Start], list[Run]] = {each: [] for each in plan}
    why: dict[tuple[str, Start], str] = {}
    told = started("replays", seeds * len(plan))
    for seed in range(seeds):  # outermost, so that an interrupted comparison has whole seeds
        of_seed = case.permuted(seed) if permuted else case
        for strategy, start in plan:
            key = {"strategy": strategy, "start": start, "seed": seed, "pure": pure, "streams": streams}
            key |= {"permuted": permuted, "toolkit": __version__, **about}
            try:
                if (strategy, start) not in why:
                    runs[strategy, start].append(_kept(key, of_seed, out))
            except CcdError as error:
                why[strategy, start] = str(error)
            told(1)
    return [
        Row(strategy, start, tuple(runs[strategy, start]), why.get((strategy, start), "")) for strategy, start in plan
    ]


def draw_curves(rows: Sequence[Row], title: str, file: Path) -> None:
    """Implicit pairs found over pairs judged, a panel a start, each strategy's mean over seeds, as PNG."""
    from matplotlib.figure import Figure

    starts = list(dict.fromkeys(row.start for row in rows))
    figure = Figure(figsize=(7 * len(starts), 5.5), layout="constrained")
    figure.suptitle(title, fontsize=10)
    panels = figure.subplots(1, len(starts), squeeze=False)[0]
    for axes, start in zip(panels, starts, strict=True):
        shown = [row for row in rows if row.start == start and row.runs]
        shown.sort(key=lambda row: -np.mean([run.area() for run in row.runs]))
        for place, row in enumerate(shown):
            grid = np.linspace(max(run.judged[0] for run in row.runs), min(run.judged[-1] for run in row.runs), 100)
            mean = np.mean([np.interp(grid, run.judged, run.found) for run in row.runs], axis=0)
            style = {"color": "black", "linestyle": ":" if row.strategy == ORACLE else "--"}
            if row.strategy not in (ORACLE, "random"):
                style = {"color": f"C{place % 10}", "linestyle": "-" if place <= 10 else "-."}
            axes.plot(grid, mean, label=row.strategy, **style)
        highest = max(run.found[-1] for row in shown for run in row.runs if row.strategy != ORACLE)
        axes.set(title=f"start: {start}", xlabel="pairs judged", ylabel="implicit pairs found", ylim=(0, 1.3 * highest))
        axes.legend(fontsize=8, title="best first", loc="upper left")
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(file, png(figure))


def _kept(key: Mapping[str, Any], case: Case, out: Path) -> Run:
    """The run of this key: read where it is there, else made and stored."""
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]
    file = out / "runs" / f"{key['strategy']}-{digest}.json"
    if file.is_file():
        stored: dict[str, Any] = json.loads(file.read_bytes())["run"]
        values: dict[str, Any] = {name: tuple(of) if isinstance(of, list) else of for name, of in stored.items()}
        return Run(**values)
    run = replay(case, key["strategy"], key["start"], key["seed"], pure=key["pure"], streams=key["streams"])
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(file, json.dumps({"key": key, "run": asdict(run)}).encode())
    return run


def _interval(values: NDArray[np.float64]) -> Interval | None:
    if not len(values):
        return None
    drawn = np.random.default_rng(0).integers(0, len(values), (RESAMPLES, len(values)))
    low, high = np.quantile(values[drawn].mean(1), [0.025, 0.975])
    return Interval(float(values.mean()), float(low), float(high))
