"""Explanations: the right weights for the right words, and pictures that show them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from ccd.errors import CcdError
from model.ananet import AnANet, AnANetConfig
from model.attention import DARK, OUTLINE, Explanation, draw_all, draw_word, explain
from model.batch import Batch
from model.checkpoint import Checkpoint
from model.encoders.protocol import Regions, Words
from model.paper import Paper, PaperConfig
from model.prediction import Scorer

LABELS = ("irrelevant", "implicit", "explicit")
HALVES = np.array([[0, 0, 0.5, 1], [0.5, 0, 1, 1]], np.float32)


def pair(regions: int = 2, words: int = 3, width: int = 6) -> tuple[Regions, Words]:
    draw = np.random.default_rng(regions)
    seen = draw.normal(size=(regions, width)).astype(np.float32)
    boxes = np.resize(HALVES, (regions, 4))
    told = draw.normal(size=(words, width)).astype(np.float32)
    return Regions(seen, boxes, np.ones(regions, np.float32)), Words(tuple("abcdefgh"[:words]), told)


def by_hand(weights: list[list[float]]) -> Explanation:
    tokens = tuple("abcdefgh"[: len(weights)])
    return Explanation(tokens, HALVES, np.array(weights, np.float32), LABELS, {"together": (0.1, 0.2, 0.7)})


@pytest.mark.parametrize(
    "network",
    [
        lambda: Paper(PaperConfig(6, 6, width=8, subspace=4)),
        lambda: AnANet(AnANetConfig(6, 6, width=8, subspace=4, shared_space=True)),
    ],
    ids=["paper", "ananet"],
)
def test_each_word_attends_to_the_regions_and_every_stream_answers(network: object) -> None:
    torch.manual_seed(1)
    made = network()  # type: ignore[operator]
    found = explain(made, *pair(), LABELS, one_space=True)
    assert found.tokens == ("a", "b", "c")
    assert found.weights.shape == (3, 2)
    np.testing.assert_allclose(found.weights.sum(1), 1, atol=1e-6)
    assert list(found.answers) == ["together", "association", "alignment"]
    for chances in found.answers.values():
        assert sum(chances) == pytest.approx(1, abs=1e-5)
    assert found.strongest(1) == found.weights[1].argmax()


def test_a_pair_has_one_probability_explained_and_predicted(tmp_path: Path) -> None:
    """At the network's temperature, as `ccd predict` stores it; the streams alone are at none in both."""
    torch.manual_seed(2)
    network = AnANet(AnANetConfig(6, 6, width=8, subspace=4)).eval()
    regions, words = pair()
    found = explain(network, regions, words, LABELS, 2.5, one_space=False)
    scorer = object.__new__(Scorer)
    scorer.checkpoint = Checkpoint(tmp_path / "net", {"labels": list(LABELS)}, {"temperature": 2.5})
    batch = Batch(
        torch.from_numpy(regions.features)[None],
        torch.ones(1, len(regions.features), dtype=torch.bool),
        torch.from_numpy(words.features)[None],
        torch.tensor([len(words.features)]),
    )
    with torch.inference_mode():
        verdict = network(batch)
    parts = {"logits": verdict.logits, "association": verdict.association, "alignment": verdict.alignment}
    stored = scorer._predictions(("x:1:0",), {name: part.numpy() for name, part in parts.items() if part is not None})
    assert stored.association is not None
    assert stored.alignment is not None
    streams = {"together": stored.probabilities, "association": stored.association, "alignment": stored.alignment}
    for who, chances in streams.items():
        np.testing.assert_allclose(found.answers[who], chances[0], atol=1e-6)


def test_the_words_of_a_trained_relation_are_found() -> None:
    """The alignment of the paper's network, given projections that keep the features, looks where the match is."""
    network = Paper(PaperConfig(4, 4, width=4, subspace=2))
    with torch.no_grad():
        network.encode_regions.weight.copy_(5 * torch.eye(4))
        network.encode_regions.bias.zero_()
    words = Words(("x",), np.eye(4, dtype=np.float32)[:1])
    regions = Regions(np.eye(4, dtype=np.float32), np.zeros((4, 4), np.float32), np.ones(4, np.float32))
    with torch.no_grad():
        state = network.encode_words(torch.from_numpy(words.features)[None], torch.tensor([1]))[0, 0]
    found = explain(network, regions, words, LABELS, one_space=False)
    expected = (5 * state).softmax(-1)  # s_ij = V T^T with V = 5 I
    np.testing.assert_allclose(found.weights[0], expected.numpy(), atol=1e-6)


def test_a_network_without_attention_is_told() -> None:
    network = Paper(PaperConfig(6, 6, width=8, subspace=4, alignment=False))
    with pytest.raises(CcdError, match="explain with ananet or paper"):
        explain(network, *pair(), LABELS, one_space=False)


@pytest.mark.parametrize(("regions", "words"), [(0, 3), (2, 0), (0, 0)])
def test_a_pair_without_regions_or_words_is_explained(regions: int, words: int) -> None:
    network = AnANet(AnANetConfig(6, 6, width=8, subspace=4))
    found = explain(network, *pair(regions, words), LABELS, one_space=False)
    assert found.weights.shape == (words, regions)
    assert draw_all(Image.new("RGB", (40, 30), "white"), found, 200).width == 200
    assert found.to_dict()["strongest"] == ([None] * words if regions == 0 else [])


def test_the_photo_is_brighter_where_the_word_looks() -> None:
    shown = draw_word(Image.new("RGB", (100, 60), "white"), by_hand([[0.8, 0.2]]), 0, 200)
    assert shown.width == 200
    left, right = shown.getpixel((50, 60)), shown.getpixel((150, 60))
    assert left == (255, 255, 255)
    assert right == (round(255 * (DARK + (1 - DARK) * 0.25)),) * 3  # 0.2 is a quarter of the strongest weight
    assert shown.getpixel((0, 60)) == OUTLINE  # of the left half
    assert shown.getpixel((199, 60)) != OUTLINE


def test_a_region_within_another_keeps_its_own_weight() -> None:
    boxes = np.array([[0, 0, 1, 1], [0.4, 0.4, 0.6, 0.6]], np.float32)
    found = Explanation(("a",), boxes, np.array([[0.1, 0.9]], np.float32), LABELS, {})
    shown = draw_word(Image.new("RGB", (100, 100), "white"), found, 0, 100)
    assert shown.getpixel((50, 50)) == (255, 255, 255)
    assert shown.getpixel((10, 10)) == (round(255 * (DARK + (1 - DARK) / 9)),) * 3


def test_the_grid_has_a_tile_for_the_photo_and_each_word() -> None:
    photo = Image.new("RGB", (100, 50), "green")
    one, five = (draw_all(photo, by_hand([[0.5, 0.5]] * words), 800) for words in (1, 5))
    assert five.width == one.width == 800
    tile = draw_word(photo, by_hand([[0.5, 0.5]]), 0, 190).height
    assert five.height == pytest.approx(2 * tile + 60, abs=30)  # two rows of four
    assert five.getpixel((20, 50)) == (0, 128, 0)  # untouched
    long = draw_all(photo, by_hand([[0.5, 0.5]] * 48), 800)
    assert long.height < long.width


def test_it_says_so_in_words_and_as_data() -> None:
    found = by_hand([[0.25, 0.75], [1, 0]])
    assert found.said() == ["together says explicit 0.70, implicit 0.20, irrelevant 0.10"]
    told = found.to_dict()
    assert told["tokens"] == ["a", "b"]
    assert told["weights"] == [[0.25, 0.75], [1.0, 0.0]]
    assert told["strongest"] == [1, 0]
    assert told["answers"] == {"together": {"irrelevant": 0.1, "implicit": 0.2, "explicit": 0.7}}


def test_accents_are_drawn() -> None:
    photo = Image.new("RGB", (40, 4), "black")
    tiles = [
        draw_word(photo, replace(by_hand([[0.5, 0.5]]), tokens=(word,)), 0, 200).tobytes() for word in ("Ã", "Õ", "Ж")
    ]
    assert len(set(tiles)) == 3  # letters that a font lacks are the same box
