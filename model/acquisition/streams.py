"""Where a network's two streams see different things: the whole belongs together, and no word matches a region."""

import numpy as np

from model.acquisition.pool import Floats, Labelled, Pool, Strategy


class StreamGap(Strategy):
    """Related as a whole, not in its parts: score = A(related) - L(beyond) + JS(A, L), in -1..2.

    A is what the association stream says alone and L what the alignment stream does. Labels are in the order of how
    literal the relation is, as in CCD: irrelevant, implicit, explicit. A(related) is the probability of the target and
    of the labels after it, L(beyond) that of the labels after it alone. JS is the Jensen-Shannon divergence of the two
    in bits (Lin 1991, "Divergence measures based on the Shannon entropy", eq. 3.5), 0 where they agree.

    Example, target 1: A = [.1, .7, .2] and L = [.8, .1, .1] give 0.9 - 0.1 + 0.42 = 1.22; A = L = [.1, .1, .8] gives
    0.9 - 0.8 + 0 = 0.1.

    After Xu et al. (2021), AnANet, section IV: implicit pairs are those that the association net knows and the
    alignment net does not. How far that holds is measured in docs/replay.md.
    """

    name = "stream_gap"

    def score(self, pool: Pool, labelled: Labelled) -> Floats:
        """Return a score for each pair of the pool [N]; the highest are judged first."""
        whole, parts = pool.need("association"), pool.need("alignment")
        related = whole[:, self.target :].sum(axis=1)
        beyond = parts[:, self.target + 1 :].sum(axis=1)
        divergence = _entropy((whole + parts) / 2) - (_entropy(whole) + _entropy(parts)) / 2
        return np.asarray(related - beyond + divergence)


def _entropy(p: Floats) -> Floats:
    """In bits, [N, C] → [N]."""
    return np.asarray(-(p * np.log2(np.maximum(p, np.finfo(np.float32).tiny))).sum(axis=1))
