"""A table of judgments in a file: any CSV or TSV with the columns `task, worker, label`, without a campaign."""

import contextlib
import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TextIO

import pandas as pd

from ccd.cells import plain
from ccd.errors import CcdError

COLUMNS = ("task", "worker", "label")


def read_table(path: Path, labels: Sequence[str] = (), repeats: bool = False) -> pd.DataFrame:
    """Read the judgments of a file: a frame task, worker, label, all text, a row a judgment in the file's order.

    The file is UTF-8 with a header line, tabs between cells where it is named `.tsv` and commas otherwise; other
    columns and empty lines are ignored, as are spaces around a cell. `labels`, where given, are all there may be.
    Raises CcdError with file, line and remedy: no such file, not UTF-8, no header or no judgment, a missing column, a
    line with more or fewer cells than the header, an empty cell, a label outside `labels` and, unless `repeats`, two
    judgments of one worker on one task.

    >>> read_table(Path("votes.csv"), ["no", "yes"])  # doctest: +SKIP
       task worker label
    0  p1      ann   yes
    """
    cells: list[str] = []  # three a judgment
    lines: list[int] = []  # where in the file each judgment ends
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            for line, judgment in _rows(path, file):
                cells += judgment
                lines.append(line)
    except UnicodeDecodeError:
        raise CcdError(f"{path}, line {_not_utf8(path)}: not UTF-8; save the file as UTF-8") from None
    except OSError as error:
        raise CcdError(f"{path}: cannot be read ({error.strerror}); check the name and the rights") from None
    if not lines:
        raise CcdError(f"{path}: no judgments; each line after the header is one, with task, worker and label")
    frame = pd.DataFrame({name: cells[place :: len(COLUMNS)] for place, name in enumerate(COLUMNS)})
    _known(path, frame, labels, lines)
    if not repeats:
        _once(path, frame, lines)
    return frame


def parse_labels(text: str) -> tuple[str, ...]:
    """The labels of a text such as "no, yes", in its order. Raises CcdError for one that is empty or stands twice."""
    labels = tuple(label.strip() for label in text.split(","))
    if not all(labels) or len(set(labels)) < len(labels):
        raise CcdError(f"the labels are {text!r}; write each label once, with commas between")
    return labels


def labels_of(frame: pd.DataFrame) -> tuple[str, ...]:
    """The labels that occur, in order: by number where all are numbers ("2" before "10"), else by text."""
    labels = sorted(frame["label"].unique())
    try:
        return tuple(sorted(labels, key=float))
    except ValueError:
        return tuple(labels)


def _rows(path: Path, file: TextIO) -> Iterator[tuple[int, list[str]]]:
    """(line, [task, worker, label]) of each row that is not empty; the line is the row's last."""
    rows = csv.reader(file, delimiter="\t" if path.suffix.lower() == ".tsv" else ",", strict=True)
    width = 0
    try:
        for row in rows:
            if not row:
                continue
            if not width:
                width = len(row)
                task, worker, label = _places(path, [name.strip() for name in row])
            elif len(row) == width:
                judgment = [plain(row[place].strip()) for place in (task, worker, label)]
                if not all(judgment):
                    name = COLUMNS[judgment.index("")]
                    raise CcdError(f"{path}, line {rows.line_num}: no {name}; fill it in or take the line out")
                yield rows.line_num, judgment
            else:
                raise CcdError(
                    f"{path}, line {rows.line_num}: {len(row)} cells where the header has {width}; "
                    "mend the line, with quotes around a cell that holds the separator"
                )
    except csv.Error as error:
        raise CcdError(f"{path}, line {rows.line_num}: not valid CSV ({error}); mend its quotes") from None
    if not width:
        raise CcdError(f"{path}: the file is empty; it must have a header line with {', '.join(COLUMNS)}")


def _not_utf8(path: Path) -> int:
    """The first line that cannot be decoded; the decoder itself counts from the start of a block."""
    good = 0
    with path.open("rb") as file, contextlib.suppress(UnicodeDecodeError):
        for line in file:
            line.decode()
            good += 1
    return good + 1


def _places(path: Path, header: list[str]) -> list[int]:
    """Where the three columns stand."""
    for name in COLUMNS:
        if header.count(name) != 1:
            fault = "stands twice" if name in header else "is missing"
            raise CcdError(
                f"{path}, line 1: the column {name!r} {fault} among {', '.join(header)}; "
                f"the header must name {', '.join(COLUMNS)} once each"
            )
    return [header.index(name) for name in COLUMNS]


def _known(path: Path, frame: pd.DataFrame, labels: Sequence[str], lines: list[int]) -> None:
    outside = ~frame["label"].isin(list(labels)) if labels else pd.Series([], dtype=bool)
    if outside.any():
        row = int(outside.argmax())
        raise CcdError(
            f"{path}, line {lines[row]}: the label {frame['label'][row]!r} is not one of {', '.join(labels)}; "
            "mend it, add it to the labels or take the line out"
        )


def _once(path: Path, frame: pd.DataFrame, lines: list[int]) -> None:
    again = frame.duplicated(["task", "worker"])
    if again.any():
        row = int(again.argmax())
        task, worker = frame["task"][row], frame["worker"][row]
        first = int(((frame["task"] == task) & (frame["worker"] == worker)).argmax())
        raise CcdError(
            f"{path}, line {lines[row]}: {worker} judges {task} again, first on line {lines[first]}; "
            "keep one of the two, or allow repeats"
        )
