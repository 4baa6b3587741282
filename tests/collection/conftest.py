"""A small campaign and small pictures for the tests of collection."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from ccd.campaign.campaign import Campaign
from ccd.campaign.config import Person

ANNOTATORS = tuple(Person(f"a{i}", f"a{i}@example.org") for i in (1, 2, 3))


@pytest.fixture
def campaign(tmp_path: Path) -> Campaign:
    return Campaign.create(tmp_path / "campaign", name="t", annotators=ANNOTATORS, adjudicators=())


@pytest.fixture
def paint(tmp_path: Path) -> Callable[..., Path]:
    """Paints a small picture of one colour; its name says the format."""

    def paint(name: str, colour: int = 0) -> Path:
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 6), (colour % 256, colour // 256 % 256, 90)).save(file)
        return file

    return paint
