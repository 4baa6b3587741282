"""Rankings by a network's probabilities alone, and the random one that all others are measured against.

Examples are of two pairs with the probabilities [0.5, 0.3, 0.2] and [0.1, 0.8, 0.1].
"""

import numpy as np

from model.acquisition.pool import Floats, Labelled, Pool, Strategy


class Random(Strategy):
    """Any order is as good: score ~ U(0, 1) by `seed`. The measure of all others, and what prevalence is known from."""

    name = "random"

    def score(self, pool: Pool, labelled: Labelled) -> Floats:
        """Return a score for each pair of the pool [N]; the highest are judged first."""
        return np.random.default_rng(self.seed).random(len(pool))


class Margin(Strategy):
    """The two likeliest labels close together: score = -(p1 - p2), p1 >= p2 the highest. Example: [-0.2, -0.7].

    Scheffer, Decomain and Wrobel (2001), "Active hidden Markov models for information extraction", IDA.
    """

    name = "margin"

    def score(self, pool: Pool, labelled: Labelled) -> Floats:
        """Return a score for each pair of the pool [N]; the highest are judged first."""
        highest = np.partition(pool.need("probabilities"), -2, axis=1)[:, -2:]
        return np.asarray(highest[:, 0] - highest[:, 1])


class Entropy(Strategy):
    """The network knows least: score = -sum p log p / log C, in 0..1. Example: [0.94, 0.58].

    Settles and Craven (2008), "An analysis of active learning strategies for sequence labeling tasks", EMNLP, eq. 1.
    """

    name = "entropy"

    def score(self, pool: Pool, labelled: Labelled) -> Floats:
        """Return a score for each pair of the pool [N]; the highest are judged first."""
        p = pool.need("probabilities").astype(np.float32, copy=False)
        with np.errstate(divide="ignore", invalid="ignore"):
            terms = np.where(p > 0, p * np.log(p), 0)
        return np.asarray(-terms.sum(axis=1) / np.log(p.shape[1]))


class LeastConfidence(Strategy):
    """The likeliest label is not likely: score = 1 - max p. Example: [0.5, 0.2].

    Lewis and Gale (1994), "A sequential algorithm for training text classifiers", SIGIR.
    """

    name = "least_confidence"

    def score(self, pool: Pool, labelled: Labelled) -> Floats:
        """Return a score for each pair of the pool [N]; the highest are judged first."""
        return np.asarray(1 - pool.need("probabilities").max(axis=1))


class Implicit(Strategy):
    """The sought label is likeliest: score = p(target), prior-corrected. Example, target 1: [0.3, 0.8].

    Relevance sampling of Lewis and Gale (1994), and the one-step (greedy) policy of active search: Garnett et al.
    (2012), "Bayesian optimal active search and surveying", ICML.
    """

    name = "implicit"

    def score(self, pool: Pool, labelled: Labelled) -> Floats:
        """Return a score for each pair of the pool [N]; the highest are judged first."""
        return np.asarray(self.corrected(pool, labelled)[:, self.target])
