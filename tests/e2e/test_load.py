"""Ten annotators at once beside `ccd pull --follow` and the review app; longer in benchmarks/load.py."""

from pathlib import Path

import pytest

from annotation.accounts import create_missing
from benchmarks.load import campaign_for, load, make_database
from tests.e2e.conftest import Server, api


@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.soak)])
def test_ten_annotators_at_once_lose_and_double_nothing(
    server: Server, tmp_path: Path, request: pytest.FixtureRequest, database: str
) -> None:
    url = None if database == "sqlite" else make_database(request.getfixturevalue("postgres"), "load")
    names = [f"{database}{number}" for number in range(10)]
    campaign = campaign_for(tmp_path / "load" / "c", names, 12, url, server.url)
    passwords = create_missing(api(server), campaign.config.annotators, lambda person, password: None)
    held = load(campaign, api(server), passwords, seconds=4)
    assert held.is_whole, held
    assert held.taken > 0
    assert held.pages > 0
    campaign.engine.dispose()
