"""What random draws say about the pairs nobody judged: draws, strata and the weights of settled pairs."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Draw:
    """A draw from a stratum: of `pool` pairs, those drawn and settled by label, `sample` [C].

    When it was drawn, `known` [C] pairs were out of the pool and are settled now, and `unknown` ones are not.
    """

    round: int
    pool: int
    sample: Floats
    known: Floats
    unknown: int

    @property
    def size(self) -> float:
        """The settled pairs of the draw."""
        return float(self.sample.sum())

    @property
    def spread(self) -> float:
        """The variance of its estimate of a label's total, but for the factor p (1 - p).

        N² (1 - n/N) / n of simple random sampling (Cochran 1977, Sampling techniques, eq. 3.9), and the square of the
        pairs of which nothing is known.
        """
        return self.pool**2 * (1 - self.size / self.pool) / self.size + self.unknown**2


@dataclass(frozen=True)
class Stratum:
    """`pairs` from which rounds drew at random with one probability, from the round `since` on.

    By round: settled pairs that were drawn at random, `sampled` [C] by label; settled pairs that were chosen otherwise,
    `others` [C]; and how many of these are not settled, `unsettled`. Pairs drawn at random and not settled are left out
    of everything: whether a pair is settled is taken to have nothing to do with its label.
    """

    since: int
    pairs: int
    sampled: Mapping[int, Floats]
    others: Mapping[int, Floats] = field(default_factory=dict)
    unsettled: Mapping[int, int] = field(default_factory=dict)

    @property
    def known(self) -> Floats:
        """The settled pairs by label [C]."""
        return np.asarray(sum([*self.sampled.values(), *self.others.values()]), dtype=float)

    @property
    def left(self) -> int:
        """The pairs without a label."""
        return self.pairs - round(float(self.known.sum()))

    def before(self, number: int) -> tuple[Floats, int]:
        """Of the pairs that rounds before this one took: the settled by label [C], and how many are not settled."""
        taken = [of for by in (self.sampled, self.others) for round_, of in by.items() if round_ < number]
        known = np.asarray(sum(taken, np.zeros_like(self.known)), dtype=float)
        return known, sum(size for round_, size in self.unsettled.items() if round_ < number)

    @property
    def draws(self) -> tuple[Draw, ...]:
        """The draws with a settled pair, oldest first."""
        found = []
        for number in sorted(self.sampled):
            known, unknown = self.before(number)
            pool = self.pairs - round(float(known.sum())) - unknown
            found.append(Draw(number, pool, self.sampled[number], known, unknown))
        return tuple(found)

    def worth(self) -> Floats:
        """Return the share of each draw in the estimate [draws], by the inverse of their variances.

        None where all is known. Each draw's estimate is unbiased given those before it, so that they are uncorrelated.
        """
        if not self.left:
            return np.zeros(0)
        inverse = np.array([1 / draw.spread for draw in self.draws])
        return np.asarray(inverse / inverse.sum())


@dataclass(frozen=True)
class Drawn:
    """A living pair that is in a round: the first one, whether it was drawn `at_random` there, and its label id."""

    pair_id: str
    round: int
    at_random: bool
    ranked: bool
    label: int | None
    stratum: tuple[int, str | None]


@dataclass(frozen=True)
class Design:
    """The strata that draws speak for, or that are judged completely, and the pairs of rounds.

    `sent` pairs of living posts were drawn at random, `settled` of them have a label. `uncovered` pairs are in no
    stratum: no settled draw had a chance to take them, as they were collected later.
    """

    strata: Mapping[tuple[int, str | None], Stratum]
    pairs: tuple[Drawn, ...]
    sent: int
    settled: int
    uncovered: int

    def weights(self) -> dict[str, float]:
        """Return the number of pairs that each settled pair stands for; pairs of no stratum are left out.

        Σ weight is the number of pairs, Σ weight over a label an unbiased estimate of that label's pairs. A pair that
        was drawn in a round of n pairs from a pool of N has the weight N/n in that round's estimate and 1 in those of
        later rounds, a ranked pair 0 and 1: estimates are averaged by `Stratum.worth`. Särndal, Swensson and Wretman
        (1992), Model assisted survey sampling, ch. 3.
        """
        shares = {key: list(zip(of.draws, of.worth(), strict=False)) for key, of in self.strata.items()}
        found = {}
        for pair in self.pairs:
            if pair.label is None or pair.stratum not in shares:
                continue
            weight = 0.0 if shares[pair.stratum] else 1.0
            for draw, share in shares[pair.stratum]:
                if pair.round < draw.round:
                    weight += float(share)
                elif pair.round == draw.round and pair.at_random:
                    weight += float(share) * (draw.pool + draw.unknown) / draw.size
            found[pair.pair_id] = weight
        return found


def strata_of(
    pairs: Sequence[Drawn], total: Mapping[tuple[int, str | None], int], labels: int, since: Mapping[int, int]
) -> dict[tuple[int, str | None], Stratum]:
    """Return the strata that a draw speaks for, or that are judged completely, of the pairs of rounds.

    `total` counts all pairs of each stratum, which is a cohort and a group; `since` is the first round that could draw
    from a cohort, by its number.
    """
    nothing = np.zeros(labels)
    sampled: dict[Any, dict[int, Floats]] = defaultdict(dict)
    others: dict[Any, dict[int, Floats]] = defaultdict(dict)
    unsettled: dict[Any, dict[int, int]] = defaultdict(dict)
    left_out: dict[Any, int] = defaultdict(int)
    for pair in pairs:
        if pair.label is None:
            if pair.at_random:
                left_out[pair.stratum] += 1
            else:
                by_round = unsettled[pair.stratum]
                by_round[pair.round] = by_round.get(pair.round, 0) + 1
            continue
        counts = (sampled if pair.at_random else others)[pair.stratum].setdefault(pair.round, nothing.copy())
        counts[pair.label] += 1
    found = {}
    for key in sorted(total, key=lambda key: (key[0], key[1] or "")):
        number = total[key] - left_out[key]
        settled = sum(float(of.sum()) for of in (*sampled[key].values(), *others[key].values()))
        if number and (sampled[key] or settled == number):
            found[key] = Stratum(
                since.get(key[0], max(since.values())), number, sampled[key], others[key], unsettled[key]
            )
    return found
