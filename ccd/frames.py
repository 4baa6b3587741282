"""What a query finds as a frame, in little memory: of millions of judgments most values are equal."""

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

if TYPE_CHECKING:
    import pandas as pd

_BATCH = 10_000  # rows of the database that are held beside the columns made of them


def frame_of(db: sa.Connection, query: "sa.Select[Any]", differ: Collection[str] = ()) -> "pd.DataFrame":
    """The rows of a query, in its order, all columns of objects: None stays None.

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
