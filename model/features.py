"""The feature cache: what encoders made of images and texts, stored once and read fast.

`features/regions/<name>-<digest>/` and `features/words/<name>-<digest>/` hold the output of one encoder each:
`manifest.json` with its fingerprint, and shards. A shard is a folder that is written whole or not at all: `keys.npy`
(the SHA-256 of each image or text), `features.npy` (all rows of the shard in fp16; memory-mapped), `offsets.npy` (item
i has the rows from offsets[i] up to offsets[i + 1]), and for regions `boxes.npy` and `scores.npy`. Texts are not
stored: `encoders.tokens.tokenize` cuts them the same way again.
"""

import errno
import hashlib
import json
import mmap
import os
import shutil
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import numpy as np
import psutil
import pydantic
from numpy.typing import NDArray

from ccd.errors import DataDamage, InputError, damaged, writing
from ccd.files.atomic import make_latest, write_atomic
from ccd.files.regular import MOST_TEXT, check_regular, read_json
from model.encoders.digest import file_digest
from model.encoders.protocol import RegionEncoder, Regions, WordEncoder, Words

Kind = Literal["regions", "words"]
MANIFEST = "manifest.json"
FORMAT = 1
_HIGHEST = np.finfo(np.float16).max


def text_key(text: str) -> str:
    """Return the key of a text: the SHA-256 of what the model sees of it."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def image_key(photo: Path) -> str:
    """Return the key of an image: the SHA-256 of its file. Raises OSError."""
    return file_digest(photo)


class _Manifest(pydantic.BaseModel):
    """What `manifest.json` says; `line` is the encoder as campaign.toml names it."""

    model_config = pydantic.ConfigDict(strict=True)
    kind: Kind
    line: str
    width: Annotated[int, pydantic.Field(ge=1, le=1 << 20)]
    space: str | None
    fingerprint: dict[str, Any]


class Features:
    """The cache of one encoder, open for reading. Items are known by their position, in no order.

    `counts` [N]: rows of each item. Only the keys are kept in memory.

    >>> cache = Features.latest(Path("my-campaign/features"), "regions", "light")  # doctest: +SKIP
    >>> rows, counts = cache.batch(cache.find(keys))  # fp16 [B, K, d] and [B]  # doctest: +SKIP
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = _manifest(folder)
        self._shards = _shards(folder)
        with damaged(folder, "remove it and run `ccd encode`"):
            self.width = int(self.manifest["width"])
            self.space: str | None = self.manifest["space"]
            keys = [_load(shard / "keys.npy") for shard in self._shards]
            offsets = [_load(shard / "offsets.npy") for shard in self._shards]
            for key, offset, shard in zip(keys, offsets, self._shards, strict=True):
                rows = _load(shard / "features.npy", mmap_mode="r")
                if key.dtype != "S64" or offset.shape != (len(key) + 1,) or rows.shape != (offset[-1], self.width):
                    raise ValueError(f"{shard.name}: keys, offsets and features do not fit")
                if rows.dtype != np.float16:
                    raise ValueError(f"{shard.name}: features of type {rows.dtype}")
                if offset.dtype != np.int64 or offset[0] != 0 or (np.diff(offset) < 0).any():
                    raise ValueError(f"{shard.name}: offsets that are none")
        self.keys: NDArray[np.bytes_] = np.concatenate(keys) if keys else np.zeros(0, "S64")
        self.counts: NDArray[np.int64] = np.concatenate([np.diff(part) for part in [np.zeros(1, np.int64), *offsets]])
        self._starts = np.concatenate([np.zeros(0, np.int64), *(part[:-1] for part in offsets)])
        self._shard = np.repeat(np.arange(len(keys)), [len(part) for part in keys])
        self._sorted = np.argsort(self.keys, kind="stable")
        self._maps: dict[tuple[int, str], NDArray[np.float16]] = {}

    @classmethod
    def latest(cls, root: Path, kind: Kind, line: str) -> Self:
        """Return the cache that was written last for the encoder that `line` names.

        Raises CcdError where there is none. `root` is the folder `features` of a campaign.
        """
        found = [path.parent for path in (root / kind).glob(f"*/{MANIFEST}") if _manifest(path.parent)["line"] == line]
        if not found:
            raise InputError(f"{root}: no {kind} of {line!r}; run `ccd encode --{kind} {line}`")
        return cls(max(found, key=lambda folder: (folder / MANIFEST).stat().st_mtime_ns))

    def __len__(self) -> int:
        return len(self.keys)

    def find(self, keys: Sequence[str] | NDArray[np.bytes_]) -> NDArray[np.int64]:
        """Return the position of each key, -1 where it is not there."""
        wanted = np.array(keys, "S64")
        if not len(self) or not len(wanted):
            return np.full(len(wanted), -1)
        place = np.searchsorted(self.keys, wanted, sorter=self._sorted)
        position = self._sorted[np.minimum(place, len(self) - 1)]
        return np.where(self.keys[position] == wanted, position, -1)

    def batch(self, positions: NDArray[np.int64]) -> tuple[NDArray[np.float16], NDArray[np.int64]]:
        """Rows [B, K, d] of B items, padded with zeros to the largest of them, and their counts [B].

        Raises CcdError where one of them is not finite: every prediction made of it would be NaN.
        """
        counts = self.counts[positions]
        out = np.zeros((len(positions), counts.max(initial=0), self.width), np.float16)
        for row, shard, start, count in zip(
            out, self._shard[positions].tolist(), self._starts[positions].tolist(), counts.tolist(), strict=True
        ):
            row[:count] = self._map(shard, "features")[start : start + count]
        if not np.isfinite(out).all():
            raise DataDamage(f"{self.folder}: has features that are no finite numbers; remove it and run `ccd encode`")
        return out, counts

    def boxes(self, position: int) -> tuple[NDArray[np.float16], NDArray[np.float16]]:
        """Boxes [K, 4] and scores [K] of one image."""
        shard, start, count = int(self._shard[position]), int(self._starts[position]), int(self.counts[position])
        boxes, scores = (self._map(shard, name)[start : start + count] for name in ("boxes", "scores"))
        return boxes, scores

    def let_go(self) -> None:
        """Give back the pages that were read so far: those of a mapped file count as this process's memory.

        They stay in the system's cache, so that reading them again costs little.
        """
        for mapped in self._maps.values():
            memmap: Any = mapped.base
            memmap.base.madvise(mmap.MADV_DONTNEED)

    def _map(self, shard: int, name: str) -> NDArray[np.float16]:
        """Return a shard's array; each file is opened once, as opening costs as much as reading a batch."""
        if (shard, name) not in self._maps:
            mapped = _load(self._shards[shard] / f"{name}.npy", mmap_mode="r")
            self._maps[shard, name] = mapped.view(np.ndarray)  # slices of np.memmap are slow to make
        return self._maps[shard, name]


def _load(file: Path, mmap_mode: Literal["r"] | None = None) -> NDArray[Any]:
    """Return an array of a .npy file, without running what is in it. Raises CcdError where it is none."""
    try:
        check_regular(file)
    except OSError as error:
        raise DataDamage(f"{file}: cannot be read ({error.strerror}); remove its cache and run `ccd encode`") from None
    with damaged(file, "remove its cache and run `ccd encode`"):
        array: NDArray[Any] = np.load(file, mmap_mode=mmap_mode, allow_pickle=False)
    return array


def cache_folder(root: Path, kind: Kind, line: str, encoder: RegionEncoder | WordEncoder) -> Path:
    """Return the folder of this encoder's cache, made with its manifest where it is not there.

    Another fingerprint, another. It becomes the latest of its line; what killed runs left behind is removed.
    """
    told = json.dumps(encoder.fingerprint, sort_keys=True)
    digest = hashlib.sha256(told.encode()).hexdigest()[:12]
    folder = root / kind / f"{encoder.fingerprint['encoder']}-{digest}"
    folder.mkdir(parents=True, exist_ok=True)
    for part in folder.glob(".*.part"):
        if not psutil.pid_exists(int(part.name.split(".")[-2])):  # a living process is still writing it
            shutil.rmtree(part)
    manifest = {"format": FORMAT, "kind": kind, "line": line, "width": encoder.width, "space": encoder.space}
    text = json.dumps(manifest | {"fingerprint": encoder.fingerprint}, indent=1, ensure_ascii=False)
    write_atomic(folder / MANIFEST, text.encode())
    make_latest(folder / MANIFEST, (root / kind).glob(f"*/{MANIFEST}"))
    return folder


def write_shard(folder: Path, encoded: Sequence[tuple[str, Regions | Words]]) -> None:
    """Write keys and features as one shard, whole or not at all. The same items make the same bytes and name."""
    items = [item for _, item in encoded]
    arrays: dict[str, NDArray[Any]] = {
        "keys": np.array([key for key, _ in encoded], "S64"),
        "offsets": np.cumsum([0, *(len(item.features) for item in items)], dtype=np.int64),
        "features": _half(item.features for item in items),
    }
    if isinstance(items[0], Regions):
        regions = [item for item in items if isinstance(item, Regions)]
        arrays |= {"boxes": _half(r.boxes for r in regions), "scores": _half(r.scores for r in regions)}
    _write(folder, arrays)


def forget(root: Path, kind: Kind, keep: Collection[str]) -> int:
    """Remove every item whose key is not in `keep`, such as those of deleted posts, from the caches of all encoders.

    Returns how many there were. `root` is the folder `features` of a campaign.
    """
    wanted = np.sort(np.array(list(keep), "S64"))
    forgotten = 0
    for shard in [shard for manifest in (root / kind).glob(f"*/{MANIFEST}") for shard in _shards(manifest.parent)]:
        keys = _load(shard / "keys.npy")
        stays = np.isin(keys, wanted)
        if stays.all():
            continue
        forgotten += int((~stays).sum())
        if stays.any():
            arrays = {file.stem: _load(file) for file in shard.glob("*.npy")}
            counts = np.diff(arrays["offsets"])
            rows = np.repeat(stays, counts)
            kept = {name: array[rows] for name, array in arrays.items() if name not in ("keys", "offsets")}
            offsets = np.cumsum([0, *counts[stays]], dtype=np.int64)
            _write(shard.parent, {"keys": keys[stays], "offsets": offsets} | kept)
        shutil.rmtree(shard)
    return forgotten


def _half(parts: Iterable[NDArray[np.float32]]) -> NDArray[np.float16]:
    return np.concatenate([np.clip(part, -_HIGHEST, _HIGHEST).astype(np.float16) for part in parts])


def _write(folder: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    name = hashlib.sha256(arrays["keys"].tobytes()).hexdigest()[:16]
    part = folder / f".{name}.{os.getpid()}.part"
    part.mkdir()
    try:
        for stem, array in arrays.items():
            with writing(folder), (part / f"{stem}.npy").open("wb") as file:
                np.save(file, array, allow_pickle=False)
                file.flush()
                os.fsync(file.fileno())
        try:
            part.rename(folder / name)
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):  # another process wrote the same
                raise
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _shards(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))


def _manifest(folder: Path) -> Mapping[str, Any]:
    path = folder / MANIFEST
    try:
        manifest = read_json(path, MOST_TEXT)
        if manifest["format"] != FORMAT:
            raise InputError(
                f"{path}: made by another toolkit (format {manifest['format']!r:.20}); run `ccd encode` again"
            )
        _Manifest.model_validate(manifest)
    except (OSError, ValueError, LookupError, TypeError):
        raise DataDamage(f"{path}: no manifest of a feature cache; remove its folder and run `ccd encode`") from None
    return dict(manifest)
