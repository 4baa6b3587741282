"""What frozen encoders say of a pair, as a short row of numbers a stream, and a regression that learns from it at once.

A replay (`model/replay.py`) trains a model after every batch of labels, thousands of times. AnANet takes minutes each
time and learns little from a few hundred labels, so its two streams are stood in for by rows that nothing has trained:

- association, both sides as wholes: the mean region a and the mean word b, each projected at random, and a sketch of
  their outer product. A linear layer on the sketch is a bilinear form of a and b, so it can see a relation, as the
  interaction of `model/ananet.py` does.
- alignment, which region goes with which word: the similarity profile (`model/profile.py`), where encoders share a
  space.

Gao, Y., Beijbom, O., Zhang, N., & Darrell, T. (2016). Compact Bilinear Pooling. CVPR.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from model.data import Loader
from model.profile import profile

SIDE = 64  # numbers that each side is projected to
SKETCH = 32  # numbers that stand for the outer product
BATCH = 512
TINY = 1e-300
PENALTY = 100.0  # on squared weights, beside the sum of the pairs' losses

Floats = NDArray[np.float64]
Rows = NDArray[np.float32]
Ids = NDArray[np.int64]
Sides = tuple[Rows, Rows]  # regions [K, d_r] and words [n, d_w] of one pair


@dataclass(frozen=True)
class Relation:
    """Of N pairs.

    `association` [N, 2 SIDE + SKETCH], `alignment` [N, 28] (None without a common space), every column with mean 0 and
    spread 1.
    """

    association: Rows
    alignment: Rows | None

    @cached_property
    def fused(self) -> Rows:
        """Both streams side by side."""
        streams = [stream for stream in (self.association, self.alignment) if stream is not None]
        return np.concatenate(streams, axis=1)


def relation(pairs: Iterable[Sides], one_space: bool, seed: int = 0) -> Relation:
    """Both streams of one pair or more.

    >>> relation([(np.eye(2, 3), np.eye(1, 3)), (np.eye(1, 3), np.eye(2, 3))], one_space=True).alignment.shape
    (2, 28)
    """
    images, texts, profiles = [], [], []
    for regions, words in pairs:
        images.append(_direction(regions))
        texts.append(_direction(words))
        if one_space:
            profiles.append(profile(regions, words))
    image, text = np.array(images), np.array(texts)
    draw = np.random.default_rng(seed)
    projected = [side @ draw.normal(size=(side.shape[1], SIDE)) for side in (image, text)]
    association = np.concatenate([*projected, _sketch(image, text, draw)], axis=1)
    return Relation(_standard(association), _standard(np.array(profiles, np.float64)) if one_space else None)


def sides(loader: Loader) -> Iterator[Sides]:
    """Regions and words of each pair of the loader, in its order."""
    for batch in loader.batches(np.array_split(np.arange(len(loader)), -(-len(loader) // BATCH))):
        counts, lengths = batch.region_mask.sum(1).tolist(), batch.lengths.tolist()
        regions, words = batch.regions.cpu().numpy(), batch.words.cpu().numpy()
        for i, (k, n) in enumerate(zip(counts, lengths, strict=True)):
            yield regions[i, :k], words[i, :n]


@dataclass(frozen=True)
class Regression:
    """Multinomial logistic regression: `weights` [F + 1, C], the last row the intercepts."""

    weights: Floats

    def predict(self, rows: Rows) -> Floats:
        """[N, F] → probabilities [N, C]."""
        logits = rows @ self.weights[:-1].astype(np.float32) + self.weights[-1]
        powers = np.exp(logits - logits.max(1, keepdims=True))
        return np.asarray(powers / powers.sum(1, keepdims=True))


def fit(rows: Rows, labels: Ids, size: int, start: Regression | None = None) -> Regression:
    """Return the minimum of cross-entropy + PENALTY / 2 |W|² over rows [M, F] with label ids [M] below `size`.

    The loss is convex. `start` is where to look first: a replay has the regression of the batch before. scikit-learn's
    has no weights of labels that no row has yet, as here early in a replay.

    >>> rows = np.array([[-1.0], [1.0]], np.float32).repeat(50, 0)
    >>> fit(rows, np.arange(100) // 50, 2).predict(rows)[[0, -1]].argmax(1)
    array([0, 1])
    """
    wanted = np.eye(size)[labels]
    first = np.zeros((rows.shape[1] + 1, size)) if start is None else start.weights

    def loss(flat: Floats) -> tuple[float, Floats]:
        weights = flat.reshape(first.shape)
        p = Regression(weights).predict(rows)
        beyond = p - wanted
        slope = np.concatenate([rows.T @ beyond.astype(np.float32) + PENALTY * weights[:-1], beyond.sum(0)[None]])
        misfit = -np.log(np.maximum(p[np.arange(len(p)), labels], TINY)).sum()
        return float(misfit + PENALTY / 2 * (weights[:-1] ** 2).sum()), slope.ravel()

    found = minimize(loss, first.ravel(), jac=True, method="L-BFGS-B", options={"maxiter": 100, "ftol": 1e-6})
    return Regression(found.x.reshape(first.shape))


def _direction(rows: Rows) -> Floats:
    """[L, d] → the mean row at length 1, or zeros."""
    total = rows.sum(0, dtype=np.float64)
    return np.asarray(total / max(float(np.linalg.norm(total)), 1e-12))


def _sketch(image: Floats, text: Floats, draw: np.random.Generator) -> Floats:
    """Return the outer product of each row of both, [N, d] x [N, e], hashed with random signs into [N, SKETCH].

    The outer product is never made: its sketch is the circular convolution of the sketches of both sides.
    """
    spectra = []
    for side in (image, text):
        width = side.shape[1]
        hashed = np.zeros((width, SKETCH))
        hashed[np.arange(width), draw.integers(0, SKETCH, width)] = draw.choice([-1.0, 1.0], width)
        spectra.append(np.fft.rfft(side @ hashed, axis=1))
    found: Floats = np.fft.irfft(spectra[0] * spectra[1], n=SKETCH, axis=1)
    return found


def _standard(columns: Floats) -> Rows:
    spread = columns.std(0)
    return np.asarray((columns - columns.mean(0)) / np.where(spread > 1e-9, spread, 1), np.float32)
