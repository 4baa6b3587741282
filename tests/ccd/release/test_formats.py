"""Others can load a release: Hugging Face `datasets`, pandas, Croissant, WebDataset readers, GitHub's citation."""

import csv
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from PIL import Image

from ccd.campaign.campaign import Campaign
from ccd.campaign.gold_labels import aggregate_labels
from ccd.campaign.stored_split import split_campaign
from ccd.errors import CcdError
from ccd.release import Form, verify, write_release
from tests.ccd.build import campaign, judge
from tests.ccd.campaign.test_gold_labels import TWO, E, I, R

pytestmark = pytest.mark.usefixtures("undrawn")

SPLITS = ("train", "dev", "test")
VOTES = {f"x:{n}:0": (label, label, E) for n in range(30) for label in (E, I, R)[n % 3 : n % 3 + 1]}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Campaign:
    made = campaign(tmp_path_factory.mktemp("formats") / "campaign", VOTES)
    aggregate_labels(made)
    split_campaign(made)
    return made


@pytest.fixture(scope="module")
def files(made: Campaign) -> Path:
    return write_release(made, "v1").folder


@pytest.fixture(scope="module")
def shards(made: Campaign) -> Path:
    return write_release(made, "shards", Form("tar")).folder


def lines(folder: Path, split: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / f"{split}.jsonl").open()]


def loaded(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """What `load_dataset` makes of the folder, offline and with a cache of its own."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    return datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))


@pytest.mark.slow
def test_releases_of_one_name_load_as_themselves(files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`datasets` finds a folder in its cache by the folder's name and the configs of its card."""
    folders = [files]
    for name, votes in {
        "fewer": {pair: VOTES[pair] for pair in list(VOTES)[:15]},
        "other": {f"{pair.replace('x', 'bsky')}": of_pair for pair, of_pair in VOTES.items()},
    }.items():
        of_name = campaign(tmp_path / name, votes)
        aggregate_labels(of_name)
        split_campaign(of_name)
        folders.append(write_release(of_name, "v1").folder)
    for folder in [*folders, files]:  # one cache for all
        found = loaded(folder, tmp_path, monkeypatch)
        for split in SPLITS:
            assert list(found[split]["text"]) == [line["text"] for line in lines(folder, split)]


def test_datasets_loads_it_in_one_line(files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = loaded(files, tmp_path, monkeypatch)
    assert set(found) == set(SPLITS)
    for split in SPLITS:
        for row, line in zip(found[split], lines(files, split), strict=True):
            assert row["image"].tobytes() == Image.open(files / line["image"]).tobytes()
            assert {key: row[key] for key in ("pair_id", "text", "label", "label_id", "arm")} == {
                key: line[key] for key in ("pair_id", "text", "label", "label_id", "arm")
            }
            assert row["votes"] == line["votes"]


def test_datasets_loads_shards_too(shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = loaded(shards, tmp_path, monkeypatch)
    for split in SPLITS:
        written = lines(shards, split)
        assert [row["json"]["pair_id"] for row in found[split]] == [line["pair_id"] for line in written]
        assert all(row["png"].size == (8, 8) for row in found[split])


@pytest.mark.parametrize("form", [Form("none"), Form.dry()])
def test_datasets_loads_it_without_images(
    made: Campaign, form: Form, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_release(made, f"plain-{form.dehydrated}", form).folder
    found = loaded(folder, tmp_path, monkeypatch)
    assert ("text" in found["train"].column_names) is not form.dehydrated
    assert found["test"]["label"][:] == [line["label"] for line in lines(folder, "test")]


def test_pandas_reads_both_forms_and_they_say_the_same(files: Path) -> None:
    for split in SPLITS:
        table = pd.read_parquet(files / f"{split}.parquet")
        text = pd.read_json(files / f"{split}.jsonl", lines=True)
        assert table.columns.tolist() == [{"image": "file_name"}.get(name, name) for name in text.columns]
        for name in ("pair_id", "text", "label", "label_id", "resolved_by", "inclusion_probability"):
            assert table[name].tolist() == text[name].tolist()
        assert table["file_name"].tolist() == text["image"].tolist()
    assert verify(files) == []


def test_judgments_have_pseudonyms_and_give_the_votes(files: Path) -> None:
    judged = pd.read_parquet(files / "judgments.parquet")
    assert set(judged["worker"]) == {"A1", "A2", "A3"}
    for line in lines(files, "train"):
        said = judged.loc[judged["task"] == line["pair_id"], "label"]
        assert said.value_counts().to_dict() == {label: count for label, count in line["votes"].items() if count}


def test_a_pseudonym_stays_when_others_join(tmp_path: Path) -> None:
    made = campaign(tmp_path / "c", {f"x:{n}:0": (None, E, I if n == 1 else E) for n in range(6)})
    for n in range(6):
        judge(made, f"x:{n}:0", "a1", R if n == 1 else E)
    judge(made, "x:1:0", "lead", I, role="adjudicator")
    aggregate_labels(made)
    split_campaign(made)
    judged = pd.read_parquet(write_release(made, "v1").folder / "judgments.parquet")
    assert judged.loc[judged["task"] == "x:1:0", "worker"].tolist() == ["A1", "A2", "A3", "R1"]
    assert judged["worker"].value_counts().to_dict() == {"A1": 6, "A2": 6, "A3": 6, "R1": 1}
    assert "a1" not in set(judged["worker"])


def test_croissant_is_valid_and_can_be_iterated(files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    croissant = pytest.importorskip("mlcroissant")
    dataset = croissant.Dataset(str(files / "croissant.json"))
    assert dataset.metadata.version == "1.0.0"
    assert list(dataset.metadata.issues.errors) == []
    assert list(dataset.metadata.issues.warnings) == []
    for split in SPLITS:
        written = lines(files, split)
        found = list(dataset.records(split))
        assert [record[f"{split}/pair_id"].decode() for record in found] == [line["pair_id"] for line in written]
        assert [record[f"{split}/label_id"] for record in found] == [line["label_id"] for line in written]
        assert [record[f"{split}/file_name"].decode() for record in found] == [line["image"] for line in written]
    images = {record["images/file_name"].decode(): record["images/image"] for record in dataset.records("images")}
    assert set(images) == {line["image"] for split in SPLITS for line in lines(files, split)}
    assert all(image.size == (8, 8) for image in images.values())


def test_croissant_has_the_pairs_without_a_label(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    croissant = pytest.importorskip("mlcroissant")
    settled = {f"x:{n}:0": (E, E, E) for n in range(12)}
    for name, ties in (("tied", {"y:1:0": (E, I, R), "y:2:0": (E, I, R)}), ("none", {})):
        made = campaign(tmp_path / name, settled | ties)
        aggregate_labels(made)
        split_campaign(made)
        folder = write_release(made, "v1").folder
        dataset = croissant.Dataset(str(folder / "croissant.json"))
        assert (list(dataset.metadata.issues.errors), list(dataset.metadata.issues.warnings)) == ([], [])
        names = {each.name for each in dataset.metadata.record_sets}
        assert ("open" in names) is bool(ties)
        if ties:
            found = list(dataset.records("open"))
            assert [record["open/pair_id"].decode() for record in found] == ["y:1:0", "y:2:0"]
            assert [record["open/votes/implicit"] for record in found] == [1, 1]


def test_croissant_of_a_dehydrated_release(made: Campaign, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    croissant = pytest.importorskip("mlcroissant")
    folder = write_release(made, "dry", Form.dry()).folder
    (first, *_) = croissant.Dataset(str(folder / "croissant.json")).records("train")
    assert "train/text" not in first
    assert first["train/pair_id"].decode() == lines(folder, "train")[0]["pair_id"]


def test_a_shard_holds_the_bytes_as_collected(made: Campaign, files: Path, shards: Path) -> None:
    (shard,) = shards.glob("test-*.tar")
    with tarfile.open(shard) as tar:
        members = tar.getmembers()
        assert {(member.mtime, member.uid, member.gid, member.uname) for member in members} == {(0, 0, 0, "")}
        for line, same in zip(lines(shards, "test"), lines(files, "test"), strict=True):
            name = line["image"].removeprefix(f"{shard.name}/")
            assert tar.extractfile(name).read() == (files / same["image"]).read_bytes()  # type: ignore[union-attr]
            assert json.loads(tar.extractfile(name.replace("png", "json")).read()) == line  # type: ignore[union-attr]
    assert verify(shards) == []


def test_shards_of_mixed_images_have_one_suffix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Readers of WebDataset refuse samples with other suffixes than the first one's."""
    made = campaign(tmp_path / "c", {f"x:{n}:0": (E, E, E) for n in range(9)})
    _make_jpeg(made, "x:3:0")
    aggregate_labels(made)
    split_campaign(made)
    folder = write_release(made, "v1", Form("tar")).folder
    found = loaded(folder, tmp_path, monkeypatch)
    formats = {row["jpg"].format for split in found for row in found[split]}
    assert formats == {"PNG", "JPEG"}
    assert verify(folder) == []


def _make_jpeg(made: Campaign, pair: str) -> None:
    import hashlib

    from ccd.campaign.tables import schema

    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), (200, 10, 10)).save(buffer, "JPEG")
    sha256 = hashlib.sha256(buffer.getvalue()).hexdigest()
    file = f"images/{sha256[:2]}/{sha256}.jpg"
    (made.folder / file).parent.mkdir(exist_ok=True)
    (made.folder / file).write_bytes(buffer.getvalue())
    row = {"sha256": sha256, "file": file, "format": "JPEG", "width": 8, "height": 8, "bytes": len(buffer.getvalue())}
    with made.write() as db:
        db.execute(schema.images.insert().values(row))
        db.execute(schema.pairs.update().where(schema.pairs.c.pair_id == pair).values(image=sha256))


def test_the_columns_of_vempala_and_preotiuc_pietro(tmp_path: Path, made: Campaign) -> None:
    labels = ("adds-represented", "adds-not-represented", "not-adds-represented", "not-adds-not-represented")
    votes = {f"x:{n}:{photo}": (labels[n % 4],) * 3 for n in range(8) for photo in (0, 1)}
    other = campaign(tmp_path / "c", votes, protocol="vempala2019")
    aggregate_labels(other)
    split_campaign(other)
    folder = write_release(other, "v1", Form(vempala=True)).folder
    rows = [row for split in SPLITS for row in csv.DictReader((folder / "vempala" / f"{split}.csv").open())]
    assert len(rows) == 8  # tweets, not pairs
    for row in rows:
        adds, represented = labels[int(row["tweet_id"]) % 4].split("-")[0] == "adds", int(row["tweet_id"]) % 2 == 0
        assert (row["image_adds"], row["text_is_represented"]) == (str(int(adds)), str(int(represented)))
        assert sum(int(row[name]) for name in list(row)[3:]) == 1
    assert verify(folder) == []
    with pytest.raises(CcdError, match="it is for protocol vempala2019"):
        write_release(made, "vempala", Form(vempala=True))
    assert not (made.folder / "releases" / "vempala").exists()


def test_scores_and_several_questions_in_parquet(tmp_path: Path) -> None:
    (tmp_path / "two.toml").write_text(TWO)
    pairs = [f"x:{n}:0" for n in range(4)]
    made = campaign(tmp_path, dict.fromkeys(pairs, (None, None, None)), protocol="two.toml")
    for pair in pairs:
        for worker in ("a1", "a2", "a3"):
            judge(made, pair, worker, {"tone": "light", "fit": 4})
    aggregate_labels(made)
    split_campaign(made)
    folder = write_release(made, "v1").folder
    found = pd.concat([pd.read_parquet(folder / f"{split}.parquet") for split in SPLITS])
    assert found["labels"].tolist() == [{"tone": "light", "fit": 4.0}] * 4
    judged = pd.read_parquet(folder / "judgments.parquet")
    assert judged.loc[judged["question"] == "fit", "label"].unique().tolist() == ["4"]
    assert verify(folder) == []
