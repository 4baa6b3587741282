"""A table of judgments in a file: CSV, TSV or Parquet with the columns `task, worker, label`, without a campaign."""

import codecs
import contextlib
import csv
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from ccd.errors import InputError
from ccd.files.regular import open_regular
from ccd.judgment_tables.columns import COLUMNS, GOLDEN, REJECTED, Named, Places, both_parts, places
from ccd.judgment_tables.counts import of_raters, of_two_raters
from ccd.judgment_tables.spellings import NULL_WORDS, fold, spelling_key, variants
from ccd.measures.related import GROUP
from ccd.wording import number_of

ALL = Named()
WINDOWS = "cp1252"  # what Excel writes in Western Europe and America, and all that Latin-1 can print
FEW_LABELS = 3  # of a column of a wide table, that may have none in common with another
_JSON = re.compile(r"\s*(\{|\[\s*([{\[]|$))")
_LEFT = {REJECTED: "{} of rejected work not counted", GOLDEN: "{} of questions with a known answer not counted"}


@dataclass(frozen=True)
class JudgmentTable:
    """The `judgments` of a file: a frame task, worker, label, all text, a row a judgment in the file's order.

    It has leakage_group (None where a task is alone) where the file has that column. `unjudged` tasks have no
    judgment. `missing` lines had no label and `repeated` ones judged a task again, `contrary` of them with another
    label: they are no judgments, nor are those `left` out (rejected, golden). `counted` says how counts became
    judgments, None where there were none. `spellings` (label, worker → names in several spellings) are those of
    `judgments`.
    """

    judgments: pd.DataFrame
    unjudged: tuple[str, ...]
    missing: int
    repeated: int
    spellings: dict[str, list[tuple[str, ...]]]
    contrary: int = 0
    left: dict[str, int] = field(default_factory=dict)
    counted: str | None = None
    encoding: str = "utf-8-sig"

    def notes(self, name: str) -> list[str]:
        """Return what a reader must know of the file called `name`: a sentence each."""
        notes = []
        if self.encoding == WINDOWS:
            notes.append(f"{name}: not UTF-8, so it is read as Windows-1252; see that its accents are right.")
        if self.missing:
            lines = number_of(self.missing, "line without a label is", "lines without a label are")
            notes.append(f"{name}: {lines} not counted (an empty cell, nan, None, N/A, NULL or the like).")
        if self.repeated:
            repeats = number_of(self.repeated, "judgment repeats", "judgments repeat")
            which = "the first counts" if self.contrary else "the labels are the same, and one counts"
            notes.append(f"{name}: {repeats} a worker's judgment of the same task; {which}.")
        notes += [f"{name}: {_LEFT[why].format(number_of(n, 'line', 'lines'))}." for why, n in self.left.items()]
        if self.counted:
            notes.append(f"{name}: {self.counted}")
        found = [
            f"{column}s {'; '.join(' = '.join(map(repr, one)) for one in several)}"
            for column, several in self.spellings.items()
            if several
        ]
        if found:
            notes.append(
                f"Warning: {name} has spellings that count as different: {', and '.join(found)}. "
                "--fold counts the spellings of one name as one."
            )
        return notes

    def facts(self) -> dict[str, Any]:
        """For JSON: missing, repeated and spellings."""
        counts = {"missing": self.missing, "repeated": self.repeated, "left": self.left}
        return counts | {"spellings": self.spellings}


def read_table(
    path: str | os.PathLike[str],
    labels: Sequence[str] = (),
    *,
    columns: Named = ALL,
    repeats: bool = False,
    folded: bool = False,
) -> JudgmentTable:
    """Read the judgments of a file.

    The file is Parquet where it is named `.parquet`. Otherwise it is UTF-8, UTF-16 with its mark, or Windows-1252 where
    no line has UTF-8, with a header line, and commas, semicolons or tabs between cells. `columns` names the columns
    where they are not task, worker, label or known names of such; a table whose other columns are a worker each is
    wide, and one whose lines add up to the same number counts raters by label. Other columns and empty lines are
    ignored, as are spaces around a cell, rejected assignments, and golden questions where some rows are marked as such.
    A column leakage_group is read: tasks that share a group are not independent. A line whose label is empty or a null
    word (nan, None, N/A, NULL: those of pandas) is no judgment, unless `labels` has that word. `labels`, where given,
    are all there may be. Of a worker's judgments of one task the first counts if they are equal, or if `repeats`. If
    `folded`, spellings of labels and workers that differ only in case, spaces, number or Unicode form are one: the one
    in `labels` or the most frequent.

    Raises CcdError with file, line (of Parquet: row, from 1) and remedy: no such file, not UTF-8, no Parquet, no header
    or no judgment, a missing column, a line with more or fewer cells than the header, a missing task or worker, a label
    outside `labels`, a task in two groups and, unless `repeats`, two labels of one worker on one task.

    >>> read_table("votes.csv", ["no", "yes"]).judgments  # doctest: +SKIP
       task worker label
    0  p1      ann   yes
    """
    path = Path(path)
    read = _Rows(labels)
    _fill(read, path, columns)
    if not read.cells and read.golden:  # a column that has an answer for every task is no mark
        for line, judgment in read.golden:
            read.take(line, judgment)
        read.golden.clear()
    if not read.lines:
        raise InputError(f"{path}: no judgments; each line after the header is one, with task, worker and label")
    names = (*COLUMNS, GROUP)[: read.width]
    frame = pd.DataFrame({name: read.cells[place :: read.width] for place, name in enumerate(names)})
    frame, counted = _uncounted(path, read, frame)
    if counted:
        read.lines = [0] * len(frame)
    if GROUP in frame.columns:
        frame[GROUP] = frame[GROUP].mask(frame[GROUP] == "", None)
        _one_group(path, frame, read.lines)
    if folded:
        frame["label"], frame["worker"] = fold(frame["label"], labels), fold(frame["worker"])
    _known(path, frame, labels, read.lines)
    again = frame.duplicated(["task", "worker"])
    contrary = again & ~frame.duplicated(["task", "worker", "label"])
    if contrary.any() and not repeats:
        _refuse_repeat(path, frame, read.lines, int(contrary.argmax()))
    frame = frame[~again].reset_index(drop=True)
    unjudged = tuple(sorted(set(read.missing) - set(frame["task"])))
    spellings = {name: variants(frame[name]) for name in ("label", "worker")}
    left = {REJECTED: read.rejected, GOLDEN: len({line for line, _judgment in read.golden})}
    return JudgmentTable(
        frame,
        unjudged,
        len(read.missing),
        int(again.sum()),
        spellings,
        int(contrary.sum()),
        {why: number for why, number in left.items() if number},
        counted,
        read.encoding,
    )


@dataclass
class _Rows:
    """What the lines of a file hold."""

    labels: Sequence[str]
    cells: list[str] = field(default_factory=list)  # as many a judgment as columns
    lines: list[int] = field(default_factory=list)  # where in the file each judgment ends
    missing: list[str] = field(default_factory=list)  # the tasks of lines without a label
    golden: list[tuple[int, list[str]]] = field(default_factory=list)
    rejected: int = 0
    width: int = 0
    places: Places | None = None
    corner: str = ""  # the header's first cell
    encoding: str = "utf-8-sig"

    def take(self, line: int, judgment: list[str]) -> None:
        """Keep a judgment, or the task where there is no label."""
        self.width = len(judgment)
        if judgment[2] == "" or (judgment[2] in NULL_WORDS and judgment[2] not in self.labels):
            self.missing.append(judgment[0])
        else:
            self.cells += judgment
            self.lines.append(line)


def _uncounted(path: Path, read: _Rows, frame: pd.DataFrame) -> tuple[pd.DataFrame, str | None]:
    """Return the judgments of a wide table, and what is to be said where its cells are counts.

    Raises CcdError where nobody named the workers' columns and one of them can be none.
    """
    if read.places is None or not read.places.is_guessed:
        return frame, None
    if (crossed := of_two_raters(frame, read.corner)) is not None:
        return crossed, "it counts what two raters said of each unit, and is read as their judgments."
    if (raters := of_raters(frame)) is not None:
        number = raters.groupby("task").size().iloc[0]
        return raters, (
            f"each line adds up to {number}, so it is read as how many of {number} raters said what; who they were is "
            "not known, and figures by worker mean nothing."
        )
    if several := both_parts([name for name, _place in read.places.labels]):
        one, other = (", ".join(names) for names in several)
        raise InputError(
            f"{path}: a column for each of {one} with each of {other}, so they answer several questions; name the "
            "workers' columns of one question with --label-column, once each"
        )
    said = {worker: set(labels) for worker, labels in frame.groupby("worker", sort=False)["label"]}
    for worker, labels in said.items():
        if len(labels) > FEW_LABELS and not any(labels & other for name, other in said.items() if name != worker):
            raise InputError(
                f"{path}: the column {worker!r} has no label in common with another, so it can be no worker's; name "
                "the workers' columns with --label-column, once each"
            )
    return frame, None


def parse_labels(text: str) -> tuple[str, ...]:
    """Return the labels of a text such as "no, yes", in its order.

    Raises CcdError for one that is empty or is there twice.
    """
    labels = tuple(label.strip() for label in text.split(","))
    if not all(labels) or len(set(labels)) < len(labels):
        raise InputError(f"the labels are {text!r}; write each label once, with commas between")
    return labels


def labels_of(frame: pd.DataFrame) -> tuple[str, ...]:
    """Return the labels that occur, in order: by number where all are numbers ("2" before "10"), else by text."""
    labels = sorted(frame["label"].unique())
    try:
        return tuple(sorted(labels, key=float))
    except ValueError:
        return tuple(labels)


def _fill(read: _Rows, path: Path, columns: Named) -> None:
    """Take in the rows of a file. A task and a worker are always there, a label may be empty."""
    try:
        for line, row in (_parquet if path.suffix.lower() == ".parquet" else _text)(read, path, columns):
            assert read.places is not None
            why = read.places.left_out(row)
            if why == REJECTED:
                read.rejected += 1
                continue
            for judgment in read.places.judgments(row):
                for name, cell in zip(COLUMNS[:2], judgment, strict=False):
                    if cell == "" or cell in NULL_WORDS:
                        shown = f" ({cell})" if cell else ""
                        where = _at(path, line)
                        raise InputError(f"{where}: no {name}{shown}; fill it in or take the {_line(path)} out")
                if why:
                    read.golden.append((line, judgment))
                else:
                    read.take(line, judgment)
    except UnicodeDecodeError:
        raise InputError(f"{path}, line {_not_utf8(path)}: not UTF-8; save the file as UTF-8") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the name and the rights") from None


def encoding(path: Path) -> str:
    """Return the encoding of a text file: UTF-16 where it begins with that mark, else UTF-8."""
    with open_regular(path) as file:
        return "utf-16" if file.read(2) in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE) else "utf-8-sig"


def delimiter(path: Path, first: str) -> str:
    """Return what stands between the cells of a table, by its name and its first line."""
    return "\t" if path.suffix.lower() == ".tsv" else max(",;\t", key=first.count)


def _encoding(path: Path) -> str:
    """Return the same, or Windows-1252 where lines are not UTF-8 and none is.

    One spoilt line makes no other encoding.
    """
    found = encoding(path)
    if found == "utf-16":
        return found
    found_in = set[str]()  # the encodings of lines that are not ASCII
    with open_regular(path) as file:
        for line in file:
            if not line.isascii():
                try:
                    line.decode()
                except UnicodeDecodeError:
                    found_in.add(WINDOWS)
                else:
                    found_in.add(found)
    return WINDOWS if found_in == {WINDOWS} else found


def _text(read: _Rows, path: Path, columns: Named) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a CSV or TSV that are not empty; the line is the row's last."""
    read.encoding = _encoding(path)
    with path.open(encoding=read.encoding, newline="") as file:
        first = file.readline()
        if _JSON.match(first):
            raise InputError(f"{path}: JSON, not a table; bring it into a campaign with `ccd import`")
        file.seek(0)
        rows = csv.reader(file, delimiter=delimiter(path, first), strict=True)
        width = 0
        try:
            for row in rows:
                if not row:
                    continue
                if not width:
                    width, read.corner = len(row), row[0].strip()
                    read.places = places(_at(path, rows.line_num), [name.strip() for name in row], columns)
                    if read.places.has_header:
                        continue
                if len(row) == width:
                    yield rows.line_num, row
                else:
                    raise InputError(
                        f"{path}, line {rows.line_num}: {number_of(len(row), 'cell')} where the header has {width}; "
                        "correct the line, with quotes around a cell that holds the separator"
                    )
        except csv.Error as error:
            raise InputError(f"{path}, line {rows.line_num}: not valid CSV ({error}); correct its quotes") from None
        if not width:
            raise InputError(f"{path}: the file is empty; it must have a header line with {', '.join(COLUMNS)}")


def _parquet(read: _Rows, path: Path, columns: Named) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows of a Parquet file, numbered from 1; numbers as Python writes them, null as an empty cell."""
    from pyarrow import ArrowException

    from ccd.files import parquet

    try:
        with parquet.opened(path) as file:
            names = file.schema_arrow.names
            read.places = places(str(path), names, columns)
            read.corner = names[0]
            for number, row in enumerate(parquet.rows(file, _read(read.places, names)), 1):
                yield number, ["" if row.get(name) is None else str(row[name]) for name in names]
    except (ArrowException, ValueError) as error:
        raise InputError(
            f"{path}: cannot be read as Parquet ({error}); write it again, with one value a cell"
        ) from None


def _line(path: Path) -> str:
    return "row" if path.suffix.lower() == ".parquet" else "line"


def _at(path: Path, line: int) -> str:
    return f"{path}, {_line(path)} {line}"


def _not_utf8(path: Path) -> int:
    """Return the first line that cannot be decoded; the decoder itself counts from the start of a block."""
    good = 0
    with path.open("rb") as file, contextlib.suppress(UnicodeDecodeError):
        for line in file:
            line.decode()
            good += 1
    return good + 1


def _read(found: Places, names: Sequence[str]) -> list[str]:
    """Return the names of the columns that are read."""
    of = (
        found.task,
        found.worker,
        found.group,
        found.status,
        *found.golden,
        *(place for _worker, place in found.labels),
    )
    return [names[place] for place in of if place is not None]


def _one_group(path: Path, frame: pd.DataFrame, lines: list[int]) -> None:
    other = frame[GROUP].fillna("") != frame.groupby("task")[GROUP].transform(lambda of: of.fillna("").iloc[0])
    if other.any():
        row = int(other.to_numpy().argmax())
        raise InputError(
            f"{_at(path, lines[row])}: {frame['task'][row]} has another {GROUP} than on its first {_line(path)}; "
            f"give a task the same one on all its {_line(path)}s"
        )


def _known(path: Path, frame: pd.DataFrame, labels: Sequence[str], lines: list[int]) -> None:
    outside = ~frame["label"].isin(list(labels)) if labels else pd.Series([], dtype=bool)
    if outside.any():
        row = int(outside.argmax())
        label = frame["label"][row]
        remedy = f"correct it, add it to the labels or take the {_line(path)} out"
        if spelling_key(label) in map(spelling_key, labels):
            remedy = "correct it, or let --fold count spellings of one name as one"
        raise InputError(f"{_at(path, lines[row])}: the label {label!r} is not one of {', '.join(labels)}; {remedy}")


def _refuse_repeat(path: Path, frame: pd.DataFrame, lines: list[int], row: int) -> None:
    task, worker = frame["task"][row], frame["worker"][row]
    first = int(((frame["task"] == task) & (frame["worker"] == worker)).argmax())
    raise InputError(
        f"{_at(path, lines[row])}: {worker} judges {task} again, first on {_line(path)} {lines[first]}; "
        "keep one of the two, or allow repeats: then the first counts"
    )
