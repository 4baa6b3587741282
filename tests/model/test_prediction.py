"""Scoring a campaign: the same numbers however it is done, and nothing twice."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from ccd.campaign.campaign import Campaign
from ccd.campaign.predictions import Predictions, read, versions
from ccd.campaign.tables import schema
from ccd.errors import CcdError
from model import prediction
from model.batch import Batch
from model.data import Loader
from model.embedding import LastSeen
from model.features import Features
from model.prediction import Scorer, predict
from model.zoo import ZOO
from tests.campaigns import add_pairs
from tests.model.batches import batch, padded
from tests.model.predicting import LABELS, campaign_with_features, untrained

ROOT = Path(__file__).parents[2]
USES_RAY = prediction
PAIRS = 30


@pytest.fixture
def campaign(tmp_path: Path) -> Campaign:
    return campaign_with_features(tmp_path, PAIRS)


@pytest.fixture(autouse=True)
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prediction, "ROWS", 8)


def shards(campaign: Campaign, version: str) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in (campaign.folder / "predictions" / version).glob("*.parquet")}


def test_every_pair_is_scored_as_the_network_says(campaign: Campaign) -> None:
    checkpoint = untrained(campaign)
    done = predict(campaign, checkpoint, str)
    assert (done.new, done.kept, done.missing, sum(done.labels.values())) == (PAIRS, 0, 0, PAIRS)
    found = read(campaign, checkpoint.folder.name)
    assert found.ids == tuple(f"x:{number:07}:0" for number in range(PAIRS))
    assert found.labels == LABELS
    assert found.embeddings.shape == (PAIRS, 64)
    assert found.profiles is None
    assert dict(zip(LABELS, np.bincount(found.best, minlength=3).tolist(), strict=True)) == done.labels

    for number in (0, 13, 29):  # each by itself, with nothing of ours between it and the network
        alone = one(campaign, checkpoint.folder.name, number)
        with torch.inference_mode():
            verdict = checkpoint.network()(alone)
        assert verdict.association is not None
        assert verdict.alignment is not None
        assert found.association is not None
        assert found.alignment is not None
        for told, logits in (
            (found.probabilities, verdict.logits / 2.0),
            (found.association, verdict.association),
            (found.alignment, verdict.alignment),
        ):
            np.testing.assert_allclose(told[number], logits.softmax(-1)[0], atol=1e-5)


def one(campaign: Campaign, version: str, number: int) -> Batch:
    """The batch of one pair."""
    from model.features import text_key

    caches = [Features(next((campaign.folder / "features" / kind).iterdir())) for kind in ("regions", "words")]
    rows = [
        torch.from_numpy(cache.batch(cache.find([key]))[0]).float()
        for cache, key in zip(caches, (f"sha-x:{number:07}:0", text_key(f"text {number}")), strict=True)
    ]
    return Batch(rows[0], torch.ones(1, rows[0].shape[1], dtype=torch.bool), rows[1], torch.tensor([rows[1].shape[1]]))


@pytest.mark.parametrize("model", sorted(set(ZOO) - {"similarity", "random", "stratified"}))
def test_mates_and_padding_change_nothing(campaign: Campaign, model: str) -> None:
    """Pairs predicted together, and each in a run of its own: the same answers and the same embedding."""
    checkpoint = untrained(campaign, model)
    predict(campaign, checkpoint, str)
    whole = read(campaign, checkpoint.folder.name)
    caches = [Features(next((campaign.folder / "features" / kind).iterdir())) for kind in ("regions", "words")]
    for number in (7, 8, 22):
        pair = next(pair for pair in prediction._pairs(campaign, str, (), [whole.ids[number]]))
        keys = (np.array([key], "S64") for key in (pair.image, pair.key))
        alone = Scorer(checkpoint).score(Loader(prediction.Pairs((pair.id,), *keys, np.zeros(1, np.int64)), *caches))
        np.testing.assert_allclose(alone.probabilities[0], whole.probabilities[number], atol=1e-5)
        np.testing.assert_allclose(alone.embeddings[0], whole.embeddings[number], atol=2e-2)
        assert (alone.association is None) == (model not in ("ananet", "paper"))
    assert np.isfinite(whole.embeddings).all()
    assert whole.embeddings.shape[1] <= 64


def test_an_embedding_hangs_on_its_pair_alone() -> None:
    from model.baselines.sizes import Sizes
    from model.zoo import config_of, make

    pairs = batch([3, 0, 5], [2, 4, 1])
    for name in ("ananet", "tfn", "majority"):
        network = make(name, config_of(name, Sizes(5, 4))).eval()
        with torch.inference_mode(), LastSeen(network, 3) as seen:
            network(pairs)
            first = seen.embedding(pairs)
            more = padded(pairs, 3, 2)
            network(more)
            torch.testing.assert_close(seen.embedding(more), first)
        assert not any(part._forward_pre_hooks for part in network.modules())
        assert not torch.equal(first[0], first[2])


def test_projection_keeps_distances() -> None:
    from model.baselines.sizes import Sizes
    from model.zoo import config_of, make

    network = make("image", config_of("image", Sizes(300, 4))).eval()
    pairs = batch([1] * 40, [2] * 40, widths=(300, 4))
    wide: list[torch.Tensor] = []
    network.classify[-1].register_forward_pre_hook(lambda _, inputs: wide.append(inputs[0]))
    with torch.inference_mode(), LastSeen(network, 3) as seen:
        network(pairs)
        narrow = seen.embedding(pairs)
    assert narrow.shape == (40, 64)
    ratio = torch.pdist(narrow) / torch.pdist(wide[0])
    assert 0.9 < ratio.mean() < 1.1
    assert ratio.min() > 0.6
    assert ratio.max() < 1.4


def test_a_shared_space_gives_profiles(tmp_path: Path) -> None:
    campaign = campaign_with_features(tmp_path, 5, space="one")
    checkpoint = untrained(campaign, "similarity")
    predict(campaign, checkpoint, str)
    found = read(campaign, checkpoint.folder.name)
    assert found.profiles is not None
    assert found.profiles.shape == (5, 28)
    assert found.embeddings.shape == (5, 28)
    assert found.association is None


def test_nothing_is_predicted_twice(campaign: Campaign) -> None:
    checkpoint = untrained(campaign)
    few = ["x:0000003:0", "x:0000021:0"]
    assert predict(campaign, checkpoint, str, only=few).new == 2
    before = shards(campaign, checkpoint.folder.name)
    done = predict(campaign, checkpoint, str)
    assert (done.new, done.kept) == (PAIRS - 2, 2)
    after = shards(campaign, checkpoint.folder.name)
    assert before.items() <= after.items()
    assert predict(campaign, checkpoint, str).new == 0
    assert predict(campaign, checkpoint, str, only=few).kept == 2
    assert shards(campaign, checkpoint.folder.name) == after
    with pytest.raises(CcdError, match="no pair 'x:99:0', or its post is gone"):
        predict(campaign, checkpoint, str, only=["x:99:0"])


def test_new_pairs_of_known_contents_and_those_without_features(campaign: Campaign) -> None:
    import sqlalchemy as sa

    checkpoint = untrained(campaign)
    predict(campaign, checkpoint, str)
    with campaign.write() as db:
        posts = schema.posts.c.post_id
        db.execute(schema.posts.update().where(posts == "x:0000000").values(status="deleted"))
        row = dict(db.execute(sa.select(schema.pairs).where(schema.pairs.c.pair_id == "x:0000004:0")).one()._mapping)
        row |= {"pair_id": "x:0000004:1", "photo": 1, "text_sha256": "another"}
        db.execute(schema.pairs.insert(), [row])
    done = predict(campaign, checkpoint, str)
    assert (done.new, done.kept) == (1, PAIRS)
    found = read(campaign, checkpoint.folder.name, ["x:0000004:1", "x:0000004:0"])
    np.testing.assert_allclose(found.probabilities[0], found.probabilities[1], atol=1e-6)


def test_encoders_of_today_that_are_others_are_one_line(campaign: Campaign) -> None:
    checkpoint = untrained(campaign)
    add_pairs(campaign, ["x:9999999:0"])
    with pytest.raises(CcdError, match="regions 'made' is no region encoder"):
        predict(campaign, checkpoint, str)
    assert versions(campaign) == ()


def test_labels_of_another_protocol_are_one_line(campaign: Campaign) -> None:
    checkpoint = untrained(campaign, "text", ("yes", "no"))
    with pytest.raises(CcdError, match="knows the labels yes, no, this campaign has irrelevant, implicit, explicit"):
        predict(campaign, checkpoint, str)


def test_a_half_written_network_is_one_line(campaign: Campaign) -> None:
    checkpoint = untrained(campaign)
    weights = checkpoint.folder / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    with pytest.raises(CcdError, match=r"weights\.safetensors: is not what config\.json says .*train again"):
        predict(campaign, checkpoint, str)
    assert versions(campaign) == ()


RUN = """
import sys
from pathlib import Path
from ccd.campaign.campaign import Campaign
from model import prediction
from model.checkpoint import latest
prediction.ROWS = 8
campaign = Campaign.open(Path(sys.argv[1]))
prediction.predict(campaign, latest(campaign.folder / "models"), str)
"""


@pytest.mark.slow
def test_a_killed_run_goes_on(tmp_path: Path) -> None:
    """Killed for real while it writes: the next run ends with the bytes that an undisturbed one has."""
    whole, other = campaign_with_features(tmp_path / "whole", 400), campaign_with_features(tmp_path / "killed", 400)
    checkpoint = untrained(other)
    version = checkpoint.folder.name
    predict(whole, untrained(whole), str)
    process = subprocess.Popen([sys.executable, "-c", RUN, str(other.folder)], cwd=ROOT)
    while process.poll() is None and not shards(other, version):
        time.sleep(0.002)
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL, "it ended before it was killed"
    done = predict(other, checkpoint, str)
    assert 0 < done.kept < 400
    assert done.new + done.kept == 400
    assert not list(other.folder.glob("predictions/*/.*"))
    assert shards(other, version) == shards(whole, version)


@pytest.mark.usefixtures("ray_or_pickled")
def test_ray_writes_the_same_bytes(tmp_path: Path) -> None:
    one, other = campaign_with_features(tmp_path / "one", 40), campaign_with_features(tmp_path / "other", 40)
    checkpoint = untrained(one)
    predict(one, checkpoint, str)
    done = predict(other, untrained(other), str, engine="ray")
    assert done.new == 40
    assert shards(other, checkpoint.folder.name) == shards(one, checkpoint.folder.name)


def test_a_scorer_scores_nothing(campaign: Campaign) -> None:
    checkpoint = untrained(campaign)
    caches = [Features(next((campaign.folder / "features" / kind).iterdir())) for kind in ("regions", "words")]
    none = np.array([], "S64")
    found: Predictions = Scorer(checkpoint).score(
        Loader(prediction.Pairs((), none, none, np.zeros(0, np.int64)), *caches)
    )
    assert found.probabilities.shape == (0, 3)
