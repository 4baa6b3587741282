"""Tables as Arrow and Parquet keep them, with pictures inside as `datasets` stores them."""

import functools
import json
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ccd.errors import InputError, damaged
from collection.columns import Columns, find
from collection.files import reading

Row = tuple[str, Mapping[str, Any]]  # place, cells


def of_parquet(file: Path, columns: Columns) -> tuple[Columns, Iterator[Row]]:
    """Return the columns found in a Parquet file, and its rows. Raises CcdError for one that cannot be read."""
    import pyarrow

    from ccd.files import parquet

    with reading(file), damaged(file, "write the Parquet file again"):
        try:
            table = parquet.opened(file)
        except pyarrow.ArrowException as error:
            raise InputError(f"{file}: not a Parquet file ({error}); write it again") from None
    found, names = _of_arrow(file, columns, table.schema_arrow)

    def rows() -> Iterator[Mapping[str, Any]]:
        with table, reading(file), damaged(file, "write the Parquet file again"):
            yield from parquet.rows(table, names)

    return found, _unpacked(rows(), str(found.image))


def of_dataset(folder: Path, columns: Columns) -> tuple[Columns, Iterator[Row]]:
    """Open a folder that `Dataset.save_to_disk` of the library `datasets` wrote: Arrow files, named in state.json."""
    import pyarrow

    if not (folder / "state.json").is_file():
        parts = ", ".join(sorted(path.parent.name for path in folder.glob("*/state.json")))
        raise InputError(f"{folder}: a folder of several datasets; name one of its folders: {parts}")
    with reading(folder / "state.json"), damaged(folder, "save the dataset again"):
        state = json.loads((folder / "state.json").read_text(encoding="utf-8"))
        files = [folder / Path(str(each["filename"])).name for each in state["_data_files"]]
        with pyarrow.ipc.open_stream(files[0]) as first:
            found, names = _of_arrow(folder, columns, first.schema)

    def rows() -> Iterator[Mapping[str, Any]]:
        for file in files:
            with reading(file), damaged(file, "save the dataset again"), pyarrow.ipc.open_stream(file) as stream:
                for batch in stream:
                    yield from batch.select(names).to_pylist()

    return found, _unpacked(rows(), str(found.image))


def _of_arrow(file: Path, columns: Columns, schema: Any) -> tuple[Columns, list[str]]:
    """Return the columns, and the names of those that are read."""
    import pyarrow

    nested = pyarrow.types.is_nested
    names = [column.name for column in schema if not nested(column.type) or _holds_pictures(column.type)]
    found = find(file, columns, names)
    return found, [name for name in names if name in found.names()]


def _unpacked(rows: Iterable[Mapping[str, Any]], image: str) -> Iterator[Row]:
    """Yield the rows with their pictures as files."""
    folder = Path(tempfile.mkdtemp(dir=_pictures().name))
    for number, cells in enumerate(rows, 1):
        picture = cells.get(image)
        if data := picture.get("bytes") if isinstance(picture, dict) else picture:
            if isinstance(data, bytes):
                file = folder / str(number)
                file.write_bytes(data)
                cells = dict(cells) | {image: file}
            elif isinstance(picture, dict):
                cells = dict(cells) | {image: picture.get("path")}
        yield f"row {number}", cells


@functools.cache
def _pictures() -> tempfile.TemporaryDirectory[str]:
    """Return where pictures lie that came inside a table, until they are stored; it goes with the process."""
    return tempfile.TemporaryDirectory(prefix="ccd-pictures-")


def _holds_pictures(kind: Any) -> bool:
    """Return whether a column has the pictures themselves, as `datasets` stores them: their bytes beside a path."""
    import pyarrow

    return bool(pyarrow.types.is_struct(kind)) and kind.get_field_index("bytes") >= 0
