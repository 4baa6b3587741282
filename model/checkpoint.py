"""Networks on disk: a trained one in a folder of its own, and one under training in a hidden folder beside it.

`models/<model>-<digest>/` has `weights.safetensors`, `config.json` (all that makes the network and its features again),
`metrics.json` and `log.jsonl`. It is there whole or not at all. The digest is that of config.json: the same training
has the same name, and is not done twice.
"""

import contextlib
import hashlib
import json
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.torch
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ccd.errors import DataDamage, InputError, as_path, damaged
from ccd.files.atomic import make_latest, write_atomic
from ccd.files.lock import folder_lock
from ccd.files.regular import MOST_TEXT, check_regular, read_json
from model.zoo import make, stored_config

CONFIG, WEIGHTS, METRICS, LOG = "config.json", "weights.safetensors", "metrics.json", "log.jsonl"
FORMAT = 1
_COLDEST, _HOTTEST = 0.01, 100.0  # temperatures, with room around what model/calibration.py finds
_STATE = "state.safetensors"


@dataclass(frozen=True)
class Checkpoint:
    """A trained network: its folder, `config.json` and `metrics.json`; `new` where this process has just made it."""

    folder: Path
    config: Mapping[str, Any]
    metrics: Mapping[str, Any]
    new: bool = False

    @property
    def model(self) -> str:
        """The network's name in the zoo."""
        return str(self.config["model"])

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels' names in the order of the logits; none where the network predicts a score."""
        return tuple(self.config["labels"])

    @property
    def question(self) -> str | None:
        """The question whose labels it learned; None where its pairs did not name one."""
        question = self.config.get("question")
        return str(question) if question else None

    @property
    def is_score(self) -> bool:
        """Whether it predicts a score."""
        return not self.labels

    @property
    def mean(self) -> float:
        """The mean score of train's pairs."""
        return float(self.metrics["mean"])

    def scores(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """[N, 1] → [N]: the network's outputs in units of the question; it learned standardised ones."""
        return np.asarray(logits[:, 0] * float(self.metrics["scale"]) + self.mean)

    @property
    def temperature(self) -> float:
        """What to divide logits by so that their softmax is as sure as it is right on dev."""
        return float(self.metrics["temperature"])

    def network(self) -> nn.Module:
        """Return the network with its weights, in evaluation mode. Raises CcdError where they do not fit each other."""
        try:
            check_regular(self.folder / WEIGHTS)
            weights = safetensors.torch.load_file(self.folder / WEIGHTS)
            with damaged(self.folder / CONFIG, "train again"):
                config = stored_config(self.model, self.config["network"])
                with torch.device("meta"):  # sizes without memory: a config may ask for any
                    sizes = {name: value.shape for name, value in make(self.model, config).state_dict().items()}
            if sizes != {name: value.shape for name, value in weights.items()}:
                raise RuntimeError("the sizes of the weights are others")
            network = make(self.model, config)
            for name, value in network.state_dict().items():
                if weights[name].is_floating_point() != value.is_floating_point() or not weights[name].isfinite().all():
                    raise RuntimeError(f"{name} has numbers that no training gives")
            network.load_state_dict(weights)
        except (OSError, RuntimeError, safetensors.SafetensorError) as error:
            reason = str(error).strip().partition("\n")[0]
            raise DataDamage(f"{self.folder / WEIGHTS}: is not what config.json says ({reason}); train again") from None
        return network.eval()


def load(folder: str | os.PathLike[str]) -> Checkpoint:
    """Open a trained network. Raises CcdError where there is none.

    >>> load("models/ananet-4fd1a2c09b3e").metrics["dev"]["weighted_f1"]  # doctest: +SKIP
    0.838
    """
    folder = as_path(folder, "the network's folder")
    try:
        config, metrics = (read_json(folder / name, MOST_TEXT) for name in (CONFIG, METRICS))
        known = config["format"] == FORMAT
    except (FileNotFoundError, NotADirectoryError):
        raise InputError(f"{folder}: no trained network; `ccd train` makes one in the folder models") from None
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise DataDamage(f"{folder}: no network that `ccd train` made ({error}); train again") from None
    if not known:
        raise InputError(f"{folder}: made by another toolkit (format {config['format']}); train again")
    with damaged(folder, "train again"):
        found = Checkpoint(folder, config, metrics)
        if not (_COLDEST <= found.temperature <= _HOTTEST and found.model):
            raise ValueError("no model, or a temperature that no training gives")
        labels = list(found.labels)
        if not all(isinstance(each, str) for each in labels) or len(labels) == 1 or len(set(labels)) < len(labels):
            raise ValueError("its labels are not two or more different texts")
        if found.is_score and not (math.isfinite(found.metrics["mean"]) and 0 < found.metrics["scale"] < math.inf):
            raise ValueError("no mean and scale of its scores")
    return found


def latest(models: str | os.PathLike[str], question: str | None = None) -> Checkpoint:
    """Return the network of this folder that was trained last, or the last of a `question`.

    Raises CcdError where none is.
    """
    found = [path.parent for path in Path(models).glob(f"[!.]*/{METRICS}")]
    if not found:
        raise InputError(f"{models}: no trained network; run `ccd train`")
    newest_first = sorted(found, key=lambda folder: (folder / METRICS).stat().st_mtime_ns, reverse=True)
    for checkpoint in map(load, newest_first):
        if question in (None, checkpoint.question):
            return checkpoint
    raise InputError(f"{models}: no network of question {question!r}; run `ccd train --question {question}`")


def chosen(models: Path, name: str | None, question: str | None = None) -> Checkpoint:
    """Return the network in a folder of `models`, or at a path, by its `name`; without one, the latest of the question.

    Raises CcdError where it is not there or learned another question.
    """
    if name is None:
        return latest(models, question)
    found = load(models / name if (models / name).is_dir() else Path(name))
    if question not in (None, found.question):
        learned = f"question {found.question!r}" if found.question else "a question that it does not name"
        raise InputError(f"{found.folder}: learned {learned}, not {question!r}; name a network of that question")
    return found


class TrainingRun:
    """A training on its way to `models/<name>/`: its state outlives a kill, and its end is one rename."""

    def __init__(self, models: Path, config: Mapping[str, Any]) -> None:
        self.config = {"format": FORMAT, **config}
        digest = hashlib.sha256(json.dumps(self.config, sort_keys=True).encode()).hexdigest()[:12]
        self.folder = models / f"{config['model']}-{digest}"
        self._part = models / f".{self.folder.name}.part"

    @property
    def is_done(self) -> bool:
        """True where the training has come to its end."""
        return (self.folder / METRICS).is_file()

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Keep a second run of the same training out."""
        with folder_lock(self._part, f"{self.folder}: is being trained by another `ccd train`; wait for it to end"):
            yield

    def save(self, tensors: Mapping[str, Tensor], told: Mapping[str, Any], log: Sequence[Mapping[str, Any]]) -> None:
        """Store the state, in place of the one before."""
        write_atomic(self._part / _STATE, safetensors.torch.save(_plain(tensors), {"told": json.dumps(told)}))
        self._write(LOG, "".join(json.dumps(line) + "\n" for line in log))

    def state(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Return the tensors and what else was told when the state was last saved; None where it never was."""
        path = self._part / _STATE
        if not path.is_file():
            return None
        with safetensors.safe_open(path, "pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, json.loads(file.metadata()["told"])  # noqa: SIM118

    def finish(
        self, weights: Mapping[str, Tensor], metrics: Mapping[str, Any], log: Sequence[Mapping[str, Any]]
    ) -> Checkpoint:
        """Write the trained network and put it in its place."""
        write_atomic(self._part / WEIGHTS, safetensors.torch.save(_plain(weights)))
        self._write(LOG, "".join(json.dumps(line) + "\n" for line in log))
        self._write(CONFIG, json.dumps(self.config, indent=1, ensure_ascii=False))
        self._write(METRICS, json.dumps(metrics, indent=1, ensure_ascii=False))
        make_latest(self._part / METRICS, self.folder.parent.glob(f"[!.]*/{METRICS}"))
        self._part.rename(self.folder)
        (self.folder / _STATE).unlink(missing_ok=True)
        return replace(load(self.folder), new=True)

    def _write(self, name: str, text: str) -> None:
        write_atomic(self._part / name, text.encode())


def _plain(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
