"""Rounds of ranking on a real Label Studio: train, predict, rank, judge in that order, pull, and again."""

import json
import math
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa

from annotation.desks import known_desks
from ccd.campaign.campaign import Campaign
from ccd.campaign.tables import schema
from ccd.measures.draws import Stratum
from ccd.measures.prevalence import Payoff, payoff
from collection.records import Photo, Record
from collection.store import collect
from collection.synthetic.folder import write_dataset
from collection.synthetic.pairs import Settings
from collection.synthetic.records import SOURCE
from collection.synthetic.shards import Plan
from collection.synthetic.simulated import Detector
from tests.e2e.conftest import LEAD, PEOPLE, Server, ccd, edit
from tests.e2e.test_campaign import judge

pytest.importorskip("torch", reason="needs the extra model")

PAIRS, SIZE = 300, 10
NAMES = ["ann", "bob", "cy"]


def made(url: str, folder: Path, world: Path) -> tuple[Campaign, dict[str, str]]:
    """A campaign of a small made world, with a detector that never errs for its regions; and the true labels."""
    write_dataset(world, Plan(PAIRS, Settings(3), Detector(1, 0, 0)), 1, lambda number: None)
    Campaign.create(folder, name=folder.name, annotators=PEOPLE, adjudicators=LEAD)
    edit(folder, '# url = "http://127.0.0.1:8080"', f'url = "{url}"')
    edit(folder, 'regions = "light"', f'regions = "names:{world / "detections.jsonl"}"')
    campaign = Campaign.open(folder)
    records, truth = list[Record](), dict[str, str]()
    for split in ("train", "dev", "test"):
        for line in (world / f"{split}.jsonl").open():
            row = json.loads(line)
            photo = Photo(0, world / row["image"])
            records.append(Record(row["post_id"], row["text"], None, "en", (photo,), row["pair_id"]))
            truth[row["pair_id"]] = row["label"]
    collect(campaign, records, SOURCE)
    return campaign, truth


def in_rank_order(campaign: Campaign, number: int) -> list[str]:
    """The pairs of an active round by their place; each annotator's desk must hold and answer them in this order."""
    rp, t, j = schema.round_pairs.c, schema.tasks.c, schema.judgments.c
    with campaign.read() as db:
        queue = list(db.scalars(sa.select(rp.pair_id).where(rp.round == number).order_by(rp.place)))
        for name in NAMES:
            mine = (t.desk == name) & t.pair_id.in_(queue)
            assert list(db.scalars(sa.select(t.pair_id).where(mine).order_by(t.task_id))) == queue
            given = (j.annotator == name) & j.pair_id.in_(queue)
            assert list(db.scalars(sa.select(j.pair_id).where(given).order_by(j.created_at))) == queue
    return queue


def found(campaign: Campaign, arm: str, part: str | None) -> tuple[int, int]:
    """Pairs settled as implicit, and judged pairs, of an arm and part."""
    rp, r, v = schema.round_pairs, schema.rounds, schema.labels
    query = sa.select(v.c.label).join_from(rp, r, r.c.round == rp.c.round).join(v, v.c.pair_id == rp.c.pair_id)
    with campaign.read() as db:
        labels = list(
            db.scalars(query.where(r.c.arm == arm, rp.c.part.is_(None) if part is None else rp.c.part == part))
        )
    return labels.count("implicit"), len(labels)


def difference(one: Payoff, other: Payoff) -> tuple[float, float, float]:
    """Of two rates, with its 95 % interval from theirs (Zou and Donner 2008)."""
    found = one.rate - other.rate
    low = found - math.hypot(one.rate - one.low, other.high - other.rate)
    return found, low, found + math.hypot(one.high - one.rate, other.rate - other.low)


@pytest.mark.parametrize(("first", "rounds"), [(36, 1), pytest.param(60, 3, marks=pytest.mark.soak)])
def test_ranked_rounds_go_out_in_order_and_teach_the_next_network(
    server: Server, tmp_path: Path, first: int, rounds: int
) -> None:
    campaign, truth = made(server.url, tmp_path / f"ranked{rounds}", tmp_path / "world")
    folder = campaign.folder
    assert "ranks by predictions" in ccd(folder, "rank", "--size", "5", code=2).err
    ccd(folder, "round", "new", "--size", str(first), "--seed", "1")
    versions = set()
    for number in range(1, rounds + 2):
        assert set(ccd(folder, "push").facts["sent"].values()) >= {first if number == 1 else SIZE}
        judge(campaign, server, truth, NAMES)
        ccd(folder, "pull")
        ccd(folder, "labels")
        if number > 1:
            in_rank_order(campaign, number)
        ccd(folder, "split")
        if number <= rounds:
            ccd(folder, "train", "--model", "similarity", "--threads", "1")
            ccd(folder, "predict")
            ranked = ccd(folder, "rank", "--size", str(SIZE), "--seed", str(number)).facts
            assert ranked["parts"] == {"strategy": 6, "diverse": 2, "random": 2}
            assert ranked["label"] == "implicit"
            versions.add(ranked["model_version"])
    assert len(versions) == rounds  # each round was ranked by a network that was trained on the rounds before
    assert set(known_desks(campaign)) >= set(NAMES)

    # Dev and test hold no pair that a network chose, nor one of an active round's random part.
    with campaign.read() as db:
        rp, s = schema.round_pairs.c, schema.splits.c
        active = sa.select(rp.pair_id).where(rp.round > 1)
        assert set(db.scalars(sa.select(s.split).where(s.pair_id.in_(active)))) == {"train"}

    told = ccd(folder, "status").facts["prevalence"]
    assert told["drawn"] <= first + 2 * rounds
    implicit = next(one for one in told["labels"] if one["label"] == "implicit")
    share = sum(label == "implicit" for label in truth.values()) / PAIRS
    assert implicit["low"] <= share <= implicit["high"]

    hits, judged = found(campaign, "active", "strategy")
    chance_hits, chance_judged = found(campaign, "random", None)
    assert (judged, chance_judged) == (6 * rounds, first)
    # What a judgment found, of three a pair, beside the random arm's, and the difference, each with its interval. Which
    # is higher is for benchmarks.acquisition to say: a hundred labels are too few for one run to show it.
    everything = [Stratum(1, PAIRS, {1: np.array([chance_judged - chance_hits, chance_hits], float)})]
    ranked_rate = payoff({2: (hits, judged)}, everything, 1)
    random_rate = payoff({2: (chance_hits, chance_judged)}, everything, 1)
    assert ranked_rate is not None
    assert random_rate is not None
    kept = Path(__file__).resolve().parents[2] / "artifacts"
    kept.mkdir(exist_ok=True)
    figures: dict[str, object] = {
        arm: {"hits": rate.hits, "pairs": rate.judged, "per_judgment": [rate.rate / 3, rate.low / 3, rate.high / 3]}
        for arm, rate in (("active", ranked_rate), ("random", random_rate))
    }
    figures["difference_per_judgment"] = [each / 3 for each in difference(ranked_rate, random_rate)]
    (kept / "rank.json").write_text(json.dumps(figures | {"prevalence": told}, indent=1))
