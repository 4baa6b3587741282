"""The feature cache: what is written is read, runs go on where they were, and every engine writes the same bytes."""

import json
import os
import resource
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ccd.errors import CcdError
from model import encoding
from model.encoders.light_words import LightWords
from model.encoders.protocol import Regions, Words
from model.encoding import Encoders, encode
from model.features import Features, forget, image_key, text_key, write_shard
from tests.model.networks import save_bert
from tests.model.pictures import photo

USES_RAY = encoding
TEXTS = [f"word{i} " * (i % 5) for i in range(150)]
ITEMS = {text_key(text): text for text in TEXTS}


def files(cache: Path) -> dict[str, bytes]:
    return {str(path.relative_to(cache)): path.read_bytes() for path in sorted(cache.rglob("*")) if path.is_file()}


def test_what_is_encoded_is_read(tmp_path: Path) -> None:
    done = encode(Encoders(), "words", ITEMS, tmp_path)
    assert (done.new, done.kept, done.missing) == (len(ITEMS), 0, {})
    cache = Features.latest(tmp_path, "words", "light")
    assert (len(cache), cache.width, cache.space) == (len(ITEMS), 256, LightWords.space)
    texts = ["word7 word7 ", "", "word149 " * 4]
    rows, counts = cache.batch(cache.find([text_key(text) for text in texts]))
    assert rows.dtype == np.float16
    assert rows.shape == (3, 4, 256)
    assert counts.tolist() == [2, 0, 4]
    for row, count, words in zip(rows, counts, LightWords().encode(texts), strict=True):
        np.testing.assert_array_equal(row[:count], words.features.astype(np.float16))
        assert not row[count:].any()
    assert cache.find([text_key("nothing of this"), text_key("")]).tolist()[0] == -1


def test_regions_have_boxes_and_scores(tmp_path: Path) -> None:
    photos = [photo(tmp_path / f"{i}.png", i) for i in range(3)]
    items = {image_key(file): str(file) for file in photos}
    done = encode(Encoders(), "regions", items, tmp_path / "features")
    cache = Features(done.cache)
    encoder = encoding.make(Encoders(), "regions")
    for key, file in zip(items, photos, strict=True):
        (expected,) = encoder.encode([encoder.prepare(file)])  # type: ignore[union-attr]
        (position,) = cache.find([key])
        boxes, scores = cache.boxes(position)
        np.testing.assert_allclose(boxes, expected.boxes, atol=1e-3)
        np.testing.assert_allclose(scores, expected.scores, rtol=1e-3)
        assert cache.counts[position] == len(scores)


def test_a_second_run_encodes_only_what_is_new(tmp_path: Path) -> None:
    cache = encode(Encoders(), "words", ITEMS, tmp_path).cache
    before = files(cache)
    changed = dict(list(ITEMS.items())[1:]) | {text_key("changed"): "changed"}
    done = encode(Encoders(), "words", changed, tmp_path)
    assert (done.new, done.kept) == (1, len(ITEMS) - 1)
    assert before.items() <= files(cache).items()
    again = encode(Encoders(), "words", changed, tmp_path)
    assert (again.new, again.kept) == (0, len(ITEMS))


def test_a_killed_run_leaves_whole_shards_and_is_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = files(encode(Encoders(), "words", ITEMS, tmp_path / "whole").cache)
    real, calls = encoding.encode_shard, []

    def killed(job: encoding.EncodingJob) -> dict[str, str]:
        if calls:
            raise KeyboardInterrupt
        calls.append(job)
        return real(job)

    monkeypatch.setattr(encoding, "encode_shard", killed)
    with pytest.raises(KeyboardInterrupt):
        encode(Encoders(), "words", ITEMS, tmp_path / "killed")
    monkeypatch.undo()
    cache = Features.latest(tmp_path / "killed", "words", "light").folder
    (cache / ".half.99999999.part").mkdir()  # as a kill while a shard is written leaves it
    (cache / ".half.99999999.part" / "keys.npy").write_bytes(b"half")
    assert len(Features(cache)) == len(calls[0].items)
    done = encode(Encoders(), "words", ITEMS, tmp_path / "killed")
    assert (done.new, done.kept) == (len(ITEMS) - len(calls[0].items), len(calls[0].items))
    assert sorted(files(cache).values()) == sorted(whole.values())


def test_an_image_that_cannot_be_read_is_told_and_tried_again(tmp_path: Path) -> None:
    items = {"a" * 64: str(photo(tmp_path / "a.png", 1)), "b" * 64: str(tmp_path / "b.png")}
    done = encode(Encoders(), "regions", items, tmp_path / "features")
    assert (done.new, list(done.missing)) == (1, ["b" * 64])
    assert "b.png: No such file" in done.missing["b" * 64]
    photo(tmp_path / "b.png", 2)
    done = encode(Encoders(), "regions", items, tmp_path / "features")
    assert (done.new, done.kept, done.missing) == (1, 1, {})


def test_another_encoder_is_another_folder(tmp_path: Path) -> None:
    (tmp_path / "g.txt").write_text("a 1 2\nb 3 4\n")
    lines = Encoders(words="glove:g.txt", folder=tmp_path)
    items = {text_key("a b"): "a b"}
    first = encode(lines, "words", items, tmp_path / "features")
    encoding._words.cache_clear()  # as a new process would
    (tmp_path / "g.txt").write_text("a 5 6\nb 3 4\n")
    second = encode(lines, "words", items, tmp_path / "features")
    assert first.cache != second.cache
    assert second.new == 1
    cache = Features.latest(tmp_path / "features", "words", "glove:g.txt")
    assert cache.folder == second.cache
    assert cache.batch(cache.find(list(items)))[0].tolist() == [[[5, 6], [3, 4]]]


@pytest.mark.soak
def test_a_pool_of_processes_writes_the_same_bytes(tmp_path: Path) -> None:
    as_one_process(tmp_path, workers=2)


@pytest.mark.usefixtures("ray_or_pickled")
def test_ray_writes_the_same_bytes(tmp_path: Path) -> None:
    as_one_process(tmp_path, engine="ray")


def as_one_process(tmp_path: Path, **options: Any) -> None:
    save_bert(tmp_path / "net")
    lines = Encoders(words="light+bert:net", folder=tmp_path)
    texts = {text_key(text): text for text in ("abc de", *TEXTS)}
    one = encode(lines, "words", texts, tmp_path / "one")
    told: list[int] = []
    many = encode(lines, "words", texts, tmp_path / "many", started=lambda name, total: told.append, **options)
    assert files(one.cache) == files(many.cache)
    assert (sum(told), many.new) == (len(texts), len(texts))


class Deadly(dict[str, str]):
    """Ends the process that reads its items, as a system short of memory does."""

    def __reduce__(self) -> tuple[Callable[[int], None], tuple[int]]:
        return os._exit, (9,)


def test_a_worker_that_is_killed_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoding, "_parts", lambda items, kind: [Deadly(), Deadly()])
    with pytest.raises(CcdError, match="fewer --workers"):
        encode(Encoders(), "words", ITEMS, tmp_path, workers=2)


def test_ray_that_is_not_there_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    monkeypatch.setitem(__import__("sys").modules, "ray.data", None)
    with pytest.raises(CcdError, match=r"pip install 'ccd-toolkit\[ray\]'"):
        encode(Encoders(), "words", ITEMS, tmp_path, engine="ray")


def test_what_is_gone_is_forgotten(tmp_path: Path) -> None:
    cache = encode(Encoders(), "words", ITEMS, tmp_path).cache
    kept = {text_key(text): text for text in TEXTS[:70]}  # one shard whole, one in part, one not at all
    assert forget(tmp_path, "words", kept) == len(ITEMS) - len(kept)
    left = Features(cache)
    assert {key.decode() for key in left.keys.tolist()} == set(kept)
    rows, counts = left.batch(left.find([text_key(TEXTS[64]), text_key(TEXTS[3])]))
    expected = LightWords().encode([TEXTS[64], TEXTS[3]])
    for row, count, words in zip(rows, counts, expected, strict=True):
        np.testing.assert_array_equal(row[:count], words.features.astype(np.float16))
    assert forget(tmp_path, "words", kept) == 0
    assert forget(tmp_path, "words", {}) == len(kept)
    assert len(Features(cache)) == 0
    assert Features(cache).find([text_key(TEXTS[0])]).tolist() == [-1]


def test_what_fp16_cannot_hold_is_its_highest_number(tmp_path: Path) -> None:
    cache = encode(Encoders(), "regions", {}, tmp_path).cache
    one = Regions(np.full((1, 192), -1e9, np.float32), np.zeros((1, 4), np.float32), np.ones(1, np.float32))
    write_shard(cache, [("a" * 64, one)])
    rows, _ = Features(cache).batch(np.array([0]))
    assert np.isfinite(rows).all()
    assert rows.max() < -60_000


def test_a_full_disk_names_the_cache(tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, before[1]))
    try:
        with pytest.raises(OSError, match="words/light-") as caught:
            encode(Encoders(), "words", ITEMS, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert caught.value.strerror
    assert len(Features.latest(tmp_path, "words", "light")) == 0
    assert encode(Encoders(), "words", ITEMS, tmp_path).new == len(ITEMS)


def test_a_shard_that_is_there_already_is_left_as_it_is(tmp_path: Path) -> None:
    cache = encode(Encoders(), "words", ITEMS, tmp_path).cache
    before = files(cache)
    for job in encoding._parts(list(ITEMS.items()), "words"):  # as two runs on one cluster would
        assert encoding.encode_shard(encoding.EncodingJob(Encoders(), "words", cache, job)) == {}
    assert files(cache) == before


@pytest.mark.parametrize(
    "change",
    [
        lambda told: told.pop("line") and told,
        lambda told: told | {"line": ["light"]},
        lambda told: told | {"width": "256"},
        lambda told: told | {"width": 0},
        lambda told: told | {"kind": "sounds"},
        lambda told: told | {"fingerprint": None},
        lambda told: told | {"space": 7},
        lambda told: [told],
    ],
)
def test_a_manifest_that_no_run_writes_is_one_sentence(tmp_path: Path, change: Callable[[Any], Any]) -> None:
    file = encode(Encoders(), "words", ITEMS, tmp_path).cache / "manifest.json"
    told = change(json.loads(file.read_text()))
    file.write_text(json.dumps(told))
    for read in (lambda: Features.latest(tmp_path, "words", "light"), lambda: Features(file.parent)):
        with pytest.raises(CcdError, match="no manifest of a feature cache; remove its folder and run `ccd encode`"):
            read()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_features_that_are_not_finite_are_refused(tmp_path: Path, value: float) -> None:
    cache = encode(Encoders(), "words", ITEMS, tmp_path).cache
    file = next(cache.glob("*/features.npy"))
    rows = np.load(file)
    rows[5, 7] = value
    np.save(file, rows)
    found = Features(cache)
    with pytest.raises(CcdError, match="features that are no finite numbers; remove it and run `ccd encode`"):
        found.batch(np.arange(len(found)))


def test_features_of_another_type_are_refused(tmp_path: Path) -> None:
    cache = encode(Encoders(), "words", ITEMS, tmp_path).cache
    file = next(cache.glob("*/features.npy"))
    np.save(file, np.load(file).astype(np.int16))
    with pytest.raises(CcdError, match="features of type int16"):
        Features(cache)


def test_no_cache_is_told(tmp_path: Path) -> None:
    with pytest.raises(CcdError, match=r"run `ccd encode --words glove`"):
        Features.latest(tmp_path, "words", "glove")
    with pytest.raises(CcdError, match=r"no manifest of a feature cache"):
        Features(tmp_path)


@settings(max_examples=30, deadline=None)
@given(
    counts=st.lists(st.lists(st.integers(0, 5), min_size=1, max_size=6), min_size=1, max_size=4),
    seed=st.integers(0, 99),
)
def test_any_batch_is_what_was_written(
    counts: list[list[int]], seed: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = encode(Encoders(), "words", {}, tmp_path_factory.mktemp("cache")).cache
    random = np.random.default_rng(seed)
    stored = {}
    for number, shard in enumerate(counts):
        part = {
            f"{number:032}{item:032}": Words(("w",) * n, random.normal(size=(n, 256)).astype(np.float32))
            for item, n in enumerate(shard)
        }
        write_shard(folder, list(part.items()))
        stored |= part
    cache = Features(folder)
    keys = random.permutation(list(stored)).tolist()
    rows, found = cache.batch(cache.find(keys))
    assert rows.shape[1] == found.max()
    for key, row, count in zip(keys, rows, found, strict=True):
        np.testing.assert_array_equal(row[:count], stored[key].features.astype(np.float16))
        assert not row[count:].any()
