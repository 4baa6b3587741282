"""Replays side by side: every strategy from every start with the same seeds, what they find, and how sure that is."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from ccd import __version__
from ccd.errors import CcdError
from ccd.files.atomic import write_atomic
from ccd.measures.proportions import holm
from ccd.reports.plots import png
from model.data import Started
from model.replay import BUDGETS, ORACLE, Case, ReplayRun, Start, Streams, budgets, replay
from model.resampling import Interval

STARTS: tuple[Start, ...] = get_args(Start)
ONE_SEED = "one seed has no interval; replay with --seeds 2 or more"

MEASURES: dict[str, Callable[[ReplayRun], float | None]] = {
    **{f"recall_{budget}": lambda run, budget=budget: run.recall(budget) for budget in BUDGETS},  # type: ignore[misc]
    "enrichment": lambda run: run.enrichment,
    "area": ReplayRun.area,
    "clusters": lambda run: run.reached,
    "f1": lambda run: run.f1[-1],
    "seconds": lambda run: run.seconds,
}
"""What is measured of a run, by name; `f1` is that after the last budget. None where it is undefined."""


@dataclass(frozen=True)
class DiscoveryRow:
    """A strategy from one start: its runs by seed, none where it cannot be replayed, and `why`."""

    strategy: str
    start: Start
    runs: tuple[ReplayRun, ...]
    why: str = ""

    def value(self, measure: str) -> Interval | None:
        """Return the mean over seeds, with a 95 % interval over them (Student's t).

        None where it is undefined, as beyond the last budget.
        """
        return _interval(self._values(measure))

    def ahead(self, other: "DiscoveryRow", measure: str) -> Interval | None:
        """Return the mean difference to another row with the same seeds, with a 95 % interval (Student's paired t)."""
        return _interval(self._values(measure) - other._values(measure))

    def p_value(self, other: "DiscoveryRow", measure: str) -> float | None:
        """Return the p-value of no difference to another row with the same seeds (paired t-test); None of one seed."""
        gain = self._values(measure) - other._values(measure)
        gain = gain[~np.isnan(gain)]
        if len(gain) < 2:
            return None
        spread = gain.std(ddof=1) / np.sqrt(len(gain))
        if not spread:
            return 0.0 if gain.any() else 1.0
        return float(2 * student.sf(abs(gain.mean()) / spread, len(gain) - 1))

    def _values(self, measure: str) -> NDArray[np.float64]:
        """[seeds], NaN where it is undefined."""
        if measure.startswith("recall_") and not self.runs[0].spans(int(measure.removeprefix("recall_"))):
            return np.full(len(self.runs), np.nan)
        return np.array([MEASURES[measure](run) for run in self.runs], np.float64)


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
) -> list[DiscoveryRow]:
    """Replay every strategy from every start with seeds 0, 1, …; a row each, in this order.

    `about` says what the case is made of: runs are kept in `out`/runs by it and never repeated, so that an interrupted
    comparison goes on. `pure` and `streams` as of `replay`; `permuted` is the control without anything to find. What a
    strategy needs and the case does not have makes its row's `why`. Raises CcdError where the pool is too small.
    """
    budgets(case)
    plan = [(strategy, start) for start in starts for strategy in strategies]
    runs: dict[tuple[str, Start], list[ReplayRun]] = {each: [] for each in plan}
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
        DiscoveryRow(strategy, start, tuple(runs[strategy, start]), why.get((strategy, start), ""))
        for strategy, start in plan
    ]


def mean_area(row: DiscoveryRow) -> float:
    """Return what rows are ordered by: the mean area, lowest where it is undefined."""
    found = row.value("area")
    return -np.inf if found is None or found.value is None else found.value


def against_random(rows: Sequence[DiscoveryRow], start: Start) -> dict[str, float]:
    """Return for each strategy from this start the p-value of an area like that of `random`, adjusted by Holm's method.

    As many strategies are compared, one is soon ahead by chance.

    Holm, S. (1979). A simple sequentially rejective multiple test procedure. Scandinavian Journal of Statistics 6.
    """
    measured = [row for row in rows if row.start == start and row.runs]
    chance = next((row for row in measured if row.strategy == "random"), None)
    compared = [row for row in measured if chance and row.strategy not in ("random", ORACLE)]
    found = {row.strategy: p for row in compared if chance and (p := row.p_value(chance, "area")) is not None}
    return holm(found)


def draw_curves(rows: Sequence[DiscoveryRow], title: str, file: Path) -> None:
    """Implicit pairs found over pairs judged, a panel a start, each strategy's mean over seeds, as PNG."""
    from matplotlib.figure import Figure

    starts = list(dict.fromkeys(row.start for row in rows))
    figure = Figure(figsize=(7 * len(starts), 5.5), layout="constrained")
    figure.suptitle(title, fontsize=10)
    panels = figure.subplots(1, len(starts), squeeze=False)[0]
    for axes, start in zip(panels, starts, strict=True):
        shown = [row for row in rows if row.start == start and row.runs]
        shown.sort(key=lambda row: -mean_area(row))
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


def _kept(key: Mapping[str, Any], case: Case, out: Path) -> ReplayRun:
    """Return the run of this key: read where it is there, else made and stored."""
    digest = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()[:16]
    file = out / "runs" / f"{key['strategy']}-{digest}.json"
    if file.is_file():
        stored: dict[str, Any] = json.loads(file.read_bytes())["run"]
        values: dict[str, Any] = {name: tuple(of) if isinstance(of, list) else of for name, of in stored.items()}
        return ReplayRun(**values)
    run = replay(case, key["strategy"], key["start"], key["seed"], pure=key["pure"], streams=key["streams"])
    file.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(file, json.dumps({"key": key, "run": asdict(run)}).encode())
    return run


def _interval(values: NDArray[np.float64]) -> Interval | None:
    """Return the mean of the defined values and its interval by Student's t, which a few seeds are enough for."""
    values = values[~np.isnan(values)]
    if not len(values):
        return None
    mean = float(values.mean())
    if len(values) < 2:
        return Interval(mean, None, None, ONE_SEED)
    half = float(student.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))
    return Interval(mean, mean - half, mean + half)
