"""Photos: decoded fully before they are believed, then stored once under the hash of their content."""

import hashlib
import io
import os
import warnings
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from ccd.campaign import write_atomic
from ccd.errors import CcdError
from collection.records import Reason

MAX_BYTES = 30_000_000
MAX_PIXELS = 50_000_000
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
        with file.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise BadImage(Reason.NOT_ON_DISK, f"{file} ({getattr(error, 'strerror', None) or error})") from None
    if len(data) > MAX_BYTES:
        raise BadImage(Reason.TOO_LARGE, f"{file}: more than {MAX_BYTES:,} bytes")
    return data


def verify(data: bytes) -> Picture:
    """Decode a picture fully, whatever its name says it is. Raises BadImage where it is not a whole, still picture.

    Only `load()` finds a truncated JPEG; `Image.verify()` passes it.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # sizes are checked here, and metadata warnings do not matter
        try:
            image = Image.open(io.BytesIO(data), formats=tuple(EXTENSION))
        except Image.DecompressionBombError as error:
            raise BadImage(Reason.TOO_LARGE, str(error)) from None
        except Exception as error:
            raise BadImage(Reason.NOT_AN_IMAGE, f"no JPEG, PNG, WebP, GIF or BMP ({type(error).__name__})") from None
        with image:
            width, height = image.size
            if width * height > MAX_PIXELS:
                raise BadImage(Reason.TOO_LARGE, f"{width} x {height} pixels, the limit is {MAX_PIXELS:,}")
            try:
                moving = image.format != "MPO" and getattr(image, "is_animated", False)  # MPO: a photo with its twin
                if not moving:
                    image.load()
            except Exception as error:  # decoders raise whatever a hostile file makes them raise
                raise BadImage(Reason.BROKEN, f"{image.format}: {error}") from None
    if moving:
        raise BadImage(Reason.ANIMATED, f"{image.format} with several frames")
    kind = "JPEG" if image.format == "MPO" else str(image.format)
    sha256 = hashlib.sha256(data).hexdigest()
    file = f"images/{sha256[:2]}/{sha256}.{EXTENSION[kind]}"
    return Picture(sha256, file, kind, width, height, len(data))


def store(folder: Path, picture: Picture, source: Path) -> None:
    """Copy the original bytes to their place in the campaign, whole or not at all; nothing to do where they are there.

    Raises CcdError where `source` is no longer what was verified.
    """
    place = folder / picture.file
    if place.exists() and place.stat().st_size == picture.bytes:
        return
    try:
        data = read(source)
    except BadImage:
        data = b""
    if hashlib.sha256(data).hexdigest() != picture.sha256:
        raise CcdError(f"{source}: changed while it was being collected; run again")
    place.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(place, data)


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
