"""Pictures that cost more than they look: refused by their header at every place that opens one."""

import io
import struct
import tracemalloc
import zlib
from pathlib import Path

import pytest
from PIL import Image

from ccd.files import photo
from ccd.release.verify import _picture
from ccd.splitting.near_duplicates import picture_hash
from collection import images
from collection.contact_sheet import _thumbnail
from model.encoders.photo import UnreadableImage, open_rgb
from tests.campaigns import small_campaign


def bomb_png(side: int = 40_000) -> bytes:
    """A PNG that says it has side x side pixels, and has the bytes of a few."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", side, side, 8, 6, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 10_000_000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def many_scans(number: int = 2_000) -> bytes:
    """A progressive JPEG whose last scan comes again and again: each goes over all pixels."""
    stream = io.BytesIO()
    Image.new("L", (64, 64), 128).save(stream, "JPEG", progressive=True)
    data = stream.getvalue()
    begin, end = data.rindex(b"\xff\xda"), data.rindex(b"\xff\xd9")
    return data[:end] + data[begin:end] * number + data[end:]


def script() -> bytes:
    """A PostScript file, which Pillow would give to Ghostscript."""
    return b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\nshowpage\n"


BOMBS = {"pixels": bomb_png(), "more pixels": bomb_png(12_000), "scans": many_scans(), "PostScript": script()}


@pytest.mark.parametrize("kind", BOMBS)
def test_every_place_that_opens_a_picture_refuses(kind: str, tmp_path: Path) -> None:
    data = BOMBS[kind]
    file = tmp_path / "a.png"
    file.write_bytes(data)
    campaign = small_campaign(tmp_path / "campaign")
    (campaign.folder / "images").mkdir(exist_ok=True)
    (campaign.folder / "images" / "a.png").write_bytes(data)
    tracemalloc.start()
    with pytest.raises(images.BadImage):  # collect, photos
        images.verify(data)
    with pytest.raises(OSError, match="no picture"):  # duplicates, split, split --check
        picture_hash(data)
    with pytest.raises(UnreadableImage):  # encode, explain, backend
        open_rgb(file, 224)
    with pytest.raises(Exception, match=r"limit|cannot identify"):  # review, feedback, release
        photo.opened(file)
    assert "no whole picture" in _picture(data)  # verify
    assert _thumbnail(campaign, "images/a.png") == ""  # the sheet of duplicates
    assert tracemalloc.get_traced_memory()[1] < 100_000_000
    tracemalloc.stop()


def test_a_photo_of_usual_size_is_a_photo() -> None:
    stream = io.BytesIO()
    Image.effect_noise((1200, 800), 60).save(stream, "JPEG", progressive=True)
    assert images.verify(stream.getvalue()).width == 1200
    with photo.opened(stream.getvalue()) as image:
        image.load()
