"""Photos: decoded fully before they are believed, then stored once under the hash of their content.

What a camera wrote into a photo (EXIF with the place, XMP) is not kept: such a photo is turned as its orientation says
and encoded again, a JPEG with its own quantisation tables. Any other photo keeps its bytes.
"""

import contextlib
import errno
import hashlib
import io
import os
import threading
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps, JpegImagePlugin

from ccd.campaign import write_atomic
from ccd.errors import CcdError
from ccd.photo import MOST_BYTES, MOST_PIXELS, MOST_SCANS
from collection.records import Reason

MAX_BYTES = MOST_BYTES
MAX_PIXELS = MOST_PIXELS
_LARGE = 4_000_000  # pixels above which pictures are decoded one at a time, however many threads there are
_one_at_a_time = threading.Lock()
_WRITTEN = ("exif", "xmp", "XML:com.adobe.xmp", "Raw profile type exif")
_SHOWN = ("icc_profile", "transparency", "gamma")  # what changes how the pixels look
_STILL_BOXES = (b"avif", b"avis", b"heic", b"heix", b"mif1")  # of the files with boxes, as videos have
EXTENSION = {"JPEG": "jpg", "PNG": "png", "WEBP": "webp", "GIF": "gif", "BMP": "bmp"}


class BadImage(ValueError):
    """A photo that cannot be shown; `reason` is a drop reason."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


@dataclass(frozen=True)
class Picture:
    """One row of the table `images`."""

    sha256: str
    file: str  # relative to the campaign folder
    format: str
    width: int  # pixels
    height: int
    bytes: int


def read(file: Path) -> bytes:
    """The bytes of a photo on disk. Raises BadImage where there is none, or more than MAX_BYTES."""
    try:
        if not file.is_file():  # a pipe would be waited for
            raise FileNotFoundError(errno.ENOENT, "no such file")
        with file.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise BadImage(Reason.NOT_ON_DISK, f"{file} ({getattr(error, 'strerror', None) or error})") from None
    if len(data) > MAX_BYTES:
        raise BadImage(Reason.TOO_LARGE, f"{file}: more than {MAX_BYTES:,} bytes")
    return data


def verify(data: bytes) -> Picture:
    """The picture that is stored for these bytes. Raises BadImage as `prepare` does."""
    with warnings.catch_warnings(action="ignore"):  # sizes are checked, and metadata warnings do not matter
        return prepare(data)[0]


def prepare(data: bytes) -> tuple[Picture, bytes]:
    """A picture and its bytes to store: decoded fully, whatever its name says it is, without what a camera wrote.

    Raises BadImage where it is not a whole, still picture of at most MAX_PIXELS.
    Only `load()` finds a truncated JPEG; `Image.verify()` passes it.
    """
    try:
        image = Image.open(io.BytesIO(data), formats=tuple(EXTENSION))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise BadImage(Reason.TOO_LARGE, str(error)) from None
    except Exception as error:
        if data[4:8] == b"ftyp" and data[8:12] not in _STILL_BOXES:
            raise BadImage(Reason.MOVING, "a video") from None
        raise BadImage(Reason.NOT_AN_IMAGE, f"no JPEG, PNG, WebP, GIF or BMP ({type(error).__name__})") from None
    with contextlib.ExitStack() as turn, image:
        width, height = image.size
        if width * height > MAX_PIXELS:
            raise BadImage(Reason.TOO_LARGE, f"{width} x {height} pixels, the limit is {MAX_PIXELS:,}")
        if image.format in ("JPEG", "MPO") and (scans := data.count(b"\xff\xda")) > MOST_SCANS:
            raise BadImage(Reason.TOO_LARGE, f"{scans:,} scans, the limit is {MOST_SCANS}")
        if width * height > _LARGE:
            turn.enter_context(_one_at_a_time)
        try:
            twins = image.format == "MPO"  # a photo with its twin
            moving = not twins and getattr(image, "is_animated", False)
            written = twins or any(key in image.info for key in _WRITTEN)
            if image.format == "JPEG" and not written:  # every bit is read, an eighth of the pixels is painted
                image.draft(None, (max(1, width // 8), max(1, height // 8)))
            if not moving:
                image.load()
                if written or any(key in image.info for key in _WRITTEN):  # PNG tells at the end too
                    data, (width, height) = _encoded_again(image)
        except Exception as error:  # decoders raise whatever a hostile file makes them raise
            raise BadImage(Reason.BROKEN, f"{image.format}: {error}") from None
    if moving:
        raise BadImage(Reason.ANIMATED, f"{image.format} with several frames")
    kind = "JPEG" if image.format == "MPO" else str(image.format)
    sha256 = hashlib.sha256(data).hexdigest()
    file = f"images/{sha256[:2]}/{sha256}.{EXTENSION[kind]}"
    return Picture(sha256, file, kind, width, height, len(data)), data


def _encoded_again(image: Any) -> tuple[bytes, tuple[int, int]]:
    """A loaded picture upright and without metadata, and its size."""
    try:
        upright = ImageOps.exif_transpose(image)
    except Exception:  # EXIF that cannot be read turns nothing
        upright = image.copy()
    upright.info = {key: image.info[key] for key in _SHOWN if key in image.info}
    stream = io.BytesIO()
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        sampling = JpegImagePlugin.get_sampling(image)
        options = {
            "qtables": image.quantization,
            "subsampling": sampling,
            "icc_profile": upright.info.get("icc_profile"),
        }
        upright.save(stream, "JPEG", **options)
    else:
        upright.save(stream, image.format, quality=95)
    return stream.getvalue(), upright.size


def store(folder: Path, picture: Picture, source: Path) -> None:
    """Put a photo of this disk in its place in the campaign, whole or not at all; nothing to do where it is there.

    Raises CcdError where `source` is no longer what was verified.
    """
    if _is_there(folder, picture):
        return
    try:
        data = read(source)
        if hashlib.sha256(data).hexdigest() != picture.sha256:
            with warnings.catch_warnings(action="ignore"):
                _, data = prepare(data)
    except BadImage:
        data = b""
    if hashlib.sha256(data).hexdigest() != picture.sha256:
        raise CcdError(f"{source}: changed while it was being collected; run again")
    put(folder, picture, data)


def put(folder: Path, picture: Picture, data: bytes) -> None:
    """Write the bytes of a prepared picture, whole or not at all; nothing to do where they are there."""
    if not _is_there(folder, picture):
        place = folder / picture.file
        place.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(place, data)


def _is_there(folder: Path, picture: Picture) -> bool:
    place = folder / picture.file
    return place.exists() and place.stat().st_size == picture.bytes


def sweep(folder: Path) -> None:
    """Remove the unfinished files of processes that were killed."""
    for part in folder.glob("images/*/.*.part"):
        process = part.name.rsplit(".", 2)[1]
        if not process.isdigit() or not _runs(int(process)):
            part.unlink(missing_ok=True)


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True
