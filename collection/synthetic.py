"""The demo's small world: drawn pictures with tweet-like texts whose true label is known by construction.

explicit names something that is drawn; implicit refers to it by association or feeling and names nothing that is drawn;
irrelevant does neither: it is about something else, often about an object that another picture has, so that the label
cannot be told from the text alone. Everything here is made up and must be called synthetic wherever it is shown.
"""

import io
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from ccd.campaign import write_atomic
from collection import vocabulary as words
from collection.drawing import WIDTH, Placed, draw
from collection.records import Photo, Record

SOURCE = "synthetic"  # posts.source of every pair of this world: campaign.is_synthetic looks for it
MOST_KINDS = 3  # objects in a picture
# 24 pairs hold 13 explicit, 3 implicit and 8 irrelevant (CCD: 56 / 10.5 / 33.5 %), every 8 of them one implicit
_EIGHTS = ((4, 1, 3), (5, 1, 2), (4, 1, 3))
_ZONES = {  # scene and zone -> heights in pixels: of the centre, or of the foot for what stands
    ("meadow", "sky"): (62, 120, False),
    ("meadow", "ground"): (262, 338, True),
    ("night", "sky"): (62, 130, False),
    ("night", "ground"): (272, 340, True),
    ("room", "wall"): (70, 150, False),
    ("room", "floor"): (268, 340, True),
    ("sea", "sky"): (60, 100, False),
    ("sea", "water"): (190, 250, False),
    ("sea", "beach"): (322, 350, True),
}


@dataclass(frozen=True)
class SyntheticPair:
    """A pair of the small world and what is known of it."""

    number: int
    image: Image.Image
    text: str
    label: str  # explicit | implicit | irrelevant
    scene: str
    objects: tuple[Placed, ...]


def world(n: int, seed: int) -> Iterator[SyntheticPair]:
    """The first `n` pairs of the world of `seed`: the same for ever, whatever `n` is.

    >>> [pair.label for pair in world(8, seed=1)].count("implicit")
    1
    """
    for number in range(n):
        yield _pair(number, seed)


def records(n: int, seed: int, folder: Path) -> tuple[list[Record], dict[str, str]]:
    """Write the pictures of a world into `folder` (JPEG); give its records and the true label of every pair id.

    >>> found, truth = records(40, 1, Path("pictures"))  # doctest: +SKIP
    >>> collect(campaign, found, SOURCE)  # doctest: +SKIP
    """
    folder.mkdir(parents=True, exist_ok=True)
    found, truth = list[Record](), dict[str, str]()
    for pair in world(n, seed):
        post_id = f"demo:{seed}-{pair.number}"
        data = io.BytesIO()
        pair.image.save(data, "JPEG", quality=92)
        file = folder / f"{seed}-{pair.number}.jpg"
        write_atomic(file, data.getvalue())
        found.append(Record(post_id, pair.text, None, "en", (Photo(0, file),), f"pair {pair.number}"))
        truth[f"{post_id}:0"] = pair.label
    return found, truth


def _pair(number: int, seed: int) -> SyntheticPair:
    rng = random.Random(f"{seed}/{number}")
    label = _label(number, seed)
    scene = rng.choice(sorted(words.PLACES))
    objects = _objects(scene, rng)
    text = {"explicit": _explicit, "implicit": _implicit, "irrelevant": _irrelevant}[label](scene, objects, rng)
    text += rng.choice((". ", ", ", " - ")) + rng.choice(words.REMARKS) + rng.choice(words.TAILS)
    return SyntheticPair(number, draw(scene, objects, f"{seed}/{number}"), text, label, scene, tuple(objects))


def _label(number: int, seed: int) -> str:
    eight, place = divmod(number, 8)
    explicit, implicit, irrelevant = _EIGHTS[eight % len(_EIGHTS)]
    labels = ["explicit"] * explicit + ["implicit"] * implicit + ["irrelevant"] * irrelevant
    random.Random(f"{seed}/labels/{eight}").shuffle(labels)
    return labels[place]


def _objects(scene: str, rng: random.Random) -> list[Placed]:
    """One to three objects of different kinds, side by side."""
    at_home = [kind for kind, about in words.KINDS.items() if scene in about.zones]
    number = rng.choices((1, 2, 3), (4, 4, 2))[0]
    columns = rng.sample(range(MOST_KINDS), number)
    objects = []
    for kind, column in zip(rng.sample(at_home, number), columns, strict=True):
        low, high, stands = _ZONES[scene, words.KINDS[kind].zones[scene]]
        size = rng.uniform(84, 124)
        height = rng.uniform(low, high) - (size / 2 if stands else 0)
        across = WIDTH / MOST_KINDS * (column + rng.uniform(0.4, 0.6))
        objects.append(Placed(kind, rng.choice(words.KINDS[kind].colours.split()), across, height, size))
    return objects


def _called(thing: Placed) -> str:
    name = words.KINDS[thing.kind].names[0]
    return f"rain {name}" if thing.kind == "cloud" else f"{thing.colour} {name}"


def _explicit(scene: str, objects: list[Placed], rng: random.Random) -> str:
    place = rng.choice(words.PLACES[scene])
    thing, *others = rng.sample(objects, len(objects))
    if others and rng.random() < 0.5:
        text = rng.choice(words.NAMING_TWO).format(thing=_called(thing), other=_called(others[0]), place=place)
    else:
        text = rng.choice(words.NAMING).format(thing=_called(thing), side=thing.side, place=place)
    for vowel in "aeio":
        text = text.replace(f" a {vowel}", f" an {vowel}").replace(f"A {vowel}", f"An {vowel}")
    return text


def _implicit(_scene: str, objects: list[Placed], rng: random.Random) -> str:
    return rng.choice(words.KINDS[rng.choice(objects).kind].associations)


def _irrelevant(_scene: str, objects: list[Placed], rng: random.Random) -> str:
    if rng.random() < 0.5:
        subject = rng.choice(words.SUBJECTS)
        return f"{subject[0].upper()}{subject[1:]} {rng.choice(words.PREDICATES)}"
    drawn = {thing.kind for thing in objects}
    near = drawn.union(*(group for group in words.AKIN if group & drawn))
    kind = rng.choice([kind for kind in words.KINDS if kind not in near])
    colour = rng.choice(words.KINDS[kind].colours.split())
    return (
        rng.choice(words.NAMING_ELSEWHERE)
        .format(thing=_called(Placed(kind, colour, 0, 0, 0)))
        .replace(" a orange", " an orange")
    )
