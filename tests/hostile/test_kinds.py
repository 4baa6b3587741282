"""In place of any file that is read: a pipe, a device without end, a folder, brackets in brackets: one sentence."""

import os
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from ccd.errors import CcdError
from ccd.release.verify import verify
from tests.conftest import PIXEL
from tests.hostile.targets import Target, model_targets, release_targets, text_targets

SECONDS = 20  # that a reader may take
KINDS: dict[str, Callable[[Path], object]] = {
    "pipe": os.mkfifo,
    "device": lambda file: file.symlink_to("/dev/zero"),
    "folder": os.mkdir,
    "brackets": lambda file: file.write_bytes(b"[" * 200_000 + b"]" * 200_000),
    "objects": lambda file: file.write_bytes(b'{"a":' * 200_000 + b"1" + b"}" * 200_000),
    "NaN": lambda file: file.write_bytes(b'{"format": NaN, "text": Infinity, "tweet_id": 1e999}\n'),
    "nothing": lambda file: None,
}


@contextmanager
def in_time(what: str) -> Iterator[None]:
    """Raise where it takes longer than SECONDS."""

    def late(*_: Any) -> None:
        raise TimeoutError(f"{what}: still at it after {SECONDS} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def replaced(file: Path, kind: str) -> Path | None:
    """Put something of this kind in place of the file; gives where the file is meanwhile."""
    aside = file.with_name(f"{file.name}.aside")
    there = file.exists()
    if there:
        file.rename(aside)
    file.parent.mkdir(parents=True, exist_ok=True)
    KINDS[kind](file)
    return aside if there else None


def put_back(file: Path, aside: Path | None) -> None:
    if file.is_dir() and not file.is_symlink():
        shutil.rmtree(file)
    else:
        file.unlink(missing_ok=True)
    if aside:
        aside.rename(file)


def outcome(target: Target, file: Path, kind: str) -> str:
    """What the reader says; "" where it takes the file or refuses it in one sentence."""
    aside = replaced(file, kind)
    try:
        with in_time(target.name):
            target.read(file)
    except CcdError as error:
        said = str(error)
        return "" if said.strip() and len(said) < 1000 and "\n" not in said else f"{target.name}, {kind}: {said}"
    except Exception as error:
        return f"{target.name}, {kind}: {type(error).__name__}: {str(error)[:200]}"
    finally:
        put_back(file, aside)
    return ""


Made = tuple[Path, list[Target]]
WHAT = {"text": text_targets, "release": release_targets, "model": model_targets}


@pytest.fixture(scope="module", params=WHAT)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """A folder with the files that readers read; every test puts back what it replaced."""
    folder = tmp_path_factory.mktemp(request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ccd.reports.plots.png", lambda _figure: PIXEL)
        return folder, WHAT[request.param](folder)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_file_is_one_sentence(made: Made, kind: str) -> None:
    folder, targets = made
    found = []
    for target in targets:
        if target.name.endswith("answer"):
            continue  # of a server, and no file
        file = folder / target.file
        file.parent.mkdir(parents=True, exist_ok=True)
        if not file.exists():
            file.write_bytes(target.valid)
        found.append(outcome(target, file, kind))
    assert [each for each in found if each] == []


@pytest.mark.parametrize("made", ["release"], indirect=True)
@pytest.mark.parametrize(
    "kind", ["pipe", *(pytest.param(kind, marks=pytest.mark.soak) for kind in ("device", "folder"))]
)
def test_verify_names_whatever_is_no_file(made: Made, kind: str) -> None:
    release = next(made[0].rglob("whole"))
    for file in sorted(path for path in release.rglob("*") if path.is_file()):
        name = file.relative_to(release).as_posix()
        aside = replaced(file, kind)
        try:
            with in_time(name):
                if name == "MANIFEST.sha256":
                    with pytest.raises(CcdError, match="it is a"):
                        verify(release)
                else:
                    assert any(line.startswith(name) for line in verify(release)), name
        finally:
            put_back(file, aside)
    assert verify(release) == []
