"""The cold start: a logistic regression on the frozen similarity profile, which a few dozen labels are enough for."""

import numpy as np
from sklearn.linear_model import LogisticRegression

from ccd.errors import InputError
from model.acquisition.pool import Floats, Labelled, Pool, Strategy

PENALTY = 1.0  # on squared weights, beside the sum of the pairs' losses
STEPS = 500


class Profile(Strategy):
    """p(target) of a multinomial logistic regression on the 28 numbers of `model.profile`: score in 0..1.

    Profiles are standardised over the pool; each label has the same weight in the fit, as the sought one is rare. No
    network is needed, only encoders that share a space. Example: with 200 pairs judged at random, 21 of them implicit,
    the 28 · 3 weights are fitted in a hundredth of a second.

    Raises CcdError where the labelled pairs have one label only, or not the one that is sought.
    """

    name = "profile"

    def score(self, pool: Pool, labelled: Labelled) -> Floats:
        """Return a score for each pair of the pool [N]; the highest are judged first."""
        inputs = pool.need("profiles")
        if not len(labelled.of(self.target)) or len(np.unique(labelled.labels)) < 2:
            raise InputError(
                "profile needs labelled pairs, some with the label sought and some without; judge a random round first"
            )
        mean = inputs.mean(axis=0, dtype=np.float32)
        scale = np.maximum(np.sqrt(np.maximum((inputs.astype(np.float32) ** 2).mean(axis=0) - mean**2, 0)), 1e-6)
        known = (inputs[labelled.rows].astype(np.float64) - mean) / scale
        classes = np.unique(labelled.labels)
        # Of two labels scikit-learn has one row of weights, whose square is twice that of two opposite rows.
        penalty = PENALTY / 2 if len(classes) == 2 else PENALTY
        regression = LogisticRegression(C=1 / penalty, class_weight="balanced", max_iter=STEPS)
        regression.fit(known, labelled.labels)
        shares = regression.predict_proba((inputs.astype(np.float32) - mean) / scale)
        return np.asarray(shares[:, int(np.searchsorted(classes, self.target))])
