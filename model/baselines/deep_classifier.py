"""Deep Classifier: attention over the words led by the image, and both side by side.

Otto, C., Springstein, M., Anand, A., & Ewerth, R. (2020). Characterization and classification of semantic image-text
relations. International Journal of Multimedia Information Retrieval, 9. This is the variant with one classifier of all
classes. Different here: the image vector is the mean of the regions' features, in place of Inception-ResNet's.
"""

import torch
from torch import nn

from model.baselines.sizes import Sizes
from model.batch import Batch, ModelOutput
from model.masked import PackedBiGRU, masked_mean, masked_softmax

WIDTH = 256


class DeepClassifier(nn.Module):
    """softmax_j(w tanh(W_h h_j + W_v v)) over the BiGRU's states, [attended; v], one hidden layer."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.read = PackedBiGRU(sizes.word_width, WIDTH)
        self.of_state = nn.Linear(WIDTH, WIDTH)
        self.of_image = nn.Linear(sizes.region_width, WIDTH, bias=False)
        self.score = nn.Linear(WIDTH, 1, bias=False)
        self.classify = nn.Sequential(
            nn.Linear(WIDTH + sizes.region_width, WIDTH), nn.ReLU(), nn.Linear(WIDTH, sizes.labels)
        )

    def forward(self, batch: Batch) -> ModelOutput:
        """Return what the network says of a batch of B pairs: logits [B, C], and the streams where it has them."""
        image = masked_mean(batch.regions, batch.region_mask)
        states = self.read(batch.words, batch.lengths)  # [B, n, WIDTH]
        scores = self.score((self.of_state(states) + self.of_image(image)[:, None]).tanh())[..., 0]
        attended = (masked_softmax(scores, batch.word_mask)[..., None].to(states.dtype) * states).sum(1)
        return ModelOutput(self.classify(torch.cat([attended, image], -1)))
