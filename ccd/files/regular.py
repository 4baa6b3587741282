"""Read files that others made: regular ones only, up to a size, and of JSON finite numbers only.

A pipe would be waited for, and a device never ends. What does not pass is an `OSError` or a `ValueError`, as for a
missing file and for bad bytes, so that who reads says where and what to do.
"""

import errno
import io
import json
import os
import stat
from collections.abc import Iterator
from typing import Any, NoReturn

MOST_DOCUMENT = 256 << 20  # bytes of a file that is read at once
MOST_TEXT = 16 << 20  # bytes of a configuration or a protocol
MOST_LINE = 64 << 20  # bytes of a line of JSON


def open_regular(path: str | os.PathLike[str]) -> io.BufferedReader:
    """Open a file for reading bytes. Raises OSError where it is missing or no regular file."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        mode = os.fstat(handle).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, "it is a folder", str(path))
        if not stat.S_ISREG(mode):
            raise OSError(errno.EINVAL, "it is a pipe or a device and no file", str(path))
        return os.fdopen(handle, "rb")
    except BaseException:
        os.close(handle)
        raise


def check_regular(path: str | os.PathLike[str]) -> None:
    """Raise OSError where a file is missing or no regular file: before a library opens it by its name."""
    open_regular(path).close()


def read_regular(path: str | os.PathLike[str], most: int = MOST_DOCUMENT) -> bytes:
    """Return what is in a file. Raises OSError where it is larger than `most` bytes, missing or no regular file."""
    with open_regular(path) as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(errno.EFBIG, f"it has more than {most:,} bytes", str(path))
    return content


def read_json(path: str | os.PathLike[str], most: int = MOST_DOCUMENT) -> Any:
    """Return the JSON document in a file. Raises OSError as `read_regular` does, ValueError where it is none."""
    return parse_json(read_regular(path, most))


def parse_json(text: bytes | str) -> Any:
    """Return what JSON says. Raises ValueError where it is none, has a number that is not finite, or nests too deeply.

    >>> parse_json('{"a": 1}')
    {'a': 1}
    """
    try:
        return _DECODER.decode(text if isinstance(text, str) else text.decode())
    except RecursionError:
        raise ValueError("it nests too deeply") from None


def read_rows(path: str | os.PathLike[str], most: int = MOST_LINE) -> Iterator[tuple[int, Any]]:
    """Yield the number of each line, from 1, and the JSON in it.

    Raises OSError as `open_regular` does, and ValueError with the number of a line that is no JSON or too long.
    """
    with open_regular(path) as file:
        number = 0
        while line := file.readline(most + 1):
            number += 1
            try:
                if len(line) > most:
                    raise ValueError(f"it has more than {most:,} bytes")
                yield number, parse_json(line)
            except ValueError as error:
                raise ValueError(f"line {number}: {error}") from None


def _finite(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        _not_finite(digits)
    return number


def _not_finite(name: str) -> NoReturn:
    raise ValueError(f"{name[:20]} is no finite number")


_DECODER = json.JSONDecoder(parse_constant=_not_finite, parse_float=_finite)
