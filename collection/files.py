"""Files as numbered lines, gzip or not, with one clear error for a file that cannot be read."""

import contextlib
import gzip
import io
import os
import zlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from ccd.errors import InputError
from ccd.files.regular import open_regular

_EXTENSIONS = ("jpg", "jpeg", "png", "webp")
_GZIP = b"\x1f\x8b"
MOST_LINE = 64 << 20  # bytes of one line; a page of 500 posts has 2 MB
MOST_DOCUMENT = 256 << 20  # bytes of a file that is read as one JSON document
_NOT_TEXT = {
    b"\xff\xfe": "a UTF-16 file",
    b"\xfe\xff": "a UTF-16 file",
    b"PK\x03\x04": "a ZIP or Excel file",
    b"PAR1": "a Parquet file",
}


def source_name(file: Path) -> str:
    """Return a file's name in the database: with its folder, so that equal names seldom meet, without the rest.

    >>> source_name(Path("/data/2021/page1.jsonl"))
    '2021/page1.jsonl'
    """
    file = file.absolute()
    return f"{file.parent.name}/{file.name}" if file.parent.name else file.name


@contextlib.contextmanager
def reading(file: Path) -> Iterator[None]:
    """Turn whatever goes wrong while a file is read into a CcdError that names it."""
    try:
        yield
    except FileNotFoundError:
        raise InputError(f"{file}: no such file; check its name") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{file}: damaged gzip file ({error}); fetch or compress it again, then run again") from None
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror or error}); give a file you may read") from None


def lines(file: Path) -> Iterator[tuple[int, bytes]]:
    """Yield the lines of a text file with their numbers from 1, as bytes with their ends; a UTF-8 mark is taken off.

    Raises CcdError where the file is absent, empty, not text, or a damaged gzip file.
    """
    with reading(file):
        with open_regular(file) as probe:
            packed = probe.read(2) == _GZIP
        with gzip.open(file) if packed else file.open("rb") as opened:
            number = 0
            stream: gzip.GzipFile | io.BufferedIOBase = opened
            if _has_old_line_ends(file, packed):
                stream = io.BytesIO(opened.read(MOST_DOCUMENT).replace(b"\r", b"\n"))
            while line := stream.readline(MOST_LINE + 1):  # a gzip file of 1 MB may hold one line of 1 GB
                number += 1
                if len(line) > MOST_LINE:
                    raise InputError(
                        f"{file}, line {number}: more than {MOST_LINE:,} bytes; give one post or page a line"
                    )
                if number == 1:
                    _check_text(file, line)
                    line = line.removeprefix(b"\xef\xbb\xbf")
                yield number, line
    if number == 0:
        raise InputError(f"{file}: empty file; give the file with the posts")


def _has_old_line_ends(file: Path, packed: bool) -> bool:
    """Return whether lines end with a carriage return alone, as old spreadsheets of the Mac write them."""
    with gzip.open(file) if packed else file.open("rb") as stream:
        start = stream.read(1 << 16)
    return b"\r" in start and b"\n" not in start


def _check_text(file: Path, first: bytes) -> None:
    kind = next((kind for start, kind in _NOT_TEXT.items() if first.startswith(start)), "")
    if not kind and b"\0" in first:
        kind = "a binary file"
    if kind:
        raise InputError(f"{file}: {kind}, not UTF-8 text; save it as UTF-8 (CSV, TSV or JSON lines)")


def find_photo(folder: Path, *, post: str, index: int, url: str | None = None, key: str | None = None) -> Path | None:
    """Return the file of a photo that another program downloaded, by the names such programs give, or None.

    In this order: the file name in the URL, `<post>-<that name>`, `<media key>.<ext>`, `<post>_<index>.<ext>`.
    """
    names = []
    if url:
        try:
            parts = urlsplit(url)
            form = parse_qs(parts.query).get("format", [""])[0]
        except ValueError:  # no address, and so no name
            parts, form = urlsplit(""), ""
        name = unquote(parts.path).rsplit("/", 1)[-1]
        if form and not name.endswith(f".{form}"):  # https://pbs.twimg.com/media/AbC?format=jpg&name=large
            name = f"{name}.{form}"
        if name not in ("", ".", ".."):
            names += [name, f"{post}-{name}"]
    for stem in [key, f"{post}_{index}"] if key else [f"{post}_{index}"]:
        names += [f"{stem}.{extension}" for extension in _EXTENSIONS]
    plain = (folder / name for name in names if "/" not in name and "\0" not in name and len(name) < 200)
    return next((file for file in plain if is_in(folder, file) and file.is_file()), None)


def is_in(folder: Path, file: Path) -> bool:
    """Return whether a file is in the folder wherever its links lead: an archive must fetch no other file here."""
    try:
        return Path(os.path.realpath(file)).is_relative_to(os.path.realpath(folder))
    except ValueError:  # a NUL, or half a character
        return False
