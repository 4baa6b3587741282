"""Kinds are many, distinct and drawable, and no text names a thing outside the slot for a name."""

import hashlib
import random
import re
from itertools import chain

import pytest
from PIL import Image, ImageChops, ImageDraw

from collection.synthetic import kinds, texts
from collection.synthetic.drawing import COLOURS, Brush
from collection.synthetic.faces import FACES, FEELINGS, PHRASES, SKINS
from collection.synthetic.kinds import KINDS, akin
from collection.synthetic.scenes import SCENES, draw

NAMES = [name for about in KINDS.values() for name in about.names]
BACKDROP = ["face", "sky", "beach", "grass", "hill", "street", "wall", "floor", "tile", *SCENES]


def words(text: str) -> str:
    """Words alone, with spaces around: whole words can be looked for as parts of it."""
    return f" {' '.join(re.findall(r'[a-z]+', text.lower()))} "


def named(text: str) -> list[str]:
    """Names of things and of what a backdrop shows, in the text, singular or plural."""
    return [name for name, forms in FORMS.items() if any(form in words(text) for form in forms)]


FORMS = {name: [words(name + end) for end in ("", "s", "es")] for name in (*NAMES, *BACKDROP)}


def sketch(kind: str) -> Image.Image:
    image = Image.new("RGB", (120, 120), (1, 2, 3))
    brush = Brush(ImageDraw.Draw(image), 60, 60, 40, 40)
    if kind in FEELINGS:
        brush.draw(FACES[kind], COLOURS["yellow"])
    else:
        brush.draw(KINDS[kind].shapes, COLOURS[KINDS[kind].colours[0]])
    return image


def test_a_name_is_found_in_a_text() -> None:
    assert named("Two Kittens by the sea!") == ["kitten", "sea"]


def test_kinds_are_many_and_each_is_whole() -> None:
    assert len(KINDS) >= 60
    for about in KINDS.values():
        assert len(about.associations) >= 5
        assert set(about.colours) <= set(COLOURS)
        assert about.scenes
        assert set(about.scenes) <= set(SCENES)
        assert about.place in ("up", "down", "water")
    for scene in SCENES:
        assert sum(scene in about.scenes for about in KINDS.values()) >= 25


def test_every_word_means_one_thing() -> None:
    assert len(NAMES) == len(set(NAMES))
    associations = [each for about in KINDS.values() for each in about.associations]
    assert len(associations) == len(set(associations))
    phrases = list(chain.from_iterable(PHRASES.values()))
    assert len(phrases) == len(set(phrases))
    assert min(map(len, PHRASES.values())) >= 5


def test_nothing_but_the_slot_for_a_name_names_anything() -> None:
    said = [each for about in KINDS.values() for each in about.associations]
    said += [*chain.from_iterable(PHRASES.values()), *chain.from_iterable(texts.TYPICAL.values())]
    said += [*texts.NAMING, *texts.ASSOCIATING, *texts.FILLERS, *texts.HASHTAGS]
    assert {text: named(text) for text in said if named(text)} == {}


def test_what_is_akin_exists_and_is_so_both_ways() -> None:
    for group in kinds._AKIN:
        assert set(group.split()) <= set(KINDS), group
    for kind in KINDS:
        assert all(kind in akin(other) for other in akin(kind))


@pytest.mark.parametrize("kind", [*KINDS, *FEELINGS])
def test_a_drawing_fills_its_square_and_keeps_to_it(kind: str) -> None:
    drawn = ImageChops.difference(sketch(kind), Image.new("RGB", (120, 120), (1, 2, 3))).getbbox()
    assert drawn is not None
    left, top, right, bottom = drawn
    assert min(left, top) >= 60 - 44
    assert max(right, bottom) <= 60 + 44
    assert max(right - left, bottom - top) >= 60


def test_no_two_drawings_are_alike() -> None:
    assert len({sketch(kind).tobytes() for kind in [*KINDS, *FEELINGS]}) == len(KINDS) + len(FEELINGS)


def test_drawings_keep_their_pixels() -> None:
    """What is drawn otherwise makes other pictures of the same seed, and all that was measured on them wrong."""
    drawn = hashlib.sha256()
    for kind in [*sorted(KINDS), *FEELINGS]:
        for colour in sorted(KINDS[kind].colours if kind in KINDS else SKINS):
            image = Image.new("RGB", (180, 180))
            shapes = KINDS[kind].shapes if kind in KINDS else FACES[kind]
            Brush(ImageDraw.Draw(image), 90.3, 88.7, 71.37, 75.91).draw(shapes, COLOURS[colour])
            drawn.update(image.tobytes())
    assert drawn.hexdigest() == "4d73d06b3a025b0f24f71ade03ac43f8947cf53bc690e63c2e11f6f5814641c2"


def test_a_scene_keeps_its_pixels() -> None:
    drawn = hashlib.sha256()
    for scene in SCENES:
        for seed in range(4):
            drawn.update(draw(scene, (), random.Random(seed)).tobytes())
    assert drawn.hexdigest() == "5b8dbca9e97f1fa9312c94c14b0fabe30c37b6a9bbfa085100e36bdac3b31055"
