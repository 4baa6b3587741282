"""The CSV of Vempala and Preotiuc-Pietro (2019), for what was judged under their protocol.

Source: https://github.com/danielpreotiuc/text-image-relationship. Their rows are tweets, so of a tweet with several
photos the first pair in the release counts.
"""

import csv
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

from ccd.errors import InputError
from ccd.protocol import Protocol

FOLDER = "vempala"
HEADER: tuple[str, ...] = ("tweet_id", "text_is_represented", "image_adds")
HEADER += ("image_adds_text_repr", "image_adds_text_notrepr", "image_notadds_text_repr", "image_notadds_text_notrepr")
_CELLS = {
    "adds-represented": (1, 1, 1, 0, 0, 0),
    "adds-not-represented": (0, 1, 0, 1, 0, 0),
    "not-adds-represented": (1, 0, 0, 0, 1, 0),
    "not-adds-not-represented": (0, 0, 0, 0, 0, 1),
}


class Vempala:
    """`vempala/<split>.csv` in a folder, one row a tweet. Raises CcdError where the protocol has other labels.

    >>> with Vempala(part, ["test"], protocol) as csv: csv.add("test", row)  # doctest: +SKIP
    """

    def __init__(self, folder: Path, splits: tuple[str, ...], protocol: Protocol) -> None:
        if set(protocol.labels) != set(_CELLS):
            raise InputError(
                f"--format vempala: protocol {protocol.name} does not ask whether the image adds and the text is "
                "represented, so its labels have no such columns; it is for protocol vempala2019"
            )
        (folder / FOLDER).mkdir()
        self._files = {
            split: (folder / FOLDER / f"{split}.csv").open("w", newline="", encoding="utf-8") for split in splits
        }
        self._writers = {split: csv.writer(file, lineterminator="\n") for split, file in self._files.items()}
        self._last = dict.fromkeys(splits, "")
        for writer in self._writers.values():
            writer.writerow(HEADER)

    def add(self, split: str, row: Mapping[str, Any]) -> None:
        """Write the row's tweet; posts of other networks are not in their format."""
        network, _, tweet = row["post_id"].partition(":")
        if network == "x" and tweet.isdigit() and self._last[split] != tweet:  # pairs come sorted, so posts together
            self._writers[split].writerow((tweet, *_CELLS[row["label"]]))
            self._last[split] = tweet

    def __enter__(self) -> "Vempala":
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        for file in self._files.values():
            file.close()
