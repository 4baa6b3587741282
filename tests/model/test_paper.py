"""The paper's network against its equations, and what padding, neighbours and empty sides do to it: nothing."""

import copy
import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from ccd.errors import CcdError
from model.batch import Batch
from model.criterion import loss_terms
from model.paper import LossWeights, Paper, PaperConfig
from tests.model import slow
from tests.model.batches import batch, chosen, padded
from tests.model.matching import accuracy_on_matches

SMALL = PaperConfig(region_width=5, word_width=4, regions=4, words=6, width=8, subspace=3)
VARIANTS = {
    "paper": SMALL,
    "first axis": dataclasses.replace(SMALL, softmax_over="first"),
    "input spaces": dataclasses.replace(SMALL, orthogonal="WPt"),
    "association": dataclasses.replace(SMALL, alignment=False),
    "alignment": dataclasses.replace(SMALL, association=False),
    "concatenation": dataclasses.replace(SMALL, association=False, alignment=False),
    "var": dataclasses.replace(SMALL, association_features=("var",)),
    "raw": dataclasses.replace(SMALL, association_features=("raw",)),
    "raw var": dataclasses.replace(SMALL, association_features=("raw", "var")),
    "inv raw": dataclasses.replace(SMALL, association_features=("inv", "raw")),
    "inv var": dataclasses.replace(SMALL, association_features=("inv", "var")),
    "all": dataclasses.replace(SMALL, association_features=("inv", "var", "raw")),
}
MIXED = ([3, 0, 6, 1, 9, 2], [4, 2, 0, 1, 6, 0])  # empty text, no region, more than the slots hold


def network(config: PaperConfig, seed: int = 0) -> Paper:
    torch.manual_seed(seed)
    return Paper(config)


def double(given: Batch) -> Batch:
    return dataclasses.replace(given, regions=given.regions.double(), words=given.words.double())


@pytest.mark.parametrize("variant", VARIANTS)
def test_it_computes_the_equations(variant: str) -> None:
    config = VARIANTS[variant]
    net, given_ = network(config).double(), double(batch(*MIXED))
    parameters = {name: value.detach().numpy() for name, value in net.named_parameters()}
    verdict = net(given_)
    expected = [
        slow.pair(given_.regions[i, :k].numpy(), given_.words[i, :n].numpy(), parameters, config)
        for i, (n, k) in enumerate(zip(*MIXED, strict=True))
    ]
    for name in ("logits", "association", "alignment"):
        got = getattr(verdict, name)
        assert (got is None) == (name not in expected[0])
        if got is not None:
            np.testing.assert_allclose(got.detach().numpy(), [row[name] for row in expected], atol=1e-9)
    if config.alignment:
        for name in ("word_to_region", "region_to_word"):
            got = getattr(verdict, name).detach().numpy()
            for row, one in zip(expected, got, strict=True):
                known = row[name]
                np.testing.assert_allclose(one[: known.shape[0], : known.shape[1]], known, atol=1e-9)
                assert np.isclose(one.sum(), known.sum())  # nothing elsewhere
    labels = given_.labels
    assert labels is not None
    terms = {name: term.item() for name, term in loss_terms(verdict, labels).items()}
    wanted = {"classification": slow.cross_entropy(np.array([row["logits"] for row in expected]), labels.numpy())}
    if config.association:
        wanted["invariant"] = 0.1 * np.mean([row["invariant"] for row in expected])  # (22), alpha
        wanted["orthogonal"] = 2 * slow.orthogonal(parameters, config.orthogonal)  # (22), beta
    assert terms == pytest.approx(wanted, abs=1e-5)  # 1e-6 under the square roots


@pytest.mark.parametrize("variant", ["paper", "first axis", "input spaces", "all", "concatenation"])
def test_its_gradients_are_the_finite_differences(variant: str) -> None:
    net, given_ = network(VARIANTS[variant], seed=3).double(), double(batch([3, 2, 0], [2, 4, 1]))
    labels = torch.tensor([0, 1, 2])

    def loss() -> torch.Tensor:
        return torch.stack(list(loss_terms(net(given_), labels).values())).sum()

    loss().backward()
    draw = np.random.default_rng(0)
    for name, parameter in net.named_parameters():
        flat, gradient = parameter.data.view(-1), parameter.grad
        assert gradient is not None, name
        for i in draw.choice(len(flat), size=min(6, len(flat)), replace=False):
            kept, step = flat[i].item(), 1e-6
            sides = []
            for sign in (1, -1):
                flat[i] = kept + sign * step
                sides.append(loss().item())
            flat[i] = kept
            assert gradient.view(-1)[i].item() == pytest.approx(
                (sides[0] - sides[1]) / (2 * step), abs=1e-6, rel=1e-4
            ), name


def test_gradients_of_the_inputs_too() -> None:
    net, given_ = network(SMALL).double(), double(batch([3, 2], [2, 4]))

    def logits(regions: torch.Tensor, words: torch.Tensor) -> torch.Tensor:
        return net(dataclasses.replace(given_, regions=regions, words=words)).logits

    assert torch.autograd.gradcheck(logits, (given_.regions.requires_grad_(), given_.words.requires_grad_()))


@pytest.mark.parametrize("form", ["WtP", "WPt"])
def test_the_orthogonal_loss_needs_no_large_matrix_and_is_the_same(form: str) -> None:
    config = PaperConfig(region_width=5, word_width=4, orthogonal=form)  # at the paper's size, in fp32
    net = network(config)
    parameters = {name: value.detach().double().numpy() for name, value in net.named_parameters()}
    assert net.association.orthogonality().item() == pytest.approx(slow.orthogonal(parameters, form), rel=1e-5)


def test_the_paper_has_six_million_parameters() -> None:
    assert sum(p.numel() for p in Paper(PaperConfig(region_width=1024, word_width=968)).parameters()) == 6_218_318


def test_the_streams_have_the_paper_s_weights() -> None:
    """Fig. 4: association 0.7, alignment 1.3."""
    verdict = network(SMALL)(batch(*MIXED))
    assert verdict.association is not None
    assert verdict.alignment is not None
    torch.testing.assert_close(verdict.logits, 0.7 * verdict.association + 1.3 * verdict.alignment)


def test_padding_has_no_gradient_in_half_precision() -> None:
    """A cosine with a row of zeros has a slope of 1e8, which fp16 does not hold: infinity times 0 would be NaN."""
    v, t = (torch.randn(2, 3, 8, generator=torch.Generator().manual_seed(side)).half() for side in (0, 1))
    region_mask, word_mask = torch.tensor([[True, True, False]] * 2), torch.tensor([[True] * 3, [False] * 3])
    t = t.masked_fill(~word_mask[..., None], 0)
    net = network(SMALL).alignment.half()
    net(v.requires_grad_(), t.requires_grad_(), region_mask, word_mask)[0].float().sum().backward()
    assert v.grad is not None
    assert t.grad is not None
    assert v.grad.isfinite().all()
    assert t.grad.isfinite().all()
    assert not v.grad[:, 2].any()


pairs = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 6)), min_size=1, max_size=5)


@settings(deadline=None, max_examples=40)
@given(sizes=pairs, more=st.tuples(st.integers(0, 5), st.integers(0, 9)), data=st.data())
def test_padding_order_and_neighbours_change_nothing(
    sizes: list[tuple[int, int]], more: tuple[int, int], data: st.DataObject
) -> None:
    lengths, regions = map(list, zip(*sizes, strict=True))
    net, whole = network(SMALL), batch(lengths, regions)
    logits = net(whole).logits
    assert logits.isfinite().all()
    torch.testing.assert_close(net(padded(whole, *more)).logits, logits, atol=1e-5, rtol=0)
    rows = data.draw(st.permutations(range(len(sizes))))[: data.draw(st.integers(1, len(sizes)))]
    torch.testing.assert_close(net(chosen(whole, rows)).logits, logits[rows], atol=1e-5, rtol=0)


@pytest.mark.parametrize("sizes", [([0, 0], [3, 2]), ([3, 2], [0, 0]), ([0, 0], [0, 0]), ([4, 0, 0], [0, 3, 0])])
@pytest.mark.parametrize("variant", ["paper", "first axis", "concatenation"])
def test_nothing_there_gives_no_attention_and_finite_gradients(
    sizes: tuple[list[int], list[int]], variant: str
) -> None:
    net, given_ = network(VARIANTS[variant]), batch(*sizes)
    verdict = net(given_)
    assert given_.labels is not None
    sum(loss_terms(verdict, given_.labels).values()).backward()
    assert all(p.grad is None or p.grad.isfinite().all() for p in net.parameters())
    for map_ in (verdict.word_to_region, verdict.region_to_word):
        assert map_ is None or not map_.any()


def test_matrices_at_zero_have_a_gradient() -> None:
    net = network(SMALL)
    for layer in (net.association.common, net.association.unique_image, net.association.unique_text):
        torch.nn.init.zeros_(layer.weight)
    given_ = batch([2, 3], [2, 2])
    assert given_.labels is not None
    sum(loss_terms(net(given_), given_.labels).values()).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in net.parameters())
    assert net.norms() == {"W": 0, "P_image": 0, "P_text": 0}


def test_only_the_orthogonal_loss_moves_the_unused_projections() -> None:
    """As only `inv` is classified, nothing holds P up: the reason why its norm is worth a look."""
    net = network(dataclasses.replace(SMALL, loss=LossWeights(orthogonal=0.0)))
    given_ = batch([2, 3], [2, 2])
    assert given_.labels is not None
    sum(loss_terms(net(given_), given_.labels).values()).backward()
    for layer in (net.association.unique_image, net.association.unique_text):
        assert layer.weight.grad is None or not layer.weight.grad.any()


def test_it_comes_back_from_a_file(tmp_path: Path) -> None:
    config = dataclasses.replace(SMALL, association_features=("inv", "raw"), loss=LossWeights(invariant=0.3))
    net, given_ = network(config), batch(*MIXED)
    save_file(net.state_dict(), tmp_path / "weights.safetensors")
    again = Paper(PaperConfig.from_dict(json.loads(json.dumps(dataclasses.asdict(config)))))
    again.load_state_dict(load_file(tmp_path / "weights.safetensors"))
    assert again.config == config
    assert torch.equal(again(given_).logits, net(given_).logits)


def test_bf16_is_close() -> None:
    net, given_ = network(SMALL), batch(*MIXED)
    exact = net(given_).logits
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(net(given_).logits.float(), exact, atol=0.02, rtol=0.02)
    low = dataclasses.replace(given_, regions=given_.regions.bfloat16(), words=given_.words.bfloat16())
    torch.testing.assert_close(copy.deepcopy(net).bfloat16()(low).logits.float(), exact, atol=0.02, rtol=0.02)


def test_it_can_learn_64_pairs_by_heart() -> None:
    config = PaperConfig(region_width=5, word_width=4, regions=4, words=6, width=32, subspace=8)
    net, given_ = network(config), batch([3, 4, 5, 6] * 16, [1, 2, 3, 4] * 16)
    assert given_.labels is not None
    optimiser = torch.optim.Adam(net.parameters(), 0.01)
    for _ in range(150):
        optimiser.zero_grad()
        sum(loss_terms(net(given_), given_.labels).values()).backward()
        optimiser.step()
    assert (net(given_).logits.argmax(-1) == given_.labels).all()


def test_its_association_net_cannot_see_a_match() -> None:
    """It adds a score of the image and a score of the text, and no such sum tells a match from a mismatch."""
    net = network(PaperConfig(16, 16, labels=2, regions=4, words=6, width=32, subspace=16, alignment=False))
    assert 0.42 < accuracy_on_matches(net, seed=0) < 0.58


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"association_features": ()}, "association_features"),
        ({"association_features": ("inv", "inv")}, "association_features"),
        ({"softmax_over": "words"}, "softmax_over"),
        ({"orthogonal": "PtW"}, "orthogonal"),
    ],
)
def test_a_wrong_switch_is_one_clear_line(wrong: dict[str, object], says: str) -> None:
    with pytest.raises(CcdError, match=says):
        dataclasses.replace(SMALL, **wrong)
