"""Regions as the queries of a DETR: each that sees an object gives its last hidden state and its box.

Carion et al., 2020, "End-to-End Object Detection with Transformers"; RT-DETR (Zhao et al., 2023) is read alike. No
operator of torchvision is needed, and no suppression of doubles, which DETR is trained not to make.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from transformers import AutoModelForObjectDetection

from model.encoders.pixels import Pixels
from model.encoders.pretrained import DEVICE, digest, load, settings
from model.encoders.protocol import MOST_REGIONS, Floats, Regions, best_first


class Detr:
    """`detr`: the 36 surest queries; the score is 1 - p(no object); of RT-DETR, without that class, the highest p.

    Images are resized to side x side, as the paper's are to 224; 800 finds smaller things at nine times the cost.
    """

    space = None

    def __init__(self, where: str, side: int = 224) -> None:
        self._network = load(AutoModelForObjectDetection.from_pretrained, where)
        self._pixels = Pixels.of(where, side)
        config = self._network.config
        self.width: int = config.d_model
        self.fingerprint = {"encoder": "detr", "version": 1, "model": config.model_type}
        self.fingerprint |= {"weights": digest(self._network), "settings": settings(self._network)}
        self.fingerprint |= self._pixels.fingerprint

    def prepare(self, photo: Path) -> Tensor:
        """[3, side, side]."""
        return self._pixels.read(photo)

    @torch.inference_mode()
    def encode(self, prepared: Sequence[Tensor]) -> list[Regions]:
        """At most 36 regions an image, fewer where the network has fewer queries."""
        out = self._network(torch.stack(list(prepared)).to(DEVICE))
        if out.logits.shape[-1] == self._network.config.num_labels + 1:  # the last class is: no object
            scores = 1 - out.logits.softmax(-1)[..., -1]
        else:
            scores = out.logits.sigmoid().amax(-1)
        return surest(out.last_hidden_state, corners(out.pred_boxes), scores)


def corners(boxes: Tensor) -> Tensor:
    """Boxes [..., 4] from centre and size to left, top, right, bottom, cut at the image's edge.

    >>> corners(torch.tensor([0.5, 0.5, 0.5, 2.0])).tolist()
    [0.25, 0.0, 0.75, 1.0]
    """
    centre, half = boxes[..., :2], boxes[..., 2:] / 2
    return torch.cat([centre - half, centre + half], -1).clamp(0, 1)


def surest(features: Tensor, boxes: Tensor, scores: Tensor) -> list[Regions]:
    """Regions of a batch: [B, Q, d], [B, Q, 4] and [B, Q] to the 36 with the highest scores of each image."""
    best = scores.topk(min(MOST_REGIONS, scores.shape[1])).indices[..., None]
    parts = [
        part.gather(1, best.expand(-1, -1, part.shape[-1])).float().cpu().numpy()
        for part in (features, boxes, scores[..., None])
    ]
    images: list[tuple[Floats, ...]] = list(zip(*parts, strict=True))
    return [best_first(feature, box, score[:, 0]) for feature, box, score in images]
