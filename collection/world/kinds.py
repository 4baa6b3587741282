"""What a kind of object is: how it is called, where it is found, what people associate with it, and how it is drawn."""

import functools
from collections.abc import Callable
from dataclasses import dataclass

from collection.world.brush import Brush, Colour

Drawing = Callable[[Brush, Colour], None]


@dataclass(frozen=True)
class Kind:
    """A kind of object. `names`: any may be used, the first is a detector's; `associations` name nothing at all."""

    names: tuple[str, ...]
    colours: tuple[str, ...]
    scenes: tuple[str, ...]
    associations: tuple[str, ...]
    place: str  # up | down | water
    draw: Drawing


KINDS: dict[str, Kind] = {}

# What goes together too closely for a text on the one to be unrelated to the other.
_AKIN = (
    "sun cloud umbrella rainbow",
    "cloud lightning",
    "moon star owl",
    "boat anchor lighthouse",
    "cake balloon gift candle",
    "car bus traffic_light bicycle",
    "plane suitcase",
    "guitar drum",
    "beer wine",
    "cheese mouse",
    "cheese pizza",
    "egg pan",
    "ghost pumpkin spider",
    "bee flower butterfly",
    "carrot rabbit",
    "cup kettle",
    "book glasses pencil",
    "tent campfire",
    "ball trophy",
    "laptop phone",
    "television popcorn",
    "bed lamp",
    "crab fish whale",
    "burger pizza",
)


def kind(names: str, colours: str, scenes: str, associations: str, place: str = "down") -> Callable[[Drawing], Drawing]:
    """Enter the drawing that follows into KINDS, under its function's name.

    Args:
        names: parted by commas; what a text may call it.
        colours: of COLOURS, parted by spaces.
        scenes: of SCENES, parted by spaces.
        associations: parted by commas; words that bring it to mind, and are no name of anything that can be drawn.
        place: `up` hangs or flies, `down` stands, `water` swims.
    """

    def enter(draw: Drawing) -> Drawing:
        phrases = tuple(each.strip() for each in associations.split(","))
        called = tuple(each.strip() for each in names.split(","))
        KINDS[draw.__name__] = Kind(called, tuple(colours.split()), tuple(scenes.split()), phrases, place, draw)
        return draw

    return enter


@functools.cache
def akin(kind: str) -> frozenset[str]:
    """The kind itself and all that go together with it too closely to be unrelated."""
    return frozenset({kind}).union(*(group for group in map(set, map(str.split, _AKIN)) if kind in group))
