"""Regions that others computed, in every form; and regions by a detector's names."""

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from ccd.errors import CcdError
from model.encoders import region_encoder, word_encoder
from model.encoders.photo import UnreadableImage

BOXES = np.array([[0, 0, 20, 10], [10, 5, 40, 20]], np.float32)  # pixels of 40 x 20
RELATIVE = BOXES / [40, 20, 40, 20]
FEATURES = np.arange(6, dtype=np.float32).reshape(2, 3)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    Image.new("RGB", (40, 20)).save(tmp_path / "cat.png")
    return tmp_path / "cat.png"


def write_tsv(folder: Path) -> str:
    def packed(array: Any) -> str:
        return base64.b64encode(array.tobytes()).decode()

    rows = [f"{name}\t40\t20\t2\t{packed(BOXES)}\t{packed(FEATURES)}\n" for name in ("dog", "cat")]
    (folder / "f.tsv").write_text("".join(rows))
    return "f.tsv"


def write_npz(folder: Path) -> str:
    (folder / "npz").mkdir()
    np.savez(folder / "npz" / "cat.npz", x=FEATURES, bbox=BOXES)
    return "npz"


def write_hdf5(folder: Path) -> str:
    h5py = pytest.importorskip("h5py")
    with h5py.File(folder / "f.h5", "w") as file:
        file["cat/features"], file["cat/boxes"] = FEATURES, RELATIVE
    return "f.h5"


def write_parquet(folder: Path) -> str:
    row = {"image_id": "cat", "features": FEATURES.tolist(), "boxes": BOXES.tolist()}
    pd.DataFrame([row]).to_parquet(folder / "f.parquet")
    return "f.parquet"


@pytest.mark.parametrize("write", [write_tsv, write_npz, write_hdf5, write_parquet])
def test_every_form_is_read(write: Any, tmp_path: Path, photo: Path) -> None:
    encoder = region_encoder(f"precomputed:{write(tmp_path)}", tmp_path)
    assert encoder.width == 3
    (found,) = encoder.encode([encoder.prepare(photo)])
    np.testing.assert_array_equal(found.features, FEATURES)  # no scores: as the file has them
    np.testing.assert_allclose(found.boxes, RELATIVE)
    with pytest.raises(UnreadableImage, match="has no regions of bird"):
        encoder.prepare(tmp_path / "bird.png")


def test_scores_sort_and_36_are_kept(tmp_path: Path, photo: Path) -> None:
    (tmp_path / "npz").mkdir()
    features = np.arange(40, dtype=np.float32)[:, None]
    np.savez(tmp_path / "npz" / "cat.npz", features=features, boxes=np.zeros((40, 4)), scores=features[:, 0])
    encoder = region_encoder("precomputed:npz", tmp_path)
    assert encoder.prepare(photo).features[:, 0].tolist() == list(range(39, 3, -1))


def test_a_changed_file_is_another_encoder(tmp_path: Path) -> None:
    line = f"precomputed:{write_tsv(tmp_path)}"
    before = region_encoder(line, tmp_path).fingerprint
    (tmp_path / "f.tsv").write_text((tmp_path / "f.tsv").read_text().replace("dog", "doggy"))
    assert region_encoder(line, tmp_path).fingerprint != before


@pytest.mark.parametrize(
    ("name", "data"),
    [("f.tsv", b""), ("f.tsv", b"cat\tx\n"), ("f.parquet", b"x"), ("f.h5", b"x"), ("f.csv", b"x"), ("npz", None)],
)
def test_a_wrong_file_is_told(name: str, data: bytes | None, tmp_path: Path) -> None:
    if data is None:
        (tmp_path / name).mkdir()
    else:
        (tmp_path / name).write_bytes(data)
    with pytest.raises(CcdError, match="no regions in a form that is known"):
        region_encoder(f"precomputed:{name}", tmp_path)


def test_names_lie_where_the_words_lie(tmp_path: Path) -> None:
    seen = [
        {"box": [0, 0, 0.5, 1], "name": "red cat", "score": 0.2},
        {"box": [0, 0, 1, 1], "name": "dog", "score": 0.9},
    ]
    lines = [{"image": "images/cat.png", "detections": seen}, {"image": "bird.png", "detections": []}]
    (tmp_path / "d.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    encoder = region_encoder("names:d.jsonl", tmp_path, "light")
    words = word_encoder("light")
    assert (encoder.space, encoder.width) == (words.space, words.width)
    cat, bird = encoder.encode([encoder.prepare(Path(name)) for name in ("x/cat.jpg", "bird.png")])
    (expected,) = words.encode(["dog red cat"])
    np.testing.assert_allclose(cat.features[0], expected.features[0])
    np.testing.assert_allclose(cat.features[1], expected.features[1:].mean(0), atol=1e-7)
    assert cat.scores.tolist() == pytest.approx([0.9, 0.2])
    assert bird.features.shape == (0, words.width)
    with pytest.raises(UnreadableImage, match="no line in"):
        encoder.prepare(Path("mouse.png"))


def test_a_wrong_line_of_names_is_told(tmp_path: Path) -> None:
    good = {"image": "a.png", "detections": []}
    bad = {"image": "b.png", "detections": [{"box": [0, 0, 1], "name": "cat", "score": 1}]}
    (tmp_path / "d.jsonl").write_text(f"{json.dumps(good)}\n{json.dumps(bad)}\n")
    with pytest.raises(CcdError, match=r"line 2: .*four sides"):
        region_encoder("names:d.jsonl", tmp_path)
