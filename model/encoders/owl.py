"""Regions as the boxes of OWLv2, each with its class embedding: a vector in the space of the texts that name classes.

Minderer et al., 2023, "Scaling Open-Vocabulary Object Detection". Beside the word encoder `tower` on the same model,
the cosine of a word and a region is the score by which OWLv2 finds what a text asks for.
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from transformers import Owlv2ForObjectDetection

from model.encoders.detr import corners, surest
from model.encoders.pixels import Pixels
from model.encoders.pretrained import DEVICE, digest, load, settings
from model.encoders.protocol import Regions


class Owl:
    """`owl`: the 36 boxes with the highest objectness, of the patches (3,600 at 960 pixels) of the image."""

    def __init__(self, where: str) -> None:
        self._network = load(Owlv2ForObjectDetection.from_pretrained, where)
        config = self._network.config
        self._pixels = Pixels.of(where, config.vision_config.image_size, padded=True)
        self.width: int = config.text_config.hidden_size
        self.space = digest(self._network.owlv2)
        self.fingerprint = {"encoder": "owl", "version": 1, "weights": digest(self._network)}
        self.fingerprint |= {"settings": settings(self._network), **self._pixels.fingerprint}

    def prepare(self, photo: Path) -> tuple[Tensor, Tensor]:
        """[3, side, side], and how much longer the longest side is than width and height: [4]."""
        image = self._pixels.open(photo)
        longest = max(image.size)
        return self._pixels.of_image(image), torch.tensor([longest / image.width, longest / image.height] * 2)

    @torch.inference_mode()
    def encode(self, prepared: Sequence[tuple[Tensor, Tensor]]) -> list[Regions]:
        """36 regions an image."""
        pixels, stretch = (torch.stack(list(part)).to(DEVICE) for part in zip(*prepared, strict=True))
        map_, _ = self._network.image_embedder(pixels)  # [B, h, w, d_v]
        patches = map_.flatten(1, 2)
        scores = self._network.objectness_predictor(patches).sigmoid()
        square = corners(self._network.box_predictor(patches, map_))
        _, classes = self._network.class_predictor(patches)
        return surest(classes, (square * stretch[:, None]).clamp(0, 1), scores)
