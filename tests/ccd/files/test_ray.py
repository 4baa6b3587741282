"""Work on Ray Data: a cluster of this machine alone."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ccd.errors import CcdError
from ccd.files import ray
from ccd.files.ray import on_ray

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    ray = pytest.importorskip("ray", reason="Ray is not there")
    monkeypatch.chdir(ROOT)  # where its workers find this module
    yield
    ray.shutdown()


def half(number: int) -> int:
    if number % 2:
        raise CcdError(f"{number}: is odd; give another")
    return number // 2


def test_every_job_is_done_and_what_it_raises_is_raised_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray, "WINDOW", 3)
    asked: list[int] = []

    def jobs() -> Iterator[int]:
        for number in (0, 2, 4, 6, 8, 10, 11, 12, 14, 16, 18):
            asked.append(number)
            yield number

    found = on_ray(half, jobs())
    assert sorted(next(found) for _ in range(6)) == [0, 1, 2, 3, 4, 5]
    assert asked == [0, 2, 4, 6, 8, 10], "more jobs are asked for than a window holds"
    with pytest.raises(CcdError, match=r"^11: is odd; give another$"):
        list(found)
