"""DCNN: image and text projected into one space and added.

Kruk, J., Lubin, J., Sikka, K., Lin, X., Jurafsky, D., & Divakaran, A. (2019). Integrating Text and Image: Determining
Multimodal Document Intent in Instagram Posts. EMNLP. Different here: the image vector is the mean of the regions'
features, in place of ResNet-18's; the words are those of the campaign's encoder, so that `glove` gives the paper's
DCNN(GloVe) and `glove+bert` its DCNN(GloVe+BERT). Its weighted loss is `--class-weights`.
"""

from torch import nn

from model.baselines.sizes import Sizes
from model.batch import Batch, ModelOutput
from model.masked import PackedBiGRU, masked_mean

WIDTH, SPACE, DROPOUT = 512, 128, 0.2


class DCNN(nn.Module):
    """W_v image + W_t text, and a linear layer."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.read = PackedBiGRU(sizes.word_width, WIDTH)
        self.project_image = nn.Linear(sizes.region_width, SPACE)
        self.project_text = nn.Linear(WIDTH, SPACE)
        self.classify = nn.Sequential(nn.ReLU(), nn.Dropout(DROPOUT), nn.Linear(SPACE, sizes.labels))

    def forward(self, batch: Batch) -> ModelOutput:
        """Return what the network says of a batch of B pairs: logits [B, C], and the streams where it has them."""
        image = self.project_image(masked_mean(batch.regions, batch.region_mask))  # [B, SPACE]
        text = self.project_text(masked_mean(self.read(batch.words, batch.lengths), batch.word_mask))
        return ModelOutput(self.classify(image + text))
