"""CoMemory: image and text attend to each other in turns, each led by what the other remembers.

Xu, N., Mao, W., & Chen, G. (2018). A Co-Memory Network for Multimodal Sentiment Analysis. SIGIR. Different here: the
image memory holds regions where the paper has cells of a convolution, and a state is updated by a GRU cell.
"""

import torch
from torch import Tensor, nn

from model.baselines.recurrent import PackedLSTM
from model.baselines.sizes import Sizes
from model.batch import Batch, ModelOutput
from model.masked import masked_mean, masked_softmax

WIDTH, HOPS = 256, 2


class CoMemory(nn.Module):
    """HOPS rounds of text attention led by the image and image attention led by the text, with weights in common."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.see = nn.Sequential(nn.Linear(sizes.region_width, WIDTH), nn.Tanh())
        self.read = PackedLSTM(sizes.word_width, WIDTH)
        self.on_text, self.on_image = Led(WIDTH), Led(WIDTH)
        self.classify = nn.Linear(2 * WIDTH, sizes.labels)

    def forward(self, batch: Batch) -> ModelOutput:
        """Return what the network says of a batch of B pairs: logits [B, C], and the streams where it has them."""
        regions = self.see(batch.regions)  # image memory [B, K, WIDTH]
        words, _ = self.read(batch.words, batch.lengths)  # text memory [B, n, WIDTH]
        image, text = masked_mean(regions, batch.region_mask), masked_mean(words, batch.word_mask)
        for _ in range(HOPS):
            text, image = (
                self.on_text(words, batch.word_mask, image, text),
                self.on_image(regions, batch.region_mask, text, image),
            )
        return ModelOutput(self.classify(torch.cat([image, text], -1)))


class Led(nn.Module):
    """Attention over a memory [B, L, d], led by the other side's state [B, d], which updates the own state [B, d]."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.of_memory = nn.Linear(width, width)
        self.of_leader = nn.Linear(width, width, bias=False)
        self.score = nn.Linear(width, 1, bias=False)
        self.update = nn.GRUCell(width, width)

    def forward(self, memory: Tensor, mask: Tensor, leader: Tensor, own: Tensor) -> Tensor:
        """Return what the network says of a batch of B pairs: logits [B, C], and the streams where it has them."""
        scores = self.score((self.of_memory(memory) + self.of_leader(leader)[:, None]).tanh())[..., 0]
        attended = (masked_softmax(scores, mask)[..., None].to(memory.dtype) * memory).sum(1)
        state: Tensor = self.update(attended, own.to(attended.dtype))
        return state
