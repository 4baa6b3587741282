"""Tables of judgments that other tools write: MTurk, Toloka, Label Studio's CSV, long and wide tables, Parquet."""

import csv
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from annotation.exported import (
    IMAGES,
    READERS,
    TEXTS,
    UNREADABLE,
    Answer,
    Json,
    Left,
    answer,
    content,
    parsed,
    seconds,
)
from ccd.errors import InputError
from ccd.judgment_tables.columns import GOLDEN, REJECTED, Named, is_golden, marks_golden, numbered, place, plain
from ccd.judgment_tables.spellings import NULL_WORDS
from ccd.judgment_tables.table import delimiter, encoding
from ccd.times import utc

TABLE = "table"
SECONDS = ("seconds", "leadtime", "worktimeinseconds", "duration", "elapsed")
TIMES = ("updatedat", "createdat", "timestamp", "submittime", "assignmentsubmitted", "answeredat")
_ROLES = (*TEXTS, *IMAGES, *SECONDS, *TIMES)
Rows = Iterable[tuple[str, Json | None]]


def read(file: Path, named: Named, tool: str | None) -> tuple[str, Iterator[Answer | Left]]:
    """Read the answers of a CSV, TSV or Parquet file, and say whose it is; `tool` does where the header does not.

    Raises CcdError where the file cannot be read, or its columns are not known.
    """
    names, rows = _parquet(file) if file.suffix.lower() == ".parquet" else _text(file, named)
    tool = tool or _recognised(names) or TABLE
    return tool, of_rows(file, names, rows, named, tool)


def of_rows(file: Path, names: Sequence[str], rows: Rows, named: Named, tool: str) -> Iterator[Answer | Left]:
    """Read the answers of rows whose columns are known; a row is None where it has not as many cells."""
    rows = list(rows)
    shown = [{name.removeprefix("Input."): cell for name, cell in row.items()} for _where, row in rows if row]
    if shown and all(map(_is_golden, shown)):  # a column that has an answer for every task is no mark
        rows = [(where, row and {n: c for n, c in row.items() if not is_golden(n)}) for where, row in rows]
        names = [name for name in names if not is_golden(name)]
    of_table = _long_or_wide(file, names, named) if tool == TABLE else None
    for where, row in rows:
        if row is None:
            yield Left(where, UNREADABLE)
        elif of_table:
            yield from of_table(where, row)
        elif tool == "mturk":
            yield _mturk(where, row)
        elif tool == "toloka":
            yield _toloka(where, row)
        else:
            yield from READERS[tool](where, row, file)


def _recognised(names: Sequence[str]) -> str | None:
    if "ASSIGNMENT:worker_id" in names:
        return "toloka"
    if {"HITId", "WorkerId"} <= set(names):
        return "mturk"
    if {"annotation_id", "annotator"} <= set(names):
        return "label-studio-min"
    return "argilla" if any(name.endswith(".responses") for name in names) else None


def _mturk(where: str, row: Json) -> Answer | Left:
    """A row of MTurk's batch results: `Input.*` is what was shown, `Answer.*` what was said."""
    shown = {name.removeprefix("Input."): value for name, value in row.items() if name.startswith("Input.")}
    if str(row.get("AssignmentStatus", "")).strip().lower() == "rejected":
        return Left(where, REJECTED)
    if _is_golden(shown):
        return Left(where, GOLDEN)
    said: Json = {}
    for name, value in row.items():
        if name == "Answer.taskAnswers":  # JSON of the form [{"relation": {"label": "explicit"}}]
            for part in parsed(value) if isinstance(parsed(value), list) else ():
                for key, inner in part.items() if isinstance(part, dict) else ():
                    said[key] = _of_element(inner)
        elif name.startswith("Answer."):
            field, _, choice = name.removeprefix("Answer.").partition(".")
            if choice in ("", "label", "labels"):
                said[field] = value
            elif str(value).strip().lower() == "true":  # a column a choice
                said[field] = [*said.get(field, []), choice] if isinstance(said.get(field, []), list) else choice
    took = seconds(row.get("WorkTimeInSeconds"))
    at = utc(row.get("SubmitTime") or row.get("AcceptTime"))
    return answer(where, content(shown, row["HITId"]), row.get("WorkerId") or None, said, took, at)


def _of_element(value: Any) -> Any:
    """What an element of a form says: {"label": x}, {"explicit": true}, or the value itself."""
    if not isinstance(value, dict):
        return value
    return value.get("label", value.get("labels", [name for name, chosen in value.items() if chosen is True]))


def _toloka(where: str, row: Json) -> Answer | Left:
    """A row of Toloka's results: `INPUT:`, `OUTPUT:`, `GOLDEN:`, `ASSIGNMENT:`; a control task has a golden answer."""
    if "REJECTED" in str(row.get("ASSIGNMENT:status", "")).upper() or str(row.get("ACCEPT:verdict", "")).strip() == "-":
        return Left(where, REJECTED)
    if any(name.startswith("GOLDEN:") and str(value).strip() for name, value in row.items()):
        return Left(where, GOLDEN)
    parts: dict[str, Json] = {"INPUT": {}, "OUTPUT": {}}
    for name, value in row.items():
        kind, _, field = name.partition(":")
        if kind in parts:
            parts[kind][field] = value
    begun, ended = (utc(row.get(f"ASSIGNMENT:{name}")) for name in ("started", "submitted"))
    of = content(parts["INPUT"], row.get("ASSIGNMENT:task_id"))
    return answer(where, of, row.get("ASSIGNMENT:worker_id") or None, parts["OUTPUT"], None, ended or begun)


def _is_golden(cells: Mapping[str, Any]) -> bool:
    return any(marks_golden(cell) for name, cell in cells.items() if is_golden(name))


def _long_or_wide(file: Path, names: Sequence[str], named: Named) -> Callable[[str, Json], Iterator[Answer | Left]]:
    """What reads a row of a plain table: a row a judgment, or a row an item with a column a person."""
    task, worker = _who(file, names, named)
    roles = [name for name in names if plain(name) in _ROLES or is_golden(name)]
    labels = [name for name in named.labels if name in names]  # another may be a field of a wide table
    others = labels or [name for name in names if name not in (task, worker, *roles)]
    took, at = (next((name for name in names if plain(name) in of), None) for of in (SECONDS, TIMES))
    people = _people(others) if worker is None else {}

    def of_row(where: str, row: Json) -> Iterator[Answer | Left]:
        cells = {name: "" if str(cell).strip() in NULL_WORDS else cell for name, cell in row.items()}
        shown = content({name: cells[name] for name in roles} | {"pair_id": cells[task]})
        when = seconds(cells[took]) if took else None, utc(cells[at]) if at else None
        if _is_golden({name: cells[name] for name in roles}):
            yield Left(where, GOLDEN)
        elif not str(cells[task]).strip():
            yield Left(where, UNREADABLE)
        elif worker is not None:
            yield answer(where, shown, str(cells[worker]) or None, {name: cells[name] for name in others}, *when)
        else:
            for person, columns in people.items():
                yield answer(where, shown, person, {field: cells[name] for field, name in columns.items()}, *when)

    return of_row


def _who(file: Path, names: Sequence[str], named: Named) -> tuple[str, str | None]:
    """The columns of the item and of the person; without the second a table is wide."""
    if named.by_number:
        return str(named.task), named.worker
    task = place(f"{file}: its header", names, "task", named.task)
    worker = place(f"{file}: its header", names, "worker", named.worker, needed=False)
    return names[task or 0], None if worker is None else names[worker]


def _people(columns: Sequence[str]) -> dict[str, dict[str, str]]:
    """The people of a wide table, each with the columns of their answers by field.

    A column a person, who is called like it; or text1, image1, text2, image2, …: person 1 and 2 on two questions.
    """
    return numbered(columns) or {name: {"label": name} for name in columns}


def _text(file: Path, named: Named) -> tuple[list[str], Rows]:
    """The columns and the rows of a CSV or TSV file."""
    try:
        with file.open(encoding=encoding(file), newline="") as opened:
            text = opened.read()
    except UnicodeDecodeError:
        raise InputError(f"{file}: not UTF-8; save the file as UTF-8") from None
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror}); check the name and the rights") from None
    first = text[: text.find("\n") + 1] or text
    reader = csv.reader(text.splitlines(keepends=True), delimiter=delimiter(file, first))
    rows = [(reader.line_num, row) for row in reader if row]
    if not rows:
        raise InputError(f"{file}: the file is empty; give a table of judgments")
    names = [name.strip() for name in rows[0][1]]
    if named.by_number and not {*filter(None, (named.task, named.worker)), *named.labels} <= set(names):
        names = [str(number) for number in range(1, len(names) + 1)]
    else:
        rows = rows[1:]
    if twice := {name for name in names if names.count(name) > 1}:
        raise InputError(f"{file}: the column {sorted(twice)[0]!r} is there twice; name each column once")
    width = len(names)
    return names, (
        (f"{file.name}, line {line}", dict(zip(names, row, strict=True)) if len(row) == width else None)
        for line, row in rows
    )


def _parquet(file: Path) -> tuple[list[str], Rows]:
    from pyarrow import ArrowException

    from ccd.files import parquet

    try:
        with parquet.opened(file) as opened:
            names = [str(name) for name in opened.schema_arrow.names]
            rows = [
                {name: "" if row.get(name) is None else row[name] for name in names} for row in parquet.rows(opened)
            ]
    except (ArrowException, ValueError) as error:
        raise InputError(
            f"{file}: cannot be read as Parquet ({error}); write it again, with one value a cell"
        ) from None
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror}); check the name and the rights") from None
    return names, ((f"{file.name}, row {number}", row) for number, row in enumerate(rows, 1))
