"""Draws the demo's small world: four scenes and seventeen kinds of objects, in plain shapes.

Everything is drawn at twice its size and scaled down, which smooths the edges.
"""

import math
import random
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image, ImageDraw

WIDTH, HEIGHT = 480, 360  # pixels of a finished picture
_SCALE = 2

Pen = ImageDraw.ImageDraw
Colour = tuple[int, int, int]

COLOURS: dict[str, Colour] = {
    "red": (214, 58, 52),
    "orange": (240, 140, 40),
    "yellow": (247, 206, 62),
    "green": (62, 150, 84),
    "blue": (52, 110, 190),
    "purple": (128, 84, 170),
    "pink": (240, 130, 165),
    "white": (248, 246, 240),
    "brown": (140, 94, 60),
    "grey": (130, 136, 146),
}
_INK = (48, 46, 54)
_WHITE = COLOURS["white"]


@dataclass(frozen=True)
class Placed:
    """An object in a picture: what, in which colour, and where (centre and size, in finished pixels)."""

    kind: str
    colour: str
    x: float
    y: float
    size: float

    @property
    def side(self) -> str:
        """left, middle or right."""
        return ("left", "middle", "right")[min(2, int(3 * self.x / WIDTH))]


def draw(scene: str, objects: list[Placed], seed: str) -> Image.Image:
    """The picture of a scene with its objects: RGB, WIDTH x HEIGHT. The same arguments draw the same pixels."""
    image = Image.new("RGB", (WIDTH * _SCALE, HEIGHT * _SCALE))
    pen = ImageDraw.Draw(image)
    _SCENES[scene](pen, random.Random(seed))
    for thing in objects:
        _KINDS[thing.kind](pen, thing.x * _SCALE, thing.y * _SCALE, thing.size * _SCALE / 2, COLOURS[thing.colour])
    return image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)


def _mix(a: Colour, b: Colour, share: float) -> Colour:
    red, green, blue = (round(x + (y - x) * share) for x, y in zip(a, b, strict=True))
    return red, green, blue


def _dark(colour: Colour, share: float = 0.25) -> Colour:
    return _mix(colour, (20, 20, 40), share)


def _light(colour: Colour, share: float = 0.4) -> Colour:
    return _mix(colour, (255, 255, 255), share)


def _disc(pen: Pen, x: float, y: float, r: float, fill: Colour, ry: float | None = None) -> None:
    ry = r if ry is None else ry
    pen.ellipse((x - r, y - ry, x + r, y + ry), fill=fill)


def _fade(pen: Pen, top: float, bottom: float, first: Colour, last: Colour) -> None:
    """A vertical gradient between two heights (shares of the picture)."""
    start, end = round(top * HEIGHT * _SCALE), round(bottom * HEIGHT * _SCALE)
    for y in range(start, end):
        pen.line((0, y, WIDTH * _SCALE, y), fill=_mix(first, last, (y - start) / (end - start)))


# --- scenes ---------------------------------------------------------------------------------------------------------


def _meadow(pen: Pen, rng: random.Random) -> None:
    _fade(pen, 0, 0.62, (126, 190, 236), (214, 236, 248))
    w, h = WIDTH * _SCALE, HEIGHT * _SCALE
    _disc(pen, w * rng.uniform(0.1, 0.4), h * 0.72, w * 0.45, (150, 200, 130), h * 0.16)
    _disc(pen, w * rng.uniform(0.6, 0.95), h * 0.72, w * 0.4, (134, 188, 118), h * 0.13)
    _fade(pen, 0.62, 1, (122, 184, 92), (84, 148, 66))
    for _ in range(60):
        x, y = rng.uniform(0, w), rng.uniform(0.66 * h, h)
        pen.line((x, y, x + rng.uniform(-6, 6), y - 14), fill=(98, 164, 76), width=3)


def _night(pen: Pen, rng: random.Random) -> None:
    _fade(pen, 0, 0.7, (18, 24, 58), (62, 66, 120))
    w, h = WIDTH * _SCALE, HEIGHT * _SCALE
    for _ in range(70):
        _disc(pen, rng.uniform(0, w), rng.uniform(0, 0.6 * h), rng.choice((1.5, 2, 3)), (236, 236, 210))
    _disc(pen, w * rng.uniform(0.2, 0.8), h * 0.78, w * 0.5, (34, 48, 74), h * 0.16)
    _fade(pen, 0.7, 1, (36, 60, 64), (22, 38, 44))


def _room(pen: Pen, rng: random.Random) -> None:
    w, h = WIDTH * _SCALE, HEIGHT * _SCALE
    wall = rng.choice([(240, 226, 204), (216, 230, 226), (232, 218, 228), (222, 226, 240)])
    pen.rectangle((0, 0, w, h), fill=wall)
    for x in range(0, w, 80):
        pen.rectangle((x, 0, x + 36, h), fill=_light(wall, 0.25))
    pen.rectangle((0, 0.66 * h, w, 0.70 * h), fill=_dark((186, 138, 92)))
    _fade(pen, 0.69, 1, (196, 148, 100), (168, 120, 78))
    for y in (0.78, 0.88):
        pen.line((0, y * h, w, y * h), fill=(160, 114, 74), width=3)


def _sea(pen: Pen, rng: random.Random) -> None:
    w, h = WIDTH * _SCALE, HEIGHT * _SCALE
    _fade(pen, 0, 0.45, (140, 204, 240), (226, 242, 248))
    _fade(pen, 0.45, 0.85, (64, 150, 190), (96, 190, 206))
    for _ in range(26):
        x, y = rng.uniform(0, w), rng.uniform(0.49 * h, 0.8 * h)
        pen.arc((x, y, x + 44, y + 14), 200, 340, fill=(168, 220, 230), width=4)
    _fade(pen, 0.84, 1, (242, 222, 170), (226, 198, 140))
    _disc(pen, w * 0.5, h * 0.84, w * 0.6, (242, 222, 170), h * 0.025)


_SCENES: dict[str, Callable[[Pen, random.Random], None]] = {
    "meadow": _meadow,
    "night": _night,
    "room": _room,
    "sea": _sea,
}


# --- objects: centre x, y and half size r, in drawn pixels ----------------------------------------------------------


def _sun(pen: Pen, x: float, y: float, r: float, c: Colour) -> None:
    for i in range(12):
        a = math.tau * i / 12
        near, far = r * 0.72, r * 1.05
        pen.line((x + near * math.cos(a), y + near * math.sin(a), x + far * math.cos(a), y + far * math.sin(a)), c, 9)
    _disc(pen, x, y, r * 0.6, c)


def _moon(pen: Pen, x: float, y: float, r: float, c: Colour) -> None:
    points = [(x + r * 0.9 * math.cos(a), y + r * 0.9 * math.sin(a)) for a in _arc(0.5, 1.5)]
    inner = [(x + r * 0.42 * math.cos(a), y + r * 0.9 * math.sin(a)) for a in reversed(_arc(0.5, 1.5))]
    pen.polygon(points + inner, fill=c)


def _arc(start: float, end: float) -> list[float]:
    """Angles between two multiples of pi."""
    return [math.pi * (start + (end - start) * i / 40) for i in range(41)]


def _house(pen: Pen, x: float, y: float, r: float, c: Colour) -> None:
    pen.rectangle((x - r * 0.8, y - r * 0.15, x + r * 0.8, y + r), fill=c)
    pen.polygon([(x - r, y - r * 0.15), (x, y - r), (x + r, y - r * 0.15)], fill=_dark(c, 0.45))
    pen.rectangle((x - r * 0.18, y + r * 0.4, x + r * 0.18, y + r), fill=(96, 64, 44))
    for side in (-0.5, 0.5):
        box = (x + r * (side - 0.16), y + r * 0.1, x + r * (side + 0.16), y + r * 0.42)
        pen.rectangle(box, fill=(252, 236, 160), outline=_INK, width=4)


def _tree(pen: Pen, x: float, y: float, r: float, c: Colour) -> None:
    pen.rectangle((x - r * 0.12, y, x + r * 0.12, y + r), fill=(118, 80, 50))
    for dx, dy, size in ((-0.35, -0.1, 0.42), (0.35, -0.1, 0.42), (0, -0.5, 0.5)):
        _disc(pen, x + dx * r, y + dy * r, size * r, c)
    _disc(pen, x - 0.12 * r, y - 0.6 * r, 0.22 * r, _light(c, 0.2))


def _car(pen: Pen, x: float, y: float, r: float, c: Colour) -> None:
    pen.polygon(
        [(x - r * 0.6, y), (x - r * 0.4, y - r * 0.45), (x + r * 0.35, y - r * 0.45), (x + r * 0.62, y)], fill=c
    )
    glass = (206, 232, 244)
    pen.polygon(
        [(x - r * 0.46, y), (x - r * 0.33, y - r * 0.35), (x - r * 0.03, y - r * 0.35), (x - r * 0.03, y)], glass
    )
    pen.polygon(
        [(x + r * 0.05, y), (x + r * 0.05, y - r * 0.35), (x + r * 0.3, y - r * 0.35), (x + r * 0.48, y)], glass
    )
    pen.rounded_rectangle((x - r, y - r * 0.02, x + r, y + r * 0.42), r * 0.16, fill=c)
    pen.rectangle((x + r * 0.88, y + r * 0.08, x + r, y + r * 0.2), fill=(255, 236, 150))
    for side in (-0.55, 0.55):
        _disc(pen, x + side * r, y + r * 0.42, r * 0.24, _INK)
        _disc(pen, x + side * r, y + r * 0.42, r * 0.11, (200, 204, 210))


def _boat(pen: Pen, x: float, y: float, r: float, c: Colour) -> None:
    pen.line((x, y - r, x, y + r * 0.5), fill=(96, 64, 44), width=8)
    pen.polygon([(x + r * 0.06, y - r * 0.95), (x + r * 0.06, y + r * 0.3), (x + r * 0.8, y + r * 0.3)], fill=_WHITE)
    pen.polygon(
        [(x - r * 0.06, y - r * 0.75), (x - r * 0.06, y + r * 0.3), (x - r * 0.6, y + r * 0.3)], fill=(232, 224, 206)
    )
    pen.polygon([(x - r, y + r * 0.42), (x + r, y + r * 0.42), (x + r * 0.66, y + r), (x - r * 0.66, y + r)], fill=c)
    pen.line((x - r * 0.93, y + r * 0.55, x + r * 0.93, y + r * 0.55), fill=_light(c, 0.6), width=6)


def _fish(pen: Pen, x: float, y: float, r: float, c: Colour) -> None:
    pen.polygon([(x - r * 0.55, y), (x - r, y - r * 0.5), (x - r, y + r * 0.5)], fill=_dark(c))
    pen.polygon([(x - r * 0.2, y - r * 0.3), (x + r * 0.05, y - r * 0.75), (x + r * 0.35, y - r * 0.3)], fill=_dark(c))
    _disc(pen, x, y, r * 0.75, c, r * 0.48)
    for dx in (-0.3, -0.02):
        pen.arc(
            (x + (dx - 0.2) * r, y - r * 0.28, x + (dx + 0.14) * r, y + r * 0.28), 290, 70, fill=_light(c, 0.6), width=7
        )
    _disc(pen, x + r * 0.42, y - r * 0.12, r * 0.12, _WHITE)
    _disc(pen, x + r * 0.45, y - r * 0.12, r * 0.06, _INK)


def _cat(pen: Pen, x: float, y: float, r: float, c: Colour) -> None:
    for side in (-1, 1):
        pen.polygon(
            [(x + side * r * 0.78, y - r * 0.95), (x + side * r * 0.8, y), (x + side * r * 0.15, y - r * 0.55)], fill=c
        )
        pen.polygon(
            [
                (x + side * r * 0.68, y - r * 0.72),
                (x + side * r * 0.68, y - r * 0.3),
                (x + side * r * 0.36, y - r * 0.5),
            ],
            fill=(244, 176, 182),
        )
    _disc(pen, x, y + r * 0.1, r * 0.85, c, r * 0.75)
    for side in (-1, 1):
        _disc(pen, x + side * r * 0.34, y, r * 0.16, (206, 232, 140), r * 0.19)
        _disc(pen, x + side * r * 0.34, y, r * 0.06, _INK, r * 0.17)
        for tilt in (-0.06, 0.08):
            ends = (x + side * r * 0.3, y + r * 0.36, x + side * r * 1.05, y + r * (0.34 + tilt * 2))
            pen.line(ends, fill=_INK, width=3)
    pen.polygon([(x - r * 0.1, y + r * 0.22), (x + r * 0.1, y + r * 0.22), (x, y + r * 0.34)], fill=(228, 120, 130))
    for side in (-1, 1):
        pen.arc(
            (x + min(0, side * r * 0.24), y + r * 0.28, x + max(0, side * r * 0.24), y + r * 0.5),
            20,
            160,
            fill=_INK,
            width=5,
        )


def _cup(pen: Pen, x: float, y: float, r: float, c: Colour) -> None:
    pen.ellipse((x + r * 0.3, y - r * 0.15, x + r, y + r * 0.55), outline=_dark(c), width=max(6, round(r * 0.14)))
    pen.polygon(
        [
            (x - r * 0.7, y - r * 0.3),
            (x + r * 0.7, y - r * 0.3),
            (x + r * 0.5, y + r * 0.9),
            (x - r * 0.5, y + r * 0.9),
        ],
        fill=c,
    )
    _disc(pen, x, y + r * 0.88, r * 0.5, c, r * 0.12)
    _disc(pen, x, y - r * 0.3, r * 0.7, _light(c), r * 0.17)
    _disc(pen, x, y - r * 0.28, r * 0.58, (92, 58, 38), r * 0.12)
    for dx in (-0.3, 0.05, 0.4):
        for step, (start, end) in enumerate(((90, 270), (270, 90))):
            top = y - r * (0.7 + 0.25 * step)
            box = (x + (dx - 0.08) * r, top, x + (dx + 0.08) * r, top + r * 0.25)
            pen.arc(box, start, end, fill=(196, 196, 204), width=5)


def _umbrella(pen: Pen, x: float, y: float, r: float, c: Colour) -> None:
    pen.line((x, y - r * 0.95, x, y + r * 0.8), fill=_INK, width=8)
    pen.arc((x - r * 0.28, y + r * 0.62, x + 4, y + r), 0, 180, fill=_INK, width=8)
    pen.pieslice((x - r, y - r * 0.85, x + r, y + r * 0.85), 180, 360, fill=c)
    pen.pieslice((x - r * 0.33, y - r * 0.85, x + r * 0.33, y + r * 0.85), 180, 360, fill=_light(c))
    for i in range(3):
        left = x - r + i * r * 2 / 3
        pen.pieslice((left, y - r * 0.12, left + r * 2 / 3, y + r * 0.12), 180, 360, fill=_dark(c))


def _cloud(pen: Pen, x: float, y: float, r: float, c: Colour) -> None:
    for dx, dy, size in ((-0.55, 0, 0.36), (0.55, 0, 0.36), (-0.15, -0.22, 0.46), (0.25, -0.12, 0.42)):
        _disc(pen, x + dx * r, y + dy * r, size * r, c)
    pen.rounded_rectangle((x - r * 0.85, y, x + r * 0.88, y + r * 0.36), r * 0.18, fill=c)
    for dx in (-0.6, -0.25, 0.1, 0.45):
        for dy in (0.5, 0.8):
            shift = 0.12 if dy > 0.6 else 0
            top = (x + (dx + shift) * r, y + dy * r)
            pen.line((*top, top[0] - r * 0.08, top[1] + r * 0.2), fill=(70, 130, 200), width=7)


def _ball(pen: Pen, x: float, y: float, r: float, c: Colour) -> None:
    size = r * 0.8
    box = (x - size, y - size, x + size, y + size)
    for i in range(6):
        pen.pieslice(box, i * 60 + 10, i * 60 + 70, fill=c if i % 2 else _WHITE)
    _disc(pen, x, y, size * 0.2, _WHITE)
    pen.ellipse(box, outline=_dark(c), width=5)


def _flower(pen: Pen, x: float, y: float, r: float, c: Colour) -> None:
    pen.line((x, y - r * 0.3, x, y + r), fill=(58, 130, 66), width=max(6, round(r * 0.1)))
    for side in (-1, 1):
        _disc(pen, x + side * r * 0.24, y + r * 0.55, r * 0.22, (72, 150, 78), r * 0.09)
    for i in range(7):
        a = math.tau * i / 7
        _disc(pen, x + r * 0.36 * math.cos(a), y - r * 0.4 + r * 0.36 * math.sin(a), r * 0.24, c)
    _disc(pen, x, y - r * 0.4, r * 0.22, (250, 214, 90) if c != COLOURS["yellow"] else (140, 94, 60))


def _cake(pen: Pen, x: float, y: float, r: float, c: Colour) -> None:
    _disc(pen, x, y + r * 0.86, r, (226, 228, 234), r * 0.12)
    pen.rectangle((x - r * 0.8, y + r * 0.1, x + r * 0.8, y + r * 0.85), fill=(232, 190, 136))
    pen.rectangle((x - r * 0.8, y + r * 0.42, x + r * 0.8, y + r * 0.54), fill=_WHITE)
    pen.rounded_rectangle((x - r * 0.85, y, x + r * 0.85, y + r * 0.24), r * 0.1, fill=c)
    for i in range(5):
        _disc(pen, x + r * (-0.66 + 0.33 * i), y + r * 0.24, r * 0.14, c)
    for dx in (-0.45, 0, 0.45):
        pen.rectangle((x + (dx - 0.05) * r, y - r * 0.5, x + (dx + 0.05) * r, y), fill=(120, 180, 220))
        _disc(pen, x + dx * r, y - r * 0.66, r * 0.08, (250, 170, 50), r * 0.15)


def _clock(pen: Pen, x: float, y: float, r: float, c: Colour) -> None:
    size = r * 0.9
    _disc(pen, x, y, size, c)
    _disc(pen, x, y, size * 0.82, (252, 250, 244))
    for i in range(12):
        a = math.tau * i / 12
        ends = (x + size * 0.66 * math.cos(a), y + size * 0.66 * math.sin(a))
        pen.line((*ends, x + size * 0.76 * math.cos(a), y + size * 0.76 * math.sin(a)), fill=_INK, width=5)
    pen.line((x, y, x - size * 0.34, y - size * 0.24), fill=_INK, width=9)
    pen.line((x, y, x + size * 0.2, y - size * 0.56), fill=_INK, width=6)
    _disc(pen, x, y, size * 0.07, _INK)


def _heart(pen: Pen, x: float, y: float, r: float, c: Colour) -> None:
    points = []
    for i in range(80):
        t = math.tau * i / 80
        across = 16 * math.sin(t) ** 3
        down = -(13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t))
        points.append((x + r * across / 17, y + r * (down - 2) / 17))
    pen.polygon(points, fill=c)
    _disc(pen, x - r * 0.45, y - r * 0.45, r * 0.14, _light(c), r * 0.1)


def _balloon(pen: Pen, x: float, y: float, r: float, c: Colour) -> None:
    pen.line([(x + r * 0.06 * math.sin(i / 2), y + r * (0.4 + i * 0.06)) for i in range(11)], fill=_INK, width=4)
    pen.polygon([(x - r * 0.1, y + r * 0.46), (x + r * 0.1, y + r * 0.46), (x, y + r * 0.3)], fill=_dark(c))
    _disc(pen, x, y - r * 0.3, r * 0.58, c, r * 0.68)
    _disc(pen, x - r * 0.22, y - r * 0.55, r * 0.12, _light(c, 0.6), r * 0.18)


_KINDS: dict[str, Callable[[Pen, float, float, float, Colour], None]] = {
    "sun": _sun,
    "moon": _moon,
    "house": _house,
    "tree": _tree,
    "car": _car,
    "boat": _boat,
    "fish": _fish,
    "cat": _cat,
    "cup": _cup,
    "umbrella": _umbrella,
    "cloud": _cloud,
    "ball": _ball,
    "flower": _flower,
    "cake": _cake,
    "clock": _clock,
    "heart": _heart,
    "balloon": _balloon,
}
KINDS = tuple(_KINDS)
