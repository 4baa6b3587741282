"""What assistance does to judgments: pairs shown a prediction against pairs of the same rounds that stayed blind.

Both kinds were drawn at random from each round (ccd/campaign/assist.py), so what differs between them is the
assistance's work. They are compared within each round and, as far as there are pairs enough, each label of the model
(strata): a blind pair weighs so that every stratum has the share in the blind pairs that it has in the assisted ones.
Intervals are of a bootstrap by pair within each stratum's assisted and blind pairs: of n pairs n - 1 are drawn with
replacement, each for n / (n - 1), as n draws of few pairs vary too little; their percentiles lie as far out as
Student's t asks for with so many pairs of the rarer kind (`ccd.measures.bootstrap.interval`). Where pairs share a
photo, post or author, whole leakage groups are drawn instead, and the weights of each stratum are brought back to its
number of pairs in every draw.

Miratrix, L. W., Sekhon, J. S., & Yu, B. (2013). Adjusting treatment effect estimates by post-stratification in
randomized experiments. Journal of the Royal Statistical Society B 75(2), 369-396.
Rao, J. N. K., & Wu, C. F. J. (1988). Resampling inference with complex survey data. Journal of the American
Statistical Association 83(401), 231-241.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ccd.measures.aggregation import vote_counts
from ccd.measures.agreement import Scale
from ccd.measures.bootstrap import DRAWN_AT_ONCE, interval
from ccd.measures.patterns import Floats, Patterns
from ccd.measures.related import GROUP
from ccd.measures.vote_matrix import code
from ccd.protocol import Level

Ints = npt.NDArray[np.int64]

NOT_BOTH = "no round has judgments of both assisted and blind pairs"
UNDEFINED = "undefined on one side: no judgments, or all of one label"
UNSTEADY = "no interval: undefined on more than 5 % of the draws"
FEWEST = 5  # assisted pairs, and blind ones, of a stratum of its own
REST = -1  # the labels of a round that have none
DETECTED = 2.8  # standard errors, 1.96 + 0.84: a move of so much has an interval without 0 in four cases of five


@dataclass(frozen=True)
class Measure:
    """One measure on assisted and on blind pairs, and assisted minus blind with its 95 % interval; None: undefined."""

    assisted: float | None
    blind: float | None
    difference: float | None
    ci: tuple[float, float] | None
    reason: str | None = None


@dataclass(frozen=True)
class Kind:
    """How many pairs and judgments of one kind are compared."""

    pairs: int
    judgments: int


@dataclass(frozen=True)
class Bias:
    """What assistance did on one question. `rounds` are those compared.

    `model`: share of judgments that are the model's label. `alpha` on the question's level. `seconds`: median a
    judgment. `shares`: of each label in the judgments. `followed`: in what share of the judgments that would have been
    another label the model's was given instead, (assisted - blind) / (1 - blind) of `model`, with its interval.
    `cannot_judge`: share of the answers that are "cannot judge". `smallest`: the move of `model` that four of five such
    comparisons would find (Bloom 1995, Evaluation Review 19(5), 547-556); None where it has no interval. `groups`: how
    many leakage groups the bootstrap draws; None where it draws pairs.
    """

    rounds: tuple[Any, ...]
    assisted: Kind
    blind: Kind
    model: Measure
    alpha: Measure
    seconds: Measure
    cannot_judge: Measure
    shares: dict[str, Measure]
    smallest: float | None
    followed: float | None
    followed_ci: tuple[float, float] | None
    n_resamples: int
    seed: int
    groups: int | None = None

    @property
    def toward(self) -> bool:
        """True where labels move toward the model: the interval of the shift in `model` lies above zero."""
        return self.model.ci is not None and self.model.ci[0] > 0

    @property
    def verdict(self) -> str:
        """What was found, in words."""
        model = self.model
        if model.difference is None or model.ci is None:
            return f"Nothing can be said of what assistance did: {model.reason}."
        found = (
            f"{model.assisted:.1%} of the judgments given beside its prediction are its label, {model.blind:.1%} of "
            f"the blind ones: {_points(model.difference)} points, 95 % interval {_points(model.ci[0])} to "
            f"{_points(model.ci[1])}."
        )
        if model.ci[1] < 0:
            return f"Labels move away from the model. {found}"
        if not self.toward:
            return f"No move of labels toward the model is seen. {found}{self._could_be_seen}"
        return (
            f"WARNING: labels move toward the model. {found} It is as if annotators took its label over in "
            f"{self.followed:.0%} of the judgments in which they would have said something else. Measure no model on "
            "these labels but on those of blind pairs, or go on without --assist."
        )

    @property
    def _could_be_seen(self) -> str:
        if not self.smallest:
            return ""
        return (
            f" With so many pairs a move of {100 * self.smallest:.1f} points is found in four of five comparisons; a "
            "smaller one is often missed."
        )

    def to_dict(self) -> dict[str, Any]:
        """For JSON: the fields above, `toward` and `verdict`."""
        fields = asdict(self)
        return {"folds": fields.pop("n_resamples"), **fields, "toward": self.toward, "verdict": self.verdict}


def bias(df: pd.DataFrame, labels: Sequence[Any], level: Level, n_resamples: int = 1000, seed: int = 0) -> Bias:
    """Compare the judgments `df` of assisted and of blind pairs.

    `df` has a row an answer: task, worker, label (None for "cannot judge"), seconds (NaN or None where not known),
    round, model (the model's label of the pair) and shown (True: the pair was judged beside it, False: blind), the last
    three the same in all rows of a task, as is a column leakage_group, where there is one. `labels` in id order. A
    round without both kinds is left out. Raises CcdError as `ccd.measures.vote_matrix.code`.

    >>> rows = [(i, w, "yes", 5.0, 1, "yes" if i < 4 else "no", i % 4 < 2) for i in range(8) for w in "ab"]
    >>> df = pd.DataFrame(rows, columns=["task", "worker", "label", "seconds", "round", "model", "shown"])
    >>> found = bias(df, ["no", "yes"], "nominal")
    >>> found.model.assisted, found.model.blind, found.toward
    (0.5, 0.5, False)
    """
    kinds = df.groupby("round")["shown"].transform("nunique")
    df = df[kinds == 2].reset_index(drop=True)
    data = _Data.of(df, labels)
    scale = Scale.of(labels, level)
    values = data.measure(scale, data.whole())[0]
    drawn = (
        np.concatenate([data.measure(scale, weights) for weights in data.draws(n_resamples, seed)]) if len(df) else None
    )
    found = [
        _measure(values[at], None if drawn is None else drawn[:, at], NOT_BOTH if df.empty else UNDEFINED, data.free)
        for at in range(values.shape[0])
    ]
    followed = _followed(values[0])
    return Bias(
        rounds=tuple(data.rounds),
        assisted=_kind(data, True),
        blind=_kind(data, False),
        model=found[0],
        alpha=found[1],
        seconds=found[2],
        cannot_judge=found[3],
        shares=dict(zip(map(str, labels), found[4:], strict=True)),
        smallest=None if found[0].ci is None or drawn is None else _smallest(drawn[:, 0, 0] - drawn[:, 0, 1]),
        followed=None if np.isnan(followed) else float(followed),
        followed_ci=None if drawn is None else interval(_followed(drawn[:, 0]), data.free),
        n_resamples=n_resamples,
        seed=seed,
        groups=None if data.group is None else int(data.group.max()) + 1,
    )


@dataclass(frozen=True)
class _Data:
    """Judgments by pair. `stratum` [pairs] numbers stratum and kind: 2 x the stratum, and 1 more where blind.

    `counts` [pairs, labels] of votes; `agreed` [pairs] of them the model's; `unable` [pairs] are answers "cannot
    judge"; `pattern` [pairs] into `table`. `seconds` [timed] ascending with the pair of each.
    """

    rounds: tuple[Any, ...]
    stratum: Ints
    counts: Floats
    agreed: Floats
    unable: Floats
    pattern: Ints
    table: Patterns
    seconds: Floats
    timed: Ints
    group: Ints | None  # [pairs]; None where every pair is one

    @classmethod
    def of(cls, df: pd.DataFrame, labels: Sequence[Any]) -> "_Data":
        first = df.drop_duplicates("task")
        tasks, voted = pd.Index(first["task"]), df["label"].notna()
        coded = code(df[voted], labels)
        rounds, names = pd.factorize(first["round"], sort=True)
        counts = np.zeros((len(tasks), len(labels)))
        counts[tasks.get_indexer(coded.tasks)] = vote_counts(coded)
        kinds, pattern = np.unique(counts, axis=0, return_inverse=True)
        model = pd.Index(labels, dtype=object).get_indexer(pd.Index(first["model"], dtype=object))
        agreed = np.where(model >= 0, counts[np.arange(len(counts)), model], 0)
        seconds = np.asarray(df["seconds"], dtype=np.float64)
        known = np.flatnonzero(~np.isnan(seconds))
        order = known[np.argsort(seconds[known], kind="stable")]
        return cls(
            rounds=tuple(names.tolist()),
            stratum=2 * _strata(rounds, model, first["shown"].to_numpy(bool)) + ~first["shown"].to_numpy(bool),
            counts=counts,
            agreed=agreed,
            unable=np.bincount(tasks.get_indexer(pd.Index(df.loc[~voted, "task"])), minlength=len(tasks)).astype(float),
            pattern=pattern.reshape(-1),
            table=Patterns(kinds, kinds.sum(axis=1), np.bincount(pattern.reshape(-1), minlength=len(kinds))),
            seconds=seconds[order],
            timed=tasks.get_indexer(pd.Index(df["task"]))[order],
            group=_groups(first),
        )

    def whole(self) -> Floats:
        """Every pair once: [1, pairs]."""
        return np.ones((1, len(self.stratum)))

    def draws(self, n_resamples: int, seed: int) -> Iterator[Floats]:
        """Yield what each pair weighs in a draw, in blocks of [draws, pairs]; every stratum as much as it has pairs."""
        random = np.random.default_rng(seed)
        strata = [np.flatnonzero(self.stratum == number) for number in np.unique(self.stratum)]
        block = max(1, DRAWN_AT_ONCE // len(self.stratum))
        for start in range(0, n_resamples, block):
            size = min(block, n_resamples - start)
            weights: Floats = np.empty((size, len(self.stratum)))
            if self.group is not None:
                weights = _drawn(int(self.group.max()) + 1, size, random)[:, self.group]
            for places in strata:
                if self.group is None:
                    weights[:, places] = _drawn(len(places), size, random)
                else:
                    total = weights[:, places].sum(axis=1, keepdims=True)
                    weights[:, places] *= len(places) / np.maximum(total, 1e-9)
                    weights[np.ix_(total[:, 0] == 0, places)] = 1  # no group of it was drawn
            yield weights

    @property
    def free(self) -> int:
        """The pairs (or groups) of the rarer kind, less one for each stratum but the first: 2 or more."""
        kinds = np.bincount(self.stratum % 2, minlength=2)
        if self.group is not None:
            kinds = np.array([len(np.unique(self.group[self.stratum % 2 == kind])) for kind in (0, 1)])
        return max(2, int(kinds.min()) - len(np.unique(self.stratum // 2)) + 1)

    def measure(self, scale: Scale, weights: Floats) -> Floats:
        """Of each draw model, alpha, seconds, cannot judge and the share of each label, on assisted and blind pairs.

        [draws, 4 + labels, 2]; `weights` [draws, pairs].
        """
        blind = self.stratum % 2 == 1
        return np.stack([self._of(scale, weights * factor) for factor in (~blind, self._balance() * blind)], axis=-1)

    def _of(self, scale: Scale, weights: Floats) -> Floats:
        votes = weights @ self.counts
        total, unable = votes.sum(axis=1), weights @ self.unable
        patterns = np.zeros((len(self.pattern), len(self.table.pairs)))
        patterns[np.arange(len(self.pattern)), self.pattern] = 1
        with np.errstate(invalid="ignore"):
            model, shares = weights @ self.agreed / total, votes / total[:, None]
            cannot_judge = unable / (total + unable)
        of_patterns: Any = weights @ patterns  # no whole numbers where rounds are balanced
        alpha = scale.alpha(self.table, of_patterns)
        return np.column_stack([model, alpha, self._median(weights), cannot_judge, shares])

    def _median(self, weights: Floats) -> Floats:
        """Return the least time within which half of a draw's judgments were given: [draws]."""
        if not len(self.seconds):
            return np.full(len(weights), np.nan)
        given = weights[:, self.timed].cumsum(axis=1)
        place = (given >= given[:, -1:] / 2).argmax(axis=1)
        return np.where(given[:, -1] > 0, self.seconds[place], np.nan)

    def _balance(self) -> Floats:
        """Return what a blind pair weighs [pairs], 1 on average: each stratum its share of the assisted pairs."""
        if not len(self.stratum):
            return np.ones(0)
        number = np.bincount(self.stratum, minlength=2 * (self.stratum.max() // 2 + 1)).reshape(-1, 2).astype(float)
        share = number / np.maximum(number.sum(axis=0), 1)
        with np.errstate(invalid="ignore"):  # a number that no stratum has
            return np.asarray((share[:, 0] / share[:, 1])[self.stratum // 2])


def _drawn(number: int, size: int, random: np.random.Generator) -> Floats:
    """How often each of n is in n - 1 draws with replacement, times n / (n - 1): [size, number]."""
    draws = max(number - 1, 1)
    times = random.multinomial(draws, np.full(number, 1 / number), size)
    return np.asarray(times * (number / draws), dtype=np.float64)


def _groups(first: pd.DataFrame) -> Ints | None:
    """Return the leakage group of each pair by number; None where no two share one."""
    if GROUP not in first.columns or first[GROUP].is_unique:
        return None
    return np.asarray(pd.factorize(first[GROUP].fillna(first["task"]))[0], dtype=np.int64)


def _strata(rounds: Ints, model: Ints, shown: npt.NDArray[np.bool_]) -> Ints:
    """Return the stratum of each pair [pairs], by round and the model's label.

    Labels of a round with fewer than FEWEST assisted or blind pairs are one stratum; where they still are so few, the
    whole round is.
    """
    strata = np.zeros(len(rounds), dtype=np.int64)
    first = 0
    for number in np.unique(rounds):
        mine = np.flatnonzero(rounds == number)
        own = model[mine].copy()
        own[np.isin(own, _few(own, shown[mine]))] = REST
        if REST in _few(own, shown[mine]):
            own[:] = REST
        names, place = np.unique(own, return_inverse=True)
        strata[mine] = first + place.reshape(-1)
        first += len(names)
    return strata


def _few(label: Ints, shown: npt.NDArray[np.bool_]) -> Any:
    """Return the labels with fewer than FEWEST assisted or blind pairs."""
    names, place = np.unique(label, return_inverse=True)
    number = [np.bincount(place.reshape(-1)[kind], minlength=len(names)) for kind in (shown, ~shown)]
    return names[np.minimum(*number) < FEWEST]


def _smallest(drawn: Floats) -> float | None:
    """Return DETECTED standard errors of the draws of a difference; None where they do not differ."""
    error = float(np.nanstd(drawn))
    return DETECTED * error if error > 0 else None


def _followed(model: Floats) -> Any:
    """(assisted - blind) / (1 - blind) of the last axis."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(model[..., 1] < 1, (model[..., 0] - model[..., 1]) / (1 - model[..., 1]), np.nan)


def _measure(value: Floats, drawn: Floats | None, undefined: str, free: int) -> Measure:
    """From its value [2], its draws [draws, 2], and how many pairs are `free` to vary."""
    assisted, blind = (None if np.isnan(each) else float(each) for each in value)
    if assisted is None or blind is None:
        return Measure(assisted, blind, None, None, undefined)
    ci = None if drawn is None else interval(drawn[:, 0] - drawn[:, 1], free)
    return Measure(assisted, blind, assisted - blind, ci, UNSTEADY if ci is None else None)


def _kind(data: _Data, assisted: bool) -> Kind:
    mine = data.stratum % 2 == (0 if assisted else 1)
    return Kind(int(mine.sum()), int(data.counts[mine].sum()))


def _points(share: float) -> str:
    return f"{100 * share:+.1f}"
