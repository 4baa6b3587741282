"""How common each label is among all pairs, how many pairs of it are still to find, and whether ranking pays.

Estimated from the pairs that were drawn at random alone (ccd/campaign/draws.py). A label says nothing about other
pairs, not even about the same photo with another text.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ccd.measures.draws import Stratum
from ccd.wording import number_of

Floats = npt.NDArray[np.float64]

TOO_WIDE = 0.5  # an interval of a share that is wider says too little to be reported
MARGIN = 1.25  # ranking that surely finds less than so many times what chance finds does not pay


@dataclass(frozen=True)
class LabelShare:
    """A label's share of all pairs with its 95 % interval, the pairs `found` so far, and how many are still to find.

    Share and unfound are None where too little is known. Where all pairs are judged, their intervals have no width.
    """

    label: str
    found: int
    share: float | None = None
    low: float | None = None
    high: float | None = None
    unfound: float | None = None
    unfound_low: float | None = None
    unfound_high: float | None = None


@dataclass(frozen=True)
class Payoff:
    """What `rounds` ranked rounds found, of `judged` pairs, beside what as many random ones would have (`random`).

    `ratio` of the two rates, None where chance finds nothing; its upper limit is None where it has no bound. `pays` is
    None where that cannot be told.
    """

    rounds: int
    judged: int
    hits: int
    rate: float
    low: float
    high: float
    random: float
    random_low: float
    random_high: float
    ratio: float | None
    ratio_low: float
    ratio_high: float | None
    pays: bool | None


@dataclass(frozen=True)
class Prevalence:
    """A LabelShare for each label, among `pairs`, of which `left` have no label.

    Of `sent` pairs that were drawn at random, `drawn` are settled; the others are in no figure, and nor are the
    `uncovered` pairs, which were collected after the last draw. `payoff` of the active rounds for the label `sought`,
    None before there is one.
    """

    pairs: int
    left: int
    drawn: int
    sent: int
    uncovered: int
    labels: tuple[LabelShare, ...]
    sought: str | None
    payoff: Payoff | None

    @property
    def known(self) -> bool:
        """Whether enough is known to report shares."""
        return any(label.share is not None for label in self.labels)

    def beside_raw_shares(self) -> list[dict[str, Any]]:
        """Of each label that occurs: label, pairs and share of all labelled pairs, and prevalence, low, high (95 %)."""
        labelled = sum(label.found for label in self.labels)
        return [
            {"label": label.label, "pairs": label.found, "share": label.found / labelled}
            | {"prevalence": label.share, "low": label.low, "high": label.high}
            for label in self.labels
            if label.found
        ]


def basis(facts: Mapping[str, Any]) -> str:
    """Return what the shares are of, in words; `facts` are the fields of a Prevalence.

    >>> basis({"pairs": 990, "left": 851, "drawn": 139, "sent": 149, "uncovered": 0})
    'Of 990 pairs, by 139 of 149 drawn at random (10 drawn and not settled are in no figure)'
    """
    said = f"Of {number_of(facts['pairs'], 'pair')}, "
    said += f"by {facts['drawn']:,} of {facts['sent']:,} drawn at random" if facts["left"] else "all judged"
    without = []
    if missing := facts["sent"] - facts["drawn"]:
        without.append(f"{missing:,} drawn and not settled {'is' if missing == 1 else 'are'} in no figure")
    if later := facts["uncovered"]:
        speaks = "that no settled draw speaks for"
        without.append(number_of(later, f"pair {speaks} is in none", f"pairs {speaks} are in none"))
    return said + (f" ({'; '.join(without)})" if without else "")


def too_little(facts: Mapping[str, Any]) -> str:
    """Return that shares are not known, and why; `facts` are the fields of a Prevalence.

    >>> too_little({"drawn": 1, "sent": 4})
    'Too little is known of how common the labels are: 1 of 4 pairs drawn at random is settled'
    """
    verb = "is" if facts["drawn"] == 1 else "are"
    said = f"{facts['drawn']:,} of {number_of(facts['sent'], 'pair')} drawn at random {verb} settled"
    return f"Too little is known of how common the labels are: {said}"


def interval(share: Mapping[str, Any]) -> str:
    """Return the 95 % interval of a share in words, by its `low` and `high`: "all judged" where it has no width.

    >>> interval({"low": 0.051, "high": 0.171})
    '5.1% to 17.1%'
    """
    return "all judged" if share["low"] == share["high"] else f"{share['low']:.1%} to {share['high']:.1%}"


def shares(strata: Sequence[Stratum], names: Sequence[str]) -> tuple[LabelShare, ...]:
    """Return the share of each label of `names`, and the pairs still to find, in the pairs of all strata.

    In a stratum each draw estimates the label's pairs as those known when it was drawn and the pool times the sample's
    mean, and draws are averaged by `Stratum.worth`. The mean's interval is Clopper and Pearson's (1934) at the size at
    which p (1 - p) / size is the estimate's variance, that of simple random sampling with the finite population
    correction (Cochran 1977, ch. 2 and 3). Pairs that were taken before a draw and are not settled may all have the
    label, or none. Strata are added by Zou, Huang and Zhang (2009), "A note on confidence interval estimation for a
    linear function of binomial proportions", Computational Statistics and Data Analysis 53(4). Nothing is less than
    what is known, nor more than what is left.

    >>> one = shares([Stratum(1, 1000, {1: np.array([90.0, 10.0])})], ["no", "yes"])[1]
    >>> round(one.share, 3), round(one.low, 3), round(one.high, 3), round(one.unfound)
    (0.1, 0.051, 0.171, 90)
    """
    if not strata:
        return tuple(LabelShare(name, 0) for name in names)
    pairs = sum(stratum.pairs for stratum in strata)
    known = sum(stratum.known for stratum in strata)
    left = sum(stratum.left for stratum in strata)
    total, low, high = _summed(strata)
    found = []
    for name, sure, *ends in zip(names, np.asarray(known), total, low, high, strict=True):
        ends = [float(np.clip(end, sure, sure + left)) for end in ends]
        told = [*(end / pairs for end in ends), *(end - float(sure) for end in ends)]
        found.append(LabelShare(name, round(float(sure)), *told))
    return tuple(found)


def _summed(strata: Sequence[Stratum]) -> tuple[Floats, Floats, Floats]:
    """Return the pairs of each label in all strata [C], and the ends of their 95 % intervals [C]."""
    each = [_of_stratum(stratum) for stratum in strata]
    total = sum(middle for middle, _, _ in each)
    below = np.sqrt(sum((middle - low) ** 2 for middle, low, _ in each))
    above = np.sqrt(sum((high - middle) ** 2 for middle, _, high in each))
    return np.asarray(total), np.asarray(total - below), np.asarray(total + above)


def _of_stratum(stratum: Stratum) -> tuple[Floats, Floats, Floats]:
    """Return the pairs of each label in one stratum [C], and the ends of their 95 % intervals [C]."""
    known, left, worth, draws = stratum.known, stratum.left, stratum.worth(), stratum.draws
    if not left:
        return known, known, known
    pool = worth * [draw.pool for draw in draws]
    unknown = worth * [draw.unknown for draw in draws]
    means = np.array([draw.sample / draw.size for draw in draws])  # [draws, C]
    mean = (pool + unknown) @ means / (pool + unknown).sum()
    before = worth @ np.array([draw.known for draw in draws])
    mixed = pool / pool.sum()
    variance = float(sum(m**2 * (1 - d.size / d.pool) / d.size for m, d in zip(mixed, draws, strict=True)))
    ends = np.array([_interval(p / variance, 1 / variance) if variance > 0 else (p, p) for p in mean])
    unfound = np.maximum(before + (pool + unknown).sum() * mean - known, 0)
    unfound *= left / unfound.sum()
    low = before + pool.sum() * ends[:, 0] - known
    high = before + pool.sum() * ends[:, 1] + unknown.sum() - known
    # Of what nobody has judged one pair more or less can always be: no interval has no width.
    low = np.minimum(np.clip(low, 0, left - 1), unfound)
    high = np.maximum(np.clip(high, 1, left), unfound)
    return known + unfound, known + low, known + high


def _interval(hits: float, of: float) -> tuple[float, float]:
    """Clopper and Pearson's 95 % interval; neither number need be whole."""
    from scipy.special import betaincinv

    low = float(betaincinv(hits, of - hits + 1, 0.025)) if hits > 0 else 0.0
    high = float(betaincinv(hits + 1, of - hits, 0.975)) if of > hits else 1.0
    return low, high


def payoff(ranked: Mapping[int, tuple[int, int]], strata: Sequence[Stratum], label: int) -> Payoff | None:
    """Whether ranked rounds found more pairs of the label than as many random ones would have; None if none is judged.

    `ranked` maps rounds to the hits and the judged pairs of their ranked part; they are pooled. What random pairs would
    have found is the label's share in each round's pool, by the estimate of all its pairs. The ratio's interval is that
    of Donner and Zou (2012), "Closed-form confidence intervals for functions of the normal mean and standard
    deviation", Statistical Methods in Medical Research 21(4), from those of the two rates. Ranking pays where the ratio
    is surely above 1. It is said not to pay only where the ratio is surely below MARGIN, as no difference seen is no
    proof that there is none: Altman and Bland (1995), "Absence of evidence is not evidence of absence", BMJ 311;
    Schuirmann (1987), "A comparison of the two one-sided tests procedure and the power approach", Journal of
    Pharmacokinetics and Biopharmaceutics 15(6).
    """
    hits, judged = (sum(each) for each in zip(*ranked.values(), strict=True)) if ranked else (0, 0)
    if not judged:
        return None
    expected = np.zeros(3)
    for number, (_, size) in ranked.items():
        there = [stratum for stratum in strata if stratum.since <= number]
        before = [stratum.before(number) for stratum in there]
        pool = sum(of.pairs - float(known.sum()) - unknown for of, (known, unknown) in zip(there, before, strict=True))
        if pool <= 0:
            return None
        totals = np.array([ends[label] for ends in _summed(there)])
        taken = sum(float(known[label]) for known, _ in before)
        expected += size / judged * np.clip((totals - taken) / pool, 0, 1)
    random, random_low, random_high = (float(end) for end in expected)
    rate, (low, high) = hits / judged, _interval(hits, judged)
    ratio_low, ratio_high = _ratio((rate, low, high), (random, random_low, random_high))
    pays = False if ratio_high is not None and ratio_high < MARGIN else True if ratio_low > 1 else None
    ratio = rate / random if random else None
    rates = (rate, low, high, random, random_low, random_high)
    return Payoff(len(ranked), judged, hits, *rates, ratio, ratio_low, ratio_high, pays)


def _ratio(one: tuple[float, float, float], other: tuple[float, float, float]) -> tuple[float, float | None]:
    """Return the ends of the 95 % interval of one / other, values with a low and a high end (Donner and Zou 2012)."""
    (a, a_low, a_high), (b, b_low, b_high) = one, other
    lower = a_low * (2 * a - a_low)
    root = np.sqrt(max((a * b) ** 2 - lower * b_high * (2 * b - b_high), 0))
    low = lower / (a * b + root) if lower > 0 else 0.0
    square = b_low * (2 * b - b_low)
    if square <= 0:
        return float(low), None
    root = np.sqrt(max((a * b) ** 2 - square * a_high * (2 * a - a_high), 0))
    return float(low), float((a * b + root) / square)
