"""Feelings: how a face shows them, and how a text does."""

from collection.world.brush import INK, WHITE, Brush, Colour, dark

# Feelings of one row are near each other; feelings of two rows never match.
PLEASANT = ("happy", "loving", "peaceful")
UNPLEASANT = ("sad", "angry", "scared")
FEELINGS = PLEASANT + UNPLEASANT
SKINS = ("yellow", "orange", "pink", "green", "blue", "purple")

PHRASES = {
    "happy": (
        "Best day in ages", "I cannot stop laughing", "Over here dancing on my own", "What a time to be alive",
        "Pure joy", "Everything is going my way", "So excited I could scream", "Yes yes yes",
    ),
    "loving": (
        "I adore you all", "Missing my better half", "Butterflies in my stomach", "Love wins again",
        "My soulmate is the best", "Hugs and kisses", "Falling for you more every day", "Smitten",
    ),
    "peaceful": (
        "Not a care in the world", "Deep breaths and nothing to do", "Serenity at last", "So relaxed I might doze off",
        "Blissfully quiet", "Perfectly content", "Zen mode", "At peace with everything",
    ),
    "sad": (
        "I could cry", "Feeling so low tonight", "My spirits are broken", "Lonely again", "Down all day",
        "I miss how it was", "Nothing feels right any more", "Grief is a strange guest",
    ),
    "angry": (
        "I am furious", "This makes my blood boil", "How dare they", "Absolutely livid", "Fed up with all of you",
        "I want to speak to the manager", "Worst service ever", "Rage is all I have left",
    ),
    "scared": (
        "I am terrified", "Shaking all over", "Please tell me it is nothing", "Too nervous to look",
        "Panic mode", "My hands will not stop trembling", "I have a bad feeling", "Send help",
    ),
}  # fmt: skip


def draw_face(b: Brush, c: Colour, feeling: str) -> None:
    """A round face with one of FEELINGS."""
    b.disc(dark(c, 0.25), 0, 0, 1)
    b.disc(c, 0, 0, 0.93)
    _FACES[feeling](b, c)


def _happy(b: Brush, c: Colour) -> None:
    for s in (-1, 1):
        b.arc(INK, 0.1, s * 0.38, -0.2, 0.18, 0.2, 190, 350)
    b.pie((120, 40, 50), 0, 0.12, 0.58, 0.58, 0, 180)
    b.box(WHITE, -0.46, 0.12, 0.46, 0.24)


def _loving(b: Brush, c: Colour) -> None:
    for s in (-1, 1):
        x = s * 0.4
        for t in (-1, 1):
            b.disc((222, 50, 70), x + t * 0.12, -0.28, 0.15)
        b.poly((222, 50, 70), x - 0.26, -0.23, x + 0.26, -0.23, x, 0.08)
    b.arc(INK, 0.1, 0, 0.2, 0.45, 0.4, 15, 165)


def _peaceful(b: Brush, c: Colour) -> None:
    for s in (-1, 1):
        b.arc(INK, 0.1, s * 0.4, -0.2, 0.2, 0.15, 10, 170)
        b.disc((240, 130, 130), s * 0.62, 0.15, 0.15, 0.1)
    b.arc(INK, 0.1, 0, 0.2, 0.3, 0.22, 20, 160)


def _sad(b: Brush, c: Colour) -> None:
    for s in (-1, 1):
        b.disc(INK, s * 0.36, -0.12, 0.11)
        b.line(INK, 0.08, s * 0.2, -0.5, s * 0.58, -0.34)
    b.arc(INK, 0.1, 0, 0.68, 0.4, 0.32, 200, 340)
    b.disc((90, 170, 240), -0.45, 0.3, 0.13, 0.24)


def _angry(b: Brush, c: Colour) -> None:
    for s in (-1, 1):
        b.disc(INK, s * 0.36, -0.05, 0.12)
        b.line(INK, 0.13, s * 0.12, -0.2, s * 0.62, -0.48)
    b.box(INK, -0.42, 0.36, 0.42, 0.62, 0.1)
    for x in (-0.28, -0.09, 0.1, 0.29):
        b.box(WHITE, x - 0.07, 0.4, x + 0.06, 0.58)


def _scared(b: Brush, c: Colour) -> None:
    for s in (-1, 1):
        b.disc(WHITE, s * 0.36, -0.2, 0.27, 0.3)
        b.disc(INK, s * 0.36, -0.2, 0.08)
        b.line(INK, 0.06, s * 0.2, -0.68, s * 0.55, -0.6)
    b.disc((110, 36, 46), 0, 0.5, 0.24, 0.32)


_FACES = {
    "happy": _happy,
    "loving": _loving,
    "peaceful": _peaceful,
    "sad": _sad,
    "angry": _angry,
    "scared": _scared,
}
