"""Every network of the zoo: what surrounds a pair changes nothing, what can be learned is learned, chance is chance."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import cross_entropy

from apps.cli.train import train_command
from ccd.errors import CcdError
from model.baselines.profile_regression import PENALTY, ProfileRegression
from model.baselines.scan import attend
from model.baselines.sizes import Sizes
from model.batch import Batch
from model.criterion import loss_terms
from model.profile import PROFILE_WIDTH, profiles
from model.zoo import ZOO, config_of, make, stored_config
from tests.model.batches import batch, chosen, padded

SIZES = Sizes(4, 4, 3, PROFILE_WIDTH)
CHANCE = {"random", "stratified", "majority"}
NETWORKS = sorted(set(ZOO) - CHANCE)
STEPS = sorted(set(NETWORKS) - {"similarity"})
_MADE: dict[str, torch.nn.Module] = {}


def network(name: str) -> torch.nn.Module:
    """Made once, as some are large."""
    if name not in _MADE:
        torch.manual_seed(1)
        _MADE[name] = make(name, config_of(name, SIZES)).eval()
    return _MADE[name]


def pairs_of(lengths: list[int], regions: list[int]) -> Batch:
    made = batch(lengths, regions, widths=(4, 4))
    return dataclasses.replace(made, profile=profiles(made))


@pytest.mark.parametrize("name", NETWORKS)
@settings(deadline=None, max_examples=8)
@given(
    sizes=st.lists(st.tuples(st.integers(0, 8), st.integers(0, 6)), min_size=1, max_size=5),
    more=st.tuples(st.integers(0, 5), st.integers(0, 9)),
    data=st.data(),
)
def test_padding_order_and_neighbours_change_nothing(
    name: str, sizes: list[tuple[int, int]], more: tuple[int, int], data: st.DataObject
) -> None:
    lengths, regions = map(list, zip(*sizes, strict=True))
    net, whole = network(name), pairs_of(lengths, regions)
    logits = net(whole).logits
    assert logits.shape == (len(sizes), 3)
    assert logits.isfinite().all()
    torch.testing.assert_close(net(padded(whole, *more)).logits, logits, atol=1e-5, rtol=0)
    rows = data.draw(st.permutations(range(len(sizes))))[: data.draw(st.integers(1, len(sizes)))]
    torch.testing.assert_close(net(chosen(whole, rows)).logits, logits[rows], atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("sizes", [([0, 0], [3, 2]), ([3, 2], [0, 0]), ([0, 0], [0, 0]), ([4, 0, 0], [0, 3, 0])])
def test_nothing_there_has_finite_gradients(name: str, sizes: tuple[list[int], list[int]]) -> None:
    net, given_ = network(name), pairs_of(*sizes)
    assert given_.labels is not None
    net.zero_grad()
    sum(loss_terms(net(given_), given_.labels).values()).backward()  # type: ignore[union-attr]
    assert all(p.grad is None or p.grad.isfinite().all() for p in net.parameters())


@pytest.mark.parametrize("name", STEPS)
def test_each_learns_pairs_by_heart(name: str) -> None:
    """18 pairs with three words and three regions each: whatever a network looks at tells them apart."""
    torch.manual_seed(0)
    net, given_ = make(name, config_of(name, SIZES)), pairs_of([3] * 18, [3] * 18)
    assert given_.labels is not None
    optimiser = torch.optim.Adam(net.parameters(), 0.01 if name == "scan" else 0.003)
    for _step in range(500):
        verdict = net(given_)
        loss = torch.stack(list(loss_terms(verdict, given_.labels).values())).sum()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        if _step % 20 == 0 and (net.eval()(given_).logits.argmax(-1) == given_.labels).all():
            break
        net.train()
    else:
        pytest.fail("500 steps were not enough")


@pytest.mark.parametrize(
    ("name", "seen"),
    [("text", {"words"}), ("image", {"regions"}), ("similarity", {"profile"})]
    + [(name, {"words", "regions"}) for name in STEPS if name not in ("text", "image", "ananet")],
)
def test_each_looks_at_what_it_says(name: str, seen: set[str]) -> None:
    net, given_ = network(name), pairs_of([4, 3], [3, 4])
    assert given_.profile is not None
    logits = net(given_).logits
    others = {
        "words": dataclasses.replace(given_, words=given_.words.flip(-1)),
        "regions": dataclasses.replace(given_, regions=given_.regions.flip(-1)),
        "profile": dataclasses.replace(given_, profile=given_.profile.flip(-1)),
    }
    changed = {what for what, other in others.items() if not torch.equal(net(other).logits, logits)}
    assert changed == seen


def test_chance_has_known_shares() -> None:
    labels = torch.tensor([0] * 6 + [1] * 1 + [2] * 3)
    given_ = dataclasses.replace(pairs_of([2] * 10, [2] * 10), labels=labels)
    many = dataclasses.replace(given_, lengths=torch.full((30_000,), 2))
    expected = {"random": [1 / 3] * 3, "stratified": [0.6, 0.1, 0.3], "majority": [1.0, 0.0, 0.0]}
    for name, shares in expected.items():
        net = make(name, config_of(name, SIZES))
        net.fit([given_], None)  # type: ignore[operator]
        guesses = net(many).logits.argmax(-1)
        assert (torch.bincount(guesses, minlength=3) / 30_000).tolist() == pytest.approx(shares, abs=0.01), name
        again = make(name, config_of(name, SIZES))
        again.load_state_dict(net.state_dict())
        assert torch.equal(again(many).logits.argmax(-1), guesses)
    assert make("majority", SIZES)(given_).logits.softmax(-1)[0].tolist() == pytest.approx([1 / 3] * 3)
    torch.testing.assert_close(net(given_).logits.softmax(-1)[0], torch.tensor([0.6, 0.1, 0.3]))


@pytest.mark.parametrize("weights", [None, torch.tensor([2.0, 1.0, 0.5])])
def test_similarity_is_fitted_to_the_one_minimum(weights: torch.Tensor | None) -> None:
    draw = np.random.default_rng(0)
    profile = torch.from_numpy(draw.normal(size=(90, PROFILE_WIDTH))).float()
    labels = torch.from_numpy((profile[:, :3].numpy() + draw.gumbel(size=(90, 3))).argmax(1))
    parts = [
        Batch(torch.zeros(45, 0, 4), torch.zeros(45, 0), torch.zeros(45, 0, 4), torch.zeros(45), *part)
        for part in zip(profile.split(45), labels.split(45), strict=True)
    ]
    net = ProfileRegression(SIZES)
    net.fit(parts, weights)
    logits = torch.cat([net(part).logits for part in parts])
    loss = cross_entropy(logits, labels, weights, reduction="sum") + PENALTY / 2 * net.classify.weight.square().sum()
    loss.backward()
    for parameter in net.parameters():
        assert parameter.grad is not None
        assert parameter.grad.abs().max() < 2e-3  # flat: of a convex function, this is the minimum
    assert (logits.argmax(-1) == labels).float().mean() > 0.6


def test_similarity_needs_one_space() -> None:
    with pytest.raises(CcdError, match="similarity needs encoders of one space"):
        make("similarity", Sizes(4, 4))


def test_scan_attention_by_hand() -> None:
    """One query over two of three context items; the third is padding."""
    queries, context = torch.tensor([[[1.0, 0.0], [0.0, 1.0]]]), torch.tensor([[[1.0, 0.0], [-0.6, 0.8], [9.0, 9.0]]])
    both = torch.tensor([[[True, True, False], [True, True, False]]])
    cosines, weights = attend(queries, context, both, 2.0)
    # similarities [1, -.6], [0, .8]; clipped [1, -.06], [0, .8]; each context item's over the queries has length 1
    sharp = np.exp(2 * np.array([[1, -0.06 / np.hypot(0.06, 0.8)], [0, 0.8 / np.hypot(0.06, 0.8)]]))
    expected = sharp / sharp.sum(1, keepdims=True)
    np.testing.assert_allclose(weights[0, :, :2], expected, atol=1e-6)
    assert not weights[0, :, 2].any()
    attended = expected @ np.array([[1, 0], [-0.6, 0.8]])
    np.testing.assert_allclose(cosines[0], np.diag(attended) / np.linalg.norm(attended, axis=1), atol=1e-6)


@pytest.mark.parametrize("name", sorted(ZOO))
def test_a_config_comes_back_from_json(name: str) -> None:
    config = config_of(name, SIZES)
    assert stored_config(name, json.loads(json.dumps(dataclasses.asdict(config)))) == config


def test_an_unknown_network_is_one_line() -> None:
    with pytest.raises(CcdError, match="'anaet' is no network; known: ananet, paper, random"):
        config_of("anaet", SIZES)
    with pytest.raises(CcdError, match=r"a stored tfn has \['size'\], this toolkit knows \['region_width'"):
        stored_config("tfn", {"size": 3})


def test_the_command_names_them_all() -> None:
    (told,) = [option.help for option in train_command.params if option.name == "model"]  # type: ignore[attr-defined]
    assert all(name in told for name in ZOO)


def test_each_baseline_has_a_file_that_names_its_paper() -> None:
    folder = Path(__file__).parents[2] / "model" / "baselines"
    for name in ("tfn", "comemory", "scan", "inception_lstm", "dcnn", "deep_classifier"):
        assert "Different here" in (folder / f"{name}.py").read_text()
