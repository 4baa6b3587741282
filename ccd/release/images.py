"""The images of a release: a file each, named by its hash, or WebDataset shards (tar) with a sample a pair."""

import errno
import hashlib
import io
import json
import tarfile
from pathlib import Path, PurePosixPath
from typing import Any

from ccd.errors import DataDamage
from ccd.files.photo import MOST_BYTES
from ccd.files.stripping import is_stripped

FILES, TAR, NONE = "files", "tar", "none"
SHARD = 1_000  # pairs a tar file


class Files:
    """`images/<sha256>.<suffix>`, once however many pairs show it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (folder / "images").mkdir()

    def put(self, split: str, row: dict[str, Any], source: Path, sha256: str) -> None:
        """Copy the image to where the row says."""
        # A copy, not a hard link: whoever edits a published image must not edit the campaign's.
        target = inside(self._folder, row["image"])
        if not target.exists():
            target.write_bytes(read(source, sha256))

    def close(self) -> None:
        """Nothing is open."""


class Shards:
    """`<split>-00000.tar` …: of each pair the image and its row as JSON, under the pair's number in its split.

    Readers of WebDataset want one suffix for all images; `suffix` is the images' own where they have one in common, and
    jpg otherwise. Decoders go by the content.
    """

    def __init__(self, folder: Path, suffix: str) -> None:
        self._folder = folder
        self._suffix = suffix
        self._numbers: dict[str, int] = {}
        self._open: dict[str, tarfile.TarFile] = {}

    def put(self, split: str, row: dict[str, Any], source: Path, sha256: str) -> None:
        """Append the pair to its shard, and say in its row where the image is: `<shard>/<name>`."""
        number = self._numbers.get(split, 0)
        self._numbers[split] = number + 1
        shard = f"{split}-{number // SHARD:05d}.tar"
        if number % SHARD == 0:
            self._close(split)
            self._open[split] = tarfile.TarFile(self._folder / shard, "w", format=tarfile.USTAR_FORMAT)
        name = f"{number:09d}"
        row["image"] = f"{shard}/{name}.{self._suffix}"
        for suffix, data in (
            (self._suffix, read(source, sha256)),
            ("json", json.dumps(row, ensure_ascii=False).encode()),
        ):
            member = tarfile.TarInfo(f"{name}.{suffix}")  # the time is 1970, the owner nobody: the same bytes always
            member.size = len(data)
            self._open[split].addfile(member, io.BytesIO(data))

    def close(self) -> None:
        """End every shard."""
        for split in tuple(self._open):
            self._close(split)

    def _close(self, split: str) -> None:
        if split in self._open:
            self._open.pop(split).close()


def read(source: Path, sha256: str) -> bytes:
    """Return the bytes of an image. Raises CcdError where they are not what was collected, or hold metadata."""
    try:
        data = source.read_bytes()
    except FileNotFoundError:
        raise DataDamage(f"{source}: the image is gone; put it back, or collect its posts again") from None
    if hashlib.sha256(data).hexdigest() != sha256:
        raise DataDamage(f"{source}: the image was changed since it was collected; put the original back")
    if not is_stripped(data):
        raise DataDamage(f"{source}: the image holds more than its picture; run `ccd doctor --fix`")
    return data


def inside(folder: Path, name: object) -> Path:
    """Return the path in a release's folder that a row names, be it there or not.

    Raises OSError where it leads elsewhere.

    >>> inside(Path("releases/v1"), "../../secret.jpg")
    Traceback (most recent call last):
    OSError: '../../secret.jpg': is no name of a file in the release
    """
    parts = PurePosixPath(name).parts if isinstance(name, str) else ()
    if not parts or "\0" in str(name) or ".." in parts or parts[0] == "/":
        raise OSError(f"{str(name)[:80]!r}: is no name of a file in the release")
    return folder.joinpath(*parts)


def _plain(path: Path) -> Path:
    """Return the path, where there is a file. Links are followed, as the Hugging Face Hub's cache is made of links."""
    if not path.is_file():  # a pipe would be waited for, and a device never ends
        raise FileNotFoundError(errno.ENOENT, "not there, or no plain file", str(path))
    return path


def _bytes(path: Path) -> bytes:
    with path.open("rb") as file:
        data = file.read(MOST_BYTES + 1)
    if len(data) > MOST_BYTES:
        raise OSError(f"{path.name}: more than {MOST_BYTES:,} bytes")
    return data


class Opened:
    """The images of a release folder, wherever they lie; the last shard stays open, so read in the rows' order.

    >>> Opened(Path("releases/v1")).read("train-00000.tar/000000012.jpg")  # doctest: +SKIP
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._shard = ""
        self._tar: tarfile.TarFile | None = None

    def read(self, image: str) -> bytes:
        """Return the bytes of the image that a row names.

        Raises OSError where it is not there, or no plain file of it.
        """
        path = inside(self._folder, image)
        shard, _, member = image.partition("/")
        if not shard.endswith(".tar"):
            return _bytes(_plain(path))
        try:
            if shard != self._shard:
                self.close()
                self._tar, self._shard = tarfile.TarFile(_plain(inside(self._folder, shard))), shard
            assert self._tar is not None
            found = self._tar.getmember(member)
            if not found.isreg() or found.issparse() or found.size > MOST_BYTES:
                raise OSError(f"{image}: a link, or too large")
            file = self._tar.extractfile(found)
            return file.read() if file else b""
        except OSError:
            raise
        except Exception as error:  # a shard that was made to be read wrongly
            raise OSError(f"{image}: {type(error).__name__}: {error}") from None

    def close(self) -> None:
        """Close the shard."""
        if self._tar:
            self._tar.close()
        self._tar, self._shard = None, ""
