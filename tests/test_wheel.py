"""The wheel, installed outside of the checkout beside what `pip install ccd-toolkit` brings and nothing else."""

import importlib.metadata
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from PIL import Image

from apps.cli.main import cli
from docs.reference import leaves

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parent.parent
FLOORS = ("ccd", "collection", "annotation", "model", "apps")


def run(*words: object, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, **options)  # type: ignore[call-overload, no-any-return]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from what git tracks, as a release is: what lies about in the folder must not help."""
    folder = tmp_path_factory.mktemp("wheel")
    tracked = run("git", "ls-files", "-z", cwd=ROOT, check=True).stdout.split("\0")
    for name in filter(None, tracked):
        if name.startswith(FLOORS) or "/" not in name:
            copy = folder / "source" / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes((ROOT / name).read_bytes())
    pip = (sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", folder)
    done = run(*pip, folder / "source")
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("*.whl")
    return built


def required(name: str, seen: set[str]) -> Iterator[importlib.metadata.Distribution]:
    """A package and all that it requires, without extras of ours."""
    if canonicalize_name(name) in seen:
        return
    seen.add(canonicalize_name(name))
    found = importlib.metadata.distribution(name)
    yield found
    for line in found.requires or ():
        requirement = Requirement(line)
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
            yield from required(requirement.name, seen)


@pytest.fixture(scope="module")
def ccd(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`ccd` of an environment that has the wheel and, as links to those here, the packages it requires: no extra."""
    home = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", home, check=True)
    (site,) = (home / "lib").glob("python*/site-packages")
    pip = (
        sys.executable,
        "-m",
        "pip",
        "--python",
        home / "bin" / "python",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
    )
    done = run(*pip, wheel)
    assert done.returncode == 0, done.stderr
    for distribution in list(required("ccd-toolkit", set()))[1:]:
        for top in {Path(str(file)).parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}:
            if not (site / top).exists():
                (site / top).symlink_to(Path(str(distribution.locate_file(top))))
    return home / "bin" / "ccd"


IN_TURN = """
import contextlib, io, json, sys
from apps.cli.main import cli
for words in json.loads(sys.argv[1]):
    out, err = (io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for _ in range(2))
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            code = cli.main(words, prog_name="ccd", standalone_mode=False) or 0
        except SystemExit as end:
            code = end.code
    print(json.dumps([code, *(stream.buffer.getvalue().decode() for stream in (out, err))]))
"""


def at(folder: Path, ccd: Path, *lines: str) -> list[tuple[int, str, str]]:
    """Run lines of `ccd` one after another in a process there, without what this test's environment adds.

    Gives the exit code, stdout and stderr of each.
    """
    keep = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL"))}
    env = keep | {"HOME": str(folder), "CCD_STUDIO_ENV": str(folder / "none")}
    words = json.dumps([line.split() for line in lines])
    done = run(ccd.with_name("python"), "-c", IN_TURN, words, cwd=folder, env=env)
    assert done.returncode == 0, done.stderr
    return [tuple(json.loads(line)) for line in done.stdout.splitlines()]


def test_nothing_is_missing_from_the_wheel(wheel: Path) -> None:
    tracked = run("git", "ls-files", *FLOORS, cwd=ROOT, check=True).stdout.split()
    with zipfile.ZipFile(wheel) as archive:
        packed = [name for name in archive.namelist() if ".dist-info/" not in name]
    assert sorted(packed) == sorted(tracked)


def test_it_stands_alone(ccd: Path, tmp_path: Path) -> None:
    (tmp_path / "tweets").mkdir()
    Image.new("RGB", (90, 60), (200, 30, 30)).save(tmp_path / "tweets" / "a.png")
    (tmp_path / "tweets" / "t.tsv").write_text("tweet_id\ttext\timage_file\n263046056240115712\tA red thing\ta.png\n")
    lines = (
        "init c",
        "protocol list",
        "protocol show otto2020",
        "collect table tweets/t.tsv --dir c",
        "world --out world --pairs 12",
        "verify world",
        "encode --dir c",
        "agreement --table world/judgments.csv --out report",
        "completion bash",
        "status --dir c --json -",
        "doctor --dir c --json -",
    )
    ended = at(tmp_path, ccd, *lines)
    for line, (code, _out, err) in zip(lines[:-1], ended, strict=False):
        assert code == 0, f"{line}: {err}"
    status, doctor = (json.loads(out) for _code, out, _err in ended[-2:])
    assert (status["pairs"], status["next"]["command"]) == (1, "ccd round new --size 1 --seed 1")
    failed = {check["what"] for check in doctor["checks"] if not check["ok"]}
    assert failed <= {"Label Studio is installed", "Label Studio answers, accounts", "disk: 2 GiB free"}


def test_every_command_has_help_there(ccd: Path, tmp_path: Path) -> None:
    asked = "import apps.cli.main, sys\nfor path in sys.argv[1:]:\n"
    asked += " apps.cli.main.cli.main([*path.split(), '--help'], standalone_mode=False)"
    paths = [" ".join(path) for path, _command in leaves(cli)]
    keep = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    done = run(ccd.with_name("python"), "-c", asked, *paths, cwd=tmp_path, env=keep)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Exit codes: 0") == len(paths)


NEEDS = {
    "train --data world": "model",
    "evaluate --dir c": "model",
    "predict --dir c": "model",
    "explain x:1:0 --dir c": "model",
    "replay --data world": "model",
    "reproduce table3 --data world": "model",
    "backend --dir c": "model",
    "review --dir c": "review",
    "encode --engine ray --dir c": "ray",
    "collect mastodon tag cats --instance mastodon.social --dir c": "social",
    "status --dir on-postgres": "postgres",
}


def test_a_command_that_needs_an_extra_names_it(ccd: Path, tmp_path: Path) -> None:
    made = at(tmp_path, ccd, "init c", "init on-postgres", "world --out world --pairs 12")
    assert [code for code, _out, _err in made] == [0, 0, 0]
    toml = tmp_path / "on-postgres" / "campaign.toml"
    toml.write_text('database_url = "postgresql+psycopg://me@localhost/x"\n' + toml.read_text())
    for (line, extra), (code, _out, err) in zip(NEEDS.items(), at(tmp_path, ccd, *NEEDS), strict=True):
        assert code == 2, line
        (said,) = err.splitlines()
        assert said.startswith("ccd: "), line
        assert f"ccd-toolkit[{extra}]" in said, line
