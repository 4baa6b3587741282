"""Predictions on disk."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ccd.campaign.campaign import Campaign
from ccd.campaign.predictions import Predictions, begin, latest, predicted, read, uncertainty, versions, write
from ccd.errors import CcdError
from tests.campaigns import small_campaign

LABELS = ("irrelevant", "implicit", "explicit")
TOLD = {"labels": list(LABELS)}


@pytest.fixture
def campaign(tmp_path: Path) -> Campaign:
    return small_campaign(tmp_path)


def some(ids: list[str], streams: bool = True, seed: int = 0) -> Predictions:
    draw = np.random.default_rng(seed)
    chances = draw.dirichlet(np.ones(3), (3, len(ids))).astype(np.float32)
    return Predictions(
        "net-1",
        LABELS,
        tuple(ids),
        chances[0],
        chances[1] if streams else None,
        chances[2] if streams else None,
        draw.normal(size=(len(ids), 5)).astype(np.float16),
        draw.normal(size=(len(ids), 28)).astype(np.float16) if streams else None,
    )


def same(a: Predictions, b: Predictions) -> None:
    assert (a.version, a.labels, a.ids) == (b.version, b.labels, b.ids)
    for name in ("probabilities", "association", "alignment", "embeddings", "profiles"):
        np.testing.assert_array_equal(getattr(a, name), getattr(b, name))


@pytest.mark.parametrize("streams", [True, False])
def test_what_is_written_is_read(campaign: Campaign, streams: bool) -> None:
    whole = some(["a", "b", "c", "d"], streams)
    folder = begin(campaign, "net-1", TOLD)
    for ids, rows in ((("c", "d"), slice(2, 4)), (("a", "b"), slice(0, 2))):
        part = {
            name: None if (value := getattr(whole, name)) is None else value[rows]
            for name in ("probabilities", "association", "alignment", "embeddings", "profiles")
        }
        write(folder, replace(whole, ids=ids, **part))
    same(read(campaign, "net-1"), whole)
    assert predicted(campaign, "net-1") == {"a", "b", "c", "d"}
    few = read(campaign, "net-1", ["d", "nobody", "a"], ["alignment"])
    assert few.ids == ("d", "a")
    np.testing.assert_array_equal(few.probabilities, whole.probabilities[[3, 0]])
    assert few.association is None
    assert few.embeddings.shape == (2, 0)
    assert (few.alignment is not None) == streams


def test_a_table_anyone_can_read(campaign: Campaign) -> None:
    import pandas as pd

    whole = some(["a", "b"])
    folder = begin(campaign, "net-1", TOLD)
    write(folder, whole)
    frame = pd.read_parquet(next(folder.glob("*.parquet")))
    assert list(frame["label"]) == [LABELS[i] for i in whole.best]
    np.testing.assert_allclose(frame["uncertainty"], uncertainty(whole.probabilities))
    np.testing.assert_array_equal(np.stack(frame["p"]), whole.probabilities)


def test_nothing_is_written_over(campaign: Campaign) -> None:
    folder = begin(campaign, "net-1", TOLD)
    first = some(["a", "b"])
    write(folder, first)
    write(folder, some(["a", "b"], seed=1))
    same(read(campaign, "net-1"), first)
    with pytest.raises(CcdError, match="was made with another labels; a version never changes"):
        begin(campaign, "net-1", {"labels": ["yes", "no"]})


def test_versions_in_the_order_in_which_they_began(campaign: Campaign) -> None:
    with pytest.raises(CcdError, match="no predictions; run `ccd predict`"):
        latest(campaign)
    for version in ("z", "a", "m"):
        begin(campaign, version, TOLD)
    begin(campaign, "z", TOLD)
    assert versions(campaign) == ("z", "a", "m")
    assert latest(campaign) == "m"
    assert len(read(campaign, "m")) == 0
    with pytest.raises(CcdError, match="run `ccd predict --model q`"):
        read(campaign, "q")


def test_what_a_kill_left_is_removed(campaign: Campaign) -> None:
    folder = begin(campaign, "net-1", TOLD)
    (folder / ".abc.parquet.12.part").write_bytes(b"half")
    begin(campaign, "net-1", TOLD)
    assert [file.name for file in folder.iterdir()] == ["manifest.json"]


def test_uncertainty_is_from_0_to_1() -> None:
    rows = np.array([[1, 0, 0], [1 / 3] * 3, [0.5, 0.5, 0]], np.float32)
    np.testing.assert_allclose(uncertainty(rows), [0, 1, np.log(2) / np.log(3)], atol=1e-6)


def test_a_broken_shard_is_one_line(campaign: Campaign) -> None:
    folder = begin(campaign, "net-1", TOLD)
    (folder / "00.parquet").write_bytes(b"half")
    with pytest.raises(CcdError, match="no Parquet file; remove it"):
        read(campaign, "net-1")


def test_the_latest_began_last_also_where_the_clock_was_set_back(
    campaign: Campaign, monkeypatch: pytest.MonkeyPatch
) -> None:
    begin(campaign, "net-2", TOLD)
    monkeypatch.setattr("ccd.campaign.predictions.now", lambda: "2001-01-01T00:00:00+00:00")
    begin(campaign, "net-1", TOLD)
    assert versions(campaign) == ("net-2", "net-1")
