"""Numbers of the curves that drawings name: what a formula says in a line and a list of numbers would not."""

import math
from itertools import chain


def _ellipse(x: float, y: float, rx: float, ry: float, start: float, end: float, steps: int = 24) -> list[str]:
    """Return points on an ellipse, from angle to angle (in half turns) in equal steps, both ends with them."""
    angles = [math.pi * (start + (end - start) * step / steps) for step in range(steps + 1)]
    return [f"{x + rx * math.cos(angle)} {y + ry * math.sin(angle)}" for angle in angles]


def _circle(r: float, steps: int, start: float = 0, y: float = 0) -> list[str]:
    """Return points on a circle, all around."""
    return _ellipse(0, y, r, r, start, start + 2, steps)[:-1]


def _spokes(inner: float, outer: float) -> str:
    """Return twelve lines that lead away from the centre."""
    return " | ".join(map(" ".join, zip(_circle(inner, 12), _circle(outer, 12), strict=True)))


def _sprinkle(number: int) -> str:
    """Return one of ten short lines on a ring, each in a direction of its own."""
    angle = math.tau * number / 10
    x, y = 0.58 * math.cos(angle), 0.58 * math.sin(angle)
    return f"{x} {y} {x + 0.12 * math.cos(3 * angle)} {y + 0.12 * math.sin(3 * angle)}"


def _snake(t: float) -> str:
    return f"{0.72 * math.sin(2.6 * math.pi * t) * (1 - 0.35 * t)} {0.82 - 1.4 * t}"


CURVES = {
    "rays": _spokes(0.7, 1),
    "ticks": _spokes(0.6, 0.68),
    "petals": " | ".join(f"{point} 0.24" for point in _circle(0.36, 7, y=-0.4)),
    "star": " ".join(chain(*zip(_circle(1, 5, -0.5), _circle(0.42, 5, -0.3), strict=True))),
    "crescent": " ".join(_ellipse(0.3, 0, 0.9, 0.9, 0.5, 1.5) + _ellipse(0.3, 0, 0.4, 0.9, 0.5, 1.5)[::-1]),
    "banana": " ".join(_ellipse(0, -0.35, 0.95, 1.1, 0, 1) + _ellipse(0, -0.4, 0.8, 0.5, 0, 1)[::-1]),
    "snake": " ".join(_snake(step / 30) for step in range(31)),
    "string": " ".join(f"{0.06 * math.sin(step / 1.6)} {0.4 + step * 0.075}" for step in range(9)),
    **{f"sprinkles{first}": " | ".join(map(_sprinkle, range(first, 10, 3))) for first in range(3)},
}
