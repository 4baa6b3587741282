"""Labels by the errors that annotators are seen to make: the model of Dawid and Skene.

Each task has one true label, drawn from the priors; given it, each judgment of a worker is drawn from that worker's row
of error rates, on its own. Both are estimated by EM from the judgments alone.

With two judgments a task the model is not identified: different errors and priors, and so different labels, are equally
likely, and which of them EM finds depends on where it starts. Three judgments that are independent given the label are
the fewest that identify it (Allman, Matias and Rhodes 2009).

Dawid, A. P. and Skene, A. M. (1979). Maximum likelihood estimation of observer error-rates using the EM algorithm.
Journal of the Royal Statistical Society, Series C (Applied Statistics) 28(1), 20-28. https://doi.org/10.2307/2346806
Allman, E. S., Matias, C. and Rhodes, J. A. (2009). Identifiability of parameters in latent structure models with many
observed variables. Annals of Statistics 37(6A), 3099-3132. https://doi.org/10.1214/09-AOS689
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ccd.errors import InputError
from ccd.measures.aggregation import INCOMPLETE, Aggregator, check_required, expert_votes, results, vote_counts
from ccd.measures.patterns import Rows, distinct
from ccd.measures.ties import ADJUDICATE, check_tie_rule, settle_scores
from ccd.measures.vote_matrix import code

Floats = npt.NDArray[np.float64]

DAWID_SKENE = "dawid-skene"
FEWEST = 3  # judgments of a task that identify the model


@dataclass(frozen=True)
class Model:
    """`priors` [labels], and `errors` [workers, observed, true]: how often a worker answers so where that is true."""

    priors: Floats
    errors: Floats


class DawidSkene(Aggregator):
    """The most probable label of each task, by the model of Dawid and Skene (1979).

    Several judgments of one worker on one task are taken as the paper takes them: each is a draw of its own. With three
    votes a task it can do worse than the majority: compare before you adopt it. Its probabilities are overconfident, as
    the estimated errors are taken for the true ones: see docs/labels.md for how far.

    `labels` in their order (empty: those that occur, sorted). EM starts from the shares of the votes and stops once the
    log-likelihood of a task rises by less than `tol` on average, or after `n_iter` rounds. Two labels of the same
    probability are a tie, settled by `tie_rule` (ccd/measures/ties.py, with the workers that `experts` names); a task
    with fewer than `required` judgments gets no label, but helps to estimate.

    After `fit_predict`, with a row a task, sorted: `labels_` (Series task → label, None where there is none), `probas_`
    (frame task x label), `table_` (counts, and `resolved_by`: dawid-skene, expert, the rule, dropped, open or
    incomplete). Of the model: `priors_` (Series), `errors_` (frame (worker, observed label) x true label; uniform where
    a worker has judged no task of that label), `log_likelihood_` (natural logarithm), `n_iter_`, the rounds it took,
    and `converged_`: False where EM was stopped by `n_iter`, and another `n_iter` may give other labels.

    >>> votes = pd.DataFrame({"task": [1, 1, 1, 2, 2, 2], "worker": list("abcabc"), "label": list("xxyyyy")})
    >>> DawidSkene().fit_predict(votes).tolist()
    ['x', 'y']
    """

    labels_: "pd.Series[Any]"
    probas_: pd.DataFrame
    table_: pd.DataFrame
    priors_: "pd.Series[float]"
    errors_: pd.DataFrame
    log_likelihood_: float
    n_iter_: int
    converged_: bool

    def __init__(
        self,
        n_iter: int = 100,
        tol: float = 1e-5,
        *,
        labels: Sequence[Any] = (),
        tie_rule: str = ADJUDICATE,
        required: int = 1,
        experts: Sequence[Any] = (),
    ) -> None:
        check_tie_rule(tie_rule, labels)
        self.n_iter = n_iter
        self.tol = tol
        self.labels = tuple(labels)
        self.tie_rule = tie_rule
        self.required = check_required(required)
        self.experts = tuple(experts)

    def fit_predict(self, df: pd.DataFrame) -> "pd.Series[Any]":
        """Settle each task of `df` (task, worker, label; one row a judgment). Returns Series task → label, sorted.

        Raises CcdError as ccd.measures.vote_matrix.code does, but for repeated judgments, which it takes, and where no
        task has three judgments: the model is not identified then.
        """
        coded = code(df, self.labels, repeats=True)
        if 0 < coded.label.shape[1] < FEWEST:
            raise InputError(
                f"no task has {FEWEST} judgments, and with fewer different labels fit the model of Dawid and Skene "
                "equally well; collect a third judgment, or use the majority"
            )
        model, self.log_likelihood_, self.n_iter_, self.converged_ = fit(
            distinct(coded), len(coded.workers), len(coded.labels), self.n_iter, self.tol
        )
        probas, _ = expect(Rows(coded.label, coded.worker, np.ones(len(coded.tasks), dtype=np.int64)), model)
        counts, heard = vote_counts(coded), expert_votes(coded, self.experts)
        chosen, resolved = settle_scores(probas, DAWID_SKENE, coded.labels, self.tie_rule, heard)
        few = counts.sum(axis=1) < self.required
        chosen[few], resolved[few] = -1, INCOMPLETE
        self.labels_, self.probas_, self.table_ = results(coded.labels, coded.tasks, chosen, probas, counts, resolved)
        labels = pd.Index(coded.labels, name="label")
        self.priors_ = pd.Series(model.priors, index=labels, name="prior")
        rows = pd.MultiIndex.from_product([coded.workers, coded.labels], names=["worker", "label"])
        errors = pd.DataFrame(model.errors.reshape(len(rows), len(labels)), index=rows, columns=labels)
        self.errors_ = errors.sort_index(level="worker", sort_remaining=False)
        return self.labels_


def fit(rows: Rows, workers: int, labels: int, n_iter: int = 100, tol: float = 1e-5) -> tuple[Model, float, int, bool]:
    """Estimate the model by EM from distinct rows of judgments.

    Returns it, its log-likelihood, the rounds it took, and whether it converged.

    A round costs the same however many pairs have each row.
    """
    votes = np.zeros((len(rows.label), labels))
    for slot in range(rows.label.shape[1]):
        filled = np.flatnonzero(rows.label[:, slot] >= 0)
        votes[filled, rows.label[filled, slot]] += 1
    posterior = votes / votes.sum(axis=1, keepdims=True)
    before, likelihood, done, converged = -np.inf, 0.0, 0, not len(rows.pairs)
    model = Model(np.zeros(labels), np.zeros((workers, labels, labels)))
    while done < n_iter and not converged:
        model = maximise(rows, posterior, workers)
        posterior, likelihood = expect(rows, model)
        done += 1
        converged = likelihood - before < tol * rows.pairs.sum()
        before = likelihood
    return model, likelihood, done, bool(converged)


def maximise(rows: Rows, posterior: Floats, workers: int) -> Model:
    """Return the M step: the model that best fits the `posterior` [rows, labels] of the labels (1979, eq. 2.3, 2.4)."""
    labels = posterior.shape[1]
    weight = posterior * rows.pairs[:, None]
    row, slot = np.nonzero(rows.label >= 0)
    answer = rows.worker[row, slot].astype(np.int64) * labels + rows.label[row, slot]
    counts = [np.bincount(answer, weight[row, true], minlength=workers * labels) for true in range(labels)]
    errors: Floats = np.array(counts, dtype=float).T.reshape(workers, labels, labels)
    total = errors.sum(axis=1, keepdims=True)
    errors = np.where(total > 0, errors / np.where(total > 0, total, 1), 1 / labels)
    return Model(weight.sum(axis=0) / rows.pairs.sum(), errors)


def expect(rows: Rows, model: Model) -> tuple[Floats, float]:
    """Return the E step: the `posterior` [rows, labels] of the true labels (1979, eq. 2.5), and the log-likelihood.

    In logarithms, so that a task with many judgments does not underflow. The label that gave a row its share in the
    model has a share in the row, so that never all labels are impossible.
    """
    with np.errstate(divide="ignore"):  # the logarithm of 0: impossible
        log_priors, log_errors = np.log(model.priors), np.log(model.errors)
    log_errors = np.pad(log_errors, ((0, 1), (0, 1), (0, 0)))  # an empty slot (-1, -1) reads the last, which is 0
    joint = np.tile(log_priors, (len(rows.label), 1))
    for slot in range(rows.label.shape[1]):
        joint += log_errors[rows.worker[:, slot], rows.label[:, slot]]
    top = joint.max(axis=1, keepdims=True, initial=-np.inf)
    posterior = np.exp(joint - top)
    total = posterior.sum(axis=1, keepdims=True)
    return posterior / total, float(rows.pairs @ (top + np.log(total))[:, 0])
