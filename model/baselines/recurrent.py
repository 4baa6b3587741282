"""The LSTM of the older networks, run over each text's own length."""

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


class PackedLSTM(nn.Module):
    """An LSTM of one direction over texts of several lengths."""

    def __init__(self, width_in: int, width: int) -> None:
        super().__init__()
        self.lstm = nn.LSTM(width_in, width, batch_first=True)

    def forward(self, words: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        """Return the states [B, n, width], 0 at pads, and each text's last [B, width], 0 for an empty one.

        `words` is [B, n, width_in], `lengths` [B].
        """
        n, there = words.shape[1], lengths > 0
        if n == 0 or len(words) == 0:
            return words.new_zeros(len(words), n, self.lstm.hidden_size), words.new_zeros(
                len(words), self.lstm.hidden_size
            )
        # Packing takes no empty text: it reads one word of padding, and its states are put to 0 with the pads.
        packed = pack_padded_sequence(words, lengths.clamp(min=1).cpu(), batch_first=True, enforce_sorted=False)
        states, (last, _) = self.lstm(packed)
        states, _ = pad_packed_sequence(states, batch_first=True, total_length=n)
        pads = torch.arange(n, device=words.device)[None, :] >= lengths[:, None]
        return states.masked_fill(pads[..., None], 0), last[0].masked_fill(~there[:, None], 0)
