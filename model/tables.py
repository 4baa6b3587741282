"""The paper's tables as data: which networks a row stands for, and what was printed of it.

Xu et al. (2021), Tables III to VI and Fig. 4; all on CCD, 983 test pairs. What is odd about the figures is in `notes`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from model.paper import StreamWeights

GRID = (0.1, 0.4, 0.7, 1.0, 1.3, 1.6, 1.9)  # of both stream weights; the paper's best, 0.7 and 1.3, is on it


@dataclass(frozen=True)
class TableRow:
    """One line of a table: a network of the zoo with `switches` of its config.

    `plain`: on words without BERT, the first of two word encoders. `twin`: there is a row that differs only by BERT,
    so this one is measured where there are two word encoders. `paper`: its figures in percent, by measure or label.
    """

    name: str
    model: str
    switches: Mapping[str, Any] = field(default_factory=dict)
    plain: bool = False
    twin: bool = False
    paper: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Table:
    """Rows, and what is to be said of the paper's figures. `by_label`: F1 of each label in place of accuracy and F1."""

    title: str
    rows: tuple[TableRow, ...]
    notes: tuple[str, ...] = ()
    by_label: bool = False


def _two(accuracy: float, weighted: float) -> dict[str, float]:
    return {"accuracy": accuracy, "weighted_f1": weighted}


_NOISE = "Of 983 test pairs the standard error of an accuracy near 85 is 1.14: most of the paper's gaps are less."
_SCAN = "The paper's SCAN is, to the digit, its own alignment net on GloVe (Table IV): likely no SCAN was measured."
_MAJORITY = "The paper's majority accuracy fits no count of 983 pairs; by its Table II it is 56.77."
_WEIGHTED = "By the paper's F1 of each label and its Table II, weighted F1 is 84.38, 83.98 and 83.07, not as printed."
_VAR_TWICE = "The paper prints its fourth row as var, var, var, var; read here as raw + var, the one left out."
_BEST = "Of the paper's figure we know its best point alone, 0.7 and 1.3."

_TABLE3 = Table(
    "Table III: all methods",
    (
        TableRow("Random", "random", paper=_two(35.45, 38.30)),
        TableRow("Stratified random", "stratified"),
        TableRow("Majority", "majority", paper=_two(56.19, 40.43)),
        TableRow("Text only", "text"),
        TableRow("Image only", "image"),
        TableRow("Similarity profile + LR", "similarity"),
        TableRow("TFN", "tfn", plain=True, paper=_two(79.76, 79.46)),
        TableRow("CoMemory", "comemory", plain=True, paper=_two(77.82, 77.42)),
        TableRow("SCAN", "scan", plain=True, paper=_two(80.87, 79.49)),
        TableRow("InceptionNet+LSTM", "inception-lstm", plain=True, paper=_two(76.93, 75.45)),
        TableRow("DCNN (GloVe)", "dcnn", plain=True, twin=True, paper=_two(79.87, 78.92)),
        TableRow("DCNN (GloVe+BERT)", "dcnn", paper=_two(82.70, 82.34)),
        TableRow("Deep Classifier", "deep-classifier", plain=True, paper=_two(80.47, 79.14)),
        TableRow("AnANet (GloVe)", "paper", plain=True, twin=True, paper=_two(81.58, 81.09)),
        TableRow("AnANet (GloVe+BERT)", "paper", paper=_two(84.84, 83.84)),
        TableRow("ananet", "ananet"),
    ),
    (_MAJORITY, _SCAN, _NOISE),
)


def _without(association: bool, alignment: bool, accuracy: float, weighted: float, bert: bool) -> TableRow:
    off = [name for name, on in (("association", association), ("alignment", alignment), ("BERT", bert)) if not on]
    # With both streams off mean features are concatenated.
    switches = {"association": association, "alignment": alignment}
    name = f"AnANet without {', '.join(off)}" if off else "AnANet"
    return TableRow(name, "paper", switches, plain=not bert, twin=not bert, paper=_two(accuracy, weighted))


_TABLE4 = Table(
    "Table IV: parts of AnANet",
    (
        _without(True, True, 84.84, 83.84, bert=True),
        _without(True, True, 81.58, 81.09, bert=False),
        _without(False, True, 83.21, 82.32, bert=True),
        _without(False, True, 80.87, 79.49, bert=False),
        _without(True, False, 83.52, 83.20, bert=True),
        _without(True, False, 81.18, 80.09, bert=False),
        _without(False, False, 83.01, 82.28, bert=True),
        _without(False, False, 81.28, 80.18, bert=False),
    ),
    (_NOISE, _WEIGHTED),
)
_TABLE5 = Table(
    "Table V: F1 of each label",
    (
        TableRow("AnANet", "paper", paper={"explicit": 90.22, "implicit": 42.86, "irrelevant": 87.97}),
        TableRow(
            "association only", "paper", {"alignment": False},
            paper={"explicit": 90.02, "implicit": 43.65, "irrelevant": 86.82},
        ),
        TableRow(
            "alignment only", "paper", {"association": False},
            paper={"explicit": 89.68, "implicit": 37.71, "irrelevant": 86.59},
        ),
        TableRow("ananet", "ananet"),
        TableRow("ananet, association only", "ananet", {"alignment": False}),
        TableRow("ananet, alignment only", "ananet", {"association": False}),
    ),
    (_WEIGHTED, "The paper has 106 implicit test pairs: 5 points of their F1 are five or six of them."),
    by_label=True,
)  # fmt: skip
_TABLE6 = Table(
    "Table VI: features of the association net",
    tuple(
        TableRow(" + ".join(features), "paper", {"association_features": features}, paper=_two(*figures))
        for features, figures in (
            (("inv",), (84.84, 83.84)),
            (("var",), (84.02, 83.49)),
            (("raw",), (83.92, 82.84)),
            (("raw", "var"), (84.02, 83.38)),
            (("inv", "raw"), (84.13, 83.36)),
            (("inv", "var"), (83.32, 83.05)),
            (("inv", "var", "raw"), (83.42, 82.91)),
        )
    ),
    (_VAR_TWICE, _NOISE),
)
_FIG4 = Table(
    "Fig. 4: weights of the two streams (association, alignment)",
    tuple(
        TableRow(
            f"{association}, {alignment}", "paper", {"stream_weights": StreamWeights(association, alignment)},
            paper=_two(84.84, 83.84) if (association, alignment) == (0.7, 1.3) else {},
        )
        for association in GRID
        for alignment in GRID
    ),
    (_BEST,),
)  # fmt: skip
_ABLATION = Table(
    "What each part of ananet is worth",
    (
        TableRow("ananet", "ananet"),
        *(
            TableRow(f"without {name}", "ananet", {switch: value})
            for name, switch, value in (
                ("association", "association", False),
                ("alignment", "alignment", False),
                ("interaction", "interaction", False),
                ("several heads", "heads", 1),
                ("pooled evidence", "pooled", False),
                ("the shared space", "shared_space", False),
            )
        ),
    ),
)
TABLES: Mapping[str, Table] = {
    "table3": _TABLE3,
    "table4": _TABLE4,
    "table5": _TABLE5,
    "table6": _TABLE6,
    "fig4": _FIG4,
    "ablation": _ABLATION,
}
