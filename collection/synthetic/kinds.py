"""What a kind of object is: what it is called, where it is found, what people associate with it, and how it looks.

The kinds are in drawings/*.toml, a table each. `names` are what a text may call it, the first what a detector does;
`associations` bring it to mind and name nothing that can be drawn; both are parted by commas. `colours` and `scenes`
are parted by spaces. `place`: `up` hangs or flies, `down` (if there is none) stands, `water` swims.
"""

import functools
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources

from collection.synthetic.drawing import Shape, parse


@dataclass(frozen=True)
class Kind:
    """A kind of object."""

    names: tuple[str, ...]
    colours: tuple[str, ...]
    scenes: tuple[str, ...]
    associations: tuple[str, ...]
    place: str  # up | down | water
    shapes: tuple[Shape, ...]


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


@functools.cache
def akin(kind: str) -> frozenset[str]:
    """Return the kind itself and all that go together with it too closely to be unrelated."""
    return frozenset({kind}).union(*(group for group in map(set, map(str.split, _AKIN)) if kind in group))


def _kinds() -> Iterator[tuple[str, Kind]]:
    """Yield the kinds of all files, by name."""
    folder = resources.files("collection.synthetic") / "drawings"
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        for name, about in tomllib.loads(file.read_text(encoding="utf-8")).items():
            names, associations = (tuple(about[key].split(", ")) for key in ("names", "associations"))
            colours, scenes = (tuple(about[key].split()) for key in ("colours", "scenes"))
            yield name, Kind(names, colours, scenes, associations, about.get("place", "down"), parse(about["shapes"]))


KINDS = dict(_kinds())
