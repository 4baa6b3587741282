"""Pictures for the encoders to see."""

from pathlib import Path

import numpy as np
from PIL import Image


def photo(file: Path, seed: int, size: tuple[int, int] = (90, 60)) -> Path:
    """A picture of coloured blocks."""
    blocks = np.random.default_rng(seed).integers(0, 255, (6, 9, 3), np.uint8)
    Image.fromarray(blocks).resize(size, Image.Resampling.NEAREST).save(file)
    return file
