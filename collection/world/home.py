"""Things about the house: how they look and what people say of them."""

import math

from collection.world.brush import GLASS, INK, STEEL, WHITE, WOOD, Brush, Colour, dark, light
from collection.world.kinds import kind


@kind(
    "umbrella, parasol",
    "red blue purple yellow green",
    "meadow sea city",
    "Mary Poppins, staying dry, a soaking commute, monsoon season, forgotten on the back seat again",
)
def umbrella(b: Brush, c: Colour) -> None:
    b.line(INK, 0.08, 0, -0.95, 0, 0.8)
    b.arc(INK, 0.08, -0.12, 0.8, 0.15, 0.18, 0, 180)
    b.pie(c, 0, 0, 1, 0.85, 180, 360)
    b.pie(light(c), 0, 0, 0.33, 0.85, 180, 360)
    for x in (-2 / 3, 0, 2 / 3):
        b.pie(dark(c), x, 0, 1 / 3, 0.12, 180, 360)


@kind(
    "clock, wristwatch, timepiece",
    "red blue green grey brown",
    "room kitchen city",
    "running late, a deadline at noon, ticking, daylight saving, punctuality, wasted hours",
    "up",
)
def clock(b: Brush, c: Colour) -> None:
    b.disc(c, 0, 0, 0.9)
    b.disc((252, 250, 244), 0, 0, 0.74)
    for i in range(12):
        x, y = math.cos(math.tau * i / 12), math.sin(math.tau * i / 12)
        b.line(INK, 0.05, 0.6 * x, 0.6 * y, 0.68 * x, 0.68 * y)
    b.line(INK, 0.1, 0, 0, -0.3, -0.22)
    b.line(INK, 0.07, 0, 0, 0.18, -0.5)
    b.disc(INK, 0, 0, 0.07)


@kind(
    "book, novel, paperback",
    "red blue green brown purple",
    "room sea meadow",
    "chapter seven, library fines, a plot twist, bedtime stories, a bestselling author, folded page corners",
)
def book(b: Brush, c: Colour) -> None:
    for s in (-1, 1):
        b.poly(c, 0, -0.5, s, -0.75, s, 0.55, 0, 0.8)
        b.poly(WHITE, 0, -0.45, s * 0.9, -0.68, s * 0.9, 0.45, 0, 0.68)
        for y in (-0.35, -0.1, 0.15, 0.4):
            b.line((160, 160, 170), 0.05, s * 0.14, y + 0.03, s * 0.76, y - 0.12)
    b.line(dark(c), 0.06, 0, -0.5, 0, 0.8)


@kind(
    "lamp, desk lamp, lampshade",
    "yellow red green blue",
    "room",
    "switching off at bedtime, sixty watts, a genie and three wishes, moths, a cosy glow",
)
def lamp(b: Brush, c: Colour) -> None:
    b.line(INK, 0.1, 0, 0, 0, 0.85)
    b.disc(INK, 0, 0.9, 0.42, 0.1)
    b.disc((255, 244, 190), 0, -0.05, 0.22)
    b.poly(c, -0.4, -0.95, 0.4, -0.95, 0.75, 0, -0.75, 0)
    b.poly(light(c), -0.15, -0.95, 0.15, -0.95, 0.28, 0, -0.28, 0)


@kind(
    "chair, stool, armchair",
    "red brown blue green",
    "room kitchen sea",
    "taking a seat, good posture, standing all day, the musical party game, lumbar support",
)
def chair(b: Brush, c: Colour) -> None:
    for x in (-0.52, 0.42):
        b.line(dark(c, 0.4), 0.12, x, 0.25, x - 0.06, 0.98)
    b.line(dark(c, 0.3), 0.12, 0.62, 0.1, 0.66, 0.85)
    b.box(dark(c, 0.15), -0.6, -0.98, -0.46, 0.3)
    b.box(dark(c, 0.15), 0.34, -0.98, 0.48, 0.3)
    for y in (-0.9, -0.6, -0.3):
        b.box(c, -0.5, y, 0.38, y + 0.16)
    b.poly(c, -0.62, 0.12, 0.5, 0.12, 0.72, 0.34, -0.62, 0.34)


@kind(
    "bed, mattress, bunk",
    "blue red purple green",
    "room",
    "sweet dreams, snoring, five more minutes, hitting snooze, fresh sheets, a lie-in",
)
def bed(b: Brush, c: Colour) -> None:
    b.box(WOOD, -1, -0.6, -0.84, 0.8)
    b.box(WOOD, 0.84, -0.1, 1, 0.8)
    b.box(dark(WOOD), -0.9, 0.4, 0.9, 0.62)
    b.box(WHITE, -0.84, 0.1, 0.84, 0.42, 0.06)
    b.box(light(c, 0.75), -0.8, -0.18, -0.3, 0.14, 0.1)
    b.box(c, -0.32, -0.02, 0.86, 0.46, 0.08)
    b.box(light(c), -0.32, -0.02, -0.14, 0.46, 0.05)


@kind(
    "key, keys",
    "yellow grey orange",
    "room kitchen city",
    "a locksmith, being locked out, the spare under the doormat, opening doors, moving in",
)
def key(b: Brush, c: Colour) -> None:
    b.line(c, 0.2, -0.2, 0, 0.95, 0)
    b.box(c, 0.5, 0, 0.64, 0.36)
    b.box(c, 0.78, 0, 0.95, 0.46)
    b.arc(c, 0.2, -0.52, 0, 0.45, 0.45, 0, 360)
    b.arc(dark(c, 0.3), 0.04, -0.52, 0, 0.45, 0.45, 0, 360)


@kind(
    "television, telly",
    "black brown red",
    "room",
    "the season finale, a remote control, channel surfing, commercials, a couch potato",
)
def television(b: Brush, c: Colour) -> None:
    for s in (-1, 1):
        b.line(INK, 0.06, 0, -0.5, s * 0.4, -0.98)
        b.line(dark(c, 0.4), 0.12, s * 0.5, 0.7, s * 0.6, 0.98)
    b.box(c, -0.98, -0.55, 0.98, 0.75, 0.12)
    b.box((120, 190, 210), -0.85, -0.42, 0.5, 0.62, 0.12)
    b.poly((176, 222, 232), -0.7, -0.3, -0.35, -0.3, -0.7, 0.3)
    for y in (-0.2, 0.1):
        b.disc(STEEL, 0.74, y, 0.12)
    for y in (0.35, 0.47):
        b.line(STEEL, 0.04, 0.62, y, 0.86, y)


@kind(
    "laptop, notebook computer, macbook",
    "grey black",
    "room kitchen",
    "working remotely, forty open tabs, low battery, a spreadsheet, typing all day, debugging",
)
def laptop(b: Brush, c: Colour) -> None:
    b.box(c, -0.75, -0.75, 0.75, 0.4, 0.08)
    b.box((110, 170, 226), -0.66, -0.66, 0.66, 0.3)
    for y, right in ((-0.45, 0.3), (-0.25, 0.1), (-0.05, 0.4)):
        b.line(WHITE, 0.07, -0.5, y, right, y)
    b.poly(light(c, 0.2), -0.75, 0.4, 0.75, 0.4, 1, 0.75, -1, 0.75)
    for y in (0.48, 0.58):
        b.line(dark(c, 0.3), 0.06, -0.62, y, 0.62, y)


@kind(
    "phone, smartphone, mobile",
    "black red blue pink",
    "room kitchen city",
    "unread messages, voicemail, endless scrolling, roaming charges, a cracked screen, screen time",
)
def phone(b: Brush, c: Colour) -> None:
    b.box(c, -0.52, -1, 0.52, 1, 0.14)
    b.box((150, 206, 236), -0.43, -0.78, 0.43, 0.74)
    for i, shade in enumerate(((236, 90, 90), (250, 206, 80), (90, 180, 110), (120, 110, 210), WHITE, (240, 140, 60))):
        x, y = -0.27 + 0.27 * (i % 3), -0.5 + 0.32 * (i // 3)
        b.box(shade, x - 0.1, y - 0.1, x + 0.1, y + 0.1, 0.04)
    b.disc(light(c, 0.6), 0, 0.87, 0.07)
    b.line(light(c, 0.6), 0.04, -0.12, -0.89, 0.12, -0.89)


@kind(
    "kettle, teapot",
    "red blue grey green",
    "kitchen",
    "a whistle on the stove, boiling over, Earl Grey, scones at four, steeping for three minutes",
)
def kettle(b: Brush, c: Colour) -> None:
    b.arc(INK, 0.1, 0, -0.25, 0.55, 0.65, 180, 360)
    b.poly(c, 0.4, 0.3, 0.98, -0.35, 0.85, -0.5, 0.3, -0.1)
    b.disc(c, 0, 0.35, 0.72, 0.58)
    b.box(dark(c), -0.6, 0.78, 0.6, 0.95, 0.06)
    b.disc(dark(c), 0, -0.22, 0.3, 0.1)
    b.disc(INK, 0, -0.34, 0.1)
    b.disc(light(c, 0.5), -0.35, 0.15, 0.12, 0.2)


@kind(
    "frying pan, skillet, wok",
    "grey black red",
    "kitchen",
    "sizzling oil, non-stick promises, flipping pancakes, stir-fry Thursday, cast iron",
)
def pan(b: Brush, c: Colour) -> None:
    b.line(WOOD, 0.16, 0.35, 0.1, 1, -0.35)
    b.disc(dark(c, 0.3), -0.25, 0.3, 0.74, 0.5)
    b.disc(c, -0.25, 0.24, 0.72, 0.46)
    b.disc(dark(c, 0.5), -0.25, 0.27, 0.6, 0.36)
    b.arc(light(c, 0.3), 0.05, -0.25, 0.27, 0.45, 0.25, 200, 280)


@kind(
    "scissors, shears",
    "red blue green orange",
    "room kitchen",
    "a bad haircut, sharp blades, cutting coupons, arts and crafts, never run with them",
)
def scissors(b: Brush, c: Colour) -> None:
    for s in (-1, 1):
        b.poly(STEEL, s * 0.42, -1, s * 0.2, -0.95, -s * 0.14, 0.18, -s * 0.02, 0.25)
        b.line(c, 0.16, 0, 0.15, -s * 0.28, 0.42)
        b.arc(c, 0.16, -s * 0.38, 0.66, 0.3, 0.33, 0, 360)
    b.disc(INK, 0, 0.1, 0.07)


@kind(
    "pencil, crayon",
    "yellow red green blue",
    "room",
    "sketching, erased mistakes, sharpening, homework, doodles in the margin, graphite",
)
def pencil(b: Brush, c: Colour) -> None:
    b.poly((244, 214, 170), -0.95, 0.95, -0.82, 0.45, -0.45, 0.82)
    b.poly(INK, -0.95, 0.95, -0.9, 0.76, -0.76, 0.9)
    b.poly(c, -0.82, 0.45, 0.4, -0.77, 0.77, -0.4, -0.45, 0.82)
    b.poly(light(c), -0.7, 0.57, 0.52, -0.65, 0.6, -0.57, -0.62, 0.65)
    b.poly(STEEL, 0.4, -0.77, 0.53, -0.9, 0.9, -0.53, 0.77, -0.4)
    b.poly((236, 130, 140), 0.53, -0.9, 0.68, -1, 1, -0.68, 0.9, -0.53)


@kind(
    "glasses, spectacles, sunglasses",
    "black red brown blue",
    "room kitchen sea",
    "the optician, blurry vision, short-sightedness, a nerdy look, reading small print",
)
def glasses(b: Brush, c: Colour) -> None:
    for s in (-1, 1):
        b.disc(GLASS, s * 0.48, 0.1, 0.38)
        b.arc(c, 0.12, s * 0.48, 0.1, 0.42, 0.42, 0, 360)
        b.line(c, 0.1, s * 0.88, 0, s * 0.98, -0.3)
        b.line(WHITE, 0.06, s * 0.48 - 0.18, 0.1, s * 0.48 + 0.02, -0.12)
    b.arc(c, 0.12, 0, 0.1, 0.14, 0.16, 180, 360)


@kind(
    "gift, parcel, present",
    "red blue green purple pink",
    "room",
    "Christmas Eve, a nice surprise, Secret Santa, wrapping paper, thank-you cards",
)
def gift(b: Brush, c: Colour) -> None:
    ribbon = (250, 214, 90) if c[0] > 150 else (236, 90, 110)
    for s in (-1, 1):
        b.arc(ribbon, 0.12, s * 0.3, -0.7, 0.3, 0.24, 0, 360)
    b.box(c, -0.75, -0.2, 0.75, 0.95)
    b.box(light(c, 0.2), -0.88, -0.5, 0.88, -0.12)
    b.box(ribbon, -0.14, -0.5, 0.14, 0.95)


@kind(
    "candle, taper",
    "white red pink blue",
    "room kitchen night",
    "dripping wax, a romantic dinner, a wick, a blackout, a seance, beeswax",
)
def candle(b: Brush, c: Colour) -> None:
    b.disc((200, 160, 70), 0, 0.85, 0.62, 0.13)
    b.box(c, -0.25, -0.35, 0.25, 0.85)
    b.disc(dark(c, 0.15), 0, -0.35, 0.25, 0.07)
    b.disc(c, -0.25, -0.1, 0.07, 0.2)
    b.line(INK, 0.04, 0, -0.35, 0, -0.5)
    b.poly((250, 160, 50), 0, -1, 0.16, -0.6, 0, -0.44, -0.16, -0.6)
    b.disc((255, 232, 130), 0, -0.58, 0.08, 0.13)
