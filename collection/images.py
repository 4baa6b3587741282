"""Photos: decoded fully before they are believed, then stored once under the hash of their content.

Only what shows the pixels is stored (ccd/files/stripping.py): no EXIF, XMP, IPTC, comments, or bytes after the end. A
photo that lies on its side is turned and encoded again, a JPEG with its own quantisation tables; AVIF and HEIC become
JPEG, or PNG where they have transparency. The pixels of any other photo stay as they are.
"""

import contextlib
import hashlib
import io
import threading
import warnings
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps, JpegImagePlugin

from ccd.errors import InputError
from ccd.files.atomic import is_being_written, write_atomic
from ccd.files.photo import MOST_BYTES, MOST_PIXELS, MOST_SCANS
from ccd.files.regular import open_regular
from ccd.files.stripping import stripped
from collection.records import Reason

MAX_BYTES = MOST_BYTES
MAX_PIXELS = MOST_PIXELS
_LARGE = 4_000_000  # pixels above which pictures are decoded one at a time, however many threads there are
_one_at_a_time = threading.Lock()
_ORIENTATION = 0x0112  # of EXIF; 1 is upright
_OTHERS = {b"avif": "AVIF", b"avis": "AVIF", b"heic": "HEIF", b"heix": "HEIF", b"mif1": "HEIF"}  # read, not stored
_SHOWN = ("icc_profile", "transparency", "gamma")  # what changes how the pixels look
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
    """Return the bytes of a photo on disk. Raises BadImage where there is none, or more than MAX_BYTES."""
    try:
        with open_regular(file) as stream:
            data = stream.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise BadImage(Reason.NOT_ON_DISK, f"{file} ({getattr(error, 'strerror', None) or error})") from None
    if len(data) > MAX_BYTES:
        raise BadImage(Reason.TOO_LARGE, f"{file}: more than {MAX_BYTES:,} bytes")
    return data


def verify(data: bytes) -> Picture:
    """Return the picture that is stored for these bytes. Raises BadImage as `prepare` does."""
    with warnings.catch_warnings(action="ignore"):  # sizes are checked, and metadata warnings do not matter
        return prepare(data)[0]


def prepare(data: bytes) -> tuple[Picture, bytes]:
    """Return a picture and its bytes to store: decoded fully, whatever its name says, without what a camera wrote.

    Raises BadImage where it is not a whole, still picture of at most MAX_PIXELS.
    Only `load()` finds a truncated JPEG; `Image.verify()` passes it.
    """
    image = _opened(data)
    with contextlib.ExitStack() as turn, image:
        width, height = image.size
        if width * height > MAX_PIXELS:
            raise BadImage(Reason.TOO_LARGE, f"{width} x {height} pixels, the limit is {MAX_PIXELS:,}")
        if image.format in ("JPEG", "MPO") and (scans := data.count(b"\xff\xda")) > MOST_SCANS:
            raise BadImage(Reason.TOO_LARGE, f"{scans:,} scans, the limit is {MOST_SCANS}")
        if width * height > _LARGE:
            turn.enter_context(_one_at_a_time)
        if image.format != "MPO" and getattr(image, "is_animated", False):  # MPO: a photo with its twin
            raise BadImage(Reason.ANIMATED, f"{image.format} with several frames")
        kind = "JPEG" if image.format == "MPO" else str(image.format)
        try:
            if kind == "JPEG" and _is_upright(image):  # every bit is read, an eighth of the pixels is painted
                image.draft(None, (max(1, width // 8), max(1, height // 8)))
            image.load()
            if kind in EXTENSION and _is_upright(image):  # PNG tells at the end too
                with contextlib.suppress(ValueError):
                    return _named(stripped(data), kind, (width, height))
                image = _opened(data)  # not the draft
                image.load()
            data, kind, size = _encoded_again(image, data)
            return _named(stripped(data), kind, size)
        except Exception as error:  # decoders raise whatever a hostile file makes them raise
            raise BadImage(Reason.BROKEN, f"{image.format}: {error}") from None


def _opened(data: bytes) -> Image.Image:
    """Return the picture, its header read. Raises BadImage where it is none that is read here."""
    other = _OTHERS.get(data[8:12]) if data[4:8] == b"ftyp" else None
    try:
        if other == "HEIF":
            from pillow_heif import register_heif_opener

            register_heif_opener()
        return Image.open(io.BytesIO(data), formats=[other] if other else tuple(EXTENSION))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise BadImage(Reason.TOO_LARGE, str(error)) from None
    except ImportError:
        raise BadImage(Reason.NOT_AN_IMAGE, "HEIC, which is read where pillow-heif is installed") from None
    except Exception as error:
        if data[4:8] == b"ftyp" and not other:
            raise BadImage(Reason.MOVING, "a video") from None
        kinds = "no JPEG, PNG, WebP, GIF, BMP, AVIF or HEIC"
        raise BadImage(Reason.NOT_AN_IMAGE, f"{kinds} ({type(error).__name__})") from None


def _named(data: bytes, kind: str, size: tuple[int, int]) -> tuple[Picture, bytes]:
    sha256 = hashlib.sha256(data).hexdigest()
    file = f"images/{sha256[:2]}/{sha256}.{EXTENSION[kind]}"
    return Picture(sha256, file, kind, *size, len(data)), data


def _is_upright(image: Image.Image) -> bool:
    try:
        return image.getexif().get(_ORIENTATION, 1) not in range(2, 9)
    except Exception:  # EXIF that cannot be read turns nothing
        return True


def _encoded_again(image: Image.Image, data: bytes) -> tuple[bytes, str, tuple[int, int]]:
    """Turn a loaded picture upright and return its bytes, their format, and its size."""
    try:
        upright = ImageOps.exif_transpose(image)
    except Exception:  # EXIF that cannot be read turns nothing
        upright = image.copy()
    upright.info = {key: image.info[key] for key in _SHOWN if key in image.info}
    kind = "JPEG" if image.format == "MPO" else str(image.format)
    if kind == "BMP" or (kind not in EXTENSION and upright.has_transparency_data):
        kind = "PNG"
    stream = io.BytesIO()
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        sampling = JpegImagePlugin.get_sampling(image)
        profile = upright.info.get("icc_profile")
        upright.save(stream, "JPEG", qtables=image.quantization, subsampling=sampling, icc_profile=profile)
    elif kind not in EXTENSION:
        kind = "JPEG"
        upright.convert("RGB").save(stream, kind, quality=95, icc_profile=upright.info.get("icc_profile"))
    else:
        upright.save(stream, kind, quality=95, lossless=b"VP8L" in data[:64])
    return stream.getvalue(), kind, upright.size


def hashes_before(data: bytes) -> set[str]:
    """Return the hashes under which earlier versions of this toolkit stored a photo: as it was, or encoded again.

    Collecting a photo again must find the pair that it has, whichever version collected it first.
    """
    found = {hashlib.sha256(data).hexdigest()}
    with contextlib.suppress(Exception), warnings.catch_warnings(action="ignore"), _opened(data) as image:
        image.load()
        again = _encoded_again(image, data)[0]
        found |= {hashlib.sha256(each).hexdigest() for each in (again, stripped(again))}
    return found


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
        raise InputError(f"{source}: changed while it was being collected; run again")
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
        if not is_being_written(part):
            part.unlink(missing_ok=True)
