"""Millions of rows in little memory: what a query finds as a frame, as most values are equal, and rows in batches."""

from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa

if TYPE_CHECKING:
    import pandas as pd

_T = TypeVar("_T")
_BATCH = 10_000  # rows of the database that are held beside the columns made of them


def frame_of(db: sa.Connection, query: "sa.Select[Any]", differ: Collection[str] = ()) -> "pd.DataFrame":
    """Return the rows of a query, in its order, all columns of objects: None stays None.

    Equal values of a column are one object, but for the columns that `differ`, where nearly every value is another.

    >>> with campaign.read() as db: frame_of(db, sa.select(schema.splits.c.split))  # doctest: +SKIP
    """
    import pandas as pd

    found = db.execute(query, execution_options={"yield_per": _BATCH})
    columns: dict[str, list[Any]] = {name: [] for name in found.keys()}  # noqa: SIM118
    same: dict[str, dict[Any, Any]] = {name: {} for name in columns}
    for some in found.partitions():
        for name, values in zip(columns, zip(*some, strict=True), strict=True):
            known = same[name]
            columns[name] += values if name in differ else [known.setdefault(value, value) for value in values]
    del same
    return pd.DataFrame({name: pd.Series(columns.pop(name), dtype=object) for name in tuple(columns)})


def batches(rows: Iterable[_T], size: int = 5_000) -> Iterator[list[_T]]:
    """Yield the rows, `size` at a time: what the database is given or asked at once.

    >>> list(batches("abc", 2))
    [['a', 'b'], ['c']]
    """
    left = iter(rows)
    while some := list(islice(left, size)):
        yield some
