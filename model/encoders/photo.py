"""Image files as upright RGB pictures."""

from pathlib import Path

import numpy as np
from PIL import Image

from ccd.errors import InputError
from ccd.files.photo import opened, rendered
from model.encoders.protocol import Floats


class UnreadableImage(InputError):
    """No image there, or a broken one."""


def open_rgb(photo: Path, side: int | None = None) -> Image.Image:
    """Return the picture as `ccd.files.photo.rendered` makes it: RGB, upright, on white where it is transparent.

    A JPEG is decoded at an eighth, a quarter or a half where both its sides stay at least `side` pixels long.
    Raises UnreadableImage.
    """
    try:
        with opened(photo) as image:
            if side:
                image.draft("RGB", (side, side))
            return rendered(image)
    except Exception as error:  # decoders raise whatever a broken file makes them raise
        reason = getattr(error, "strerror", None) or "no whole image"
        raise UnreadableImage(f"{photo}: {reason}; `ccd doctor` looks for such files") from None


def grid_boxes(rows: int, columns: int) -> Floats:
    """Boxes [rows * columns, 4] of an even grid, row by row, in shares of the image.

    >>> grid_boxes(1, 2).tolist()
    [[0.0, 0.0, 0.5, 1.0], [0.5, 0.0, 1.0, 1.0]]
    """
    y, x = (part.ravel() for part in np.mgrid[:rows, :columns])
    edges = np.stack([x / columns, y / rows, (x + 1) / columns, (y + 1) / rows], axis=1)
    return edges.astype(np.float32)
