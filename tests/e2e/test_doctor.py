"""`ccd doctor --fix` brings back a Label Studio that was killed: same address, same accounts, same answers."""

import os
import signal
import time

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
