"""Regions that somebody has computed already: bottom-up attention's TSV, .npz, HDF5 or Parquet.

An image is found by its file's name without the ending, which in a campaign is the SHA-256 of the image. Read are

- `.tsv`: image_id, image_w, image_h, num_boxes, boxes, features, the last two base64 of float32 (Anderson et al., 2018,
  "Bottom-Up and Top-Down Attention for Image Captioning and Visual Question Answering");
- a folder of `<image>.npz`, each with `x` or `features` [K, d], `bbox` or `boxes` [K, 4], perhaps `scores` [K];
- `.h5`, `.hdf5`: a group an image with the same names as above (needs h5py, the extra `hdf5`);
- `.parquet`: columns image_id, features and boxes as lists of lists, perhaps scores; all of it is held in memory.

Boxes are left, top, right, bottom, in pixels or in shares. Without scores the order of the file stands.
"""

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ccd.errors import CcdError, EnvironmentFailure, InputError
from ccd.files.photo import opened
from ccd.files.regular import check_regular, open_regular
from model.encoders.packed import read_npz
from model.encoders.photo import UnreadableImage
from model.encoders.protocol import Regions, best_first

MOST_VALUES = 1 << 30  # bytes of one array of an HDF5 file: one that was never filled has any size
_NUMBERS = ("features", "x", "boxes", "bbox", "scores", "size", "image_w", "image_h")  # of a record
Record = Mapping[str, Any]
Lookup = Callable[[str], Record | None]


class Precomputed:
    """`precomputed:FILE`: the 36 best of what the file has."""

    space = None

    def __init__(self, source: Path) -> None:
        self._source = source
        try:
            self._look_up, first = _open(source)
            if first is None:
                raise ValueError("it holds no image")
            self.width = _regions(first, source, Path()).features.shape[1]
        except CcdError:
            raise
        except Exception as error:  # each format's library raises its own
            raise InputError(f"{source}: no regions in a form that is known ({error}); see docs") from None
        self.fingerprint = {"encoder": "precomputed", "version": 1, "file": _stamp(source)}

    def prepare(self, photo: Path) -> Regions:
        """Return the regions of an image. Raises UnreadableImage where the file has none of it."""
        try:
            record = self._look_up(photo.stem)
            if record is None:
                raise UnreadableImage(f"{photo}: {self._source} has no regions of {photo.stem}")
            regions = _regions(record, self._source, photo)
        except CcdError:
            raise
        except Exception as error:  # each format's library raises its own
            raise InputError(
                f"{self._source}: the entry {photo.stem} cannot be read ({error}); make it again"
            ) from None
        if regions.features.shape[1] != self.width:
            raise InputError(
                f"{self._source}: {photo.stem} has features of another width than the first entry; make them with one "
                "detector"
            )
        return regions

    def encode(self, prepared: Sequence[Regions]) -> list[Regions]:
        """Return the regions as they were prepared."""
        return list(prepared)


def _open(source: Path) -> tuple[Lookup, Record | None]:
    """Return what finds the record of an image, and the first record."""
    if source.is_dir():
        return _open_folder(source)
    known = {".tsv": _open_tsv, ".h5": _open_hdf5, ".hdf5": _open_hdf5, ".parquet": _open_parquet}
    if source.suffix not in known:
        raise ValueError(f"known: a folder of .npz, {', '.join(known)}")
    return known[source.suffix](source)


def _open_folder(source: Path) -> tuple[Lookup, Record | None]:
    def look_up(name: str) -> Record | None:
        try:
            return read_npz(source / f"{name}.npz")
        except FileNotFoundError:
            return None

    return look_up, next((look_up(file.stem) for file in source.glob("*.npz")), None)


def _open_tsv(source: Path) -> tuple[Lookup, Record | None]:
    starts: dict[str, int] = {}
    begin = 0
    with open_regular(source) as lines:
        for line in lines:
            starts[line[: line.find(b"\t")].decode()] = begin
            begin += len(line)

    def look_up(name: str) -> Record | None:
        if name not in starts:
            return None
        with open_regular(source) as file:
            file.seek(starts[name])
            _, width, height, number, boxes, features, *_ = file.readline().decode().rstrip("\n").split("\t")
        return {
            "boxes": np.frombuffer(base64.b64decode(boxes), np.float32).reshape(int(number), 4),
            "features": np.frombuffer(base64.b64decode(features), np.float32).reshape(int(number), -1),
            "size": (float(width), float(height)),
        }

    return look_up, next((look_up(name) for name in starts), None)


def _open_hdf5(source: Path) -> tuple[Lookup, Record | None]:
    try:
        import h5py
    except ModuleNotFoundError:
        raise EnvironmentFailure(f"{source}: HDF5 needs the library h5py; pip install 'ccd-toolkit[hdf5]'") from None
    check_regular(source)
    groups = h5py.File(source, "r")

    def look_up(name: str) -> Record | None:
        if name not in groups:
            return None
        group = groups[name]
        if any(isinstance(group.get(key, getlink=True), h5py.ExternalLink) for key in group):
            raise ValueError(f"{name} leads to another file")
        for key, value in group.items():
            if value.external or value.is_virtual:
                raise ValueError(f"{name}/{key} has its values in another file")
            if value.nbytes > MOST_VALUES:
                raise ValueError(f"{name}/{key} has {value.nbytes:,} bytes, the limit is {MOST_VALUES:,}")
        return {key: value[()] for key, value in group.items()}

    return look_up, next((look_up(name) for name in groups), None)


def _open_parquet(source: Path) -> tuple[Lookup, Record | None]:
    from ccd.files import parquet

    with parquet.opened(source) as file:
        names = [name for name in file.schema_arrow.names if name in _NUMBERS]
        if texts := [leaf.path for _, leaf in parquet.leaves(file, names) if leaf.physical_type == parquet.TEXT]:
            raise ValueError(f"{texts[0]} holds texts")
        rows = {str(row["image_id"]): number for number, row in enumerate(parquet.rows(file, ["image_id"]))}
        table = file.read(names)

    def look_up(name: str) -> Record | None:
        if name not in rows:
            return None
        row = table.slice(rows[name], 1)
        return {key: _numbers(row[key].combine_chunks()) for key in names if row[key].null_count == 0}

    return look_up, next((look_up(name) for name in rows), None)


def _numbers(column: Any) -> NDArray[Any]:
    """Return the one value of an Arrow array, lists in lists of equal length, as an array.

    As Python has them, a number that Parquet repeats in no bytes takes 32.
    """
    import pyarrow as pa

    kinds = pa.types
    shape: list[int] = []
    while kinds.is_list(column.type) or kinds.is_large_list(column.type) or kinds.is_fixed_size_list(column.type):
        lengths = column.value_lengths().unique().to_pylist()
        if len(lengths) > 1 or None in lengths:
            raise ValueError("lists of unequal length")
        shape += lengths or [0]
        column = column.flatten()
    if not (kinds.is_integer(column.type) or kinds.is_floating(column.type)):
        raise ValueError(f"{column.type} where numbers are needed")
    found: NDArray[Any] = column.to_numpy(zero_copy_only=False)
    return found.reshape(shape)


def _regions(record: Record, source: Path, photo: Path) -> Regions:
    features = np.asarray(record["features"] if "features" in record else record["x"], np.float32)
    boxes = np.array(record["boxes"] if "boxes" in record else record["bbox"], np.float32).reshape(-1, 4)
    scores = np.asarray(record.get("scores", np.zeros(len(boxes))), np.float32)
    if features.ndim != 2 or not len(features) == len(boxes) == len(scores):
        raise ValueError(f"features {features.shape}, boxes {boxes.shape} and scores {scores.shape} do not fit")
    if boxes.max(initial=0) > 1.5 and photo.name:  # pixels
        size = record.get("size", (record.get("image_w"), record.get("image_h")))
        if any(side is None for side in size):
            try:
                with opened(photo) as image:
                    size = image.size
            except (OSError, ValueError):
                raise UnreadableImage(f"{photo}: its size is needed, as {source} has boxes in pixels") from None
        boxes /= np.array([*size, *size], np.float32)
    if not all(np.isfinite(values).all() for values in (features, boxes, scores)):
        raise ValueError("a number that is not finite")
    return best_first(features, boxes.clip(0, 1), scores)


def _stamp(source: Path) -> str:
    """Name, size and time of the file or of all files of the folder: reading gigabytes again would take minutes."""
    files = sorted(source.glob("*.npz")) if source.is_dir() else [source]
    told = [(file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return hashlib.sha256(repr(told).encode()).hexdigest()
