"""Stripped pictures show the same pixels and hold nothing else, whatever was written into them."""

import functools
import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, PngImagePlugin

from ccd.files.photo import rendered
from ccd.files.stripping import icc, is_stripped, stripped

SECRET = b"SECRET-52.3N-bob@example.org"
MODES = {
    "JPEG": ("RGB", "L", "CMYK"),
    "PNG": ("RGB", "L", "RGBA", "LA", "P", "1", "I;16"),
    "GIF": ("P", "L"),
    "WEBP": ("RGB", "RGBA"),
}


def noise(mode: str, size: tuple[int, int]) -> Image.Image:
    values = np.random.default_rng(7).integers(0, 256, size[::-1])
    if mode == "I;16":
        return Image.fromarray((values * 257).astype(np.uint16))
    image = Image.fromarray(values.astype(np.uint8))
    return image if mode == "L" else image.convert("RGB").convert(mode)


@functools.cache  # a profile holds the second it was made in, and hypothesis wants the same file each time
def profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def hostile(kind: str, image: Image.Image, with_profile: bool, trailer: bytes) -> bytes:
    """The picture with the secret in every place that its format has for one."""
    exif = Image.Exif()
    exif[0x010E] = SECRET.decode()
    options: dict[str, object] = {"icc_profile": profile()} if with_profile and image.mode in ("RGB", "RGBA") else {}
    if kind == "PNG":
        texts = PngImagePlugin.PngInfo()
        texts.add_text("Author", SECRET.decode())
        texts.add_itxt("XML:com.adobe.xmp", SECRET.decode())
        texts.add(b"prVt", SECRET)
        options |= {"pnginfo": texts, "exif": exif}
    if kind == "GIF":
        options |= {"comment": SECRET}
    if kind == "JPEG":
        options |= {"comment": SECRET, "exif": exif}
    if kind == "WEBP":
        options |= {"exif": exif, "xmp": SECRET, "lossless": True}
    stream = io.BytesIO()
    image.save(stream, kind, **options)
    data = stream.getvalue()
    if kind == "JPEG":
        data = data[:2] + b"".join(_app(marker) for marker in (0xE1, 0xE2, 0xED, 0xEF, 0xFE)) + data[2:]
    return data + trailer


def _app(marker: int) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(SECRET) + 2) + SECRET


def pixels(data: bytes) -> tuple[str, bytes]:
    image = Image.open(io.BytesIO(data))
    return image.mode, rendered(image).tobytes()


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_pixels_stay_and_all_else_goes(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(sorted(MODES)))
    size = data.draw(st.tuples(st.integers(1, 40), st.integers(1, 40)))
    image = noise(data.draw(st.sampled_from(MODES[kind])), size)
    trailer = data.draw(st.sampled_from([b"", SECRET, b"\0" * 9 + SECRET, b"PK\x03\x04" + SECRET]))
    full = hostile(kind, image, data.draw(st.booleans()), trailer)
    clean = stripped(full)
    assert SECRET in full
    assert SECRET not in clean
    assert pixels(clean) == pixels(full)
    assert stripped(clean) == clean
    assert is_stripped(clean)
    assert not is_stripped(full)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(MODES)), st.data())
def test_a_damaged_file_is_stripped_or_refused(kind: str, data: st.DataObject) -> None:
    full = bytearray(hostile(kind, noise("L", (9, 9)).convert("RGB"), True, b""))
    for _ in range(data.draw(st.integers(1, 5))):
        full[data.draw(st.integers(0, len(full) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(full[: data.draw(st.integers(0, len(full)))])
    try:
        clean = stripped(cut)
    except ValueError:
        return
    assert stripped(clean) == clean


def test_bytes_after_the_compressed_pixels_of_a_png_go() -> None:
    stream = io.BytesIO()
    noise("L", (9, 9)).save(stream, "PNG")
    data = stream.getvalue()
    extra = struct.pack(">I", len(SECRET)) + b"IDAT" + SECRET + struct.pack(">I", zlib.crc32(b"IDAT" + SECRET))
    assert stripped(data[:-12] + extra + data[-12:]) == data


def test_a_profile_changes_colours_as_before_and_says_nothing() -> None:
    full = profile()
    clean = icc(full)
    assert b"desc" not in clean
    assert b"cprt" not in clean
    assert icc(clean) == clean
    image = noise("RGB", (8, 8))
    target = ImageCms.createProfile("LAB")
    seen = [ImageCms.profileToProfile(image, io.BytesIO(each), target, outputMode="LAB") for each in (full, clean)]
    assert seen[0] is not None
    assert seen[1] is not None
    assert seen[0].tobytes() == seen[1].tobytes()
    assert icc(b"no profile") == b""


@pytest.mark.parametrize("name", ["iptc.jpg", "comment.jpg", "text.png", "trailer.jpg", "comment.gif"])
def test_the_cases(name: str) -> None:
    file = Path(__file__).parents[4] / "shared" / "cases" / "pictures" / name
    if not file.exists():
        pytest.skip("../shared is absent")
    data = file.read_bytes()
    clean = stripped(data)
    assert not is_stripped(data)
    assert is_stripped(clean)
    assert pixels(clean) == pixels(data)
