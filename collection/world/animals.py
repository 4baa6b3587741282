"""Animals: how they look and what people say of them."""

import math

from collection.world.brush import INK, WHITE, WOOD, Brush, Colour, dark, light
from collection.world.kinds import kind


def _eyes(b: Brush, x: float, y: float, r: float, apart: float) -> None:
    for side in (-1, 1):
        b.disc(WHITE, x + side * apart, y, r)
        b.disc(INK, x + side * apart, y + r * 0.15, r * 0.55)


@kind(
    "cat, kitten, kitty",
    "orange grey brown black",
    "meadow night room",
    "purring, nine lives, whiskers, scratched furniture, midnight zoomies, a litter box",
)
def cat(b: Brush, c: Colour) -> None:
    for s in (-1, 1):
        b.poly(c, s * 0.78, -0.95, s * 0.8, 0, s * 0.15, -0.55)
        b.poly((244, 176, 182), s * 0.68, -0.72, s * 0.68, -0.3, s * 0.36, -0.5)
    b.disc(c, 0, 0.1, 0.85, 0.75)
    for s in (-1, 1):
        b.disc((206, 232, 140), s * 0.34, 0, 0.16, 0.19)
        b.disc(INK, s * 0.34, 0, 0.06, 0.17)
        for tilt in (-0.12, 0.16):
            b.line(dark(c, 0.7), 0.03, s * 0.3, 0.36, s * 1.0, 0.34 + tilt)
    b.poly((228, 120, 130), -0.1, 0.22, 0.1, 0.22, 0, 0.34)
    for s in (-1, 1):
        b.arc(INK, 0.05, s * 0.12, 0.39, 0.12, 0.11, 20, 160)


@kind(
    "dog, puppy, hound",
    "brown grey white orange",
    "meadow room city sea",
    "barking, wagging tails, muddy paws, fetch, man's best friend, obedience school",
)
def dog(b: Brush, c: Colour) -> None:
    b.disc(c, 0, 0.05, 0.72, 0.8)
    for s in (-1, 1):
        b.disc(dark(c, 0.4), s * 0.72, -0.1, 0.24, 0.55)
        b.disc(INK, s * 0.28, -0.15, 0.1, 0.12)
    b.disc(light(c, 0.6), 0, 0.4, 0.42, 0.36)
    b.disc((236, 110, 120), 0.02, 0.72, 0.13, 0.2)
    b.disc(INK, 0, 0.22, 0.17, 0.12)
    b.line(INK, 0.05, 0, 0.3, 0, 0.52)
    b.arc(INK, 0.05, -0.15, 0.48, 0.15, 0.12, 10, 170)
    b.arc(INK, 0.05, 0.15, 0.48, 0.15, 0.12, 10, 170)


@kind(
    "fish, goldfish, trout",
    "orange blue red purple",
    "sea",
    "gills, scales, a bubbling aquarium, swimming upstream, bait and hooks, a three-second memory",
    "water",
)
def fish(b: Brush, c: Colour) -> None:
    b.poly(dark(c), -0.5, 0, -1, -0.5, -1, 0.5)
    b.poly(dark(c), -0.2, -0.3, 0.05, -0.75, 0.35, -0.3)
    b.disc(c, 0.1, 0, 0.8, 0.5)
    for x in (-0.25, 0.03):
        b.arc(light(c, 0.6), 0.07, x, 0, 0.2, 0.28, 290, 70)
    b.disc(WHITE, 0.52, -0.12, 0.13)
    b.disc(INK, 0.55, -0.12, 0.07)


@kind(
    "bird, sparrow, robin",
    "blue red yellow brown",
    "meadow sea city",
    "chirping, a nest of twigs, feathers, the dawn chorus, spreading wings, early worms",
    "up",
)
def bird(b: Brush, c: Colour) -> None:
    b.poly(dark(c), -0.5, 0.1, -1, -0.25, -1, 0.25)
    b.disc(c, -0.05, 0.15, 0.65, 0.45)
    b.disc(c, 0.5, -0.25, 0.34)
    b.poly((246, 170, 50), 0.78, -0.38, 1, -0.22, 0.78, -0.12)
    b.disc(INK, 0.58, -0.32, 0.07)
    b.poly(dark(c, 0.35), -0.45, 0.05, 0.3, 0.05, -0.3, 0.55)
    b.disc(light(c, 0.6), 0.2, 0.3, 0.24, 0.2)
    for x in (-0.1, 0.15):
        b.line((230, 150, 50), 0.06, x, 0.55, x, 0.9, x + 0.12, 0.9)


@kind(
    "duck, duckling, mallard",
    "yellow white brown",
    "sea meadow",
    "quacking, waddling, bath time, a quiet pond, webbed feet, stale crumbs",
    "water",
)
def duck(b: Brush, c: Colour) -> None:
    b.poly(c, -1, -0.05, -0.4, 0.15, -0.5, 0.6)
    b.disc(c, -0.05, 0.4, 0.8, 0.45)
    b.disc(c, 0.4, -0.35, 0.38)
    b.poly((240, 130, 40), 0.7, -0.45, 1, -0.3, 0.95, -0.18, 0.7, -0.2)
    b.disc(INK, 0.5, -0.45, 0.07)
    b.pie(dark(c, 0.2), -0.15, 0.3, 0.45, 0.35, 0, 180)


@kind(
    "butterfly, monarch",
    "orange blue purple yellow",
    "meadow",
    "a cocoon, metamorphosis, fluttering, chaos theory, a caterpillar's dream",
    "up",
)
def butterfly(b: Brush, c: Colour) -> None:
    for s in (-1, 1):
        b.disc(c, s * 0.5, -0.35, 0.48, 0.5)
        b.disc(dark(c, 0.2), s * 0.4, 0.42, 0.36, 0.42)
        b.disc(light(c, 0.6), s * 0.55, -0.38, 0.2)
        b.disc(light(c, 0.6), s * 0.42, 0.45, 0.13)
        b.line(INK, 0.05, 0, -0.55, s * 0.25, -0.95)
    b.disc(INK, 0, 0, 0.1, 0.65)


@kind(
    "snail, slug",
    "brown orange purple",
    "meadow night",
    "a slow pace, slime trails, eaten lettuce, no hurry at all, escargots",
)
def snail(b: Brush, c: Colour) -> None:
    body = (226, 190, 130)
    b.box(body, -0.95, 0.55, 0.85, 0.9, 0.17)
    b.box(body, 0.55, -0.05, 0.85, 0.85, 0.14)
    for x in (0.6, 0.82):
        b.line(body, 0.07, 0.7, 0, x + 0.05, -0.5)
        b.disc(INK, x + 0.05, -0.5, 0.08)
    b.disc(c, -0.2, 0.05, 0.65)
    for r in (0.45, 0.24):
        b.arc(dark(c, 0.5), 0.08, -0.2, 0.05, r, r, 20, 330)


@kind(
    "owl, barn owl",
    "brown grey orange",
    "night",
    "hooting, ancient wisdom, a silent hunter, nocturnal habits, turning heads",
    "up",
)
def owl(b: Brush, c: Colour) -> None:
    for s in (-1, 1):
        b.poly(c, s * 0.65, -0.98, s * 0.1, -0.6, s * 0.65, -0.4)
    b.disc(c, 0, 0.1, 0.7, 0.85)
    b.disc(light(c, 0.5), 0, 0.45, 0.42, 0.48)
    for s in (-1, 1):
        b.disc(WHITE, s * 0.3, -0.25, 0.29)
        b.disc((246, 190, 50), s * 0.28, -0.25, 0.2)
        b.disc(INK, s * 0.28, -0.25, 0.12)
        b.disc(dark(c, 0.3), s * 0.65, 0.25, 0.16, 0.45)
    b.poly((236, 150, 50), -0.12, -0.05, 0.12, -0.05, 0, 0.2)
    b.line(WOOD, 0.14, -1, 0.95, 1, 0.95)


@kind(
    "rabbit, bunny, hare",
    "white grey brown",
    "meadow night",
    "hopping, long ears, a magician's finale, burrows, multiplying fast, a fluffy tail",
)
def rabbit(b: Brush, c: Colour) -> None:
    for s in (-1, 1):
        b.disc(c, s * 0.3, -0.55, 0.2, 0.48)
        b.disc((244, 176, 182), s * 0.3, -0.5, 0.09, 0.34)
    b.disc(c, 0, 0.4, 0.62, 0.58)
    for s in (-1, 1):
        b.disc(INK, s * 0.25, 0.25, 0.09, 0.11)
        b.line(dark(c, 0.5), 0.03, s * 0.2, 0.52, s * 0.75, 0.45 + s * 0.03)
    b.disc((230, 120, 135), 0, 0.45, 0.1, 0.07)
    b.box(WHITE, -0.1, 0.6, 0.1, 0.82)
    b.line(INK, 0.03, 0, 0.6, 0, 0.82)


@kind(
    "pig, piglet, hog",
    "pink",
    "meadow",
    "oinking, rolling in mud, truffle hunting, a curly tail, sizzling bacon",
)
def pig(b: Brush, c: Colour) -> None:
    for s in (-1, 1):
        b.poly(dark(c, 0.15), s * 0.85, -0.9, s * 0.75, -0.2, s * 0.25, -0.6)
    b.disc(c, 0, 0.08, 0.88, 0.82)
    b.disc(dark(c, 0.2), 0, 0.3, 0.42, 0.3)
    for s in (-1, 1):
        b.disc(dark(c, 0.65), s * 0.15, 0.3, 0.08, 0.13)
        b.disc(INK, s * 0.38, -0.15, 0.09)
    b.arc(dark(c, 0.6), 0.05, 0, 0.6, 0.25, 0.12, 20, 160)


@kind(
    "bee, bumblebee, wasp",
    "yellow",
    "meadow",
    "buzzing, pollen, a busy hive, honey, getting stung, a queen and workers",
    "up",
)
def bee(b: Brush, c: Colour) -> None:
    for x, w in ((-0.25, 0.3), (0.2, 0.34)):
        b.disc((222, 236, 248), x, -0.5, w, 0.45)
    b.disc(c, 0, 0.25, 0.85, 0.55)
    for x, h in ((-0.42, 0.46), (-0.05, 0.54), (0.3, 0.5)):
        b.box(INK, x - 0.1, 0.25 - h, x + 0.1, 0.25 + h)
    b.poly(INK, -0.82, 0.15, -1, 0.25, -0.82, 0.35)
    b.disc(INK, 0.68, 0.18, 0.08)
    b.line(INK, 0.05, 0.6, -0.18, 0.85, -0.5)


@kind(
    "spider, tarantula",
    "black brown purple",
    "night room",
    "a sticky web, eight legs, arachnophobia, dusty corners, spinning silk",
    "up",
)
def spider(b: Brush, c: Colour) -> None:
    b.line((200, 204, 214), 0.04, 0, -1, 0, 0)
    for s in (-1, 1):
        for knee, foot in ((-0.5, -0.25), (-0.2, 0.2), (0.2, 0.65), (0.45, 0.95)):
            b.line(dark(c, 0.4), 0.08, 0, 0.1, s * 0.6, knee, s * 0.95, foot)
    b.disc(c, 0, 0.3, 0.45)
    b.disc(dark(c, 0.3), 0, -0.2, 0.27)
    _eyes(b, 0, -0.24, 0.1, 0.11)


@kind(
    "snake, python, viper",
    "green brown yellow",
    "meadow night",
    "venom, hissing, shedding skin, a forked tongue, slithering",
)
def snake(b: Brush, c: Colour) -> None:
    turns = [i / 30 for i in range(31)]
    body = [xy for t in turns for xy in (0.72 * math.sin(2.6 * math.pi * t) * (1 - 0.35 * t), 0.82 - 1.4 * t)]
    b.line(dark(c, 0.3), 0.3, *body)
    b.line(c, 0.24, *body)
    b.disc(c, 0.42, -0.72, 0.34, 0.24)
    b.line((220, 50, 60), 0.06, 0.74, -0.7, 0.96, -0.64)
    b.disc(WHITE, 0.5, -0.8, 0.09)
    b.disc(INK, 0.52, -0.79, 0.05)


@kind(
    "frog, toad, tadpole",
    "green",
    "meadow night",
    "croaking, a leap of faith, a prince in disguise, lily pads, something stuck in my throat",
)
def frog(b: Brush, c: Colour) -> None:
    for s in (-1, 1):
        b.disc(dark(c, 0.2), s * 0.68, 0.6, 0.3, 0.34)
    b.disc(c, 0, 0.3, 0.85, 0.62)
    for s in (-1, 1):
        b.disc(c, s * 0.45, -0.42, 0.32)
        b.disc(WHITE, s * 0.45, -0.45, 0.22)
        b.disc(INK, s * 0.45, -0.42, 0.11)
    b.arc(dark(c, 0.6), 0.06, 0, 0.15, 0.58, 0.38, 15, 165)


@kind(
    "whale, orca",
    "blue grey",
    "sea",
    "blubber, captain Ahab, the deep, songs of giants, plankton for lunch",
    "water",
)
def whale(b: Brush, c: Colour) -> None:
    for s in (-1, 1):
        b.arc((130, 190, 230), 0.07, 0.3 + s * 0.2, -0.5, 0.2, 0.4, 180 if s > 0 else 220, 320 if s > 0 else 360)
    b.poly(c, -0.5, 0.35, -1, -0.4, -0.7, -0.3, -0.62, -0.5, -0.45, -0.1, -0.2, 0.1)
    b.pie(c, 0.15, 0.3, 0.85, 0.65, 180, 360)
    b.pie(light(c, 0.6), 0.15, 0.29, 0.85, 0.5, 0, 180)
    b.disc(INK, 0.6, 0.1, 0.07)


@kind(
    "crab, lobster",
    "red orange",
    "sea",
    "walking sideways, pinching claws, tidal pools, a pot of boiling water, ten legs",
)
def crab(b: Brush, c: Colour) -> None:
    for s in (-1, 1):
        for y in (0.35, 0.55, 0.75):
            b.line(dark(c), 0.08, s * 0.4, 0.4, s * 0.8, y - 0.05, s * 0.9, y + 0.2)
        b.line(c, 0.12, s * 0.5, 0.2, s * 0.75, -0.25)
        b.pie(c, s * 0.72, -0.5, 0.28, 0.34, -60, 240)
        b.line(c, 0.07, s * 0.22, 0, s * 0.22, -0.4)
    b.disc(c, 0, 0.35, 0.65, 0.42)
    _eyes(b, 0, -0.4, 0.12, 0.22)
    b.arc(dark(c, 0.6), 0.05, 0, 0.35, 0.25, 0.15, 20, 160)


@kind(
    "turtle, tortoise",
    "green brown",
    "sea meadow",
    "slow and steady, a hard shell, two hundred years of age, hatching at full tide, winning the race",
)
def turtle(b: Brush, c: Colour) -> None:
    skin = (150, 190, 100)
    b.disc(skin, 0.78, 0.1, 0.24, 0.22)
    for x in (-0.5, 0.4):
        b.box(skin, x - 0.14, 0.4, x + 0.14, 0.85, 0.1)
    b.poly(skin, -0.7, 0.5, -1, 0.65, -0.7, 0.3)
    b.pie(c, -0.1, 0.5, 0.75, 1.0, 180, 360)
    for x in (-0.45, -0.1, 0.25):
        b.disc(dark(c, 0.3), x, 0.2 - (0.25 if x == -0.1 else 0), 0.14)
    b.box(dark(c, 0.3), -0.88, 0.45, 0.68, 0.57, 0.05)
    b.disc(INK, 0.84, 0.05, 0.05)


@kind(
    "mouse, rat",
    "grey brown white",
    "room kitchen night",
    "squeaking, a tiny hole behind the skirting board, gnawing, laboratory mazes, poison traps",
)
def mouse(b: Brush, c: Colour) -> None:
    b.arc((230, 150, 160), 0.06, -0.75, 0.35, 0.3, 0.4, 90, 250)
    b.disc(c, -0.15, 0.4, 0.6, 0.45)
    b.poly(c, 0.1, 0, 0.95, 0.5, 0.1, 0.8)
    for x in (0.05, 0.4):
        b.disc(dark(c, 0.15), x, -0.1, 0.27)
        b.disc((244, 176, 182), x, -0.1, 0.16)
    b.disc(INK, 0.55, 0.3, 0.07)
    b.disc((230, 110, 125), 0.94, 0.5, 0.08)
    b.line(INK, 0.03, 0.75, 0.5, 0.95, 0.72)
    b.disc(dark(c, 0.2), -0.2, 0.8, 0.16, 0.07)
