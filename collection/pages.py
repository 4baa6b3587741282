"""Pages as a source gave them, kept compressed beside the campaign: parsing again is free, buying again is not."""

import gzip
import hashlib
import json
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ccd.errors import DataDamage, EnvironmentFailure
from ccd.files.atomic import write_atomic
from collection.files import MOST_LINE

Page = dict[str, Any]
NOTE = "ccd"  # the one entry of a page that is ours: what was asked; readers of the source's own entries pass it over


class Pages:
    """The pages of one query, numbered from 1: `raw/<source>/<hash of the query>/<n>.jsonl.gz`, one JSON line each.

    Every file is what `ccd collect archive` reads. A page is on disk whole or not at all.

    >>> pages = Pages(campaign.folder, "x", "search cats")  # doctest: +SKIP
    >>> pages.append({"data": [], "meta": {"result_count": 0}})  # doctest: +SKIP
    1
    """

    def __init__(self, folder: Path, source: str, query: str) -> None:
        self.folder = folder / "raw" / source / hashlib.sha256(query.encode()).hexdigest()[:16]
        self._number = len(list(self.folder.glob("[0-9]*.jsonl.gz")))

    def __len__(self) -> int:
        return self._number

    def path(self, number: int) -> Path:
        """Return the file of page `number`, from 1."""
        return self.folder / f"{number:06d}.jsonl.gz"

    def read(self, number: int) -> Page:
        """Return page `number`, from 1. Raises CcdError where its file is damaged."""
        return read(self.path(number))

    def append(self, page: Mapping[str, Any]) -> int:
        """Store a page, before anything is made of it; its number. Raises CcdError where the disk does not take it."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise EnvironmentFailure(
                f"{self.folder}: cannot be made a folder ({error.strerror}); check the rights"
            ) from None
        write(self.path(self._number + 1), page)
        self._number += 1
        return self._number


def every(folder: Path) -> Iterator[Path]:
    """Return the files of all pages of a campaign, of every source."""
    return iter(sorted(folder.glob("raw/*/*/[0-9]*.jsonl.gz")))


def read(path: Path) -> Page:
    """Return one page. Raises CcdError where the file is damaged."""
    try:
        with gzip.open(path) as stream:
            line = stream.read(MOST_LINE + 1)
        if len(line) > MOST_LINE:
            raise ValueError(f"more than {MOST_LINE:,} bytes")
        page = json.loads(line)
    except (OSError, EOFError, zlib.error, ValueError, RecursionError) as error:
        raise DataDamage(
            f"{path}: not a page ({error}); restore it from a backup, or delete this query's folder"
        ) from None
    if not isinstance(page, dict):
        raise DataDamage(f"{path}: not a page; restore it from a backup, or delete this query's folder")
    return page


def write(path: Path, page: Mapping[str, Any]) -> None:
    """Write one page whole or not at all; the same page gives the same bytes."""
    line = json.dumps(page, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace") + b"\n"
    write_atomic(path, gzip.compress(line, mtime=0))
