"""Clusters of embeddings, so that a batch does not take everything from one corner."""

import numpy as np

from model.acquisition.pool import Floats, Ints

AT_ONCE = 65_536  # rows of a block: what is multiplied stays small


def directions(rows: Floats, centre: Floats) -> Floats:
    """Rows [n, e] less `centre` [e], of length 1 and in fp32; a row at the centre is all noughts."""
    rows = rows.astype(np.float32) - centre
    rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return rows


def cluster(embeddings: Floats, number: int, seed: int, steps: int = 100, size: int = 1024) -> Ints:
    """Return the cluster of each row [N, e], 0 to number - 1 [N].

    Mini-batch k-means of the rows' directions from their mean. Sculley (2010), "Web-scale k-means clustering", WWW:
    each of `steps` mini-batches of `size` rows moves its centres by a rate of one over the rows they have had.

    >>> cluster(np.eye(2)[[0, 0, 1, 1]], 2, seed=0).tolist() in ([0, 0, 1, 1], [1, 1, 0, 0])
    True
    """
    number = min(number, len(embeddings))
    if number < 2 or not embeddings.shape[1]:
        return np.zeros(len(embeddings), np.int64)
    draw = np.random.default_rng(seed)
    middle = embeddings.mean(axis=0, dtype=np.float32)
    first = draw.choice(len(embeddings), min(len(embeddings), 20 * number), replace=False)
    centres = apart(directions(embeddings[first], middle), number)
    had = np.ones(len(centres))
    for _ in range(steps):
        rows = directions(embeddings[draw.integers(len(embeddings), size=size)], middle)
        own = (rows @ centres.T).argmax(axis=1)
        sums = np.zeros_like(centres)
        np.add.at(sums, own, rows)
        moved = centres * had[:, None] + sums
        had += np.bincount(own, minlength=len(centres))
        centres = (moved / np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-12)).astype(np.float32)
    found = np.empty(len(embeddings), np.int64)
    for start in range(0, len(embeddings), AT_ONCE):
        block = slice(start, start + AT_ONCE)
        found[block] = (directions(embeddings[block], middle) @ centres.T).argmax(axis=1)
    return found


def apart(rows: Floats, number: int) -> Floats:
    """At most `number` of the directions [n, e], each the farthest from those before it.

    Gonzalez (1985), "Clustering to minimize the maximum intercluster distance", Theoretical Computer Science 38.
    """
    chosen = [0]
    nearest = rows @ rows[0]
    while len(chosen) < min(number, len(rows)):
        chosen.append(int(nearest.argmin()))
        nearest = np.maximum(nearest, rows @ rows[chosen[-1]])
    return np.asarray(rows[chosen])
