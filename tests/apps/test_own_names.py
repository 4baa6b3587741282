"""The toolkit works in a folder whose files have the names of its packages: model.py, apps.py and so on."""

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

from apps.cli.main import cli
from apps.retraining import Retraining
from ccd.campaign.campaign import Campaign
from ccd.campaign.config import Person
from docs.reference import leaves
from tests.test_house import FLOORS

pytestmark = pytest.mark.slow

CCD = Path(sys.executable).with_name("ccd")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, a campaign, with a file of each package's name; to import one fails."""
    people = tuple(Person(name, f"{name}@example.org") for name in ("ann", "bob", "cy"))
    Campaign.create(tmp_path, name="t", annotators=people, adjudicators=())
    for name in FLOORS:
        (tmp_path / f"{name}.py").write_text(f"raise AssertionError('{name}.py of a user was imported')\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_retraining_runs_the_toolkits_command(folder: Path) -> None:
    said: list[str] = []
    retraining = Retraining(folder, 1, lambda: "ananet", said.append)
    retraining.answered()
    deadline = time.monotonic() + 60
    while len(said) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    retraining.stop()
    assert said[0] == "retraining begins"
    assert f"`ccd pull` failed: ccd: {folder}: no Label Studio runs for this campaign" in said[-1]


def test_the_review_app_answers(folder: Path) -> None:
    process = subprocess.Popen([CCD, "review"], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    said = process.stderr.readline()
    url = re.search(r"http://\S+:\d+", said)
    try:
        assert url, said
        assert requests.get(url[0], timeout=60).status_code == 200
    finally:
        process.send_signal(2)
        assert process.communicate(timeout=60)[1] == ""
    assert process.returncode == 0


HELP = """
import json, sys
from apps.cli.main import cli
for path in json.loads(sys.argv[1]):
    cli.main([*path, "--help"], standalone_mode=False)
"""


def test_every_command_has_help_there(folder: Path) -> None:
    paths = [path for path, _command in leaves(cli)]
    done = subprocess.run([sys.executable, "-Pc", HELP, json.dumps(paths)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Exit codes: 0") == len(paths)
