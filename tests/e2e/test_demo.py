"""`ccd demo` as a newcomer runs it, on its own world and on real pairs."""

import csv
import json
import shutil
from itertools import islice
from pathlib import Path

import pytest

from annotation import studio as local
from tests.data import SHARED
from tests.e2e.conftest import ccd


def some_tweets(folder: Path) -> Path:
    """The first real tweets, and their photos."""
    assert SHARED is not None
    folder.mkdir()
    with (SHARED / "tweets" / "tweets.tsv").open(encoding="utf-8") as tweets:
        lines = list(islice(tweets, 200))
    (folder / "tweets.tsv").write_text("".join(lines), encoding="utf-8")
    for row in csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE):
        image = folder / row["image_file"]
        image.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(SHARED / "tweets" / row["image_file"], image)
    return folder


@pytest.mark.parametrize("source", ["synthetic", pytest.param("real", marks=pytest.mark.soak)])
def test_demo(tmp_path: Path, source: str) -> None:
    if source == "real" and SHARED is None:
        pytest.skip("needs ../shared/data")
    folder = tmp_path / "demo"
    data = ["--data", str(some_tweets(tmp_path / "data"))] if source == "real" else []
    try:
        done = ccd(folder, "demo", "--size", "40", *data)
        assert done.facts["synthetic"] is (source == "synthetic")
        assert set(done.facts["accounts"]) == {"ann", "bob", "cy", "lead"}
        assert local.status(folder) is not None  # left running for a look
        status = ccd(folder, "status").facts
        assert [person["open"] for person in status["annotators"]] == [0, 0, 0]
        assert status["releases"] == ["v1"]
        release = folder / "releases" / "v1"
        card = (release / "README.md").read_text()
        assert ("ynthetic" in card) is (source == "synthetic")
        assert json.loads((release / "release.json").read_text())["synthetic"] is (source == "synthetic")
        assert "imulated" in done.err
    finally:
        assert local.stop(folder)
    ccd(folder, "demo", code=2)  # never over an existing campaign
