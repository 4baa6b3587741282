"""The cold start: a logistic regression on the frozen similarity profile, which a few dozen labels are enough for."""

import numpy as np
from scipy.optimize import minimize

from ccd.errors import InputError
from model.acquisition.pool import Floats, Ints, Labelled, Pool, Strategy

PENALTY = 1.0  # on squared weights, beside the sum of the pairs' losses
STEPS = 200


class Profile(Strategy):
    """p(target) of a multinomial logistic regression on the 28 numbers of `model.profile`: score in 0..1.

    Profiles are standardised over the pool; each label has the same weight in the fit, as the sought one is rare. No
    network is needed, only encoders that share a space. Example: with 200 pairs judged at random, 21 of them implicit,
    the 28 · 3 weights are fitted in a hundredth of a second.

    Raises CcdError where the labelled pairs have one label only, or not the one that is sought.
    """

    name = "profile"

    def score(self, pool: Pool, labelled: Labelled) -> Floats:
        inputs = pool.need("profiles")
        if not len(labelled.of(self.target)) or len(np.unique(labelled.labels)) < 2:
            raise InputError(
                "profile needs labelled pairs, some with the label sought and some without; judge a random round first"
            )
        mean = inputs.mean(axis=0, dtype=np.float32)
        scale = np.maximum(np.sqrt(np.maximum((inputs.astype(np.float32) ** 2).mean(axis=0) - mean**2, 0)), 1e-6)
        known = (inputs[labelled.rows].astype(np.float64) - mean) / scale
        weights, bias = _fit(known, np.asarray(np.unique(labelled.labels, return_inverse=True)[1]))
        place = int(np.searchsorted(np.unique(labelled.labels), self.target))
        inputs = inputs.astype(np.float32)
        logits = inputs @ (weights / scale[:, None]).astype(np.float32)
        logits += (bias - (mean / scale) @ weights).astype(np.float32)
        return np.asarray(_softmax(logits)[:, place])


def _fit(inputs: Floats, labels: Ints) -> tuple[Floats, Floats]:
    """Weights [P, C] and biases [C]: the minimum of the balanced cross-entropy + PENALTY / 2 · |W|²."""
    (pairs, width), classes = inputs.shape, int(labels.max()) + 1
    share = (pairs / classes / np.bincount(labels))[labels]
    wanted = np.eye(classes)[labels]

    def loss(flat: Floats) -> tuple[float, Floats]:
        matrix = flat.reshape(width + 1, classes)
        p = _softmax(inputs @ matrix[:-1] + matrix[-1])
        residual = (p - wanted) * share[:, None]
        slope = np.vstack([inputs.T @ residual + PENALTY * matrix[:-1], residual.sum(axis=0)])
        chosen = np.maximum(p[np.arange(pairs), labels], 1e-300)
        return float(-(share * np.log(chosen)).sum() + PENALTY / 2 * (matrix[:-1] ** 2).sum()), slope.ravel()

    start = np.zeros((width + 1) * classes)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": STEPS}).x
    matrix = np.asarray(found).reshape(width + 1, classes)
    return matrix[:-1], matrix[-1]


def _softmax(logits: Floats) -> Floats:
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))
