"""Replay: what a strategy of `model/acquisition.py` would have found first in pairs whose labels are known.

Labels are hidden and shown batch by batch, as a strategy asks for them. After each batch a small model of the same two
streams is fitted anew (`model/relation.py`). All strategies of one seed have the same start and the same annotators, so
that they are compared in pairs.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ccd.errors import InputError
from model.acquisition import STRATEGIES, JudgingBatch, Labelled, Pool, Strategy, batch, cluster
from model.data import Dataset, Loader
from model.relation import Regression, Relation, Rows, fit, relation, sides

Ids = NDArray[np.int64]
Floats = NDArray[np.float64]
Start = Literal["random", "balanced"]
Streams = Literal["own", "shuffled", "twins"]

RANDOM_START, EACH_START = 200, 20  # pairs of a random start; pairs of each label in a balanced one
SIZE = 100  # pairs of a batch
BUDGETS = (500, 1000, 2000)  # judged pairs at which is looked
JUDGMENTS = 3  # of each pair; a further one on an old pair costs a third of a pair
CLUSTERS = 100  # of the pool
TARGET = "implicit"  # the label that is looked for
ORACLE = "oracle"
READS_STREAMS = ("stream_gap",)  # strategies for which each stream is fitted by itself


@dataclass(frozen=True)
class Case:
    """N pairs whose labels `truth` [N] are known; the first `pool` of them may be judged, the rest are the test.

    `implicit` is the id of the label that is looked for. `confusion` [C, C], each row what annotators say of that
    label; None: nobody errs.
    """

    name: str
    labels: tuple[str, ...]
    implicit: int
    truth: Ids
    pool: int
    relation: Relation
    confusion: Floats | None = None
    synthetic: bool = False

    @property
    def prevalence(self) -> float:
        """The share of implicit pairs in the pool."""
        return float((self.truth[: self.pool] == self.implicit).mean())

    @cached_property
    def clusters(self) -> Ids:
        """Of the pool, by both streams' rows."""
        return cluster(self.relation.fused[: self.pool], CLUSTERS, seed=0)

    def permuted(self, seed: int) -> "Case":
        """Return the same pairs with labels that have nothing to do with them, so that nothing can be found."""
        return replace(self, truth=np.random.default_rng(seed).permutation(self.truth))


def case_of(name: str, data: Dataset, pool: Sequence[Loader], test: Loader, confusion: Floats | None = None) -> Case:
    """Return the pairs of some loaders as the pool, those of another as the test.

    Raises CcdError where no label is implicit.

    >>> case_of("world", data, [train, dev], test).pool  # doctest: +SKIP
    11269
    """
    if TARGET not in data.labels:
        raise InputError(
            f"{name}: no pair is labelled {TARGET}, so there is none to find; labels: {', '.join(data.labels)}"
        )
    loaders = [*pool, test]
    found = relation((pair for loader in loaders for pair in sides(loader)), all(each.has_profile for each in loaders))
    truth = np.concatenate([loader.labels for loader in loaders])
    number = sum(map(len, pool))
    return Case(name, data.labels, data.labels.index(TARGET), truth, number, found, confusion, data.synthetic)


@dataclass(frozen=True)
class ReplayRun:
    """One strategy with one seed.

    `judged` [T], in pairs of three judgments, and `found` [T], implicit pairs that are judged and settled as such,
    after the start and each batch. `findable`: those of the pool, were all judged.

    `enrichment`: the share of implicit pairs among those chosen, over that in what was left of the pool (1: no better
    than chance; at most min(1, implicit pairs left / pairs chosen) over that share). `reached`: share of the clusters
    with implicit pairs of which one is found at the end. `f1` of implicit on the test, at each budget. `seconds` of the
    processor a round: fitting and choosing. A share of nothing is None: `enrichment` where nothing was left to find,
    `reached` where nothing can be found, `f1` where no test pair is implicit.
    """

    judged: tuple[float, ...]
    found: tuple[int, ...]
    findable: int
    pool: int
    enrichment: float | None
    reached: float | None
    f1: tuple[float | None, ...]
    seconds: float

    def spans(self, budget: int) -> bool:
        """Whether so many pairs were judged."""
        return budget <= self.judged[-1]

    def recall(self, budget: int) -> float | None:
        """Share of the findable pairs that are found when `budget` pairs are judged; None where there are none."""
        return float(np.interp(budget, self.judged, self.found)) / self.findable if self.findable else None

    def area(self) -> float | None:
        """Area under the curve of found pairs: 0 is that of random order, 1 that of an oracle, both from this start.

        None where an oracle would find no more than random order.
        """
        grid = np.linspace(self.judged[0], min(self.judged[-1], BUDGETS[-1]), 200)
        start, spent = self.found[0], grid - grid[0]
        left = self.findable - start
        by_chance = start + left * spent / max(self.pool - self.judged[0], 1)
        oracle = start + np.minimum(spent, left)
        room = (oracle - by_chance).mean()
        return float((np.interp(grid, self.judged, self.found) - by_chance).mean() / room) if room > 0 else None


@dataclass(frozen=True)
class Oracle(Strategy):
    """Knows every label: the ceiling."""

    wanted: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))
    name = ORACLE

    def score(self, pool: Pool, labelled: Labelled) -> Floats:
        """Return a score for each pair of the pool [N]; the highest are judged first."""
        return self.wanted.astype(np.float64)


def budgets(case: Case) -> tuple[int, ...]:
    """Those of BUDGETS that the pool has pairs for. Raises CcdError where it has none, or no pair that is implicit."""
    if not (case.truth[: case.pool] == case.implicit).any():
        raise InputError(
            f"{case.name}: no pair of train and dev is {TARGET}, so there is none to find; label more pairs"
        )
    found = tuple(budget for budget in BUDGETS if budget <= case.pool)
    if not found:
        raise InputError(f"{case.name}: {case.pool:,} labelled pairs in train and dev; a replay needs {BUDGETS[0]}")
    return found


def replay(
    case: Case, strategy: str, start: Start, seed: int, *, pure: bool = False, streams: Streams = "own"
) -> ReplayRun:
    """Judge batch after batch of the case as the named strategy (or `oracle`) ranks it, until the last budget is spent.

    `pure`: the whole batch by the strategy, without the diverse and the random part; random and oracle always are.
    `streams` is a control: `shuffled` gives every pair the streams of two other pairs, `twins` two fused models, each
    fitted to another draw of the judged pairs, in place of the two streams. Raises CcdError where the pool is too small
    or the strategy needs what the case does not have.

    >>> replay(case, "implicit", "random", seed=0).recall(1000)  # doctest: +SKIP
    0.31
    """
    if case.confusion is None and strategy != ORACLE and STRATEGIES[strategy].again:
        raise InputError(
            f"{strategy} asks for further judgments on old pairs, and {case.name} has settled labels alone; name "
            "another --strategy"
        )
    return _Replay(case, strategy, start, seed, pure, streams).run()


class _Replay:
    """The state of one run: who judged what, and the models of the batch before."""

    def __init__(self, case: Case, strategy: str, start: Start, seed: int, pure: bool, streams: Streams) -> None:
        self.case, self.strategy, self.seed, self.streams = case, strategy, seed, streams
        self.pure = pure or strategy in ("random", ORACLE)
        self.budgets = budgets(case)
        self.truth, self.size = case.truth[: case.pool], len(case.labels)
        self.said = (np.eye(self.size) if case.confusion is None else case.confusion).cumsum(1)
        draw = np.random.default_rng((seed, 0))
        answers = _answers(self.said, self.truth.repeat(JUDGMENTS), draw).reshape(-1, JUDGMENTS)
        self.counts = np.eye(self.size, dtype=np.int64)[answers].sum(1)  # [pool, C], once they are asked
        self.settled = _settled(self.counts, self.truth)
        self.wanted = (self.truth == case.implicit) & (self.settled == case.implicit)
        self.order = _started(self.settled, start, draw)
        self.judgments = JUDGMENTS * len(self.order)
        self.uniform = self.order if start == "random" else self.order[:0]  # what shares of labels are known from
        self.later = np.random.default_rng((seed, 1))  # further judgments on old pairs
        self.models: dict[str, Regression] = {}
        self.rows = case.relation.fused
        self.clusters = case.clusters

    def run(self) -> ReplayRun:
        findable, begun = int(self.wanted.sum()), len(self.order)
        judged, found, seconds = [self.spent], [self.hits()], list[float]()
        f1: list[float | None] = []
        while True:
            begin = time.process_time()
            model = self.fitted("fused", self.rows, self.order)
            while len(f1) < len(self.budgets) and self.spent >= self.budgets[len(f1)]:
                f1.append(self.f1(model))
            if self.spent >= self.budgets[-1]:
                break
            self.judge(self.next(model))
            seconds.append(time.process_time() - begin)
            judged.append(self.spent)
            found.append(self.hits())
        reached = np.unique(self.clusters[self.order[self.wanted[self.order]]])
        return ReplayRun(
            tuple(judged),
            tuple(found),
            findable,
            self.case.pool,
            self.enrichment(begun),
            len(reached) / len(np.unique(self.clusters[self.wanted])) if findable else None,
            tuple(f1),
            float(np.mean(seconds)),
        )

    @property
    def spent(self) -> float:
        """Judgments so far, as pairs of three."""
        return self.judgments / JUDGMENTS

    def hits(self) -> int:
        """Implicit pairs that are judged and settled as such."""
        of = self.order
        return int(((self.truth[of] == self.case.implicit) & (self.settled[of] == self.case.implicit)).sum())

    def enrichment(self, begun: int) -> float | None:
        """Of the pairs that were chosen after the start; None where none of those that were left is implicit."""
        implicit = self.truth == self.case.implicit
        left = np.ones(len(implicit), bool)
        left[self.order[:begun]] = False
        share = implicit[left].mean()
        return float(implicit[self.order[begun:]].mean() / share) if share else None

    def f1(self, model: Regression) -> float | None:
        """Of implicit on the test; None where no pair of it is implicit."""
        said = model.predict(self.rows[self.case.pool :]).argmax(1) == self.case.implicit
        true = self.case.truth[self.case.pool :] == self.case.implicit
        return float(2 * (said & true).sum() / (said.sum() + true.sum())) if true.any() else None

    def fitted(self, name: str, rows: Rows, judged: Ids) -> Regression:
        """Return a model of the judged pairs, from where it stood a batch ago."""
        self.models[name] = fit(rows[judged], self.settled[judged], self.size, self.models.get(name))
        return self.models[name]

    def next(self, model: Regression) -> JudgingBatch:
        """Return what the strategy asks for."""
        association, alignment = self.both_streams()
        case, known = self.case, Labelled(self.order, self.settled[self.order])
        pool = Pool(
            ids=range(case.pool),  # type: ignore[arg-type]
            embeddings=self.rows[: case.pool],
            groups=np.arange(case.pool),
            clusters=self.clusters,
            probabilities=model.predict(self.rows[: case.pool]),
            association=association,
            alignment=alignment,
            profiles=None if case.relation.alignment is None else case.relation.alignment[: case.pool],
            judgments=self.counts * np.isin(np.arange(case.pool), self.order)[:, None],
        )
        seed = 1000 * self.seed + len(self.order)
        if self.strategy == ORACLE:
            strategy: Strategy = Oracle(wanted=self.wanted)
        else:
            strategy = STRATEGIES[self.strategy](case.implicit, seed, self.prevalence())
        size = min(SIZE - int(self.spent) % SIZE, self.budgets[-1] - int(self.spent))  # the first fills a hundred
        parts = {"diverse": 0.0, "random": 0.0, "per_cluster": SIZE} if self.pure else {}
        return batch(strategy, pool, known, size, seed, **parts)  # type: ignore[arg-type]

    def both_streams(self) -> tuple[Floats | None, Floats | None]:
        """Return what each stream says of the pool [pool, C], or what the control puts there.

        None where nobody asks.
        """
        relation, draw = self.case.relation, np.random.default_rng((self.seed, len(self.order)))
        if relation.alignment is None or self.strategy not in READS_STREAMS:
            return None, None
        if self.streams == "twins":
            drawn = [draw.choice(self.order, len(self.order)) for _ in range(2)]
            models = [self.fitted(f"twin {i}", self.rows, judged) for i, judged in enumerate(drawn)]
            said = [model.predict(self.rows[: self.case.pool]) for model in models]
        else:
            rows = {"association": relation.association, "alignment": relation.alignment}
            said = [self.fitted(name, of, self.order).predict(of[: self.case.pool]) for name, of in rows.items()]
        if self.streams == "shuffled":
            said = [draw.permutation(each) for each in said]
        return said[0], said[1]

    def prevalence(self) -> tuple[float, ...] | None:
        """Return the shares of labels among pairs that were drawn at random; None before there are any."""
        if not len(self.uniform):
            return None
        counts = np.bincount(self.settled[self.uniform], minlength=self.size) + 0.5
        return tuple(counts / counts.sum())

    def judge(self, asked: JudgingBatch) -> None:
        """Judge new pairs three times and old ones once more, which may settle them anew."""
        again = np.isin(asked.rows, self.order)
        new, old = asked.rows[~again], asked.rows[again]
        self.counts[old, _answers(self.said, self.truth[old], self.later)] += 1
        self.settled[old] = _settled(self.counts[old], self.truth[old])
        self.order = np.concatenate([self.order, new])
        self.uniform = np.concatenate([self.uniform, asked.rows[~again & (asked.part == "random")]])
        self.judgments += JUDGMENTS * len(new) + len(old)


def _answers(said: Floats, truth: Ids, draw: np.random.Generator) -> Ids:
    """Return what annotators say of pairs with these labels.

    `said` [C, C] sums up the rows of their confusion matrix.
    """
    found: Ids = (draw.random((len(truth), 1)) > said[truth, :-1]).sum(1)
    return found


def _settled(counts: Ids, truth: Ids) -> Ids:
    """Return the majority; a tie goes to an adjudicator, who is right."""
    highest = counts == counts.max(1, keepdims=True)
    return np.where(highest.sum(1) == 1, highest.argmax(1), truth)


def _started(settled: Ids, start: Start, draw: np.random.Generator) -> Ids:
    """Return the pairs that are judged before the first ranking."""
    order = draw.permutation(len(settled))
    if start == "random":
        return order[:RANDOM_START]
    return np.concatenate([order[settled[order] == label][:EACH_START] for label in np.unique(settled)])
