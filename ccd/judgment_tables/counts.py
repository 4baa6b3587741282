"""Tables that count: raters by category, a line a task; or two raters against each other. They become judgments."""

import re

import pandas as pd

FEWEST = 4  # lines that must add up to the same before a table is taken for one of counts


def of_raters(wide: pd.DataFrame) -> pd.DataFrame | None:
    """Return the judgments behind the counts of a wide table (task, worker = category, label = count).

    None where it holds no counts: labels that are no whole numbers, or lines that do not all add up to the same number
    of raters. Raters are numbered within each line, as nobody knows who is who.

    >>> counts = pd.DataFrame({"task": list("aabbccdd"), "worker": ["no", "yes"] * 4, "label": list("21120330")})
    >>> of_raters(counts).head(3).values.tolist()
    [['a', 'rater 1', 'no'], ['a', 'rater 2', 'no'], ['a', 'rater 3', 'yes']]
    """
    counts = _numbers(wide)
    if counts is None or len(counts) < FEWEST or counts.shape[1] < 2:
        return None
    raters = counts.sum(axis=1).unique()
    if len(raters) > 1 or raters[0] < 2:
        return None
    rows = []
    for task, row in zip(counts.index, counts.to_numpy(), strict=True):
        said = [category for category, number in zip(counts.columns, row, strict=True) for _ in range(number)]
        rows += [(task, f"rater {number}", label) for number, label in enumerate(said, 1)]
    return pd.DataFrame(rows, columns=["task", "worker", "label"])


def of_two_raters(wide: pd.DataFrame, corner: str) -> pd.DataFrame | None:
    """Return the judgments behind a contingency table of two raters; None where lines and columns have other names.

    `corner` is the header's first cell, which may name both: rater1\\rater2. Each unit counted is a task.
    """
    counts = _numbers(wide)
    if counts is None or len(counts) < 2 or set(counts.index) != set(counts.columns):
        return None
    names = [part.strip() for part in re.split(r"[\\/|]", corner)]
    first, second = names if len(names) == 2 and all(names) and names[0] != names[1] else ("lines", "columns")
    rows, unit = [], 0
    for one, row in zip(counts.index, counts.to_numpy(), strict=True):
        for other, number in zip(counts.columns, row, strict=True):
            for _ in range(number):
                unit += 1
                rows += [(f"unit {unit}", first, one), (f"unit {unit}", second, other)]
    return pd.DataFrame(rows, columns=["task", "worker", "label"])


def _numbers(wide: pd.DataFrame) -> pd.DataFrame | None:
    """Whole numbers from 0 up [tasks, columns], where all cells are there and are such."""
    if not wide["label"].str.fullmatch(r"[0-9]{1,9}").all():
        return None
    table = wide.drop_duplicates(["task", "worker"]).pivot(index="task", columns="worker", values="label")
    order = table.loc[list(dict.fromkeys(wide["task"])), list(dict.fromkeys(wide["worker"]))]
    return None if order.isna().any(axis=None) or table.size != len(wide) else order.astype(int)
