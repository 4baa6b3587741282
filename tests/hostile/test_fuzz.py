"""Whatever a stranger's file holds, its reader takes it or says what is wrong."""

import gzip
import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.hostile.mutate import mutated
from tests.hostile.targets import V2, Target, attempt, model_targets, release_targets, text_targets

pytest.importorskip("h5py")
KINDS: dict[str, Callable[[Path], list[Target]]] = {
    "text": text_targets,
    "release": release_targets,
    "model": model_targets,
}
EXAMPLES = [("text", 20), ("model", 20)]
"""How many of a kind are tried on each target; what stands in place of a release's files is in test_kinds.py."""
LONG = 200


def hostile(target: Target, content: bytes, folder: Path, examples: int) -> None:
    """Read changes of a content, and bytes that are nothing."""
    often = settings(max_examples=examples, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))

    @often
    @given(st.integers(0, 2**32))
    def changed(seed: int) -> None:
        attempt(target, mutated(content, random.Random(seed)), folder)

    @often
    @given(st.binary(max_size=300))
    def anything(data: bytes) -> None:
        attempt(target, data, folder)

    changed()
    anything()


@pytest.mark.parametrize(
    ("kind", "examples"),
    [*EXAMPLES, *(pytest.param(kind, LONG, marks=pytest.mark.soak) for kind in KINDS)],
)
@pytest.mark.filterwarnings("ignore")
def test_readers_take_it_or_say_what_is_wrong(kind: str, examples: int, tmp_path: Path) -> None:
    folder = tmp_path / "inside"
    folder.mkdir()
    targets = KINDS[kind](folder)
    for target in targets:
        content = target.valid or gzip.compress(json.dumps(V2).encode())
        assert attempt(target, content, folder), f"{target.name}: a valid content is refused"

        hostile(target, content, folder, examples)
    assert [path.name for path in tmp_path.iterdir()] == ["inside"], "a file outside the folder was written"
