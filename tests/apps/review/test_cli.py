"""`ccd review` as a person calls it wrongly."""

import socket
from pathlib import Path

import pytest
from click.testing import CliRunner

from apps.cli.main import cli
from tests.campaigns import small_campaign


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::"])
def test_other_hosts_need_a_password(host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CCD_REVIEW_PASSWORD", raising=False)
    done = CliRunner().invoke(cli, ["review", "--dir", str(tmp_path), "--host", host])
    assert done.exit_code == 2
    assert "put a password for them into CCD_REVIEW_PASSWORD" in done.stderr


def test_a_port_that_is_taken_and_no_campaign_are_one_line(tmp_path: Path) -> None:
    small_campaign(tmp_path / "c")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = CliRunner().invoke(cli, ["review", "--dir", str(tmp_path / "c"), "--port", port])
    assert done.exit_code == 2
    assert f"127.0.0.1:{port}: cannot be used" in done.stderr
    done = CliRunner().invoke(cli, ["review", "--dir", str(tmp_path)])
    assert done.exit_code == 2
    assert "no campaign here" in done.stderr
