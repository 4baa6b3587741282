"""What every test starts from."""

import base64
import signal

import pytest

from tests.engines import ray_or_pickled as ray_or_pickled
from tests.guard import guard

# A run that was started in the background ignores Ctrl-C, and so would every process that a test starts.
signal.signal(signal.SIGINT, signal.default_int_handler)
guard()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first: one that began last would keep one processor waiting for the other."""
    slow = {item.path for item in items if "slow" in item.keywords}
    items.sort(key=lambda item: item.path not in slow)


PIXEL = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGP4DwABAQEAsTj2FAAAAABJRU5ErkJggg==")


@pytest.fixture
def undrawn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every picture of agreement and of a release is one pixel: drawing them is half of what a release takes."""
    monkeypatch.setattr("ccd.reports.plots.png", lambda _figure: PIXEL)
