"""Travel and town: how things look and what people say of them."""

from collection.world.brush import GLASS, INK, WHITE, WOOD, Brush, Colour, dark, light
from collection.world.kinds import kind


def _wheel(b: Brush, x: float, y: float, r: float) -> None:
    b.disc(INK, x, y, r)
    b.disc((200, 204, 210), x, y, r * 0.45)


@kind(
    "car, automobile, convertible",
    "red blue green grey yellow",
    "meadow night city",
    "fuel prices, driving lessons, a road trip, horsepower, a seat belt, traffic jams",
)
def car(b: Brush, c: Colour) -> None:
    b.poly(c, -0.6, 0, -0.4, -0.45, 0.35, -0.45, 0.62, 0)
    b.poly(GLASS, -0.46, 0, -0.33, -0.35, -0.03, -0.35, -0.03, 0)
    b.poly(GLASS, 0.05, 0, 0.05, -0.35, 0.3, -0.35, 0.48, 0)
    b.box(c, -1, -0.02, 1, 0.42, 0.16)
    b.box((255, 236, 150), 0.88, 0.08, 1, 0.2)
    for x in (-0.55, 0.55):
        _wheel(b, x, 0.42, 0.24)


@kind(
    "bus, coach",
    "red yellow blue green",
    "city night",
    "a monthly pass, exact change, the school run, public transport, the back row, waiting at the stop",
)
def bus(b: Brush, c: Colour) -> None:
    b.box(c, -1, -0.6, 1, 0.5, 0.12)
    for x in (-0.85, -0.42, 0.01):
        b.box(GLASS, x, -0.42, x + 0.34, 0)
    b.box(GLASS, 0.46, -0.42, 0.88, 0.4)
    b.line(dark(c), 0.04, 0.67, -0.42, 0.67, 0.4)
    b.line(WHITE, 0.08, -1, 0.18, 0.42, 0.18)
    for x in (-0.55, 0.4):
        _wheel(b, x, 0.52, 0.22)


@kind(
    "bicycle, bike, cycle",
    "red blue green orange",
    "meadow city sea",
    "pedalling uphill, a flat tyre, stabilisers, the Tour de France, a helmet and bell",
)
def bicycle(b: Brush, c: Colour) -> None:
    for x in (-0.57, 0.57):
        b.arc(INK, 0.08, x, 0.4, 0.43, 0.43, 0, 360)
        b.disc(INK, x, 0.4, 0.06)
    b.line(c, 0.1, -0.57, 0.4, -0.25, -0.2, 0.4, -0.2, 0, 0.4, -0.57, 0.4)
    b.line(c, 0.1, -0.32, -0.4, 0, 0.4)
    b.line(c, 0.1, 0.57, 0.4, 0.35, -0.5)
    b.line(INK, 0.1, 0.2, -0.55, 0.55, -0.55)
    b.box(INK, -0.5, -0.5, -0.15, -0.4, 0.05)


@kind(
    "train, locomotive",
    "green red blue black",
    "meadow night city",
    "platform nine, a whistle and steam, commuting, rails and sleepers, mind the gap",
)
def train(b: Brush, c: Colour) -> None:
    b.box(c, -0.95, -0.6, -0.25, 0.45)
    b.box(GLASS, -0.8, -0.42, -0.42, -0.05)
    b.box(dark(c, 0.3), -1, -0.72, -0.18, -0.56)
    b.box(light(c, 0.15), -0.3, -0.2, 0.9, 0.45, 0.14)
    b.poly(INK, 0.42, -0.2, 0.35, -0.7, 0.8, -0.7, 0.72, -0.2)
    for x, y, r in ((0.55, -0.86, 0.12), (0.3, -0.9, 0.1)):
        b.disc((222, 224, 230), x, y, r)
    b.poly(INK, 0.85, 0.45, 1, 0.75, 0.6, 0.75)
    for x, r in ((-0.6, 0.3), (0.05, 0.22), (0.5, 0.22)):
        _wheel(b, x, 0.9 - r, r)


@kind(
    "plane, airplane, airliner",
    "white red blue",
    "meadow sea city",
    "jet lag, turbulence, the departure lounge, a window seat, duty-free perfume, air miles",
    "up",
)
def plane(b: Brush, c: Colour) -> None:
    b.poly(dark(c, 0.25), -0.1, -0.05, -0.5, -0.75, -0.25, -0.75, 0.3, -0.05)
    b.poly(c, -0.85, -0.05, -1, -0.6, -0.75, -0.6, -0.5, -0.1)
    b.disc(c, 0, 0, 0.98, 0.2)
    b.poly(dark(c, 0.15), -0.15, 0.05, -0.6, 0.75, -0.3, 0.75, 0.3, 0.05)
    for x in (-0.4, -0.2, 0, 0.2, 0.4):
        b.disc((70, 120, 180), x, -0.05, 0.05)
    b.poly((70, 120, 180), 0.68, -0.12, 0.88, -0.06, 0.7, -0.02)


@kind(
    "rocket, spaceship",
    "red white blue",
    "night",
    "a countdown, zero gravity, mission control, life on Mars, lift-off, astronauts",
    "up",
)
def rocket(b: Brush, c: Colour) -> None:
    b.poly((250, 170, 50), -0.2, 0.6, 0.2, 0.6, 0, 1)
    for s in (-1, 1):
        b.poly(dark(c, 0.3), s * 0.25, 0.1, s * 0.65, 0.7, s * 0.25, 0.6)
    b.disc(WHITE, 0, -0.1, 0.36, 0.8)
    b.pie(c, 0, -0.35, 0.29, 0.62, 200, 340)
    b.box(c, -0.26, 0.5, 0.26, 0.64)
    b.disc(INK, 0, -0.1, 0.18)
    b.disc((140, 206, 240), 0, -0.1, 0.13)


@kind(
    "boat, sailboat, yacht",
    "red blue brown green",
    "sea",
    "a stiff breeze, seasickness, learning knots, the captain's orders, a regatta, rowing ashore",
    "water",
)
def boat(b: Brush, c: Colour) -> None:
    b.line(WOOD, 0.08, 0, -1, 0, 0.5)
    b.poly(WHITE, 0.06, -0.95, 0.06, 0.3, 0.8, 0.3)
    b.poly((232, 224, 206), -0.06, -0.75, -0.06, 0.3, -0.6, 0.3)
    b.poly(c, -1, 0.42, 1, 0.42, 0.66, 1, -0.66, 1)
    b.line(light(c, 0.6), 0.06, -0.93, 0.55, 0.93, 0.55)


@kind(
    "anchor",
    "grey black blue red",
    "sea",
    "sailors' tattoos, dropping it in the harbour, the navy, staying put, shore leave",
)
def anchor(b: Brush, c: Colour) -> None:
    b.arc(c, 0.13, 0, -0.75, 0.23, 0.23, 0, 360)
    b.line(c, 0.18, 0, -0.55, 0, 0.85)
    b.line(c, 0.16, -0.5, -0.3, 0.5, -0.3)
    b.arc(c, 0.18, 0, 0.2, 0.8, 0.75, 10, 170)
    for s in (-1, 1):
        b.poly(c, s * 0.98, 0.5, s * 0.85, 0.05, s * 0.5, 0.4)


@kind(
    "lighthouse, beacon",
    "red blue",
    "sea night",
    "guiding sailors home, foggy shores, a lonely keeper, a revolving beam, dangerous rocks",
)
def lighthouse(b: Brush, c: Colour) -> None:
    b.poly(WHITE, -0.28, -0.5, 0.28, -0.5, 0.45, 1, -0.45, 1)
    for top, bottom in ((-0.25, 0.05), (0.35, 0.65)):
        w, v = 0.28 + 0.17 * (top + 0.5) / 1.5, 0.28 + 0.17 * (bottom + 0.5) / 1.5
        b.poly(c, -w, top, w, top, v, bottom, -v, bottom)
    b.poly((255, 240, 160), 0.2, -0.68, 1, -0.95, 1, -0.4)
    b.poly((255, 240, 160), -0.2, -0.68, -1, -0.95, -1, -0.4)
    b.box((255, 220, 90), -0.2, -0.82, 0.2, -0.5)
    b.box(INK, -0.36, -0.54, 0.36, -0.46)
    b.poly(c, -0.28, -0.8, 0.28, -0.8, 0, -1)


@kind(
    "house, cottage, bungalow",
    "red orange blue white pink",
    "meadow night",
    "a mortgage, nosy neighbours, moving day, the estate agent, four bedrooms, a leaking roof",
)
def house(b: Brush, c: Colour) -> None:
    b.box(c, -0.8, -0.15, 0.8, 1)
    b.poly(dark(c, 0.45), -1, -0.15, 0, -1, 1, -0.15)
    b.box((96, 64, 44), -0.18, 0.4, 0.18, 1)
    for x in (-0.5, 0.5):
        b.box(INK, x - 0.19, 0.07, x + 0.19, 0.45)
        b.box((252, 236, 160), x - 0.16, 0.1, x + 0.16, 0.42)


@kind(
    "traffic light, stoplight",
    "black grey",
    "city night",
    "red means stop, rush hour, amber gamblers, a pedestrian crossing, jaywalking",
)
def traffic_light(b: Brush, c: Colour) -> None:
    b.box(dark(c, 0.4), -0.07, 0.4, 0.07, 1)
    b.box(c, -0.36, -1, 0.36, 0.5, 0.12)
    for y, shade in ((-0.72, (226, 60, 52)), (-0.25, (250, 200, 60)), (0.22, (70, 190, 100))):
        b.disc(shade, 0, y, 0.2)


@kind(
    "suitcase, luggage, briefcase",
    "brown red blue green",
    "room city sea",
    "packing light, the baggage carousel, a boarding pass, rolled-up socks, two weeks abroad",
)
def suitcase(b: Brush, c: Colour) -> None:
    b.arc(INK, 0.1, 0, -0.5, 0.3, 0.32, 180, 360)
    b.box(c, -0.95, -0.5, 0.95, 0.8, 0.14)
    for x in (-0.55, 0.55):
        b.box(dark(c, 0.4), x - 0.1, -0.5, x + 0.1, 0.8)
        b.box((240, 210, 110), x - 0.1, -0.2, x + 0.1, -0.02)
    b.box(dark(c, 0.3), -0.25, -0.5, 0.25, -0.38)


@kind(
    "envelope, letter",
    "white yellow pink blue",
    "room city",
    "a postage stamp, two weeks in the post, a pen pal, licking the flap, handwritten lines, sealed with wax",
)
def envelope(b: Brush, c: Colour) -> None:
    b.box(dark(c, 0.3), -1, -0.66, 1, 0.7)
    b.box(c, -0.95, -0.62, 0.95, 0.65)
    b.line(dark(c, 0.35), 0.05, -0.95, 0.65, -0.2, -0.02)
    b.line(dark(c, 0.35), 0.05, 0.95, 0.65, 0.2, -0.02)
    b.poly(dark(c, 0.12), -0.95, -0.62, 0.95, -0.62, 0, 0.18)
    b.line(dark(c, 0.35), 0.06, -0.95, -0.62, 0, 0.18, 0.95, -0.62)
    b.disc((200, 50, 60), 0, 0.16, 0.15)
