"""SCAN: stacked cross attention between regions and words, as a classifier.

Lee, K.-H., Chen, X., Hua, G., Hu, H., & He, X. (2018). Stacked Cross Attention for Image-Text Matching. ECCV. Image and
text are as there: one linear layer, a BiGRU whose directions are averaged, all of length 1; similarities clipped,
normalised over the queries, sharpened by a temperature. Different here: SCAN ranks by one pooled cosine; this one
classifies the LogSumExp, mean and maximum of the cosines of both directions, and has a width of 256, not 1024. It
differs from the alignment net of AnANet by normalisation, temperature and clipping, and by knowing no slot.
"""

import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity, leaky_relu, normalize

from model.baselines.sizes import Sizes
from model.batch import Batch, ModelOutput
from model.masked import PackedBiGRU, at_least_fp32, masked_softmax

WIDTH = 256
TO_REGIONS, TO_WORDS = 9.0, 4.0  # temperatures of words over regions and of regions over words
SHARPNESS = 6.0  # of LogSumExp


class Scan(nn.Module):
    """Six numbers a pair, and a linear layer on them."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.see = nn.Linear(sizes.region_width, WIDTH)
        self.read = PackedBiGRU(sizes.word_width, 2 * WIDTH)
        self.classify = nn.Linear(6, sizes.labels)

    def forward(self, batch: Batch) -> ModelOutput:
        """Attention maps are those of SCAN: of words over regions, and of regions over words."""
        v = normalize(at_least_fp32(self.see(batch.regions)), dim=-1)  # [B, K, WIDTH]
        t = normalize(at_least_fp32(self.read(batch.words, batch.lengths).unflatten(-1, (2, WIDTH)).mean(-2)), dim=-1)
        both = batch.word_mask[:, :, None] & batch.region_mask[:, None, :]  # [B, n, K]
        of_words, word_to_region = attend(t, v, both, TO_REGIONS)
        of_regions, region_to_word = attend(v, t, both.mT, TO_WORDS)
        evidence = torch.cat([pooled(of_words, both.any(2)), pooled(of_regions, both.any(1))], -1)
        logits = self.classify(evidence)
        return ModelOutput(logits, word_to_region=word_to_region, region_to_word=region_to_word)


def attend(queries: Tensor, context: Tensor, both: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Return each query's cosine with what it attends to [B, q], and its weights [B, q, c].

    `queries` are [B, q, d], `context` [B, c, d].
    """
    clipped = leaky_relu(queries @ context.mT, 0.1).masked_fill(~both, 0)
    weights = masked_softmax(temperature * normalize(clipped, dim=1), both)
    return cosine_similarity(queries, weights @ context, -1), weights


def pooled(cosines: Tensor, there: Tensor) -> Tensor:
    """[B, L] → [B, 3]: LogSumExp, mean and maximum over what is there; 0 where nothing is."""
    if cosines.shape[1] == 0:
        return cosines.new_zeros(len(cosines), 3)
    lowest = torch.finfo(cosines.dtype).min
    known = cosines.masked_fill(~there, lowest)
    number = there.sum(1).clamp(min=1)
    soft = (SHARPNESS * known.clamp(min=lowest / SHARPNESS)).logsumexp(1) / SHARPNESS
    parts = torch.stack([soft, cosines.masked_fill(~there, 0).sum(1) / number, known.amax(1)], 1)
    return parts.masked_fill(~there.any(1, keepdim=True), 0)
