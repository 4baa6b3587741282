"""The recommended network: padding, neighbours, order and empty sides, what it can learn, and its switches."""

import copy
import dataclasses
import json
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from ccd.errors import CcdError
from model.ananet import AlignmentNet, AnANet, AnANetConfig, AssociationNet
from model.batch import Batch
from model.criterion import loss_terms
from tests.model.batches import batch, chosen, padded
from tests.model.matching import accuracy_on_matches

SMALL = AnANetConfig(region_width=4, word_width=4, regions=4, words=6, width=8, subspace=3, heads=2)
FULL = dataclasses.replace(SMALL, shared_space=True)
VARIANTS = {
    "default": SMALL,
    "all inputs": FULL,
    "association": dataclasses.replace(SMALL, alignment=False),
    "alignment": dataclasses.replace(SMALL, association=False),
    "no interaction": dataclasses.replace(SMALL, interaction=False),
    "one head": dataclasses.replace(SMALL, heads=1),
    "slots": dataclasses.replace(FULL, pooled=False),
}
MIXED = ([3, 0, 6, 1, 9, 2], [4, 2, 0, 1, 6, 0])


def network(config: AnANetConfig, seed: int = 0) -> AnANet:
    torch.manual_seed(seed)
    return AnANet(config).eval()


def pairs_of(lengths: list[int], regions: list[int]) -> Batch:
    return batch(lengths, regions, widths=(4, 4))


def loss(verdict_of: AnANet, given_: Batch) -> torch.Tensor:
    assert given_.labels is not None
    return torch.stack(list(loss_terms(verdict_of(given_), given_.labels).values())).sum()


sizes_of_pairs = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 6)), min_size=1, max_size=5)


@settings(deadline=None, max_examples=40)
@given(sizes=sizes_of_pairs, more=st.tuples(st.integers(0, 5), st.integers(0, 9)), data=st.data())
def test_padding_order_and_neighbours_change_nothing(
    sizes: list[tuple[int, int]], more: tuple[int, int], data: st.DataObject
) -> None:
    lengths, regions = map(list, zip(*sizes, strict=True))
    net, whole = network(VARIANTS[data.draw(st.sampled_from(sorted(VARIANTS)))]), pairs_of(lengths, regions)
    logits = net(whole).logits
    assert logits.isfinite().all()
    torch.testing.assert_close(net(padded(whole, *more)).logits, logits, atol=1e-5, rtol=0)
    rows = data.draw(st.permutations(range(len(sizes))))[: data.draw(st.integers(1, len(sizes)))]
    torch.testing.assert_close(net(chosen(whole, rows)).logits, logits[rows], atol=1e-5, rtol=0)


@pytest.mark.parametrize("variant", VARIANTS)
def test_both_streams_and_their_attention(variant: str) -> None:
    config, given_ = VARIANTS[variant], pairs_of(*MIXED)
    verdict = network(config)(given_)
    assert (verdict.association is None) == (not config.association)
    assert (verdict.alignment is None) == (not config.alignment)
    streams = [part for part in (verdict.association, verdict.alignment) if part is not None]
    torch.testing.assert_close(verdict.logits, torch.stack(streams).sum(0))
    if config.alignment:
        assert verdict.word_to_region is not None
        assert verdict.region_to_word is not None
        both = given_.word_mask[:, :, None] & given_.region_mask[:, None, :]
        torch.testing.assert_close(verdict.word_to_region.sum(-1), both.any(-1).float())
        torch.testing.assert_close(verdict.region_to_word.sum(-1), both.any(1).float())
        assert not verdict.word_to_region[~both].any()
        assert not verdict.region_to_word[~both.mT].any()


def test_where_a_region_stands_does_not_count() -> None:
    net, given_ = network(FULL), pairs_of([5, 4], [4, 4])
    other = dataclasses.replace(given_, regions=given_.regions.flip(1))
    torch.testing.assert_close(net(other).logits, net(given_).logits, atol=1e-5, rtol=0)
    by_slot = network(VARIANTS["slots"])
    assert not torch.allclose(by_slot(other).logits, by_slot(given_).logits, atol=1e-5)


@pytest.mark.parametrize("sizes", [([0, 0], [3, 2]), ([3, 2], [0, 0]), ([0, 0], [0, 0]), ([4, 0, 0], [0, 3, 0])])
@pytest.mark.parametrize("variant", ["all inputs", "slots"])
def test_nothing_there_gives_no_attention_and_finite_gradients(
    sizes: tuple[list[int], list[int]], variant: str
) -> None:
    net, given_ = network(VARIANTS[variant]), pairs_of(*sizes)
    loss(net, given_).backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in net.parameters())
    verdict = net(given_)
    for map_ in (verdict.word_to_region, verdict.region_to_word):
        assert map_ is not None
        assert not map_.any()


def test_rows_of_zeros_have_finite_gradients() -> None:
    """Words that GloVe does not know are zeros, and a cosine with zero has no direction."""
    net, given_ = network(FULL), pairs_of([2, 3], [2, 2])
    loss(net, dataclasses.replace(given_, words=torch.zeros_like(given_.words))).backward()
    assert all(p.grad is None or (p.grad.isfinite().all() and p.grad.abs().max() < 1e3) for p in net.parameters())


@pytest.mark.parametrize("variant", ["all inputs", "slots"])
def test_its_gradients_are_right(variant: str) -> None:
    made = pairs_of([3, 2], [2, 4])
    net, given_ = network(VARIANTS[variant]).double(), made

    def logits(regions: torch.Tensor, words: torch.Tensor) -> torch.Tensor:
        return net(dataclasses.replace(given_, regions=regions, words=words)).logits

    inputs = (made.regions.double().requires_grad_(), made.words.double().requires_grad_())
    assert torch.autograd.gradcheck(logits, inputs)


def test_the_association_net_compares() -> None:
    """[a, b, |a - b|, a * b, cos(a, b)] and no more."""
    net = AssociationNet(SMALL).eval()
    image, text = torch.randn(1, 8), torch.randn(1, 8)
    a, b = net.common.weight @ image[0], net.common.weight @ text[0]
    cosine = (a @ b / a.norm() / b.norm())[None]
    seen = torch.cat([a, b, (a - b).abs(), a * b, cosine])
    layer = net.classify[1]
    assert isinstance(layer, torch.nn.Linear)
    torch.testing.assert_close(net(image, text)[0], layer.weight @ seen + layer.bias)


def test_the_evidence_of_one_head_by_hand() -> None:
    """Two regions, one of which the only word equals: the word's best cosine is near 1; there is no second one."""
    net = AlignmentNet(dataclasses.replace(SMALL, heads=1))
    regions = torch.tensor([[[[1.0, 0.0], [0.0, 1.0]]]])
    word = torch.tensor([[[[3.0, 0.0]]]])
    both = torch.ones(1, 1, 2, 1, dtype=torch.bool)
    evidence, a_t2v, a_v2t = net.compare(regions, word, both, torch.tensor(10.0))
    first = 1 / (1 + torch.tensor(-10.0).exp())
    torch.testing.assert_close(a_v2t[0, 0, 0], torch.stack([first, 1 - first]))
    assert a_t2v.tolist() == [[[[1], [1]]]]
    torch.testing.assert_close(
        evidence[0], torch.tensor([1, 0, 0, 1, 1, 0, 0, 0.5]), atol=1e-4, rtol=0
    )  # the word's best three and mean, the regions'


def test_the_shared_space_is_attended_at_a_temperature_of_ten() -> None:
    """One head that looks everywhere alike, and beside it softmax(10 cosine) over what the encoders say."""
    net = AlignmentNet(dataclasses.replace(FULL, heads=1))
    for layer in (net.heads_of_regions, net.heads_of_words):
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.zeros_(layer.bias)
    given_ = pairs_of([2], [3])
    normal = [torch.nn.functional.normalize(side[0], dim=-1) for side in (given_.words, given_.regions)]
    frozen = (10 * normal[0] @ normal[1].T).softmax(-1)
    nothing = torch.zeros(1, 3, 8), torch.zeros(1, 2, 8)
    torch.testing.assert_close(net(*nothing, given_)[2][0], (frozen + 1 / 3) / 2)


def test_adapters_start_as_the_shared_space() -> None:
    net = AlignmentNet(FULL)
    given_ = pairs_of([3], [2])
    torch.testing.assert_close(net.adapt_regions(given_.regions), given_.regions)
    torch.testing.assert_close(net.adapt_words(given_.words), given_.words)


def test_it_comes_back_from_a_file(tmp_path: Path) -> None:
    net, given_ = network(FULL), pairs_of(*MIXED)
    save_file(net.state_dict(), tmp_path / "weights.safetensors")
    again = AnANet(AnANetConfig.from_dict(json.loads(json.dumps(dataclasses.asdict(FULL))))).eval()
    again.load_state_dict(load_file(tmp_path / "weights.safetensors"))
    assert torch.equal(again(given_).logits, net(given_).logits)


def test_bf16_is_close() -> None:
    net, given_ = network(FULL), pairs_of(*MIXED)
    exact = net(given_).logits
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(net(given_).logits.float(), exact, atol=0.03, rtol=0.03)
    low = dataclasses.replace(given_, regions=given_.regions.bfloat16(), words=given_.words.bfloat16())
    torch.testing.assert_close(copy.deepcopy(net).bfloat16()(low).logits.float(), exact, atol=0.03, rtol=0.03)


def test_it_can_learn_64_pairs_by_heart() -> None:
    net = network(dataclasses.replace(SMALL, width=32, subspace=16, dropout=0.0)).train()
    given_ = pairs_of([3, 4, 5, 6] * 16, [1, 2, 3, 4] * 16)
    optimiser = torch.optim.Adam(net.parameters(), 0.01)
    for _ in range(150):
        optimiser.zero_grad()
        loss(net, given_).backward()
        optimiser.step()
    assert given_.labels is not None
    assert (net(given_).logits.argmax(-1) == given_.labels).all()


@pytest.mark.parametrize(("interaction", "low", "high"), [(True, 0.95, 1.0), (False, 0.42, 0.58)])
def test_its_association_net_sees_a_match_by_comparing(interaction: bool, low: float, high: float) -> None:
    config = AnANetConfig(
        16, 16, labels=2, width=32, subspace=16, dropout=0.0, alignment=False, interaction=interaction
    )
    assert low < accuracy_on_matches(network(config), seed=0) <= high


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"association": False, "alignment": False}, "both off"),
        ({"width": 10, "heads": 4}, "width 10"),
        ({"region_width": 7, "shared_space": True}, "shared_space"),
    ],
)
def test_a_wrong_switch_is_one_clear_line(wrong: dict[str, object], says: str) -> None:
    with pytest.raises(CcdError, match=says):
        dataclasses.replace(SMALL, **wrong)
