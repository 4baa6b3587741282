"""The text-image relationship data of Vempala and Preotiuc-Pietro (2019), which CCD extends: 4,471 ids with labels.

The file has been through a spreadsheet. Ids in the form 6.92094E+17 are lost. Rows that a stray quote shifted to the
right, and rows one cell short, are repaired where their labels can be read in one way only: each label stands there
twice, as two binary columns and as four columns of which one is 1.
Source: https://github.com/danielpreotiuc/text-image-relationship (ACL 2019, https://aclanthology.org/P19-1272).
"""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from ccd.campaign.campaign import Campaign
from ccd.campaign.tables.pairs import put_priors
from ccd.errors import InputError
from ccd.files.regular import check_regular
from collection.files import reading
from collection.ids import post_id
from collection.records import BadId

SOURCE = "tir"  # in the table priors
_HEADER = ["tweet_id", "text_is_represented", "image_adds"]


def _label(represented: int, adds: int) -> str:
    return f"image_adds={adds},text_is_represented={represented}"


# the six cells of a row: text_is_represented, image_adds, and which of the four combinations it is
_CELLS: dict[tuple[str, ...], str] = {
    ("1", "1", "1", "0", "0", "0"): _label(1, 1),
    ("0", "1", "0", "1", "0", "0"): _label(0, 1),
    ("1", "0", "0", "0", "1", "0"): _label(1, 0),
    ("0", "0", "0", "0", "0", "1"): _label(0, 0),
}
_ONE_SHORT = {cells[:i] + cells[i + 1 :]: label for cells, label in _CELLS.items() for i in range(6)}


@dataclass
class Table:
    """What the file holds. Lines are numbered from 1, the header is line 1."""

    labels: dict[str, str] = field(default_factory=dict)  # post id -> "image_adds=1,text_is_represented=0"
    repaired: dict[int, str] = field(default_factory=dict)  # line -> what was wrong
    refused: dict[int, str] = field(default_factory=dict)  # line -> why


def read(file: Path) -> Table:
    """Read every row of the file: its label, a repair, or why it is refused. Raises CcdError for another file.

    >>> len(read(Path("textimage.csv")).labels)  # doctest: +SKIP
    4443
    """
    table = Table()
    for line, row in _rows(file):
        try:
            name = post_id(row[0])
        except BadId as error:
            table.refused[line] = f"{error}: {row[0][:40]}"
            continue
        label, fault = _labels(row[1:])
        if not name.startswith("x:"):
            table.refused[line] = f"not an id of X: {row[0][:40]}"
        elif label is None:
            table.refused[line] = fault
        elif table.labels.setdefault(name, label) != label:
            table.refused[line] = f"{name} stands there before with another label"
        elif fault:
            table.repaired[line] = fault
    return table


def _rows(file: Path) -> Iterator[tuple[int, list[str]]]:
    with reading(file):
        check_regular(file)
    with reading(file), file.open(newline="", encoding="utf-8-sig", errors="replace") as stream:
        rows = csv.reader(stream)
        try:
            header = next(rows, [])
            if header[:3] != _HEADER:
                raise InputError(
                    f"{file}: not the text-image relationship data; its columns begin {', '.join(_HEADER)}"
                )
            for row in rows:
                if any(cell.strip() for cell in row):
                    yield rows.line_num, [cell.strip() for cell in row]
        except csv.Error as error:
            raise InputError(f"{file} line {rows.line_num}: not CSV ({error}); mend that line") from None


def _labels(cells: list[str]) -> tuple[str | None, str]:
    """Return the label of a row and what was wrong with it ("" if nothing); no label where it cannot be told.

    >>> _labels(["a leaked text", "1", "0", "0", "0", "1", "0", "", ""])
    ('image_adds=0,text_is_represented=1', 'shifted right by 1')
    >>> _labels(["0", "0", "0", "0", "1", "", "", "", ""])
    ('image_adds=0,text_is_represented=0', 'one cell short')
    """
    while cells and not cells[-1]:
        cells = cells[:-1]
    if label := _CELLS.get(tuple(cells[-6:])):
        return label, f"shifted right by {len(cells) - 6}" if len(cells) > 6 else ""
    if label := _ONE_SHORT.get(tuple(cells)):
        return label, "one cell short"
    return None, f"labels cannot be read: {','.join(cells)[:60]}"


def store(campaign: Campaign, labels: dict[str, str]) -> int:
    """Keep the labels as priors, never as judgments; return how many are new. Running it again changes nothing."""
    with campaign.write() as db:
        return put_priors(db, SOURCE, labels)
