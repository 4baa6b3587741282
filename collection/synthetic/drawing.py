"""Draw objects from lines of shapes: one drawing for all sizes and colours.

A line has a form, a fill, for a `line` or an `arc` its width, and numbers, in shares of the object's half size: x goes
right, y goes down, an object fills -1 to 1 both ways.

    disc  FILL  x y rx [ry]                                 a circle, or an ellipse
    box   FILL  left top right bottom [radius of corners]
    poly  FILL  x y x y ...
    line  FILL  width  x y x y ...
    arc   FILL  width  x y rx ry start end                  a part of an ellipse's line; degrees run clockwise
    pie   FILL  x y rx ry start end                         a slice of an ellipse

` | ` and more numbers draw the shape again elsewhere; a line that begins with it goes on with the line before. A shape
with ± is drawn with - and then with +, ∓ being the other sign; 1/3 is a number, @NAME the numbers of a curve.

A fill is `c`, the object's own colour, the name of a colour or #rrggbb; -.3 after it is darker, +.3 lighter.
`red?ink,white` is ink where the object is red, else white.
"""

import functools
import re
from dataclasses import dataclass

from PIL import ImageDraw

from collection.synthetic.curves import CURVES

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
WOOD = (118, 80, 50)
_MATERIALS = {
    "ink": (48, 46, 54),
    "wood": WOOD,
    "leaf": (66, 142, 72),
    "steel": (186, 192, 202),
    "glass": (206, 232, 244),
}
_SIDES = str.maketrans({"±": "-", "∓": ""}), str.maketrans({"±": "", "∓": "-"})
_FILL = re.compile(r"(#[0-9a-f]{6}|[a-z]+)([-+][.\d]+)?")


@dataclass(frozen=True)
class Shape:
    """One shape of a drawing. `width` is that of a line, 0 where there is none."""

    form: str
    fill: str
    width: float
    numbers: tuple[float, ...]


def dark(colour: Colour, share: float = 0.25) -> Colour:
    """Return a darker shade."""
    return _mix(colour, (20, 20, 40), share)


def light(colour: Colour, share: float = 0.4) -> Colour:
    """Return a lighter tint."""
    return _mix(colour, (255, 255, 255), share)


def _mix(a: Colour, b: Colour, share: float) -> Colour:
    red, green, blue = (round(x + (y - x) * share) for x, y in zip(a, b, strict=True))
    return red, green, blue


@functools.cache
def fill_colour(fill: str, own: Colour) -> Colour:
    """Return the colour that a fill means on an object of this colour.

    >>> fill_colour("c+1", COLOURS["red"])
    (255, 255, 255)
    """
    for option in fill.split(","):
        condition, _, chosen = option.rpartition("?")
        if not condition or COLOURS[condition] == own:
            break
    name, shade = _FILL.fullmatch(chosen).groups()  # type: ignore[union-attr]
    if name.startswith("#"):
        colour: Colour = int(name[1:3], 16), int(name[3:5], 16), int(name[5:], 16)
    else:
        colour = own if name == "c" else (_MATERIALS | COLOURS)[name]
    if not shade:
        return colour
    share = float(shade)
    return dark(colour, -share) if share < 0 else light(colour, share)


def parse(text: str) -> tuple[Shape, ...]:
    """Return the shapes of a drawing, in the order in which they are drawn.

    >>> [shape.numbers for shape in parse("disc c ±.5 0 .2 | 0 1/2 .1")]
    [(-0.5, 0.0, 0.2), (0.5, 0.0, 0.2), (0.0, 0.5, 0.1)]
    """
    shapes = []
    for line in text.strip().replace("\n|", " |").splitlines():
        form, fill, rest = line.split(maxsplit=2)
        width, rest = rest.split(maxsplit=1) if form in ("line", "arc") else ("0", rest)
        rest = re.sub(r"@(\w+)", lambda found: CURVES[found[1]], rest)
        for place in rest.split("|"):
            both = dict.fromkeys(place.translate(side) for side in _SIDES)  # one where it has no ±
            shapes += [Shape(form, fill, float(width), _numbers(numbers)) for numbers in both]
    return tuple(shapes)


def _numbers(text: str) -> tuple[float, ...]:
    parts = (token.partition("/") for token in text.split())
    return tuple(float(number) / float(divisor or 1) for number, _, divisor in parts)


class Brush:
    """Draw around a centre.

    >>> Brush(pen, 200, 150, 60, 60).draw(parse("disc c 0 0 .9"), COLOURS["red"])  # doctest: +SKIP
    """

    def __init__(self, pen: ImageDraw.ImageDraw, x: float, y: float, rx: float, ry: float) -> None:
        """Take `x`, `y`, `rx`, `ry`: centre and half size of the object, in pixels of the canvas."""
        self.pen, self.x, self.y, self.rx, self.ry = pen, x, y, rx, ry

    def draw(self, shapes: tuple[Shape, ...], colour: Colour) -> None:
        """Draw the shapes, one over the other, on an object of this colour."""
        for shape in shapes:
            self._draw(shape, fill_colour(shape.fill, colour), *shape.numbers)

    def _draw(self, shape: Shape, fill: Colour, *numbers: float) -> None:
        width = max(2, round(shape.width * self.rx))
        match shape.form:
            case "disc":
                x, y, rx, *ry = numbers
                self.pen.ellipse(self._around(x, y, rx, *(ry or [rx])), fill)
            case "box":
                corners = (*self._at(*numbers[:2]), *self._at(*numbers[2:4]))
                if len(numbers) > 4:
                    self.pen.rounded_rectangle(corners, numbers[4] * self.rx, fill)
                else:
                    self.pen.rectangle(corners, fill)
            case "poly":
                self.pen.polygon(self._points(numbers), fill)
            case "line":
                self.pen.line(self._points(numbers), fill, width, joint="curve")
            case "arc":
                self.pen.arc(self._around(*numbers[:4]), numbers[4], numbers[5], fill, width)
            case "pie":
                self.pen.pieslice(self._around(*numbers[:4]), numbers[4], numbers[5], fill)

    def _at(self, x: float, y: float) -> tuple[float, float]:
        return self.x + x * self.rx, self.y + y * self.ry

    def _around(self, x: float, y: float, rx: float, ry: float) -> tuple[float, float, float, float]:
        return (*self._at(x - rx, y - ry), *self._at(x + rx, y + ry))

    def _points(self, xy: tuple[float, ...]) -> list[tuple[float, float]]:
        return [self._at(x, y) for x, y in zip(xy[::2], xy[1::2], strict=True)]
