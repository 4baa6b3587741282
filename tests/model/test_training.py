"""Training: the same bits again, also after a kill; it stops by dev, logs every term, and keeps the best epoch."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import model.training
from ccd.errors import CcdError
from model.ananet import AnANetConfig
from model.baselines.sizes import Sizes
from model.calibration import fit_temperature
from model.checkpoint import Checkpoint
from model.data import Loader
from model.evaluation import confusion, f1, predict, weighted_f1
from model.paper import PaperConfig
from model.training import Settings, has_bf16, train
from model.zoo import Config, config_of
from tests.model.caches import WIDTH, loader

ANANET = AnANetConfig(WIDTH, WIDTH, labels=2, width=16, subspace=8, heads=2)
PAPER = PaperConfig(WIDTH, WIDTH, labels=2, width=16, subspace=4, words=10, regions=4)
SHORT = Settings(epochs=3, batch=16)
ABOUT = {"labels": ["irrelevant", "explicit"], "synthetic": True}


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Loader, Loader]:
    root = tmp_path_factory.mktemp("features")
    return loader(root, 200, seed=1), loader(root, 80, seed=2)


def run(
    pairs: tuple[Loader, Loader],
    models: Path,
    settings: Settings = SHORT,
    name: str = "ananet",
    config: Config = ANANET,
    stop_at: int | None = None,
) -> Checkpoint:
    """`stop_at`: the run ends, as if it was killed, after so many steps."""

    def started(name: str, total: int) -> Callable[[int], None]:
        done = 0

        def moved(number: int) -> None:
            nonlocal done
            done += number
            if stop_at is not None and done >= stop_at:
                raise KeyboardInterrupt

        return moved

    return train(name, config, pairs, settings, models, ABOUT, started)


def told(checkpoint: Checkpoint) -> tuple[dict[str, Any], list[dict[str, Any]], dict[str, Any]]:
    """All that a training leaves behind but its seconds."""
    weights = {name: value.numpy() for name, value in load_file(checkpoint.folder / "weights.safetensors").items()}
    log = [json.loads(line) for line in (checkpoint.folder / "log.jsonl").read_text().splitlines()]
    return weights, log, {key: value for key, value in checkpoint.metrics.items() if key != "seconds"}


def assert_same(a: Checkpoint, b: Checkpoint) -> None:
    (weights, *rest), (others, *of_others) = told(a), told(b)
    assert rest == of_others
    assert weights.keys() == others.keys()
    for name, value in weights.items():
        assert np.array_equal(value, others[name]), name


def test_the_same_training_gives_the_same_bits(pairs: tuple[Loader, Loader], tmp_path: Path) -> None:
    first = run(pairs, tmp_path / "a")
    torch.rand(3)  # whatever was drawn before
    assert_same(first, run(pairs, tmp_path / "b"))
    other = run(pairs, tmp_path / "a", dataclasses.replace(SHORT, seed=1))
    assert other.folder != first.folder
    assert not np.array_equal(told(other)[0]["encode_regions.weight"], told(first)[0]["encode_regions.weight"])


def test_the_caller_s_chance_is_left_alone(pairs: tuple[Loader, Loader], tmp_path: Path) -> None:
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    run(pairs, tmp_path, dataclasses.replace(SHORT, epochs=1))
    assert torch.equal(torch.rand(1), expected)


@pytest.mark.parametrize("every_step", [False, True])
@pytest.mark.parametrize(("name", "config"), [("ananet", ANANET), ("paper", PAPER)])
def test_a_killed_run_goes_on_to_the_same_bits(
    pairs: tuple[Loader, Loader],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    config: Config,
    every_step: bool,
) -> None:
    """13 steps an epoch. Dropout draws, Adam's means and the sums of the log must all come back."""
    undisturbed = run(pairs, tmp_path / "a", name=name, config=config)
    if every_step:
        monkeypatch.setattr(model.training, "SAVE_SECONDS", -1.0)
    for step in (5, 20, 21, 39):
        with pytest.raises(KeyboardInterrupt):
            run(pairs, tmp_path / "b", name=name, config=config, stop_at=step)
        assert not list((tmp_path / "b").glob("[!.]*"))
    assert_same(undisturbed, run(pairs, tmp_path / "b", name=name, config=config))
    assert [path.name for path in (tmp_path / "b").iterdir()] == [undisturbed.folder.name]
    assert len(list(undisturbed.folder.iterdir())) == 4


def test_what_is_trained_is_not_trained_again(pairs: tuple[Loader, Loader], tmp_path: Path) -> None:
    first = run(pairs, tmp_path)
    again = run(pairs, tmp_path, stop_at=0)
    assert (first.new, again.new) == (True, False)
    assert again.folder == first.folder
    assert again.metrics == first.metrics


def test_the_best_epoch_is_kept_and_patience_ends_it(pairs: tuple[Loader, Loader], tmp_path: Path) -> None:
    done = run(pairs, tmp_path, Settings(epochs=40, patience=2, batch=16))
    _, log, metrics = told(done)
    scores = [line["dev"]["weighted_f1"] for line in log]
    assert metrics["best_epoch"] == int(np.argmax(scores)) + 1
    assert len(log) == metrics["epochs"] == min(metrics["best_epoch"] + 2, 40)
    assert metrics["dev"]["weighted_f1"] == max(scores) > 0.8
    logits = predict(done.network(), pairs[1])
    assert weighted_f1(confusion(pairs[1].labels, logits.argmax(1), 2)) == max(scores)


def test_what_is_told_of_a_network_is_of_the_weights_that_are_kept(
    pairs: tuple[Loader, Loader], tmp_path: Path
) -> None:
    """Also where the last epoch was another than the best: its temperature is that of the stored network."""
    done = run(pairs, tmp_path, Settings(epochs=40, patience=2, batch=16))
    assert done.metrics["best_epoch"] < done.metrics["epochs"]
    logits = predict(done.network(), pairs[1])
    assert done.temperature == pytest.approx(fit_temperature(logits, pairs[1].labels), rel=1e-6)
    table = confusion(pairs[1].labels, logits.argmax(1), 2)
    assert done.metrics["dev"]["f1_by_label"] == dict(zip(ABOUT["labels"], f1(table).tolist(), strict=True))


def test_every_term_and_norm_is_logged(pairs: tuple[Loader, Loader], tmp_path: Path) -> None:
    _, log, _ = told(run(pairs, tmp_path, name="paper", config=PAPER))
    assert [line["epoch"] for line in log] == [1, 2, 3]
    assert set(log[0]["loss"]) == {"classification", "invariant", "orthogonal"}
    assert set(log[0]["norms"]) == {"W", "P_image", "P_text"}
    assert log[2]["loss"]["orthogonal"] < log[0]["loss"]["orthogonal"]
    assert log[2]["norms"]["P_text"] < log[0]["norms"]["P_text"]  # the loss is met by matrices that vanish


def test_class_weights_make_a_rare_label_count(pairs: tuple[Loader, Loader], tmp_path: Path) -> None:
    """Where nothing tells the labels apart, the loss alone decides which one is said."""
    train_, dev = pairs
    config = Sizes(WIDTH, WIDTH, 2)
    plain = run(pairs, tmp_path, Settings(epochs=1, batch=16), "image", config)
    weighed = run(pairs, tmp_path, Settings(epochs=1, batch=16, class_weights=True), "image", config)
    assert plain.folder != weighed.folder
    shares = np.bincount(train_.labels, minlength=2) / len(train_)
    weights = model.training._class_weights(train_, 3)
    assert weights.tolist() == pytest.approx([0.5 / shares[0], 0.5 / shares[1], 0.0])
    means = [predict(done.network(), dev).mean(0) for done in (plain, weighed)]
    rare = int(shares.argmin())
    assert means[1][rare] - means[1][1 - rare] > means[0][rare] - means[0][1 - rare]


@pytest.mark.parametrize("name", ["random", "stratified", "majority", "similarity"])
def test_networks_without_steps_go_the_same_way(tmp_path: Path, name: str) -> None:
    pairs = loader(tmp_path, 200, 1, space="one"), loader(tmp_path, 80, 2, space="one")
    config = config_of(name, Sizes(WIDTH, WIDTH, 2, 28))
    done = run(pairs, tmp_path / "models", name=name, config=config)
    assert_same(done, run(pairs, tmp_path / "again", name=name, config=config))
    assert done.metrics["epochs"] == 1
    if name == "similarity":
        assert done.metrics["dev"]["accuracy"] > 0.75
    if name == "majority":
        most = np.bincount(pairs[0].labels).argmax()
        assert done.metrics["dev"]["accuracy"] == pytest.approx(np.mean(pairs[1].labels == most))


def test_bf16_learns_as_well(pairs: tuple[Loader, Loader], tmp_path: Path) -> None:
    for name, config in (("ananet", ANANET), ("paper", PAPER)):
        done = run(pairs, tmp_path, dataclasses.replace(SHORT, bf16=True, epochs=1), name, config)
        assert all(value.dtype == torch.float32 for value in done.network().state_dict().values())
        assert np.isfinite(told(done)[1][0]["loss"]["classification"])


def test_an_empty_split_is_one_line(pairs: tuple[Loader, Loader], tmp_path: Path) -> None:
    with pytest.raises(CcdError, match="dev has no pair with features"):
        run((pairs[0], loader(tmp_path / "none", 0)), tmp_path / "models")
    assert not (tmp_path / "models").exists()


def test_a_loss_that_is_no_number_ends_it(pairs: tuple[Loader, Loader], tmp_path: Path) -> None:
    with pytest.raises(CcdError, match="epoch 1: the loss is no number"):
        run(pairs, tmp_path, dataclasses.replace(SHORT, rate=1e30))
    assert not list(tmp_path.iterdir())


def test_has_bf16_is_what_the_processor_says() -> None:
    info = Path("/proc/cpuinfo")
    flags = info.read_text() if info.exists() else ""
    assert has_bf16("cpu") == any(flag in flags.split() for flag in ("avx512_bf16", "amx_bf16", "bf16"))
