"""What a network says of a campaign's pairs, kept for ever: Parquet in `predictions/<version>/`.

The version is the name of the network's folder in `models`. `manifest.json` says what made the predictions, and each
shard, some thousand pairs, is there whole or not at all. What a version once said of a pair is never written again.

Columns of a shard, for C labels, e numbers of an embedding and P of a similarity profile:
`pair_id`; `label`, the name of the likeliest; `p` [C], probabilities at the network's temperature; `association` and
`alignment` [C], what each stream would say alone, null in networks without streams; `uncertainty`, see `uncertainty`;
`embedding` [e], what the network's last layers see of the pair; `profile` [P], null where encoders share no space.
A network of a question that asks for a score predicts `score`, a number, and label, p and uncertainty are null.
`manifest.json` has the `question`; of older versions, which do not name it, it is the protocol's first.
"""

import datetime
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ccd.campaign.tables.events import now
from ccd.errors import DataDamage, InputError
from ccd.files.atomic import write_atomic
from ccd.files.regular import open_regular, read_json
from ccd.protocol import Protocol as CampaignProtocol

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

MANIFEST = "manifest.json"
FORMAT = 1

Singles = NDArray[np.float32]
Halves = NDArray[np.float16]


class Place(Protocol):
    """What predictions know of a campaign: where it is, and what it asks."""

    folder: Path
    protocol: CampaignProtocol


@dataclass(frozen=True)
class Predictions:
    """What a version says of N pairs and C labels.

    `labels` are their names in the order of their ids, and row by row there are `ids` [N], `probabilities` [N, C],
    `association` and `alignment` [N, C] (None without streams), `embeddings` [N, e] and `profiles` [N, P] (None
    without a shared space). Where a score is predicted, C is 0 and `scores` [N] are there.
    """

    version: str
    labels: tuple[str, ...]
    ids: tuple[str, ...]
    probabilities: Singles
    association: Singles | None
    alignment: Singles | None
    embeddings: Halves
    profiles: Halves | None
    scores: Singles | None = None

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def best(self) -> NDArray[np.int64]:
        """[N], the id of the likeliest label."""
        return np.asarray(self.probabilities.argmax(1), np.int64)


OPTIONAL = ("association", "alignment", "embedding", "profile")
"""Columns that `read` may leave out."""


def uncertainty(probabilities: Singles) -> Singles:
    """[N, C] → [N]: entropy over its highest value, log C; 0 is sure and 1 is even.

    >>> uncertainty(np.array([[0.8, 0.2], [0.5, 0.5]], np.float32)).round(3).tolist()
    [0.722000002861023, 1.0]
    """
    if probabilities.shape[1] < 2:
        return np.zeros(len(probabilities), np.float32)
    logs = np.log(np.maximum(probabilities, np.finfo(np.float32).tiny))
    entropy = -(probabilities * logs).sum(1) / np.log(np.float32(probabilities.shape[1]))
    return np.asarray(np.clip(entropy, 0, 1), np.float32)


def versions(campaign: Place, question: str | None = None) -> tuple[str, ...]:
    """Return the versions that have predictions (of a `question`), in the order in which they began."""
    began = {
        file.parent: manifest["began"]
        for file in _root(campaign).glob(f"*/{MANIFEST}")
        if question in (None, _question(campaign, manifest := _manifest(file.parent)))
    }
    return tuple(folder.name for folder in sorted(began, key=lambda folder: (began[folder], folder.name)))


def latest(campaign: Place, question: str | None = None) -> str:
    """Return the version (of a `question`) that began last. Raises CcdError where there is none."""
    found = versions(campaign, question)
    if not found:
        of = f" of question {question!r}" if question not in (None, campaign.protocol.question.name) else ""
        raise InputError(f"{_root(campaign)}: no predictions{of}; run `ccd predict`")
    return found[-1]


def question_of(campaign: Place, version: str) -> str:
    """Return the question whose labels or scores a version predicts. Raises CcdError where there is no such version."""
    return _question(campaign, _manifest(_root(campaign) / version))


def _question(campaign: Place, manifest: Mapping[str, Any]) -> str:
    return str(manifest.get("question") or campaign.protocol.question.name)


def begin(campaign: Place, version: str, manifest: Mapping[str, Any]) -> Path:
    """Return the version's folder; where it is missing it is made, with its manifest (`labels`, and other facts).

    What killed runs left behind is removed. Raises CcdError where the version said something else before.
    """
    folder = _root(campaign) / version
    folder.mkdir(parents=True, exist_ok=True)
    for part in folder.glob(".*.part"):
        part.unlink()
    told = json.loads(json.dumps({"format": FORMAT, "version": version, **manifest}))
    if not (folder / MANIFEST).is_file():
        began = max([now(), *(_after(_manifest(_root(campaign) / name)["began"]) for name in versions(campaign))])
        write_atomic(folder / MANIFEST, json.dumps(told | {"began": began}, indent=1, ensure_ascii=False).encode())
    before = _manifest(folder)
    before["question"] = before.get("question", told.get("question"))  # an older toolkit did not note it
    if differs := [key for key in told if before.get(key) != told[key]]:
        raise InputError(
            f"{folder}: was made with another {' and '.join(differs)}; a version never changes: "
            "give the network's folder another name"
        )
    return folder


def _after(began: str) -> str:
    """Return the next moment: what begins after it is later, also where the clock was set back."""
    return (datetime.datetime.fromisoformat(began) + datetime.timedelta(microseconds=1)).isoformat()


def write(folder: Path, shard: Predictions) -> None:
    """Store predictions of new pairs in the folder that `begin` gave, whole or not at all.

    The same predictions make the same bytes. Where a shard of these pairs is there it stays as it is.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = folder / f"{hashlib.sha256(chr(10).join(shard.ids).encode()).hexdigest()[:16]}.parquet"
    if file.exists() or not len(shard):
        return
    p = shard.probabilities if shard.labels else None
    labels = [None] * len(shard) if p is None else np.array(shard.labels, object)[shard.best]
    columns = {
        "pair_id": pa.array(shard.ids, pa.string()),
        "label": pa.array(labels, pa.string()),
        "p": _column(p, len(shard), pa.float32()),
        "association": _column(shard.association, len(shard), pa.float32()),
        "alignment": _column(shard.alignment, len(shard), pa.float32()),
        "uncertainty": pa.nulls(len(shard), pa.float32()) if p is None else pa.array(uncertainty(p)),
        "embedding": _column(shard.embeddings, len(shard), pa.float16()),
        "profile": _column(shard.profiles, len(shard), pa.float16()),
    }
    if shard.scores is not None:
        columns["score"] = pa.array(shard.scores, pa.float32())
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink, compression="zstd")
    write_atomic(file, sink.getvalue().to_pybytes())


def predicted(campaign: Place, version: str) -> set[str]:
    """Return the ids of all pairs that a version has predicted; none where there is no such version."""
    shards = _shards(_root(campaign) / version)
    return {pair for file in shards for pair in _table(file, ["pair_id"])["pair_id"].to_pylist()}


def read(
    campaign: Place, version: str, pair_ids: Sequence[str] | None = None, columns: Sequence[str] = OPTIONAL
) -> Predictions:
    """Return what a version said of these pairs, in their order and without those that it does not know.

    Or of all, by id. `columns`: which of OPTIONAL to read; what is not read is None, or of width 0 (embeddings).
    Raises CcdError where there is no such version.

    >>> found = read(campaign, latest(campaign), columns=["association", "alignment"])  # doctest: +SKIP
    >>> found.probabilities.shape, found.embeddings.shape  # doctest: +SKIP
    ((12252, 3), (12252, 0))
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    folder = _root(campaign) / version
    labels = tuple(_manifest(folder)["labels"])
    shards = _shards(folder)
    if not shards:
        nothing = np.zeros((0, len(labels)), np.float32)
        return Predictions(version, labels, (), nothing, None, None, np.zeros((0, 0), np.float16), None)
    known = pa.concat_tables([_table(file, ["pair_id"]) for file in shards])["pair_id"].combine_chunks()
    if pair_ids is None:
        order = pc.sort_indices(known).to_numpy()
        ids = tuple(known.take(order).to_pylist())
    else:
        places = pc.index_in(pa.array(pair_ids, pa.string()), known)
        order = places.drop_null().to_numpy()
        ids = tuple(compress(pair_ids, places.is_valid().to_pylist()))
    said = "p" if labels else "score"
    arrays = _arrays(shards, [said, *(name for name in OPTIONAL if name in columns)], order)
    return Predictions(
        version,
        labels,
        ids,
        arrays.get("p", np.zeros((len(order), 0), np.float32)),
        arrays.get("association"),
        arrays.get("alignment"),
        arrays.get("embedding", np.zeros((len(order), 0), np.float16)),
        arrays.get("profile"),
        None if labels else arrays["score"][:, 0],
    )


def _root(campaign: Place) -> Path:
    return campaign.folder / "predictions"


def _shards(folder: Path) -> list[Path]:
    return sorted(folder.glob("[!.]*.parquet"))


def _table(file: Path, columns: list[str]) -> "pa.Table":
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with open_regular(file) as opened:  # pyarrow cannot open a name that is not in the locale's letters
            return pq.read_table(opened, columns=columns)
    except pa.ArrowInvalid:
        raise DataDamage(f"{file}: is no Parquet file; remove it and run `ccd predict` again") from None


def _column(rows: Singles | Halves | None, length: int, kind: "pa.DataType") -> "pa.Array":
    """[N, w] → N lists of w numbers; nulls for None."""
    import pyarrow as pa

    if rows is None:
        return pa.nulls(length, pa.list_(kind, 0))
    return pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel(), kind), rows.shape[1])


def _arrays(shards: Sequence[Path], names: list[str], order: NDArray[np.int64]) -> dict[str, Any]:
    """Return the rows of these columns in this order, name → [N, w]; a column with nulls is not in it.

    One shard at a time, as a table of them all beside its arrays would hold a million embeddings twice.
    """
    import pyarrow as pa

    arrays: dict[str, Any] = {}
    absent: set[str] = set()
    of_shards = np.argsort(order, kind="stable")
    first = 0
    for file in shards:
        table = _table(file, names)
        start, end = np.searchsorted(order, (first, first + len(table)), sorter=of_shards)
        rows = of_shards[start:end]
        for name in names:
            column = table[name].combine_chunks()
            if column.null_count:
                absent.add(name)
                continue
            flat = column.flatten() if pa.types.is_fixed_size_list(column.type) else column
            values = flat.to_numpy().reshape(len(table), -1)
            if name not in arrays:
                arrays[name] = np.empty((len(order), values.shape[1]), values.dtype)
            arrays[name][rows] = values[order[rows] - first]
        first += len(table)
    return {name: array for name, array in arrays.items() if name not in absent}


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    try:
        manifest = read_json(path)
        known = manifest["format"] == FORMAT
    except FileNotFoundError:
        raise InputError(f"{folder}: no predictions of this version; run `ccd predict --model {folder.name}`") from None
    except (OSError, ValueError, LookupError, TypeError):
        raise DataDamage(f"{path}: no manifest of predictions; remove its folder and run `ccd predict`") from None
    if not known:
        raise InputError(f"{path}: made by another toolkit (format {manifest['format']}); remove its folder")
    return dict(manifest)


def frame(campaign: Place, version: str) -> "pd.DataFrame":
    """Return what a version says of all pairs it knows, by id: pair_id, label and a probability for each; or score."""
    import pandas as pd

    found = read(campaign, version, columns=())
    ids = pd.DataFrame({"pair_id": found.ids})
    if found.scores is not None:
        return ids.assign(score=found.scores)
    label = np.array(found.labels, dtype=object)[found.best]
    return ids.assign(label=label).join(pd.DataFrame(found.probabilities, columns=list(found.labels)))
