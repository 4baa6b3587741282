"""Spellings of one name: what two cells of a table may differ in and still mean the same label or person."""

import re
import unicodedata
from collections.abc import Sequence

import pandas as pd

NULL_WORDS = {"#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"}
NULL_WORDS |= {"<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"}
NULL_WORDS |= {"NAN", "Nan", "Null", "N/a", "<na>", "#n/a"}
"""Words for a missing value: those that `pandas.read_csv` takes for one, and other cases of these.

`none` and `NONE` are not among them: labels are called so.
"""

_NUMBER = re.compile(r"([+-]?)(0|[1-9][0-9]*)(?:\.([0-9]*))?")


def spelling_key(name: str) -> str:
    """Return what all spellings of a name have in common.

    They may differ in case, in space around or between words, in Unicode form (NFC, NFD) and, where the name is a
    number, in its sign and in zeros after the point. Leading zeros are a difference: 007 is not 7.

    >>> spelling_key(" Very  GOOD") == spelling_key("very good"), spelling_key("+1.0"), spelling_key("007")
    (True, '1', '007')
    """
    text = " ".join(unicodedata.normalize("NFC", name).casefold().split())
    if not (number := _NUMBER.fullmatch(text)):
        return unicodedata.normalize("NFC", text)
    sign, units, fraction = number[1], number[2], (number[3] or "").rstrip("0")
    value = f"{units}.{fraction}" if fraction else units
    return f"-{value}" if sign == "-" and value != "0" else value


def variants(names: "pd.Series[str]") -> list[tuple[str, ...]]:
    """Return the names that occur in several spellings, each with its spellings, the most frequent first.

    >>> variants(pd.Series(["yes", "no", "Yes", "Yes"]))
    [('Yes', 'yes')]
    """
    found: dict[str, list[str]] = {}
    for name in names.value_counts(sort=False).sort_values(ascending=False, kind="stable").index:
        found.setdefault(spelling_key(name), []).append(name)
    return [tuple(spellings) for spellings in found.values() if len(spellings) > 1]


def fold(names: "pd.Series[str]", known: Sequence[str] = ()) -> "pd.Series[str]":
    """Return the names in one spelling each: as in `known`, or else the most frequent.

    >>> fold(pd.Series(["yes", "Yes", "Yes"])).tolist(), fold(pd.Series(["Yes"]), ["yes"]).tolist()
    (['Yes', 'Yes', 'Yes'], ['yes'])
    """
    spelling = {name: one[0] for one in variants(names) for name in one}
    of_known = {spelling_key(name): name for name in known}
    spelling |= {name: of_known[key] for name in names.unique() if (key := spelling_key(name)) in of_known}
    return names.replace(spelling) if spelling else names
