"""Parquet files of others: refused where their footer tells of too much, and read in batches that stay small.

A page may name one long text a thousand times, or say in a few bytes that a number comes a billion times: the size of
a file and of its pages tells little of what they are in memory.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from ccd.errors import InputError
from ccd.files.regular import check_regular

MOST = 1 << 30  # bytes that a file of any size may unpack to
MOST_RATIO = 1000  # beyond that, so many times its size: posts and features shrink to no thousandth
MOST_BATCH = 1 << 28  # bytes of the rows that are in memory at once
TEXT = "BYTE_ARRAY"  # Parquet's name for what has a length of its own
_ROWS = 5_000  # that are in memory at once, however short
_CELL = 64  # bytes of a number as Python has it, with its place in the row
_WIDTH = {"BOOLEAN": 1, "INT32": 4, "INT64": 8, "INT96": 12, "FLOAT": 4, "DOUBLE": 8, TEXT: 4}


def opened(path: Path) -> pq.ParquetFile:
    """Return the file, of which only the footer is read yet.

    Raises CcdError where it unpacks to more than `MOST` and more than `MOST_RATIO` times its size, and
    pyarrow.ArrowException where it is no Parquet file.

    >>> with opened(Path("judgments.parquet")) as file: list(rows(file, ["label"]))  # doctest: +SKIP
    [{'label': 'implicit'}]
    """
    check_regular(path)
    file = pq.ParquetFile(path)
    unpacked = sum(
        max(0, chunk.total_uncompressed_size, chunk.num_values * _width(leaf))
        for group in range(file.num_row_groups)
        for leaf, chunk in _chunks(file, group)
    )
    size = path.stat().st_size
    if unpacked > max(MOST, MOST_RATIO * size):
        file.close()
        raise InputError(
            f"{path}: {size:,} bytes that are {unpacked:,} when unpacked; fetch it again or write it in parts"
        )
    return file


def rows(file: pq.ParquetFile, columns: Sequence[str] | None = None) -> Iterator[dict[str, Any]]:
    """Yield the rows, of these columns or of all, in batches of at most `MOST_BATCH` bytes.

    Raises ValueError for a list among them: one row of it may be of any size.
    """
    for _, leaf in leaves(file, columns):
        if leaf.max_repetition_level:
            raise ValueError(f"{leaf.path} is in a list")
    for group in range(file.num_row_groups):
        # no text is longer than what its column takes in the row group, and each row may hold that text
        row = sum(
            max(_CELL, chunk.total_uncompressed_size if leaf.physical_type == TEXT else _width(leaf))
            for leaf, chunk in _chunks(file, group, columns)
        )
        number = max(1, min(_ROWS, MOST_BATCH // max(1, row)))
        for batch in file.iter_batches(number, row_groups=[group], columns=columns):
            yield from batch.to_pylist()


def leaves(file: pq.ParquetFile, columns: Sequence[str] | None = None) -> Iterator[tuple[int, Any]]:
    """Yield the columns that are read and those inside them.

    Their numbers, and each as a `pyarrow.parquet.ColumnSchema`. Asked for `text`, pyarrow also reads `text.lang`.
    """
    for number, leaf in enumerate(map(file.schema.column, range(len(file.schema)))):
        if columns is None or any(leaf.path == name or leaf.path.startswith(f"{name}.") for name in columns):
            yield number, leaf


def _chunks(file: pq.ParquetFile, group: int, columns: Sequence[str] | None = None) -> Iterator[tuple[Any, Any]]:
    """Each of `leaves`, with what the footer tells of it in a row group."""
    told = file.metadata.row_group(group)
    for number, leaf in leaves(file, columns):
        yield leaf, told.column(number)


def _width(leaf: Any) -> int:
    """Bytes that a value takes at least; of fixed lengths the schema tells."""
    return _WIDTH.get(leaf.physical_type) or leaf.length or 0
