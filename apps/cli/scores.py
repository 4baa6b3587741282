"""What `ccd evaluate` says of a network that predicts scores."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ccd.wording import number_of

if TYPE_CHECKING:
    import numpy as np
    from rich.table import Table

    from model.resampling import Interval
    from model.scores import ScoreComparison, ScoreEvaluation

Groups = Sequence[str] | None


def evaluated(
    predicted: "np.ndarray[Any, Any]", scores: "np.ndarray[Any, Any]", mean: float, groups: Groups, title: str
) -> tuple[dict[str, Any], list[Any]]:
    """The facts of `evaluation` and what is shown of them; `mean` is that of train's scores."""
    from model.scores import evaluate_scores

    found = evaluate_scores(predicted, scores, mean, groups=groups)
    return asdict(found), [
        f"{title} in {number_of(found.groups, 'leakage group')}:",
        _table(found),
    ]


def compared(
    a: "np.ndarray[Any, Any]",
    b: "np.ndarray[Any, Any]",
    scores: "np.ndarray[Any, Any]",
    groups: Groups,
    names: tuple[str, str],
) -> tuple[dict[str, Any], list[str]]:
    """The facts of `against` and what is shown of them, over the pairs that both have features of."""
    from model.scores import compare_scores

    found = compare_scores(a, b, scores, groups=groups)
    return asdict(found), [_difference(names, found)]


def on_dev(dev: Mapping[str, Any]) -> str:
    """What `ccd train` says of dev.

    >>> on_dev({"mse": 0.0123, "spearman": 0.5})
    "mean squared error 0.0123, Spearman's rho 0.500"
    """
    rho = "undefined, as all scores are equal" if dev["spearman"] is None else f"{dev['spearman']:.3f}"
    return f"mean squared error {dev['mse']:.4g}, Spearman's rho {rho}"


def _table(found: "ScoreEvaluation") -> "Table":
    from rich.table import Table

    table = Table("", "", "95 % interval", "pairs")
    rows = {
        "mean squared error": found.mse,
        "mean squared error of train's mean": found.mse_of_mean,
        "Spearman's rho": found.spearman,
    }
    for name, interval in rows.items():
        table.add_row(name, *_cells(interval), f"{found.pairs:,}")
    return table


def _cells(found: "Interval", sign: str = "") -> tuple[str, str]:
    """The value and its interval, or why there is none."""
    if found.value is None:
        return "undefined", found.reason or ""
    if found.low is None or found.high is None:
        return f"{found.value:{sign}.4g}", f"no interval: {found.reason}"
    return f"{found.value:{sign}.4g}", f"{found.low:{sign}.4g} to {found.high:{sign}.4g}"


def _difference(names: tuple[str, str], found: "ScoreComparison") -> str:
    parts = {"mean squared error": found.mse, "Spearman's rho": found.spearman}
    each = [f"{name} {' ('.join(_cells(one, '+'))})" for name, one in parts.items()]
    return f"{names[0]} against {names[1]} on {number_of(found.pairs, 'pair')}, differences: {', '.join(each)}."
