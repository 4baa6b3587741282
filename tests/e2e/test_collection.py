"""Collecting on PostgreSQL: table, photos, near-duplicates and compliance give the same tables as on SQLite."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from apps.cli.main import cli
from ccd.campaign.campaign import Campaign
from ccd.campaign.tables import schema
from collection import x_api
from tests.collection import replay
from tests.collection.photo_server import serving
from tests.e2e.conftest import LEAD, PEOPLE, edit

PAIRS = 300
TIMES = {"at", "checked_at", "collected_at", "created_at"}


def collect(folder: Path, table: Path) -> None:
    """All stages of a collection, as commands."""
    for words in (
        ["collect", "table", str(table)],
        ["collect", "photos"],
        ["duplicates"],
        ["compliance", "--yes"],
        ["status"],
    ):
        result = CliRunner().invoke(cli, [*words, "--dir", str(folder)], catch_exceptions=False)
        assert result.exit_code == 0, result.output


def tables(campaign: Campaign) -> dict[str, list[Any]]:
    """Every row of every table, without times and the campaign's own mark."""
    with campaign.read() as db:
        return {
            table.name: sorted(
                repr({name: value for name, value in row.items() if name not in TIMES})
                for row in db.execute(sa.select(table)).mappings()
                if row.get("key") != "uid"
            )
            for table in schema.metadata.sorted_tables
        }


def test_a_collection_is_the_same_on_postgresql(postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    admin = sa.create_engine(postgres, isolation_level="AUTOCOMMIT")
    with admin.connect() as db:
        db.exec_driver_sql("CREATE DATABASE collection")
    admin.dispose()
    campaigns = []
    with serving() as photos, replay.serving() as x:
        # every tenth repeats the picture and nearly the text of the one before, every eleventh post is gone
        same = [i - (i % 10 == 0) for i in range(PAIRS)]
        lines = [
            f"{i}\t{hashlib.sha256(b'%d' % same[i]).hexdigest()} é🐈 sits on the mat{'!' * (i - same[i])}"
            f"\t{photos.url(f'photo/{same[i]}')}"
            for i in range(1, PAIRS)
        ]
        lines.append(f"{PAIRS}\tno photo there\t{photos.url('status/404')}")
        (tmp_path / "table.tsv").write_text("\n".join(["tweet_id\ttext\timage", *lines, ""]))
        x.add(*[replay.post(i) for i in range(1, PAIRS + 1) if i % 11])
        monkeypatch.setenv("CCD_ALLOW_PRIVATE_HOSTS", photos.address)
        monkeypatch.setenv(x_api.TOKEN, replay.TOKEN)
        monkeypatch.setenv(x_api.BASE_URL, x.url)
        for name in ("sqlite", "postgresql"):
            Campaign.create(tmp_path / name, name="same", annotators=PEOPLE, adjudicators=LEAD)
            if name == "postgresql":
                url = postgres.replace("/postgres?", "/collection?")
                edit(
                    tmp_path / name,
                    '# database_url = "postgresql+psycopg://user@host/database"',
                    f'database_url = "{url}"',
                )
            collect(tmp_path / name, tmp_path / "table.tsv")
            campaigns.append(Campaign.open(tmp_path / name))
    assert [campaign.engine.dialect.name for campaign in campaigns] == ["sqlite", "postgresql"]
    sqlite, postgresql = map(tables, campaigns)
    assert postgresql == sqlite
    assert len(sqlite["tombstones"]) == PAIRS // 11
    assert len(sqlite["pairs"]) > 200
    assert any("near-duplicate" in row for row in sqlite["drops"])
    for campaign in campaigns:
        campaign.engine.dispose()
