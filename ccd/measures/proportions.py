"""Shares: their interval, their trend over ordered groups, and p-values of many tests at once."""

import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist

FEWEST = 20  # with fewer, the normal distribution of the trend's z is not to be relied on


def wilson(part: int, of: int, level: float = 0.95) -> tuple[float, float]:
    """Return the score interval of a share, `part` of `of` (1 or more).

    Wilson, E. B. (1927). Probable inference, the law of succession, and statistical inference. Journal of the American
    Statistical Association 22(158), 209-212. It holds what it says where the usual interval, p ± 1.96 standard errors,
    does not: for few and for shares near 0 or 1 (Brown, Cai and DasGupta 2001, Statistical Science 16(2), 101-133).

    >>> tuple(round(end, 4) for end in wilson(9, 10))
    (0.5958, 0.9821)
    """
    z2 = NormalDist().inv_cdf((1 + level) / 2) ** 2
    middle = (part + z2 / 2) / (of + z2)
    half = math.sqrt(z2 * (part * (of - part) / of + z2 / 4)) / (of + z2)
    return max(0.0, middle - half), min(1.0, middle + half)


def trend(parts: Sequence[int], totals: Sequence[int]) -> tuple[float, float] | None:
    """Test whether a share rises or falls over ordered groups: (z, two-sided p), z below 0 where it falls.

    None where there are fewer than FEWEST in all, in one group alone, or all or none of them are in the share.
    The groups' scores are 0, 1, 2 …

    Cochran, W. G. (1954). Some methods for strengthening the common χ² tests. Biometrics 10(4), 417-451.
    Armitage, P. (1955). Tests for linear trends in proportions and frequencies. Biometrics 11(3), 375-386.

    >>> z, p = trend([10, 9, 8, 7, 5], [10] * 5)
    >>> round(z, 3), round(p, 4)
    (-2.897, 0.0038)
    """
    number, part = sum(totals), sum(parts)
    share = part / number if number else 0.0
    first = sum(score * of for score, of in enumerate(totals))
    spread = sum(score**2 * of for score, of in enumerate(totals)) - (first**2 / number if number else 0)
    variance = share * (1 - share) * spread
    if number < FEWEST or variance <= 1e-12:
        return None
    z = sum(score * (x - of * share) for score, (x, of) in enumerate(zip(parts, totals, strict=True)))
    z /= math.sqrt(variance)
    return z, math.erfc(abs(z) / math.sqrt(2))


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Return adjusted p-values.

    The smallest of m times m, the next times m - 1, none below the one before, none above 1. Holm, S. (1979). A simple
    sequentially rejective multiple test procedure. Scandinavian Journal of Statistics 6.

    >>> holm({"a": 0.01, "b": 0.04, "c": 0.03})
    {'a': 0.03, 'c': 0.06, 'b': 0.06}
    """
    adjusted, highest = {}, 0.0
    for place, (name, p) in enumerate(sorted(p_values.items(), key=lambda each: each[1])):
        highest = max(highest, min(1.0, p * (len(p_values) - place)))
        adjusted[name] = highest
    return adjusted
