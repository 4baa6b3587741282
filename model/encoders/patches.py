"""Regions as a grid: the patch tokens of CLIP, SigLIP 2, DINOv2 or DINOv3, pooled to 6 x 6.

Of CLIP each token goes through `post_layernorm` and `visual_projection`, as its image token does, which puts it near
the space of CLIP's texts (the idea is that of Zhou et al., 2022, "Extract Free Dense Labels from CLIP"). SigLIP has no
such layer for single tokens and DINO no texts: their grids share no space with words.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d, cosine_similarity
from transformers import AutoModel

from ccd.errors import InputError
from model.encoders.photo import grid_boxes
from model.encoders.pixels import Pixels
from model.encoders.pretrained import DEVICE, digest, load, settings
from model.encoders.protocol import Regions, best_first

GRID = 6  # 6 x 6 = 36 regions
KNOWN = ("clip", "siglip", "dinov2", "dinov2_with_registers", "dinov3_vit")
_BOXES = grid_boxes(GRID, GRID)


class Patches:
    """`patches`: 36 regions; the score is a region's cosine with their mean, so what fills the image comes first."""

    def __init__(self, where: str) -> None:
        network = load(AutoModel.from_pretrained, where)
        kind = network.config.model_type
        if kind not in KNOWN:
            raise InputError(f"{where}: has no known grid of patches ({kind}); name a network of {', '.join(KNOWN)}")
        self._vision = getattr(network, "vision_model", network)
        self._projection = network.visual_projection if kind == "clip" else None
        self._pixels = Pixels.of(where)
        weights = digest(network)
        config = self._vision.config
        self.width: int = network.config.projection_dim if kind == "clip" else config.hidden_size
        self.space = weights if self._projection else None
        self.fingerprint = {"encoder": "patches", "version": 1, "model": kind, "grid": GRID, "weights": weights}
        self.fingerprint |= {"settings": settings(network), **self._pixels.fingerprint}
        self._cells = self._pixels.side // config.patch_size

    def prepare(self, photo: Path) -> Tensor:
        """[3, side, side]."""
        return self._pixels.read(photo)

    @torch.inference_mode()
    def encode(self, prepared: Sequence[Tensor]) -> list[Regions]:
        """36 regions an image."""
        tokens = self._vision(torch.stack(list(prepared)).to(DEVICE)).last_hidden_state
        tokens = tokens[:, -(self._cells**2) :]  # first come the image's token and registers, where there are any
        if self._projection is not None:
            tokens = self._projection(self._vision.post_layernorm(tokens))
        return pooled(tokens.mT.unflatten(-1, (self._cells, self._cells)))


def pooled(map_: Tensor, scores: Tensor | None = None) -> list[Regions]:
    """Return a map of features [B, d, h, w] as 6 x 6 regions.

    `scores` [B, 36], or the cosine of each with their mean.
    """
    cells = adaptive_avg_pool2d(map_, GRID).flatten(2).mT.float()  # [B, 36, d]
    if scores is None:
        scores = cosine_similarity(cells, cells.mean(1, keepdim=True), dim=-1)
    pairs = zip(cells.cpu().numpy(), scores.float().cpu().numpy(), strict=True)
    return [best_first(features, _BOXES, score) for features, score in pairs]
