"""Around the place where the sought label begins: for classes so rare that a network's own 0.5 is never reached."""

import numpy as np

from model.acquisition.pool import Floats, Labelled, Pool, Strategy


class Boundary(Strategy):
    """Nearest to the threshold that parts the labelled pairs best: score = -|rank - threshold| / N.

    Pairs are put in one line by q = p(target) - max p(other), highest first. The threshold is the place with the fewest
    labelled pairs on the wrong side, targets below or others above; of several such places the middle one. Distance
    is counted in pairs of the line, not in q. Where no target is labelled yet that is the top of the line.

    Example: q of five pairs is [.8, .5, .1, -.3, -.9], the first is labelled as a target and the last is not: all
    places between them are as good, the middle one is that of the third pair, and scores are [-.4, -.2, 0, -.2, -.4].

    The line is that of GALAXY (Zhang, Katz-Samuels and Nowak 2022, ICML), the threshold that of DIRECT (Nuggehalli,
    Zhang, Jain and Nowak 2025, ICML), for one label instead of each. DIRECT spends part of a batch on finding the
    threshold pair by pair; here that is what the batches before have done.
    """

    name = "boundary"

    def score(self, pool: Pool, labelled: Labelled) -> Floats:
        """Return a score for each pair of the pool [N]; the highest are judged first."""
        p = pool.need("probabilities")
        others = np.delete(p, self.target, axis=1).max(axis=1)
        rank = np.empty(len(pool))
        rank[np.argsort(others - p[:, self.target], kind="stable")] = np.arange(len(pool)) + 0.5
        return np.asarray(-np.abs(rank - self._threshold(rank, labelled)) / len(pool))

    def _threshold(self, rank: Floats, labelled: Labelled) -> float:
        order = np.argsort(rank[labelled.rows])
        is_target = labelled.labels[order] == self.target
        places = np.concatenate([[0.0], rank[labelled.rows][order], [len(rank)]])
        if not is_target.any():
            return 0.0
        wrong = np.concatenate([[0], np.cumsum(~is_target)]) + np.concatenate([np.cumsum(is_target[::-1])[::-1], [0]])
        best = np.flatnonzero(wrong == wrong.min())
        return float(places[best[0]] + places[best[-1] + 1]) / 2
