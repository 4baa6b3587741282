"""The pictures of a release as PNG bytes: class shares, agreement, and examples of each class.

The same facts give the same bytes. Matplotlib is loaded when a picture is drawn, and draws to memory only.
"""

import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ccd.files.photo import opened, rendered
from ccd.release.content import ReleasedPair
from ccd.reports import plots

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Facts = Mapping[str, Any]
NAMES = ("shares.png", "agreement.png", "examples.png")  # in the order of the card
_SIDE = 480  # pixels of an example's longer side
_LINES, _WIDTH = 4, 34  # of an example's text


def pictures(facts: Facts, examples: Mapping[str, list[ReleasedPair]], folder: Path) -> dict[str, bytes]:
    """File name → PNG of what there is to draw; the images of `examples` (label → pairs) lie in `folder`."""
    from matplotlib import style

    found = facts["agreement"][facts["question"]]
    with style.context(["default", {"text.parse_math": False}]):  # nobody's own style; a text with $ is a text
        shown = _examples(examples, folder) if any(examples.values()) else None
        drawn = zip(NAMES, (_shares(facts), plots.classes(found), shown), strict=True)
    return {name: png for name, png in drawn if png is not None}


def _shares(facts: Facts) -> bytes | None:
    """Raw share of each class, and beside it the estimated share of all pairs with its interval."""
    rows = facts["prevalence"]
    if not rows:
        return None
    figure = plots.canvas(1.5 + 0.6 * len(rows))
    axes = figure.subplots()
    for place, each in enumerate(rows):
        axes.barh(
            place - 0.18, each["share"] or 0, height=0.34, color=plots.GREY, label="raw share of all labelled pairs"
        )
        if each["prevalence"] is not None:
            axes.barh(
                place + 0.18,
                each["prevalence"],
                height=0.34,
                color=plots.BLUE,
                label="share of all pairs, estimated (line: 95 % interval)",
            )
            axes.plot([each["low"], each["high"]], [place + 0.18] * 2, color=plots.INK, linewidth=1.5)
    axes.set_yticks(range(len(rows)), [f"{each['label']} ({each['pairs']:,})" for each in rows])
    axes.invert_yaxis()
    axes.set_xlim(0, 1)
    axes.xaxis.set_major_formatter(lambda share, _: f"{share:.0%}")
    axes.grid(axis="x", color=plots.GREY, alpha=0.3)
    axes.set_title(f"Class shares{' (synthetic)' if facts['synthetic'] else ''}", loc="left", fontsize=10)
    handles, labels = axes.get_legend_handles_labels()
    once = dict(zip(labels, handles, strict=True))
    figure.legend(once.values(), once.keys(), loc="outside lower center", ncols=2, frameon=False, fontsize=8)
    return plots.png(figure)


def _examples(examples: Mapping[str, list[ReleasedPair]], folder: Path) -> bytes:
    """Return a row a class: photos with their texts, from train."""
    rows = {label: pairs for label, pairs in examples.items() if pairs}
    columns = max(map(len, rows.values()))
    figure = plots.canvas(2.9 * len(rows))
    grid = figure.subplots(len(rows), columns, squeeze=False)
    for panels, (label, pairs) in zip(grid, rows.items(), strict=True):
        for axes in panels:
            axes.set_axis_off()
        for axes, pair in zip(panels, pairs, strict=False):
            _example(axes, pair, folder)
        panels[0].text(0, 1.04, label, transform=panels[0].transAxes, fontsize=10, weight="bold", va="bottom")
    return plots.png(figure)


def _example(axes: "Axes", pair: ReleasedPair, folder: Path) -> None:
    with opened(folder / pair.file) as image:
        image.draft("RGB", (_SIDE, _SIDE))
        small = rendered(image)
        small.thumbnail((_SIDE, _SIDE))
    axes.imshow(small)
    axes.set_anchor("NW")
    lines = textwrap.wrap(_drawable(pair.row["text"]), _WIDTH, max_lines=_LINES, placeholder=" …")
    axes.text(0, -0.04, "\n".join(lines), transform=axes.transAxes, fontsize=6.5, va="top", color=plots.INK)


def _drawable(text: str) -> str:
    """Return the text without what the font has no picture of, such as emoji."""
    from matplotlib import font_manager

    known = font_manager.get_font(font_manager.findfont("DejaVu Sans")).get_charmap()
    return "".join(character for character in text if ord(character) in known or character.isspace())
