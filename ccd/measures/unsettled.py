"""What pairs that were judged in full and got no label leave unknown of the labels' shares in all pairs.

Shares of labels are of settled pairs, as if the others were like them; and those on which annotators tie are not. With
none of them counted for a label and with all, its share is bounded whatever they are. The pairs without a label are one
more label to the design of the draws (ccd/campaign/draws.py), so strata, ranked rounds and unequal chances count as
they do for shares.

Manski, C. F. (1989). Anatomy of the selection problem. Journal of Human Resources 24(3), 343-360.
Imbens, G. W., & Manski, C. F. (2004). Confidence intervals for partially identified parameters. Econometrica 72(6),
1845-1857.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ccd.measures.draws import Floats, Stratum
from ccd.measures.prevalence import shares
from ccd.measures.ties import OPEN


@dataclass(frozen=True)
class Bounds:
    """The bounds of a label's share of all pairs: from `least` to `most`.

    With the draws' sampling error it is from `low` to `high`: the ends of the two 95 % intervals, which hold the share
    at least as often.
    """

    least: float
    most: float
    low: float
    high: float


def of_strata(strata: Sequence[Stratum], labels: Sequence[str]) -> dict[str, Bounds]:
    """Return the bounds of each of the labels [C]; counts of the strata [C + 1] have the pairs without a label last.

    >>> import numpy as np
    >>> one = of_strata([Stratum(1, 1000, {1: np.array([80.0, 10.0, 10.0])})], ["no", "yes"])["yes"]
    >>> round(one.least, 3), round(one.most, 3), one.low < 0.1, one.high > 0.2
    (0.1, 0.2, True, True)
    """
    names = [*labels, OPEN]
    found = {}
    for place, (name, without) in enumerate(zip(labels, shares(strata, names), strict=False)):
        every = shares([_counted(stratum, place) for stratum in strata], names)[place]
        ends = without.share, every.share, without.low, every.high
        if None not in ends:
            found[name] = Bounds(*(float(end or 0) for end in ends))
    return found


def _counted(stratum: Stratum, label: int) -> Stratum:
    """Return the stratum with its pairs without a label counted for one."""

    def added(by_round: Mapping[int, Floats]) -> dict[int, Floats]:
        found = {number: counts.copy() for number, counts in by_round.items()}
        for counts in found.values():
            counts[label] += counts[-1]
            counts[-1] = 0
        return found

    return replace(stratum, sampled=added(stratum.sampled), others=added(stratum.others))
