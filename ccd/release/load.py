"""A release as frames."""

import json
import os
from pathlib import Path

import pandas as pd

from ccd.errors import InputError, as_path
from ccd.splitting.options import SPLITS


def load_release(folder: str | os.PathLike[str]) -> dict[str, pd.DataFrame]:
    """Return the pairs of a release or of any folder in its form: split (train, dev, test) → frame.

    Columns as in docs/release.md: pair_id, text, image (the path of the file, relative to the folder), label, label_id,
    resolved_by, votes, …; a dehydrated release has neither text nor image. Check a release that came from elsewhere
    with `ccd verify` first. Raises InputError where the folder is no release, and for lines that are no JSON objects.

    >>> train = load_release("releases/v1")["train"]  # doctest: +SKIP
    """
    folder = as_path(folder, "the release's folder")
    return {name: _read(folder / f"{name}.jsonl") for name in SPLITS}


def _read(file: Path) -> pd.DataFrame:
    try:
        rows = [json.loads(line) for line in file.read_text(encoding="utf-8").split("\n") if line]
    except FileNotFoundError:
        raise InputError(f"{file}: not there; name the folder of a release, such as releases/v1") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{file}: cannot be read ({error}); fetch the release again") from None
    if not all(isinstance(row, dict) for row in rows):
        raise InputError(f"{file}: not one JSON object a line; fetch the release again")
    return pd.DataFrame(rows)
