"""Around what was found: neighbours of pairs that have the sought label, and of those the ones unlike any judged."""

import numpy as np

from ccd.errors import InputError
from model.acquisition.clusters import AT_ONCE, apart, directions
from model.acquisition.pool import Floats, Labelled, Pool, Strategy

ANCHORS = 64
SUBPOOL = 1000  # as in AnchorAL


class Anchor(Strategy):
    """Likely and new, among the neighbours of found pairs: score = p(target) · (1 - cos(x, nearest judged)) / 2.

    Anchors are the labelled targets, at most ANCHORS that lie apart. The SUBPOOL pairs nearest to any anchor are
    scored so; those beyond come after them, nearest first: score = cos(x, nearest anchor) - 2. Cosines are those of
    embeddings less the pool's mean. p is prior-corrected.

    Example: of two neighbours of an anchor with p = 0.6, the one whose nearest judged pair has the cosine 0.9 gets
    0.6 · 0.05 = 0.03, and the one with 0.2 gets 0.6 · 0.4 = 0.24.

    The subpool is that of AnchorAL (Lesci and Vlachos 2024, NAACL) and of SEALS (Coleman et al. 2022, AAAI), found
    without an index: a million cosines with 64 anchors are one matrix product. Raises CcdError without a target.
    """

    name = "anchor"

    def score(self, pool: Pool, labelled: Labelled) -> Floats:
        """Return a score for each pair of the pool [N]; the highest are judged first."""
        p = self.corrected(pool, labelled)[:, self.target]
        found = labelled.of(self.target)
        if not len(found):
            raise InputError("no pair with the label sought is known yet; judge a random round, or rank by `profile`")
        centre = pool.embeddings.mean(axis=0, dtype=np.float32)
        anchors = apart(directions(pool.embeddings[found], centre), ANCHORS)
        near = _nearest(pool.embeddings, centre, anchors)
        score = near - 2
        free = near.copy()
        free[labelled.rows] = -np.inf
        subpool = np.argpartition(free, -min(SUBPOOL, len(pool)))[-min(SUBPOOL, len(pool)) :]
        judged = directions(pool.embeddings[labelled.rows], centre)
        novel = (1 - _nearest(pool.embeddings[subpool], centre, judged)) / 2
        score[subpool] = p[subpool] * novel
        return np.asarray(score)


def _nearest(embeddings: Floats, centre: Floats, others: Floats) -> Floats:
    """Return the highest cosine of each row [n, e] with any of the others, which are directions [a, e]: [n]."""
    found = np.empty(len(embeddings), np.float32)
    for start in range(0, len(embeddings), AT_ONCE // 4):
        block = slice(start, start + AT_ONCE // 4)
        found[block] = (directions(embeddings[block], centre) @ others.T).max(axis=1)
    return found
