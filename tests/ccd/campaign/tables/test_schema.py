"""A database that another version of the toolkit made: refused where newer, brought forward where older."""

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from ccd.campaign.campaign import Campaign
from ccd.campaign.tables import migrations, schema
from ccd.campaign.tables.notes import note
from ccd.errors import CcdError
from tests.campaigns import back_to_schema_5, small_campaign


def version_of(campaign: Campaign) -> str | None:
    with campaign.read() as db:
        return db.scalar(sa.select(schema.meta.c.value).where(schema.meta.c.key == "schema_version"))


def test_a_new_database_has_every_table_and_its_version(tmp_path: Path) -> None:
    campaign = small_campaign(tmp_path)
    assert set(sa.inspect(campaign.engine).get_table_names()) == set(schema.metadata.tables)
    assert version_of(campaign) == str(schema.SCHEMA_VERSION)


NOW = schema.SCHEMA_VERSION


def test_a_newer_schema_is_refused_untouched(tmp_path: Path) -> None:
    campaign = small_campaign(tmp_path)
    with campaign.write() as db:
        db.execute(schema.meta.update().where(schema.meta.c.key == "schema_version").values(value="99"))
        schema.releases.drop(db)
    with pytest.raises(CcdError, match=r"campaign\.db has schema version 99.*upgrade the toolkit"):
        Campaign.open(tmp_path)
    assert version_of(campaign) == "99"
    assert "releases" not in sa.inspect(campaign.engine).get_table_names()


def test_an_older_database_is_brought_forward_step_by_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    campaign = small_campaign(tmp_path, pairs=2)
    steps: list[int] = []

    def one(db: sa.Connection) -> None:
        steps.append(1)
        db.exec_driver_sql("ALTER TABLE posts ADD COLUMN likes INTEGER DEFAULT 7")

    def two(db: sa.Connection) -> None:
        steps.append(2)
        db.exec_driver_sql("UPDATE posts SET likes = likes + 1")

    monkeypatch.setattr(schema, "SCHEMA_VERSION", NOW + 2)
    monkeypatch.setattr(migrations, "MIGRATIONS", {NOW: one, NOW + 1: two})
    forward = Campaign.open(tmp_path)
    Campaign.open(tmp_path)
    assert steps == [1, 2]
    assert version_of(forward) == str(NOW + 2)
    assert forward.uid == campaign.uid
    with forward.read() as db:
        assert db.exec_driver_sql("SELECT likes FROM posts").scalars().all() == [8, 8]


def test_a_migration_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    campaign = small_campaign(tmp_path)

    def half(db: sa.Connection) -> Any:
        db.exec_driver_sql("ALTER TABLE posts ADD COLUMN likes INTEGER")
        db.exec_driver_sql("UPDATE nowhere SET x = 1")

    monkeypatch.setattr(schema, "SCHEMA_VERSION", NOW + 1)
    monkeypatch.setattr(migrations, "MIGRATIONS", {NOW: half})
    with pytest.raises(CcdError, match="no such table: nowhere"):
        Campaign.open(tmp_path)
    assert version_of(campaign) == str(NOW)
    assert "likes" not in {column["name"] for column in sa.inspect(campaign.engine).get_columns("posts")}


def test_a_campaign_of_schema_1_becomes_one_of_today(tmp_path: Path) -> None:
    campaign = small_campaign(tmp_path, pairs=2)
    wanted = shape(campaign)
    with campaign.write() as db:  # what version 1 did not have
        db.exec_driver_sql("DROP INDEX ix_pairs_duplicate_group")
        db.exec_driver_sql("DROP INDEX ix_drops_item")
        back_to_schema_5(db)
        for table in (schema.photos, schema.cursors, schema.priors, schema.tombstones, schema.assists):
            table.drop(db)
        for table, columns in {
            "posts": ("author_key", "sensitive", "status", "checked_at"),
            "images": ("phash",),
            "pairs": ("model_text", "alt_text", "duplicate_group"),
            "judgments": ("prediction",),
            "round_pairs": ("part", "place"),
        }.items():
            for column in columns:
                db.exec_driver_sql(f"ALTER TABLE {table} DROP COLUMN {column}")
        note(db, "schema_version", 1)
    forward = Campaign.open(tmp_path)
    assert shape(forward) == wanted
    with forward.read() as db:
        assert db.scalar(sa.select(sa.func.count()).select_from(schema.pairs)) == 2
        assert set(db.scalars(sa.select(schema.posts.c.status))) == {"live"}


def shape(campaign: Campaign) -> dict[str, set[str]]:
    """Tables with their columns, and the indexes of two of them."""
    found = sa.inspect(campaign.engine)
    tables = {name: {column["name"] for column in found.get_columns(name)} for name in found.get_table_names()}
    return tables | {"indexes": {str(i["name"]) for table in ("pairs", "drops") for i in found.get_indexes(table)}}
