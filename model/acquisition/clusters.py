"""Clusters of embeddings, so that a batch does not take everything from one corner."""

import numpy as np

from model.acquisition.pool import Floats, Ints

AT_ONCE = 65_536  # rows of a block: what is multiplied stays small


def unit(rows: Floats) -> Floats:
    """Rows [n, e] of length 1, in fp32; a row of noughts stays one."""
    rows = rows.astype(np.float32)
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return rows


def cluster(embeddings: Floats, number: int, seed: int, steps: int = 100, size: int = 1024) -> Ints:
    """The cluster of each row [N, e], 0 to number - 1 [N]: spherical mini-batch k-means.

    Sculley (2010), "Web-scale k-means clustering", WWW: each of `steps` mini-batches of `size` rows moves its centres
    by a rate of one over the rows they have had. Rows are compared by cosine.

    >>> cluster(np.eye(2)[[0, 0, 1, 1]], 2, seed=0).tolist() in ([0, 0, 1, 1], [1, 1, 0, 0])
    True
    """
    draw = np.random.default_rng(seed)
    number = min(number, len(embeddings))
    if number < 2 or not embeddings.shape[1]:
        return np.zeros(len(embeddings), np.int64)
    centres = _apart(
        unit(embeddings[draw.choice(len(embeddings), min(len(embeddings), 20 * number), replace=False)]), number
    )
    had = np.ones(number)
    for _ in range(steps):
        rows = unit(embeddings[draw.integers(len(embeddings), size=min(size, len(embeddings)))])
        own = (rows @ centres.T).argmax(axis=1)
        sums = np.zeros_like(centres)
        np.add.at(sums, own, rows)
        new = np.bincount(own, minlength=number)
        centres = unit(centres * had[:, None] + sums)
        had += new
    found = np.empty(len(embeddings), np.int64)
    for start in range(0, len(embeddings), AT_ONCE):
        found[start : start + AT_ONCE] = (unit(embeddings[start : start + AT_ONCE]) @ centres.T).argmax(axis=1)
    return found


def _apart(rows: Floats, number: int) -> Floats:
    """`number` of the rows, each farthest from those before it: Gonzalez (1985)."""
    chosen = [0]
    nearest = rows @ rows[0]
    while len(chosen) < number:
        chosen.append(int(nearest.argmin()))
        nearest = np.maximum(nearest, rows @ rows[chosen[-1]])
    return rows[chosen]
