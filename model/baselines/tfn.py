"""TFN: the outer product of an image vector and a text vector.

Zadeh, A., Chen, M., Poria, S., Cambria, E., & Morency, L.-P. (2017). Tensor Fusion Network for Multimodal Sentiment
Analysis. EMNLP. Different here: two modalities, not three; the image vector is the mean of its regions; layer in place
of batch normalisation, so that no pair's answer depends on its neighbours; ReLU between the last layers, which the
paper has and its published code leaves out.
"""

import torch
from torch import Tensor, nn

from model.baselines.recurrent import PackedLSTM
from model.baselines.sizes import Sizes
from model.batch import Batch, ModelOutput
from model.masked import masked_mean

IMAGE, TEXT, FUSED, DROPOUT = 32, 128, 128, 0.2


class TensorFusion(nn.Module):
    """[1; image] x [1; text], so that the product holds both vectors and every product of two of their entries."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.LayerNorm(sizes.region_width), nn.Dropout(DROPOUT)]
        for width in (sizes.region_width, IMAGE, IMAGE):
            layers += [nn.Linear(width, IMAGE), nn.ReLU()]
        self.see = nn.Sequential(*layers)
        self.read = PackedLSTM(sizes.word_width, TEXT)
        self.project = nn.Sequential(nn.Dropout(DROPOUT), nn.Linear(TEXT, TEXT))
        self.classify = nn.Sequential(
            nn.Dropout(DROPOUT),
            nn.Linear((IMAGE + 1) * (TEXT + 1), FUSED),
            nn.ReLU(),
            nn.Linear(FUSED, FUSED),
            nn.ReLU(),
            nn.Linear(FUSED, sizes.labels),
        )

    def forward(self, batch: Batch) -> ModelOutput:
        """Return what the network says of a batch of B pairs: logits [B, C], and the streams where it has them."""
        image = with_one(self.see(masked_mean(batch.regions, batch.region_mask)))  # [B, IMAGE + 1]
        text = with_one(self.project(self.read(batch.words, batch.lengths)[1]))  # [B, TEXT + 1]
        return ModelOutput(self.classify((image[:, :, None] * text[:, None, :]).flatten(1)))


def with_one(vector: Tensor) -> Tensor:
    """[B, d] → [B, 1 + d]."""
    return torch.cat([torch.ones_like(vector[:, :1]), vector], 1)
