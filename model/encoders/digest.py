"""What a file holds, as one number."""

import hashlib
from pathlib import Path

from ccd.files.regular import open_regular


def file_digest(file: Path) -> str:
    """SHA-256 of a file, 64 hexadecimal digits. Raises OSError."""
    with open_regular(file) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
