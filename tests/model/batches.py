"""Small batches of made-up features."""

import numpy as np
import torch

from model.batch import Batch


def batch(
    lengths: list[int],
    regions: list[int],
    widths: tuple[int, int] = (5, 4),
    seed: int = 0,
    pad: tuple[int, int] = (0, 0),
) -> Batch:
    """Pairs with so many words and regions, standard normal; pair i is the same whatever stands beside it.

    `widths` of a region and a word. `pad`: padding beyond the longest. What lies in the padding is loud (100) where a
    network must not look.
    """
    k, n = max(regions, default=0) + pad[0], max(lengths, default=0) + pad[1]
    made = Batch(
        torch.full((len(lengths), k, widths[0]), 100.0),
        torch.arange(k)[None, :] < torch.tensor(regions)[:, None],
        torch.full((len(lengths), n, widths[1]), 100.0),
        torch.tensor(lengths),
        labels=torch.arange(len(lengths)) % 3,
    )
    for i, (words, boxes) in enumerate(zip(lengths, regions, strict=True)):
        draw = np.random.default_rng((seed, words, boxes, i))
        made.regions[i, :boxes] = torch.from_numpy(draw.normal(size=(boxes, widths[0]))).float()
        made.words[i, :words] = torch.from_numpy(draw.normal(size=(words, widths[1]))).float()
    return made


def chosen(whole: Batch, rows: list[int]) -> Batch:
    """Those pairs, in that order, padded as they are."""
    return Batch(
        whole.regions[rows],
        whole.region_mask[rows],
        whole.words[rows],
        whole.lengths[rows],
        None if whole.profile is None else whole.profile[rows],
        None if whole.labels is None else whole.labels[rows],
    )


def padded(batch: Batch, regions: int, words: int) -> Batch:
    """The same pairs with so much more padding."""
    pad = torch.nn.functional.pad
    return Batch(
        pad(batch.regions, (0, 0, 0, regions), value=100.0),
        pad(batch.region_mask, (0, regions)),
        pad(batch.words, (0, 0, 0, words), value=100.0),
        batch.lengths,
        batch.profile,
        batch.labels,
    )
