"""A new pair, or one more judgment on an old one: whichever is settled least."""

import numpy as np

from ccd.errors import InputError
from model.acquisition.pool import Floats, Labelled, Pool, Strategy

LEAST = 1e-6  # a weight never falls to nought


class Relabel(Strategy):
    """ActiveLab: score = -[w_M p + w_J Σ votes + w_J / C] / [w_M + (n + 1) w_J] at the likeliest label, in -1..0.

    A pair with n votes has their mean and the network's p, weighted as CROWDLAB does, and one more vote that knows
    nothing: 1 / C for each label. A vote is P for its own label and (1 - P) / (C - 1) for the others, P being how often
    two annotators agree. With A the share of pairs where the votes (J), the network (M) or the commonest label alone
    (0) say what the majority says: w_J = 1 - (1 - A_J) / (1 - A_0), w_M = (1 - (1 - A_M) / (1 - A_0)) · √(mean n).
    As `Pool.judgments` does not say whose a vote is, all annotators weigh the same.

    Example: w_M = w_J = 1, P = 1, C = 2: a new pair with p = [.9, .1] gets -(0.9 + 0.5) / 2 = -0.7; one with the votes
    [2, 1] and the same p gets -(0.9 + 2 + 0.5) / 5 = -0.68, and is judged before it.

    Goh and Mueller (2023), "ActiveLab: Active learning with re-labeling by multiple annotators"; Goh, Tkachenko and
    Mueller (2022), "CROWDLAB: Supervised learning to infer consensus labels and quality scores for data with multiple
    annotators". Raises CcdError where no pair has two judgments.
    """

    name = "relabel"
    again = True

    def score(self, pool: Pool, labelled: Labelled) -> Floats:
        """Return a score for each pair of the pool [N]; the highest are judged first."""
        p, counts = pool.need("probabilities"), pool.need("judgments")
        agree, of_model, of_vote = weights(p, counts)
        votes = counts.sum(axis=1)
        labels = p.shape[1]
        other = (1 - agree) / (labels - 1)
        likeliest = (of_model * p + of_vote * (other * votes[:, None] + (agree - other) * counts)).max(axis=1)
        return np.asarray(-(likeliest + of_vote / labels) / (of_model + (votes + 1) * of_vote))


def weights(p: Floats, counts: Floats) -> tuple[float, float, float]:
    """How often two annotators agree, the weight of the network, and that of a vote, from p and votes [N, C]."""
    several = counts.sum(axis=1) > 1
    if not several.any():
        raise InputError(
            "relabel needs pairs with two judgments or more that an annotator has not had, and there are none; name "
            "more annotators in campaign.toml than judgments_per_pair, or rank by another strategy"
        )
    p, counts = p[several], counts[several]
    votes = counts.sum(axis=1)
    agree = float(((counts * (counts - 1)).sum(axis=1) / (votes * (votes - 1))).mean())
    consensus = (counts + 0.5 * p).argmax(axis=1)  # the network parts ties
    by_chance = 1 - np.bincount(consensus).max() / len(consensus)
    by_vote = 1 - counts[np.arange(len(counts)), consensus].sum() / votes.sum()
    by_model = float((p.argmax(axis=1) != consensus).mean())
    by_chance = max(float(by_chance), LEAST)
    of_model = max(1 - by_model / by_chance, LEAST) * float(np.sqrt(votes.mean()))
    return agree, of_model, max(1 - float(by_vote) / by_chance, LEAST)
