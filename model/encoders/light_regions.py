"""Regions without any download: windows over the image and blobs of one colour, told by their colours and edges.

Blobs are the largest patches of one of the image's own few colours, and what differs from the colours at its edge: in
drawn and plain pictures these are the objects. Edges are histograms of gradients (Dalal and Triggs, 2005). Features of
this kind are for trying the toolkit out: they tell red from blue and round from square, not cats from dogs.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from model.encoders.photo import grid_boxes, open_rgb
from model.encoders.protocol import Floats, Regions, best_first

SIDE = 96  # pixels that are looked at
PATCH = 24  # pixels of each region
COLOURS = 8  # of the image's own
MOST_BLOBS = 16
WIDTH = 64 + 128  # colours, edges

Pixels = NDArray[np.uint8]


class LightRegions:
    """`light`: one region for the whole image, 25 windows at two scales, and up to 16 blobs; the best 36 of these.

    The score is the difference of a region's mean colour from that of the image, blobs before windows.
    """

    width = WIDTH
    space = None

    def __init__(self) -> None:
        self.fingerprint = {"encoder": "light", "version": 1, "width": WIDTH, "side": SIDE, "backend": "pil"}

    def prepare(self, photo: Path) -> Regions:
        """All is done here, on one picture: there is nothing that a batch would make faster."""
        image = open_rgb(photo, SIDE).resize((SIDE, SIDE), Image.Resampling.BOX)
        pixels = np.asarray(image)
        blobs = _blobs(image, pixels)
        boxes = np.concatenate([blobs, _WINDOWS])
        patches = _patches(pixels, boxes)
        contrast = np.linalg.norm(patches.mean((1, 2)) - pixels.mean((0, 1)), axis=1) / 442  # the longest way in RGB
        scores = contrast + (np.arange(len(boxes)) < len(blobs))
        features = np.concatenate([_colours(patches), _edges(patches)], axis=1)
        return best_first(features, boxes, scores.astype(np.float32))

    def encode(self, prepared: Sequence[Regions]) -> list[Regions]:
        """Return the regions as they were prepared."""
        return list(prepared)


def _windows() -> Floats:
    whole = np.array([[0, 0, 1, 1]], np.float32)
    halves = np.array([[x, y, x + 0.5, y + 0.5] for y in (0, 0.25, 0.5) for x in (0, 0.25, 0.5)], np.float32)
    return np.concatenate([whole, halves, grid_boxes(4, 4)])


_WINDOWS = _windows()  # [26, 4]


def _blobs(image: Image.Image, pixels: Pixels) -> Floats:
    """Boxes [n, 4] of the largest connected patches, from a 400th of the image up to half of it."""
    painted = np.asarray(image.quantize(COLOURS, Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE))
    masks = [painted == colour for colour in range(COLOURS)]
    masks.append(~np.isin(painted, _edge_colours(painted)))
    total = pixels.shape[0] * pixels.shape[1]
    found: dict[tuple[int, int, int, int], int] = {}
    for mask in masks:
        labelled, _ = ndimage.label(mask)
        areas = np.bincount(labelled.ravel())
        areas[0] = 0  # what is outside of the mask
        fit = (areas >= total / 400) & (areas <= total / 2)
        renumbered = np.where(fit, np.cumsum(fit), 0)[labelled]
        for (rows, columns), area in zip(ndimage.find_objects(renumbered), areas[fit], strict=True):
            box = (columns.start, rows.start, columns.stop, rows.stop)
            found[box] = max(found.get(box, 0), int(area))
    kept = sorted((-area, box) for box, area in found.items())[:MOST_BLOBS]
    return np.array([box for _, box in kept], np.float32).reshape(-1, 4) / np.float32(SIDE)


def _edge_colours(painted: Pixels) -> NDArray[np.intp]:
    """Return the colours that fill a tenth of the picture's edge or more: its background."""
    edge = np.concatenate([painted[0], painted[-1], painted[:, 0], painted[:, -1]])
    return np.flatnonzero(np.bincount(edge, minlength=COLOURS) >= len(edge) / 10)


def _patches(pixels: Pixels, boxes: Floats) -> Floats:
    """Each region as PATCH x PATCH pixels: [K, PATCH, PATCH, 3]."""
    steps = (np.arange(PATCH) + 0.5) / PATCH
    x = boxes[:, :1] + steps * (boxes[:, 2:3] - boxes[:, :1])
    y = boxes[:, 1:2] + steps * (boxes[:, 3:] - boxes[:, 1:2])
    rows, columns = ((part * SIDE).astype(np.intp).clip(0, SIDE - 1) for part in (y, x))
    patches: Floats = pixels[rows[:, :, None], columns[:, None, :]].astype(np.float32)
    return patches


def _colours(patches: Floats) -> Floats:
    """Share of each of 4 x 4 x 4 colours, square roots of it: [K, 64], each of length 1."""
    level = (patches / 64).astype(np.intp)
    cell = level @ np.array([16, 4, 1]) + 64 * np.arange(len(patches))[:, None, None]
    counts = np.bincount(cell.ravel(), minlength=64 * len(patches)).reshape(-1, 64)
    return np.sqrt(counts / PATCH**2).astype(np.float32)


def _edges(patches: Floats) -> Floats:
    """Strength of 8 directions in 4 x 4 cells: [K, 128], each of length 1, or 0 where nothing changes."""
    grey = patches @ np.array([0.299, 0.587, 0.114], np.float32)
    down, right = np.gradient(grey, axis=(1, 2))
    strength = np.hypot(down, right)
    direction = (np.arctan2(down, right) / np.pi % 1 * 8).astype(np.intp) % 8
    place = np.arange(PATCH) // (PATCH // 4)
    cell = (place[:, None] * 4 + place) * 8 + direction + 128 * np.arange(len(patches))[:, None, None]
    sums = np.bincount(cell.ravel(), strength.ravel(), minlength=128 * len(patches)).reshape(-1, 128)
    lengths = np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-6)
    return np.asarray(sums / lengths, np.float32)
