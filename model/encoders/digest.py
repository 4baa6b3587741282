"""What a file holds, as one number."""

import hashlib
from pathlib import Path


def file_digest(file: Path) -> str:
    """SHA-256 of a file, 64 hexadecimal digits. Raises OSError."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
