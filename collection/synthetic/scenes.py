"""Where pictures play: six scenes, where things stand in them, and the picture of a scene with its things.

Everything is drawn at twice its size and halved, which smooths the edges.
"""

import functools
import random
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image, ImageDraw

from collection.synthetic.drawing import COLOURS, WOOD, Brush, Colour, dark, light
from collection.synthetic.faces import FACES
from collection.synthetic.kinds import KINDS

WIDTH, HEIGHT = 320, 240  # pixels of a finished picture
COLUMNS = 4  # things side by side, at most
_SCALE = 2
_W, _H = WIDTH * _SCALE, HEIGHT * _SCALE

Pen = ImageDraw.ImageDraw
Box = tuple[float, float, float, float]

# Of the centre of what hangs, flies or swims, and of the foot of what stands: heights as shares of the picture.
HEIGHTS = {
    "meadow": {"up": (0.22, 0.36), "down": (0.76, 0.95), "water": (0.72, 0.82)},
    "night": {"up": (0.22, 0.36), "down": (0.80, 0.95)},
    "room": {"up": (0.22, 0.38), "down": (0.80, 0.95)},
    "kitchen": {"up": (0.22, 0.34), "down": (0.72, 0.92)},
    "sea": {"up": (0.20, 0.32), "down": (0.88, 0.97), "water": (0.54, 0.66)},
    "city": {"up": (0.22, 0.34), "down": (0.82, 0.96)},
}
SCENES = tuple(HEIGHTS)


@dataclass(frozen=True)
class Placed:
    """A thing in a picture: a kind or, with `feeling`, a face; its centre and half sizes as shares of the picture."""

    kind: str
    colour: str
    x: float
    y: float
    rx: float
    ry: float
    feeling: str | None = None

    @property
    def name(self) -> str:
        """Return what a detector that is right calls it."""
        return f"{self.feeling} face" if self.feeling else KINDS[self.kind].names[0]

    @property
    def box(self) -> Box:
        """Return left, top, right and bottom as shares of the picture, of the pixels that are drawn."""
        left, top, right, bottom = _extent(self.kind)
        sides = (self.x + left * self.rx, self.y + top * self.ry, self.x + right * self.rx, self.y + bottom * self.ry)
        return tuple(round(min(1.0, max(0.0, side)), 4) for side in sides)  # type: ignore[return-value]


def draw(scene: str, things: tuple[Placed, ...], rng: random.Random) -> Image.Image:
    """Draw the picture: RGB, WIDTH x HEIGHT. The same arguments draw the same pixels."""
    image = _backdrop(scene, rng.randrange(4)).copy()
    pen = ImageDraw.Draw(image)
    _DETAILS[scene](pen, rng)
    for thing in things:
        brush = Brush(pen, thing.x * _W, thing.y * _H, thing.rx * _W, thing.ry * _H)
        shapes = FACES[thing.feeling] if thing.feeling else KINDS[thing.kind].shapes
        brush.draw(shapes, COLOURS[thing.colour])
    return image.reduce(_SCALE)


@functools.cache
def _extent(kind: str) -> Box:
    """Return left, top, right and bottom of a kind's drawing, in its own unit (-1 to 1 if it fills its square)."""
    if kind not in KINDS:
        return -1.0, -1.0, 1.0, 1.0  # a face
    image = Image.new("RGB", (300, 300))
    Brush(ImageDraw.Draw(image), 150, 150, 100, 100).draw(KINDS[kind].shapes, (200, 100, 50))
    left, top, right, bottom = image.getbbox() or (50, 50, 250, 250)
    return (left - 150) / 100, (top - 150) / 100, (right - 150) / 100, (bottom - 150) / 100


# --- backdrops: bands of colour from top to bottom, each in a few shades, then what differs from picture to picture --

_BANDS: dict[str, tuple[tuple[float, float, Colour, Colour], ...]] = {
    "meadow": ((0, 0.62, (126, 190, 236), (214, 236, 248)), (0.62, 1, (122, 184, 92), (84, 148, 66))),
    "night": ((0, 0.7, (18, 24, 58), (62, 66, 120)), (0.7, 1, (36, 60, 64), (22, 38, 44))),
    "room": ((0, 0.67, (240, 226, 204), (232, 216, 196)), (0.67, 1, (196, 148, 100), (168, 120, 78))),
    "kitchen": ((0, 0.6, (226, 238, 238), (214, 228, 230)), (0.6, 1, (206, 170, 130), (178, 138, 98))),
    "sea": (
        (0, 0.45, (140, 204, 240), (226, 242, 248)),
        (0.45, 0.8, (64, 150, 190), (96, 190, 206)),
        (0.8, 1, (242, 222, 170), (226, 198, 140)),
    ),
    "city": ((0, 0.7, (176, 206, 228), (232, 232, 226)), (0.7, 1, (120, 122, 130), (96, 98, 106))),
}
_TINTS: tuple[Colour, ...] = ((255, 255, 255), (255, 226, 190), (190, 214, 255), (255, 206, 222))


@functools.cache
def _backdrop(scene: str, tint: int) -> Image.Image:
    image = Image.new("RGB", (_W, _H))
    pen = ImageDraw.Draw(image)
    for top, bottom, first, last in _BANDS[scene]:
        start, end = round(top * _H), round(bottom * _H)
        for y in range(start, end):
            share = (y - start) / (end - start)
            pen.line((0, y, _W, y), tuple(round(a + (b - a) * share) for a, b in zip(first, last, strict=True)))
    return Image.blend(image, Image.new("RGB", (_W, _H), _TINTS[tint]), 0.12) if tint else image


def _disc(pen: Pen, fill: Colour, x: float, y: float, rx: float, ry: float) -> None:
    pen.ellipse((x - rx, y - ry, x + rx, y + ry), fill)


def _meadow(pen: Pen, rng: random.Random) -> None:
    _disc(pen, (150, 200, 130), _W * rng.uniform(0.1, 0.4), _H * 0.72, _W * 0.45, _H * 0.16)
    _disc(pen, (134, 188, 118), _W * rng.uniform(0.6, 0.95), _H * 0.72, _W * 0.4, _H * 0.13)
    pen.rectangle((0, _H * 0.68, _W, _H), (114, 176, 86))
    for _ in range(24):
        x, y = rng.uniform(0, _W), rng.uniform(0.7 * _H, _H)
        pen.line((x, y, x + rng.uniform(-6, 6), y - 12), (98, 160, 74), 3)


def _night(pen: Pen, rng: random.Random) -> None:
    for _ in range(40):
        x, y = rng.uniform(0, _W), rng.uniform(0, 0.6 * _H)
        pen.rectangle((x, y, x + 2, y + 2), (226, 226, 206))
    _disc(pen, (34, 48, 74), _W * rng.uniform(0.2, 0.8), _H * 0.78, _W * 0.5, _H * 0.16)
    pen.rectangle((0, _H * 0.76, _W, _H), (32, 54, 58))


def _room(pen: Pen, rng: random.Random) -> None:
    wall = rng.choice([(236, 222, 200), (216, 230, 226), (232, 218, 228), (222, 226, 240)])
    start = rng.randrange(-60, 0)
    for x in range(start, _W, 60):
        pen.rectangle((x, 0, x + 28, 0.64 * _H), wall)
    pen.rectangle((0, 0.64 * _H, _W, 0.68 * _H), dark((186, 138, 92)))
    for y in (0.78, 0.88):
        pen.line((0, y * _H, _W, y * _H), (160, 114, 74), 3)


def _kitchen(pen: Pen, rng: random.Random) -> None:
    tile = rng.choice([(190, 214, 220), (222, 206, 190), (200, 218, 196)])
    for x in range(rng.randrange(-48, 0), _W, 48):
        pen.line((x, 0, x, 0.6 * _H), tile, 3)
    for y in range(rng.randrange(-48, 0), round(0.6 * _H), 48):
        pen.line((0, y, _W, y), tile, 3)
    pen.rectangle((0, 0.6 * _H, _W, 0.64 * _H), light(WOOD, 0.5))


def _sea(pen: Pen, rng: random.Random) -> None:
    for _ in range(16):
        x, y = rng.uniform(0, _W), rng.uniform(0.48 * _H, 0.75 * _H)
        pen.arc((x, y, x + 40, y + 12), 200, 340, (168, 220, 230), 3)
    _disc(pen, (242, 222, 170), _W * rng.uniform(0.3, 0.7), _H * 0.82, _W * 0.6, _H * 0.03)


def _city(pen: Pen, rng: random.Random) -> None:
    x = -rng.randrange(40)
    while x < _W:
        width, top = rng.randrange(70, 120), rng.uniform(0.28, 0.5) * _H
        wall = rng.choice([(176, 160, 150), (150, 160, 172), (186, 176, 160), (160, 146, 150)])
        pen.rectangle((x, top, x + width, 0.7 * _H), wall)
        for window in range(x + 12, x + width - 16, 26):
            pen.rectangle((window, top + 16, window + 12, top + 32), light(wall))
        x += width
    pen.rectangle((0, 0.7 * _H, _W, 0.74 * _H), (170, 170, 172))
    for x in range(rng.randrange(-80, 0), _W, 110):
        pen.rectangle((x, 0.9 * _H, x + 56, 0.915 * _H), (226, 226, 220))


_DETAILS: dict[str, Callable[[Pen, random.Random], None]] = {
    "meadow": _meadow,
    "night": _night,
    "room": _room,
    "kitchen": _kitchen,
    "sea": _sea,
    "city": _city,
}
