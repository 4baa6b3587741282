"""Photos that are shown: only the campaign's own, only whole ones, and never the bytes of the file."""

import hashlib
import io
from pathlib import Path

import pytest
from PIL import Image

from ccd import photo
from ccd.errors import CcdError


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


def test_a_picture_with_transparency_stays_so(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.new("RGBA", (9, 9), (0, 0, 255, 90)).save(buffer, "PNG")
    made = Image.open(io.BytesIO(photo.shown(tmp_path, *stored(tmp_path, buffer.getvalue()), 400)))
    assert made.getpixel((0, 0)) == (0, 0, 255, 90)


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
