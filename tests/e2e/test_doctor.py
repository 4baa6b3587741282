"""`ccd doctor --fix` brings back a Label Studio that was killed: same address, same accounts, same answers."""

import os
import signal
import time

import pytest

from annotation import studio as local
from tests.e2e.conftest import Server, api, ccd


def test_a_killed_label_studio_is_started_again(server: Server) -> None:
    known = [user["email"] for user in api(server).get("/api/users/")]
    running = local.status(server.folder)
    assert running is not None
    os.kill(running.pid, signal.SIGKILL)
    while local.status(server.folder):
        time.sleep(0.1)
    checks = {check["what"]: check["ok"] for check in ccd(server.folder, "doctor", code=1).facts["checks"]}
    assert not checks["Label Studio answers, accounts"]
    facts = ccd(server.folder, "doctor", "--fix").facts
    assert [one["done"] for one in facts["mended"]] == [f"started again at {server.url}"]
    assert all(check["ok"] for check in facts["checks"])
    assert [user["email"] for user in api(server).get("/api/users/")] == known
    assert ccd(server.folder, "doctor", "--fix").facts["mended"] == []


@pytest.mark.parametrize("left", [None, "{"])
def test_a_label_studio_that_nobody_noted_down_is_found(server: Server, left: str | None) -> None:
    """As where `ccd studio start` was killed just after it had started one: two would write into one database."""
    noted = server.folder / "studio" / "server.json"
    before = local.status(server.folder)
    noted.unlink()
    if left:
        noted.write_text(left)
    ccd(server.folder, *(("doctor", "--fix") if left else ("studio", "start")))
    assert local.status(server.folder) == before
