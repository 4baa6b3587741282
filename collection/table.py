"""Posts from a table: CSV, TSV, JSON lines or Parquet, read row by row in flat memory."""

import csv
import dataclasses
import io
import itertools
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PureWindowsPath
from typing import Any

from ccd.errors import InputError
from ccd.judgment_tables.columns import plain
from ccd.judgment_tables.spellings import NULL_WORDS
from ccd.times import utc
from collection.arrow import Row, of_dataset, of_parquet
from collection.columns import FOUND_BY_NAME, KNOWN_NAMES, Columns, are_of_x, find, one_value, pictures, truth
from collection.files import find_photo, is_in, lines
from collection.ids import LONG, OTHER, X, are_rounded, post_id, posted_at
from collection.records import LONGEST_TEXT, BadId, Drop, Photo, Reason, Record
from collection.spoilt import repaired, spoilt

_LONGEST_ROW = 200  # lines that one quoted cell may span
_LOOKED_AT = 1_000  # rows that say whether ids were rounded, and of which network they are
_PREAMBLE = 20  # lines that may stand before the names of columns
_DAY = 86_400  # seconds by which a date may differ from the id's own: zones, and dates without a time


def read(
    file: Path,
    columns: Columns = FOUND_BY_NAME,
    images: Path | None = None,
    network: str | None = None,
    repair: bool = False,
    *,
    form: str | None = None,
    follow_links: bool = False,
) -> Iterator[Record | Drop]:
    """Yield the records of a table; `images` is the folder its image column starts from (default: the table's).

    Rows that follow each other with one id and text are the photos of one post. `network` is "x" or "other"; by default
    ids are X's where names of columns, addresses or dates say so. With `repair`, texts that a wrong encoding spoilt are
    put right where that can be done (ftfy). `form` is the kind of file (csv, tsv, jsonl, parquet), by default what its
    name ends with; a folder is one that `datasets` saved. With `follow_links`, links that lead out of the folder are
    followed, as in the caches of the Hugging Face Hub.
    Raises CcdError for a file of another kind, an empty or unreadable one, where a column is not there, and where its
    ids were rounded.

    >>> for entry in read(Path("tweets.tsv"), Columns(image="image_file")): ...  # doctest: +SKIP
    """
    found, rows = _open(file, columns, form)
    folder = file.parent if images is None else images
    first = _beginning(rows, found)
    _refuse_rounded(file, found, first)
    of = {"x": X, "other": OTHER}.get(network or "") or (X if _is_of_x(found, first) else OTHER)
    last: Record | None = None
    for row in itertools.chain(first, rows):
        entry = row if isinstance(row, Drop) else _record(row, found, folder, of, repair, follow_links)
        if (
            isinstance(entry, Record)
            and last
            and entry.post_id
            and (last.post_id, last.text) == (entry.post_id, entry.text)
        ):
            index = last.photos[-1].index + 1
            moved = (dataclasses.replace(photo, index=index + n) for n, photo in enumerate(entry.photos))
            entry = dataclasses.replace(entry, photos=tuple(moved))
        last = entry if isinstance(entry, Record) else last
        yield entry


def _beginning(rows: Iterator[Row | Drop], columns: Columns) -> list[Row | Drop]:
    """Read as many rows as say what a table is, in bounded memory."""
    first, size = list[Row | Drop](), 0
    for row in itertools.islice(rows, _LOOKED_AT):
        first.append(row)
        size += 0 if isinstance(row, Drop) else len(str(row[1].get(columns.text or "")))
        if size > LONGEST_TEXT:
            break
    return first


def _refuse_rounded(file: Path, columns: Columns, rows: Iterable[Row | Drop]) -> None:
    once = {repr([cells.get(columns.id or ""), cells.get(columns.text or "")]): cells for cells in _cells_of(rows)}
    ids = [number for cells in once.values() if (number := _digits(cells.get(columns.id or ""))) is not None]
    if are_rounded(ids):
        example = next(str(number) for number in ids if number >= LONG)
        raise InputError(
            f"{file}: the ids of column {columns.id!r} lost their last digits in a spreadsheet or in JavaScript "
            f"({example}); export them again as text"
        )


def _is_of_x(columns: Columns, rows: Sequence[Row | Drop]) -> bool:
    """Return whether a table says that its posts are X's, by names of columns, addresses of posts, or dated ids."""
    cells = _cells_of(rows)
    if any(are_of_x(row) for row in cells[:1]):
        return True
    dated = []
    for row in cells:
        raw = row.get(columns.id or "")
        if isinstance(raw, str) and re.search(r"\b(?:twitter|x)\.com/[^/]+/status", raw):
            return True
        number, when = _digits(raw), utc(row.get(columns.date or ""))
        if number is not None and when and number >= LONG:
            dated.append(_agree(number, when))
    return len(dated) > 0 and sum(dated) >= 0.9 * len(dated)


def _agree(number: int, when: str) -> bool:
    import datetime

    return abs((posted_at(number) - datetime.datetime.fromisoformat(when)).total_seconds()) <= _DAY


def _cells_of(rows: Iterable[Row | Drop]) -> list[Mapping[str, Any]]:
    return [row[1] for row in rows if not isinstance(row, Drop)]


def _digits(raw: object) -> int | None:
    try:
        kept = post_id(raw)
    except BadId:
        return None
    return int(kept[2:]) if kept.startswith("x:") else None


def _open(file: Path, columns: Columns, form: str | None) -> tuple[Columns, Iterator[Row | Drop]]:
    """Return the columns that were found and the rows, by the kind of file that somebody, or its name, says it is."""
    kind = f".{form}" if form else Path(file.name.lower().removesuffix(".gz")).suffix
    if (file / "state.json").is_file() or (file / "dataset_dict.json").is_file():
        return of_dataset(file, columns)
    if kind in (".csv", ".tsv"):
        return _open_csv(file, columns, tabs=kind == ".tsv")
    if kind in (".jsonl", ".ndjson"):
        return _open_jsonl(file, columns)
    if kind == ".parquet":
        return of_parquet(file, columns)
    raise InputError(
        f"{file}: not a .csv, .tsv, .jsonl or .parquet file; say with --format which it is, "
        "or use `ccd collect archive` for pages of the X API"
    )


def _record(row: Row, columns: Columns, folder: Path, network: str, repair: bool, follow_links: bool) -> Record | Drop:
    place, cells = row
    if any(
        isinstance(cells.get(name or ""), str) and len(cells[name or ""]) > LONGEST_TEXT for name in columns.names()
    ):
        return Drop(place, Reason.MALFORMED, f"a cell of more than {LONGEST_TEXT:,} characters")
    name = None
    if columns.id is not None:
        try:
            name = post_id(cells.get(columns.id), network)
        except BadId as error:
            detail = "" if error.reason == Reason.ID_MISSING else f"{cells[columns.id]}: keep ids as text"
            return Drop(place, error.reason, detail)
    item = f"{name}:0" if name else place
    text, image = cells.get(columns.text or ""), cells.get(columns.image or "")
    if not isinstance(text, str) or not text.strip():
        return Drop(item, Reason.NO_TEXT, place)
    if text.strip() in NULL_WORDS or text.strip().lower() in _REMOVED:
        return Drop(item, Reason.NO_TEXT, f"{place}: {text.strip()!r} stands for a missing text")
    if damage := spoilt(text):
        text = repaired(text) if repair else text
        if spoilt(text):
            return Drop(item, Reason.SPOILT, f"{place}: {damage}; export it as UTF-8, or try --repair-texts")
    try:
        named: list[str | Path] = [image] if isinstance(image, Path) else [*pictures(image)]
        named = [one for one in named if one not in NULL_WORDS]
    except ValueError as error:
        return Drop(item, Reason.MALFORMED, str(error))
    if not named:
        return Drop(item, Reason.NO_PHOTO, place)
    alt = one_value(cells.get(columns.alt or ""))
    photos = []
    for index, one in enumerate(named):
        source = _photo(one, folder, name, follow_links)
        if source is None:
            return Drop(item, Reason.OUTSIDE, f"{one} is not in {folder}; name its folder with --images")
        photos.append(Photo(index, source, alt))
    lang, raw = one_value(cells.get("lang")), cells.get(columns.date or "")
    when = utc(raw)
    unread = ("a date that cannot be read",) if when is None and one_value(raw) not in (None, *NULL_WORDS) else ()
    author = one_value(cells.get(columns.author or ""))
    sensitive = truth(cells.get(columns.sensitive or ""))
    return Record(name, text, when, lang, tuple(photos), place, (), author, sensitive, unread)


_REMOVED = {"[removed]", "[deleted]", "[deleted by user]"}


def _photo(image: str | Path, folder: Path, name: str | None, follow_links: bool) -> Path | str | None:
    """Return where an image cell points to; None outside the folder, as a table must not fetch any file here."""
    if isinstance(image, Path):  # it came with the table
        return image
    if image.startswith(("http://", "https://")):
        return find_photo(folder, post=(name or "").removeprefix("x:"), index=0, url=image) or image
    if re.match(r"[A-Za-z]:[\\/]", image):  # a path of another machine: the file by its name
        image = PureWindowsPath(image).name
    elif "\\" in image and not (folder / image).exists():
        image = PureWindowsPath(image).as_posix()
    path = Path(os.path.normpath(folder / image))
    return path if path.is_relative_to(os.path.normpath(folder)) and (follow_links or is_in(folder, path)) else None


# --- one reader a kind of file --------------------------------------------------------------------------------------


def _open_csv(file: Path, columns: Columns, *, tabs: bool) -> tuple[Columns, Iterator[Row | Drop]]:
    numbered: Iterator[tuple[int, str]]
    numbered = ((number, line.decode("utf-8", "surrogateescape")) for number, line in lines(file))
    _, first = next(numbered)
    if named := re.fullmatch(r"sep=(.)\s*", first):  # Excel's own line
        delimiter = named[1]
        _, first = next(numbered, (0, ""))
    else:
        first, delimiter, numbered = _header_line(first, numbered, tabs)
    try:
        header = [name.strip() for name in next(csv.reader([first], delimiter=delimiter))]
    except (csv.Error, StopIteration) as error:
        raise InputError(f"{file}, line 1: no names of columns ({error}); give a header line") from None
    if any("\udc80" <= c <= "\udcff" for c in first):
        raise InputError(f"{file}: not UTF-8; save it as UTF-8 and run again")
    return find(file, columns, header), _csv_rows(numbered, header, delimiter)


def _header_line(
    first: str, numbered: Iterator[tuple[int, str]], tabs: bool
) -> tuple[str, str, Iterator[tuple[int, str]]]:
    """Return the line with the names of columns, its delimiter, and the lines after it; others may stand before it."""

    def delimiter_of(line: str) -> str:
        return "\t" if tabs else max(",;\t", key=line.count)

    def knows(line: str) -> bool:
        names = {plain(name) for name in line.split(delimiter_of(line))}
        return all(names.intersection(map(plain, KNOWN_NAMES[kind])) for kind in ("text", "image"))

    if first.count(delimiter_of(first)) < 2 and not knows(first):
        ahead = list(itertools.islice(numbered, _PREAMBLE))
        at = next((place for place, (_number, line) in enumerate(ahead) if knows(line)), None)
        if at is not None:
            return ahead[at][1], delimiter_of(ahead[at][1]), itertools.chain(ahead[at + 1 :], numbered)
        numbered = itertools.chain(ahead, numbered)
    return first, delimiter_of(first), numbered


def _csv_rows(numbered: Iterable[tuple[int, str]], header: Sequence[str], delimiter: str) -> Iterator[Row | Drop]:
    """Yield rows as csv.reader would give them, but a stray quote spoils its own row only, never the rows after it."""
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
    """Return the cells of one row, None where its quotes are wrong; with `unquoted`, quotes are plain characters."""
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
    """Return a row whose quoted cells span lines, and the lines left; None and all the lines where it never ends."""
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
        raise InputError(f"{file}: no JSON object in its first lines; give one object a line")
    return find(file, columns, names), itertools.chain(first, rows)


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
