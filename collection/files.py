"""Files as numbered lines, gzip or not, with one clear error for a file that cannot be read."""

import contextlib
import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from ccd.errors import CcdError

_EXTENSIONS = ("jpg", "jpeg", "png", "webp")
_GZIP = b"\x1f\x8b"
_NOT_TEXT = {
    b"\xff\xfe": "a UTF-16 file",
    b"\xfe\xff": "a UTF-16 file",
    b"PK\x03\x04": "a ZIP or Excel file",
    b"PAR1": "a Parquet file",
}


def source_name(file: Path) -> str:
    """How a file is named in the database: with its folder, so that equal names seldom meet, and without the rest.

    >>> source_name(Path("/data/2021/page1.jsonl"))
    '2021/page1.jsonl'
    """
    file = file.absolute()
    return f"{file.parent.name}/{file.name}" if file.parent.name else file.name


@contextlib.contextmanager
def reading(file: Path) -> Iterator[None]:
    """Whatever goes wrong while a file is read is a CcdError that names it."""
    try:
        yield
    except FileNotFoundError:
        raise CcdError(f"{file}: no such file; check its name") from None
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise CcdError(f"{file}: damaged gzip file ({error}); fetch or compress it again, then run again") from None
    except OSError as error:
        raise CcdError(f"{file}: cannot be read ({error.strerror or error}); give a file you may read") from None


def lines(file: Path) -> Iterator[tuple[int, bytes]]:
    """The lines of a text file with their numbers from 1, as bytes with their line ends; a UTF-8 mark is taken off.

    Raises CcdError where the file is absent, empty, not text, or a damaged gzip file.
    """
    with reading(file):
        with file.open("rb") as probe:
            packed = probe.read(2) == _GZIP
        with gzip.open(file) if packed else file.open("rb") as stream:
            number = 0
            for number, line in enumerate(stream, 1):
                if number == 1:
                    _check_text(file, line)
                    line = line.removeprefix(b"\xef\xbb\xbf")
                yield number, line
    if number == 0:
        raise CcdError(f"{file}: empty file; give the file with the posts")


def _check_text(file: Path, first: bytes) -> None:
    kind = next((kind for start, kind in _NOT_TEXT.items() if first.startswith(start)), "")
    if not kind and b"\0" in first:
        kind = "a binary file"
    if kind:
        raise CcdError(f"{file}: {kind}, not UTF-8 text; save it as UTF-8 (CSV, TSV or JSON lines)")


def find_photo(folder: Path, *, post: str, index: int, url: str | None = None, key: str | None = None) -> Path | None:
    """The file of a photo that some other program downloaded, by the names such programs give; None where it is not.

    In this order: the file name in the URL, `<post>-<that name>`, `<media key>.<ext>`, `<post>_<index>.<ext>`.
    """
    names = []
    if url:
        parts = urlsplit(url)
        name = unquote(parts.path).rsplit("/", 1)[-1]
        form = parse_qs(parts.query).get("format", [""])[0]
        if form and not name.endswith(f".{form}"):  # https://pbs.twimg.com/media/AbC?format=jpg&name=large
            name = f"{name}.{form}"
        if name not in ("", ".", ".."):
            names += [name, f"{post}-{name}"]
    for stem in [key, f"{post}_{index}"] if key else [f"{post}_{index}"]:
        names += [f"{stem}.{extension}" for extension in _EXTENSIONS]
    plain = (folder / name for name in names if "/" not in name and "\0" not in name)
    return next((file for file in plain if file.is_file()), None)
