"""Small files that unpack to large ones, and numbers without end."""

import gzip
import io
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ccd import protocol
from ccd.campaign import config
from ccd.campaign.campaign import Campaign
from ccd.campaign.config import Person
from ccd.campaign.gold_labels import aggregate_labels
from ccd.campaign.stored_split import split_campaign
from ccd.errors import CcdError
from ccd.files import parquet
from ccd.release import verify, write_release
from collection import archive, files, pages, table
from collection.records import Drop, Record
from collection.store import collect
from model.encoders import packed
from model.encoders.precomputed import Precomputed
from tests.ccd.build import campaign as judged_campaign

PEOPLE = tuple(Person(name, f"{name}@example.org") for name in ("ann", "bob", "cy"))
LABELS = ("irrelevant", "implicit", "explicit")


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


ONE_BY_ONE = """
import sys
from pathlib import Path
import pyarrow as pa
from benchmarks import peak_memory
from ccd.files import parquet
from ccd.release.verify import verify
from collection import table

parquet.MOST_BATCH = 32 << 20
kind, path = sys.argv[1], Path(sys.argv[2])
before = peak_memory()
if kind == "table":
    told = [entry.detail for entry in table.read(path)]
    told = [str(len(told)), *set(told)]
else:
    told = verify(path)
print(peak_memory() - before, pa.default_memory_pool().max_memory(), *told, sep="\\n")
"""


def repeated(text: str, times: int) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(np.zeros(times, np.int32)), [text])


def write_bomb(columns: dict[str, Any], file: Path) -> None:
    """What is repeated is stored once, in one row group."""
    pq.write_table(pa.table(columns), file, compression="zstd", store_schema=False, dictionary_pagesize_limit=1 << 24)
    assert file.stat().st_size < 30_000


def peaks(kind: str, path: Path) -> tuple[int, int, list[str]]:
    """How many bytes the process and Arrow held at most while `path` was read, and what was told."""
    command = [sys.executable, "-c", ONE_BY_ONE, kind, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    process, arrow, *told = done.stdout.splitlines()
    return int(process), int(arrow), told


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that is sound."""
    votes = {f"x:{n}:0": (LABELS[n % 3],) * 3 for n in range(12)}
    made = judged_campaign(tmp_path_factory.mktemp("release") / "judged", votes)
    aggregate_labels(made)
    split_campaign(made)
    return write_release(made, "v1").folder


@pytest.fixture
def opened_release(release: Path, tmp_path: Path) -> Path:
    """A copy to spoil."""
    return shutil.copytree(release, tmp_path / "v1")


def test_a_parquet_file_whose_footer_tells_that_it_is_endless(
    opened_release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "MOST", 1 << 20)
    zeros = pa.array(np.zeros(8_000_000, np.float32))
    features = pa.FixedSizeListArray.from_arrays(pa.FixedSizeListArray.from_arrays(zeros, 4), 2_000_000)
    row = {"image_id": ["a"], "text": ["t"], "image": ["a.jpg"], "features": features, "boxes": features}
    file = tmp_path / "a.parquet"
    pq.write_table(pa.table(row), file, compression="zstd")
    assert file.stat().st_size < 40_000
    held = pa.total_allocated_bytes()
    for read in (Precomputed, table.read):
        with pytest.raises(CcdError, match=r"a\.parquet: .* bytes that are 64,.* when unpacked"):
            list(read(file))  # type: ignore[operator]
    for name in ("judgments", "train"):
        shutil.copy(file, opened_release / f"{name}.parquet")
        told = [problem for problem in verify(opened_release) if f"{name}.parquet: " in problem]
        assert any("when unpacked" in problem for problem in told), told
    assert pa.total_allocated_bytes() == held


def test_a_parquet_table_that_has_one_long_text_again_and_again(tmp_path: Path) -> None:
    file = tmp_path / "t.parquet"
    write_bomb({"text": repeated("x" * (1 << 20), 600), "image": repeated("a.jpg", 600)}, file)
    process, arrow, told = peaks("table", file)
    assert told == ["600", "a cell of more than 131,072 characters"]
    assert arrow < 128 << 20, f"{arrow:,}"  # all at once they are 600 MiB
    assert process < 256 << 20, f"{process:,}"


def test_a_release_that_has_one_long_text_again_and_again(opened_release: Path) -> None:
    long = repeated("x" * (1 << 20), 600)
    for name in ("train", "judgments"):
        file = opened_release / f"{name}.parquet"
        names = pq.read_schema(file).names
        write_bomb({column: long if column == "label" else repeated("1", 600) for column in names}, file)
    process, arrow, problems = peaks("verify", opened_release)
    for told in ("train.parquet, row 1: differs", "judgments.parquet, row 1: 'xxx"):
        assert any(problem.startswith(told) for problem in problems)
    assert max(map(len, problems)) < 500
    assert arrow < 128 << 20, f"{arrow:,}"
    assert process < 256 << 20, f"{process:,}"


def test_of_a_parquet_table_only_what_is_needed_is_read(tmp_path: Path) -> None:
    """Lists of texts, of any size, do not matter, nor does what stands in other columns."""
    (tmp_path / "a.jpg").write_bytes(b"")
    columns = {"tags": [["a"] * 1000], "text": ["Look!"], "raw": ["r" * 200_000], "image": ["a.jpg"], "lang": ["en"]}
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    (found,) = table.read(tmp_path / "t.parquet")
    assert isinstance(found, Record)
    assert (found.text, found.lang) == ("Look!", "en")
    with parquet.opened(tmp_path / "t.parquet") as file, pytest.raises(ValueError, match="is in a list"):
        list(parquet.rows(file))


def test_an_archive_of_long_texts(tmp_path: Path) -> None:
    """Half a thousand posts are in memory at once, and a line of an archive may have 64 MiB."""
    long = {
        "id_str": "7",
        "full_text": "x" * 200_000,
        "extended_entities": {"media": [{"type": "photo", "id_str": "8"}]},
    }
    (tmp_path / "a.jsonl").write_text(json.dumps(long) + "\n")
    campaign = Campaign.create(tmp_path / "c", name="c", annotators=PEOPLE, adjudicators=())
    counts = collect(campaign, archive.read(tmp_path / "a.jsonl", None), "a")
    (example,) = counts.examples.values()
    assert (example.item, example.detail) == ("x:7", "a text of more than 131,072 characters")


def test_a_cell_without_end(tmp_path: Path) -> None:
    (tmp_path / "t.jsonl").write_text('{"text": "%s", "image": "a.jpg"}\n' % ("x" * 200_000))
    (found,) = table.read(tmp_path / "t.jsonl")
    assert isinstance(found, Drop)
    assert found.detail == "a cell of more than 131,072 characters"


def test_of_precomputed_regions_in_parquet_only_numbers_are_read(tmp_path: Path) -> None:
    box = [[0.0, 0.0, 1.0, 1.0]]
    columns = {"image_id": ["a"], "names": [["dog"] * 1000], "features": [[[1.0, 2.0]]], "boxes": [box]}
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    found = Precomputed(tmp_path / "a.parquet").prepare(tmp_path / "a.jpg")
    assert found.features.tolist() == [[1.0, 2.0]]
    for features in ([[["1.0", "2.0"]]], [[[1.0], [1.0, 2.0]]], [[[True]]], [["1.0"]]):
        pq.write_table(pa.table(columns | {"features": features}), tmp_path / "b.parquet")
        with pytest.raises(CcdError, match=r"holds texts|unequal length|where numbers are needed"):
            Precomputed(tmp_path / "b.parquet")


@pytest.mark.parametrize("value", ["9" * 5000, "1" + "0" * 400, "nan", "-inf", "-1", "[" * 2000, '"""'])
def test_numbers_and_depths_in_toml(value: str, tmp_path: Path) -> None:
    for entry in ("[x]\nprice_per_post", "[splits]\nseed", "[agreement]\nfastest_seconds"):
        (tmp_path / "campaign.toml").write_text(f'name = "t"\n{entry} = {value}\n')
        with pytest.raises(CcdError):
            config.read_config(tmp_path)
    with pytest.raises(CcdError):
        protocol.parse(f'name = "t"\nyear = {value}\n', "p.toml")
