"""Coefficients of agreement as pure functions of a pattern table.

Each takes how often every pattern occurs, `weights` [draws, patterns], and gives its value for every draw: [draws],
NaN where it is undefined. One draw with the table's own `pairs` is the coefficient itself. Let n_c be a pair's votes
for label c, n its votes, and K the number of labels.

Krippendorff, K. (2011). Computing Krippendorff's alpha-reliability. https://repository.upenn.edu/asc_papers/43
Scott, W. A. (1955). Reliability of content analysis. Public Opinion Quarterly 19(3), 321-325.
Fleiss, J. L. (1971). Measuring nominal scale agreement among many raters. Psychological Bulletin 76(5), 378-382.
Cohen, J. (1960). A coefficient of agreement for nominal scales. Educational and Psychological Measurement 20(1), 37-46.
Gwet, K. L. (2008). Computing inter-rater reliability and its variance in the presence of high agreement. British
Journal of Mathematical and Statistical Psychology 61(1), 29-48; with missing votes: Gwet (2014), Handbook of
Inter-Rater Reliability, 4th edition.
"""

import numpy as np
import numpy.typing as npt

from ccd.measures.patterns import Codes, Crossed, Floats, Patterns
from ccd.protocol import Level

Weights = npt.NDArray[np.int64]


def observed_agreement(table: Patterns, weights: Weights) -> Floats:
    """Share of agreeing comparisons in a pair, sum_c n_c (n_c - 1) / n (n - 1); mean over pairs with n of 2 or more.

    >>> two = Patterns(np.array([[2.0, 0.0], [1.0, 1.0]]), np.array([2.0, 2.0]), np.array([3, 1]))
    >>> observed_agreement(two, two.pairs[None, :])
    array([0.75])
    """
    carrying = table.comparisons > 0
    each = _ratio((table.counts**2).sum(axis=1) - table.own, table.comparisons)
    return _ratio(weights @ np.where(carrying, each, 0), weights @ carrying)


def fleiss(table: Patterns, weights: Weights) -> Floats:
    """Fleiss' kappa, (P - Pe) / (1 - Pe): P as `observed_agreement`, Pe = sum_c p_c².

    Where numbers of votes differ, two conventions are in use for p_c; here it is the mean over pairs of n_c / n, so
    that every judged pair weighs the same (Gwet 2014), and not the share of c in all votes.
    """
    return _beyond_chance(observed_agreement(table, weights), (_shares(table, weights) ** 2).sum(axis=1))


def scott(table: Patterns, weights: Weights) -> Floats:
    """Scott's pi of two annotators: Fleiss' kappa of the pairs that both judged."""
    both = table.comparisons > 0
    return fleiss(Patterns(table.counts[both], table.own[both], table.pairs[both]), weights[:, both])


def gwet_ac1(table: Patterns, weights: Weights) -> Floats:
    """Gwet's AC1, (P - Pe) / (1 - Pe) with Pe = sum_c p_c (1 - p_c) / (K - 1), p_c as in `fleiss`.

    K is the number of labels on offer, given or not.
    """
    shares = _shares(table, weights)
    labels = np.array(float(table.counts.shape[1] - 1))
    return _beyond_chance(observed_agreement(table, weights), _ratio((shares * (1 - shares)).sum(axis=1), labels))


def alpha(table: Patterns, weights: Weights, level: Level, values: Floats) -> Floats:
    """Krippendorff's alpha, 1 - Do / De, of labels that count as `values` [labels] on interval level.

    All three metrics need no matrix of labels x labels: nominal disagreement of counts n_c is (sum n)² - sum n_c², and
    for squared differences of values v_c it is 2 (sum n · sum n_c v_c² - (sum n_c v_c)²). The ordinal metric is the
    squared difference of mid-ranks, v_c = n_1 + … + n_(c-1) + n_c / 2.
    """
    counts, scale = _pairable(table)
    n = counts.sum(axis=1)
    used = weights @ counts  # [draws, labels]
    total = used.sum(axis=1)
    if level == "nominal":
        observed = weights @ ((n**2 - (counts**2).sum(axis=1)) * scale)
        expected = total**2 - (used**2).sum(axis=1)
    else:
        place = np.broadcast_to(values, used.shape) if level == "interval" else used.cumsum(axis=1) - used / 2
        place = place - _ratio((used * place).sum(axis=1), total)[:, None]  # centred, so that nothing cancels
        spread = n * (place**2 @ counts.T) - (place @ counts.T) ** 2  # [draws, patterns]
        observed = 2 * (weights * spread * scale).sum(axis=1)
        expected = 2 * total * (used * place**2).sum(axis=1)
    expected = np.where((used > 0).sum(axis=1) > 1, expected, 0)
    return 1 - _ratio(observed * (total - 1), expected)


def one_against_rest(table: Patterns, weights: Weights) -> Floats:
    """Krippendorff's nominal alpha of each label against all others as one: [draws, labels]."""
    counts, scale = _pairable(table)
    used = weights @ counts
    total = used.sum(axis=1, keepdims=True)
    observed = weights @ (counts * (counts.sum(axis=1, keepdims=True) - counts) * scale[:, None])
    return 1 - _ratio(observed * (total - 1), used * (total - used))


def cohen(table: Crossed, weights: Weights) -> Floats:
    """Return Cohen's kappa of two annotators, (P - Pe) / (1 - Pe): [draws, 1].

    P is the share of pairs where they agree, Pe = sum_c a_c b_c of their own shares of each label; `weights` is
    [draws, cells].
    """
    total = weights.sum(axis=1)
    first, second = (_ratio(_by_label(weights, table.label[:, i]), total[:, None]) for i in (0, 1))
    labels = min(first.shape[1], second.shape[1])  # those above are one annotator's alone: no agreement by chance
    same = _ratio(weights @ (table.label[:, 0] == table.label[:, 1]), total)
    return _beyond_chance(same, (first[:, :labels] * second[:, :labels]).sum(axis=1))[:, None]


def _by_label(weights: Weights, label: Codes) -> Floats:
    """Weights of the cells of each label: [draws, labels]."""
    order = np.argsort(label, kind="stable")
    starts = np.flatnonzero(np.diff(label[order], prepend=-1))
    found = np.zeros((len(weights), int(label.max()) + 1))
    found[:, label[order][starts]] = np.add.reduceat(weights[:, order], starts, axis=1)
    return found


def _pairable(table: Patterns) -> tuple[Floats, Floats]:
    """Return counts of the pairs that have a comparison, 0 for others, and n / n (n - 1) of each.

    What a comparison weighs.
    """
    carrying = table.comparisons > 0
    scale = np.divide(table.votes, table.comparisons, out=np.zeros(len(carrying)), where=carrying)
    return table.counts * carrying[:, None], scale


def _shares(table: Patterns, weights: Weights) -> Floats:
    """Mean over judged pairs of n_c / n: [draws, labels]."""
    return _ratio(weights @ (table.counts / table.votes[:, None]), weights.sum(axis=1, keepdims=True))


def _beyond_chance(observed: Floats, expected: Floats) -> Floats:
    """Undefined where chance alone agrees: the share of a label that is the only one is exactly 1, a sum of ones."""
    return _ratio(observed - expected, 1 - expected)


def _ratio(above: Floats, below: Floats | Weights) -> Floats:
    """Return above / below, NaN where below is 0."""
    undefined = np.full(np.broadcast(above, below).shape, np.nan)
    return np.asarray(np.divide(above, below, out=undefined, where=below != 0))
