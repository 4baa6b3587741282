"""Sky, weather and plants: how they look and what people say of them."""

import math

from collection.world.brush import INK, LEAF, WHITE, WOOD, Brush, Colour, dark, light
from collection.world.kinds import kind


@kind(
    "sun, sunshine, sunlight",
    "yellow orange",
    "meadow sea city",
    "heat waves, a deep tan, vitamin D, golden hour, freckles, summer holidays",
    "up",
)
def sun(b: Brush, c: Colour) -> None:
    for i in range(12):
        x, y = math.cos(math.tau * i / 12), math.sin(math.tau * i / 12)
        b.line(c, 0.1, x * 0.7, y * 0.7, x, y)
    b.disc(c, 0, 0, 0.6)
    b.disc(light(c, 0.3), 0, 0, 0.45)


@kind(
    "moon, moonlight, crescent",
    "yellow white",
    "night",
    "werewolf hours, rising tides, one small step, sleepwalking, Neil Armstrong",
    "up",
)
def moon(b: Brush, c: Colour) -> None:
    turns = [math.pi * (0.5 + i / 24) for i in range(25)]
    outer = [xy for a in turns for xy in (0.3 + 0.9 * math.cos(a), 0.9 * math.sin(a))]
    inner = [xy for a in reversed(turns) for xy in (0.3 + 0.4 * math.cos(a), 0.9 * math.sin(a))]
    b.poly(c, *outer, *inner)


@kind(
    "star, starlight",
    "yellow white",
    "night",
    "astronomy class, making a wish, zodiac signs, a telescope, distant galaxies, five out of five",
    "up",
)
def star(b: Brush, c: Colour) -> None:
    points = []
    for i in range(10):
        r, a = (1, 0.42)[i % 2], math.pi * (i / 5 - 0.5)
        points += [r * math.cos(a), r * math.sin(a)]
    b.poly(c, *points)


@kind(
    "cloud, raincloud",
    "grey white",
    "meadow sea city",
    "drizzle, puddles, a gloomy forecast, soggy laundry, April showers",
    "up",
)
def cloud(b: Brush, c: Colour) -> None:
    for x, y, r in ((-0.55, 0, 0.36), (0.55, 0, 0.36), (-0.15, -0.22, 0.46), (0.25, -0.12, 0.42)):
        b.disc(c, x, y, r)
    b.box(c, -0.85, 0, 0.88, 0.36, 0.18)
    for x in (-0.6, -0.25, 0.1, 0.45):
        for y in (0.5, 0.78):
            left = x + (0.12 if y > 0.6 else 0)
            b.line((70, 130, 200), 0.07, left, y, left - 0.08, y + 0.2)


@kind(
    "rainbow, spectrum",
    "red",
    "meadow sea city",
    "pots of gold, all seven colours, leprechauns, a pride parade, refracted light",
    "up",
)
def rainbow(b: Brush, c: Colour) -> None:
    shades = (c, (240, 140, 40), (247, 206, 62), (62, 150, 84), (52, 110, 190), (128, 84, 170))
    for i, shade in enumerate(shades):
        b.arc(shade, 0.12, 0, 0.6, 1 - 0.11 * i, 1.3 - 0.12 * i, 180, 360)


@kind(
    "lightning bolt, thunderbolt",
    "yellow",
    "night city",
    "a power cut, Zeus, high voltage, a rumbling storm, static electricity",
    "up",
)
def lightning(b: Brush, c: Colour) -> None:
    b.poly(c, 0.3, -1, -0.55, 0.15, -0.05, 0.15, -0.3, 1, 0.6, -0.25, 0.1, -0.25, 0.55, -1)


@kind(
    "tree, oak, maple",
    "green orange",
    "meadow night city",
    "autumn leaves, acorns, swaying branches, a squirrel's pantry, family roots, sawdust",
)
def tree(b: Brush, c: Colour) -> None:
    b.box(WOOD, -0.12, 0, 0.12, 1)
    for x, y, r in ((-0.35, -0.1, 0.42), (0.35, -0.1, 0.42), (0, -0.5, 0.5)):
        b.disc(c, x, y, r)
    b.disc(light(c, 0.2), -0.12, -0.6, 0.22)


@kind(
    "palm, palm tree",
    "green",
    "sea",
    "coconuts, a desert island, tropical breezes, hammocks, castaways",
)
def palm(b: Brush, c: Colour) -> None:
    b.poly(WOOD, -0.05, -0.45, 0.1, -0.45, 0.3, 1, 0.05, 1)
    for s in (-1, 1):
        b.arc(c, 0.16, s * 0.45, -0.2, 0.45, 0.4, 180 if s > 0 else 200, 340 if s > 0 else 360)
        b.arc(dark(c), 0.14, s * 0.3, -0.55, 0.35, 0.3, 170 if s > 0 else 200, 340 if s > 0 else 370)
        b.disc((110, 66, 40), s * 0.12, -0.38, 0.12)
    b.arc(light(c, 0.2), 0.12, 0.02, -0.2, 0.2, 0.75, 240, 300)


@kind(
    "flower, rose, daisy",
    "red pink purple yellow white",
    "meadow room kitchen",
    "petals, a sweet scent, hay fever, a lovely bouquet, spring at last, gardening",
)
def flower(b: Brush, c: Colour) -> None:
    b.line((58, 130, 66), 0.1, 0, -0.3, 0, 1)
    for s in (-1, 1):
        b.disc(LEAF, s * 0.24, 0.55, 0.22, 0.09)
    for i in range(7):
        a = math.tau * i / 7
        b.disc(c, 0.36 * math.cos(a), -0.4 + 0.36 * math.sin(a), 0.24)
    b.disc((140, 94, 60) if c[0] > 240 and c[2] < 100 else (250, 214, 90), 0, -0.4, 0.22)


@kind(
    "cactus, succulent",
    "green",
    "room kitchen meadow",
    "prickly spines, the desert, do not touch, tequila country, hardly any watering",
)
def cactus(b: Brush, c: Colour) -> None:
    b.box(dark(c, 0.1), -0.75, -0.3, -0.5, 0.2, 0.12)
    b.box(dark(c, 0.1), -0.7, 0.05, -0.1, 0.25, 0.1)
    b.box(dark(c, 0.1), 0.5, -0.5, 0.75, 0.05, 0.12)
    b.box(dark(c, 0.1), 0.1, -0.1, 0.7, 0.1, 0.1)
    b.box(c, -0.25, -0.95, 0.25, 0.6, 0.25)
    for y in (-0.7, -0.4, -0.1, 0.2):
        for x in (-0.12, 0.1):
            b.line(WHITE, 0.04, x, y, x + 0.06, y - 0.1)
    b.poly((190, 100, 60), -0.5, 0.5, 0.5, 0.5, 0.38, 1, -0.38, 1)
    b.box((170, 84, 50), -0.55, 0.42, 0.55, 0.58)


@kind(
    "mushroom, toadstool",
    "red brown orange",
    "meadow night",
    "fungi, spores, damp undergrowth, risotto, gnomes, Super Mario",
)
def mushroom(b: Brush, c: Colour) -> None:
    b.poly((244, 234, 214), -0.25, 0, 0.25, 0, 0.35, 0.95, -0.35, 0.95)
    b.pie(c, 0, 0.1, 0.95, 1.0, 180, 360)
    for x, y, r in ((-0.5, -0.2, 0.15), (0.05, -0.55, 0.17), (0.5, -0.15, 0.14), (0, -0.1, 0.1)):
        b.disc(WHITE, x, y, r)


@kind(
    "snowman",
    "white",
    "night city",
    "snowfall, freezing fingers, mittens, melting by March, Frosty",
)
def snowman(b: Brush, c: Colour) -> None:
    b.disc(dark(c, 0.08), 0, 0.5, 0.5)
    b.disc(c, 0, -0.25, 0.35)
    for s in (-1, 1):
        b.line(WOOD, 0.05, s * 0.4, 0.3, s * 0.85, -0.05)
        b.disc(INK, s * 0.12, -0.33, 0.05)
    b.poly((240, 140, 40), 0, -0.25, 0.32, -0.18, 0, -0.14)
    b.box((200, 60, 60), -0.34, 0, 0.34, 0.12, 0.05)
    b.box(INK, -0.42, -0.62, 0.42, -0.52)
    b.box(INK, -0.25, -1, 0.25, -0.55)
    for y in (0.3, 0.5, 0.7):
        b.disc(INK, 0, y, 0.05)


@kind(
    "campfire, bonfire",
    "orange red",
    "night meadow sea",
    "marshmallows, spooky stories, smoke, crackling logs, burnt sausages",
)
def campfire(b: Brush, c: Colour) -> None:
    b.poly(c, -0.55, 0.6, -0.6, -0.1, -0.3, 0.1, -0.05, -1, 0.3, -0.05, 0.55, -0.3, 0.55, 0.6)
    b.poly((250, 210, 70), -0.3, 0.6, -0.25, 0.15, 0, -0.35, 0.2, 0.15, 0.3, 0.6)
    b.line(WOOD, 0.2, -0.85, 0.9, 0.85, 0.55)
    b.line(dark(WOOD), 0.2, -0.85, 0.55, 0.85, 0.9)
