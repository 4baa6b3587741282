"""Small campaigns for tests: pairs without pictures, judgments without a Label Studio."""

import json
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ccd.campaign.campaign import Campaign
from ccd.campaign.config import Person
from ccd.campaign.tables import schema
from ccd.campaign.tables.notes import note


def people(*names: str) -> tuple[Person, ...]:
    return tuple(Person(name, f"{name}@example.org") for name in names)


def small_campaign(folder: Path, pairs: int = 0, annotators: str = "ann bob cy", protocol: str = "ccd") -> Campaign:
    campaign = Campaign.create(
        folder, name="small", protocol=protocol, annotators=people(*annotators.split()), adjudicators=people("lead")
    )
    if pairs:
        add_pairs(campaign, [f"x:{number}:0" for number in range(pairs)])
    return campaign


def add_pairs(campaign: Campaign, pair_ids: list[str], source: str = "table.tsv") -> None:
    rows = {
        schema.posts: lambda pair: {"post_id": pair.rsplit(":", 1)[0], "source": source, "text": "raw"},
        schema.images: lambda pair: {
            "sha256": f"sha-{pair}",
            "file": f"images/{pair.replace(':', '-')}.jpg",
            "format": "JPEG",
            "width": 1,
            "height": 1,
            "bytes": 3,
        },
        schema.pairs: lambda pair: {
            "pair_id": pair,
            "post_id": pair.rsplit(":", 1)[0],
            "image": f"sha-{pair}",
            "photo": 0,
            "text": "text",
            "text_sha256": f"text-{pair}",
            "collected_at": "2024-01-01",
        },
    }
    with campaign.write() as db:
        for table, row in rows.items():
            db.execute(table.insert(), [row(pair) for pair in pair_ids])


def judge(campaign: Campaign, pair: str, annotator: str, answer: Any = None, **fields: Any) -> None:
    """Store one judgment on the primary question, as a pull would; `fields` replaces any column."""
    answers = None if answer is None else json.dumps({campaign.protocol.question.name: answer})
    with campaign.write() as db:
        number = db.scalar(sa.select(sa.func.count()).select_from(schema.judgments)) or 0
        row = {
            "annotation": f"{pair} by {annotator}",
            "version": 1,
            "project_id": 1,
            "task_id": number,
            "pair_id": pair,
            "annotator": annotator,
            "role": "annotator",
            "status": "valid",
            "answers": answers,
            "seconds": 2.5,
            "created_at": f"2024-01-01T00:00:{number:02d}.000000Z",
            "digest": "d",
            "pulled_at": "2024-01-02",
        }
        db.execute(schema.judgments.insert().values(row | fields))


def back_to_schema_5(db: sa.Connection) -> None:
    """Take out what versions 6 and 7 of the schema added."""
    db.exec_driver_sql("DROP INDEX ix_pairs_collected_at")
    for table in (schema.pages, schema.revisions):
        table.drop(db)
    for name, columns in {
        "images": ("cleaned_sha256",),
        "pairs": ("copy_of",),
        "judgments": ("answered_at", "revision"),
        "rounds": ("question",),
        "desks": ("page", "page_since"),
        "tasks": ("annotations", "shown_since"),
        "stray_tasks": ("annotations",),
    }.items():
        for column in columns:
            db.exec_driver_sql(f"ALTER TABLE {name} DROP COLUMN {column}")
    note(db, "schema_version", 5)
