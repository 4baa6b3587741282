"""The similarity profile of a pair: how well its best matches match, where regions and words share a space.

28 numbers that nothing has trained: each word's cosine with its best region, the 14 highest in order, and each region's
with its best word, the 14 highest in order; 0 where there are fewer. A logistic regression on them is a strong baseline
(docs/model.md), a scorer for a pool without labels, and an extra input of `model/ananet.py`.
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn.functional import normalize, pad

from model.batch import Batch

BEST = 14  # of each direction
PROFILE_WIDTH = 2 * BEST


def profile(regions: npt.NDArray[np.float32], words: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """One pair, nothing padded: [K, d] and [n, d] → [28].

    >>> profile(np.eye(2, 3, dtype=np.float32), np.eye(1, 3, dtype=np.float32))[[0, 1, 14, 15, 16]]
    array([1., 0., 1., 0., 0.], dtype=float32)
    """
    numbers = np.zeros(PROFILE_WIDTH, np.float32)
    if not len(regions) or not len(words):
        return numbers
    cosines = _unit(words) @ _unit(regions).T  # [n, K]
    for start, best in ((0, cosines.max(1)), (BEST, cosines.max(0))):
        highest = np.sort(best)[::-1][:BEST]
        numbers[start : start + len(highest)] = highest
    return numbers


def profiles(batch: Batch) -> Tensor:
    """`profile` of each pair of a batch: [B, 28] in fp32."""
    words, regions = normalize(batch.words.float(), dim=-1), normalize(batch.regions.float(), dim=-1)
    both = batch.word_mask[:, :, None] & batch.region_mask[:, None, :]  # [B, n, K]
    if not both.any():
        return words.new_zeros(len(words), PROFILE_WIDTH)
    cosines = (words @ regions.mT).masked_fill(~both, -torch.inf)
    best = [pad(cosines.amax(dim), (0, BEST), value=-torch.inf) for dim in (2, 1)]
    highest = torch.cat([values.topk(BEST).values for values in best], -1)
    return highest.masked_fill(highest.isinf(), 0)


def _unit(rows: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    unit: npt.NDArray[np.float32] = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return unit
