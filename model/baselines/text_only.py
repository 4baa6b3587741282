"""Text only: a BiGRU over the words. What it gets right, a relation between image and text does not explain."""

from torch import nn

from model.baselines.sizes import Sizes
from model.batch import Batch, ModelOutput
from model.masked import PackedBiGRU, masked_mean

WIDTH = 256


class TextOnly(nn.Module):
    """BiGRU, mean over the words, one hidden layer."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.read = PackedBiGRU(sizes.word_width, WIDTH)
        self.classify = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, sizes.labels))

    def forward(self, batch: Batch) -> ModelOutput:
        """Return what the network says of a batch of B pairs: logits [B, C], and the streams where it has them."""
        states = self.read(batch.words, batch.lengths)  # [B, n, WIDTH]
        return ModelOutput(self.classify(masked_mean(states, batch.word_mask)))
