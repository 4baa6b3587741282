"""Every command that writes, disturbed in every way: it ends as if undisturbed, or says one clear line.

Each cell runs at a moment that a seed draws: a kill of each command that no other test kills and some others in
`make test`, all in `make soak`, and many more moments in benchmarks/faults.py.
push and pull, which need a Label Studio, are disturbed in tests/e2e.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.faults.commands import COMMANDS, Command
from tests.faults.faults import FAULTS, NotHere, can_befall
from tests.faults.laboratory import Laboratory, laboratory

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    with laboratory(tmp_path_factory.mktemp("faults")) as made:
        yield made


KILLED_ELSEWHERE = ("collect table", "collect x", "collect photos", "release", "release ids", "train", "predict")
IN_SOAK = ("LC_ALL=C",)  # costs a process that loads everything; test_release.py writes a release in that locale


def cells() -> Iterator[Any]:
    """Every command under each fault that can befall it; in `make test` each is killed, every second disturbed too."""
    for place, command in enumerate(COMMANDS):
        able = [fault for fault in FAULTS if can_befall(command, fault)]
        others = ["network cut"] if command.online else [each for each in able if each not in ("kill -9", *IN_SOAK)]
        quick = ("" if command.name in KILLED_ELSEWHERE else "kill -9", others[place // 2 % len(others)] * (place % 2))
        for fault in able:
            marks = () if fault in quick else pytest.mark.soak
            yield pytest.param(command, fault, id=f"{command.name}: {fault}", marks=marks)


@pytest.mark.parametrize(("command", "fault"), list(cells()))
def test_it_ends_as_undisturbed_or_says_one_line(lab: Laboratory, command: Command, fault: str) -> None:
    try:
        lab.cell(command, fault, seed=1)
    except NotHere as reason:
        pytest.skip(str(reason))
