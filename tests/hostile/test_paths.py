"""Names and links that lead out of the folder, pipes that never end, shards that lie."""

import io
import json
import os
import shutil
import tarfile
from pathlib import Path

import pytest
from PIL import Image

from ccd.campaign.campaign import Campaign
from ccd.errors import CcdError
from ccd.release.images import Opened, inside
from ccd.release.refill import refill
from ccd.release.verify import verify
from collection import table
from collection.files import find_photo
from collection.images import BadImage, read
from collection.records import Drop, Reason, Record
from tests.hostile.targets import release_targets


def picture(file: Path) -> Path:
    Image.new("RGB", (8, 8)).save(file)
    return file


NAMES = ("../secret.png", "/etc/passwd", "images/../../secret.png", "a\0b.png", "", "x" * 5000, "..", None, ["a"])


@pytest.mark.parametrize("name", NAMES)
def test_a_release_names_its_own_files_only(name: object, tmp_path: Path) -> None:
    release = tmp_path / "release"
    release.mkdir()
    picture(tmp_path / "secret.png")
    with pytest.raises(OSError, match=r"no name of a file|name too long"):
        Opened(release).read(name)  # type: ignore[arg-type]


def test_a_windows_name_is_one_plain_name(tmp_path: Path) -> None:
    assert inside(tmp_path, "..\\..\\secret.png").parent == tmp_path


def test_a_pipe_is_no_image(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.png")
    with pytest.raises(OSError, match="no plain file"):
        Opened(tmp_path).read("a.png")
    with pytest.raises(BadImage):
        read(tmp_path / "a.png")
    (tmp_path / "MANIFEST.sha256").write_text(f"{'0' * 64}  a.png\n")
    assert any("a.png: no plain file" in line for line in verify(tmp_path))


def shard(file: Path, *members: tarfile.TarInfo) -> None:
    with tarfile.TarFile(file, "w") as tar:
        for member in members:
            tar.addfile(member, io.BytesIO(b"x" * member.size) if member.isreg() else None)


def link(name: str, to: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, to
    return member


def test_a_release_that_is_filled_writes_into_its_own_folder_and_brings_no_text(tmp_path: Path) -> None:
    release_targets(tmp_path)
    bare, made = next(tmp_path.rglob("bare")), Campaign.open(tmp_path / "judged")
    file = bare / "train.jsonl"
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    for image in (str(tmp_path / "escaped.png"), "../../escaped.png", "README.md"):
        told = [row | {"image": image, "text": "what the post never said"} for row in rows]
        file.write_text("".join(json.dumps(row) + "\n" for row in told))
        out = tmp_path / "out"
        refill(bare, out, made, {})
        assert list(tmp_path.rglob("escaped.png")) == []
        assert "never said" not in (out / "train.jsonl").read_text()
        assert verify(out) == []
        shutil.rmtree(out)


def test_links_in_a_shard_are_not_followed(tmp_path: Path) -> None:
    loop = [link("a.png", "b.png"), link("b.png", "a.png"), link("c.png", "/etc/passwd", tarfile.LNKTYPE)]
    shard(tmp_path / "train-00000.tar", *loop)
    for name in ("a.png", "b.png", "c.png", "none.png"):
        with pytest.raises(OSError, match=r"png"):
            Opened(tmp_path).read(f"train-00000.tar/{name}")


def test_a_member_of_endless_size_is_not_read(tmp_path: Path) -> None:
    big = tarfile.TarInfo("a.png")
    big.size = 1 << 40
    (tmp_path / "train-00000.tar").write_bytes(big.tobuf(tarfile.GNU_FORMAT) + b"\0" * 10240)
    with pytest.raises(OSError, match=r"too large|unexpected end"):
        Opened(tmp_path).read("train-00000.tar/a.png")


def test_a_table_fetches_no_file_that_a_link_leads_to(tmp_path: Path) -> None:
    folder = tmp_path / "archive"
    folder.mkdir()
    (folder / "a.png").symlink_to(picture(tmp_path / "secret.png"))
    picture(folder / "b.png")
    (folder / "t.csv").write_text("id,text,image\n1,a,a.png\n2,b,b.png\n3,c,../secret.png\n4,d,/etc/passwd\n")
    found = list(table.read(folder / "t.csv"))
    assert [each.reason if isinstance(each, Drop) else "kept" for each in found] == [
        Reason.OUTSIDE, "kept", Reason.OUTSIDE, Reason.OUTSIDE,
    ]  # fmt: skip
    assert isinstance(found[1], Record)
    assert find_photo(folder, post="1", index=0, url="https://h.example/a.png") is None
    assert find_photo(folder, post="1", index=0, url="https://h.example/b.png") == folder / "b.png"


def test_hydrating_publishes_no_file_that_a_link_leads_to(tmp_path: Path) -> None:
    from ccd.campaign.campaign import Campaign

    release_targets(tmp_path)
    made = Campaign.open(tmp_path / "judged")
    bare = tmp_path / "bare"
    shutil.copytree(made.folder / "releases" / "bare", bare)
    (bare / "judgments.parquet").unlink()
    (bare / "judgments.parquet").symlink_to("/etc/passwd")
    with pytest.raises(CcdError, match="is a link"):
        refill(bare, tmp_path / "filled", made, {})
    assert not (tmp_path / "filled").exists()
