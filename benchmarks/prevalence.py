"""Whether the 95 % intervals of ccd/measures/prevalence.py hold the truth, on the photos and texts of real tweets.

    python -m benchmarks.prevalence TWEETS.tsv [TWEETS.csv …] [--runs 400] [--only DESIGN]

Each table is collected and goes through `ccd duplicates`; then rounds of each design are drawn from its pairs again and
again. In every run labels are drawn anew: each photo has shares of its own (a Dirichlet distribution with an intraclass
correlation of 0.3), so that pairs of one photo are alike and not the same. A ranking that knows something (normal noise
of 0.7 beside 1 for the label sought) takes the ranked pairs. The truth is counted over all pairs of living posts but
those that were drawn at random and not settled. Bias is in points of the share; withheld are runs in which too little
is known to report anything.

The process ends with 1 where an interval holds the truth in fewer than 93 % of the runs.
"""

import argparse
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
import sqlalchemy as sa

from ccd.campaign.campaign import Campaign
from ccd.campaign.config import Person
from ccd.campaign.rounds import spread
from ccd.campaign.tables import schema
from ccd.measures.draws import Drawn, Stratum, strata_of
from ccd.measures.prevalence import TOO_WIDE, shares
from collection import duplicates, table
from collection.store import collect

LABELS = ("irrelevant", "implicit", "explicit")
SHARES = (0.35, 0.10, 0.55)
SOUGHT = 1
CORRELATION = 0.3
NOISE = 0.7
LEAST = 0.93
Ids = npt.NDArray[np.int64]


@dataclass
class Trial:
    """One run: pairs by their photo and group [N], what is true of them, and what rounds did with them."""

    photo: Ids
    group: Sequence[str]
    random: np.random.Generator
    most: int | None = None  # max_per_group
    number: int = 0  # of the last round
    capped: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        pairs = len(self.photo)
        of_photo = self.random.dirichlet(np.array(SHARES) * (1 / CORRELATION - 1), self.photo.max() + 1)
        self.truth = (self.random.random((pairs, 1)) > of_photo[self.photo].cumsum(1)[:, :-1]).sum(1)
        self.first = np.zeros(pairs, np.int64)  # the round that a pair is in; 0: none
        self.at_random, self.settled = np.zeros((2, pairs), bool)
        self.cohort = np.zeros(pairs, np.int64)
        self.lives = np.ones(pairs, bool)

    def draw(self, share: float, settled: float = 1.0) -> None:
        """A random round of a share of all pairs, of which a share is settled."""
        pool = np.flatnonzero(self.lives & (self.first == 0))
        size = round(share * len(self.photo))
        if self.most is None:
            drawn = self.random.choice(pool, size, replace=False)
        else:
            group_of: dict[str, str | None] = {str(row): self.group[row] for row in pool}
            chances = spread(group_of, size, self.most, self.random)
            drawn = np.array([int(row) for row in chances])
            highest = max(chances.values())
            self.capped |= {self.group[int(row)] for row, chance in chances.items() if chance < highest - 1e-9}
        self._judge([(drawn, True)], settled)

    def rank(self, share: float, settled: float = 1.0) -> None:
        """An active round of a share of all pairs, a fifth of them drawn at random."""
        pool = np.flatnonzero(self.lives & (self.first == 0))
        size = round(share * len(self.photo))
        drawn = self.random.choice(pool, round(size * 0.2), replace=False)
        score = (self.truth == SOUGHT) + self.random.normal(0, NOISE, len(self.photo))
        others = np.setdiff1d(pool, drawn)
        self._judge([(drawn, True), (others[np.argsort(-score[others])][: size - len(drawn)], False)], settled)

    def hide(self, share: float) -> None:
        """Leave a share of the pairs, which have other labels, to be collected later."""
        self.later = self.random.random(len(self.photo)) < share
        self.truth[self.later] = self.random.choice(3, int(self.later.sum()), p=(0.5, 0.2, 0.3))
        self.lives &= ~self.later

    def come(self) -> None:
        """Collect them."""
        self.lives |= self.later
        self.cohort[self.later] = self.number

    def delete(self) -> None:
        """Delete posts, more of those with the label sought."""
        self.lives &= self.random.random(len(self.photo)) > np.where(self.truth == SOUGHT, 0.4, 0.15)

    def strata(self) -> tuple[dict[tuple[int, str | None], Stratum], npt.NDArray[np.bool_]]:
        """What draws tell, and the pairs that they tell it of [N]."""
        keys = [
            (int(cohort), group if group in self.capped else None)
            for cohort, group in zip(self.cohort, self.group, strict=True)
        ]
        pairs = [
            Drawn(
                str(row),
                int(self.first[row]),
                bool(self.at_random[row]),
                not self.at_random[row],
                int(self.truth[row]) if self.settled[row] else None,
                keys[row],
            )
            for row in np.flatnonzero(self.lives & (self.first > 0))
        ]
        total = Counter(key for key, lives in zip(keys, self.lives, strict=True) if lives)
        found = strata_of(pairs, total, len(LABELS), {cohort: cohort + 1 for cohort in set(self.cohort.tolist())})
        told = self.lives & ~(self.at_random & ~self.settled) & np.array([key in found for key in keys])
        return found, told

    def _judge(self, parts: Sequence[tuple[Ids, bool]], settled: float) -> None:
        self.number += 1
        for rows, at_random in parts:
            self.first[rows] = self.number
            self.at_random[rows] = at_random
            self.settled[rows] = self.random.random(len(rows)) < settled


def random_rounds(trial: Trial) -> None:
    trial.draw(0.04)
    trial.draw(0.02)


def random_and_ranked(trial: Trial) -> None:
    trial.draw(0.04)
    for _ in range(3):
        trial.rank(0.03)
    trial.draw(0.03)


def ranked_first(trial: Trial) -> None:
    for _ in range(4):
        trial.rank(0.05)


def one_of_each(trial: Trial) -> None:
    trial.draw(min(0.06, 0.6 * len(set(trial.group)) / len(trial.group)))


def incomplete(trial: Trial) -> None:
    trial.draw(0.05, 0.85)
    trial.rank(0.03, 0.85)
    trial.draw(0.03, 0.85)
    trial.rank(0.03, 0.4)


def collected_later(trial: Trial) -> None:
    trial.hide(0.3)
    trial.draw(0.04)
    trial.rank(0.03)
    trial.come()
    trial.rank(0.05)
    trial.draw(0.03)


def deleted(trial: Trial) -> None:
    random_and_ranked(trial)
    trial.delete()


def nearly_all(trial: Trial) -> None:
    trial.draw(0.3)
    trial.rank(0.3)
    trial.draw(0.3)


Design = tuple[int | None, Callable[[Trial], None]]  # max_per_group, rounds
DESIGNS: dict[str, Design] = {
    "random rounds": (None, random_rounds),
    "random and ranked rounds": (None, random_and_ranked),
    "ranked rounds alone": (None, ranked_first),
    "max_per_group = 5": (5, random_and_ranked),
    "max_per_group = 1": (1, one_of_each),
    "incomplete rounds": (None, incomplete),
    "pairs collected later": (None, collected_later),
    "deleted posts": (None, deleted),
    "nearly all judged": (None, nearly_all),
}


@dataclass
class Held:
    """Of one label: in how many runs the interval of its share, and of what is to find, held the truth."""

    shares: int = 0
    unfound: int = 0
    width: float = 0.0
    off: float = 0.0


def run(photo: Ids, group: Sequence[str], design: Design, runs: int) -> tuple[int, list[Held]]:
    """How many runs reported shares, and what held in these."""
    most, rounds = design
    reported, held = 0, [Held() for _ in LABELS]
    for seed in range(runs):
        trial = Trial(photo, group, np.random.default_rng(seed), most)
        rounds(trial)
        strata, told = trial.strata()
        found = shares(tuple(strata.values()), LABELS)
        if max(one.high - one.low for one in found) > TOO_WIDE:  # type: ignore[operator]
            continue
        reported += 1
        true = np.bincount(trial.truth[told], minlength=3) / told.sum()
        left = np.bincount(trial.truth[told & ~trial.settled], minlength=3)
        for one, of, share, number in zip(found, held, true, left, strict=True):
            of.shares += bool(one.low - 1e-9 <= share <= one.high + 1e-9)  # type: ignore[operator]
            of.unfound += bool(one.unfound_low - 1e-6 <= number <= one.unfound_high + 1e-6)  # type: ignore[operator]
            of.width += (one.high - one.low) / runs  # type: ignore[operator]
            of.off += (one.share - share) / runs  # type: ignore[operator]
    return reported, held


def collected(file: Path, folder: Path) -> tuple[Ids, list[str]]:
    """The photo and the duplicate group of each pair of a table, once near-duplicates are out."""
    people = tuple(Person(name, f"{name}@example.org") for name in ("ann", "bob", "cy"))
    campaign = Campaign.create(folder, name="coverage", annotators=people, adjudicators=())
    for images in (file.parent, file.parent / "images"):  # where the table's image column starts from
        collect(campaign, table.read(file, images=images), f"{images} {file.name}")
    duplicates.find(campaign, lambda name, total: lambda number: None)
    with campaign.read() as db:
        p = schema.pairs.c
        rows = db.execute(sa.select(p.image, p.duplicate_group).order_by(p.pair_id)).all()
    return np.unique([row.image for row in rows], return_inverse=True)[1], [row.duplicate_group for row in rows]


def main() -> None:
    from rich.console import Console
    from rich.table import Table

    parser = argparse.ArgumentParser()
    parser.add_argument("tables", type=Path, nargs="+", help="posts with photos, as `ccd collect table` reads them")
    parser.add_argument("--runs", type=int, default=400)
    parser.add_argument("--only", choices=DESIGNS, action="append", help="a design; all where none is named")
    given = parser.parse_args()
    failed = False
    for file in given.tables:
        with tempfile.TemporaryDirectory() as folder:
            photo, group = collected(file, Path(folder) / "campaign")
        title = f"{file.name}: {len(photo):,} pairs, {photo.max() + 1:,} photos; {given.runs:,} runs"
        shown = Table("design", "label", "share held", "to find held", "mean width", "bias", "withheld", title=title)
        for name in given.only or DESIGNS:
            reported, by_label = run(photo, group, DESIGNS[name], given.runs)
            for place, (label, held) in enumerate(zip(LABELS, by_label, strict=True)):
                rates = [number / max(reported, 1) for number in (held.shares, held.unfound)]
                failed |= reported > 0 and min(rates) < LEAST
                row = [*(f"{rate:.1%}" for rate in (*rates, held.width)), f"{held.off:+.2%}"]
                shown.add_row("" if place else name, label, *row, str(given.runs - reported))
        Console(width=110).print(shown)
    sys.exit(failed)


if __name__ == "__main__":
    main()
