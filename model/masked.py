"""Sums over what is there: means, softmax and a BiGRU that padding cannot reach.

A mask is True where a region or a word is. Where nothing is there the answer is 0 with a finite gradient, never NaN:
an empty text and a picture without a region are pairs like others.
"""

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

TINY = 1e-12  # under a square root, whose gradient at 0 is infinite


def at_least_fp32(values: Tensor) -> Tensor:
    """bf16 and fp16 as fp32, wider types as they are: norms and cosines need the digits."""
    return values.to(torch.promote_types(values.dtype, torch.float32))


def norm(values: Tensor) -> Tensor:
    """[..., d] → [...]: the 2-norm, with a finite gradient at 0."""
    return (at_least_fp32(values).square().sum(-1) + TINY).sqrt()


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """[B, L, d] and [B, L] → [B, d]; 0 where the mask is all False.

    >>> masked_mean(torch.tensor([[[2.0], [4.0], [9.0]]]), torch.tensor([[True, True, False]]))
    tensor([[3.]])
    """
    kept = values.masked_fill(~mask[..., None], 0)
    return kept.sum(1) / mask.sum(1, keepdim=True).clamp(min=1).to(values.dtype)


def masked_softmax(scores: Tensor, mask: Tensor, dim: int = -1) -> Tensor:
    """Return the softmax over those entries of `dim` that the mask (broadcast to `scores`) has.

    The others, and all of a slice where it has none, are 0.

    >>> masked_softmax(torch.zeros(2, 3), torch.tensor([[True, True, False], [False, False, False]]))
    tensor([[0.5000, 0.5000, 0.0000],
            [0.0000, 0.0000, 0.0000]])
    """
    scores = at_least_fp32(scores)
    weights = scores.masked_fill(~mask, torch.finfo(scores.dtype).min).softmax(dim)
    return weights.masked_fill(~mask, 0)


class PackedBiGRU(nn.Module):
    """A bidirectional GRU that runs each text over its own length: [B, n, width_in], [B] → [B, n, width], 0 at pads.

    Unpacked, the backward direction would start in the padding, and a text's features would depend on how long the
    longest text of its batch is.
    """

    def __init__(self, width_in: int, width: int) -> None:
        super().__init__()
        self.gru = nn.GRU(width_in, width // 2, batch_first=True, bidirectional=True)

    def forward(self, words: Tensor, lengths: Tensor) -> Tensor:
        """Return what the network says of a batch of B pairs: logits [B, C], and the streams where it has them."""
        n = words.shape[1]
        if n == 0 or len(words) == 0:
            return words.new_zeros(*words.shape[:2], 2 * self.gru.hidden_size)
        # Packing takes no empty text: it reads one word of padding, and its output is put to 0 with the other pads.
        packed = pack_padded_sequence(words, lengths.clamp(min=1).cpu(), batch_first=True, enforce_sorted=False)
        states, _ = pad_packed_sequence(self.gru(packed)[0], batch_first=True, total_length=n)
        pads = torch.arange(n, device=words.device)[None, :] >= lengths[:, None]
        return states.masked_fill(pads[..., None], 0)
