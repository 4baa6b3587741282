"""A pen for one object: it draws in shares of the object's half size, one drawing for all sizes."""

from PIL import ImageDraw

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
    "black": (58, 56, 66),
}
INK = (48, 46, 54)
WHITE = COLOURS["white"]
WOOD = (118, 80, 50)
LEAF = (66, 142, 72)
STEEL = (186, 192, 202)
GLASS = (206, 232, 244)


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """`share` of the way from one colour to another."""
    red, green, blue = (round(x + (y - x) * share) for x, y in zip(a, b, strict=True))
    return red, green, blue


def dark(colour: Colour, share: float = 0.25) -> Colour:
    """A darker shade."""
    return mix(colour, (20, 20, 40), share)


def light(colour: Colour, share: float = 0.4) -> Colour:
    """A lighter tint."""
    return mix(colour, (255, 255, 255), share)


class Brush:
    """Draws around a centre: x goes right, y goes down, an object fills -1 to 1 both ways.

    Every method takes the fill first; `w` is the width of a line, in the same unit.

    >>> Brush(pen, 200, 150, 60, 60).disc(COLOURS["red"], 0, 0, 0.9)  # doctest: +SKIP
    """

    def __init__(self, pen: ImageDraw.ImageDraw, x: float, y: float, rx: float, ry: float) -> None:
        """`x`, `y`, `rx`, `ry`: centre and half size of the object, in pixels of the canvas."""
        self.pen, self.x, self.y, self.rx, self.ry = pen, x, y, rx, ry

    def disc(self, fill: Colour, x: float, y: float, r: float, ry: float | None = None) -> None:
        """A circle, or an ellipse where `ry` differs."""
        self.pen.ellipse(self._around(x, y, r, r if ry is None else ry), fill)

    def box(self, fill: Colour, left: float, top: float, right: float, bottom: float, round: float = 0) -> None:
        """A rectangle, with round corners of radius `round`."""
        corners = (*self._at(left, top), *self._at(right, bottom))
        if round:
            self.pen.rounded_rectangle(corners, round * self.rx, fill)
        else:
            self.pen.rectangle(corners, fill)

    def poly(self, fill: Colour, *xy: float) -> None:
        """A polygon through x, y, x, y, ..."""
        self.pen.polygon(self._points(xy), fill)

    def line(self, fill: Colour, w: float, *xy: float) -> None:
        """A line through x, y, x, y, ..."""
        self.pen.line(self._points(xy), fill, self._width(w), joint="curve")

    def arc(self, fill: Colour, w: float, x: float, y: float, rx: float, ry: float, start: float, end: float) -> None:
        """A part of an ellipse's line; degrees run clockwise from the right."""
        self.pen.arc(self._around(x, y, rx, ry), start, end, fill, self._width(w))

    def pie(self, fill: Colour, x: float, y: float, rx: float, ry: float, start: float, end: float) -> None:
        """A slice of an ellipse; degrees run clockwise from the right."""
        self.pen.pieslice(self._around(x, y, rx, ry), start, end, fill)

    def _at(self, x: float, y: float) -> tuple[float, float]:
        return self.x + x * self.rx, self.y + y * self.ry

    def _around(self, x: float, y: float, rx: float, ry: float) -> tuple[float, float, float, float]:
        return (*self._at(x - rx, y - ry), *self._at(x + rx, y + ry))

    def _points(self, xy: tuple[float, ...]) -> list[tuple[float, float]]:
        return [self._at(x, y) for x, y in zip(xy[::2], xy[1::2], strict=True)]

    def _width(self, w: float) -> int:
        return max(2, round(w * self.rx))
