"""`ccd demo` leaves no server behind where it fails."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from apps import demo
from apps.cli.main import cli
from ccd.errors import CcdError


def test_without_a_usable_pair_no_server_is_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "tweets.tsv").write_text("id\ttext\timage\n1\tA text\tmissing.jpg\n")
    monkeypatch.setattr(demo.local, "start", lambda *_: pytest.fail("a server was started"))
    with pytest.raises(CcdError, match="no pair of its table can be used"):
        demo.run(cli, tmp_path / "c", data, 20, 1)


def test_a_server_whose_demo_fails_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped: list[Path] = []

    def fail(*_: Any) -> None:
        raise CcdError("the server fell silent; try again")

    monkeypatch.setattr(demo.local, "start", lambda *_: SimpleNamespace(url="http://127.0.0.1:9", token="t"))
    monkeypatch.setattr(demo.local, "stop", stopped.append)
    monkeypatch.setattr(demo, "create_missing", fail)
    with pytest.raises(CcdError, match="fell silent"):
        demo.run(cli, tmp_path / "c", None, 20, 1)
    assert stopped == [(tmp_path / "c").resolve()]
