"""Posts from a table: CSV, TSV, JSON lines or Parquet, read row by row in flat memory."""

import csv
import io
import itertools
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ccd.errors import CcdError, damaged
from collection.files import find_photo, is_in, lines, reading
from collection.records import (
    LONGEST_TEXT,
    BadId,
    Drop,
    Photo,
    Reason,
    Record,
    post_id,
    utc,
)

KNOWN_NAMES = {
    "id": ("tweet_id", "post_id", "id_str", "id"),
    "text": ("text", "full_text", "tweet_text", "caption"),
    "image": ("image_file", "image_path", "image", "file_name", "filename"),
    "date": ("created_at", "date"),
}
_LONGEST_ROW = 200  # lines that one quoted cell may span

Row = tuple[str, Mapping[str, Any]]  # place, cells


@dataclass(frozen=True)
class Columns:
    """The names of the columns; None: found by KNOWN_NAMES. A table without an id or a date column is fine."""

    id: str | None = None
    text: str | None = None
    image: str | None = None
    date: str | None = None


def read(file: Path, columns: Columns = Columns(), images: Path | None = None) -> Iterator[Record | Drop]:
    """The records of a table, one a row; `images` is the folder its image column starts from (default: the table's).

    Raises CcdError for a file of another kind, an empty or unreadable one, and where a column is not there.

    >>> for entry in read(Path("tweets.tsv"), Columns(image="image_file")): ...  # doctest: +SKIP
    """
    found, rows = _open(file, columns)
    folder = file.parent if images is None else images
    for row in rows:
        yield row if isinstance(row, Drop) else _record(row, found, folder)


def _open(file: Path, columns: Columns) -> tuple[Columns, Iterator[Row | Drop]]:
    """The columns that were found and the rows, by the kind of file its name says it is."""
    kind = Path(file.name.lower().removesuffix(".gz")).suffix
    if kind in (".csv", ".tsv"):
        return _open_csv(file, columns, tabs=kind == ".tsv")
    if kind in (".jsonl", ".ndjson"):
        return _open_jsonl(file, columns)
    if kind == ".parquet":
        return _open_parquet(file, columns)
    raise CcdError(
        f"{file}: not a .csv, .tsv, .jsonl or .parquet file; rename it if it is one, "
        "or use `ccd collect archive` for pages of the X API"
    )


def _find(file: Path, columns: Columns, names: Sequence[str]) -> Columns:
    """The columns with every name filled in; id and date stay None where the table has none."""
    lower = {name.lower(): name for name in reversed(names)}
    found: dict[str, str | None] = {}
    for kind, candidates in KNOWN_NAMES.items():
        asked = getattr(columns, kind)
        if asked is not None and asked not in names:
            raise CcdError(f"{file}: no column {asked!r} for --{kind}-column; it has {', '.join(names)}")
        found[kind] = asked or next((lower[name] for name in candidates if name in lower), None)
        if found[kind] is None and kind in ("text", "image"):
            raise CcdError(f"{file}: no {kind} column found; name one of {', '.join(names)} with --{kind}-column")
    return Columns(**found)


def _record(row: Row, columns: Columns, folder: Path) -> Record | Drop:
    place, cells = row
    used = [cells.get(name or "") for name in (columns.id, columns.text, columns.image, columns.date, "lang")]
    if any(isinstance(cell, str) and len(cell) > LONGEST_TEXT for cell in used):
        return Drop(place, Reason.MALFORMED, f"a cell of more than {LONGEST_TEXT:,} characters")
    name = None
    if columns.id is not None:
        try:
            name = post_id(cells.get(columns.id))
        except BadId as error:
            detail = "" if error.reason == Reason.ID_MISSING else f"{cells[columns.id]}: keep ids as text"
            return Drop(place, error.reason, detail)
    item = f"{name}:0" if name else place
    text, image = cells.get(columns.text or ""), cells.get(columns.image or "")
    if not isinstance(text, str) or not text.strip():
        return Drop(item, Reason.NO_TEXT, place)
    if not isinstance(image, str) or not image.strip():
        return Drop(item, Reason.NO_PHOTO, place)
    source = _photo(image.strip(), folder, name)
    if source is None:
        return Drop(item, Reason.OUTSIDE, f"{image} is not in {folder}; name its folder with --images")
    lang = cells.get("lang") if isinstance(cells.get("lang"), str) else None
    return Record(name, text, utc(cells.get(columns.date or "")), lang, (Photo(0, source),), place)


def _photo(image: str, folder: Path, name: str | None) -> Path | str | None:
    """Where an image cell points to; None outside the folder: a table from elsewhere must not fetch any file here."""
    if image.startswith(("http://", "https://")):
        return find_photo(folder, post=(name or "").removeprefix("x:"), index=0, url=image) or image
    path = Path(os.path.normpath(folder / image))
    return path if path.is_relative_to(os.path.normpath(folder)) and is_in(folder, path) else None


# --- one reader a kind of file --------------------------------------------------------------------------------------


def _open_csv(file: Path, columns: Columns, *, tabs: bool) -> tuple[Columns, Iterator[Row | Drop]]:
    numbered = ((number, line.decode("utf-8", "surrogateescape")) for number, line in lines(file))
    _, first = next(numbered)
    delimiter = "\t" if tabs else max(",;\t", key=first.count)
    try:
        header = next(csv.reader([first], delimiter=delimiter))
    except (csv.Error, StopIteration) as error:
        raise CcdError(f"{file}, line 1: no names of columns ({error}); give a header line") from None
    if any("\udc80" <= c <= "\udcff" for c in first):
        raise CcdError(f"{file}: not UTF-8; save it as UTF-8 and run again")
    return _find(file, columns, header), _csv_rows(numbered, header, delimiter)


def _csv_rows(numbered: Iterable[tuple[int, str]], header: Sequence[str], delimiter: str) -> Iterator[Row | Drop]:
    """Rows as csv.reader would give them, but a stray quote spoils its own row only, never the rows after it."""
    waiting = list[tuple[int, str]]()  # lines read ahead for a cell that did not end
    source = iter(numbered)
    width = len(header)
    while True:
        number, line = waiting.pop(0) if waiting else next(source, (0, ""))
        if not number:
            return
        if not line.strip():
            continue
        cells = _cells(line, delimiter)
        if cells is None and delimiter == "\t":  # a table whose writer knew no quotes
            cells = _cells(line, delimiter, width)
        if cells is None:
            cells, waiting = _long_row(line, waiting, source, delimiter, width)
        if cells is None:
            cells = _cells(line, delimiter, width)
        place = f"line {number}"
        if cells is None or len(cells) != width:
            found = "a quote that does not end" if cells is None else f"{len(cells)} cells"
            yield Drop(place, Reason.MALFORMED, f"{found} for {width} columns")
        elif any("\udc80" <= c <= "\udcff" for c in "".join(cells)):
            yield Drop(place, Reason.NOT_UTF8)
        else:
            yield place, dict(zip(header, cells, strict=True))


def _cells(text: str, delimiter: str, unquoted: int | None = None) -> list[str] | None:
    """The cells of one row, None where its quotes are wrong; with `unquoted`, quotes are plain characters."""
    if unquoted is not None:
        cells = text.rstrip("\r\n").split(delimiter)
        return cells if len(cells) == unquoted else None
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error:  # also a cell of more than 131,072 characters
        return None
    return rows[0] if len(rows) == 1 else None


def _long_row(
    line: str, waiting: list[tuple[int, str]], source: Iterator[tuple[int, str]], delimiter: str, width: int
) -> tuple[list[str] | None, list[tuple[int, str]]]:
    """A row whose quoted cells span lines, and the lines that are left; None and all the lines where it never ends."""
    ahead = waiting + list(itertools.islice(source, max(0, _LONGEST_ROW - len(waiting))))
    text = line
    for used, (_, more) in enumerate(ahead, 1):
        text += more
        if text.count('"') % 2 == 0:
            cells = _cells(text, delimiter)
            if cells is not None and len(cells) == width:
                return cells, ahead[used:]
    return None, ahead


def _open_jsonl(file: Path, columns: Columns) -> tuple[Columns, Iterator[Row | Drop]]:
    rows = _json_rows(file)
    first = list(itertools.islice(rows, 100))  # a key may be absent where it has no value
    names = list(dict.fromkeys(name for row in first if not isinstance(row, Drop) for name in row[1]))
    if not names:
        raise CcdError(f"{file}: no JSON object in its first lines; give one object a line")
    return _find(file, columns, names), itertools.chain(first, rows)


def _json_rows(file: Path) -> Iterator[Row | Drop]:
    for number, line in lines(file):
        place = f"line {number}"
        if not line.strip():
            continue
        try:
            cells = json.loads(line.decode("utf-8"))
        except UnicodeDecodeError:
            yield Drop(place, Reason.NOT_UTF8)
        except (ValueError, RecursionError) as error:
            yield Drop(place, Reason.MALFORMED, f"not JSON: {error}")
        else:
            yield (place, cells) if isinstance(cells, dict) else Drop(place, Reason.MALFORMED, "not a JSON object")


def _open_parquet(file: Path, columns: Columns) -> tuple[Columns, Iterator[Row | Drop]]:
    import pyarrow

    from ccd import parquet

    with reading(file), damaged(file, "write the Parquet file again"):
        try:
            table = parquet.opened(file)
        except pyarrow.ArrowException as error:
            raise CcdError(f"{file}: not a Parquet file ({error}); write it again") from None
    kinds = pyarrow.types
    names = [
        column.name
        for column in table.schema_arrow
        if not (kinds.is_nested(column.type) or kinds.is_binary(column.type) or kinds.is_large_binary(column.type))
    ]
    found = _find(file, columns, names)
    needed = {found.id, found.text, found.image, found.date, "lang"}

    def rows() -> Iterator[Row]:
        with table, reading(file), damaged(file, "write the Parquet file again"):
            for number, cells in enumerate(parquet.rows(table, [name for name in names if name in needed]), 1):
                yield f"row {number}", cells

    return found, rows()
