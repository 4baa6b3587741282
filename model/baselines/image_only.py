"""Image only: the regions without a word. What it gets right, a relation between image and text does not explain."""

from torch import nn

from model.baselines.sizes import Sizes
from model.batch import Batch, ModelOutput
from model.masked import masked_mean

WIDTH = 256


class ImageOnly(nn.Module):
    """Each region through a layer, mean over the regions, one hidden layer."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.see = nn.Sequential(nn.Linear(sizes.region_width, WIDTH), nn.ReLU())
        self.classify = nn.Sequential(nn.Linear(WIDTH, WIDTH), nn.ReLU(), nn.Linear(WIDTH, sizes.labels))

    def forward(self, batch: Batch) -> ModelOutput:
        """Return what the network says of a batch of B pairs: logits [B, C], and the streams where it has them."""
        return ModelOutput(self.classify(masked_mean(self.see(batch.regions), batch.region_mask)))
