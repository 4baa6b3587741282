"""Uncertain and unlike each other: a batch whose gradients point in different directions."""

import numpy as np

from model.acquisition.pool import Floats, Ints, Labelled, Pool, Strategy
from model.acquisition.uncertainty import Margin

CANDIDATES = 10_000
PICKS = 500


class Badge(Strategy):
    """k-means++ over gradients, among the CANDIDATES unlabelled pairs of the least margin.

    A pair's gradient of the last layer, were its likeliest label right, is g = (p - onehot(argmax p)) ⊗ embedding. The
    first pick has the longest one; each next is drawn by its squared distance to the nearest pick. The k-th of PICKS
    picks gets the score 1 - k / PICKS; all other pairs come after them with Margin's score, which is 0 at most.

    Example: of two equal pairs and a third, all as uncertain, the third is never last: its distance is not 0.

    Ash et al. (2020), "Deep batch active learning by diverse, uncertain gradient lower bounds", ICLR, algorithm 1, on a
    prefiltered pool. As g is a product, so are inner products, and no gradient is ever made.
    """

    name = "badge"

    def score(self, pool: Pool, labelled: Labelled) -> Floats:
        """Return a score for each pair of the pool [N]; the highest are judged first."""
        score = Margin().score(pool, labelled).astype(np.float64)
        free = score.copy()
        free[labelled.rows] = -np.inf
        rows = np.argpartition(free, -min(CANDIDATES, len(pool)))[-min(CANDIDATES, len(pool)) :]
        picks = rows[self._apart(pool.need("probabilities")[rows], pool.embeddings[rows].astype(np.float32))]
        score[picks] = 1 - np.arange(len(picks)) / PICKS
        return score

    def _apart(self, p: Floats, embeddings: Floats) -> Ints:
        """Return the picks among the candidates, first one first; fewer where all that are left equal a pick."""
        draw = np.random.default_rng(self.seed)
        residual = p.astype(np.float32)
        residual[np.arange(len(p)), p.argmax(axis=1)] -= 1
        square = (residual**2).sum(axis=1) * (embeddings**2).sum(axis=1)
        picks = [int(square.argmax())]
        distance = np.full(len(p), np.inf)
        while len(picks) < min(PICKS, len(p)):
            last = picks[-1]
            inner = (residual @ residual[last]) * (embeddings @ embeddings[last])
            distance = np.minimum(distance, np.maximum(square + square[last] - 2 * inner, 0))
            distance[last] = 0
            if (total := distance.sum(dtype=np.float64)) <= 0:
                break
            picks.append(int(np.searchsorted(np.cumsum(distance, dtype=np.float64), draw.random() * total, "right")))
        return np.array(picks)
