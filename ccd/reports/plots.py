"""Pictures of agreement as PNG bytes: who is confused with what, alpha by label, drift over time.

Each takes what `agreement.json` holds of one question, and is None where there is nothing to draw. Matplotlib is loaded
when a picture is drawn, and draws to memory only.
"""

import io
import warnings
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Facts = Mapping[str, Any]

MOST_ANNOTATORS = 24  # in one picture: those with most judgments
LONGEST_NAME = 14  # characters
WIDTH = 9.0  # inches
DPI = 150
INK, GREY, BLUE = "#222222", "#999999", "#2a6db0"


def pictures(found: Facts) -> dict[str, bytes]:
    """Name → PNG of all there is to draw of a question: confusion, classes, drift."""
    import matplotlib as mpl

    with mpl.rc_context({"text.parse_math": False}):  # a name with dollar signs is a name
        drawn = {"confusion": confusion(found), "classes": classes(found), "drift": drift(found)}
    return {name: png for name, png in drawn.items() if png is not None}


def confusion(found: Facts) -> bytes | None:
    """Two grids: what another says where one says the row's label, and Cohen's kappa of each two annotators."""
    counts = np.array(found["confusions"], dtype=float)
    names = busiest(found)
    if not counts.sum():
        return None
    total = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, total, out=np.full_like(counts, np.nan), where=total > 0)
    cohen = found["coefficients"]["cohen"]
    kappas = np.full((len(names), len(names)), np.nan)
    for i, first in enumerate(names):
        for j, second in enumerate(names[i + 1 :], start=i + 1):
            value = cohen.get(f"{first}|{second}", {}).get("value")
            kappas[i, j] = kappas[j, i] = np.nan if value is None else value
    figure = canvas(WIDTH / 2 + 0.5)
    left, right = figure.subplots(1, 2)
    _grid(left, shares, found["labels"], "One says (row), another says (column)")
    _grid(right, kappas, names, "Cohen's kappa of each two annotators")
    return png(figure)


def classes(found: Facts) -> bytes | None:
    """Each label's alpha against the rest with its interval, and the alpha of all labels as a line."""
    alphas = {label: each for label, each in found["coefficients"]["per_class"].items() if each["value"] is not None}
    if not alphas:
        return None
    figure = canvas(1.2 + 0.42 * len(alphas))
    axes = figure.subplots()
    for place, each in enumerate(alphas.values()):
        if each["ci"] is not None:
            axes.plot(each["ci"], [place, place], color=BLUE, linewidth=3, alpha=0.45, solid_capstyle="round")
        axes.plot(each["value"], place, "o", color=BLUE, markersize=8)
    overall = found["coefficients"]["krippendorff_nominal"]["value"]
    axes.axvline(overall, color=GREY, linestyle="--", linewidth=1, zorder=0)
    axes.annotate("all labels", (overall, 1), xycoords=("data", "axes fraction"), xytext=(4, -2), **_SMALL)
    axes.set_yticks(range(len(alphas)), [_short(label) for label in alphas])
    axes.set_ylim(len(alphas) - 0.5, -0.9)
    lowest = min(0.0, *(each["value"] if each["ci"] is None else each["ci"][0] for each in alphas.values()))
    axes.set_xlim(lowest - 0.02, 1.02)
    axes.grid(axis="x", color=GREY, alpha=0.3)
    axes.set_title("Krippendorff's alpha, label against rest (bar: interval)", loc="left", fontsize=10)
    return png(figure)


def drift(found: Facts) -> bytes | None:
    """Agreement with the others' majority by tenths of an annotator's own judgments, of those with whom it changes.

    In grey, of all annotators. None where the test sees no change (see `ccd.measures.scorecards.Trend`).
    """
    cards = found["scorecards"]
    changes = [name for name in busiest(found) if (cards[name]["trend"] or {"changes": False})["changes"]]
    lines = {name: _line([cards[name]["drift"]]) for name in changes}
    if not lines:
        return None
    everybody = _line([card["drift"] for card in cards.values() if card["drift"]])
    columns = min(4, len(lines))
    rows = -(-len(lines) // columns)
    figure = canvas(0.8 + 1.5 * rows)
    panels = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False).ravel()
    for axes in panels[len(lines) :]:
        axes.set_axis_off()
    for axes, (name, line) in zip(panels, lines.items(), strict=False):
        axes.plot(range(1, 11), everybody, color=GREY, linewidth=1)
        axes.plot(range(1, 11), line, "o-", color=BLUE, markersize=3.5, linewidth=1.6)
        axes.set_title(_short(name), loc="left", fontsize=9)
        axes.grid(axis="y", color=GREY, alpha=0.3)
        axes.set(ylim=(-0.05, 1.05), xticks=(1, 5, 10), yticks=(0, 0.5, 1))
        axes.tick_params(labelsize=8)
    figure.supxlabel("tenth of their own judgments, in time order (grey: all annotators)", fontsize=9)
    figure.supylabel("as the others' majority", fontsize=9)
    return png(figure)


_SMALL: dict[str, Any] = {"textcoords": "offset points", "fontsize": 8, "color": INK, "va": "top"}


def busiest(found: Facts) -> list[str]:
    """Those annotators that are drawn, by name: MOST_ANNOTATORS with most judgments."""
    cards = found["scorecards"]
    ranked = sorted(cards, key=lambda name: (-cards[name]["judgments"], name))
    return sorted(name for name in ranked[:MOST_ANNOTATORS] if cards[name]["judgments"])


def _line(drifts: Sequence[Sequence[Facts]]) -> npt.NDArray[np.float64]:
    """Return the share in each tenth, over all these drifts; NaN where there is none."""
    part, of = (np.array([[share[key] for share in each] for each in drifts]).sum(axis=0) for key in ("part", "of"))
    shares: npt.NDArray[np.float64] = np.divide(part, of, out=np.full(len(of), np.nan), where=of > 0)
    return shares


def canvas(height: float) -> "Figure":
    """Return an empty figure of the usual width, `height` inches high."""
    from matplotlib.figure import Figure

    return Figure(figsize=(WIDTH, height), dpi=DPI, layout="constrained", facecolor="white")


def _grid(axes: "Axes", values: npt.NDArray[np.float64], names: Sequence[str], title: str) -> None:
    """Return a square of shaded numbers from 0 to 1, a row and a column for each name."""
    axes.imshow(values, cmap="Blues", vmin=0, vmax=1)
    size = len(names)
    if size <= 12:
        for row, column in np.argwhere(~np.isnan(values)):
            value = values[row, column]
            dark = "white" if value > 0.55 else INK
            axes.text(column, row, f"{value:.2f}", ha="center", va="center", color=dark, fontsize=10 - size / 3)
    small = 9 if size <= 12 else 7
    shown = [_short(name) for name in names]
    longest = max(map(len, shown), default=0)
    axes.set_xticks(range(size), shown, fontsize=small, rotation=90 if size * longest > 30 else 0)
    axes.set_yticks(range(size), shown, fontsize=small)
    axes.tick_params(length=0)
    axes.set_title(title, loc="left", fontsize=10)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"


def png(figure: "Figure") -> bytes:
    """Return the picture; the same numbers give the same bytes."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")  # the page has the name as it is
        figure.savefig(buffer, format="png", bbox_inches="tight", metadata={"Software": None})
    return buffer.getvalue()
