"""The rows of a release as files: JSON lines and Parquet side by side, written as they come."""

import contextlib
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from ccd.measures.ties import OPEN
from ccd.protocol import Question

Row = Mapping[str, Any]
_GROUP = 10_000  # rows of a Parquet row group, and the most that are held
_CONTENT = ("text", "image")  # what a dehydrated release leaves out
_JUDGMENTS = pa.schema(
    [(name, pa.string()) for name in ("task", "worker", "question", "label", "role", "prediction")]
    + [("seconds", pa.float64()), ("revision", pa.int64()), ("arm", pa.string()), ("leakage_group", pa.string())]
)


def schema_of(questions: Sequence[Question], dehydrated: bool = False) -> pa.Schema:
    """Return the columns of `<split>.parquet`.

    Those of the JSON lines, but that the path `image` is called `file_name`. By that name `datasets` knows the path of
    an image, which it shows, decoded, as the column `image`.
    """
    question, text = questions[0], pa.string()
    of = {each.name: pa.float64() if each.kind == "score" else text for each in questions}
    votes = {
        each.name: pa.struct([(label, pa.int64()) for label in each.labels]) if each.labels else text
        for each in questions
    }
    columns = [("pair_id", text), ("post_id", text), ("text", text), ("file_name", text), ("label", of[question.name])]
    columns += [("label_id", pa.int64()), ("resolved_by", text), ("votes", votes[question.name]), ("arm", text)]
    columns += [("inclusion_probability", pa.float64()), ("weight", pa.float64()), ("leakage_group", text)]
    if len(questions) > 1:
        columns.append(("labels", pa.struct(list(of.items()))))
        columns.append(("labels_resolved_by", pa.struct([(name, text) for name in of])))
        columns.append(("labels_votes", pa.struct(list(votes.items()))))
    if dehydrated:
        columns = [column for column in columns if column[0] not in ("text", "file_name")]
    return pa.schema(columns)


def open_schema(question: Question) -> pa.Schema:
    """Return the columns of `open.parquet`."""
    columns = ("pair_id", "post_id", "resolved_by", "votes", "arm", "inclusion_probability")
    return pa.schema([schema_of([question]).field(name) for name in columns])


class Parquet:
    """A Parquet file that grows row by row, a row group at a time; the same rows give the same bytes.

    >>> with Parquet(Path("judgments.parquet"), schema) as file: file.add({"task": "x:1:0"})  # doctest: +SKIP
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._schema = schema
        self._rows: list[Row] = []
        self._file: BinaryIO = path.open("wb")  # Python's file: its errors say what failed
        self._writer = pq.ParquetWriter(self._file, schema, compression="zstd")

    def add(self, row: Row) -> None:
        """Add a row."""
        self._rows.append(row)
        if len(self._rows) == _GROUP:
            self._flush()

    def _flush(self) -> None:
        self._writer.write_table(pa.Table.from_pylist(self._rows, self._schema), row_group_size=_GROUP)
        self._rows = []

    def __enter__(self) -> "Parquet":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: BaseException | TracebackType | None) -> None:
        with self._file:
            try:
                if kind is None:
                    self._flush()
                    self._writer.close()
            finally:
                self._writer.is_open = False  # or it ends its file when it is collected, where there is none any more


class Rows:
    """`<split>.jsonl` and `<split>.parquet` in a folder, for every split; `dehydrated` leaves text and image out.

    With `unsettled`, also `open.jsonl` and `open.parquet`: OPEN is then one more split, whose rows have no label.

    >>> with Rows(part, ("train", "dev", "test"), protocol.questions) as rows: rows.add("dev", row)  # doctest: +SKIP
    """

    def __init__(
        self,
        folder: Path,
        splits: Iterable[str],
        questions: Sequence[Question],
        dehydrated: bool = False,
        unsettled: bool = False,
    ) -> None:
        self._dehydrated = dehydrated
        self._questions = questions
        schemas = dict.fromkeys(splits, schema_of(questions, dehydrated))
        if unsettled:
            schemas[OPEN] = open_schema(questions[0])
        self._open = contextlib.ExitStack()
        enter = self._open.enter_context
        self._lines = {split: enter((folder / f"{split}.jsonl").open("wb")) for split in schemas}
        self._parquet = {
            split: enter(Parquet(folder / f"{split}.parquet", schema)) for split, schema in schemas.items()
        }

    def add(self, split: str, row: Row) -> None:
        """Add the row of a pair to its split."""
        if self._dehydrated:
            row = {key: value for key, value in row.items() if key not in _CONTENT}
        self._lines[split].write(json.dumps(row, ensure_ascii=False).encode() + b"\n")
        first, *others = self._questions
        columns = {**row, "file_name": row.get("image"), "votes": _of_scores(row["votes"], first)}
        if others and (given := row.get("labels_votes")):  # releases of an older toolkit lack them
            columns["labels_votes"] = {each.name: _of_scores(given[each.name], each) for each in self._questions}
        self._parquet[split].add(columns)

    def __enter__(self) -> "Rows":
        return self

    def __exit__(self, *error: Any) -> None:
        self._open.__exit__(*error)


def _of_scores(votes: Mapping[str, int], question: Question) -> Mapping[str, int] | str:
    """Votes as Parquet has them: of a score as JSON, since any number may have been given."""
    return votes if question.labels else json.dumps(votes)


def judgments(path: Path) -> Parquet:
    """Return the file of the judgments.

    Task (pair id), worker (pseudonym), question, label, role, and how each was given.
    """
    return Parquet(path, _JUDGMENTS)
