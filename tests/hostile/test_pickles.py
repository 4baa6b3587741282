"""Nothing that is loaded runs code: a pickle that would is put on every way in."""

import json
import pickle
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

import ccd
from ccd.errors import CcdError
from model.checkpoint import load
from model.encoders import region_encoder, word_encoder
from model.features import Features
from tests.hostile.targets import model_targets
from tests.model.networks import save_bert, save_vision

ROOT = Path(ccd.__file__).parents[1]


class Evil:
    """Unpickled, it makes a file."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return (Path.touch, (self.mark,))


def test_the_trap_works(tmp_path: Path) -> None:
    pickle.loads(pickle.dumps(Evil(tmp_path / "owned")))
    assert (tmp_path / "owned").exists()


@pytest.fixture
def trap(tmp_path: Path) -> bytes:
    return pickle.dumps(Evil(tmp_path / "owned"))


def npy(trap_of: object) -> bytes:
    import io

    stream = io.BytesIO()
    np.save(stream, np.array([trap_of], dtype=object), allow_pickle=True)
    return stream.getvalue()


def test_no_way_in_runs_a_pickle(tmp_path: Path, trap: bytes) -> None:
    model_targets(tmp_path)
    evil = npy(Evil(tmp_path / "owned"))
    ways: dict[str, tuple[str, Callable[[], object]]] = {
        "checkpoint": ("models/tfn-0/weights.safetensors", lambda: load(tmp_path / "models" / "tfn-0").network()),
        "onnx": ("onnx/net.onnx", lambda: region_encoder(f"onnx:{tmp_path}/onnx/net.onnx")),
        "npz": ("npz/a.npz", lambda: region_encoder(f"precomputed:{tmp_path}/npz")),
        "hdf5": ("a.h5", lambda: region_encoder(f"precomputed:{tmp_path}/a.h5")),
        "parquet": ("a.parquet", lambda: region_encoder(f"precomputed:{tmp_path}/a.parquet")),
    }
    for file, read in ways.values():
        (tmp_path / file).parent.mkdir(exist_ok=True)
        for content in (trap, evil):
            (tmp_path / file).write_bytes(content)
            with pytest.raises(CcdError):
                read()
    cache = next((tmp_path / "features" / "words").iterdir())
    shard = next(path for path in cache.iterdir() if path.is_dir())
    for name in ("keys", "offsets", "features"):
        (shard / f"{name}.npy").write_bytes(evil)
        with pytest.raises(CcdError):
            Features(cache)
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize("kind", ["patches", "bert"])
def test_a_folder_of_transformers_with_a_pickle_or_code(kind: str, tmp_path: Path) -> None:
    folder = tmp_path / "network"
    (save_bert if kind == "bert" else lambda where: save_vision(where, "clip"))(folder)

    def read() -> object:
        return word_encoder(f"bert:{folder}") if kind == "bert" else region_encoder(f"patches:{folder}")

    read()
    (folder / "model.safetensors").unlink()
    torch.save({"a": Evil(tmp_path / "owned")}, folder / "pytorch_model.bin")
    with pytest.raises(CcdError, match="no such model"):
        read()
    assert not (tmp_path / "owned").exists()
    told = json.loads((folder / "config.json").read_text()) | {"model_type": "evil"}
    told["auto_map"] = dict.fromkeys(("AutoConfig", "AutoModel"), "evil.Evil")
    (folder / "config.json").write_text(json.dumps(told))
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'owned')!r}, 'w')\nclass Evil: pass\n")
    with pytest.raises(CcdError):
        read()
    assert not (tmp_path / "owned").exists()
    shutil.rmtree(folder)


def test_faster_rcnn_reads_weights_only() -> None:
    """Its loader needs a torchvision; what it calls does not run a pickle."""
    source = (ROOT / "model" / "encoders" / "faster_rcnn.py").read_text()
    assert source.count("torch.load(") == source.count("weights_only=True") == 1


def test_the_source_loads_nothing_that_runs_code() -> None:
    allowed = {"ccd/files/ray.py"}  # between processes of our own, on Ray
    files = [
        file for part in ("ccd", "collection", "annotation", "model", "apps") for file in (ROOT / part).rglob("*.py")
    ]
    assert len(files) > 100
    for file in files:
        name, text = file.relative_to(ROOT).as_posix(), file.read_text()
        if name not in allowed:
            assert not re.search(r"\b(pickle|joblib|dill|shelve|marshal)\b[.]", text), name
        for call in re.findall(r"\b(?:torch\.load|np\.load|numpy\.load)\((?:[^()]|\([^()]*\))*\)", text):
            assert "weights_only=True" in call or "allow_pickle=False" in call, f"{name}: {call}"
        assert not re.search(r"trust_remote_code\s*=\s*True|allow_pickle\s*=\s*True", text), name
        assert not re.search(r"(?<![.\w])(eval|exec)\(|yaml\.load\(", text), name
