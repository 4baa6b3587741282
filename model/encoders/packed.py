"""Arrays of a .npz file, read without running what is in it and without unpacking more than a bound."""

import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ccd.files.regular import check_regular

MOST_UNPACKED = 4 << 30  # bytes of all arrays of a file; a zip of 4 MB may hold as much


def read_npz(file: Path) -> dict[str, NDArray[np.generic]]:
    """Return the arrays by name. Raises FileNotFoundError, and ValueError for whatever else is wrong.

    >>> read_npz(Path("regions/ab12.npz"))["boxes"].shape  # doctest: +SKIP
    (36, 4)
    """
    try:
        check_regular(file)
        with zipfile.ZipFile(file) as packed:
            if (size := sum(member.file_size for member in packed.infolist())) > MOST_UNPACKED:
                raise ValueError(f"{size:,} bytes when unpacked, the limit is {MOST_UNPACKED:,}")
        with np.load(file, allow_pickle=False) as arrays:
            return dict(arrays)
    except FileNotFoundError:
        raise
    except Exception as error:  # zip, zlib, tokenize and numpy raise each their own
        raise ValueError(f"{file.name} is no file of arrays ({type(error).__name__}: {error})") from None
