"""Folders are read as they are, every pair is loaded once with its own features, and wrong lines are told."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from ccd.errors import CcdError
from model.data import LET_GO, Loader, Pairs, features_of, read_folder
from model.encoding import Encoders
from model.features import text_key
from model.profile import profiles
from tests.model.caches import loader

NAMES = ("irrelevant", "implicit", "explicit")


def row(number: int, label: int = 0, **other: Any) -> dict[str, Any]:
    image = f"images/{number % 3:064d}.png"
    of = {"pair_id": f"x:{number}:0", "text": f"Text {number}", "image": image, "label": NAMES[label]}
    return of | {"label_id": label} | other


def folder_of(folder: Path, **splits: list[dict[str, Any]]) -> Path:
    (folder / "images").mkdir(parents=True)
    for name in ("train", "dev", "test"):
        lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in splits.get(name, [])]
        (folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")
    return folder


def test_a_folder_is_read_with_what_a_model_sees(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "d", train=[row(0), row(3, 2), row(1, 2)], test=[row(2, 1)])
    found = read_folder(folder, str.upper)
    assert {name: len(pairs) for name, pairs in found.splits.items()} == {"train": 3, "dev": 0, "test": 1}
    assert found.labels == NAMES
    assert found.splits["train"].labels.tolist() == [0, 2, 2]
    assert found.splits["train"].ids == ("x:0:0", "x:3:0", "x:1:0")
    assert set(found.texts.values()) == {f"TEXT {n}" for n in range(4)}
    assert found.splits["test"].texts.tolist() == [text_key("TEXT 2").encode()]
    assert len(found.images) == 3  # two pairs share one; named by their hash, they need not be opened
    assert not found.synthetic
    (folder / "release.json").write_text('{"synthetic": true}')
    assert read_folder(folder, str.upper).synthetic


def test_a_label_that_no_pair_has_keeps_its_name(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "d", train=[row(0), row(1, 2)])
    assert read_folder(folder, str).labels == ("irrelevant", "1", "explicit")  # nothing says its name
    (folder / "release.json").write_text('{"question": "relation"}')
    asked = {"name": "relation", "categories": [{"name": name, "id": place} for place, name in enumerate(NAMES)]}
    (folder / "protocol.json").write_text(json.dumps({"questions": [{"name": "other", "categories": []}, asked]}))
    assert read_folder(folder, str).labels == NAMES


def test_leakage_groups_are_read_where_every_pair_has_one(tmp_path: Path) -> None:
    whole = folder_of(tmp_path / "a", test=[row(0, leakage_group="g"), row(1, leakage_group="g")])
    half = folder_of(tmp_path / "b", test=[row(0, leakage_group="g"), row(1)])
    assert read_folder(whole, str).splits["test"].groups == ("g", "g")
    assert read_folder(half, str).splits["test"].groups is None


def test_images_with_other_names_are_known_by_what_they_hold(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "d", train=[row(0, image="images/a.png"), row(1, image="images/b.png")])
    for name in "ab":
        Image.new("RGB", (4, 4), "red").save(folder / "images" / f"{name}.png")
    found = read_folder(folder, str)
    assert found.splits["train"].images[0] == found.splits["train"].images[1]
    (folder / "images" / "b.png").unlink()
    with pytest.raises(CcdError, match=r"train\.jsonl, line 2: .*b\.png cannot be read"):
        read_folder(folder, str)


def test_the_digest_names_what_was_trained_on(tmp_path: Path) -> None:
    def digest(name: str, **splits: list[dict[str, Any]]) -> str:
        return read_folder(folder_of(tmp_path / name, **splits), str).digest("train", "dev")

    rows = {"train": [row(0), row(1, 2)], "dev": [row(2, 1)]}
    assert digest("a", **rows) == digest("b", **rows, test=[row(5)])
    others = [
        {"train": [row(0), row(1, 1)], "dev": [row(2, 1)]},
        {"train": [row(0, text="Other"), row(1, 2)], "dev": [row(2, 1)]},
        {"train": [row(0), row(1, 2, image=row(0)["image"])], "dev": [row(2, 1)]},
        {"train": [row(0)], "dev": [row(1, 2), row(2, 1)]},
    ]
    digests = {digest(f"o{i}", **other) for i, other in enumerate(others)}
    assert len(digests) == 4
    assert digest("c", **rows) not in digests


@pytest.mark.parametrize(
    ("break_it", "told"),
    [
        (lambda f: (f / "dev.jsonl").unlink(), r"dev\.jsonl: not there; name a folder with train\.jsonl"),
        (lambda f: (f / "dev.jsonl").write_text("{"), r"dev\.jsonl: is not one JSON object a line"),
        (lambda f: (f / "dev.jsonl").write_text('{"pair_id": "a"}'), r"dev\.jsonl, line 1: no pair_id, text, image"),
        (lambda f: (f / "dev.jsonl").write_text('"a"'), r"dev\.jsonl, line 1: no pair_id, text, image"),
        (
            lambda f: (f / "dev.jsonl").write_text(json.dumps(row(0) | {"label": 0.3, "label_id": None})),
            r"line 1: label 0\.3 with the id None; networks learn labels",
        ),
        (
            lambda f: (f / "dev.jsonl").write_text(json.dumps(row(0, label_id=2))),
            r"line 1: label 'irrelevant' with the id 2",
        ),
    ],
)
def test_a_wrong_folder_is_one_line(tmp_path: Path, break_it: Callable[[Path], object], told: str) -> None:
    folder = folder_of(tmp_path / "d", train=[row(0, 2)])
    break_it(folder)
    with pytest.raises(CcdError, match=told):
        read_folder(folder, str)


def test_what_is_cached_needs_no_encoder(tmp_path: Path) -> None:
    texts = {text_key(text): text for text in ("one two", "three")}
    made = features_of("words", texts, Encoders(), tmp_path, _bar)
    assert features_of("words", texts, Encoders(), tmp_path, _no_bar).folder == made.folder
    with pytest.raises(CcdError, match="the network was trained on light-0123, and 'light' now makes light-"):
        features_of("words", texts, Encoders(), tmp_path, _bar, "light-0123")


def _bar(name: str, total: int) -> Callable[[int], None]:
    return lambda number: None


def _no_bar(name: str, total: int) -> Callable[[int], None]:
    raise AssertionError("nothing is left to encode")


def test_every_pair_comes_once_with_its_own_features(tmp_path: Path) -> None:
    pairs = loader(tmp_path, 150)
    order = pairs.shuffled(16, seed=3, epoch=1)
    assert sorted(np.concatenate(order).tolist()) == list(range(150))
    assert {len(batch) for batch in order} == {16, 150 % 16}
    assert sorted(np.concatenate(pairs.sorted(16)).tolist()) == list(range(150))
    alone = {int(i): batch for i, batch in zip(range(150), pairs.batches(np.arange(150)[:, None]), strict=True)}
    for indices, batch in zip(order, pairs.batches(order), strict=True):
        assert batch.labels is not None
        assert batch.labels.tolist() == pairs.labels[indices].tolist()
        for i, regions, mask, words, length in zip(
            indices, batch.regions, batch.region_mask, batch.words, batch.lengths, strict=True
        ):
            one = alone[int(i)]
            assert mask.sum() == one.region_mask.sum()
            torch.testing.assert_close(regions[mask], one.regions[0])
            torch.testing.assert_close(words[:length], one.words[0])
            assert not regions[~mask].any()
            assert not words[length:].any()
        assert batch.regions.dtype == torch.float32
        assert batch.words.shape[1] == batch.lengths.max()


def test_the_order_depends_on_seed_and_epoch_alone(tmp_path: Path) -> None:
    pairs = loader(tmp_path, 90)

    def told(seed: int, epoch: int) -> list[int]:
        return np.concatenate(pairs.shuffled(8, seed, epoch)).tolist()

    assert told(1, 1) == told(1, 1)
    assert len({tuple(told(*which)) for which in ((1, 1), (1, 2), (2, 1))}) == 3


def test_batches_have_texts_of_about_one_length(tmp_path: Path) -> None:
    pairs = loader(tmp_path, 400)
    order = pairs.shuffled(8, seed=0, epoch=1)
    spread = [int(batch.lengths.max() - batch.lengths.min()) for batch in pairs.batches(order)]
    assert np.mean(spread) < 1
    means = [float(batch.lengths.float().mean()) for batch in pairs.batches(order)]
    assert means != sorted(means)


def test_pairs_without_features_are_counted(tmp_path: Path) -> None:
    pairs = loader(tmp_path, 40)
    regions, words = pairs._caches
    keys = regions.keys[pairs._places[0]], words.keys[pairs._places[1]]
    images = keys[0].copy()
    images[[3, 7]] = b"0" * 64
    groups = tuple(f"group {i}" for i in range(40))
    part = Loader(Pairs(pairs.ids, images, keys[1], pairs.labels, groups), regions, words)
    assert (len(part), part.missing) == (38, 2)
    assert part.groups == tuple(group for i, group in enumerate(groups) if i not in (3, 7))
    assert "pair:3" not in part.ids
    assert part.labels.tolist() == np.delete(pairs.labels, [3, 7]).tolist()


def test_profiles_are_there_where_the_encoders_share_a_space(tmp_path: Path) -> None:
    order = [np.arange(20)]
    (batch,) = loader(tmp_path / "a", 20, space="one").batches(order)
    assert batch.profile is not None
    torch.testing.assert_close(batch.profile, profiles(batch))
    (batch,) = loader(tmp_path / "b", 20).batches(order)
    assert batch.profile is None


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="only Linux tells what is resident")
def test_pages_are_given_back(tmp_path: Path) -> None:
    """What is read of a mapped file counts as this process's memory until it is given back."""
    pairs = loader(tmp_path, 60)
    resident = [_mapped_kilobytes(tmp_path) for _ in pairs.batches([np.arange(60)] * (LET_GO + 1))]
    assert resident[LET_GO - 1] > 0  # read, and not given back yet
    list(pairs.batches([np.arange(60)] * LET_GO))
    assert _mapped_kilobytes(tmp_path) == 0


def _mapped_kilobytes(folder: Path) -> int:
    """Resident kilobytes of this process's mappings of files below the folder."""
    total, ours = 0, False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if "-" in line.split(maxsplit=1)[0]:
            ours = str(folder) in line
        elif ours and line.startswith("Rss:"):
            total += int(line.split()[1])
    return total
