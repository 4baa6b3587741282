"""agreement.html: all that `agreement.json` holds, as one page for people, with its pictures in it.

The page asks nothing of any server, so it can be mailed or archived. It names annotators: it is for the campaign's lead
and not for publishing.
"""

from collections.abc import Mapping
from itertools import combinations
from typing import Any

from ccd.reports.plots import busiest
from ccd.templates import render

Facts = Mapping[str, Any]

MOST_KAPPAS = 66  # of two annotators each, in a table; more are for agreement.json

NAMES = {
    "percent": "Percent agreement",
    "krippendorff_nominal": "Krippendorff’s alpha, nominal",
    "krippendorff_ordinal": "Krippendorff’s alpha, ordinal",
    "krippendorff_interval": "Krippendorff’s alpha, interval",
    "fleiss": "Fleiss’ kappa",
    "scott": "Scott’s pi",
    "gwet_ac1": "Gwet’s AC1",
}
ALT = {
    "confusion": "Which labels annotators confuse, and Cohen’s kappa of each two annotators",
    "classes": "Alpha of each label against the rest, with its interval",
    "drift": "Agreement with the others’ majority over time, a panel for each annotator with whom it changes",
}


def page(title: str, facts: Facts, drawn: Mapping[str, Mapping[str, bytes]]) -> str:
    """Return the page: `facts` is agreement.json, `drawn` question → picture → PNG (`ccd.reports.plots.pictures`)."""
    values: dict[str, Any] = {"title": title, "facts": facts, "drawn": drawn, "names": NAMES, "alt": ALT}
    questions = {name: _tables(found) for name, found in facts["questions"].items()}
    return render("ccd.reports", "agreement.html", values | {"questions": questions})


def _tables(found: Facts) -> dict[str, Any]:
    """Return what agreement.json says of a question and, beside it, what its tables show of the busiest annotators."""
    coefficients, shown = found["coefficients"], busiest(found)
    cards = {name: found["scorecards"][name] for name in shown}
    two = {f"{a} | {b}": coefficients["cohen"].get(f"{a}|{b}") for a, b in combinations(shown, 2)}
    few = len(coefficients["cohen"]) <= MOST_KAPPAS
    return {
        **found,
        "alpha": coefficients[f"krippendorff_{found['level']}"],
        "named": {title: coefficients[key] for key, title in NAMES.items()},
        "shown": cards,
        "settled": any(sum(map(sum, card["confusion"])) for card in cards.values()),
        "kappas": {names: kappa for names, kappa in two.items() if kappa and few},
        "without": {name: coefficients["leave_one_out"][name] for name in shown},
    }
