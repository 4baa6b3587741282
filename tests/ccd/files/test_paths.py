"""Whoever calls the library names a file or folder as text or as a path."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ccd import protocol
from ccd.campaign import backup
from ccd.campaign.campaign import Campaign
from ccd.campaign.config import Person, read_config
from ccd.errors import CcdError
from ccd.judgment_tables.table import read_table
from ccd.release import leaks, refill, verify
from tests.ccd.build import campaign

EDGES: dict[str, Callable[[Any], object]] = {
    "Campaign.open": Campaign.open,
    "read_config": read_config,
    "read_table": read_table,
    "protocol.load": protocol.load,
    "protocol.load, folder": lambda folder: protocol.load("my.toml", folder),
    "verify": verify,
    "leaks.check": leaks.check,
    "posts_of": refill.posts_of,
    "restore": lambda file: backup.restore(file, f"{file}-restored", lambda name, total: lambda number: None),
}


@pytest.mark.parametrize("edge", EDGES)
def test_text_and_path_give_the_same(edge: str, tmp_path: Path) -> None:
    """Of what is not there: one error, the same for both."""
    said = []
    for name in (tmp_path / "none.toml", str(tmp_path / "none.toml")):
        with pytest.raises(CcdError) as error:
            EDGES[edge](name)
        said.append(str(error.value))
    assert said[0] == said[1]


def test_a_campaign_is_made_and_opened_by_text(tmp_path: Path) -> None:
    people = (Person("ann", "ann@example.org"), Person("bob", "bob@example.org"), Person("cy", "cy@example.org"))
    Campaign.create(str(tmp_path / "c"), name="c", annotators=people, adjudicators=())
    assert Campaign.open(str(tmp_path / "c")).folder == (tmp_path / "c").resolve()


def test_a_backup_is_written_where_text_says(tmp_path: Path) -> None:
    made = campaign(tmp_path / "c", {})
    backup.backup(made, str(tmp_path / "c.tar"), lambda name, total: lambda number: None)
    backup.restore(str(tmp_path / "c.tar"), str(tmp_path / "d"), lambda name, total: lambda number: None)
    assert Campaign.open(str(tmp_path / "d")).uid == made.uid
