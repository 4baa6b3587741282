"""Photos are believed only when they were decoded to the end."""

import hashlib
import io
import os
import struct
import subprocess
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from PIL import Image, PngImagePlugin

from ccd.campaign.campaign import Campaign
from ccd.campaign.tables import schema
from ccd.errors import CcdError
from collection import images, store
from collection.records import Photo, Reason, Record


def encoded(kind: str, size: tuple[int, int] = (40, 30), **options: Any) -> bytes:
    data = io.BytesIO()
    Image.effect_noise(size, 80).convert("RGB").save(data, kind, **options)
    return data.getvalue()


def claims_to_be(width: int, height: int) -> bytes:
    """A PNG whose header promises many pixels."""
    head = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    end = struct.pack(">I", 0) + b"IEND" + struct.pack(">I", zlib.crc32(b"IEND"))
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head)) + end


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP"])
def test_still_pictures_are_read_by_content(kind: str) -> None:
    data = encoded(kind)
    picture = images.verify(data)
    sha256 = hashlib.sha256(data).hexdigest()
    assert (picture.format, picture.width, picture.height, picture.bytes) == (kind, 40, 30, len(data))
    assert picture.sha256 == sha256
    assert picture.file == f"images/{sha256[:2]}/{sha256}.{images.EXTENSION[kind]}"


def test_two_photos_in_one_jpeg_are_a_photo() -> None:
    data = encoded("MPO", save_all=True, append_images=[Image.new("RGB", (40, 30))])
    assert images.verify(data).format == "JPEG"


frames: dict[str, Any] = {"save_all": True, "append_images": [Image.new("RGB", (40, 30), "red")]}


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", Reason.NOT_AN_IMAGE),
        (b"<html>not found</html>", Reason.NOT_AN_IMAGE),
        (encoded("TIFF"), Reason.NOT_AN_IMAGE),
        (encoded("JPEG")[:-300], Reason.BROKEN),
        (encoded("PNG")[:-300], Reason.BROKEN),
        (encoded("GIF", **frames), Reason.ANIMATED),
        (encoded("WEBP", **frames), Reason.ANIMATED),
        (encoded("PNG", **frames), Reason.ANIMATED),
        (claims_to_be(8_000, 8_000), Reason.TOO_LARGE),
        (claims_to_be(12_000, 12_000), Reason.TOO_LARGE),
        (claims_to_be(60_000, 60_000), Reason.TOO_LARGE),
    ],
)
def test_what_cannot_be_shown_is_refused_with_its_reason(data: bytes, reason: Reason) -> None:
    with pytest.raises(images.BadImage) as error:
        images.verify(data)
    assert error.value.reason == reason


def test_absent_and_huge_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(images.BadImage, match="not on disk"):
        images.read(tmp_path / "none.jpg")
    with pytest.raises(images.BadImage, match="not on disk"):
        images.read(tmp_path)
    (tmp_path / "big.jpg").write_bytes(b"x" * 101)
    monkeypatch.setattr(images, "MAX_BYTES", 100)
    with pytest.raises(images.BadImage, match="too large"):
        images.read(tmp_path / "big.jpg")


def test_storing_keeps_the_bytes_and_mends_a_torn_copy(tmp_path: Path) -> None:
    source = tmp_path / "photo.png"
    source.write_bytes(encoded("PNG"))
    picture = images.verify(source.read_bytes())
    for _ in range(2):
        images.store(tmp_path, picture, source)
        assert (tmp_path / picture.file).read_bytes() == source.read_bytes()
        (tmp_path / picture.file).write_bytes(b"torn")
    source.write_bytes(b"other")
    with pytest.raises(CcdError, match="changed while"):
        images.store(tmp_path, picture, source)


def test_sweeping_takes_only_what_dead_processes_left(tmp_path: Path) -> None:
    dead = subprocess.Popen(["true"])
    dead.wait()
    folder = tmp_path / "images" / "ab"
    folder.mkdir(parents=True)
    for process in (dead.pid, os.getpid()):
        (folder / f".ab12.jpg.{process}.part").touch()
    (folder / "ab12.jpg").touch()
    images.sweep(tmp_path)
    assert {f.name for f in folder.iterdir()} == {f".ab12.jpg.{os.getpid()}.part", "ab12.jpg"}


def photographed(kind: str, **exif: Any) -> bytes:
    """A picture, left half red, lying on its side as cameras store them, with the place where it was taken."""
    written = Image.Exif()
    written[0x0112] = 6  # orientation: turn by 90 degrees to the right
    written[0x8825] = {1: "N", 2: (52.0, 31.0, 12.0)}  # GPS
    image = Image.new("RGB", (64, 32), "blue")
    image.paste("red", (0, 0, 32, 32))
    data = io.BytesIO()
    image.save(data, kind, exif=written, **exif)
    return data.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "MPO"])
def test_photos_stand_upright_and_do_not_tell_where_they_were_taken(kind: str, tmp_path: Path) -> None:
    options: dict[str, Any] = frames if kind == "MPO" else {}
    source = tmp_path / "photo"
    source.write_bytes(photographed(kind, **options))
    assert b"GPS" in source.read_bytes() or Image.open(source).getexif().get_ifd(0x8825)
    picture = images.verify(source.read_bytes())
    assert (picture.width, picture.height) == (32, 64)
    images.store(tmp_path, picture, source)
    stored = (tmp_path / picture.file).read_bytes()
    assert hashlib.sha256(stored).hexdigest() == picture.sha256
    with Image.open(io.BytesIO(stored)) as image:
        assert not image.getexif()
        assert not {"exif", "xmp"} & image.info.keys()
        top, bottom = (image.convert("RGB").getpixel((16, y)) for y in (10, 54))
        assert isinstance(top, tuple)
        assert isinstance(bottom, tuple)
        assert top[0] > 200 > 60 > top[2]
        assert bottom[2] > 200 > 60 > bottom[0]
    assert images.prepare(stored) == (picture, stored)


def test_a_video_is_named_as_one() -> None:
    with pytest.raises(images.BadImage) as error:
        images.verify(b"\0\0\0\x20ftypisom" + bytes(64))
    assert error.value.reason == Reason.MOVING


def test_an_avif_becomes_a_picture_that_all_readers_know() -> None:
    opaque, clear = (images.prepare(encoded_as(mode, "AVIF"))[0] for mode in ("RGB", "RGBA"))
    assert (opaque.format, clear.format) == ("JPEG", "PNG")


def encoded_as(mode: str, kind: str) -> bytes:
    data = io.BytesIO()
    Image.new(mode, (40, 30)).save(data, kind)
    return data.getvalue()


def test_a_heic_is_read_where_pillow_heif_is_and_else_named() -> None:
    try:
        from pillow_heif import register_heif_opener
    except ImportError:
        with pytest.raises(images.BadImage, match="pillow-heif"):
            images.prepare(b"\0\0\0\x18ftypheic" + bytes(40))
    else:
        register_heif_opener()
        assert images.prepare(encoded_as("RGB", "HEIF"))[0].format == "JPEG"


def test_a_photo_is_found_again_that_an_earlier_version_stored_with_its_metadata(
    campaign: Campaign, paint: Callable[..., Path]
) -> None:
    """The database names the photo by the hash of all its bytes, comment and all, as versions before this one did."""
    photo = paint("a.png", 60)
    noted = PngImagePlugin.PngInfo()
    noted.add_text("Author", "Bob")
    Image.open(photo).save(photo, pnginfo=noted)
    records = [Record("x:1", "One post about a mural", None, "en", (Photo(0, photo),), "line 1")]
    store.collect(campaign, records, "t.csv")
    old = hashlib.sha256(photo.read_bytes()).hexdigest()
    with campaign.write() as db:
        picture = dict(db.execute(sa.select(schema.images)).mappings().one())
        db.execute(schema.images.insert().values(picture | {"sha256": old}))
        db.execute(schema.pairs.update().values(image=old))
        db.execute(schema.images.delete().where(schema.images.c.sha256 != old))
    again = store.collect(campaign, records, "t.csv")
    assert (again.known, again.dropped) == (1, {})
