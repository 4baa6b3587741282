"""Pictures of strangers: opened with bounds on what they may cost, and rendered as a person sees them.

Perceptual hashes, encoders, the review app, contact sheets and releases' examples all use `rendered`.
"""

import hashlib
import io
import warnings
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from ccd.errors import DataDamage, InputError
from ccd.files.regular import open_regular, read_regular

IMAGES = "images"
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP")  # what collection stores
MOST_PIXELS = 50_000_000
MOST_BYTES = 30_000_000
MOST_SCANS = 500  # of a JPEG: each may go over all pixels again and cost a hundred bytes; photos have about ten


def opened(source: Path | bytes) -> Image.Image:
    """Return a picture whose pixels can be decoded in bounded time and memory: its header is read, no pixel yet.

    Raises ValueError with the reason where it has more than MOST_PIXELS, MOST_BYTES or MOST_SCANS, and what Pillow
    raises where it is none of FORMATS.

    >>> opened(Path("photo.jpg")).size  # doctest: +SKIP
    (1024, 683)
    """
    if isinstance(source, Path):
        with open_regular(source) as file:
            source = file.read(MOST_BYTES + 1)
    if len(source) > MOST_BYTES:
        raise ValueError(f"more than {MOST_BYTES:,} bytes")
    image = Image.open(io.BytesIO(source), formats=FORMATS)
    width, height = image.size
    if width * height > MOST_PIXELS:
        raise ValueError(f"{width} x {height} pixels, the limit is {MOST_PIXELS:,}")
    if image.format in ("JPEG", "MPO") and (scans := source.count(b"\xff\xda")) > MOST_SCANS:
        raise ValueError(f"{scans:,} scans, the limit is {MOST_SCANS}")
    return image


def rendered(image: Image.Image) -> Image.Image:
    """Return the opened picture as a person sees it: RGB, upright, on white where it is transparent.

    The first of its frames. Grey values of 16 bits are scaled to 8; CMYK and palettes become RGB. Raises what Pillow
    raises for broken pixels.

    >>> rendered(Image.new("RGBA", (1, 1), (255, 0, 0, 0))).getpixel((0, 0))
    (255, 255, 255)
    """
    image.load()
    try:
        upright = ImageOps.exif_transpose(image)
    except Exception:  # EXIF that cannot be read turns nothing
        upright = image
    if upright.mode.startswith("I"):
        upright = _eight_bits(upright)
    if not upright.has_transparency_data:
        return upright.convert("RGB")
    layer = upright.convert("RGBA")
    white = Image.new("RGB", layer.size, "white")
    white.paste(layer, mask=layer.getchannel("A"))
    return white


def _eight_bits(image: Image.Image) -> Image.Image:
    """Return a grey picture of 16 bits in 8; the one value that is transparent, if any, in white."""
    values = np.asarray(image).astype(np.int64)
    grey = (values.clip(0, 65_535) + 128) // 257
    clear = image.info.get("transparency")
    if isinstance(clear, int):
        grey[values == clear] = 255
    return Image.fromarray(grey.astype(np.uint8))


def shown(folder: Path, file: str, sha256: str, side: int) -> bytes:
    """Return the photo of the campaign in `folder` as a JPEG of at most `side` pixels a side.

    `file` and `sha256` as the table `images` has them. What is sent on is encoded here, never the bytes of the file.
    Raises CcdError with the reason where the file is not in `images/`, is missing, is not the one that was stored, or
    is no whole picture.

    >>> shown(campaign.folder, "images/ab/ab12….jpg", "ab12…", 1600)  # doctest: +SKIP
    """
    path = folder / file
    home = (folder / IMAGES).resolve()
    if not path.resolve().is_relative_to(home):
        raise InputError(f"{file}: is not in the campaign's images, and is not shown; see `ccd doctor`")
    try:
        data = read_regular(path, MOST_BYTES)
    except OSError as error:
        raise DataDamage(f"{file}: cannot be read ({error.strerror}); restore it or collect it again") from None
    if hashlib.sha256(data).hexdigest() != sha256:
        raise DataDamage(f"{file}: is not the photo that was stored (its hash differs); restore it or collect it again")
    try:
        with warnings.catch_warnings(action="ignore"):
            return _made_anew(data, side)
    except Exception as error:  # decoders raise whatever they like
        raise DataDamage(f"{file}: cannot be shown ({type(error).__name__}); restore it or collect it again") from None


def _made_anew(data: bytes, side: int) -> bytes:
    image = opened(data)
    image.draft("RGB", (side, side))  # a JPEG is decoded at the size that is needed
    picture = rendered(image)
    picture.thumbnail((side, side))
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=88)
    return buffer.getvalue()
