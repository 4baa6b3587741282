"""Cells of the CSV files that we write: one that a spreadsheet would take for a formula begins with an apostrophe.

What strangers wrote may begin with = + - @ (also in their wide forms), a tab or a line end, and Excel, LibreOffice and
Google Sheets run that (CWE-1236). Numbers stay as they are. An apostrophe before such a sign gets another one, so that
`plain` gives back exactly what was there.
"""

import re

_FORMULA = re.compile(r"'*[=+\-@＝＋－＠\t\r\n]")
_NUMBER = re.compile(r"[+-]?([0-9]+([.,][0-9]*)?|[.,][0-9]+)([eE][+-]?[0-9]+)?")


def safe(cell: object) -> object:
    """The cell as it is written.

    >>> safe("=1+1"), safe("-5"), safe("'@a"), safe("a-b")
    ("'=1+1", '-5', "''@a", 'a-b')
    """
    if isinstance(cell, str) and _FORMULA.match(cell) and not _NUMBER.fullmatch(cell):
        return f"'{cell}"
    return cell


def plain(cell: str) -> str:
    """The cell as it was before `safe`.

    >>> plain("'=1+1"), plain("'tis")
    ('=1+1', "'tis")
    """
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
