"""Things to eat and drink: how they look and what people say of them."""

import math

from collection.world.brush import GLASS, INK, LEAF, WHITE, WOOD, Brush, Colour, dark, light
from collection.world.kinds import kind


@kind(
    "apple, granny smith",
    "red green",
    "kitchen meadow room",
    "keeping the doctor away, an orchard, Isaac Newton, forbidden fruit, crisp cider, Snow White's mistake",
)
def apple(b: Brush, c: Colour) -> None:
    for s in (-1, 1):
        b.disc(c, s * 0.32, 0.2, 0.55, 0.72)
    b.line(WOOD, 0.1, 0, -0.35, 0.1, -0.9)
    b.disc(LEAF, 0.4, -0.75, 0.3, 0.13)
    b.disc(light(c, 0.5), -0.45, -0.05, 0.12, 0.2)


@kind(
    "banana, plantain",
    "yellow",
    "kitchen room",
    "potassium, slipping on the peel, hungry monkeys, split desserts, minions",
)
def banana(b: Brush, c: Colour) -> None:
    turns = [math.pi * i / 24 for i in range(25)]
    outer = [xy for a in turns for xy in (math.cos(a) * 0.95, -0.35 + math.sin(a) * 1.1)]
    inner = [xy for a in reversed(turns) for xy in (math.cos(a) * 0.8, -0.4 + math.sin(a) * 0.5)]
    b.poly(c, *outer, *inner)
    b.arc(dark(c, 0.3), 0.04, 0, -0.38, 0.86, 0.8, 20, 160)
    b.line(dark(c, 0.6), 0.16, -0.87, -0.32, -0.9, -0.55)
    b.disc(dark(c, 0.6), 0.88, -0.35, 0.09)


@kind(
    "pizza, margherita",
    "red",
    "kitchen room city",
    "Friday delivery, Naples, extra toppings, a stone oven, pepperoni, the last slice",
)
def pizza(b: Brush, c: Colour) -> None:
    b.poly((244, 206, 96), -0.85, -0.6, 0.85, -0.6, 0, 1)
    b.box((206, 146, 80), -0.98, -0.9, 0.98, -0.5, 0.18)
    for x, y in ((-0.35, -0.2), (0.38, -0.25), (0.02, 0.3)):
        b.disc(c, x, y, 0.19)
        b.disc(dark(c, 0.2), x + 0.03, y + 0.03, 0.08)
    for x, y in ((0.02, -0.3), (-0.2, 0.15), (0.22, 0.1)):
        b.disc(LEAF, x, y, 0.07, 0.05)


@kind(
    "ice cream, gelato, sundae",
    "pink white brown",
    "sea kitchen city",
    "brain freeze, two scoops, vanilla and sprinkles, a melting treat, sticky fingers",
)
def ice_cream(b: Brush, c: Colour) -> None:
    b.poly((222, 166, 96), -0.42, 0, 0.42, 0, 0, 1)
    for x in (-0.2, 0.05):
        b.line((180, 124, 64), 0.04, x - 0.1, 0, x + 0.18, 0.45)
        b.line((180, 124, 64), 0.04, -x + 0.1, 0, -x - 0.18, 0.45)
    b.disc(dark(c, 0.12), -0.25, -0.2, 0.36)
    b.disc(light(c, 0.25), 0.27, -0.2, 0.36)
    b.disc(c, 0, -0.58, 0.38)
    b.disc((206, 40, 60), 0, -0.92, 0.1)


@kind(
    "burger, hamburger, cheeseburger",
    "brown",
    "kitchen city room",
    "a drive-through, ketchup and mustard, sesame buns, fast food, a side of fries",
)
def burger(b: Brush, c: Colour) -> None:
    b.pie((222, 156, 80), 0, -0.05, 0.9, 0.9, 180, 360)
    for x, y in ((-0.4, -0.5), (0, -0.65), (0.4, -0.5), (-0.15, -0.35), (0.2, -0.35)):
        b.disc((250, 236, 200), x, y, 0.06, 0.04)
    b.box((96, 180, 80), -0.98, -0.05, 0.98, 0.12, 0.08)
    b.box((214, 60, 52), -0.85, 0.1, 0.85, 0.22)
    b.box(dark(c, 0.35), -0.92, 0.2, 0.92, 0.5, 0.12)
    b.poly((250, 206, 70), -0.9, 0.2, 0.9, 0.2, 0.5, 0.4, 0.2, 0.2, -0.2, 0.4, -0.5, 0.2)
    b.box((222, 156, 80), -0.9, 0.5, 0.9, 0.85, 0.2)


@kind(
    "cheese, cheddar, gouda",
    "yellow orange",
    "kitchen",
    "Swiss holes, fondue evenings, a mature smell, crackers, a dairy farm, a ploughman's lunch",
)
def cheese(b: Brush, c: Colour) -> None:
    b.poly(light(c, 0.4), -0.95, 0, 0.5, -0.7, 0.95, 0)
    b.box(c, -0.95, 0, 0.95, 0.75)
    for x, y, r in ((-0.55, 0.4, 0.17), (0.05, 0.25, 0.13), (0.5, 0.48, 0.2), (-0.1, 0.62, 0.1)):
        b.disc(dark(c, 0.3), x, y, r)


@kind(
    "egg, fried egg, omelette",
    "yellow",
    "kitchen",
    "runny yolk, Easter morning, sunny side up, what the hen laid, protein for breakfast",
)
def egg(b: Brush, c: Colour) -> None:
    for x, y, r in ((-0.3, 0.1, 0.6), (0.35, -0.1, 0.55), (0.1, 0.4, 0.5), (-0.1, -0.35, 0.5)):
        b.disc(dark(WHITE, 0.06), x, y + 0.05, r)
    for x, y, r in ((-0.3, 0.1, 0.56), (0.35, -0.1, 0.5), (0.1, 0.4, 0.46), (-0.1, -0.35, 0.46)):
        b.disc(WHITE, x, y, r)
    b.disc(c, 0, 0, 0.36)
    b.disc(light(c, 0.6), -0.12, -0.14, 0.09)


@kind(
    "bread, loaf, toast",
    "brown orange",
    "kitchen",
    "sourdough starters, the bakery at six, crumbs everywhere, kneading dough, gluten",
)
def bread(b: Brush, c: Colour) -> None:
    crust = dark(c, 0.15)
    b.box(crust, -0.7, -0.4, 0.7, 0.9, 0.1)
    for s in (-1, 1):
        b.disc(crust, s * 0.42, -0.42, 0.5, 0.42)
    b.box((246, 222, 170), -0.57, -0.35, 0.57, 0.77, 0.08)
    for s in (-1, 1):
        b.disc((246, 222, 170), s * 0.38, -0.4, 0.4, 0.3)


@kind(
    "cherry, cherries",
    "red",
    "kitchen meadow",
    "a pip to spit out, cough syrup, pie filling, double earrings, blossom in Kyoto",
)
def cherry(b: Brush, c: Colour) -> None:
    b.line(LEAF, 0.07, -0.45, 0.4, -0.1, -0.4, 0.25, -0.9)
    b.line(LEAF, 0.07, 0.5, 0.5, 0.4, -0.2, 0.25, -0.9)
    b.disc(LEAF, 0.58, -0.78, 0.34, 0.16)
    for x, y in ((-0.45, 0.5), (0.5, 0.58)):
        b.disc(c, x, y, 0.4)
        b.disc(light(c, 0.6), x - 0.13, y - 0.15, 0.09)


@kind(
    "watermelon, melon",
    "red",
    "kitchen sea meadow",
    "spitting seeds, a juicy picnic, green rind, summer refreshment, ninety per cent water",
)
def watermelon(b: Brush, c: Colour) -> None:
    b.pie((54, 130, 70), 0, -0.45, 1, 1.3, 0, 180)
    b.pie((226, 240, 200), 0, -0.45, 0.87, 1.14, 0, 180)
    b.pie(c, 0, -0.45, 0.79, 1.03, 0, 180)
    for x, y in ((-0.45, -0.2), (-0.15, -0.1), (0.15, -0.2), (0.45, -0.15), (-0.2, 0.2), (0.2, 0.2)):
        b.disc(INK, x, y, 0.05, 0.09)


@kind(
    "lemon, lime",
    "yellow",
    "kitchen",
    "a sour taste, scurvy, tequila and salt, zest, vinaigrette, when life gives you some",
)
def lemon(b: Brush, c: Colour) -> None:
    b.disc(c, 0, 0, 0.8, 0.6)
    b.disc(c, 0.82, 0, 0.16, 0.13)
    b.disc(c, -0.82, 0, 0.14, 0.11)
    b.disc(light(c, 0.6), -0.25, -0.25, 0.22, 0.1)
    b.disc(LEAF, -0.6, -0.62, 0.34, 0.13)
    for x, y in ((0.3, 0.2), (0.1, 0.35), (0.45, -0.05), (-0.2, 0.3)):
        b.disc(dark(c, 0.12), x, y, 0.04)


@kind(
    "cake, birthday cake, gateau",
    "pink brown white purple",
    "kitchen room",
    "turning thirty, another year older, frosting, a sugar rush, the diet starting tomorrow",
)
def cake(b: Brush, c: Colour) -> None:
    b.disc((226, 228, 234), 0, 0.86, 1, 0.12)
    b.box((232, 190, 136), -0.8, 0.1, 0.8, 0.85)
    b.box(WHITE, -0.8, 0.42, 0.8, 0.54)
    b.box(c, -0.85, 0, 0.85, 0.24, 0.1)
    for i in range(5):
        b.disc(c, -0.66 + 0.33 * i, 0.24, 0.14)
    for x in (-0.45, 0, 0.45):
        b.box((120, 180, 220), x - 0.05, -0.5, x + 0.05, 0)
        b.disc((250, 170, 50), x, -0.66, 0.08, 0.15)


@kind(
    "cup of coffee, espresso, latte",
    "red blue green white purple",
    "kitchen room",
    "caffeine, a barista, Monday mornings, roasted beans, the first sip, jitters",
)
def cup(b: Brush, c: Colour) -> None:
    b.arc(dark(c), 0.14, 0.65, 0.2, 0.35, 0.35, 0, 360)
    b.poly(c, -0.7, -0.3, 0.7, -0.3, 0.5, 0.9, -0.5, 0.9)
    b.disc(c, 0, 0.88, 0.5, 0.12)
    b.disc(light(c), 0, -0.3, 0.7, 0.17)
    b.disc((92, 58, 38), 0, -0.28, 0.58, 0.12)
    for x in (-0.3, 0.05, 0.4):
        b.arc((196, 196, 204), 0.05, x, -0.58, 0.08, 0.13, 90, 270)
        b.arc((196, 196, 204), 0.05, x, -0.83, 0.08, 0.13, 270, 90)


@kind(
    "wine, merlot, chardonnay",
    "red yellow",
    "kitchen room",
    "grapes, a vineyard in Tuscany, a sommelier, corkscrews, a good vintage, in vino veritas",
)
def wine(b: Brush, c: Colour) -> None:
    b.pie(GLASS, 0, -0.45, 0.52, 0.75, 0, 180)
    b.box(GLASS, -0.52, -1, 0.52, -0.44)
    b.pie(c, 0, -0.42, 0.44, 0.64, 0, 180)
    b.box(c, -0.44, -0.6, 0.44, -0.41)
    b.line(GLASS, 0.1, 0, 0.25, 0, 0.9)
    b.disc(GLASS, 0, 0.92, 0.45, 0.08)


@kind(
    "beer, lager, ale",
    "yellow orange brown",
    "kitchen room sea",
    "happy hour, foam, hops and barley, Oktoberfest, the local pub, last orders",
)
def beer(b: Brush, c: Colour) -> None:
    b.arc(GLASS, 0.14, 0.55, 0.2, 0.4, 0.42, 270, 90)
    b.box(c, -0.65, -0.5, 0.55, 0.95, 0.1)
    for x in (-0.4, -0.05, 0.3):
        b.box(light(c, 0.35), x - 0.06, -0.2, x + 0.06, 0.75, 0.05)
    for x, r in ((-0.5, 0.26), (-0.15, 0.32), (0.2, 0.3), (0.45, 0.22)):
        b.disc(WHITE, x, -0.6, r)
    b.box(WHITE, -0.65, -0.6, 0.55, -0.35)


@kind(
    "donut, doughnut",
    "pink brown purple",
    "kitchen city",
    "Homer Simpson, police breaks, glazed rings, sprinkles at work, a hole in the middle",
)
def donut(b: Brush, c: Colour) -> None:
    b.disc((222, 166, 96), 0, 0.05, 0.95)
    b.disc(c, 0, 0, 0.86)
    for i in range(10):
        a = math.tau * i / 10
        x, y = 0.58 * math.cos(a), 0.58 * math.sin(a)
        b.line(
            (WHITE, (250, 214, 90), (120, 200, 230))[i % 3],
            0.07,
            x,
            y,
            x + 0.12 * math.cos(3 * a),
            y + 0.12 * math.sin(3 * a),
        )
    b.disc((190, 134, 70), 0, 0, 0.32)
    b.disc(WHITE, 0, 0.03, 0.27)


@kind("popcorn", "red", "room", "a trip to the cinema, butter and salt, kernels, the trailers, a blockbuster premiere")
def popcorn(b: Brush, c: Colour) -> None:
    for x, y in (
        (-0.5, -0.4),
        (-0.2, -0.6),
        (0.15, -0.62),
        (0.5, -0.4),
        (0, -0.85),
        (-0.32, -0.3),
        (0.3, -0.3),
        (0, -0.35),
    ):
        b.disc((252, 240, 190), x, y, 0.22)
        b.disc((240, 206, 110), x + 0.05, y + 0.05, 0.07)
    for i in range(6):
        top, foot = -0.7 + i * 1.4 / 6, -0.5 + i / 6
        b.poly(WHITE if i % 2 else c, top, -0.2, top + 1.4 / 6, -0.2, foot + 1 / 6, 1, foot, 1)


@kind(
    "carrot, carrots",
    "orange",
    "kitchen meadow",
    "good eyesight, orange vegetables, beta carotene, a stick and a reward, soup season",
)
def carrot(b: Brush, c: Colour) -> None:
    for x in (-0.3, 0, 0.3):
        b.poly(LEAF, -0.1, -0.4, x - 0.12, -0.95, x + 0.12, -0.95, 0.1, -0.4)
    b.poly(c, -0.38, -0.4, 0.38, -0.4, 0.05, 1, -0.05, 1)
    b.disc(c, 0, -0.4, 0.38, 0.14)
    for y, s in ((-0.15, -1), (0.1, 1), (0.4, -1)):
        b.line(dark(c, 0.25), 0.05, s * (0.28 - y * 0.2), y, 0, y + 0.03)
