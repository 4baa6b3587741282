"""What tests of a campaign run in processes of their own, which load no more than this file does."""

import multiprocessing
from pathlib import Path

import sqlalchemy as sa

from ccd.campaign.campaign import Campaign
from ccd.campaign.tables import schema
from ccd.campaign.tables.events import record
from ccd.errors import CcdError


def count_up(campaign: Campaign, who: str, times: int) -> None:
    for number in range(times):
        with campaign.write() as db:
            seen = db.scalar(sa.select(sa.func.count()).select_from(schema.events))
            record(db, who, "count", str(number), before=seen)


def count_up_elsewhere(folder: Path, who: str) -> None:
    count_up(Campaign.open(folder), who, 25)


def try_alone(folder: Path, answers: "multiprocessing.Queue[str]") -> None:
    try:
        with Campaign.open(folder).alone("push"):
            answers.put("in")
    except CcdError as error:
        answers.put(str(error))
