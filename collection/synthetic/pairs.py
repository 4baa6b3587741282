"""Synthetic pairs, each by its number alone: what the text says, what the picture shows, and the label.

The text's slots are drawn first and know nothing of the label: a name, an association of something else, perhaps a
feeling. Then the picture is drawn so that the label holds:

- explicit: what is named is shown;
- implicit: it is not, but what is associated is shown, or a face with the text's feeling;
- irrelevant: neither, and a face, if any, feels otherwise.

So at `leak` 0 neither the text nor the picture alone tells the label. How many things are shown, and whether there is
a face, does not depend on the label either.
"""

import functools
import random
from dataclasses import dataclass, replace

from PIL import Image

from ccd.splitting.quotas import CCD_COUNTS
from collection.synthetic import texts
from collection.synthetic.faces import FEELINGS, PHRASES, PLEASANT, SKINS, UNPLEASANT
from collection.synthetic.kinds import KINDS, akin
from collection.synthetic.scenes import COLUMNS, HEIGHTS, SCENES, Placed, draw

CCD_PAIRS = sum(CCD_COUNTS.values())  # 12,252
_BLOCK = 12  # pairs whose order a seed shuffles; divides CCD_PAIRS
_FEELS = 0.6  # share of the texts with a feeling, and of the pictures with a face
_BY_FEELING = 0.8  # share of the implicit pairs with both that rest on the feeling alone: 29 % of all implicit ones
_BOTH = 0.6  # share of the explicit pairs with room for it that show what is associated, too


@dataclass(frozen=True)
class Settings:
    """What pairs are drawn from; the same settings and number give the same pair for ever.

    `leak`: share of the texts with a phrase that is typical of their class. `unseen`: share of the associations that
    occur in dev and test only (of each kind one stays). `typos` and `clutter`: see `texts.compose`.
    """

    seed: int = 1
    leak: float = 0.0
    unseen: float = 0.0
    typos: float = 0.02
    clutter: float = 0.3


@dataclass(frozen=True)
class SyntheticPair:
    """A pair and all that is known of it. `name` and `association` are (kind, words), `feeling` (feeling, words)."""

    number: int
    seed: int
    split: str
    label: str
    text: str
    scene: str
    things: tuple[Placed, ...]
    name: tuple[str, str]
    association: tuple[str, str]
    feeling: tuple[str, str] | None
    typical: str | None

    @property
    def post_id(self) -> str:
        """Return its name for ever; the pair id is this and ":0"."""
        return f"world:{self.seed}-{self.number:06}"

    def draw(self) -> Image.Image:
        """Draw the picture, RGB; the same every time."""
        return draw(self.scene, self.things, random.Random(f"{self.seed}/{self.number}/backdrop"))

    def shows(self, kind: str) -> bool:
        """Return True where a thing of this kind is in the picture."""
        return any(thing.kind == kind for thing in self.things)


def synthetic_pair(number: int, settings: Settings) -> SyntheticPair:
    """Return the pair of this number, counted from 0. Datasets of one seed share their first pairs, whatever the size.

    >>> synthetic_pair(0, Settings(seed=1)) == synthetic_pair(0, Settings(seed=1))
    True
    """
    split, label = cell(number, settings.seed)
    rng = random.Random(f"{settings.seed}/{number}")
    scene = rng.choice(SCENES)
    at_home = _at_home(scene)
    named = rng.choice(at_home)
    associated = rng.choice([kind for kind in at_home if kind not in akin(named)])
    feels = rng.choice(FEELINGS) if rng.random() < _FEELS else None

    name = (named, rng.choice(KINDS[named].names))
    known = [a for a in KINDS[associated].associations if split != "train" or a not in unseen(associated, settings)]
    association = (associated, rng.choice(known))
    feeling = (feels, rng.choice(PHRASES[feels])) if feels else None
    typical = rng.choice(texts.TYPICAL[label]) if rng.random() < settings.leak else None
    text = texts.compose(
        name[1], association[1], feeling[1] if feeling else None, typical, rng, settings.typos, settings.clutter
    )
    things = _things(label, scene, named, associated, feels, rng)
    return SyntheticPair(number, settings.seed, split, label, text, scene, things, name, association, feeling, typical)


def cell(number: int, seed: int) -> tuple[str, str]:
    """Return split and label of a pair: Table II exactly in every 12,252 pairs, and nearly so in the first n."""
    block, place = divmod(number % CCD_PAIRS, _BLOCK)
    order = list(range(_BLOCK))
    random.Random(f"{seed}/cells/{block}").shuffle(order)
    return _cells()[block * _BLOCK + order[place]]


@functools.cache
def unseen(kind: str, settings: Settings) -> frozenset[str]:
    """Return the associations of a kind that no text of train has; never all of them."""
    known = KINDS[kind].associations
    rng = random.Random(f"{settings.seed}/unseen/{kind}")
    return frozenset(rng.sample(known, min(len(known) - 1, int(settings.unseen * len(known) + rng.random()))))


@functools.cache
def _cells() -> tuple[tuple[str, str], ...]:
    """Return the cells of Table II in a row, each next one that which is furthest behind its share."""
    given = dict.fromkeys(CCD_COUNTS, 0)
    row = []
    for number in range(1, CCD_PAIRS + 1):
        behind = max(CCD_COUNTS, key=lambda each: CCD_COUNTS[each] * number - given[each] * CCD_PAIRS)
        given[behind] += 1
        row.append(behind)
    return tuple(row)


@functools.cache
def _at_home(scene: str) -> tuple[str, ...]:
    return tuple(sorted(kind for kind, about in KINDS.items() if scene in about.scenes))


def _things(
    label: str, scene: str, named: str, associated: str, feels: str | None, rng: random.Random
) -> tuple[Placed, ...]:
    """Return one to three things and perhaps a face, such that the label holds."""
    number = rng.choices((1, 2, 3), (3, 4, 3))[0]
    face = rng.random() < _FEELS
    by_feeling = bool(label == "implicit" and face and feels and rng.random() < _BY_FEELING)
    kinds = []
    if label == "explicit":
        kinds = [named, associated] if number > 1 and rng.random() < _BOTH else [named]
    elif label == "implicit" and not by_feeling:
        kinds = [associated]
    near = akin(named) | akin(associated)
    while len(kinds) < number:
        kind = rng.choice([kind for kind in _at_home(scene) if kind not in near])
        kinds.append(kind)
        near |= akin(kind)
    columns = rng.sample(range(COLUMNS), number + face)
    things = [_place(kind, scene, columns.pop(), rng) for kind in kinds]
    if face:
        others = UNPLEASANT if feels in PLEASANT else PLEASANT
        shown = feels if by_feeling else rng.choice(FEELINGS if label == "explicit" or not feels else others)
        things.append(_stand("face", rng.choice(SKINS), rng.uniform(0.4, 0.6), columns.pop(), shown, rng))
    rng.shuffle(things)
    return tuple(things)


def _place(kind: str, scene: str, column: int, rng: random.Random) -> Placed:
    about = KINDS[kind]
    place = about.place if about.place in HEIGHTS[scene] else "down"
    height = rng.uniform(*HEIGHTS[scene][place])
    thing = _stand(kind, rng.choice(about.colours), height, column, None, rng)
    return replace(thing, y=thing.y - thing.ry) if place == "down" else thing


def _stand(kind: str, colour: str, height: float, column: int, feeling: str | None, rng: random.Random) -> Placed:
    """Put a thing into a column, 61 to 80 pixels wide, and a little higher or lower than wide."""
    width = rng.uniform(0.095, 0.125)
    across = (column + rng.uniform(0.49, 0.51)) / COLUMNS
    return Placed(kind, colour, across, height, width, width * 4 / 3 * rng.uniform(0.9, 1.1), feeling)
