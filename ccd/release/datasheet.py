"""datasheet.md and CITATION.cff: what readers and reference managers ask of a dataset.

The questions are those of T. Gebru et al., "Datasheets for Datasets", Communications of the ACM 64(12), 2021. What
cannot be known from the data is asked for in so many words.
"""

from collections.abc import Mapping
from typing import Any

from ccd.release.card import PACKAGE, known, title
from ccd.templates import render, unwrap

Facts = Mapping[str, Any]


def datasheet(facts: Facts) -> str:
    """Return the sheet, as Markdown."""
    return unwrap(render(PACKAGE, "datasheet.md", known(facts)))


def citation(facts: Facts) -> str:
    """Return CITATION.cff, version 1.2.0 (https://citation-file-format.github.io)."""
    authors = facts["authors"] or [f"The authors of {facts['campaign']}"]
    values = {"title": title(facts), "authors": authors, "licence": _spdx(facts["license"])}
    return render(PACKAGE, "CITATION.cff", {**facts, **values})


def _spdx(licence: str | None) -> str | None:
    """Return the licence as SPDX writes it, the only one that the format allows; None where it is not in that list.

    >>> _spdx("cc-by-4.0")
    'CC-BY-4.0'
    """
    from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

    try:
        return canonicalize_license_expression(licence) if licence else None
    except InvalidLicenseExpression:
        return None
