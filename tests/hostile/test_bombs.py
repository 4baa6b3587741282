"""Small files that unpack to large ones, and numbers without end."""

import gzip
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from ccd import config, protocol
from ccd.errors import CcdError
from collection import archive, files, pages
from model.encoders import packed
from model.encoders.precomputed import Precomputed


def test_a_gzip_file_of_one_endless_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MOST_LINE", 1 << 20)
    file = tmp_path / "a.jsonl.gz"
    with gzip.open(file, "wb") as stream:
        for _ in range(64):
            stream.write(b" " * (1 << 20))
    assert file.stat().st_size < 200_000
    with pytest.raises(CcdError, match="line 1: more than 1,048,576 bytes"):
        list(archive.read(file))


def test_a_document_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MOST_DOCUMENT", 1 << 20)
    file = tmp_path / "a.json.gz"
    with gzip.open(file, "wb") as stream:
        stream.write(b"[\n" + b'{"a": 1},\n' * 200_000)
    with pytest.raises(CcdError, match="document of more than"):
        list(archive.read(file))


def test_a_page_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "MOST_LINE", 1 << 10)
    (tmp_path / "000001.jsonl.gz").write_bytes(gzip.compress(b" " * 5000))
    with pytest.raises(CcdError, match="not a page"):
        pages.read(tmp_path / "000001.jsonl.gz")


def test_a_zip_of_arrays_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed, "MOST_UNPACKED", 1 << 20)
    np.savez_compressed(tmp_path / "a.npz", features=np.zeros((1000, 1000)), boxes=np.zeros((1000, 4)))
    with pytest.raises(CcdError, match="bytes when unpacked"):
        Precomputed(tmp_path)


def test_an_array_that_says_it_is_endless(tmp_path: Path) -> None:
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": "<f4", "fortran_order": False, "shape": (10**12, 10**3)})
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as stored:
        stored.writestr("features.npy", head.getvalue())
    with pytest.raises(CcdError, match="no regions"):
        Precomputed(tmp_path)


def test_an_hdf5_array_that_was_never_filled_or_lies_elsewhere(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "huge.h5", "w") as file:
        file.create_dataset("a/features", (10**9, 1000), "f4", chunks=(1000, 1000))
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["a"] = h5py.ExternalLink("huge.h5", "/a")
        file["b/features"] = h5py.ExternalLink("huge.h5", "/a/features")
    with h5py.File(tmp_path / "raw.h5", "w") as file:
        file.create_dataset("a/features", (4, 4), "f4", external=[("/etc/passwd", 0, 64)])
    for name in ("huge.h5", "raw.h5"):
        with pytest.raises(CcdError, match=r"limit|another file"):
            Precomputed(tmp_path / name)
    with pytest.raises(CcdError):
        Precomputed(tmp_path / "other.h5")


@pytest.mark.parametrize("value", ["9" * 5000, "1" + "0" * 400, "nan", "-inf", "-1", "[" * 2000, '"""'])
def test_numbers_and_depths_in_toml(value: str, tmp_path: Path) -> None:
    for entry in ("[x]\nprice_per_post", "[splits]\nseed", "[agreement]\nfastest_seconds"):
        (tmp_path / "campaign.toml").write_text(f'name = "t"\n{entry} = {value}\n')
        with pytest.raises(CcdError):
            config.read_config(tmp_path)
    with pytest.raises(CcdError):
        protocol.parse(f'name = "t"\nyear = {value}\n', "p.toml")
