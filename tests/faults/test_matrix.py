"""Every command that writes, disturbed in every way: it ends as if undisturbed, or says one clear line.

A cell of each kind runs here, at a moment that a seed draws; benchmarks/faults.py tries many more moments. push and
pull, which need a Label Studio, are disturbed in tests/e2e.
"""

from collections.abc import Iterator

import pytest

from tests.faults.commands import COMMANDS, Command
from tests.faults.faults import FAULTS, NotHere
from tests.faults.laboratory import Laboratory, laboratory


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laboratory]:
    with laboratory(tmp_path_factory.mktemp("faults")) as made:
        yield made


CELLS = [(command, fault) for command in COMMANDS for fault in command.slow or FAULTS]


@pytest.mark.parametrize(("command", "fault"), CELLS, ids=[f"{command.name}: {fault}" for command, fault in CELLS])
def test_it_ends_as_undisturbed_or_says_one_line(lab: Laboratory, command: Command, fault: str) -> None:
    try:
        lab.cell(command, fault, seed=1)
    except NotHere as reason:
        pytest.skip(str(reason))
