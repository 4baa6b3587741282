"""agreement.html: all that `agreement.json` holds, as one page for people, with its pictures in it.

The page asks nothing of any server, so it can be mailed or archived. It names annotators: it is for the campaign's lead
and not for publishing.
"""

import base64
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from itertools import combinations
from typing import Any

from ccd.reports.plots import busiest

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

STYLE = """
:root { color-scheme: light dark; --ink: #222; --ground: #fff; --line: #ddd; --soft: #666; --shade: 42, 109, 176; }
@media screen and (prefers-color-scheme: dark) {
  :root { --ink: #e4e4e4; --ground: #1a1a1a; --line: #3c3c3c; --soft: #a5a5a5; }
  img { filter: invert(0.9) hue-rotate(180deg); }
}
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--ground);
  max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: 0; } h2 { margin-top: 2.5rem; border-top: 1px solid var(--line); }
h2, h3 { break-after: avoid; } p.soft, caption, td.note { color: var(--soft); }
p.soft { margin-top: 0.2rem; } p.key { font-size: 1.2rem; } img { max-width: 100%; height: auto; }
figure { margin: 1rem 0; break-inside: avoid; } .wide { overflow-x: auto; }
table { border-collapse: collapse; margin: 0.8rem 0; font-variant-numeric: tabular-nums; }
caption { text-align: left; } tr { break-inside: avoid; }
th, td { padding: 0.2rem 0.6rem; border-bottom: 1px solid var(--line); text-align: right; vertical-align: top; }
td, thead th { white-space: nowrap; } th { font-weight: 600; }
th:first-child, .note { text-align: left; white-space: normal; overflow-wrap: break-word; max-width: 18rem; }
td.note, th.note { max-width: none; }
.labels thead th { white-space: normal; overflow-wrap: anywhere; } .labels th:first-child { min-width: 6rem; }
.many { display: flex; flex-wrap: wrap; gap: 0 2rem; } .many table { break-inside: avoid; font-size: 0.85rem; }
.many caption { color: var(--ink); font-weight: 600; overflow-wrap: anywhere; }
.many th { max-width: 7rem; white-space: nowrap; overflow: hidden; text-overflow: ellipsis; }
.many td { background: rgba(var(--shade), var(--share)); padding: 0.2rem 0.4rem; min-width: 1.6rem; }
@page { margin: 12mm; }
@media print { :root { color-scheme: light; font-size: 11px; } body { font-size: 11px; margin: 0; padding: 0; }
  .wide { overflow: visible; } th, td { padding: 0.15rem 0.4rem; } }
"""


def page(title: str, facts: Facts, drawn: Mapping[str, Mapping[str, bytes]]) -> str:
    """Return the page: `facts` is agreement.json, `drawn` question → picture → PNG (`ccd.reports.plots.pictures`)."""
    made_up = "<p><strong>Synthetic</strong>: the toolkit made these pairs itself.</p>" if facts["synthetic"] else ""
    changed = f"<p><strong>{escape(facts['mixed'])}</strong></p>" if facts["mixed"] else ""
    body = "".join(_question(name, found, drawn[name]) for name, found in facts["questions"].items())
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Agreement: {escape(title)}</title><style>{STYLE}</style></head>\n"
        f"<body><h1>Agreement: {escape(title)}</h1>{made_up}{changed}"
        "<p class=soft>This page names annotators; keep it to yourself. All numbers are in agreement.json.</p>"
        f"{body}</body></html>\n"
    )


def _question(name: str, found: Facts, drawn: Mapping[str, bytes]) -> str:
    coefficients, draws = found["coefficients"], found["bootstrap"]
    main = coefficients[f"krippendorff_{found['level']}"]
    value = f"<strong>{number(main['value'])}</strong>" if main["value"] is not None else f"undefined, {main['reason']}"
    what = "pairs" if draws["groups"] is None else f"{draws['groups']} leakage groups"
    what += "" if draws["resample"] == "pairs" else " and of annotators"
    parts = [
        f"<h2>{escape(name)}</h2>",
        f"<p class=key>{NAMES['krippendorff_' + found['level']]}: {value}"
        f"{', ' + draws['interval'] + ' ' + interval(main['ci']) if main['ci'] else ''}</p>",
        f"<p class=soft>{found['n_pairs']} pairs, {found['n_judgments']} judgments, {found['annotators']} annotators. "
        f"Intervals from {draws['folds']} draws of {what}, seed {draws['seed']}. Adjudicators are not in it.</p>",
        "<h3>Coefficients</h3>",
        _coefficients({NAMES[key]: coefficients[key] for key in NAMES}, draws["interval"]),
        _labels(found, drawn),
        _annotators(found, drawn),
        _subsets(found),
        _plan(found["plan"]),
    ]
    return "".join(parts)


def _labels(found: Facts, drawn: Mapping[str, bytes]) -> str:
    per_class = found["coefficients"]["per_class"]
    if not per_class:
        return ""
    alphas = _coefficients(per_class, found["bootstrap"]["interval"], "Alpha, label against rest")
    return f"<h3>Labels</h3>{_picture('classes', drawn)}{alphas}"


def _annotators(found: Facts, drawn: Mapping[str, bytes]) -> str:
    cards, labels, shown = found["scorecards"], found["labels"], busiest(found)
    head = ["", "judgments", "cannot judge", "skipped", "as the others", "95 % interval", "median seconds", "too fast"]
    rows = [
        [
            name,
            *(str(card[key]) for key in ("judgments", "cannot_judge", "skipped")),
            number(card["others"]["value"]),
            interval(card["others_ci"]) if card["others_ci"] else "–",
            "–" if card["seconds"] is None else f"{card['seconds']:.1f}",
            number(card["fast"]["value"]),
        ]
        for name, card in cards.items()
    ]
    parts = [
        "<h3>Annotators</h3>",
        "<p class=soft>As the others: the share of judgments that are what most of the others say of that pair, ties "
        "left out. The interval is Wilson’s (1927). Too fast: under <code>fastest_seconds</code> of campaign.toml.</p>",
        _table(head, rows),
    ]
    if len(shown) < len(cards):
        parts.append(f"<p class=soft>What follows shows the {len(shown)} annotators with most judgments.</p>")
    parts += [_picture("confusion", drawn), _against_settled({name: cards[name] for name in shown}, labels)]
    if "drift" in drawn:
        tested = (
            "<p class=soft>Whose agreement with the others rises or falls over their own time, by the test of Cochran "
        )
        tested += "and Armitage, p-values adjusted by Holm’s method for all annotators.</p>"
        parts += ["<h3>Drift</h3>", tested, _picture("drift", drawn)]
    each_two, without = found["coefficients"]["cohen"], found["coefficients"]["leave_one_out"]
    if len(each_two) <= MOST_KAPPAS:
        both = ((f"{a} | {b}", each_two.get(f"{a}|{b}")) for a, b in combinations(shown, 2))
        kappas = {names: kappa for names, kappa in both if kappa is not None}
        parts += ["<h3>Cohen’s kappa</h3>", _coefficients(kappas)] if kappas else []
    parts.append("<h3>Alpha without one annotator</h3>")
    parts.append(_coefficients({name: without[name] for name in shown}))
    return "".join(parts)


def _against_settled(cards: Mapping[str, Facts], labels: Sequence[str]) -> str:
    """Precision, recall and confusion of each annotator against the settled labels; nothing where none is settled."""
    if not any(sum(map(sum, card["confusion"])) for card in cards.values()):
        return ""
    rows = [
        [name, *(" / ".join(number(card[of][label]["value"], 2) for of in ("precision", "recall")) for label in labels)]
        for name, card in cards.items()
    ]
    tables = "".join(_confusion(name, card["confusion"], labels) for name, card in cards.items())
    return (
        "<h3>Against the settled labels</h3><p class=soft>Precision / recall; then what each gave (row) where a label "
        f'was settled (column, in the same order).</p><div class="labels">{_table(["", *labels], rows)}</div>'
        f'<div class="many">{tables}</div>'
    )


def _subsets(found: Facts) -> str:
    head = ["", "pairs", "judgments", "percent", "alpha", found["bootstrap"]["interval"]]
    rows = []
    for kind, subsets in found["subsets"].items():
        for name, each in subsets.items():
            main = each["coefficients"][f"krippendorff_{found['level']}"]
            shown = [number(each["coefficients"]["percent"]["value"]), number(main["value"]), interval(main["ci"])]
            rows.append([f"{kind}: {name}", str(each["n_pairs"]), str(each["n_judgments"]), *shown])
    return f"<h3>Parts</h3>{_table(head, rows)}" if rows else ""


def _plan(plan: Facts | None) -> str:
    if plan is None:
        return ""
    if plan["pairs"] is None:
        text = f"No plan: {plan['reason']}."
    else:
        groups = f" in {plan['groups']} leakage groups" if plan["groups"] else ""
        text = (
            f"{plan['pairs']} pairs with {plan['judgments_per_pair']:.3g} judgments each give alpha to "
            f"± {plan['half_width']:g}, if they are like these {plan['pilot_pairs']}{groups}, which gave "
            f"{number(plan['alpha'])} ± {number(plan['pilot_half_width'])}."
        )
    return f"<h3>Planning</h3><p>{escape(text)}</p>"


def _confusion(name: str, counts: Sequence[Sequence[int]], labels: Sequence[str]) -> str:
    """What one annotator gave by what was settled; a cell's shade is its share of the row."""
    rows = []
    for label, row in zip(labels, counts, strict=True):
        total = max(sum(row), 1)
        cells = "".join(f'<td style="--share: {0.6 * cell / total:.2f}">{cell}</td>' for cell in row)
        rows.append(f"<tr><th>{escape(label)}</th>{cells}</tr>")
    return f"<table><caption>{escape(name)}</caption>{''.join(rows)}</table>"


def _coefficients(found: Mapping[str, Facts], of_ci: str = "95 % interval", caption: str = "") -> str:
    rows = [[name, number(each["value"]), interval(each["ci"]), each["reason"] or ""] for name, each in found.items()]
    head = ["", "value", of_ci, "note"]
    if not any(row[-1] for row in rows):
        head, rows = head[:-1], [row[:-1] for row in rows]
    return _table(head, rows, caption)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]], caption: str = "") -> str:
    """Cells are text, and escaped here; the first of a row is its name, a column called "note" is prose."""
    kinds = [' class="note"' if title == "note" else "" for title in head]
    top = "".join(f"<th{kind}>{escape(cell)}</th>" for kind, cell in zip(kinds, head, strict=True))
    lines = []
    for name, *cells in rows:
        tds = "".join(f"<td{kind}>{escape(cell)}</td>" for kind, cell in zip(kinds[1:], cells, strict=True))
        lines.append(f"<tr><th>{escape(name)}</th>{tds}</tr>")
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    return f'<div class="wide"><table>{title}<thead><tr>{top}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'


def _picture(name: str, drawn: Mapping[str, bytes]) -> str:
    if name not in drawn:
        return ""
    data = base64.b64encode(drawn[name]).decode()
    return f'<figure><img src="data:image/png;base64,{data}" alt="{ALT[name]}"></figure>'


def number(value: float | None, digits: int = 3) -> str:
    """A coefficient as people read it.

    >>> number(0.70541), number(None)
    ('0.705', '–')
    """
    return "–" if value is None else f"{value:.{digits}f}"


def interval(ci: Sequence[float] | None) -> str:
    """An interval as people read it.

    >>> interval([0.6245, 0.7817])
    '0.624 to 0.782'
    """
    return "" if ci is None else f"{number(ci[0])} to {number(ci[1])}"
