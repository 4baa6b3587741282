"""Authors: who wrote a post is kept as a keyed hash only, which ties posts of one author and names nobody."""

import contextlib
import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Callable
from pathlib import Path

from ccd.errors import DataDamage, EnvironmentFailure

SECRET = "secret.key"
_KEY = re.compile(r"key:([0-9a-f]{16})")  # an id in a raw page that is a keyed hash already

Key = Callable[[object], str]


def author_key(secret: bytes, network: str, author: str) -> str:
    """Return the keyed hash of an author's id in a network: HMAC-SHA256, the first 16 hex digits.

    Without the secret, nobody can try all ids until one fits. What `keyed` made of an id stands for it.

    >>> author_key(b"secret", "x", "2244994945"), author_key(b"secret", "x", "key:e660e5db22f745fe")
    ('e660e5db22f745fe', 'e660e5db22f745fe')
    """
    if match := _KEY.fullmatch(author):
        return match[1]
    return hmac.new(secret, f"{network}\0{author}".encode(), hashlib.sha256).hexdigest()[:16]


def keyed(folder: Path, network: str) -> Key:
    """Return what turns an id into the mark that raw pages keep instead: `key:<16 hex digits>`; a mark stays as it is.

    >>> keyed(campaign.folder, "x")("2244994945")  # doctest: +SKIP
    'key:30a74ac6d9ec3f0a'
    """
    known = secret(folder)
    return lambda author: f"key:{author_key(known, network, str(author))}"


def secret(folder: Path) -> bytes:
    """Return the campaign's secret: the file `secret.key`, which only its owner can read; made where it is missing.

    It is never in the database, a log or a release. Raises CcdError where it cannot be read or written.
    """
    path = folder / SECRET
    try:
        with contextlib.suppress(FileNotFoundError):
            return _checked(path)
        temporary = folder / f".{SECRET}.{os.getpid()}.part"
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(secrets.token_hex(32) + "\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):  # another process was first; its secret holds
            os.link(temporary, path)
        temporary.unlink()
        return _checked(path)
    except OSError as error:
        raise EnvironmentFailure(f"{path}: cannot be used ({error.strerror}); check the folder's rights") from None


def _checked(path: Path) -> bytes:
    data = path.read_bytes().strip()
    if len(data) < 32:
        raise DataDamage(f"{path}: too short for a secret; put the old file back from your backup")
    return data
