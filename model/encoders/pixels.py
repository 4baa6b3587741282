"""Images as the numbers that a network asks for: resized to a square, scaled, normalised.

The whole image is squeezed into the square and nothing cropped, so that boxes in shares of the square are shares of
the image. Pillow resizes for every network, as torchvision does not fit every torch.
"""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from transformers.image_processing_base import ImageProcessingMixin

from model.encoders.photo import open_rgb
from model.encoders.pretrained import load


@dataclass(frozen=True)
class Pixels:
    """How a network wants its images; `mean` and `std` a colour, of values from 0 to 1."""

    side: int
    mean: tuple[float, ...] = (0.0, 0.0, 0.0)
    std: tuple[float, ...] = (1.0, 1.0, 1.0)
    padded: bool = False  # made square by grey below or to the right, not by squeezing

    @classmethod
    def of(cls, where: str, side: int | None = None, padded: bool = False) -> Self:
        """As the model's preprocessor_config.json says; `side` replaces its size. Raises CcdError."""
        settings, _ = load(ImageProcessingMixin.get_image_processor_dict, where)
        size = settings.get("crop_size") or settings["size"]
        side = side or (size if isinstance(size, int) else size.get("height") or size["shortest_edge"])
        if not settings.get("do_normalize", True):
            return cls(side, padded=padded)
        return cls(side, tuple(settings["image_mean"]), tuple(settings["image_std"]), padded)

    @property
    def fingerprint(self) -> dict[str, Any]:
        """For the encoder's fingerprint."""
        return {"pixels": asdict(self), "backend": "pil"}

    def read(self, photo: Path) -> Tensor:
        """[3, side, side]. Raises UnreadableImage."""
        return self.of_image(self.open(photo))

    def open(self, photo: Path) -> Image.Image:
        """Return the picture, perhaps decoded smaller than it is. Raises UnreadableImage."""
        return open_rgb(photo, 2 * self.side)

    def of_image(self, image: Image.Image) -> Tensor:
        """[3, side, side] of a picture."""
        if self.padded:
            square = Image.new("RGB", (max(image.size),) * 2, (128, 128, 128))
            square.paste(image)
            image = square
        resized = image.resize((self.side, self.side), Image.Resampling.BICUBIC, reducing_gap=2)
        values = np.asarray(resized, np.float32) / 255
        normal = (values - np.array(self.mean, np.float32)) / np.array(self.std, np.float32)
        return torch.from_numpy(normal).permute(2, 0, 1)
