"""A coefficient's value with its interval, or with the reason why it has none."""

from dataclasses import dataclass

import numpy as np

from ccd.measures.bootstrap import interval
from ccd.measures.patterns import Floats, Ints, Patterns
from ccd.measures.related import Clusters

SMALL_TEAM = 50  # of more annotators, only those two are in `cohen` who have pairs in common, without intervals
NOTHING = "no pair has two judgments"
ONE_LABEL = "one label only: chance agreement is 1"
CROWD = f"no interval: not drawn for more than {SMALL_TEAM} annotators"
ONE_PAIR = "no interval: one pair alone"
ONE_GROUP = "no interval: all its pairs are of one leakage group"
FEWEST_PAIRS = 20  # with fewer, an interval of two annotators' kappa holds the truth far less often than it says
FEWEST_OF_LABEL = 10  # judgments of a label, in a kappa of two annotators or the label's own alpha
UNSTEADY = "no interval: undefined on more than 5 % of the draws"


@dataclass(frozen=True)
class Coefficient:
    """A value and its 95 % interval; None where undefined. `reason` says why, or how the value is to be read."""

    value: float | None
    ci: tuple[float, float] | None
    reason: str | None = None


@dataclass(frozen=True)
class Carrying:
    """How many pairs carry a coefficient, of how many leakage groups; `grouped` where two of all pairs share one."""

    pairs: int
    groups: int
    grouped: bool

    @classmethod
    def of(cls, pairs: Ints, clusters: Clusters | None) -> "Carrying":
        """From the pairs [patterns] that carry it, 0 where a pattern does not, and the clusters."""
        number = int(pairs.sum())
        if clusters is None:
            return cls(number, number, False)
        within = (clusters.place >= 0) & np.append(pairs > 0, False)[clusters.place]
        return cls(number, number - int(within.sum()) + len(np.unique(clusters.group[within])), True)


def coefficient(
    value: float,
    drawn: Floats | None,
    by: Carrying,
    undefined: str,
    note: str | None = None,
    expanded: bool = False,
) -> Coefficient:
    """Return a value with the interval of its draws; `undefined` is why it would be NaN, `note` how to read it.

    An interval of groups is an expanded percentile interval, as they may be few (see
    `ccd.measures.bootstrap.interval`).
    """
    if not by.pairs:
        return Coefficient(None, None, NOTHING)
    if np.isnan(value):
        return Coefficient(None, None, undefined)
    if drawn is None:
        return Coefficient(float(value), None, CROWD)
    many = by.groups > 1
    ci = interval(drawn, by.groups if expanded or by.grouped else None) if many else None
    if ci is None:
        why = UNSTEADY if many else ONE_GROUP if by.pairs > 1 else ONE_PAIR
        note = "; ".join(filter(None, [why, note]))
    return Coefficient(float(value), ci, note)


def withheld(found: Coefficient, pairs: int | None, of_label: int) -> Coefficient:
    """Return the coefficient without its interval, and why, where too few `pairs` or judgments of a label carry it."""
    if found.value is None or found.reason == CROWD:
        return found
    if pairs is not None and pairs < FEWEST_PAIRS:
        return Coefficient(found.value, None, f"no interval: fewer than {FEWEST_PAIRS} pairs in common")
    if of_label < FEWEST_OF_LABEL:
        return Coefficient(found.value, None, f"no interval: a label with fewer than {FEWEST_OF_LABEL} judgments")
    return found


def carrying(table: Patterns, clusters: Clusters | None) -> Carrying:
    """Return the pairs that have two judgments or more."""
    return Carrying.of(table.pairs * (table.comparisons > 0), clusters)
