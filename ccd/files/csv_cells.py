"""Cells of the CSV files that we write: one that a spreadsheet would take for a formula begins with an apostrophe.

What strangers wrote may begin with = + - @ (also in their wide forms), a tab or a line end, and Excel, LibreOffice and
Google Sheets run that (CWE-1236). This is for free text. Ids and labels of a table that somebody gave us are written as
they came, as they must join with that table. Numbers stay as they are. An apostrophe before such a sign gets another
one: whoever takes one apostrophe off such a cell has exactly what was there.
"""

import re

_FORMULA = re.compile(r"'*[=+\-@＝＋－＠\t\r\n]")
_NUMBER = re.compile(r"[+-]?([0-9]+([.,][0-9]*)?|[.,][0-9]+)([eE][+-]?[0-9]+)?")


def escape_csv(cell: object) -> object:
    """Return the cell as it is written.

    >>> [escape_csv(cell) for cell in ("=1+1", "-5", "'@a", "a-b")]
    ["'=1+1", '-5', "''@a", 'a-b']
    """
    if isinstance(cell, str) and _FORMULA.match(cell) and not _NUMBER.fullmatch(cell):
        return f"'{cell}"
    return cell
