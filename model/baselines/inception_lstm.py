"""InceptionNet + LSTM: one image vector and the last state of an LSTM, side by side.

Vempala, A., & Preotiuc-Pietro, D. (2019). Categorizing and Inferring the Relationship between the Text and Image of
Twitter Posts. ACL. Different here: the image vector is the mean of the regions' features, and only what is above them
is trained; the paper takes the last layer of InceptionNet and fine-tunes it.
"""

import torch
from torch import nn

from model.baselines.recurrent import PackedLSTM
from model.baselines.sizes import Sizes
from model.batch import Batch, ModelOutput
from model.masked import masked_mean

WIDTH = 256


class InceptionLSTM(nn.Module):
    """[image; text], one hidden layer."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.read = PackedLSTM(sizes.word_width, WIDTH)
        self.classify = nn.Sequential(
            nn.Linear(sizes.region_width + WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, sizes.labels)
        )

    def forward(self, batch: Batch) -> ModelOutput:
        """Return what the network says of a batch of B pairs: logits [B, C], and the streams where it has them."""
        image = masked_mean(batch.regions, batch.region_mask)
        _, text = self.read(batch.words, batch.lengths)
        return ModelOutput(self.classify(torch.cat([image, text], -1)))
