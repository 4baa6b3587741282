"""Campaigns whose pairs have made-up features, and networks for them that nobody has trained."""

from dataclasses import asdict
from pathlib import Path

import numpy as np
import sqlalchemy as sa
import torch

from ccd.campaign.campaign import Campaign
from ccd.campaign.tables import schema
from model.baselines.sizes import Sizes
from model.checkpoint import Checkpoint, TrainingRun
from model.encoders.protocol import Regions, Words
from model.features import cache_folder, text_key, write_shard
from model.zoo import config_of, make
from tests.campaigns import add_pairs, small_campaign
from tests.model.caches import WIDTH, Made

LABELS = ("irrelevant", "implicit", "explicit")
SHARD = 500  # items of a shard of the caches


def campaign_with_features(folder: Path, pairs: int, space: str | None = None) -> Campaign:
    """Pair x:i:0 has a text of i % 8 words of its own and the image of 1 to 4 regions of its post."""
    campaign = small_campaign(folder)
    add_pairs(campaign, [f"x:{number:07}:0" for number in range(pairs)])
    texts = [f"text {number}" for number in range(pairs)]
    with campaign.write() as db:
        p = schema.pairs.c
        ids = db.scalars(sa.select(p.pair_id).order_by(p.pair_id)).all()
        told = [{"of": pair, "seen": text} for pair, text in zip(ids, texts, strict=True)]
        db.execute(
            schema.pairs.update().where(p.pair_id == sa.bindparam("of")).values(model_text=sa.bindparam("seen")), told
        )
    draw = np.random.default_rng(0)
    for kind in ("regions", "words"):
        cache = cache_folder(folder / "features", kind, "made", Made("made", space))  # type: ignore[arg-type]
        for start in range(0, pairs, SHARD):
            items: list[tuple[str, Regions | Words]] = []
            for number in range(start, min(start + SHARD, pairs)):
                size = 1 + number % 4 if kind == "regions" else number % 8
                rows = draw.normal(size=(size, WIDTH)).astype(np.float32)
                if kind == "regions":
                    items.append(
                        (
                            f"sha-x:{number:07}:0",
                            Regions(rows, np.zeros((size, 4), np.float32), np.ones(size, np.float32)),
                        )
                    )
                else:
                    items.append((text_key(texts[number]), Words(("word",) * size, rows)))
            write_shard(cache, items)
    return campaign


def untrained(
    campaign: Campaign, model: str = "ananet", labels: tuple[str, ...] = LABELS, temperature: float = 2.0
) -> Checkpoint:
    """A network of the zoo with random weights, stored as if it had been trained on the campaign's features."""
    caches = {kind: next((campaign.folder / "features" / kind).iterdir()).name for kind in ("regions", "words")}
    space = (
        '"space": null' not in (campaign.folder / "features" / "words" / caches["words"] / "manifest.json").read_text()
    )
    config = config_of(model, Sizes(WIDTH, WIDTH, len(labels), 28 if space else 0))
    torch.manual_seed(0)
    told = {
        "model": model, "network": asdict(config), "labels": list(labels), "training": {"bf16": False}, "data": "d",
        "features": {kind: {"line": "made", "cache": cache} for kind, cache in caches.items()},
    }  # fmt: skip
    run = TrainingRun(campaign.folder / "models", told)
    with run.alone():
        return run.finish(make(model, config).state_dict(), {"temperature": temperature}, [])
