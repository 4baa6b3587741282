"""A checkpoint is there whole or not at all, and says in one line what is wrong with it."""

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from ccd.errors import CcdError
from model.baselines.sizes import Sizes
from model.checkpoint import TrainingRun, latest, load
from model.zoo import make

CONFIG = {"model": "tfn", "network": {"region_width": 4, "word_width": 5, "labels": 2, "profile_width": 0}}
METRICS = {"temperature": 1.5}


def trained(models: Path, seed: int = 0) -> Path:
    torch.manual_seed(seed)
    run = TrainingRun(models, CONFIG | {"labels": ["no", "yes"], "seed": seed})
    with run.alone():
        return run.finish(make("tfn", Sizes(4, 5, 2)).state_dict(), METRICS, [{"epoch": 1}]).folder


def test_what_was_stored_comes_back(tmp_path: Path) -> None:
    folder = trained(tmp_path)
    assert sorted(path.name for path in folder.iterdir()) == [
        "config.json",
        "log.jsonl",
        "metrics.json",
        "weights.safetensors",
    ]
    found = load(folder)
    assert (found.model, found.labels, found.temperature) == ("tfn", ("no", "yes"), 1.5)
    network = found.network()
    assert not network.training
    torch.manual_seed(0)
    for name, value in make("tfn", Sizes(4, 5, 2)).state_dict().items():
        assert torch.equal(network.state_dict()[name], value)


def test_another_config_has_another_name(tmp_path: Path) -> None:
    assert trained(tmp_path, 0) != trained(tmp_path, 1)
    assert TrainingRun(tmp_path, CONFIG | {"labels": ["no", "yes"], "seed": 0}).is_done


def test_the_latest_is_the_one_trained_last(tmp_path: Path) -> None:
    with pytest.raises(CcdError, match="no trained network; run `ccd train`"):
        latest(tmp_path)
    first, second = trained(tmp_path, 0), trained(tmp_path, 1)
    os.utime(first / "metrics.json", ns=(1, 2**62))
    assert latest(tmp_path).folder == first
    os.utime(first / "metrics.json", ns=(1, 1))
    assert latest(tmp_path).folder == second


def test_the_latest_is_the_one_trained_last_also_where_the_clock_was_set_back(tmp_path: Path) -> None:
    first = trained(tmp_path)
    os.utime(first / "metrics.json", (4_000_000_000, 4_000_000_000))
    assert latest(tmp_path).folder == first
    second = trained(tmp_path, seed=1)
    assert latest(tmp_path).folder == second


def test_a_second_training_leaves_the_folder_of_the_first_alone(tmp_path: Path) -> None:
    run = TrainingRun(tmp_path, CONFIG | {"labels": ["no", "yes"], "seed": 0})
    with run.alone():
        with pytest.raises(CcdError, match="is being trained"), run.alone():
            pass
        assert run.finish(make("tfn", Sizes(4, 5, 2)).state_dict(), METRICS, []).folder.is_dir()


def test_two_do_not_train_the_same(tmp_path: Path) -> None:
    run = TrainingRun(tmp_path, CONFIG)
    with (
        run.alone(),
        pytest.raises(CcdError, match="is being trained by another"),
        TrainingRun(tmp_path, CONFIG).alone(),
    ):
        pass
    assert not list(tmp_path.iterdir())
    with run.alone():
        pass


def test_a_state_replaces_the_one_before(tmp_path: Path) -> None:
    run = TrainingRun(tmp_path, CONFIG)
    with run.alone():
        assert run.state() is None
        for number in (1, 2):
            run.save({"a.b": torch.tensor([number, 2.5])}, {"epoch": number}, [{"epoch": number}])
        found = run.state()
    assert found is not None
    assert found[0]["a.b"].tolist() == [2, 2.5]
    assert found[1] == {"epoch": 2}
    assert not run.is_done
    with pytest.raises(CcdError, match="no trained network"):
        latest(tmp_path)


def test_a_wrong_folder_is_one_line(tmp_path: Path) -> None:
    folder = trained(tmp_path)
    with pytest.raises(CcdError, match="no trained network; `ccd train` makes one"):
        load(tmp_path)
    save_file({"other": torch.zeros(1)}, folder / "weights.safetensors")
    with pytest.raises(CcdError, match=r"weights\.safetensors: is not what config\.json says .*train again"):
        load(folder).network()
    (folder / "weights.safetensors").write_bytes(b"half")
    with pytest.raises(CcdError, match=r"weights\.safetensors: is not what config\.json says"):
        load(folder).network()
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"format": 9}))
    with pytest.raises(CcdError, match=r"made by another toolkit \(format 9\)"):
        load(folder)
    (folder / "config.json").write_text("{")
    with pytest.raises(CcdError, match="no network that `ccd train` made"):
        load(folder)


@pytest.mark.parametrize("temperature", [1e-300, 0.0, -1.0, float("inf"), float("nan")])
def test_a_temperature_that_no_training_gives_is_refused(tmp_path: Path, temperature: float) -> None:
    folder = trained(tmp_path)
    metrics = json.loads((folder / "metrics.json").read_text())
    (folder / "metrics.json").write_text(json.dumps(metrics | {"temperature": temperature}))
    with pytest.raises(CcdError, match="train again"):
        load(folder)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(tmp_path: Path, value: float) -> None:
    folder = trained(tmp_path)
    weights = load_file(folder / "weights.safetensors")
    name = next(name for name, tensor in weights.items() if tensor.is_floating_point())
    weights[name].view(-1)[0] = value
    save_file(weights, folder / "weights.safetensors")
    with pytest.raises(CcdError, match="has numbers that no training gives"):
        load(folder).network()
