"""Ray for `make soak`, and for quick tests what Ray does to a job: all that goes to a worker and back is pickled."""

import pickle
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ENGINES = ("pickled", pytest.param("ray", marks=pytest.mark.soak))


@pytest.fixture(params=ENGINES)
def ray_or_pickled(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """The `on_ray` to expect: Ray's own, or one in this process, put in its place in the module under test."""
    from ccd.files.ray import on_ray

    if request.param == "ray":
        ray = pytest.importorskip("ray", reason="Ray is not installed")
        monkeypatch.chdir(Path(__file__).parents[1])  # where its workers find the package
        yield on_ray
        ray.shutdown()
        return
    module: ModuleType = request.module.USES_RAY
    monkeypatch.setattr(module, "on_ray", pickled)
    yield pickled


def pickled(function: Callable[[Any], Any], jobs: Iterable[Any], threads: int = 1) -> Iterator[Any]:
    """function(job) of every job, each in its turn, as if it came from another machine."""
    for job in jobs:
        yield _copy(function(_copy(job)))


def _copy(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))
