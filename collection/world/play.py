"""Play, music and feasts: how things look and what people say of them."""

import math

from collection.world.brush import COLOURS, INK, STEEL, WHITE, WOOD, Brush, Colour, dark, light
from collection.world.kinds import kind


@kind(
    "ball, beach ball",
    "red blue green orange purple",
    "meadow sea room city",
    "a penalty shoot-out, full time, bouncing, dribbling, a broken window, half-time oranges",
)
def ball(b: Brush, c: Colour) -> None:
    for i in range(6):
        b.pie(c if i % 2 else WHITE, 0, 0, 0.88, 0.88, i * 60 + 10, i * 60 + 70)
    b.disc(WHITE, 0, 0, 0.18)
    b.arc(dark(c), 0.05, 0, 0, 0.88, 0.88, 0, 360)


@kind(
    "balloon, balloons",
    "red blue green yellow pink purple",
    "meadow sea city room",
    "helium, squeaky voices, party mode, a sudden pop, floating away, letting go",
    "up",
)
def balloon(b: Brush, c: Colour) -> None:
    b.line(INK, 0.04, *(v for i in range(9) for v in (0.06 * math.sin(i / 1.6), 0.4 + i * 0.075)))
    b.poly(dark(c), -0.1, 0.46, 0.1, 0.46, 0, 0.3)
    b.disc(c, 0, -0.3, 0.58, 0.68)
    b.disc(light(c, 0.6), -0.22, -0.55, 0.12, 0.18)


@kind(
    "guitar, ukulele",
    "brown orange red",
    "room night sea meadow",
    "strumming, six strings, Jimi Hendrix, sore fingertips, three chords, an unplugged session",
)
def guitar(b: Brush, c: Colour) -> None:
    b.line(WOOD, 0.16, 0.1, -0.1, 0.82, -0.82)
    b.poly(dark(WOOD), 0.7, -0.86, 0.86, -1, 1, -0.86, 0.86, -0.7)
    b.disc(c, -0.45, 0.45, 0.52)
    b.disc(c, -0.02, 0.02, 0.36)
    b.disc(INK, -0.22, 0.22, 0.17)
    b.line(WHITE, 0.04, -0.6, 0.6, 0.8, -0.8)
    b.line(dark(c, 0.6), 0.1, -0.72, 0.5, -0.5, 0.72)


@kind(
    "drum, snare",
    "red blue purple",
    "room city meadow",
    "a steady beat, Ringo, marching, loud rehearsals, a solo by Phil Collins, noise complaints",
)
def drum(b: Brush, c: Colour) -> None:
    b.box(c, -0.8, -0.15, 0.8, 0.72)
    b.disc(c, 0, 0.72, 0.8, 0.25)
    for x in (-0.6, -0.2, 0.2, 0.6):
        b.line((250, 214, 110), 0.05, x - 0.2, -0.1, x, 0.85, x + 0.2, -0.1)
    b.disc(STEEL, 0, -0.15, 0.86, 0.3)
    b.disc(WHITE, 0, -0.17, 0.76, 0.23)
    for s in (-1, 1):
        b.line(WOOD, 0.08, s * 0.1, -0.2, s * 0.85, -0.9)
        b.disc(WOOD, s * 0.1, -0.2, 0.09)


@kind(
    "camera, polaroid",
    "black red grey brown",
    "room sea city",
    "say something funny, megapixels, the paparazzi, a flash, darkroom chemicals, a wide angle",
)
def camera(b: Brush, c: Colour) -> None:
    b.box(dark(c, 0.3), -0.45, -0.7, 0.2, -0.3)
    b.box(c, -0.95, -0.45, 0.95, 0.75, 0.12)
    b.box(light(c, 0.3), -0.95, -0.2, 0.95, -0.08)
    b.disc(STEEL, 0, 0.2, 0.46)
    b.disc(INK, 0, 0.2, 0.37)
    b.disc((90, 140, 200), 0, 0.2, 0.22)
    b.disc(WHITE, -0.1, 0.1, 0.07)
    b.box((255, 240, 170), 0.55, -0.38, 0.82, -0.24)
    b.box((210, 50, 50), -0.85, -0.55, -0.6, -0.44)


@kind(
    "trophy, goblet",
    "yellow grey",
    "room meadow",
    "first place, a victory lap, the podium, champions, a winner's speech, beating the record",
)
def trophy(b: Brush, c: Colour) -> None:
    for s in (-1, 1):
        b.arc(dark(c), 0.1, s * 0.6, -0.5, 0.32, 0.34, 0, 360)
    b.pie(c, 0, -0.9, 0.62, 1.2, 0, 180)
    b.box(c, -0.66, -0.98, 0.66, -0.84)
    b.box(dark(c), -0.1, 0.2, 0.1, 0.6)
    b.box(WOOD, -0.5, 0.6, 0.5, 0.98)
    b.disc(light(c, 0.6), -0.25, -0.5, 0.1, 0.25)


@kind(
    "kite",
    "red yellow blue purple",
    "meadow sea",
    "a gusty afternoon, a tangled string, Benjamin Franklin, running uphill, high as the wind blows",
    "up",
)
def kite(b: Brush, c: Colour) -> None:
    b.line(INK, 0.04, 0.1, 0.35, 0.2, 0.6, 0.02, 0.75, 0.15, 1)
    b.poly(c, 0.1, -1, 0.7, -0.4, 0.1, 0.4, -0.5, -0.4)
    b.poly(light(c, 0.5), 0.1, -1, 0.7, -0.4, 0.1, -0.4)
    b.poly(dark(c, 0.15), 0.1, 0.4, -0.5, -0.4, 0.1, -0.4)
    for x, y in ((0.16, 0.58), (0.05, 0.78)):
        b.poly(c, x - 0.18, y - 0.08, x + 0.18, y + 0.08, x + 0.18, y - 0.08, x - 0.18, y + 0.08)


@kind(
    "tent, marquee",
    "orange green blue red",
    "meadow night",
    "a sleeping bag, mosquito bites, scouting, wet pegs, a music festival, zipping up",
)
def tent(b: Brush, c: Colour) -> None:
    b.poly(c, -1, 0.85, 0, -0.8, 1, 0.85)
    b.poly(light(c, 0.3), -1, 0.85, 0, -0.8, -0.3, 0.85)
    b.poly(dark(c, 0.65), -0.3, 0.85, 0, -0.25, 0.3, 0.85)
    b.line(INK, 0.05, 0, -0.8, 0, -1)


@kind(
    "dice, die",
    "white red",
    "room kitchen",
    "rolling a six, casino odds, craps and roulette, Monopoly, pure luck, probability class",
)
def dice(b: Brush, c: Colour) -> None:
    pip = INK if c[1] > 200 else WHITE
    b.poly(light(c, 0.3), 0, -0.95, 0.85, -0.5, 0, -0.05, -0.85, -0.5)
    b.poly(dark(c, 0.1), -0.85, -0.5, 0, -0.05, 0, 0.95, -0.85, 0.5)
    b.poly(dark(c, 0.3), 0.85, -0.5, 0, -0.05, 0, 0.95, 0.85, 0.5)
    b.disc(pip, 0, -0.5, 0.14, 0.09)
    for x, y in ((-0.65, -0.15), (-0.42, 0.25), (-0.2, 0.62)):
        b.disc(pip, x, y, 0.09, 0.12)
    for x, y in ((0.25, 0.15), (0.6, 0.3)):
        b.disc(pip, x, y, 0.09, 0.12)


@kind(
    "crown, tiara", "yellow", "room", "royalty, a coronation, the throne, your majesty, Buckingham Palace, a heavy head"
)
def crown(b: Brush, c: Colour) -> None:
    b.poly(c, -0.85, 0.6, -0.98, -0.45, -0.48, 0.05, 0, -0.75, 0.48, 0.05, 0.98, -0.45, 0.85, 0.6)
    b.box(dark(c), -0.85, 0.5, 0.85, 0.8)
    for x, y in ((-0.95, -0.5), (0, -0.82), (0.95, -0.5)):
        b.disc(COLOURS["red"], x * 0.98, y, 0.12)
    for x, shade in ((-0.5, "blue"), (0, "red"), (0.5, "green")):
        b.disc(COLOURS[shade], x, 0.65, 0.1)


@kind(
    "hat, top hat",
    "black brown purple",
    "room city",
    "Abraham Lincoln, a tip of the brim, the milliner, dapper gentlemen, a magic show",
)
def hat(b: Brush, c: Colour) -> None:
    b.disc(dark(c, 0.3), 0, 0.62, 1, 0.2)
    b.poly(c, -0.5, 0.6, -0.58, -0.8, 0.58, -0.8, 0.5, 0.6)
    b.disc(light(c, 0.15), 0, -0.8, 0.58, 0.14)
    b.poly(COLOURS["red"], -0.5, 0.6, -0.52, 0.28, 0.52, 0.28, 0.5, 0.6)


@kind(
    "shoe, sneaker, trainer",
    "red blue green white",
    "room city meadow",
    "untied laces, blisters, marathon training, size forty-two, worn-out soles, ten thousand steps",
)
def shoe(b: Brush, c: Colour) -> None:
    b.poly(c, -0.92, -0.45, -0.2, -0.55, 0.1, -0.05, 0.75, 0.12, 0.98, 0.5, -0.95, 0.5)
    b.disc(dark(c, 0.5), -0.56, -0.48, 0.36, 0.12)
    b.box(WHITE, -0.98, 0.45, 1, 0.68, 0.08)
    b.disc(light(c, 0.6), 0.8, 0.38, 0.2, 0.16)
    for x, y in ((-0.1, -0.32), (0.04, -0.12), (0.22, 0.02)):
        b.line(WHITE, 0.07, x - 0.16, y + 0.12, x + 0.08, y - 0.04)


@kind(
    "ghost, phantom, spectre",
    "white",
    "night",
    "haunted corridors, things that go bump, who you gonna call, an exorcist, unfinished business",
    "up",
)
def ghost(b: Brush, c: Colour) -> None:
    b.pie(c, 0, -0.25, 0.7, 0.72, 180, 360)
    b.poly(c, -0.7, -0.27, 0.7, -0.27, 0.7, 0.95, 0.45, 0.7, 0.23, 0.95, 0, 0.7, -0.23, 0.95, -0.45, 0.7, -0.7, 0.95)
    for s in (-1, 1):
        b.disc(INK, s * 0.25, -0.3, 0.12, 0.17)
    b.disc(INK, 0, 0.15, 0.13, 0.2)


@kind(
    "pumpkin, gourd",
    "orange",
    "night meadow kitchen",
    "trick or treat, carving season, Cinderella's ride, a spice for everything, Thanksgiving",
)
def pumpkin(b: Brush, c: Colour) -> None:
    b.line((84, 120, 60), 0.16, 0, -0.4, 0.12, -0.9)
    for x, shade in ((-0.5, 0.15), (0.5, 0.15), (-0.25, 0.07), (0.25, 0.07), (0, 0)):
        b.disc(dark(c, shade), x, 0.2, 0.46, 0.68)
    for s in (-1, 1):
        b.poly(INK, s * 0.45, 0.1, s * 0.15, 0.1, s * 0.3, -0.2)
    b.poly(INK, -0.55, 0.35, -0.2, 0.45, 0, 0.38, 0.2, 0.45, 0.55, 0.35, 0.25, 0.68, 0, 0.6, -0.25, 0.68)


@kind(
    "flag, banner",
    "red blue green yellow",
    "meadow sea city night",
    "patriotism, the national anthem, half-mast, an Olympic ceremony, a finish line, saluting",
)
def flag(b: Brush, c: Colour) -> None:
    b.line(WOOD, 0.1, -0.7, -0.98, -0.7, 1)
    b.poly(c, -0.65, -0.9, 0.1, -0.75, 0.95, -0.95, 0.95, 0.05, 0.1, 0.2, -0.65, 0.05)
    b.poly(WHITE, -0.65, -0.55, 0.1, -0.4, 0.95, -0.6, 0.95, -0.3, 0.1, -0.12, -0.65, -0.27)
    b.disc((240, 210, 110), -0.7, -0.98, 0.08)
