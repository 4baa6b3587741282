"""Photos that are shown: only the campaign's own, only whole ones, and never the bytes of the file."""

import hashlib
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ccd.errors import CcdError
from ccd.files import photo
from ccd.splitting.near_duplicates import picture_hash


def stored(folder: Path, data: bytes, name: str = "images/ab/one.jpg") -> tuple[str, str]:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return name, hashlib.sha256(data).hexdigest()


def jpeg(side: int = 64) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (side, side // 2), "red").save(buffer, "JPEG")
    return buffer.getvalue()


def test_a_photo_is_made_anew_and_no_larger_than_asked(tmp_path: Path) -> None:
    data = jpeg(2000) + b"<script>alert(1)</script>"
    made = photo.shown(tmp_path, *stored(tmp_path, data), 400)
    assert Image.open(io.BytesIO(made)).size == (400, 200)
    assert b"<script>" not in made


def saved(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def test_what_is_transparent_is_shown_on_white(tmp_path: Path) -> None:
    data = saved(Image.new("RGBA", (16, 16), (0, 0, 255, 0)))
    made = Image.open(io.BytesIO(photo.shown(tmp_path, *stored(tmp_path, data), 400)))
    assert made.getpixel((8, 8)) == (255, 255, 255)


def deep(value: int) -> Image.Image:
    return Image.fromarray(np.full((8, 8), value, np.uint16))


def palette() -> Image.Image:
    image = Image.new("P", (8, 8), 1)
    image.putpalette([0, 0, 0, 10, 200, 30])
    return image


def lying(colour: str) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    image = Image.new("RGB", (64, 32), "blue")
    image.paste(colour, (0, 0, 32, 32))
    return saved(image, "PNG", exif=exif)


@pytest.mark.parametrize(
    ("data", "size", "colour"),
    [
        (saved(Image.new("RGBA", (8, 8), (9, 9, 9, 0))), (8, 8), (255, 255, 255)),
        (saved(Image.new("RGBA", (8, 8), (0, 0, 0, 51))), (8, 8), (204, 204, 204)),
        (saved(Image.new("LA", (8, 8), (0, 0))), (8, 8), (255, 255, 255)),
        (saved(palette(), transparency=1), (8, 8), (255, 255, 255)),
        (saved(palette()), (8, 8), (10, 200, 30)),
        (saved(deep(0x8000)), (8, 8), (128, 128, 128)),
        (saved(deep(0xFFFF)), (8, 8), (255, 255, 255)),
        (saved(Image.new("1", (8, 8), 0)), (8, 8), (0, 0, 0)),
        (saved(Image.new("CMYK", (8, 8), (0, 0, 0, 255)), "JPEG"), (8, 8), (0, 0, 0)),
        (lying("red"), (32, 64), (255, 0, 0)),
    ],
)
def test_rendered_is_what_a_person_sees(data: bytes, size: tuple[int, int], colour: tuple[int, int, int]) -> None:
    made = photo.rendered(photo.opened(data))
    assert (made.mode, made.size, made.getpixel((1, 1))) == ("RGB", size, colour)


def test_pictures_that_look_different_are_hashed_differently() -> None:
    """Alpha alone says what they show: a dark shape on the left, and one on the right."""
    noise = np.random.default_rng(3).integers(0, 256, (64, 64), np.uint8)
    hashes = set()
    for half in (slice(0, 32), slice(32, 64)):
        layers = np.stack([noise, noise, noise, np.zeros_like(noise)], axis=-1)
        layers[:, half, 3] = 255
        hashes.add(picture_hash(saved(Image.fromarray(layers))))
    assert len(hashes) == 2


def test_a_picture_of_16_bits_is_hashed_as_its_twin_of_8() -> None:
    values = np.add.outer(np.arange(64), np.arange(64) * 2).astype(np.uint8) ^ np.eye(64, dtype=np.uint8) * 200
    twins = [Image.fromarray(values), Image.fromarray(values.astype(np.uint16) * 257)]
    hashes = [picture_hash(saved(image)) for image in twins]
    assert hashes[0] == hashes[1] != ""


@pytest.mark.parametrize(
    "file", ["../secret.jpg", "/etc/passwd", "campaign.toml", "images/../secret.jpg", "images/l.jpg"]
)
def test_a_path_outside_the_images_is_never_served(tmp_path: Path, file: str) -> None:
    folder = tmp_path / "campaign"
    _name, sha256 = stored(folder, jpeg())
    stored(tmp_path, jpeg(), "secret.jpg")
    stored(folder, jpeg(), "secret.jpg")
    stored(folder, jpeg(), "campaign.toml")
    (folder / "images" / "l.jpg").symlink_to(tmp_path / "secret.jpg")
    with pytest.raises(CcdError, match="is not in the campaign's images"):
        photo.shown(folder, file, sha256, 400)


@pytest.mark.parametrize("data", [b"", b"<svg xmlns='http://www.w3.org/2000/svg'/>", jpeg()[:300], b"GIF89a broken"])
def test_what_is_no_whole_picture_is_told(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(CcdError, match="cannot be shown"):
        photo.shown(tmp_path, *stored(tmp_path, data), 400)


def test_a_missing_and_a_changed_photo_are_told(tmp_path: Path) -> None:
    name, sha256 = stored(tmp_path, jpeg())
    with pytest.raises(CcdError, match="its hash differs"):
        photo.shown(tmp_path, name, "0" * 64, 400)
    (tmp_path / name).unlink()
    with pytest.raises(CcdError, match="cannot be read"):
        photo.shown(tmp_path, name, sha256, 400)
