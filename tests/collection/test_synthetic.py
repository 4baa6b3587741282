"""The demo's small world keeps what its labels promise."""

import hashlib
from collections import Counter
from pathlib import Path

import pytest

from collection.drawing import KINDS as DRAWN
from collection.synthetic import SyntheticPair, records, world
from collection.vocabulary import KINDS


@pytest.fixture(scope="module")
def pairs() -> list[SyntheticPair]:
    return list(world(160, seed=7))


def names(text: str) -> set[str]:
    """The kinds that a text names."""
    words = "".join(c if c.isalpha() else " " for c in text.lower()).split()
    singular = {*words, *(word.removesuffix("s") for word in words)}
    return {kind for kind, about in KINDS.items() if singular & set(about.names)}


def test_labels_hold(pairs: list[SyntheticPair]) -> None:
    for pair in pairs:
        drawn = {thing.kind for thing in pair.objects}
        if pair.label == "explicit":
            assert names(pair.text) & drawn, pair.text
        elif pair.label == "implicit":
            assert not names(pair.text), pair.text
            about = {kind for kind, k in KINDS.items() if any(pair.text.startswith(a) for a in k.associations)}
            assert about & drawn, pair.text
        else:
            assert not names(pair.text) & drawn, pair.text
            assert not any(pair.text.startswith(a) for k in KINDS.values() for a in k.associations)


def test_associations_name_no_object() -> None:
    assert [a for kind in KINDS.values() for a in kind.associations if names(a)] == []


@pytest.mark.parametrize("n", [16, 40, 160])
def test_shares(pairs: list[SyntheticPair], n: int) -> None:
    found = Counter(pair.label for pair in pairs[:n])
    assert found["implicit"] / n == 0.125
    assert found["explicit"] / n == pytest.approx(0.55, abs=0.05)


def test_some_irrelevant_texts_name_what_other_pictures_show(pairs: list[SyntheticPair]) -> None:
    irrelevant = [pair for pair in pairs if pair.label == "irrelevant"]
    assert 0.3 < sum(bool(names(pair.text)) for pair in irrelevant) / len(irrelevant) < 0.7


def test_everything_that_can_be_drawn_is_drawn_and_nothing_twice(pairs: list[SyntheticPair]) -> None:
    assert {thing.kind for pair in pairs for thing in pair.objects} == set(KINDS) == set(DRAWN)
    assert len({(pair.text, hashlib.sha256(pair.image.tobytes()).digest()) for pair in pairs}) == len(pairs)
    assert {pair.image.size for pair in pairs} == {(480, 360)}
    assert all(1 <= len(pair.objects) <= 3 for pair in pairs)


def test_a_seed_gives_the_same_world_whatever_its_size(pairs: list[SyntheticPair], tmp_path: Path) -> None:
    again = list(world(6, seed=7))
    assert [(p.text, p.label, p.image.tobytes()) for p in again] == [
        (p.text, p.label, p.image.tobytes()) for p in pairs[:6]
    ]
    first, truth = records(6, 7, tmp_path / "a")
    second, _ = records(6, 7, tmp_path / "b")
    assert truth == {f"demo:7-{p.number}:0": p.label for p in again}
    assert [r.post_id for r in first] == [f"demo:7-{i}" for i in range(6)]
    for a, b in zip(first, second, strict=True):
        assert isinstance(a.photos[0].source, Path)
        assert isinstance(b.photos[0].source, Path)
        assert a.photos[0].source.read_bytes() == b.photos[0].source.read_bytes()
    assert [p.text for p in world(6, seed=8)] != [p.text for p in again]
